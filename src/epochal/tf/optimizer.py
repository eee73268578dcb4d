"""What TensorFlow 1's optimizers share: from a loss to an operation that changes variables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from epochal.errors import ArgumentError
from epochal.tensor import Tensor, functions
from epochal.tf import flow
from epochal.tf.array_ops import constant
from epochal.tf.conversion import to_tensor
from epochal.tf.differentiation import gradients
from epochal.tf.graph import GraphTensor, Operation, get_default_graph
from epochal.tf.variables import GraphVariable, assign, trainable_variables


class Optimizer:
    """What optimizers share: from a loss to an operation that changes variables.

    Each derived class names its slots (one variable of the same shape a variable) and says how to update.

    Args:
        use_locking: Means nothing here.
        name: Prefix of the slots' names.
    """

    GATE_NONE, GATE_OP, GATE_GRAPH = 0, 1, 2
    slots: tuple[str, ...] = ()

    def __init__(self, use_locking: bool = False, name: str = "Optimizer") -> None:
        self._name = name
        self._slots: dict[tuple[int, str], GraphVariable] = {}
        self._scalars: dict[str, GraphVariable] = {}

    def get_name(self) -> str:
        return self._name

    def minimize(
        self,
        loss: Any,
        global_step: Any = None,
        var_list: Sequence[Any] | None = None,
        gate_gradients: int = GATE_OP,
        aggregation_method: Any = None,
        colocate_gradients_with_ops: bool = False,
        name: str | None = None,
        grad_loss: Any = None,
    ) -> Operation:
        """An operation that moves the variables against the gradient of `loss`.

        Args:
            loss: A tensor (its sum is minimised).
            global_step: A variable that the operation increments.
            var_list: Variables to change; default: the trainable ones.
            gate_gradients: Means nothing here.
            aggregation_method: Means nothing here.
            colocate_gradients_with_ops: Means nothing here.
            name: Of the operation.
            grad_loss: Gradient of something further on with respect to `loss`.

        Raises:
            ArgumentError: There is nothing to change, or `loss` depends on none of it.
        """
        pairs = self.compute_gradients(loss, var_list, grad_loss=grad_loss)
        if all(gradient is None for gradient, _ in pairs):
            names = ", ".join(repr(variable.name) for _, variable in pairs)
            raise ArgumentError(
                f"No gradients provided for any variable: the loss does not depend on {names}. Check that the graph "
                f"from the variables to the loss is differentiable."
            )
        return self.apply_gradients(pairs, global_step, name)

    def compute_gradients(
        self,
        loss: Any,
        var_list: Sequence[Any] | None = None,
        gate_gradients: int = GATE_OP,
        aggregation_method: Any = None,
        colocate_gradients_with_ops: bool = False,
        grad_loss: Any = None,
    ) -> list[tuple[Tensor | None, Any]]:
        """Pairs of gradient (``None`` if the loss does not depend on it) and variable."""
        if isinstance(loss, GraphVariable):
            loss = loss.read_value()
        if not isinstance(loss, GraphTensor):
            raise ArgumentError(
                f"{type(self).__name__} works on graphs: the loss must be a tensor of a graph. Received: {loss!r}. "
                f"In eager execution use tf.keras.optimizers with tf.GradientTape."
            )
        variables = list(var_list) if var_list is not None else trainable_variables()
        if not variables:
            raise ArgumentError("No variables to optimize.")
        return list(zip(gradients(loss, variables, grad_loss), variables, strict=True))

    def apply_gradients(self, grads_and_vars: Any, global_step: Any = None, name: str | None = None) -> Operation:
        """An operation that applies the update to each variable that has a gradient."""
        graph = get_default_graph()
        pairs = [(gradient, variable) for gradient, variable in grads_and_vars if gradient is not None]
        if not pairs:
            raise ArgumentError("No gradients provided for any variable.")
        with graph.name_scope(name or self._name):
            for _, variable in pairs:
                for slot in self.slots:
                    self._slot(variable, slot)
            self.prepare(pairs[0][1].dtype)
            # Every new value is computed before the first assignment, so no gradient sees a changed variable.
            updates = [(variable, self.update(to_tensor(gradient), variable)) for gradient, variable in pairs]
            operations = []
            for variable, (value, new_slots) in updates:
                operations.append(assign(variable, value))
                operations += [self._slot(variable, slot).assign(new) for slot, new in new_slots.items()]
            operations += self.finish()
            if global_step is not None:
                operations.append(assign(global_step, to_tensor(global_step) + constant(1, global_step.dtype)))
            return flow.group(*operations, name="update")  # type: ignore[return-value]

    def get_slot(self, var: Any, name: str) -> Any:
        """The variable that belongs to `var` under this name, or ``None``."""
        return self._slots.get((id(var), name))

    def get_slot_names(self) -> list[str]:
        return list(self.slots)

    def variables(self) -> list[Any]:
        """All that the optimizer keeps."""
        return [*self._scalars.values(), *self._slots.values()]

    # --- for derived classes

    def prepare(self, dtype: Any) -> None:
        """Makes what all updates share."""

    def update(self, gradient: Tensor, variable: Any) -> tuple[Tensor, dict[str, Tensor]]:
        """The variable's new value and its slots'."""
        raise NotImplementedError

    def finish(self) -> list[Tensor]:
        """Assignments after all updates."""
        return []

    def first_slot_value(self, slot: str) -> float:
        """What a slot starts from."""
        return 0.0

    def _slot(self, variable: Any, slot: str) -> GraphVariable:
        key = (id(variable), slot)
        if key not in self._slots:
            graph = get_default_graph()
            base = variable.name.split(":")[0]
            start = np.full(tuple(variable.shape), self.first_slot_value(slot), variable.dtype.numpy)
            with graph.name_scope(None):
                self._slots[key] = GraphVariable(graph, start, trainable=False, name=f"{base}/{self._name}")
        return self._slots[key]

    def _scalar(self, name: str, value: float, dtype: Any) -> GraphVariable:
        if name not in self._scalars:
            graph = get_default_graph()
            with graph.name_scope(None):
                self._scalars[name] = GraphVariable(
                    graph, np.asarray(value, dtype.numpy), trainable=False, name=f"{self._name}/{name}"
                )
        return self._scalars[name]

    def _rate(self, rate: Any, like: Tensor) -> Tensor:
        value = rate() if callable(rate) and not hasattr(rate, "dtype") else rate
        tensor = to_tensor(value, like=like.dtype)
        return tensor if tensor.dtype is like.dtype else functions.cast(tensor, like.dtype)
