"""Linear algebra of the matrices in the last two axes, by LAPACK; the axes before are a batch.

A matrix that LAPACK refuses (singular, not positive definite) is an `ExecutionError` when the program runs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from epochal.errors import ArgumentError, NotSupportedError, ShapeError
from epochal.ir import broadcast_shapes
from epochal.tensor.convert import convert
from epochal.tensor.dispatch import apply
from epochal.tensor.functions.contraction import matmul
from epochal.tensor.functions.elementwise import (
    absolute,
    as_float,
    divide,
    equal,
    greater,
    multiply,
    not_equal,
    operands,
    power,
    sqrt,
    square,
    where,
)
from epochal.tensor.functions.movement import broadcast_to, expand_dims, squeeze, swapaxes
from epochal.tensor.functions.reduction import axes_of, restore_axes
from epochal.tensor.functions.reduction import max as _max
from epochal.tensor.functions.reduction import min as _min
from epochal.tensor.functions.reduction import sum as _sum
from epochal.tensor.tensor import Tensor


def _system(a: Any, b: Any) -> tuple[Tensor, Tensor, bool]:
    """Matrices and right hand sides of one batch; whether the right hand sides were vectors."""
    left, right = operands(as_float(a), as_float(b))
    vector = right.ndim == left.ndim - 1
    if vector:
        right = expand_dims(right, -1)
    if left.ndim < 2 or right.ndim < 2:
        raise ShapeError(f"A linear system needs matrices. Received shapes: {left.shape} and {right.shape}")
    batch = broadcast_shapes(left.dimensions[:-2], right.dimensions[:-2])
    left = broadcast_to(left, (*batch, *left.dimensions[-2:]))
    return left, broadcast_to(right, (*batch, *right.dimensions[-2:])), vector


def solve(a: Any, b: Any) -> Tensor:
    """x with a x = b; b holds matrices, or vectors if it has one axis less than a."""
    left, right, vector = _system(a, b)
    result: Tensor = apply("solve", left, right)
    return squeeze(result, -1) if vector else result


def solve_triangular(a: Any, b: Any, lower: bool = False, adjoint: bool = False) -> Tensor:
    """x with a x = b (`adjoint`: a^T x = b), reading only a's upper (lower) triangle."""
    left, right, vector = _system(a, b)
    how = {"lower": bool(lower), "transpose_a": bool(adjoint), "unit_diagonal": False}
    result: Tensor = apply("triangular_solve", left, right, **how)
    return squeeze(result, -1) if vector else result


def inv(x: Any) -> Tensor:
    """The inverse of each matrix."""
    result: Tensor = apply("inverse", as_float(x))
    return result


def det(x: Any) -> Tensor:
    """The determinant of each matrix."""
    result: Tensor = apply("determinant", as_float(x))
    return result


def slogdet(x: Any) -> tuple[Tensor, Tensor]:
    """Sign of the determinant, and the logarithm of its absolute value."""
    sign, value = apply("log_determinant", as_float(x))
    return sign, value


def logdet(x: Any) -> Tensor:
    """The logarithm of the determinant's absolute value."""
    return slogdet(x)[1]


def cholesky(x: Any, upper: bool = False) -> Tensor:
    """The lower triangular y with y y^T = x (`upper`: the upper triangular one with y^T y = x).

    x counts as symmetric: its symmetric part is factored.
    """
    result: Tensor = apply("cholesky", as_float(x))
    return swapaxes(result, -1, -2) if upper else result


def qr(x: Any, mode: str = "reduced") -> tuple[Tensor, Tensor]:
    """q of orthonormal columns and upper triangular r with q r = x.

    Args:
        x: Tensor.
        mode: "reduced": q has as many columns as the smaller size of the matrix; "complete": as it has rows.
    """
    if mode not in ("reduced", "complete"):
        raise ArgumentError(f'mode must be "reduced" or "complete". Received: {mode!r}')
    q, r = apply("qr", as_float(x), complete=mode == "complete")
    return q, r


def eigh(x: Any) -> tuple[Tensor, Tensor]:
    """Eigenvalues in increasing order and orthonormal eigenvectors (columns) of each matrix's symmetric part."""
    w, v = apply("eigh", as_float(x))
    return w, v


