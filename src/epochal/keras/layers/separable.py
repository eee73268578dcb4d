"""Convolutions channel by channel, and transposed ones."""

from __future__ import annotations

from typing import Any

from epochal.errors import ArgumentError, ShapeError
from epochal.keras import activations, constraints, initializers, regularizers, settings
from epochal.keras.layers.input_spec import InputSpec
from epochal.keras.layers.layer import Layer
from epochal.keras.layers.sizes import check_output, integers, padding_name, positive, window_output
from epochal.tensor import Tensor
from epochal.tensor import functions as F


class _Window(Layer):
    """What these convolutions share: a window, its steps and a bias."""

    rank = 2
    _parts: tuple[str, ...] = ("kernel",)

    def _set_window(self, given: dict[str, Any]) -> None:
        rank = self.rank
        self.kernel_size = integers(given["kernel_size"], rank, "kernel_size")
        self.strides = integers(given["strides"], rank, "strides")
        self.dilation_rate = integers(given["dilation_rate"], rank, "dilation_rate")
        self.padding = padding_name(given["padding"])
        self.data_format = settings.standardize_data_format(given["data_format"])
        self.activation = activations.get(given["activation"])
        self.use_bias = given["use_bias"]
        for part in (*self._parts, "bias"):
            setattr(self, f"{part}_initializer", initializers.get(given[f"{part}_initializer"]))
            setattr(self, f"{part}_regularizer", regularizers.get(given[f"{part}_regularizer"]))
            setattr(self, f"{part}_constraint", constraints.get(given[f"{part}_constraint"]))
        self.input_spec = InputSpec(min_ndim=rank + 2)
        self.bias = None

    def _channel_axis(self) -> int:
        return 1 if self.data_format == "channels_first" else -1

    def _channels(self, input_shape: Any) -> int:
        channels = input_shape[self._channel_axis()]
        if channels is None:
            raise ShapeError(
                f"Layer '{self.name}' ({type(self).__name__}): the channel axis of the inputs must be known. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        self.input_spec = InputSpec(min_ndim=self.rank + 2, axes={self._channel_axis(): channels})
        return int(channels)

    def _add_part(self, part: str, name: str, shape: tuple[int, ...]) -> Any:
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=getattr(self, f"{part}_initializer"),
            regularizer=getattr(self, f"{part}_regularizer"),
            constraint=getattr(self, f"{part}_constraint"),
        )

    def _finish(self, outputs: Tensor, filters: int) -> Tensor:
        if self.bias is not None:
            bias = self._cast(self.bias)
            if self.data_format == "channels_first":
                bias = F.reshape(bias, (filters,) + (1,) * self.rank)
            outputs = F.add(outputs, bias)
        return self.activation(outputs)

    def _output(self, input_shape: Any, filters: int) -> tuple[int | None, ...]:
        first = self.data_format == "channels_first"
        space = input_shape[2:] if first else input_shape[1:-1]
        rows = zip(space, self.kernel_size, self.strides, self.dilation_rate, strict=True)
        sizes = tuple(window_output(size, k, stride, self.padding, d) for size, k, stride, d in rows)
        check_output(
            sizes,
            f"Layer '{self.name}' ({type(self).__name__}): computed output size would be zero or negative. Expected "
            f"larger inputs, or padding='same'. Received: input_shape={tuple(input_shape)}, "
            f"kernel_size={self.kernel_size}, dilation_rate={self.dilation_rate}, strides={self.strides}.",
        )
        return (input_shape[0], filters, *sizes) if first else (input_shape[0], *sizes, filters)

    def _window_config(self) -> dict[str, Any]:
        return {
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
        }

    def _part_config(self) -> dict[str, Any]:
        parts = (*self._parts, "bias")
        return {
            **{f"{part}_initializer": initializers.serialize(getattr(self, f"{part}_initializer")) for part in parts},
            **{f"{part}_regularizer": regularizers.serialize(getattr(self, f"{part}_regularizer")) for part in parts},
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            **{f"{part}_constraint": constraints.serialize(getattr(self, f"{part}_constraint")) for part in parts},
        }


