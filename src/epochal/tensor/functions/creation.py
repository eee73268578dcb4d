"""Tensors from nothing: constants, ranges, unit matrices, triangles."""

from __future__ import annotations

from typing import Any

import numpy as np

from epochal import dtypes
from epochal.errors import ArgumentError
from epochal.ir import is_static
from epochal.tensor.convert import cast, convert
from epochal.tensor.dispatch import apply
from epochal.tensor.functions.elementwise import add, greater_equal, multiply, subtract, where
from epochal.tensor.functions.elementwise import equal as _equal
from epochal.tensor.functions.movement import broadcast_to, expand_dims, sizes_of
from epochal.tensor.promotion import floatx, result_dtype
from epochal.tensor.tensor import Tensor, eager


def full(shape: Any, fill_value: Any, dtype: Any = None) -> Tensor:
    """A tensor of one number; without dtype, of the number's own type."""
    return broadcast_to(convert(fill_value, dtype), sizes_of(shape))


def zeros(shape: Any, dtype: Any = None) -> Tensor:
    """Zeros; without dtype, of `config.floatx()`."""
    return full(shape, 0, floatx() if dtype is None else dtype)


def ones(shape: Any, dtype: Any = None) -> Tensor:
    """Ones; without dtype, of `config.floatx()`."""
    return full(shape, 1, floatx() if dtype is None else dtype)


empty = zeros


def full_like(x: Any, fill_value: Any, dtype: Any = None) -> Tensor:
    """One number, in the shape of x and, without dtype, its element type."""
    tensor = convert(x)
    return full(tensor.dimensions, fill_value, tensor.dtype if dtype is None else dtype)


def zeros_like(x: Any, dtype: Any = None) -> Tensor:
    """Zeros in the shape of x and, without dtype, its element type."""
    return full_like(x, 0, dtype)


def ones_like(x: Any, dtype: Any = None) -> Tensor:
    """Ones in the shape of x and, without dtype, its element type."""
    return full_like(x, 1, dtype)


empty_like = zeros_like


def iota(shape: Any, axis: int = 0, dtype: Any = "int32") -> Tensor:
    """0, 1, 2 ... along one axis."""
    result: Tensor = apply("iota", shape=sizes_of(shape), axis=axis, dtype=dtypes.get(dtype))
    return result


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None) -> Tensor:
    """start, start + step ... below stop; with one argument from 0 to it.

    A symbolic end is allowed where start is 0 and step 1.
    """
    if stop is None:
        start, stop = 0, start
    kind = dtypes.get(dtype) if dtype is not None else result_dtype(start, stop, step)
    symbolic = [bound for bound in (start, stop, step) if isinstance(bound, Tensor) and bound.data is None]
    if symbolic:
        if len(symbolic) > 1 or symbolic[0] is not stop or start != 0 or step != 1:
            raise ArgumentError("Of a range, only the end may be symbolic, from 0 and in steps of 1.")
        return cast(iota((stop,), dtype=kind if kind.is_integer else dtypes.int32), kind)
    values = np.arange(*(np.asarray(bound).item() for bound in (start, stop, step)))
    return eager(values.astype(kind.numpy))


def linspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None) -> Tensor:
    """`num` numbers at equal distances from start to stop (with `endpoint`, including it)."""
    kind = floatx() if dtype is None else dtypes.get(dtype)
    low, high = convert(start, None if isinstance(start, Tensor) else kind), convert(stop)
    if low.data is not None and high.data is not None:
        values = np.linspace(np.asarray(start, np.float64), np.asarray(stop, np.float64), num, endpoint)
        return eager(values.astype(kind.numpy))
    steps = max(num - 1 if endpoint else num, 1)
    part = convert(np.arange(num) / steps, kind)
    for _ in range(low.ndim):
        part = expand_dims(part, -1)
    return add(multiply(cast(low, kind), subtract(1.0, part)), multiply(cast(high, kind), part))


