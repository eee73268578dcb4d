"""A convolution with bias, ReLU and max-pooling as one operator, and its gradients.

The convolution's own result is never in memory: forward keeps the pooled values and, for the gradients, the number of
the element that won each window, a byte each (`LOSER` where ReLU or a NaN lets nothing through). Elements that no
window sees are not computed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from epochal import dtypes
from epochal.backends.native.kernels.cotangent import LOSER
from epochal.ir import Array, Operator, TensorType
from epochal.topi.inventory import INVENTORY


def _windows(y: Array, window: tuple[int, int]) -> Array:
    """[N, H, W, C] as [N, windows down, windows across, C, entries]."""
    high, wide = window
    down, across = y.shape[1] // high, y.shape[2] // wide
    parts = y[:, : down * high, : across * wide].reshape(y.shape[0], down, high, across, wide, y.shape[3])
    return parts.transpose(0, 1, 3, 5, 2, 4).reshape(y.shape[0], down, across, y.shape[3], high * wide)


def _output(x: TensorType, kernel: TensorType, padding: Any) -> TensorType:
    given = {"strides": (1, 1), "padding": padding, "dilations": (1, 1), "groups": 1}
    inferred = INVENTORY["conv"].infer(x, kernel, **given)
    assert isinstance(inferred, TensorType)
    return inferred


def _forward_type(
    x: TensorType, kernel: TensorType, bias: TensorType, *, padding: Any, window: tuple[int, int]
) -> tuple[TensorType, TensorType]:
    del bias
    images, height, width, channels = _output(x, kernel, padding).shape
    pooled = x.with_shape((images, int(height) // window[0], int(width) // window[1], channels))  # type: ignore[arg-type]
    return pooled, pooled.with_dtype(dtypes.uint8)


def _forward(x: Array, kernel: Array, bias: Array, *, padding: Any, window: tuple[int, int]) -> tuple[Array, Array]:
    given = {"strides": (1, 1), "padding": padding, "dilations": (1, 1), "groups": 1}
    values = _windows(np.maximum(INVENTORY["conv"].reference(x, kernel, **given) + bias, 0), window)
    pooled = values.max(-1)
    winners = np.where(pooled > 0, values.argmax(-1), LOSER).astype(np.uint8)
    return np.asarray(pooled), winners


def _cotangent(winners: Array, g: Array, shape: tuple[int, ...], window: tuple[int, int]) -> Array:
    """The cotangent of the convolution's result."""
    high, wide = window
    entries = winners[..., None] == np.arange(high * wide)
    sent = np.where(entries, g[..., None], 0)
    images, down, across, channels = g.shape
    parts = sent.reshape(images, down, across, channels, high, wide).transpose(0, 1, 4, 2, 5, 3)
    result = np.zeros(shape, g.dtype)
    result[:, : down * high, : across * wide] = parts.reshape(images, down * high, across * wide, channels)
    return result


def _weight_type(
    x: TensorType,
    winners: TensorType,
    g: TensorType,
    *,
    kernel_shape: tuple[int, ...],
    padding: Any,
    window: tuple[int, int],
) -> tuple[TensorType, TensorType]:
    del winners, padding, window
    return x.with_shape(kernel_shape), g.with_shape(kernel_shape[-1:])


def _weight_gradient(
    x: Array, winners: Array, g: Array, *, kernel_shape: tuple[int, ...], padding: Any, window: tuple[int, int]
) -> tuple[Array, Array]:
    kernel = TensorType(dtypes.get(x.dtype), kernel_shape)
    shape = _output(TensorType(dtypes.get(x.dtype), x.shape), kernel, padding).shape
    sent = _cotangent(winners, g, tuple(map(int, shape)), window)  # type: ignore[arg-type]
    given = {"strides": (1, 1), "padding": padding, "dilations": (1, 1), "groups": 1}
    gradient = INVENTORY["conv_weight_gradient"].reference(x, sent, kernel_shape=kernel_shape, **given)
    return gradient, sent.sum((0, 1, 2))


def _data_type(
    winners: TensorType,
    g: TensorType,
    kernel: TensorType,
    *,
    input_shape: tuple[int, ...],
    padding: Any,
    window: tuple[int, int],
) -> TensorType:
    del winners, kernel, padding, window
    return g.with_shape(input_shape)


def _data_gradient(
    winners: Array, g: Array, kernel: Array, *, input_shape: tuple[int, ...], padding: Any, window: tuple[int, int]
) -> Array:
    types = (TensorType(dtypes.get(g.dtype), input_shape), TensorType(dtypes.get(g.dtype), kernel.shape))
    shape = _output(*types, padding).shape
    sent = _cotangent(winners, g, tuple(map(int, shape)), window)  # type: ignore[arg-type]
    given = {"strides": (1, 1), "padding": padding, "dilations": (1, 1), "groups": 1}
    result: Array = INVENTORY["conv_data_gradient"].reference(sent, kernel, input_shape=input_shape, **given)
    return result


POOLED_CONV = Operator(
    name="pooled_conv",
    infer=_forward_type,
    reference=_forward,
    samples=lambda: (),
    no_gradient="made after gradients are",
    doc="max_pool(relu(conv(x, kernel) + bias)) and the winner of each window.",
)

POOLED_WEIGHT_GRADIENT = Operator(
    name="pooled_weight_gradient",
    infer=_weight_type,
    reference=_weight_gradient,
    samples=lambda: (),
    no_gradient="made after gradients are",
    doc="Gradients of pooled_conv for the kernel and the bias.",
)

POOLED_DATA_GRADIENT = Operator(
    name="pooled_data_gradient",
    infer=_data_type,
    reference=_data_gradient,
    samples=lambda: (),
    no_gradient="made after gradients are",
    doc="Gradient of pooled_conv for the input.",
)

POOLED = (POOLED_CONV, POOLED_WEIGHT_GRADIENT, POOLED_DATA_GRADIENT)

__all__ = ["POOLED", "POOLED_CONV", "POOLED_DATA_GRADIENT", "POOLED_WEIGHT_GRADIENT"]