class DepthwiseConv2D(_Window):
    """Convolution of each channel by itself.

    Args:
        kernel_size: Size of the window.
        strides: Its steps.
        padding: ``"valid"`` or ``"same"``.
        depth_multiplier: Outputs a channel.
        data_format: Where the channels are.
        dilation_rate: Distance of the window's entries.
        activation: Function, or its name.
        use_bias: Whether there is a bias.
        depthwise_initializer: Start of the kernel ``[*window, channels, depth_multiplier]``.
        bias_initializer: Start of the bias.
        depthwise_regularizer: Penalty on the kernel.
        bias_regularizer: Penalty on the bias.
        activity_regularizer: Penalty on the output.
        depthwise_constraint: Projection of the kernel after updates.
        bias_constraint: Projection of the bias after updates.
        **kwargs: Of `Layer`.
    """

    _parts = ("depthwise",)

    def __init__(
        self,
        kernel_size: Any,
        strides: Any = (1, 1),
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Any = (1, 1),
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        given = {key: value for key, value in locals().items() if key != "kwargs"}
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._set_window(given)
        self.depth_multiplier = positive(depth_multiplier, "depth_multiplier")

    def build(self, input_shape: Any) -> None:
        channels = self._channels(input_shape)
        self.kernel = self._add_part("depthwise", "kernel", (*self.kernel_size, channels, self.depth_multiplier))
        if self.use_bias:
            self.bias = self._add_part("bias", "bias", (channels * self.depth_multiplier,))

    def call(self, inputs: Any) -> Tensor:
        filters = self._channels(inputs.shape) * self.depth_multiplier
        self._output(inputs.shape, filters)
        outputs = F.depthwise_conv(
            inputs, self._cast(self.kernel), self.strides, self.padding, self.dilation_rate, self.data_format
        )
        return self._finish(outputs, filters)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return self._output(input_shape, self._channels(input_shape) * self.depth_multiplier)

    def get_config(self) -> dict[str, Any]:
        own = {"depth_multiplier": self.depth_multiplier}
        return {**super().get_config(), **own, **self._window_config(), **self._part_config()}


class DepthwiseConv1D(DepthwiseConv2D):
    """Convolution over time of each channel by itself. Arguments: those of `DepthwiseConv2D`, for one axis."""

    rank = 1

    def __init__(self, kernel_size: Any, strides: Any = 1, padding: str = "valid", *args: Any, **kwargs: Any) -> None:
        if len(args) < 3:
            kwargs.setdefault("dilation_rate", 1)
        super().__init__(kernel_size, strides, padding, *args, **kwargs)


class SeparableConv2D(_Window):
    """Convolution of each channel by itself, then a mix of channels at each place.

    Args:
        filters: Channels of the output.
        kernel_size: Size of the window.
        strides: Its steps.
        padding: ``"valid"`` or ``"same"``.
        data_format: Where the channels are.
        dilation_rate: Distance of the window's entries.
        depth_multiplier: Outputs a channel of the first part.
        activation: Function, or its name.
        use_bias: Whether there is a bias.
        depthwise_initializer: Start of the first kernel ``[*window, channels, depth_multiplier]``.
        pointwise_initializer: Start of the second kernel.
        bias_initializer: Start of the bias.
        depthwise_regularizer: Penalty on the first kernel.
        pointwise_regularizer: Penalty on the second kernel.
        bias_regularizer: Penalty on the bias.
        activity_regularizer: Penalty on the output.
        depthwise_constraint: Projection of the first kernel after updates.
        pointwise_constraint: Projection of the second kernel after updates.
        bias_constraint: Projection of the bias after updates.
        **kwargs: Of `Layer`.
    """

    _parts = ("depthwise", "pointwise")

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = (1, 1),
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        given = {key: value for key, value in locals().items() if key != "kwargs"}
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._set_window(given)
        self.filters = positive(filters, "filters")
        self.depth_multiplier = positive(depth_multiplier, "depth_multiplier")

    def build(self, input_shape: Any) -> None:
        channels = self._channels(input_shape)
        shape = (*self.kernel_size, channels, self.depth_multiplier)
        self.depthwise_kernel = self._add_part("depthwise", "depthwise_kernel", shape)
        shape = (*(1,) * self.rank, channels * self.depth_multiplier, self.filters)
        self.pointwise_kernel = self._add_part("pointwise", "pointwise_kernel", shape)
        if self.use_bias:
            self.bias = self._add_part("bias", "bias", (self.filters,))

    def call(self, inputs: Any) -> Tensor:
        self._output(inputs.shape, self.filters)
        outputs = F.separable_conv(
            inputs,
            self._cast(self.depthwise_kernel),
            self._cast(self.pointwise_kernel),
            self.strides,
            self.padding,
            self.dilation_rate,
            self.data_format,
        )
        return self._finish(outputs, self.filters)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return self._output(input_shape, self.filters)

    def get_config(self) -> dict[str, Any]:
        own = {"depth_multiplier": self.depth_multiplier, "filters": self.filters}
        return {**super().get_config(), **own, **self._window_config(), **self._part_config()}


class SeparableConv1D(SeparableConv2D):
    """`SeparableConv2D` over time. Arguments: those of `SeparableConv2D`, for one axis."""

    rank = 1

    def __init__(
        self, filters: int, kernel_size: Any, strides: Any = 1, padding: str = "valid", *args: Any, **kwargs: Any
    ) -> None:
        if len(args) < 2:
            kwargs.setdefault("dilation_rate", 1)
        super().__init__(filters, kernel_size, strides, padding, *args, **kwargs)


class Conv2DTranspose(_Window):
    """The transpose of a convolution: makes images larger.

    Args:
        filters: Channels of the output.
        kernel_size: Size of the window.
        strides: Size of the output over that of the input.
        padding: ``"valid"`` or ``"same"``.
        output_padding: Added to one side of the output.
        data_format: Where the channels are.
        dilation_rate: Distance of the window's entries.
        activation: Function, or its name.
        use_bias: Whether there is a bias.
        kernel_initializer: Start of the kernel ``[*window, filters, channels]``.
        bias_initializer: Start of the bias.
        kernel_regularizer: Penalty on the kernel.
        bias_regularizer: Penalty on the bias.
        activity_regularizer: Penalty on the output.
        kernel_constraint: Projection of the kernel after updates.
        bias_constraint: Projection of the bias after updates.
        **kwargs: Of `Layer`.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1),
        padding: str = "valid",
        output_padding: Any = None,
        data_format: str | None = None,
        dilation_rate: Any = (1, 1),
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        given = {key: value for key, value in locals().items() if key != "kwargs"}
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._set_window(given)
        self.filters = positive(filters, "filters")
        self.output_padding = None
        if output_padding is not None:
            self.output_padding = integers(output_padding, self.rank, "output_padding", allow_zero=True)
            if any(extra >= stride for extra, stride in zip(self.output_padding, self.strides, strict=True)):
                raise ArgumentError(
                    f"Strides must be greater than output padding. Received strides={self.strides}, "
                    f"output_padding={self.output_padding}."
                )

    def build(self, input_shape: Any) -> None:
        channels = self._channels(input_shape)
        self.kernel = self._add_part("kernel", "kernel", (*self.kernel_size, self.filters, channels))
        if self.use_bias:
            self.bias = self._add_part("bias", "bias", (self.filters,))

    def call(self, inputs: Any) -> Tensor:
        outputs = F.conv_transpose(
            inputs,
            self._cast(self.kernel),
            self.strides,
            self.padding,
            self.output_padding,
            self.dilation_rate,
            self.data_format,
        )
        return self._finish(outputs, self.filters)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        first = self.data_format == "channels_first"
        space = input_shape[2:] if first else input_shape[1:-1]
        extra = self.output_padding or (None,) * self.rank
        rows = zip(space, self.kernel_size, self.strides, self.dilation_rate, extra, strict=True)
        sizes = [self._size(*row) for row in rows]
        return (input_shape[0], self.filters, *sizes) if first else (input_shape[0], *sizes, self.filters)

    def _size(self, size: int | None, window: int, stride: int, dilation: int, extra: int | None) -> int | None:
        if size is None:
            return None
        span = (window - 1) * dilation + 1
        if extra is None:
            return size * stride + (max(span - stride, 0) if self.padding == "valid" else 0)
        cut = (span // 2) * 2 if self.padding == "same" else 0
        return (size - 1) * stride + span - cut + extra

    def get_config(self) -> dict[str, Any]:
        own = {"filters": self.filters, "output_padding": self.output_padding}
        return {**super().get_config(), **own, **self._window_config(), **self._part_config()}


class Conv1DTranspose(Conv2DTranspose):
    """The transpose of a convolution over time. Arguments: those of `Conv2DTranspose`, for one axis."""

    rank = 1

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        output_padding: Any = None,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            filters, kernel_size, strides, padding, output_padding, data_format, dilation_rate, *args, **kwargs
        )


class Conv3DTranspose(Conv2DTranspose):
    """The transpose of a convolution over volumes. Arguments: those of `Conv2DTranspose`, for three axes."""

    rank = 3

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        output_padding: Any = None,
        dilation_rate: Any = (1, 1, 1),
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            filters, kernel_size, strides, padding, output_padding, data_format, dilation_rate, *args, **kwargs
        )


Convolution1DTranspose = Conv1DTranspose
Convolution2DTranspose = Conv2DTranspose
Convolution3DTranspose = Conv3DTranspose
SeparableConvolution1D = SeparableConv1D
SeparableConvolution2D = SeparableConv2D
