"""Products and extremes so far along an axis. `cumsum` lies with the reductions."""

from __future__ import annotations

from typing import Any

from epochal import dtypes
from epochal.tensor.convert import cast, convert
from epochal.tensor.dispatch import apply, axis_of
from epochal.tensor.functions.movement import ravel
from epochal.tensor.tensor import Tensor


def _along(name: str, x: Tensor, axis: int | None, **how: bool) -> Tensor:
    if x.dtype is dtypes.bool_:
        x = cast(x, dtypes.int32)
    if axis is None:
        x, axis = ravel(x), 0
    result: Tensor = apply(name, x, axis=axis_of(axis, x.ndim), **how)
    return result


def cumprod(
    x: Any, axis: int | None = None, dtype: Any = None, exclusive: bool = False, reverse: bool = False
) -> Tensor:
    """Product of each element and those before it.

    Args:
        x: Tensor.
        axis: ``None``: of the flattened tensor.
        dtype: Element type to multiply in.
        exclusive: Leave out the element itself.
        reverse: Multiply those after it instead.
    """
    return _along("cumulative_prod", convert(x, dtype), axis, exclusive=exclusive, reverse=reverse)


def cummax(x: Any, axis: int | None = None, reverse: bool = False) -> Tensor:
    """The largest of each element and those before it (`reverse`: after it)."""
    return _along("cumulative_max", convert(x), axis, reverse=reverse)


def cummin(x: Any, axis: int | None = None, reverse: bool = False) -> Tensor:
    """The smallest of each element and those before it (`reverse`: after it)."""
    return _along("cumulative_min", convert(x), axis, reverse=reverse)
