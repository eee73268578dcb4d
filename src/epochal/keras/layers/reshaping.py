"""Layers that lay out their input anew."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from epochal.errors import ArgumentError, NotSupportedError, ShapeError
from epochal.keras import settings
from epochal.keras.layers.input_spec import InputSpec
from epochal.keras.layers.layer import Layer
from epochal.keras.layers.sizes import integers, positive
from epochal.learn.images import resize
from epochal.tensor import Tensor
from epochal.tensor import functions as F


class _Movement(Layer):
    """A layer without weights whose output has the element type of its input."""

    _keeps_dtype = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.built = True


class Flatten(_Movement):
    """All axes but the batch's merged into one.

    Args:
        data_format: With ``"channels_first"``, channels are moved last before.
        **kwargs: Of `Layer`.
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = settings.standardize_data_format(data_format)
        self.input_spec = InputSpec(min_ndim=1)

    def call(self, inputs: Any) -> Tensor:
        if self.data_format == "channels_first" and inputs.ndim > 2:
            inputs = F.moveaxis(inputs, 1, -1)
        return F.reshape(inputs, (inputs.dimensions[0], *_merged(inputs.shape[1:])))

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        rest = input_shape[1:]
        return (input_shape[0], None if None in rest else math.prod(rest))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format}


def _merged(rest: tuple[int | None, ...]) -> tuple[int]:
    return (-1 if None in rest else math.prod(rest),)


