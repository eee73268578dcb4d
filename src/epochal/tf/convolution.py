"""Convolutions and pooling under TensorFlow's names. Images are NHWC (channels last)."""

from __future__ import annotations

from typing import Any

from epochal.errors import ArgumentError, NotSupportedError, ShapeError
from epochal.tensor import Tensor, functions
from epochal.tensor.dispatch import apply
from epochal.tf.conversion import integers, pair, to_tensor
from epochal.tf.graph import operation


@operation("Conv2D")
def conv2d(
    input: Any,
    filters: Any = None,
    strides: Any = 1,
    padding: Any = "VALID",
    use_cudnn_on_gpu: bool = True,
    data_format: str = "NHWC",
    dilations: Any = 1,
    filter: Any = None,
) -> Tensor:
    """The two-dimensional convolution (cross-correlation) of images with filters.

    Args:
        input: Shape [n, height, width, channels].
        filters: Shape [height, width, channels / groups, outputs]; `filter` is TensorFlow 1's name.
        strides: A number, two, or four of which the first and last are 1.
        padding: ``"SAME"``, ``"VALID"``, or pairs for the four axes.
        use_cudnn_on_gpu: Means nothing here.
        data_format: ``"NHWC"``.
        dilations: Like `strides`.
        filter: See `filters`.

    Returns:
        Shape [n, out_height, out_width, outputs].
    """
    channels_last(data_format)
    images, kernel = pair("Conv2D", input, filters if filters is not None else filter)
    spatial = _padding(padding)
    return functions.conv(images, kernel, strides=_pair(strides), padding=spatial, dilation_rate=_pair(dilations))


