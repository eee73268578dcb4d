"""Pooling over windows and over whole axes."""

from __future__ import annotations

from typing import Any

from epochal.keras import settings
from epochal.keras.layers.input_spec import InputSpec
from epochal.keras.layers.layer import Layer
from epochal.keras.layers.sizes import check_output, integers, padding_name, window_output
from epochal.tensor import Tensor
from epochal.tensor import functions as F


class BasePooling(Layer):
    """Pooling over windows of `rank` spatial axes."""

    _maximum = True
    _keeps_dtype = True

    def __init__(
        self,
        rank: int,
        pool_size: Any,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.rank = rank
        self.pool_size = integers(pool_size, rank, "pool_size")
        self.strides = self.pool_size if strides is None else integers(strides, rank, "strides")
        self.padding = padding_name(padding)
        self.data_format = settings.standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=rank + 2)
        self.built = True

    def call(self, inputs: Any) -> Tensor:
        self.compute_output_shape(inputs.shape)
        pool = F.max_pool if self._maximum else F.average_pool
        return pool(inputs, self.pool_size, self.strides, self.padding, self.data_format)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        first = self.data_format == "channels_first"
        space = input_shape[2:] if first else input_shape[1:-1]
        rows = zip(space, self.pool_size, self.strides, strict=True)
        sizes = tuple(window_output(size, window, stride, self.padding) for size, window, stride in rows)
        check_output(
            sizes,
            f"Layer '{self.name}' ({type(self).__name__}): computed output size would be zero or negative. Expected "
            f"inputs of at least {self.pool_size} in the spatial axes, or padding='same'. "
            f"Received: input_shape={tuple(input_shape)}, pool_size={self.pool_size}, strides={self.strides}.",
        )
        if first:
            return (input_shape[0], input_shape[1], *sizes)
        return (input_shape[0], *sizes, input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "padding": self.padding,
            "strides": self.strides,
            "data_format": self.data_format,
        }


