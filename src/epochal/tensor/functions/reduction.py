"""Sums, extremes, means and positions along axes. `axis` is an integer, a tuple or ``None`` (all)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from epochal import dtypes
from epochal.dtypes import DType
from epochal.errors import ArgumentError
from epochal.ir import Symbol
from epochal.tensor.convert import cast, convert
from epochal.tensor.dispatch import apply, axis_of
from epochal.tensor.functions.elementwise import (
    as_bool,
    as_float,
    divide,
    multiply,
    sqrt,
    square,
    subtract,
)
from epochal.tensor.functions.movement import expand_dims, ravel, reshape, shape
from epochal.tensor.promotion import floatx
from epochal.tensor.tensor import Tensor

Axis = int | Iterable[int] | None
_SUMS = {
    dtypes.bool_: dtypes.int32,
    dtypes.int8: dtypes.int32,
    dtypes.int16: dtypes.int32,
    dtypes.uint8: dtypes.uint32,
    dtypes.uint16: dtypes.uint32,
}


def axes_of(axis: Axis, rank: int) -> tuple[int, ...]:
    """Axes counted from the front, in increasing order.

    Raises:
        ArgumentError: One is outside [-rank, rank) or stands twice.
    """
    if axis is None:
        return tuple(range(rank))
    given = tuple(axis) if isinstance(axis, Iterable) else (axis,)
    axes = sorted(axis_of(one, rank) for one in given)
    if len(set(axes)) != len(axes):
        raise ArgumentError(f"An axis stands twice in {given}.")
    return tuple(axes)


def restore_axes(x: Tensor, axes: tuple[int, ...], keepdims: bool) -> Tensor:
    """A reduction's result with the removed axes put back as size 1, if `keepdims`."""
    return expand_dims(x, axes) if keepdims and axes else x


def _reduce(name: str, x: Tensor, axis: Axis, keepdims: bool) -> Tensor:
    axes = axes_of(axis, x.ndim)
    return restore_axes(apply(name, x, axes=axes), axes, keepdims)


