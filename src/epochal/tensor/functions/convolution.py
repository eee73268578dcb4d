"""Convolution and pooling over one to three spatial axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from epochal.errors import ArgumentError, ShapeError
from epochal.ir import Symbol
from epochal.tensor.convert import convert
from epochal.tensor.dispatch import apply
from epochal.tensor.functions.elementwise import as_float, operands
from epochal.tensor.functions.movement import moveaxis
from epochal.tensor.tensor import Tensor


def entries(value: int | Sequence[int], count: int, name: str) -> tuple[int, ...]:
    """One integer an axis.

    Raises:
        ArgumentError: Of the wrong number, or not positive integers.
    """
    result = (value,) * count if isinstance(value, int) else tuple(int(one) for one in value)
    if len(result) != count or any(one < 1 for one in result):
        raise ArgumentError(f"{name} must be a positive integer or {count} of them. Received: {value!r}")
    return result


def _channels_last(x: Tensor, data_format: str) -> Tensor:
    if data_format == "channels_last":
        return x
    if data_format != "channels_first":
        raise ArgumentError(f"data_format must be 'channels_last' or 'channels_first'. Received: {data_format!r}")
    return moveaxis(x, 1, -1)


def _channels_back(x: Tensor, data_format: str) -> Tensor:
    return x if data_format == "channels_last" else moveaxis(x, -1, 1)


def _padding(padding: Any) -> Any:
    if isinstance(padding, str):
        if padding.lower() not in ("valid", "same", "causal"):
            raise ArgumentError(f"padding must be 'valid', 'same', 'causal' or pairs. Received: {padding!r}")
        return padding.lower()
    return tuple((int(low), int(high)) for low, high in padding)


def _rank(x: Tensor, what: str) -> int:
    if not 3 <= x.ndim <= 5:
        raise ShapeError(f"{what} takes a batch, 1 to 3 spatial axes and channels. Received shape: {x.shape}")
    return x.ndim - 2


def conv(
    x: Any,
    kernel: Any,
    strides: int | Sequence[int] = 1,
    padding: Any = "valid",
    dilation_rate: int | Sequence[int] = 1,
    groups: int | None = None,
    data_format: str = "channels_last",
) -> Tensor:
    """Convolution.

    Args:
        x: [batch, *space, channels], or with channels first.
        kernel: [*window, channels / groups, filters].
        strides: Steps of the window.
        padding: ``"valid"``, ``"same"``, ``"causal"`` (one axis), or a (before, after) pair an axis.
        dilation_rate: Distance of the window's entries.
        groups: ``None``: channels over the kernel's.
        data_format: Where the channels are.
    """
    x, kernel = operands(as_float(x), as_float(kernel))
    x = _channels_last(x, data_format)
    space = _rank(x, "conv")
    if groups is None:
        groups = 1
        if x.shape[-1] is not None and kernel.ndim and kernel.shape[-2:-1] and kernel.shape[-2]:
            groups = max(x.shape[-1] // kernel.shape[-2], 1)
    result = apply(
        "conv",
        x,
        kernel,
        strides=entries(strides, space, "strides"),
        padding=_padding(padding),
        dilations=entries(dilation_rate, space, "dilation_rate"),
        groups=groups,
    )
    return _channels_back(result, data_format)


def depthwise_conv(
    x: Any,
    kernel: Any,
    strides: int | Sequence[int] = 1,
    padding: Any = "valid",
    dilation_rate: int | Sequence[int] = 1,
    data_format: str = "channels_last",
) -> Tensor:
    """Convolution of each channel by itself; kernel [*window, channels, multiplier]."""
    weights = convert(kernel)
    channels, multiplier = weights.dimensions[-2:]
    grouped = apply("reshape", weights, shape=(*weights.dimensions[:-2], 1, channels * multiplier))  # type: ignore[operator]
    return conv(x, grouped, strides, padding, dilation_rate, int(channels), data_format)  # type: ignore[arg-type]


def separable_conv(
    x: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: int | Sequence[int] = 1,
    padding: Any = "valid",
    dilation_rate: int | Sequence[int] = 1,
    data_format: str = "channels_last",
) -> Tensor:
    """`depthwise_conv`, then a convolution with a window of one entry."""
    y = depthwise_conv(x, depthwise_kernel, strides, padding, dilation_rate, data_format)
    return conv(y, pointwise_kernel, 1, "valid", 1, 1, data_format)


def conv_transpose(
    x: Any,
    kernel: Any,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    output_padding: int | Sequence[int] | None = None,
    dilation_rate: int | Sequence[int] = 1,
    data_format: str = "channels_last",
) -> Tensor:
    """The transpose of `conv` (its data gradient), as Keras defines its sizes.

    Args:
        x: [batch, *space, channels].
        kernel: [*window, filters, channels].
        strides: Size of the result over that of x.
        padding: ``"valid"`` or ``"same"``.
        output_padding: Added to one side of the result; ``None``: what makes the size `strides` times as large
            (and for ``"valid"`` as much larger as the window is longer than the stride).
        dilation_rate: Distance of the window's entries.
        data_format: Where the channels are.
    """
    x, kernel = operands(as_float(x), as_float(kernel))
    x = _channels_last(x, data_format)
    space = _rank(x, "conv_transpose")
    steps = entries(strides, space, "strides")
    dilations = entries(dilation_rate, space, "dilation_rate")
    kind = _padding(padding)
    if kind not in ("valid", "same"):
        raise ArgumentError(f"padding must be 'valid' or 'same'. Received: {padding!r}")
    extra: Sequence[int | None] = (None,) * space
    if output_padding is not None:
        extra = (output_padding,) * space if isinstance(output_padding, int) else tuple(output_padding)
    sizes, pairs = [], []
    for size, window, step, dilation, added in zip(
        x.dimensions[1:-1], kernel.shape[:-2], steps, dilations, extra, strict=True
    ):
        if isinstance(size, Symbol):
            raise ShapeError(f"conv_transpose needs known spatial sizes. Received shape: {x.shape}")
        span = (window - 1) * dilation + 1
        low, result_size = _transposed(size, span, step, kind, added)
        sizes.append(result_size)
        pairs.append((low, (size - 1) * step + span - low - result_size))
    result = apply(
        "conv_data_gradient",
        x,
        kernel,
        input_shape=(x.dimensions[0], *sizes, kernel.dimensions[-2]),
        strides=steps,
        padding=tuple((low, max(high, 0)) for low, high in pairs),
        dilations=dilations,
        groups=1,
    )
    return _channels_back(result, data_format)


def _transposed(size: int, span: int, step: int, kind: str, added: int | None) -> tuple[int, int]:
    """How much of the full result is cut off before, and the size that is kept (Keras's and TensorFlow's rule)."""
    if added is None:
        result = size * step + (max(span - step, 0) if kind == "valid" else 0)
    else:
        low = (span // 2) * 2 if kind == "same" else 0
        result = (size - 1) * step + span - low + added
    if kind == "valid":
        return 0, result
    cut = max((size - 1) * step + span - result, 0)
    return cut // 2, result


def _pool(name: str, x: Any, pool_size: Any, strides: Any, padding: Any, data_format: str) -> Tensor:
    tensor = convert(x)
    if name == "avg_pool":
        tensor = as_float(tensor)
    tensor = _channels_last(tensor, data_format)
    space = _rank(tensor, name)
    window = entries(pool_size, space, "pool_size")
    steps = window if strides is None else entries(strides, space, "strides")
    result = apply(name, tensor, window=window, strides=steps, padding=_padding(padding))
    return _channels_back(result, data_format)


def max_pool(
    x: Any,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: Any = "valid",
    data_format: str = "channels_last",
) -> Tensor:
    """Largest element of each window; `strides` of ``None``: windows lie side by side."""
    return _pool("max_pool", x, pool_size, strides, padding, data_format)


def average_pool(
    x: Any,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: Any = "valid",
    data_format: str = "channels_last",
) -> Tensor:
    """Mean of each window, padding not counted; `strides` of ``None``: windows lie side by side."""
    return _pool("avg_pool", x, pool_size, strides, padding, data_format)