def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Tensor:
    """A matrix with ones on diagonal k and zeros elsewhere."""
    kind = floatx() if dtype is None else dtypes.get(dtype)
    rows, columns = sizes_of(N)[0], sizes_of(N if M is None else M)[0]
    if is_static((rows, columns)):
        return eager(np.eye(rows, columns, k, kind.numpy))  # type: ignore[arg-type]
    return cast(_equal(add(iota((rows, columns), 0), k), iota((rows, columns), 1)), kind)


identity_matrix = eye


def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Tensor:
    """A matrix with ones on and below diagonal k and zeros above."""
    kind = floatx() if dtype is None else dtypes.get(dtype)
    return eager(np.tri(N, M, k, kind.numpy))


def _triangle(x: Any, k: int, lower: bool) -> Tensor:
    tensor = convert(x)
    if tensor.ndim < 2:
        raise ArgumentError(f"A triangle is cut from a matrix or a stack of them. Received shape: {tensor.shape}")
    plane = tensor.dimensions[-2:]
    rows, columns = iota(plane, 0), iota(plane, 1)
    keep = greater_equal(add(rows, k), columns) if lower else greater_equal(columns, add(rows, k))
    return where(keep, tensor, cast(convert(0), tensor.dtype))


def tril(x: Any, k: int = 0) -> Tensor:
    """x with zeros above diagonal k."""
    return _triangle(x, k, lower=True)


def triu(x: Any, k: int = 0) -> Tensor:
    """x with zeros below diagonal k."""
    return _triangle(x, k, lower=False)


def one_hot(x: Any, num_classes: int, axis: int = -1, dtype: Any = None) -> Tensor:
    """Each integer as a vector with a one at its place; all zeros where it is outside [0, num_classes).

    Args:
        x: Integers.
        num_classes: Length of the vectors.
        axis: Where they lie in the result.
        dtype: Element type of the result; ``None``: `config.floatx()`.
    """
    indices = convert(x)
    if not indices.dtype.is_integer:
        indices = cast(indices, dtypes.int32)
    rank = indices.ndim + 1
    place = axis % rank
    along = tuple(num_classes if axis == place else 1 for axis in range(rank))
    classes = iota(along, place, indices.dtype)
    return cast(_equal(expand_dims(indices, place), classes), floatx() if dtype is None else dtypes.get(dtype))


def diag(x: Any, k: int = 0) -> Tensor:
    """A matrix with the vector x on diagonal k, or the diagonal k of a matrix x."""
    tensor = convert(x)
    if tensor.ndim == 2:
        return diagonal(tensor, k)
    if tensor.ndim != 1 or tensor.shape[0] is None:
        raise ArgumentError(f"diag takes a vector of known length or a matrix. Received shape: {tensor.shape}")
    size = tensor.shape[0] + abs(k)
    low = (max(-k, 0), max(k, 0))
    square = where(eye(tensor.shape[0], dtype="bool"), expand_dims(tensor, 0), cast(convert(0), tensor.dtype))
    high = tuple(size - tensor.shape[0] - before for before in low)
    result: Tensor = apply("pad", square, low=low, high=high, interior=(0, 0), value=0)
    return result


def diagonal(x: Any, k: int = 0) -> Tensor:
    """The diagonal k of the last two axes."""
    tensor = convert(x)
    rows, columns = tensor.shape[-2:]
    if rows is None or columns is None:
        raise ArgumentError(f"diagonal needs known sizes. Received shape: {tensor.shape}")
    length = max(0, min(rows + min(k, 0), columns - max(k, 0)))
    places = np.arange(length, dtype=np.int32)
    flat = (places + max(-k, 0)) * columns + places + max(k, 0)
    merged = apply("reshape", tensor, shape=(*tensor.dimensions[:-2], rows * columns))
    result: Tensor = apply("gather", merged, eager(flat.astype(np.int32)), axis=merged.ndim - 1)
    return result


def trace(x: Any, k: int = 0) -> Tensor:
    """Sum of the diagonal k of the last two axes."""
    tensor = diagonal(x, k)
    result: Tensor = apply("sum", tensor, axes=(tensor.ndim - 1,))
    return result