def sum(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Sum; bools and integers narrower than 32 bits are summed in 32 bits."""
    tensor = convert(x)
    return _reduce("sum", cast(tensor, _SUMS.get(tensor.dtype, tensor.dtype)), axis, keepdims)


def prod(x: Any, axis: Axis = None, keepdims: bool = False, dtype: Any = None) -> Tensor:
    """Product; bools and integers narrower than 32 bits are multiplied in 32 bits."""
    tensor = convert(x)
    target = _SUMS.get(tensor.dtype, tensor.dtype) if dtype is None else dtypes.get(dtype)
    return _reduce("prod", cast(tensor, target), axis, keepdims)


def _extreme(name: str, x: Any, axis: Axis, keepdims: bool) -> Tensor:
    tensor = convert(x)
    if tensor.dtype is dtypes.bool_:
        return _reduce("any" if name == "max" else "all", tensor, axis, keepdims)
    return _reduce(name, tensor, axis, keepdims)


def max(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Largest element."""
    return _extreme("max", x, axis, keepdims)


def min(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Smallest element."""
    return _extreme("min", x, axis, keepdims)


def any(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether one element is true (differs from zero)."""
    return _reduce("any", as_bool(x), axis, keepdims)


def all(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether all elements are true (differ from zero)."""
    return _reduce("all", as_bool(x), axis, keepdims)


def count_nonzero(x: Any, axis: Axis = None) -> Tensor:
    """How many elements differ from zero, as int32."""
    return sum(as_bool(x), axis)


def _wide(tensor: Tensor) -> tuple[Tensor, DType]:
    """The tensor in at least float32 for accumulation, and the type of the result."""
    dtype = tensor.dtype if tensor.dtype.is_floating else floatx()
    wide = dtypes.float32 if dtype.itemsize < 4 else dtype
    return cast(tensor, wide), dtype


def element_count(x: Tensor, axes: tuple[int, ...]) -> Any:
    """Number of elements along axes: an integer, or a tensor of x's type where a size is not known yet."""
    total = 1
    unknown = [axis for axis in axes if isinstance(x.dimensions[axis], Symbol)]
    for axis in axes:
        total *= 1 if axis in unknown else x.dimensions[axis]  # type: ignore[operator]
    if not unknown:
        return total
    sizes = shape(x)
    picked = apply("concat", *[apply("slice", sizes, starts=(axis,), limits=(axis + 1,)) for axis in unknown], axis=0)
    return multiply(cast(apply("prod", picked, axes=(0,)), x.dtype), total)


def mean(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Arithmetic mean; of integers and bools in `config.floatx()`."""
    tensor, dtype = _wide(convert(x))
    axes = axes_of(axis, tensor.ndim)
    total = apply("sum", tensor, axes=axes)
    count = element_count(tensor, axes)
    result = (
        multiply(total, 1.0 / count) if count.__class__ is int and count and _exact(count) else divide(total, count)
    )
    return restore_axes(cast(result, dtype), axes, keepdims)


def _exact(count: int) -> bool:
    """Whether 1 / count is exact, so that multiplying by it equals dividing."""
    return count & (count - 1) == 0


def var(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Mean of the squared distances from the mean (biased)."""
    tensor, dtype = _wide(convert(x))
    axes = axes_of(axis, tensor.ndim)
    distance = subtract(tensor, mean(tensor, axes, keepdims=True))
    return cast(mean(square(distance), axes, keepdims), dtype)


def std(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Square root of the variance (biased)."""
    return sqrt(var(x, axis, keepdims))


def moments(x: Any, axis: Axis, keepdims: bool = False) -> tuple[Tensor, Tensor]:
    """Mean and biased variance."""
    tensor = as_float(x)
    return mean(tensor, axis, keepdims), var(tensor, axis, keepdims)


def _position(name: str, x: Any, axis: int | None, keepdims: bool, dtype: Any) -> Tensor:
    tensor = convert(x)
    if tensor.dtype is dtypes.bool_:
        tensor = cast(tensor, dtypes.int32)
    if axis is None:
        found = apply(name, ravel(tensor), axis=0, dtype=dtypes.get(dtype))
        return reshape(found, (1,) * tensor.ndim) if keepdims else found
    where = axis_of(axis, tensor.ndim)
    return restore_axes(apply(name, tensor, axis=where, dtype=dtypes.get(dtype)), (where,), keepdims)


def argmax(x: Any, axis: int | None = None, keepdims: bool = False, dtype: Any = "int32") -> Tensor:
    """Index of the largest element, the first of equals; ``None``: of the flattened tensor."""
    return _position("argmax", x, axis, keepdims, dtype)


def argmin(x: Any, axis: int | None = None, keepdims: bool = False, dtype: Any = "int32") -> Tensor:
    """Index of the smallest element, the first of equals; ``None``: of the flattened tensor."""
    return _position("argmin", x, axis, keepdims, dtype)


def cumsum(
    x: Any, axis: int | None = None, dtype: Any = None, exclusive: bool = False, reverse: bool = False
) -> Tensor:
    """Sum of each element and those before it.

    Args:
        x: Tensor.
        axis: ``None``: of the flattened tensor.
        dtype: Element type to sum in.
        exclusive: Leave out the element itself.
        reverse: Sum those after it instead.
    """
    tensor = convert(x, dtype)
    if tensor.dtype is dtypes.bool_:
        tensor = cast(tensor, dtypes.int32)
    if axis is None:
        tensor, axis = ravel(tensor), 0
    result: Tensor = apply(
        "cumulative_sum", tensor, axis=axis_of(axis, tensor.ndim), reverse=reverse, exclusive=exclusive
    )
    return result


def logsumexp(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """log(sum(exp(x))), without overflow."""
    tensor = as_float(x)
    return _reduce("logsumexp", tensor, axis, keepdims)


def norm(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Euclidean length."""
    return sqrt(sum(square(as_float(x)), axis, keepdims))