def svd(x: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """u, s and v^T with u diag(s) v^T = x; s alone without `compute_uv`.

    With `full_matrices`, u and v are square, and only s has a gradient where x is not.
    """
    u, s, vt = apply("svd", as_float(x), full_matrices=bool(full_matrices) and compute_uv)
    return (u, s, vt) if compute_uv else s


def pinv(x: Any, rcond: float | None = None) -> Tensor:
    """The pseudo-inverse; singular values below `rcond` times the largest count as 0."""
    tensor = as_float(x)
    u, s, vt = svd(tensor, full_matrices=False)
    sizes = [size for size in tensor.shape[-2:] if size is not None]
    epsilon = 2.0**-52 if tensor.dtype.itemsize == 8 else 2.0**-23
    least = multiply(_max(s, -1, keepdims=True), max(sizes, default=1) * epsilon if rcond is None else rcond)
    kept = greater(s, least)
    inverse = where(kept, divide(1.0, where(kept, s, 1.0)), 0.0)
    return matmul(multiply(swapaxes(vt, -1, -2), expand_dims(inverse, -2)), swapaxes(u, -1, -2))


def lstsq(a: Any, b: Any, rcond: float | None = None) -> Tensor:
    """x of least length that makes the length of a x - b least."""
    left, right = operands(as_float(a), as_float(b))
    vector = right.ndim == left.ndim - 1
    result = matmul(pinv(left, rcond), expand_dims(right, -1) if vector else right)
    return squeeze(result, -1) if vector else result


def matrix_norm(x: Any, ord: Any = "fro", axis: Iterable[int] = (-2, -1), keepdims: bool = False) -> Tensor:
    """A norm of the matrices in two axes: "fro", "nuc", 1, -1, 2, -2, inf or -inf, as NumPy's.

    Raises:
        ArgumentError: There is no such norm.
    """
    tensor = as_float(x)
    pair = axes_of(axis, tensor.ndim)
    if len(pair) != 2:
        raise ArgumentError(f"A matrix has two axes. Received: axis={axis}")
    if ord == "fro":
        return sqrt(_sum(square(tensor), pair, keepdims))
    if ord in (1, -1, float("inf"), float("-inf")):
        rows, columns = tuple(axis if axis >= 0 else axis + tensor.ndim for axis in axis)
        first, second = (rows, columns) if abs(ord) == 1 else (columns, rows)
        sums = _sum(absolute(tensor), first, keepdims=True)
        result = (_max if ord > 0 else _min)(sums, second, keepdims=True)
        return result if keepdims else squeeze(result, pair)
    if ord not in ("nuc", 2, -2):
        raise ArgumentError(f"There is no matrix norm of order {ord!r}.")
    if pair != (tensor.ndim - 2, tensor.ndim - 1):
        raise NotSupportedError("Norms by singular values are supported over the last two axes.")
    values = svd(tensor, compute_uv=False)
    reduce = {"nuc": _sum, 2: _max, -2: _min}[ord]
    return restore_axes(reduce(values, -1), pair, keepdims)


def vector_norm(x: Any, ord: Any = 2, axis: Any = None, keepdims: bool = False) -> Tensor:
    """(sum(abs(x) ** ord)) ** (1 / ord) along axes; inf and -inf: the largest and smallest size; 0: how many differ
    from 0."""
    size = absolute(as_float(x))
    if ord == float("inf"):
        return _max(size, axis, keepdims)
    if ord == float("-inf"):
        return _min(size, axis, keepdims)
    if ord == 0:
        return _sum(convert(not_equal(size, 0.0), size.dtype), axis, keepdims)
    if ord == 1:
        return _sum(size, axis, keepdims)
    if ord == 2:
        return sqrt(_sum(square(size), axis, keepdims))
    return power(_sum(power(size, float(ord)), axis, keepdims), 1.0 / ord)


def matrix_power(x: Any, n: int) -> Tensor:
    """x times itself, n factors; negative n: of the inverse."""
    tensor = as_float(x)
    if n < 0:
        return matrix_power(inv(tensor), -n)
    if n == 0:
        same = [apply("iota", shape=tensor.dimensions, axis=tensor.ndim - 2 + side, dtype="int32") for side in (0, 1)]
        return convert(equal(*same), tensor.dtype)
    result: Tensor | None = None
    while n:
        if n & 1:
            result = tensor if result is None else matmul(result, tensor)
        n >>= 1
        tensor = matmul(tensor, tensor) if n else tensor
    assert result is not None
    return result
