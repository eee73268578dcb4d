"""Optimizers that follow the gradient itself: SGD."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from epochal.errors import ArgumentError
from epochal.keras.optimizers.optimizer import Optimizer
from epochal.learn import optimizers as rules
from epochal.tensor import Tensor, Variable


class SGD(Optimizer):
    """Gradient descent, with momentum if asked for.

    Args:
        learning_rate: A number, a schedule, or a function without arguments.
        momentum: Between 0 and 1; 0 is plain gradient descent and keeps no state.
        nesterov: Look one step ahead.
        **kwargs: See `Optimizer`.
    """

    def __init__(self, learning_rate: Any = 0.01, momentum: float = 0.0, nesterov: bool = False, **kwargs: Any):
        if isinstance(momentum, bool) or not isinstance(momentum, (int, float)) or not 0 <= momentum <= 1:
            raise ArgumentError(f"`momentum` must be a float between [0, 1]. Received: momentum={momentum!r}")
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.momentum = float(momentum)
        self.nesterov = nesterov
        self.momentums: list[Variable] = []

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        if self.momentum:
            self.momentums = self.add_optimizer_variables(variables, "momentum")

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        if not self.momentum:
            self.assign(variable, rules.gradient_descent(variable.value, gradient, learning_rate))
            return
        slot = self.momentums[self._get_variable_index(variable)]
        new, velocity = rules.momentum_descent(
            variable.value, gradient, slot.value, learning_rate, self.momentum, self.nesterov
        )
        self.assign(slot, velocity)
        self.assign(variable, new)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "momentum": self.momentum, "nesterov": self.nesterov}
