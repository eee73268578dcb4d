"""Convolutions."""

from __future__ import annotations

from typing import Any

from epochal.errors import ArgumentError, ShapeError
from epochal.keras import activations, constraints, initializers, regularizers, settings
from epochal.keras.layers.input_spec import InputSpec
from epochal.keras.layers.layer import Layer
from epochal.keras.layers.sizes import check_output, integers, padding_name, positive, window_output
from epochal.tensor import Tensor
from epochal.tensor import functions as F


class BaseConv(Layer):
    """A convolution over `rank` spatial axes; see `Conv2D`."""

    def __init__(
        self,
        rank: int,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        groups: int = 1,
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
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.rank = rank
        self.filters = positive(filters, "filters")
        self.groups = positive(groups, "groups")
        self.kernel_size = integers(kernel_size, rank, "kernel_size")
        self.strides = integers(strides, rank, "strides")
        self.dilation_rate = integers(dilation_rate, rank, "dilation_rate")
        self.padding = padding_name(padding, causal=rank == 1)
        self.data_format = settings.standardize_data_format(data_format)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.input_spec = InputSpec(min_ndim=rank + 2)
        self.bias = None
        if self.filters % self.groups:
            raise ArgumentError(
                "The number of filters must be evenly divisible by the number of groups. "
                f"Received: groups={groups}, filters={filters}."
            )
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ArgumentError(
                "`strides > 1` is not supported in conjunction with `dilation_rate > 1`. "
                f"Received: strides={self.strides} and dilation_rate={self.dilation_rate}"
            )

    def _channels(self, input_shape: Any) -> int:
        axis = 1 if self.data_format == "channels_first" else -1
        if input_shape[axis] is None:
            raise ShapeError(
                f"Layer '{self.name}' ({type(self).__name__}): the channel axis of the inputs must be known. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        return int(input_shape[axis])

    def build(self, input_shape: Any) -> None:
        channels = self._channels(input_shape)
        axis = 1 if self.data_format == "channels_first" else -1
        self.input_spec = InputSpec(min_ndim=self.rank + 2, axes={axis: channels})
        if channels % self.groups:
            raise ArgumentError(
                f"Layer '{self.name}' ({type(self).__name__}): the number of input channels must be evenly divisible "
                "by "
                f"the number of groups. Received groups={self.groups}, but the input has {channels} channels "
                f"(full input shape is {tuple(input_shape)})."
            )
        self.kernel = self.add_weight(
            name="kernel",
            shape=(*self.kernel_size, channels // self.groups, self.filters),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(self.filters,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
        self.compute_output_shape(input_shape)

    def call(self, inputs: Any) -> Tensor:
        self.compute_output_shape(inputs.shape)
        outputs = F.conv(
            inputs,
            self._cast(self.kernel),
            strides=self.strides,
            padding=self.padding,
            dilation_rate=self.dilation_rate,
            groups=self.groups,
            data_format=self.data_format,
        )
        if self.bias is not None:
            bias = self._cast(self.bias)
            if self.data_format == "channels_first":
                bias = F.reshape(bias, (self.filters,) + (1,) * self.rank)
            outputs = F.add(outputs, bias)
        return self.activation(outputs)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        first = self.data_format == "channels_first"
        space = input_shape[2:] if first else input_shape[1:-1]
        sizes = tuple(
            window_output(size, window, stride, self.padding, dilation)
            for size, window, stride, dilation in zip(
                space, self.kernel_size, self.strides, self.dilation_rate, strict=True
            )
        )
        check_output(
            sizes,
            f"Layer '{self.name}' ({type(self).__name__}): computed output size would be zero or negative. Expected "
            "inputs of at least "
            f"{tuple((k - 1) * d + 1 for k, d in zip(self.kernel_size, self.dilation_rate, strict=True))} "
            f"in the spatial axes, or padding='same'. Received: input_shape={tuple(input_shape)}, "
            f"kernel_size={self.kernel_size}, dilation_rate={self.dilation_rate}, strides={self.strides}, "
            f"padding={self.padding}.",
        )
        return (input_shape[0], self.filters, *sizes) if first else (input_shape[0], *sizes, self.filters)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
            "groups": self.groups,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
        }


class Conv1D(BaseConv):
    """Convolution over time: ``[batch, steps, channels]``.

    Args:
        filters: Channels of the output.
        kernel_size: Length of the window.
        strides: Its step.
        padding: ``"valid"``, ``"same"`` or ``"causal"`` (output t depends on inputs up to t).
        data_format: Where the channels are.
        dilation_rate: Distance of the window's entries.
        groups: Into how many independent groups channels are divided.
        activation: Function, or its name.
        use_bias: Whether there is a bias.
        kernel_initializer: Start of the kernel ``[window, channels / groups, filters]``.
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
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        groups: int = 1,
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
        super().__init__(
            1, filters, kernel_size, strides, padding, data_format, dilation_rate, groups, activation, use_bias,
            kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, activity_regularizer,
            kernel_constraint, bias_constraint, **kwargs,
        )  # fmt: skip


class Conv2D(BaseConv):
    """Convolution over images: ``[batch, rows, columns, channels]``.

    Args:
        filters: Channels of the output.
        kernel_size: Size of the window, one integer or two.
        strides: Its steps.
        padding: ``"valid"``: the window stays inside; ``"same"``: zeros around, so that stride 1 keeps the size.
        data_format: Where the channels are.
        dilation_rate: Distance of the window's entries.
        groups: Into how many independent groups channels are divided.
        activation: Function, or its name.
        use_bias: Whether there is a bias.
        kernel_initializer: Start of the kernel ``[*window, channels / groups, filters]``.
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
        data_format: str | None = None,
        dilation_rate: Any = (1, 1),
        groups: int = 1,
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
        super().__init__(
            2, filters, kernel_size, strides, padding, data_format, dilation_rate, groups, activation, use_bias,
            kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, activity_regularizer,
            kernel_constraint, bias_constraint, **kwargs,
        )  # fmt: skip


class Conv3D(BaseConv):
    """Convolution over volumes: ``[batch, depth, rows, columns, channels]``.

    Args:
        filters: Channels of the output.
        kernel_size: Size of the window, one integer or three.
        strides: Its steps.
        padding: ``"valid"``: the window stays inside; ``"same"``: zeros around, so that stride 1 keeps the size.
        data_format: Where the channels are.
        dilation_rate: Distance of the window's entries.
        groups: Into how many independent groups channels are divided.
        activation: Function, or its name.
        use_bias: Whether there is a bias.
        kernel_initializer: Start of the kernel ``[*window, channels / groups, filters]``.
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
        strides: Any = (1, 1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = (1, 1, 1),
        groups: int = 1,
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
        super().__init__(
            3, filters, kernel_size, strides, padding, data_format, dilation_rate, groups, activation, use_bias,
            kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, activity_regularizer,
            kernel_constraint, bias_constraint, **kwargs,
        )  # fmt: skip


Convolution1D = Conv1D
Convolution2D = Conv2D
Convolution3D = Conv3D
