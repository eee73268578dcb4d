"""Keras's activation functions, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from epochal.errors import ArgumentError
from epochal.keras.identifiers import unknown
from epochal.keras.saving.registry import function_name, registered_object
from epochal.keras.saving.serialization import deserialize_keras_object, serialize_keras_object
from epochal.tensor import Tensor, convert
from epochal.tensor import functions as F


def linear(x: Any) -> Any:
    """x."""
    return x


def relu(x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Tensor:
    """max(x, 0); below `threshold` it is ``negative_slope * (x - threshold)``, above `max_value` it is `max_value`."""
    if negative_slope == 0.0 and threshold == 0.0:
        if max_value is None:
            return F.relu(x)
        return F.clip(x, 0.0, max_value)
    x = convert(x)
    below = F.multiply(F.subtract(x, threshold), negative_slope) if negative_slope else F.zeros_like(x)
    y = F.where(F.greater(x, threshold), x, below)
    return y if max_value is None else F.minimum(y, max_value)


def leaky_relu(x: Any, negative_slope: float = 0.2) -> Tensor:
    """x where it is positive, else ``negative_slope * x``."""
    return F.leaky_relu(x, negative_slope)


def relu6(x: Any) -> Tensor:
    """min(max(x, 0), 6)."""
    return F.clip(x, 0.0, 6.0)


def softmax(x: Any, axis: Any = -1) -> Tensor:
    """exp(x) over its sum along `axis` (or several axes together).

    Raises:
        ArgumentError: `x` has one axis only, along which every output would be taken over the batch.
    """
    x = convert(x)
    if isinstance(axis, (tuple, list)) and len(axis) > 1:
        kept = [index for index in range(x.ndim) if index not in {a % x.ndim for a in axis}]
        order = kept + [a % x.ndim for a in axis]
        moved = F.transpose(x, order)
        flat = F.softmax(F.reshape(moved, (*moved.shape[: len(kept)], -1)), -1)
        inverse = sorted(range(x.ndim), key=order.__getitem__)
        return F.transpose(F.reshape(flat, moved.shape), inverse)
    if isinstance(axis, (tuple, list)):
        axis = axis[0]
    if x.ndim == 1 and axis != -1 and axis != 0:
        raise ArgumentError(f"Cannot apply softmax to a tensor of rank 1 along axis {axis}.")
    return F.softmax(x, axis)


def log_softmax(x: Any, axis: int = -1) -> Tensor:
    """Logarithm of `softmax`, without its cancellation."""
    return F.log_softmax(x, axis)


def elu(x: Any, alpha: float = 1.0) -> Tensor:
    """x where it is positive, else ``alpha * (exp(x) - 1)`` (Clevert et al. 2015)."""
    x = convert(x)
    return F.where(F.greater(x, 0.0), x, F.multiply(F.expm1(F.minimum(x, 0.0)), alpha))


def celu(x: Any, alpha: float = 1.0) -> Tensor:
    """max(x, 0) + min(0, alpha * (exp(x / alpha) - 1)) (Barron 2017)."""
    x = convert(x)
    return F.where(F.greater(x, 0.0), x, F.multiply(F.expm1(F.divide(F.minimum(x, 0.0), alpha)), alpha))


def selu(x: Any) -> Tensor:
    """Self-normalising ELU (Klambauer et al. 2017)."""
    return F.multiply(elu(x, 1.6732632423543772), 1.0507009873554805)


def gelu(x: Any, approximate: bool = False) -> Tensor:
    """x * Phi(x), Phi the standard normal distribution, or its tanh approximation (Hendrycks and Gimpel 2016)."""
    return F.gelu(x, approximate)


def softplus(x: Any) -> Tensor:
    """log(1 + exp(x))."""
    return F.softplus(x)


def softsign(x: Any) -> Tensor:
    """x / (1 + abs(x))."""
    x = convert(x)
    return F.divide(x, F.add(F.absolute(x), 1.0))


def silu(x: Any) -> Tensor:
    """x * sigmoid(x)."""
    x = convert(x)
    return F.multiply(x, F.sigmoid(x))


def mish(x: Any) -> Tensor:
    """x * tanh(softplus(x)) (Misra 2019)."""
    x = convert(x)
    return F.multiply(x, F.tanh(F.softplus(x)))


def tanh(x: Any) -> Tensor:
    """Hyperbolic tangent."""
    return F.tanh(x)


def sigmoid(x: Any) -> Tensor:
    """1 / (1 + exp(-x))."""
    return F.sigmoid(x)


def exponential(x: Any) -> Tensor:
    """exp(x)."""
    return F.exp(x)


def hard_sigmoid(x: Any) -> Tensor:
    """clip(x / 6 + 1/2, 0, 1)."""
    return F.clip(F.add(F.divide(x, 6.0), 0.5), 0.0, 1.0)


def hard_silu(x: Any) -> Tensor:
    """x * hard_sigmoid(x)."""
    x = convert(x)
    return F.multiply(x, hard_sigmoid(x))


def hard_tanh(x: Any) -> Tensor:
    """clip(x, -1, 1)."""
    return F.clip(x, -1.0, 1.0)


def hard_shrink(x: Any, threshold: float = 0.5) -> Tensor:
    """x where abs(x) > threshold, else 0."""
    x = convert(x)
    return F.where(F.greater(F.absolute(x), threshold), x, F.zeros_like(x))


def soft_shrink(x: Any, threshold: float = 0.5) -> Tensor:
    """x moved towards 0 by `threshold`, no further than 0."""
    x = convert(x)
    return F.multiply(F.sign(x), F.maximum(F.subtract(F.absolute(x), threshold), 0.0))


def tanh_shrink(x: Any) -> Tensor:
    """x - tanh(x)."""
    x = convert(x)
    return F.subtract(x, F.tanh(x))


def log_sigmoid(x: Any) -> Tensor:
    """log(sigmoid(x)) = -softplus(-x)."""
    return F.negative(F.softplus(F.negative(x)))


def sparse_plus(x: Any) -> Tensor:
    """0 below -1, x above 1, between them (x + 1)^2 / 4."""
    x = convert(x)
    middle = F.multiply(F.square(F.add(x, 1.0)), 0.25)
    return F.where(F.less_equal(x, -1.0), F.zeros_like(x), F.where(F.less(x, 1.0), middle, x))


def sparse_sigmoid(x: Any) -> Tensor:
    """clip((x + 1) / 2, 0, 1)."""
    return F.clip(F.multiply(F.add(x, 1.0), 0.5), 0.0, 1.0)


def squareplus(x: Any, b: float = 4.0) -> Tensor:
    """(x + sqrt(x^2 + b)) / 2 (Barron 2021)."""
    x = convert(x)
    return F.multiply(F.add(x, F.sqrt(F.add(F.square(x), b))), 0.5)


def glu(x: Any, axis: int = -1) -> Tensor:
    """First half times the sigmoid of the second half, along `axis` (Dauphin et al. 2016)."""
    first, second = F.split(convert(x), 2, axis=axis)
    return F.multiply(first, F.sigmoid(second))


def threshold(x: Any, threshold: float, default_value: float) -> Tensor:
    """x where it is above `threshold`, else `default_value`."""
    x = convert(x)
    return F.where(F.greater(x, threshold), x, F.full_like(x, default_value))


swish = silu
hard_swish = hard_silu

ACTIVATIONS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        celu, elu, exponential, gelu, glu, hard_shrink, hard_sigmoid, hard_silu, hard_tanh, leaky_relu, linear,
        log_sigmoid, log_softmax, mish, relu, relu6, selu, sigmoid, silu, soft_shrink, softmax, softplus, softsign,
        sparse_plus, sparse_sigmoid, squareplus, tanh, tanh_shrink, threshold,
    )
}  # fmt: skip
ACTIVATIONS.update(swish=silu, hard_swish=hard_silu)


def get(identifier: Any) -> Callable[..., Any]:
    """An activation from a name, a function, a layer, a configuration or ``None`` (linear).

    Raises:
        ArgumentError: It is none of these.
    """
    if identifier is None:
        return linear
    if callable(identifier):
        return identifier
    if isinstance(identifier, Mapping):
        found = deserialize(dict(identifier))
        if callable(found):
            return found
    if isinstance(identifier, str):
        found = ACTIVATIONS.get(identifier) or registered_object(identifier)
        if found is not None:
            return found
    raise unknown(identifier, "activation function", "a function, a layer", ACTIVATIONS)


def serialize(activation: Callable[..., Any]) -> Any:
    """The name of a function of this module, or the configuration of anything else."""
    name = getattr(activation, "__name__", None)
    if name is not None and ACTIVATIONS.get(name) is activation:
        return name
    config = serialize_keras_object(activation)
    if name is not None:
        config["config"] = function_name(activation)
    return config


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The activation that `serialize` wrote."""
    if isinstance(config, str):
        return (custom_objects or {}).get(config) or get(config)
    return deserialize_keras_object(config, custom_objects=custom_objects, module_objects=ACTIVATIONS)
