"""TensorFlow 1's optimizers. Their update rules are `epochal.learn.optimizers`'s."""

from __future__ import annotations

from typing import Any

from epochal.errors import ArgumentError
from epochal.learn import optimizers as rules
from epochal.tensor import Tensor
from epochal.tf.optimizer import Optimizer


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


class AdadeltaOptimizer(Optimizer):
    """Zeiler 2012."""

    slots = ("accum", "accum_update")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-8,
        use_locking: bool = False,
        name: str = "Adadelta",
    ) -> None:
        super().__init__(use_locking, name)
        self._learning_rate, self._rho, self._epsilon = learning_rate, rho, epsilon

    def update(self, gradient: Tensor, variable: Any) -> tuple[Tensor, dict[str, Tensor]]:
        value, squares, deltas = rules.adadelta(
            variable.read_value(),
            gradient,
            self._slot(variable, "accum").read_value(),
            self._slot(variable, "accum_update").read_value(),
            self._rate(self._learning_rate, gradient),
            self._rho,
            self._epsilon,
        )
        return value, {"accum": squares, "accum_update": deltas}


class FtrlOptimizer(Optimizer):
    """Follow the regularized leader (McMahan et al. 2013)."""

    slots = ("accum", "linear")

    def __init__(
        self,
        learning_rate: Any,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        use_locking: bool = False,
        name: str = "Ftrl",
        accum_name: str | None = None,
        linear_name: str | None = None,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
    ) -> None:
        super().__init__(use_locking, name)
        self._learning_rate, self._power, self._start = learning_rate, learning_rate_power, initial_accumulator_value
        self._l1, self._l2 = l1_regularization_strength, l2_regularization_strength
        self._shrinkage, self._beta = l2_shrinkage_regularization_strength, beta

    def first_slot_value(self, slot: str) -> float:
        return self._start if slot == "accum" else 0.0

    def update(self, gradient: Tensor, variable: Any) -> tuple[Tensor, dict[str, Tensor]]:
        value, total, linear = rules.ftrl(
            variable.read_value(),
            gradient,
            self._slot(variable, "accum").read_value(),
            self._slot(variable, "linear").read_value(),
            self._rate(self._learning_rate, gradient),
            self._power,
            self._l1,
            self._l2,
            self._shrinkage,
            self._beta,
        )
        return value, {"accum": total, "linear": linear}
