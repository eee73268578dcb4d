"""Images ``[batch, rows, columns, channels]``, or one without the batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from epochal.errors import ArgumentError, NotSupportedError
from epochal.keras import settings
from epochal.learn.images import resize as images_of_size
from epochal.tensor import Tensor, convert
from epochal.tensor import functions as F


def _first(data_format: str | None) -> bool:
    return settings.standardize_data_format(data_format) == "channels_first"


def resize(
    images: Any,
    size: Any,
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> Tensor:
    """Images of another size; see `epochal.learn.images.resize`. Cropping and padding to a shape are not supported."""
    if antialias or crop_to_aspect_ratio or pad_to_aspect_ratio:
        raise NotSupportedError("resize with `antialias` or to an aspect ratio is not supported. Crop or pad before.")
    return images_of_size(images, size, interpolation, -2 if _first(data_format) else -3)


def rgb_to_grayscale(images: Any, data_format: str | None = None) -> Tensor:
    """Brightness, by the weights of ITU-R BT.601."""
    axis = -3 if _first(data_format) else -1
    tensor = convert(images)
    numbers = F.moveaxis(tensor if tensor.dtype.is_floating else F.cast(tensor, "float32"), axis, -1)
    gray = F.sum(F.multiply(numbers, np.array([0.2989, 0.5870, 0.1140], "float32")), axis=-1, keepdims=True)
    return F.cast(F.moveaxis(gray, -1, axis), tensor.dtype)


def _sides(before: int | None, after: int | None, change: int | None, what: str) -> tuple[int, int]:
    """Before and after, of which one may be left to the target size."""
    if before is not None and after is not None:
        return before, after
    if change is None:
        raise ArgumentError(f"Expected two of the {what} and the target size to be given. Received too few.")
    if before is None:
        return change - (after or 0), after or 0
    return before, change - before


def _resized(
    images: Any, given: tuple[int | None, ...], target: tuple[int | None, int | None], data_format: Any, sign: int
) -> tuple[Tensor, list[tuple[int, int]], int]:
    tensor = convert(images)
    rows = tensor.ndim - (2 if _first(data_format) else 3)
    what = "paddings" if sign > 0 else "croppings"
    sides = []
    for index, wanted in enumerate(target):
        size = tensor.shape[rows + index]
        change = None if wanted is None or size is None else sign * (wanted - size)
        sides.append(_sides(given[2 * index], given[2 * index + 1], change, what))
    return tensor, sides, rows


def pad_images(
    images: Any,
    top_padding: int | None = None,
    left_padding: int | None = None,
    bottom_padding: int | None = None,
    right_padding: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Tensor:
    """Zeros around images: two of top, bottom and target height, and of left, right and target width."""
    given = (top_padding, bottom_padding, left_padding, right_padding)
    tensor, sides, rows = _resized(images, given, (target_height, target_width), data_format, 1)
    widths = [(0, 0)] * tensor.ndim
    widths[rows : rows + 2] = sides
    return F.pad(tensor, widths)


def crop_images(
    images: Any,
    top_cropping: int | None = None,
    left_cropping: int | None = None,
    bottom_cropping: int | None = None,
    right_cropping: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Tensor:
    """Images without outer rows and columns: two of top, bottom and target height, and of left, right and width."""
    given = (top_cropping, bottom_cropping, left_cropping, right_cropping)
    tensor, sides, rows = _resized(images, given, (target_height, target_width), data_format, -1)
    index: list[Any] = [slice(None)] * tensor.ndim
    for axis, (before, after) in enumerate(sides, rows):
        index[axis] = slice(before, -after if after else None)
    return tensor[tuple(index)]
