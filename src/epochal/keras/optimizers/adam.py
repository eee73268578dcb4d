"""Adam and its relatives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from epochal.errors import ArgumentError
from epochal.keras.optimizers.optimizer import Optimizer
from epochal.learn import optimizers as rules
from epochal.tensor import Tensor, Variable, functions


class _Moments(Optimizer):
    """What has a running first and second moment."""

    def __init__(self, learning_rate: Any, beta_1: float, beta_2: float, epsilon: float, **kwargs: Any):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}


class Adam(_Moments):
    """Adaptive moments.

    Args:
        learning_rate: A number, a schedule, or a function without arguments.
        beta_1: Decay of the first moment.
        beta_2: Decay of the second moment.
        epsilon: Added to the root of the second moment.
        amsgrad: Divide by the largest second moment so far.
        **kwargs: See `Optimizer`.

    Example:
        >>> from epochal.tensor import GradientTape, Variable
        >>> variable, optimizer = Variable(3.0), Adam(0.1)
        >>> for _ in range(100):
        ...     with GradientTape() as tape:
        ...         loss = variable * variable
        ...     _ = optimizer.apply_gradients([(tape.gradient(loss, variable), variable)])
        >>> abs(float(variable)) < 0.1
        True
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **kwargs: Any,
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)
        self.amsgrad = amsgrad
        self._momentums: list[Variable] = []
        self._velocities: list[Variable] = []
        self._velocity_hats: list[Variable] = []

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self._momentums, self._velocities = self.add_optimizer_variables(variables, ["momentum", "velocity"])
        if self.amsgrad:
            self._velocity_hats = self.add_optimizer_variables(variables, "velocity_hat")

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        index = self._get_variable_index(variable)
        first, second = self._momentums[index], self._velocities[index]
        largest = self._velocity_hats[index] if self.amsgrad else None
        new, new_first, new_second, new_largest = rules.adam(
            variable.value,
            gradient,
            first.value,
            second.value,
            None if largest is None else largest.value,
            learning_rate,
            self._local_step(variable),
            self.beta_1,
            self.beta_2,
            self.epsilon,
        )
        self.assign(first, new_first)
        self.assign(second, new_second)
        if largest is not None:
            self.assign(largest, new_largest)
        self.assign(variable, new)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "amsgrad": self.amsgrad}


class AdamW(Adam):
    """Adam with decoupled weight decay."""

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **kwargs: Any,
    ):
        if weight_decay is None:
            raise ArgumentError("Argument `weight_decay` must be a float. Received: weight_decay=None")
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **kwargs)


class Adamax(_Moments):
    """Adam with the infinity norm."""

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **kwargs: Any,
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)
        self._m: list[Variable] = []
        self._u: list[Variable] = []

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self._m, self._u = self.add_optimizer_variables(variables, ["momentum", "norm"])

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        index = self._get_variable_index(variable)
        first, norm = self._m[index], self._u[index]
        new, new_first, new_norm = rules.adamax(
            variable.value,
            gradient,
            first.value,
            norm.value,
            learning_rate,
            self._local_step(variable),
            self.beta_1,
            self.beta_2,
            self.epsilon,
        )
        self.assign(first, new_first)
        self.assign(norm, new_norm)
        self.assign(variable, new)


class Nadam(_Moments):
    """Adam with Nesterov's momentum."""

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **kwargs: Any,
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)
        self._momentums: list[Variable] = []
        self._velocities: list[Variable] = []
        self._u_product: Variable | None = None

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self._momentums, self._velocities = self.add_optimizer_variables(variables, ["momentum", "velocity"])
        # Not among `variables`, as in Keras, whose files do not hold it either.
        dtype = variables[0].dtype.name if variables else "float32"
        self._u_product = Variable(1.0, dtype=dtype, trainable=False, name=f"{self.name}/u_product")

    def _backend_update_step(self, grads: list[Tensor], variables: list[Variable], learning_rate: Tensor) -> None:
        assert self._u_product is not None
        step = self._local_step(self._u_product)
        self.assign(self._u_product, self._u_product * rules.nadam_momentum(step, self.beta_1))
        super()._backend_update_step(grads, variables, learning_rate)

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        assert self._u_product is not None
        index = self._get_variable_index(variable)
        first, second = self._momentums[index], self._velocities[index]
        new, new_first, new_second = rules.nadam(
            variable.value,
            gradient,
            first.value,
            second.value,
            functions.cast(self._u_product.value, variable.dtype),
            learning_rate,
            self._local_step(variable),
            self.beta_1,
            self.beta_2,
            self.epsilon,
        )
        self.assign(first, new_first)
        self.assign(second, new_second)
        self.assign(variable, new)
