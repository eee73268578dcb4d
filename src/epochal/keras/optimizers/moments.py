"""Optimizers that scale steps by the gradients' own size: RMSprop, Adagrad, Adadelta, Ftrl, Lion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from epochal.errors import ArgumentError
from epochal.keras.optimizers.optimizer import Optimizer
from epochal.learn import optimizers as rules
from epochal.tensor import Tensor, Variable


class RMSprop(Optimizer):
    """Divides by the root of a running mean of squared gradients.

    Args:
        learning_rate: A number, a schedule, or a function without arguments.
        rho: Decay of the running mean.
        momentum: Momentum of the increments.
        epsilon: Keeps the root from 0.
        centered: Use the gradients' variance instead.
        **kwargs: See `Optimizer`.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **kwargs: Any,
    ):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.rho = rho
        self.momentum = momentum
        self.epsilon = epsilon
        self.centered = centered
        self._velocities: list[Variable] = []
        self._momentums: list[Variable] = []
        self._average_gradients: list[Variable] = []

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self._velocities = self.add_optimizer_variables(variables, "velocity")
        if self.momentum > 0:
            self._momentums = self.add_optimizer_variables(variables, "momentum")
        if self.centered:
            self._average_gradients = self.add_optimizer_variables(variables, "average_gradient")

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        index = self._get_variable_index(variable)
        square = self._velocities[index]
        velocity = self._momentums[index] if self._momentums else None
        average = self._average_gradients[index] if self._average_gradients else None
        new, new_square, new_velocity, new_average = rules.rmsprop(
            variable.value,
            gradient,
            square.value,
            None if velocity is None else velocity.value,
            None if average is None else average.value,
            learning_rate,
            self.rho,
            self.momentum,
            self.epsilon,
        )
        self.assign(square, new_square)
        if velocity is not None:
            self.assign(velocity, new_velocity)
        if average is not None:
            self.assign(average, new_average)
        self.assign(variable, new)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "rho": self.rho,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "centered": self.centered,
        }


class Adagrad(Optimizer):
    """Divides by the root of the sum of all squared gradients."""

    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **kwargs: Any,
    ):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.initial_accumulator_value = initial_accumulator_value
        self.epsilon = epsilon
        self._accumulators: list[Variable] = []

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self._accumulators = self.add_optimizer_variables(variables, "accumulator", self.initial_accumulator_value)

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        slot = self._accumulators[self._get_variable_index(variable)]
        new, total = rules.adagrad(variable.value, gradient, slot.value, learning_rate, self.epsilon)
        self.assign(slot, total)
        self.assign(variable, new)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "initial_accumulator_value": self.initial_accumulator_value,
            "epsilon": self.epsilon,
        }


class Adadelta(Optimizer):
    """Scales steps by past steps over past gradients."""

    def __init__(self, learning_rate: Any = 0.001, rho: float = 0.95, epsilon: float = 1e-7, **kwargs: Any):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.rho = rho
        self.epsilon = epsilon
        self._accumulated_grads: list[Variable] = []
        self._accumulated_delta_vars: list[Variable] = []

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self._accumulated_grads, self._accumulated_delta_vars = self.add_optimizer_variables(
            variables, ["accumulated_grad", "accumulated_delta_var"]
        )

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        index = self._get_variable_index(variable)
        squares, deltas = self._accumulated_grads[index], self._accumulated_delta_vars[index]
        new, new_squares, new_deltas = rules.adadelta(
            variable.value, gradient, squares.value, deltas.value, learning_rate, self.rho, self.epsilon
        )
        self.assign(squares, new_squares)
        self.assign(deltas, new_deltas)
        self.assign(variable, new)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rho": self.rho, "epsilon": self.epsilon}


class Ftrl(Optimizer):
    """Follow the regularized leader."""

    def __init__(
        self,
        learning_rate: Any = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(learning_rate=learning_rate, **kwargs)
        if learning_rate_power > 0.0:
            raise ArgumentError(f"`learning_rate_power` needs to be negative or zero. Received: {learning_rate_power}.")
        strengths = {
            "initial_accumulator_value": initial_accumulator_value,
            "l1_regularization_strength": l1_regularization_strength,
            "l2_regularization_strength": l2_regularization_strength,
            "l2_shrinkage_regularization_strength": l2_shrinkage_regularization_strength,
        }
        for key, value in strengths.items():
            if value < 0.0:
                raise ArgumentError(f"`{key}` needs to be positive or zero. Received: {key}={value}.")
            setattr(self, key, value)
        self._strengths = strengths
        self.learning_rate_power = learning_rate_power
        self.beta = beta
        self._accumulators: list[Variable] = []
        self._linears: list[Variable] = []

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self._accumulators, self._linears = self.add_optimizer_variables(
            variables, ["accumulator", "linear"], [self._strengths["initial_accumulator_value"], "zeros"]
        )

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        index = self._get_variable_index(variable)
        total, linear = self._accumulators[index], self._linears[index]
        new, new_total, new_linear = rules.ftrl(
            variable.value,
            gradient,
            total.value,
            linear.value,
            learning_rate,
            self.learning_rate_power,
            self._strengths["l1_regularization_strength"],
            self._strengths["l2_regularization_strength"],
            self._strengths["l2_shrinkage_regularization_strength"],
            self.beta,
        )
        self.assign(total, new_total)
        self.assign(linear, new_linear)
        self.assign(variable, new)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "learning_rate_power": self.learning_rate_power,
            **self._strengths,
            "beta": self.beta,
        }


class Lion(Optimizer):
    """Steps of one size, in the direction of the sign of a momentum."""

    def __init__(self, learning_rate: Any = 0.001, beta_1: float = 0.9, beta_2: float = 0.99, **kwargs: Any):
        if beta_1 <= 0 or beta_1 > 1:
            raise ArgumentError(
                "Argument `beta_1` must be in the [0, 1] range. Otherwise, the optimizer degenerates to SignSGD. "
                f"Received: beta_1={beta_1}."
            )
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self._momentums: list[Variable] = []

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self._momentums = self.add_optimizer_variables(variables, "momentum")

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        slot = self._momentums[self._get_variable_index(variable)]
        new, average = rules.lion(variable.value, gradient, slot.value, learning_rate, self.beta_1, self.beta_2)
        self.assign(slot, average)
        self.assign(variable, new)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2}
