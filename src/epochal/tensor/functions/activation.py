"""Activation functions, as compositions of elementwise and composite operators."""

from __future__ import annotations

from typing import Any

from epochal.tensor.dispatch import apply, axis_of
from epochal.tensor.functions.elementwise import (
    absolute,
    add,
    as_float,
    as_number,
    clip,
    divide,
    exp,
    expm1,
    greater,
    less_equal,
    minimum,
    multiply,
    negative,
    subtract,
    tanh,
    where,
)
from epochal.tensor.tensor import Tensor


def relu(x: Any) -> Tensor:
    """max(x, 0)"""
    tensor = as_number(x)
    result: Tensor = apply("relu", tensor) if tensor.dtype.is_floating else apply("maximum", tensor, 0)
    return result


def relu6(x: Any) -> Tensor:
    """min(max(x, 0), 6)"""
    return clip(x, 0, 6)


def leaky_relu(x: Any, negative_slope: float = 0.2) -> Tensor:
    """x where it is positive, else negative_slope * x"""
    tensor = as_float(x)
    return where(greater(tensor, 0), tensor, multiply(tensor, negative_slope))


def elu(x: Any, alpha: float = 1.0) -> Tensor:
    """x where it is positive, else alpha * (exp(x) - 1)"""
    tensor = as_float(x)
    return where(greater(tensor, 0), tensor, multiply(expm1(minimum(tensor, 0.0)), alpha))


def selu(x: Any) -> Tensor:
    """1.0507 * elu(x, 1.6733): keeps mean 0 and variance 1 (Klambauer et al., 2017)."""
    return multiply(elu(x, 1.6732632423543772), 1.0507009873554805)


def celu(x: Any, alpha: float = 1.0) -> Tensor:
    """max(x, 0) + min(0, alpha * (exp(x / alpha) - 1))"""
    tensor = as_float(x)
    return add(relu(tensor), multiply(expm1(divide(minimum(tensor, 0.0), alpha)), alpha))


def gelu(x: Any, approximate: bool = True) -> Tensor:
    """x times the standard normal distribution function of x; with `approximate`, through tanh."""
    result: Tensor = apply("gelu", as_float(x), approximate=bool(approximate))[0]
    return result


def silu(x: Any) -> Tensor:
    """x * sigmoid(x)"""
    result: Tensor = apply("silu", as_float(x))[0]
    return result


swish = silu


def softplus(x: Any) -> Tensor:
    """log(1 + exp(x)), without overflow."""
    result: Tensor = apply("softplus", as_float(x))
    return result


def softsign(x: Any) -> Tensor:
    """x / (1 + abs(x))"""
    tensor = as_float(x)
    return divide(tensor, add(absolute(tensor), 1.0))


def mish(x: Any) -> Tensor:
    """x * tanh(softplus(x))"""
    tensor = as_float(x)
    return multiply(tensor, tanh(softplus(tensor)))


def hard_sigmoid(x: Any) -> Tensor:
    """relu6(x + 3) / 6"""
    tensor = as_float(x)
    return multiply(relu6(add(tensor, 3.0)), 1.0 / 6.0)


def hard_silu(x: Any) -> Tensor:
    """x * hard_sigmoid(x)"""
    tensor = as_float(x)
    return multiply(tensor, hard_sigmoid(tensor))


def hard_tanh(x: Any) -> Tensor:
    """x, but at least -1 and at most 1."""
    return clip(as_float(x), -1.0, 1.0)


def exponential(x: Any) -> Tensor:
    """exp(x)"""
    return exp(x)


def log_sigmoid(x: Any) -> Tensor:
    """log(sigmoid(x)) = -softplus(-x)"""
    return negative(softplus(negative(as_float(x))))


def tanh_shrink(x: Any) -> Tensor:
    """x - tanh(x)"""
    tensor = as_float(x)
    return subtract(tensor, tanh(tensor))


def soft_shrink(x: Any, threshold: float = 0.5) -> Tensor:
    """x moved towards 0 by `threshold`, and 0 within it."""
    tensor = as_float(x)
    low = where(greater(negative(tensor), threshold), add(tensor, threshold), 0.0)
    return where(greater(tensor, threshold), subtract(tensor, threshold), low)


def hard_shrink(x: Any, threshold: float = 0.5) -> Tensor:
    """x, and 0 where abs(x) is at most `threshold`."""
    tensor = as_float(x)
    return where(less_equal(absolute(tensor), threshold), 0.0, tensor)


def threshold(x: Any, threshold: float, default_value: float) -> Tensor:
    """x where it is above `threshold`, else `default_value`."""
    tensor = as_float(x)
    return where(greater(tensor, threshold), tensor, default_value)


def softmax(x: Any, axis: int = -1) -> Tensor:
    """exp(x) over its sum along `axis`."""
    tensor = as_float(x)
    result: Tensor = apply("softmax", tensor, axis=axis_of(axis, tensor.ndim))
    return result


def log_softmax(x: Any, axis: int = -1) -> Tensor:
    """log(softmax(x)), without overflow."""
    tensor = as_float(x)
    result: Tensor = apply("log_softmax", tensor, axis=axis_of(axis, tensor.ndim))
    return result
