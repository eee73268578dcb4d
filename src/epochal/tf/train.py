"""`tf.train`: TensorFlow 1's optimizers. Their update rules are `epochal.learn.optimizers`'s."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from epochal.errors import ArgumentError
from epochal.learn import optimizers as rules
from epochal.learn import schedules
from epochal.tensor import Tensor, functions
from epochal.tf import flow
from epochal.tf.array_ops import constant
from epochal.tf.conversion import to_tensor
from epochal.tf.differentiation import gradients
from epochal.tf.graph import GraphKeys, GraphTensor, Operation, get_default_graph
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


class GradientDescentOptimizer(Optimizer):
    """``w - rate g``."""

    def __init__(self, learning_rate: Any, use_locking: bool = False, name: str = "GradientDescent") -> None:
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate

    def update(self, gradient: Tensor, variable: Any) -> tuple[Tensor, dict[str, Tensor]]:
        rate = self._rate(self._learning_rate, gradient)
        return rules.gradient_descent(variable.read_value(), gradient, rate), {}


class MomentumOptimizer(Optimizer):
    """``v' = momentum v + g``, ``w - rate v'`` (or, with Nesterov, ``w - rate (g + momentum v')``)."""

    slots = ("momentum",)

    def __init__(
        self,
        learning_rate: Any,
        momentum: Any,
        use_locking: bool = False,
        name: str = "Momentum",
        use_nesterov: bool = False,
    ) -> None:
        super().__init__(use_locking, name)
        self._learning_rate, self._momentum, self._use_nesterov = learning_rate, momentum, use_nesterov

    def update(self, gradient: Tensor, variable: Any) -> tuple[Tensor, dict[str, Tensor]]:
        rate = self._rate(self._learning_rate, gradient)
        momentum = self._rate(self._momentum, gradient)
        # TensorFlow 1 accumulates gradients and applies the rate afterwards, where Keras accumulates increments.
        velocity = self._slot(variable, "momentum").read_value() * momentum + gradient
        step = gradient + velocity * momentum if self._use_nesterov else velocity
        return variable.read_value() - rate * step, {"momentum": velocity}


class AdagradOptimizer(Optimizer):
    """Duchi et al. 2011, with the accumulator starting at `initial_accumulator_value` and no epsilon."""

    slots = ("accumulator",)

    def __init__(
        self,
        learning_rate: Any,
        initial_accumulator_value: float = 0.1,
        use_locking: bool = False,
        name: str = "Adagrad",
    ) -> None:
        if initial_accumulator_value <= 0.0:
            raise ArgumentError(f"initial_accumulator_value must be positive. Received: {initial_accumulator_value}")
        super().__init__(use_locking, name)
        self._learning_rate, self._start = learning_rate, initial_accumulator_value

    def first_slot_value(self, slot: str) -> float:
        return self._start

    def update(self, gradient: Tensor, variable: Any) -> tuple[Tensor, dict[str, Tensor]]:
        total = self._slot(variable, "accumulator").read_value()
        rate = self._rate(self._learning_rate, gradient)
        value, total = rules.adagrad(variable.read_value(), gradient, total, rate, 0.0)
        return value, {"accumulator": total}


class RMSPropOptimizer(Optimizer):
    """Hinton's RMSProp; the running square starts at 1, as in TensorFlow 1."""

    slots = ("rms", "momentum")

    def __init__(
        self,
        learning_rate: Any,
        decay: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-10,
        use_locking: bool = False,
        centered: bool = False,
        name: str = "RMSProp",
    ) -> None:
        super().__init__(use_locking, name)
        self._learning_rate, self._decay, self._momentum = learning_rate, decay, momentum
        self._epsilon, self._centered = epsilon, centered
        if centered:
            self.slots = ("rms", "momentum", "mg")

    def first_slot_value(self, slot: str) -> float:
        return 1.0 if slot == "rms" else 0.0

    def update(self, gradient: Tensor, variable: Any) -> tuple[Tensor, dict[str, Tensor]]:
        value, square, velocity, average = rules.rmsprop(
            variable.read_value(),
            gradient,
            self._slot(variable, "rms").read_value(),
            self._slot(variable, "momentum").read_value(),
            self._slot(variable, "mg").read_value() if self._centered else None,
            self._rate(self._learning_rate, gradient),
            self._decay,
            self._momentum,
            self._epsilon,
        )
        new = {"rms": square, "momentum": velocity, "mg": average}
        return value, {slot: tensor for slot, tensor in new.items() if tensor is not None}


class AdamOptimizer(Optimizer):
    """Kingma and Ba 2015, in the form with epsilon-hat."""

    slots = ("m", "v")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        use_locking: bool = False,
        name: str = "Adam",
    ) -> None:
        super().__init__(use_locking, name)
        self._learning_rate, self._beta1, self._beta2, self._epsilon = learning_rate, beta1, beta2, epsilon

    def prepare(self, dtype: Any) -> None:
        self._scalar("step", 1.0, dtype)

    def update(self, gradient: Tensor, variable: Any) -> tuple[Tensor, dict[str, Tensor]]:
        rate = self._rate(self._learning_rate, gradient)
        value, first, second, _ = rules.adam(
            variable.read_value(),
            gradient,
            self._slot(variable, "m").read_value(),
            self._slot(variable, "v").read_value(),
            None,
            rate,
            self._scalars["step"].read_value(),
            self._beta1,
            self._beta2,
            self._epsilon,
        )
        return value, {"m": first, "v": second}

    def finish(self) -> list[Tensor]:
        return [self._scalars["step"].assign_add(1.0)]


def get_or_create_global_step(graph: Any = None) -> Any:
    """The graph's step counter, made if it has none."""
    chosen = graph if graph is not None else get_default_graph()
    found = chosen.get_collection(GraphKeys.GLOBAL_STEP)
    if found:
        return found[0]
    step = GraphVariable(chosen, np.int64(0), trainable=False, name="global_step")
    chosen.add_to_collection(GraphKeys.GLOBAL_STEP, step)
    return step


def get_global_step(graph: Any = None) -> Any:
    """The graph's step counter, or ``None``."""
    found = (graph if graph is not None else get_default_graph()).get_collection(GraphKeys.GLOBAL_STEP)
    return found[0] if found else None


def exponential_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    decay_rate: Any,
    staircase: bool = False,
    name: str | None = None,
) -> Tensor:
    """``learning_rate * decay_rate ** (step / decay_steps)``; with `staircase` the quotient is rounded down."""
    return schedules.exponential(
        functions.cast(to_tensor(global_step), "float32"), learning_rate, decay_steps, decay_rate, staircase
    )
