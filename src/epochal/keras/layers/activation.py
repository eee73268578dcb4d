"""Activation functions as layers."""

from __future__ import annotations

from typing import Any

from epochal.errors import ArgumentError
from epochal.keras import activations, constraints, initializers, regularizers
from epochal.keras.layers.input_spec import InputSpec
from epochal.keras.layers.layer import Layer
from epochal.tensor import Tensor
from epochal.tensor import functions as F


class _Elementwise(Layer):
    """A layer whose output has the shape of its input."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.built = True

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


class Activation(_Elementwise):
    """An activation function.

    Args:
        activation: Function, or its name.
        **kwargs: Of `Layer`.
    """

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    def call(self, inputs: Any) -> Any:
        return self.activation(inputs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "activation": activations.serialize(self.activation)}


def _not_negative(value: Any, name: str, layer: str) -> float:
    if value is None or value < 0:
        raise ArgumentError(f"`{name}` of a {layer} layer cannot be None or negative. Received: {name}={value}")
    return value


class ReLU(_Elementwise):
    """max(x, 0) and its variants; see `epochal.keras.activations.relu`.

    Args:
        max_value: Greatest output; ``None``: no limit.
        negative_slope: Slope below `threshold`.
        threshold: Below it the output is damped.
        **kwargs: Of `Layer`.
    """

    def __init__(
        self, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0, **kwargs: Any
    ) -> None:
        if "alpha" in kwargs:
            negative_slope = kwargs.pop("alpha")
        super().__init__(**kwargs)
        if max_value is not None and max_value < 0.0:
            raise ArgumentError(
                f"max_value of a ReLU layer cannot be a negative value. Received: max_value={max_value}"
            )
        self.max_value = max_value
        self.negative_slope = _not_negative(negative_slope, "negative_slope", "ReLU")
        self.threshold = _not_negative(threshold, "threshold", "ReLU")

    def call(self, inputs: Any) -> Tensor:
        return activations.relu(inputs, self.negative_slope, self.max_value, self.threshold)

    def get_config(self) -> dict[str, Any]:
        named = {"max_value": self.max_value, "negative_slope": self.negative_slope, "threshold": self.threshold}
        return {**super().get_config(), **named}


class LeakyReLU(_Elementwise):
    """x where it is positive, else ``negative_slope * x``.

    Args:
        negative_slope: The slope.
        **kwargs: Of `Layer`; also ``alpha``, the slope's old name.
    """

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        if "alpha" in kwargs:
            negative_slope = kwargs.pop("alpha")
        super().__init__(**kwargs)
        self.negative_slope = _not_negative(negative_slope, "negative_slope", "Leaky ReLU")

    def call(self, inputs: Any) -> Tensor:
        return activations.leaky_relu(inputs, self.negative_slope)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "negative_slope": self.negative_slope}


class ELU(_Elementwise):
    """x where it is positive, else ``alpha * (exp(x) - 1)``.

    Args:
        alpha: Where it saturates, negated.
        **kwargs: Of `Layer`.
    """

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = alpha

    def call(self, inputs: Any) -> Tensor:
        return activations.elu(inputs, self.alpha)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "alpha": self.alpha}


class PReLU(_Elementwise):
    """x where it is positive, else ``alpha * x`` with a learnt alpha an element (He et al. 2015).

    Args:
        alpha_initializer: Start of alpha.
        alpha_regularizer: Penalty on alpha.
        alpha_constraint: Projection of alpha after updates.
        shared_axes: Axes along which there is one alpha.
        **kwargs: Of `Layer`.
    """

    def __init__(
        self,
        alpha_initializer: Any = "Zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.built = False
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)
        self.shared_axes = [shared_axes] if isinstance(shared_axes, int) else shared_axes and list(shared_axes)

    def build(self, input_shape: Any) -> None:
        shape = list(input_shape[1:])
        for axis in self.shared_axes or ():
            shape[axis - 1] = 1
        self.alpha = self.add_weight(
            name="alpha",
            shape=shape,
            initializer=self.alpha_initializer,
            regularizer=self.alpha_regularizer,
            constraint=self.alpha_constraint,
        )
        shared = set(self.shared_axes or ())
        axes = {axis: size for axis, size in enumerate(input_shape) if axis and axis not in shared}
        self.input_spec = InputSpec(ndim=len(input_shape), axes=axes)

    def call(self, inputs: Any) -> Tensor:
        negative = F.multiply(self._cast(self.alpha), F.minimum(inputs, 0.0))
        return F.add(F.relu(inputs), negative)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "alpha_initializer": initializers.serialize(self.alpha_initializer),
            "alpha_regularizer": regularizers.serialize(self.alpha_regularizer),
            "alpha_constraint": constraints.serialize(self.alpha_constraint),
            "shared_axes": self.shared_axes,
        }


class Softmax(_Elementwise):
    """exp(x) over its sum along `axis`.

    Args:
        axis: The axis, or several.
        **kwargs: Of `Layer`.

    Call arguments: ``inputs``, and ``mask``: bool of the inputs' shape, false where the result is to be 0.
    """

    def __init__(self, axis: Any = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs: Any, mask: Any = None) -> Tensor:
        if mask is not None:
            lowest = -3e4 if str(inputs.dtype) == "float16" else -1e9
            inputs = F.where(mask, inputs, F.add(inputs, lowest))
        outputs = activations.softmax(inputs, self.axis)
        return outputs if mask is None else F.where(mask, outputs, F.zeros_like(outputs))

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        return previous_mask

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}
