"""Functions of neural networks, with Keras's signatures."""

from __future__ import annotations

import importlib
from typing import Any

from epochal.errors import NotSupportedError
from epochal.keras import settings
from epochal.learn import losses
from epochal.tensor import Tensor, convert
from epochal.tensor import functions as F


def _last(data_format: str | None) -> str:
    return settings.standardize_data_format(data_format)


def conv(
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Tensor:
    """Convolution of ``[batch, *space, channels]`` with a kernel ``[*window, channels / groups, filters]``."""
    return F.conv(inputs, kernel, strides, padding, dilation_rate, data_format=_last(data_format))


def depthwise_conv(
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Tensor:
    """Convolution of each channel by itself; kernel ``[*window, channels, multiplier]``."""
    return F.depthwise_conv(inputs, kernel, strides, padding, dilation_rate, _last(data_format))


def separable_conv(
    inputs: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Tensor:
    """`depthwise_conv`, then a convolution with a window of one entry."""
    return F.separable_conv(
        inputs, depthwise_kernel, pointwise_kernel, strides, padding, dilation_rate, _last(data_format)
    )


def conv_transpose(
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    output_padding: Any = None,
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Tensor:
    """The transpose of `conv`; kernel ``[*window, filters, channels]``."""
    return F.conv_transpose(inputs, kernel, strides, padding, output_padding, dilation_rate, _last(data_format))


def max_pool(
    inputs: Any, pool_size: Any, strides: Any = None, padding: str = "valid", data_format: str | None = None
) -> Tensor:
    """Greatest value of each window."""
    return F.max_pool(inputs, pool_size, strides, padding, _last(data_format))


def average_pool(
    inputs: Any, pool_size: Any, strides: Any = None, padding: str = "valid", data_format: str | None = None
) -> Tensor:
    """Mean of each window, padding not counted."""
    return F.average_pool(inputs, pool_size, strides, padding, _last(data_format))


def one_hot(x: Any, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False) -> Tensor:
    """1 at the place that an integer names, else 0."""
    return F.one_hot(x, num_classes, axis, settings.standardize_dtype(dtype))


def multi_hot(
    inputs: Any, num_classes: int | None = None, axis: int = -1, dtype: Any = None, sparse: bool = False, **kwargs: Any
) -> Tensor:
    """1 at each place that the integers along the last axis name, else 0."""
    num_classes = kwargs.pop("num_tokens", num_classes)
    if kwargs:
        raise NotSupportedError(f"Arguments not supported by multi_hot: {sorted(kwargs)}")
    x = convert(inputs)
    return F.max(one_hot(x, num_classes, axis, dtype), axis=1 if x.ndim > 1 else 0)


def batch_normalization(
    x: Any, mean: Any, variance: Any, axis: int, offset: Any = None, scale: Any = None, epsilon: float = 1e-3
) -> Tensor:
    """``(x - mean) / sqrt(variance + epsilon) * scale + offset``, one number a channel."""
    return F.batch_norm(x, mean, variance, scale, offset, axis, epsilon)


def layer_normalization(
    x: Any, gamma: Any = None, beta: Any = None, axis: Any = -1, epsilon: float | None = None, **kwargs: Any
) -> Tensor:
    """Mean 0 and variance 1 along `axis`, times gamma plus beta."""
    if kwargs.pop("rms_scaling", False) or kwargs:
        raise NotSupportedError("`rms_scaling` is not supported. Use rms_normalization.")
    return F.layer_norm(x, gamma, beta, axis, settings.epsilon() if epsilon is None else epsilon)


def rms_normalization(x: Any, scale: Any = 1, axis: Any = -1, epsilon: float | None = None) -> Tensor:
    """x over the root of its mean square along `axis`, times `scale`."""
    normal = F.rms_norm(x, None, axis, settings.epsilon() if epsilon is None else epsilon)
    return F.multiply(normal, scale)


def normalize(x: Any, axis: Any = -1, order: Any = 2, epsilon: float | None = None) -> Tensor:
    """x over its norm along `axis`."""
    if order != 2:
        raise NotSupportedError(f"Norms other than the Euclidean (order 2) are not supported. Received: order={order}")
    return F.normalize(x, axis, (settings.epsilon() if epsilon is None else epsilon) ** 2)


def moments(x: Any, axes: Any, keepdims: bool = False, synchronized: bool = False) -> tuple[Tensor, Tensor]:
    """Mean and variance along `axes`."""
    return F.moments(x, axes, keepdims)


def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Tensor:
    """``-target * log(output) - (1 - target) * log(1 - output)``, element by element."""
    output = convert(output)
    target = F.cast(target, output.dtype)
    if from_logits:
        return F.sigmoid_cross_entropy(output, target)
    output = F.clip(output, settings.epsilon(), 1.0 - settings.epsilon())
    positive = F.multiply(target, F.log(output))
    return F.negative(F.add(positive, F.multiply(F.subtract(1.0, target), F.log(F.subtract(1.0, output)))))


def categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Tensor:
    """``-sum(target * log(output))`` along `axis`."""
    return losses.categorical_crossentropy(target, output, from_logits=from_logits, axis=axis)


def sparse_categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Tensor:
    """``-log(output)`` at the class that `target` names, along `axis`."""
    return losses.sparse_categorical_crossentropy(target, output, from_logits=from_logits, axis=axis)


def __getattr__(name: str) -> Any:
    """The other functions of `keras.ops`, which Keras lists here as well."""
    if not name.startswith("__"):
        everything = importlib.import_module("epochal.keras.ops")
        if name in everything.__all__:
            return getattr(everything, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
