"""`tf.train.ExponentialMovingAverage`: shadows of variables that follow them slowly."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from epochal.errors import ArgumentError
from epochal.tensor import Tensor, functions
from epochal.tf.conversion import to_tensor
from epochal.tf.flow import group
from epochal.tf.graph import GraphKeys, get_default_graph
from epochal.tf.variables import GraphVariable, assign, trainable_variables


class ExponentialMovingAverage:
    """``shadow' = decay * shadow + (1 - decay) * variable``.

    Args:
        decay: How slowly the shadows follow.
        num_updates: A step: the decay is at most ``(1 + step) / (10 + step)``.
        zero_debias: Not supported: must be False.
        name: Part of the shadows' names.
    """

    def __init__(
        self, decay: float, num_updates: Any = None, zero_debias: bool = False, name: str = "ExponentialMovingAverage"
    ) -> None:
        if zero_debias:
            raise ArgumentError("ExponentialMovingAverage: zero_debias is not supported. Shadows start at the values.")
        self._decay, self._num_updates, self._name = decay, num_updates, name
        self._shadows: dict[int, tuple[Any, GraphVariable]] = {}

    def apply(self, var_list: Iterable[Any] | None = None) -> Any:
        """Makes the shadows (which start at the variables' first values) and the operation that moves them."""
        variables = list(var_list) if var_list is not None else trainable_variables()
        graph = get_default_graph()
        for variable in variables:
            if id(variable) in self._shadows:
                continue
            start = (
                variable.initial_value
                if isinstance(variable, GraphVariable)
                else np.zeros(tuple(variable.shape), variable.dtype.numpy)  # a tensor: its average starts at 0
            )
            base = variable.name.split(":")[0]
            with graph.name_scope(None):
                shadow = GraphVariable(graph, start, False, name=f"{base}/{self._name}")
            self._shadows[id(variable)] = variable, shadow
            graph.add_to_collection(GraphKeys.MOVING_AVERAGE_VARIABLES, variable)
        return group(*[self._move(variable) for variable in variables], name=self._name)

    def _move(self, variable: Any) -> Tensor:
        shadow = self._shadows[id(variable)][1]
        decay: Any = self._decay
        if self._num_updates is not None:
            step = functions.cast(to_tensor(self._num_updates), "float32")
            decay = functions.minimum((1.0 + step) / (10.0 + step), self._decay)
        value = shadow.read_value()
        moved = value - (value - to_tensor(variable)) * functions.cast(to_tensor(1.0 - decay), value.dtype)
        result: Tensor = assign(shadow, moved)
        return result

    def average(self, var: Any) -> GraphVariable | None:
        """The shadow of a variable."""
        found = self._shadows.get(id(var))
        return None if found is None else found[1]

    def average_name(self, var: Any) -> str:
        """The name of a variable's shadow."""
        found = self.average(var)
        return found.name.split(":")[0] if found is not None else f"{var.name.split(':')[0]}/{self._name}"

    def variables_to_restore(self, moving_avg_variables: Any = None) -> dict[str, Any]:
        """Names in a checkpoint to variables, so that variables are restored from their shadows' values."""
        graph = get_default_graph()
        shadows = {id(shadow) for _, shadow in self._shadows.values()}
        averaged = list(moving_avg_variables) if moving_avg_variables is not None else trainable_variables()
        result = {self.average_name(variable): variable for variable in averaged}
        chosen = {id(variable) for variable in averaged} | shadows
        for variable in graph.get_collection(GraphKeys.GLOBAL_VARIABLES):
            if id(variable) not in chosen:
                result[variable.name.split(":")[0]] = variable
        return result