class MaxPooling1D(BasePooling):
    """Greatest value of each window of steps.

    Args:
        pool_size: Length of the window.
        strides: Its step; ``None``: its length.
        padding: ``"valid"`` or ``"same"``.
        data_format: Where the channels are.
        name: Name.
        **kwargs: Of `Layer`.
    """

    def __init__(
        self,
        pool_size: Any = 2,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(1, pool_size, strides, padding, data_format, name, **kwargs)


class MaxPooling2D(BasePooling):
    """Greatest value of each window of an image.

    Args:
        pool_size: Size of the window, one integer or two.
        strides: Its steps; ``None``: its size.
        padding: ``"valid"`` or ``"same"``.
        data_format: Where the channels are.
        name: Name.
        **kwargs: Of `Layer`.
    """

    def __init__(
        self,
        pool_size: Any = (2, 2),
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(2, pool_size, strides, padding, data_format, name, **kwargs)


class AveragePooling1D(BasePooling):
    """Mean of each window of steps; padding does not count.

    Args:
        pool_size: Length of the window.
        strides: Its step; ``None``: its length.
        padding: ``"valid"`` or ``"same"``.
        data_format: Where the channels are.
        name: Name.
        **kwargs: Of `Layer`.
    """

    _maximum = False

    def __init__(
        self,
        pool_size: Any,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(1, pool_size, strides, padding, data_format, name, **kwargs)


class AveragePooling2D(BasePooling):
    """Mean of each window of an image; padding does not count.

    Args:
        pool_size: Size of the window, one integer or two.
        strides: Its steps; ``None``: its size.
        padding: ``"valid"`` or ``"same"``.
        data_format: Where the channels are.
        name: Name.
        **kwargs: Of `Layer`.
    """

    _maximum = False

    def __init__(
        self,
        pool_size: Any,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(2, pool_size, strides, padding, data_format, name, **kwargs)


class MaxPooling3D(BasePooling):
    """Greatest value of each window of a volume.

    Args:
        pool_size: Size of the window, one integer or three.
        strides: Its steps; ``None``: its size.
        padding: ``"valid"`` or ``"same"``.
        data_format: Where the channels are.
        name: Name.
        **kwargs: Of `Layer`.
    """

    def __init__(
        self,
        pool_size: Any = (2, 2, 2),
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(3, pool_size, strides, padding, data_format, name, **kwargs)


class AveragePooling3D(BasePooling):
    """Mean of each window of a volume; padding does not count.

    Args:
        pool_size: Size of the window, one integer or three.
        strides: Its steps; ``None``: its size.
        padding: ``"valid"`` or ``"same"``.
        data_format: Where the channels are.
        name: Name.
        **kwargs: Of `Layer`.
    """

    _maximum = False

    def __init__(
        self,
        pool_size: Any,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(3, pool_size, strides, padding, data_format, name, **kwargs)


class GlobalPooling(Layer):
    """Pooling over whole spatial axes.

    Args:
        data_format: Where the channels are.
        keepdims: Whether the axes stay, of size 1.
        **kwargs: Of `Layer`.
    """

    _rank = 2
    _keeps_dtype = True

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = settings.standardize_data_format(data_format)
        self.keepdims = keepdims
        self.input_spec = InputSpec(ndim=self._rank + 2)
        self.built = True

    def _axes(self) -> tuple[int, ...]:
        first = 2 if self.data_format == "channels_first" else 1
        return tuple(range(first, first + self._rank))

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        axes = self._axes()
        if self.keepdims:
            return tuple(1 if axis in axes else size for axis, size in enumerate(input_shape))
        return tuple(size for axis, size in enumerate(input_shape) if axis not in axes)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format, "keepdims": self.keepdims}


class GlobalMaxPooling2D(GlobalPooling):
    """Greatest value over an image. Arguments: those of `GlobalPooling`."""

    def call(self, inputs: Any) -> Tensor:
        return F.max(inputs, axis=self._axes(), keepdims=self.keepdims)


class GlobalMaxPooling1D(GlobalMaxPooling2D):
    """Greatest value over all steps. Arguments: those of `GlobalPooling`."""

    _rank = 1


class GlobalMaxPooling3D(GlobalMaxPooling2D):
    """Greatest value over a volume. Arguments: those of `GlobalPooling`."""

    _rank = 3


class GlobalAveragePooling2D(GlobalPooling):
    """Mean over an image. Arguments: those of `GlobalPooling`."""

    def call(self, inputs: Any) -> Tensor:
        return F.mean(inputs, axis=self._axes(), keepdims=self.keepdims)


class GlobalAveragePooling3D(GlobalAveragePooling2D):
    """Mean over a volume. Arguments: those of `GlobalPooling`."""

    _rank = 3


class GlobalAveragePooling1D(GlobalPooling):
    """Mean over all steps, or those that the mask keeps. Arguments: those of `GlobalPooling`."""

    _rank = 1

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(data_format, keepdims, **kwargs)
        self.supports_masking = True

    def call(self, inputs: Any, mask: Any = None) -> Tensor:
        axes = self._axes()
        if mask is None:
            return F.mean(inputs, axis=axes, keepdims=self.keepdims)
        kept = F.expand_dims(F.cast(mask, inputs.dtype), 2 if self.data_format == "channels_last" else 1)
        total = F.sum(F.multiply(inputs, kept), axis=axes, keepdims=self.keepdims)
        return F.divide(total, F.sum(kept, axis=axes, keepdims=self.keepdims))

    def compute_mask(self, inputs: Any, previous_mask: Any) -> None:
        return None


MaxPool1D = MaxPooling1D
MaxPool2D = MaxPooling2D
MaxPool3D = MaxPooling3D
AvgPool1D = AveragePooling1D
AvgPool2D = AveragePooling2D
AvgPool3D = AveragePooling3D
GlobalMaxPool1D = GlobalMaxPooling1D
GlobalMaxPool2D = GlobalMaxPooling2D
GlobalMaxPool3D = GlobalMaxPooling3D
GlobalAvgPool1D = GlobalAveragePooling1D
GlobalAvgPool2D = GlobalAveragePooling2D
GlobalAvgPool3D = GlobalAveragePooling3D
