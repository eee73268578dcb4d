"""Images of other sizes."""

from __future__ import annotations

from typing import Any

import numpy as np

from epochal.errors import NotSupportedError, ShapeError
from epochal.tensor import Tensor, convert
from epochal.tensor import functions as F


def resize(images: Any, size: Any, interpolation: str = "bilinear", rows: int = -3) -> Tensor:
    """Rows and columns of another number, as TensorFlow computes them (centres of pixels at halves).

    Args:
        images: One image or several.
        size: Rows and columns.
        interpolation: ``"bilinear"`` or ``"nearest"``.
        rows: Axis of the rows; that of the columns follows.
    """
    if interpolation not in ("bilinear", "nearest"):
        raise NotSupportedError(f"`interpolation` must be 'bilinear' or 'nearest'. Received: {interpolation!r}")
    tensor = convert(images)
    for axis, wanted in enumerate(size, rows % tensor.ndim):
        tensor = _along(tensor, axis, int(wanted), interpolation)
    return tensor


def _along(x: Tensor, axis: int, wanted: int, interpolation: str) -> Tensor:
    size = x.shape[axis]
    if size is None:
        raise ShapeError(f"resize needs known rows and columns. Received shape: {x.shape}")
    if size == wanted:
        return x
    centres = (np.arange(wanted) + 0.5) * (size / wanted)
    if interpolation == "nearest":
        return F.take(x, np.minimum(centres.astype("int32"), size - 1), axis=axis)
    places = np.clip(centres - 0.5, 0, size - 1)
    low = np.floor(places).astype("int32")
    high = np.minimum(low + 1, size - 1).astype("int32")
    weight = (places - low).astype("float32").reshape((-1,) + (1,) * (x.ndim - 1 - axis))
    numbers = x if x.dtype.is_floating else F.cast(x, "float32")
    before, after = F.take(numbers, low, axis=axis), F.take(numbers, high, axis=axis)
    result = F.add(before, F.multiply(F.subtract(after, before), F.cast(weight, numbers.dtype)))
    return result if x.dtype.is_floating else F.cast(result, x.dtype)
