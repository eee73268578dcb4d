"""Adam whose steps are as long as the weights allow, for large batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from epochal.keras.optimizers.optimizer import Optimizer
from epochal.learn import optimizers as rules
from epochal.tensor import Tensor, Variable


class Lamb(Optimizer):
    """Layerwise adaptive moments (You et al. 2020).

    Args:
        learning_rate: A number, a schedule, or a function without arguments.
        beta_1: Decay of the first moment.
        beta_2: Decay of the second moment.
        epsilon: Added to the root of the second moment.
        **kwargs: See `Optimizer`.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **kwargs: Any,
    ):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self._momentums: list[Variable] = []
        self._velocities: list[Variable] = []

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self._momentums, self._velocities = self.add_optimizer_variables(variables, ["momentum", "velocity"])

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        index = self._get_variable_index(variable)
        first, second = self._momentums[index], self._velocities[index]
        new, new_first, new_second = rules.lamb(
            variable.value,
            gradient,
            first.value,
            second.value,
            learning_rate,
            self._local_step(variable),
            self.beta_1,
            self.beta_2,
            self.epsilon,
        )
        self.assign(first, new_first)
        self.assign(second, new_second)
        self.assign(variable, new)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}