class Reshape(_Movement):
    """Another shape of as many elements.

    Args:
        target_shape: Without the batch axis; one size may be -1.
        **kwargs: Of `Layer`.
    """

    def __init__(self, target_shape: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        shape = (target_shape,) if isinstance(target_shape, int) else tuple(target_shape)
        if sum(size == -1 for size in shape) > 1:
            raise ArgumentError(f"The `target_shape` argument must not contain more than one `-1`. Received: {shape}")
        self.target_shape = shape

    def call(self, inputs: Any) -> Tensor:
        _, *sizes = self.compute_output_shape(inputs.shape)
        known = None not in sizes
        return F.reshape(inputs, (inputs.dimensions[0], *(sizes if known else self.target_shape)))

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        rest = tuple(input_shape[1:])
        if None in rest:
            return (input_shape[0], *(None if size == -1 else size for size in self.target_shape))
        total = math.prod(rest)
        known = math.prod(size for size in self.target_shape if size != -1)
        if (-1 in self.target_shape and (known == 0 or total % known)) or (
            -1 not in self.target_shape and known != total
        ):
            raise ShapeError(
                f"Layer '{self.name}' (Reshape): the total size of the tensor must be unchanged. "
                f"Expected {total} elements. Received: input_shape={rest}, target_shape={self.target_shape}"
            )
        return (input_shape[0], *(total // known if size == -1 else size for size in self.target_shape))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "target_shape": self.target_shape}


class Permute(_Movement):
    """Axes in another order.

    Args:
        dims: Which axis each axis of the output is; counted from 1, the batch axis (0) stays.
        **kwargs: Of `Layer`.
    """

    def __init__(self, dims: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ArgumentError(
                "Invalid permutation argument `dims` for Permute Layer. The set of indices in `dims` must be "
                "consecutive "
                f"and start from 1. Received dims={dims}"
            )
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)

    def call(self, inputs: Any) -> Tensor:
        return F.transpose(inputs, (0, *self.dims))

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return (input_shape[0], *(input_shape[axis] for axis in self.dims))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "dims": self.dims}


class RepeatVector(_Movement):
    """``[batch, features]`` to ``[batch, n, features]``.

    Args:
        n: How often.
        **kwargs: Of `Layer`.
    """

    def __init__(self, n: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(n, (int, np.integer)):
            raise TypeError(f"Expected an integer value for `n`, got {type(n)}.")
        self.n = int(n)
        self.input_spec = InputSpec(ndim=2)

    def call(self, inputs: Any) -> Tensor:
        return F.repeat(F.expand_dims(inputs, 1), self.n, axis=1)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return (input_shape[0], self.n, input_shape[1])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "n": self.n}


def _pairs(value: Any, count: int, name: str) -> tuple[tuple[int, int], ...]:
    """`value` as one (before, after) pair an axis: an integer, one integer an axis, or the pairs."""
    if isinstance(value, int):
        return ((value, value),) * count
    if count == 1 and len(value) == 2 and not hasattr(value[0], "__len__"):
        return (integers(value, 2, name, allow_zero=True),)  # type: ignore[return-value]
    if len(value) != count:
        raise ArgumentError(f"`{name}` should have {count} elements. Received: {name}={value}")
    return tuple((item, item) if isinstance(item, int) else integers(item, 2, name, allow_zero=True) for item in value)  # type: ignore[misc]


class _Spatial(_Movement):
    """A layer that changes the size of spatial axes."""

    _axes = 2
    _channels_always_last = False

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = settings.standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self._axes + 2)

    def _first(self) -> int:
        return 2 if self.data_format == "channels_first" else 1

    def _resized(self, input_shape: Any, sizes: list[int | None]) -> tuple[int | None, ...]:
        shape = list(input_shape)
        shape[self._first() : self._first() + self._axes] = sizes
        return tuple(shape)

    def _space(self, input_shape: Any) -> tuple[int | None, ...]:
        return tuple(input_shape[self._first() : self._first() + self._axes])


class ZeroPadding2D(_Spatial):
    """Rows and columns of zeros around images.

    Args:
        padding: An integer, one an axis, or ``((top, bottom), (left, right))``.
        data_format: Where the channels are.
        **kwargs: Of `Layer`.
    """

    def __init__(self, padding: Any = (1, 1), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(data_format, **kwargs)
        self.padding = _pairs(padding, self._axes, "padding")

    def call(self, inputs: Any) -> Tensor:
        widths = [(0, 0)] * inputs.ndim
        widths[self._first() : self._first() + self._axes] = self.padding
        return F.pad(inputs, widths)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        pairs = zip(self._space(input_shape), self.padding, strict=True)
        return self._resized(input_shape, [None if size is None else size + sum(pair) for size, pair in pairs])

    def get_config(self) -> dict[str, Any]:
        padding = self.padding if self._axes > 1 else self.padding[0]
        return {**super().get_config(), "padding": padding, "data_format": self.data_format}


class ZeroPadding1D(ZeroPadding2D):
    """Zeros before and after a sequence.

    Args:
        padding: An integer, or ``(before, after)``.
        data_format: Where the channels are.
        **kwargs: Of `Layer`.
    """

    _axes = 1

    def __init__(self, padding: Any = 1, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(padding, data_format, **kwargs)


class ZeroPadding3D(ZeroPadding2D):
    """Zeros around volumes.

    Args:
        padding: An integer, one an axis, or a (before, after) pair an axis.
        data_format: Where the channels are.
        **kwargs: Of `Layer`.
    """

    _axes = 3

    def __init__(self, padding: Any = (1, 1, 1), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(padding, data_format, **kwargs)


class Cropping2D(_Spatial):
    """Images without some outer rows and columns.

    Args:
        cropping: An integer, one an axis, or ``((top, bottom), (left, right))``.
        data_format: Where the channels are.
        **kwargs: Of `Layer`.
    """

    def __init__(self, cropping: Any = ((0, 0), (0, 0)), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(data_format, **kwargs)
        self.cropping = _pairs(cropping, self._axes, "cropping")

    def call(self, inputs: Any) -> Tensor:
        self.compute_output_shape(inputs.shape)
        index: list[Any] = [slice(None)] * inputs.ndim
        for axis, (before, after) in enumerate(self.cropping, self._first()):
            index[axis] = slice(before, -after if after else None)
        return inputs[tuple(index)]

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        space = self._space(input_shape)
        sizes = [None if size is None else size - sum(pair) for size, pair in zip(space, self.cropping, strict=True)]
        if any(size is not None and size <= 0 for size in sizes):
            raise ShapeError(
                f"Layer '{self.name}' ({type(self).__name__}): cropping takes all of the input. Expected more than "
                f"{[sum(pair) for pair in self.cropping]} rows and columns. Received: input_shape={tuple(input_shape)}"
            )
        return self._resized(input_shape, sizes)

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), "cropping": self.cropping if self._axes > 1 else self.cropping[0]}
        return {**config, "data_format": self.data_format} if self._axes > 1 else config


class Cropping1D(Cropping2D):
    """A sequence without some first and last steps.

    Args:
        cropping: An integer, or ``(first, last)``.
        **kwargs: Of `Layer`.
    """

    _axes = 1

    def __init__(self, cropping: Any = (1, 1), **kwargs: Any) -> None:
        super().__init__(cropping, "channels_last", **kwargs)


class Cropping3D(Cropping2D):
    """Volumes without their outer parts.

    Args:
        cropping: An integer, one an axis, or a (before, after) pair an axis.
        data_format: Where the channels are.
        **kwargs: Of `Layer`.
    """

    _axes = 3

    def __init__(self, cropping: Any = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(cropping, data_format, **kwargs)


class UpSampling2D(_Spatial):
    """Each pixel repeated.

    Args:
        size: How often, an integer or one an axis.
        data_format: Where the channels are.
        interpolation: ``"nearest"``, or ``"bilinear"``: between the centres of pixels.
        **kwargs: Of `Layer`.
    """

    def __init__(
        self, size: Any = (2, 2), data_format: str | None = None, interpolation: str = "nearest", **kwargs: Any
    ) -> None:
        super().__init__(data_format, **kwargs)
        if interpolation not in ("nearest", "bilinear"):
            raise ArgumentError(
                "`interpolation` of UpSampling2D must be 'nearest' or 'bilinear'; others are not supported. Received: "
                f"{interpolation!r}"
            )
        self.size = integers(size, self._axes, "size")
        self.interpolation = interpolation

    def call(self, inputs: Any) -> Tensor:
        if self.interpolation == "bilinear":
            size = self._space(self.compute_output_shape(inputs.shape))
            return resize(inputs, size, "bilinear", self._first())
        for axis, times in enumerate(self.size, self._first()):
            inputs = F.repeat(inputs, times, axis=axis)
        return inputs

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        pairs = zip(self._space(input_shape), self.size, strict=True)
        return self._resized(input_shape, [None if size is None else size * times for size, times in pairs])

    def get_config(self) -> dict[str, Any]:
        named = {"size": self.size, "data_format": self.data_format, "interpolation": self.interpolation}
        return {**super().get_config(), **named}


class UpSampling1D(UpSampling2D):
    """Each step repeated.

    Args:
        size: How often.
        **kwargs: Of `Layer`.
    """

    _axes = 1

    def __init__(self, size: int = 2, **kwargs: Any) -> None:
        super().__init__(size, "channels_last", **kwargs)

    def get_config(self) -> dict[str, Any]:
        return {**Layer.get_config(self), "size": self.size[0]}


class UpSampling3D(UpSampling2D):
    """Each cell of a volume repeated.

    Args:
        size: How often, an integer or one an axis.
        data_format: Where the channels are.
        **kwargs: Of `Layer`.
    """

    _axes = 3

    def __init__(self, size: Any = (2, 2, 2), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(size, data_format, **kwargs)

    def get_config(self) -> dict[str, Any]:
        return {**Layer.get_config(self), "size": self.size, "data_format": self.data_format}


class Resizing(_Movement):
    """Images of another size.

    Args:
        height: Rows.
        width: Columns.
        interpolation: ``"bilinear"`` or ``"nearest"``.
        crop_to_aspect_ratio: Not supported.
        pad_to_aspect_ratio: Not supported.
        fill_mode: No effect.
        fill_value: No effect.
        antialias: Not supported.
        data_format: Where the channels are.
        **kwargs: Of `Layer`.
    """

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_mode: str = "constant",
        fill_value: float = 0.0,
        antialias: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.height = positive(height, "height")
        self.width = positive(width, "width")
        self.data_format = settings.standardize_data_format(data_format)
        if antialias or crop_to_aspect_ratio or pad_to_aspect_ratio:
            raise NotSupportedError(
                "Resizing with `antialias` or to an aspect ratio is not supported. Crop or pad before."
            )
        self._how: dict[str, Any] = {
            "interpolation": interpolation,
            "antialias": antialias,
            "crop_to_aspect_ratio": crop_to_aspect_ratio,
            "pad_to_aspect_ratio": pad_to_aspect_ratio,
            "fill_mode": fill_mode,
            "fill_value": fill_value,
        }

    def call(self, inputs: Any) -> Tensor:
        rows = -2 if self.data_format == "channels_first" else -3
        return resize(inputs, (self.height, self.width), self._how["interpolation"], rows)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        shape = list(input_shape)
        rows = len(shape) - (2 if self.data_format == "channels_first" else 3)
        shape[rows : rows + 2] = [self.height, self.width]
        return tuple(shape)

    def get_config(self) -> dict[str, Any]:
        size = {"height": self.height, "width": self.width}
        return {**super().get_config(), **size, **self._how, "data_format": self.data_format}