@operation("Conv1D")
def conv1d(
    input: Any = None,
    filters: Any = None,
    stride: Any = 1,
    padding: str = "VALID",
    use_cudnn_on_gpu: Any = None,
    data_format: str = "NWC",
    value: Any = None,
    dilations: Any = 1,
) -> Tensor:
    """The one-dimensional convolution of [n, width, channels] with [width, channels, outputs]."""
    channels_last(data_format)
    signal, kernel = pair("Conv1D", input if input is not None else value, filters)
    step = stride if isinstance(stride, int) else stride[len(stride) // 2]
    spread = dilations if isinstance(dilations, int) else dilations[len(dilations) // 2]
    return functions.conv(signal, kernel, strides=(step,), padding=_padding(padding), dilation_rate=(spread,))


@operation("Conv3D")
def conv3d(
    input: Any,
    filters: Any = None,
    strides: Any = 1,
    padding: str = "VALID",
    data_format: str = "NDHWC",
    dilations: Any = 1,
    filter: Any = None,
) -> Tensor:
    """The three-dimensional convolution of [n, depth, height, width, channels]."""
    channels_last(data_format)
    volume, kernel = pair("Conv3D", input, filters if filters is not None else filter)
    steps, spread = _spatial(strides, 3), _spatial(dilations, 3)
    return functions.conv(volume, kernel, strides=steps, padding=_padding(padding), dilation_rate=spread)


@operation("DepthwiseConv2dNative")
def depthwise_conv2d(
    input: Any,
    filter: Any = None,
    strides: Any = 1,
    padding: Any = "VALID",
    rate: Any = None,
    data_format: str | None = None,
    dilations: Any = None,
) -> Tensor:
    """Each channel with filters of its own: [height, width, channels, multiplier]."""
    channels_last(data_format)
    images, kernel = pair("DepthwiseConv2dNative", input, filter)
    spread = _pair(dilations if dilations is not None else rate if rate is not None else 1)
    return functions.depthwise_conv(images, kernel, _pair(strides), _padding(padding), spread)


@operation("SeparableConv2D")
def separable_conv2d(
    input: Any,
    depthwise_filter: Any,
    pointwise_filter: Any,
    strides: Any,
    padding: Any,
    rate: Any = None,
    data_format: str | None = None,
    dilations: Any = None,
) -> Tensor:
    """`depthwise_conv2d`, then a convolution of 1 by 1."""
    channels_last(data_format)
    spread = _pair(dilations if dilations is not None else rate if rate is not None else 1)
    images, deep = pair("SeparableConv2D", input, depthwise_filter)
    return functions.separable_conv(
        images, deep, to_tensor(pointwise_filter), _pair(strides), _padding(padding), spread
    )


@operation("AtrousConv2D")
def atrous_conv2d(value: Any, filters: Any, rate: Any, padding: str) -> Tensor:
    """`conv2d` with holes: `rate` between the entries of a filter."""
    images, kernel = pair("AtrousConv2D", value, filters)
    return functions.conv(images, kernel, 1, _padding(padding), int(rate))


@operation("Conv2DTranspose")
def conv2d_transpose(
    value: Any = None,
    filter: Any = None,
    output_shape: Any = None,
    strides: Any = 1,
    padding: str = "SAME",
    data_format: str = "NHWC",
    input: Any = None,
    filters: Any = None,
    dilations: Any = None,
) -> Tensor:
    """The transpose of `conv2d`: the images whose convolution has the shape of `value`.

    Args:
        value: Shape [n, height, width, channels]; `input` is TensorFlow 2's name.
        filter: Shape [height, width, outputs, channels]; `filters` is TensorFlow 2's name.
        output_shape: [n, height, width, outputs] of the result; n may be a tensor.
        strides: Of the convolution.
        padding: Of the convolution: ``"SAME"`` or ``"VALID"``.
        data_format: ``"NHWC"``.
        input: See `value`.
        filters: See `filter`.
        dilations: Of the convolution.
    """
    channels_last(data_format)
    x, kernel = pair(
        "Conv2DTranspose", value if value is not None else input, filter if filter is not None else filters
    )
    steps, spread = _pair(strides), _pair(dilations if dilations is not None else 1)
    wanted = [size if isinstance(size, int) else None for size in integers(output_shape)[-3:-1]]
    sizes, pads = [], []
    for axis, (size, window) in enumerate(zip(wanted, kernel.shape[:2], strict=True)):
        given, step = x.shape[1 + axis], steps[axis]
        if size is None or given is None:
            raise ShapeError(
                f"conv2d_transpose needs known spatial sizes. Received: input {x.shape}, output_shape {output_shape}"
            )
        span = (window - 1) * spread[axis] + 1  # type: ignore[operator]
        same = padding.upper() == "SAME"
        expected = -(-size // step) if same else (size - span) // step + 1
        if expected != given:
            raise ShapeError(
                f"conv2d_transpose: an image of size {size} along axis {1 + axis} gives {expected} by stride {step}, "
                f"but the input has {given}. Expected an output_shape of {given * step} or near it."
            )
        total = max((given - 1) * step + span - size, 0) if same else 0
        sizes.append(size)
        pads.append((total // 2, total - total // 2))
    result: Tensor = apply(
        "conv_data_gradient",
        x,
        kernel,
        input_shape=(x.dimensions[0], *sizes, kernel.dimensions[2]),
        strides=steps,
        padding=tuple(pads),
        dilations=spread,
        groups=1,
    )
    return result


@operation("MaxPool")
def max_pool(
    value: Any = None,
    ksize: Any = None,
    strides: Any = None,
    padding: str = "VALID",
    data_format: str = "NHWC",
    input: Any = None,
) -> Tensor:
    """The largest element of each window of an image; `ksize` and `strides` like `conv2d`'s strides."""
    channels_last(data_format)
    images = to_tensor(value if value is not None else input)
    return functions.max_pool(images, _pair(ksize), strides=_pair(strides), padding=_padding(padding))


@operation("AvgPool")
def avg_pool(
    value: Any = None,
    ksize: Any = None,
    strides: Any = None,
    padding: str = "VALID",
    data_format: str = "NHWC",
    input: Any = None,
) -> Tensor:
    """The mean of each window of an image, padding not counted."""
    channels_last(data_format)
    images = to_tensor(value if value is not None else input)
    return functions.average_pool(images, _pair(ksize), strides=_pair(strides), padding=_padding(padding))


@operation("MaxPool1D")
def max_pool1d(input: Any, ksize: Any, strides: Any, padding: str, data_format: str = "NWC") -> Tensor:
    """The largest element of each window of [n, width, channels]."""
    channels_last(data_format)
    return functions.max_pool(to_tensor(input), _spatial(ksize, 1), _spatial(strides, 1), _padding(padding))


@operation("AvgPool1D")
def avg_pool1d(input: Any, ksize: Any, strides: Any, padding: str, data_format: str = "NWC") -> Tensor:
    """The mean of each window of [n, width, channels]."""
    channels_last(data_format)
    return functions.average_pool(to_tensor(input), _spatial(ksize, 1), _spatial(strides, 1), _padding(padding))


@operation("MaxPool3D")
def max_pool3d(input: Any, ksize: Any, strides: Any, padding: str, data_format: str = "NDHWC") -> Tensor:
    """The largest element of each window of [n, depth, height, width, channels]."""
    channels_last(data_format)
    return functions.max_pool(to_tensor(input), _spatial(ksize, 3), _spatial(strides, 3), _padding(padding))


@operation("AvgPool3D")
def avg_pool3d(input: Any, ksize: Any, strides: Any, padding: str, data_format: str = "NDHWC") -> Tensor:
    """The mean of each window of [n, depth, height, width, channels]."""
    channels_last(data_format)
    return functions.average_pool(to_tensor(input), _spatial(ksize, 3), _spatial(strides, 3), _padding(padding))


def channels_last(data_format: str | None) -> None:
    """Refuses a data format with channels first.

    Raises:
        NotSupportedError: It is one.
    """
    if data_format not in (None, "NHWC", "NWC", "NDHWC", "N...C"):
        raise NotSupportedError(f"data_format {data_format!r} is not supported on this engine. Expected 'NHWC'.")


def _pair(sizes: Any) -> tuple[int, ...]:
    return _spatial(sizes, 2)


def _spatial(sizes: Any, count: int) -> tuple[int, ...]:
    """The spatial entries of a stride, window or dilation."""
    if isinstance(sizes, int):
        return (sizes,) * count
    entries = () if sizes is None else tuple(int(size) for size in sizes)
    if len(entries) == 1:
        return entries * count
    if len(entries) == count:
        return entries
    if len(entries) == count + 2 and entries[0] == entries[-1] == 1:
        return entries[1:-1]
    raise ArgumentError(f"Expected one, {count} or {count + 2} numbers [1, ..., 1]. Received: {sizes!r}")


def _padding(padding: Any) -> Any:
    if isinstance(padding, str):
        return padding.lower()
    return tuple((int(low), int(high)) for low, high in padding[1:-1])
