"""NumPy's functions that pass over NaN."""

from __future__ import annotations

import math
from typing import Any

from epochal.tensor import Tensor, convert
from epochal.tensor import functions as F


def _replaced(x: Any, value: float) -> tuple[Tensor, Tensor]:
    """`x` with another number for NaN, and where there was one."""
    tensor = convert(x)
    if not tensor.dtype.is_floating:
        return tensor, F.zeros_like(tensor, dtype="bool")
    missing = F.isnan(tensor)
    return F.where(missing, F.full_like(tensor, value), tensor), missing


def nansum(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Sum of the numbers."""
    return F.sum(_replaced(x, 0.0)[0], axis=axis, keepdims=keepdims)


def nanprod(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Product of the numbers."""
    return F.prod(_replaced(x, 1.0)[0], axis=axis, keepdims=keepdims)


def nancumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Tensor:
    """Sums so far of the numbers."""
    return F.cumsum(_replaced(x, 0.0)[0], axis, dtype)


def nancumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Tensor:
    """Products so far of the numbers."""
    return F.cumprod(_replaced(x, 1.0)[0], axis, dtype)


def _extreme(x: Any, axis: Any, keepdims: bool, least: bool) -> Tensor:
    tensor, missing = _replaced(x, math.inf if least else -math.inf)
    result = (F.min if least else F.max)(tensor, axis=axis, keepdims=keepdims)
    if not result.dtype.is_floating:
        return result
    return F.where(F.all(missing, axis=axis, keepdims=keepdims), F.full_like(result, math.nan), result)


def nanmax(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Greatest of the numbers; NaN where there is none."""
    return _extreme(x, axis, keepdims, least=False)


def nanmin(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Least of the numbers; NaN where there is none."""
    return _extreme(x, axis, keepdims, least=True)


def nanargmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Where the greatest of the numbers is; -1 where there is none."""
    tensor, missing = _replaced(x, -math.inf)
    found = F.argmax(tensor, axis=axis, keepdims=keepdims)
    return F.where(F.all(missing, axis=axis, keepdims=keepdims), F.full_like(found, -1), found)


def nanargmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Where the least of the numbers is; -1 where there is none."""
    tensor, missing = _replaced(x, math.inf)
    found = F.argmin(tensor, axis=axis, keepdims=keepdims)
    return F.where(F.all(missing, axis=axis, keepdims=keepdims), F.full_like(found, -1), found)


def nanmean(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Mean of the numbers."""
    tensor, missing = _replaced(x, 0.0)
    if not tensor.dtype.is_floating:
        return F.mean(tensor, axis=axis, keepdims=keepdims)
    count = F.sum(F.cast(F.logical_not(missing), tensor.dtype), axis=axis, keepdims=keepdims)
    return F.divide(F.sum(tensor, axis=axis, keepdims=keepdims), count)


def nanvar(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Mean squared distance of the numbers from their mean."""
    tensor = convert(x)
    return nanmean(F.square(F.subtract(tensor, nanmean(tensor, axis, keepdims=True))), axis, keepdims)


def nanstd(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Root of `nanvar`."""
    return F.sqrt(nanvar(x, axis, keepdims))
