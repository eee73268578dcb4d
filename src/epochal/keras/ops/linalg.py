"""Linear algebra, on the last two axes."""

from __future__ import annotations

from typing import Any

from epochal.errors import ArgumentError
from epochal.tensor import Tensor, convert
from epochal.tensor import functions as F
from epochal.tensor.functions import cholesky, det, eigh, inv, logdet, lstsq, pinv, qr, slogdet, solve, svd


def solve_triangular(a: Any, b: Any, lower: bool = False) -> Tensor:
    """x with ``a @ x = b`` for a triangular matrix."""
    return F.solve_triangular(a, b, lower)


def cholesky_inverse(x: Any, upper: bool = False) -> Tensor:
    """The inverse of the matrix whose Cholesky factor `x` is."""
    factor = convert(x)
    across = F.swapaxes(factor, -1, -2)
    return F.inv(F.matmul(across, factor) if upper else F.matmul(factor, across))


def matrix_rank(x: Any, tol: float | None = None) -> Tensor:
    """How many singular values are greater than `tol`, by default the largest times the size times the precision."""
    values = F.svd(x, compute_uv=False)
    if tol is None:
        rows, columns = convert(x).shape[-2:]
        if rows is None or columns is None:
            raise ArgumentError("matrix_rank needs known sizes, or `tol`.")
        precision = 2.2204460492503131e-16 if str(values.dtype) == "float64" else 1.1920928955078125e-07
        limit: Any = F.multiply(F.max(values, axis=-1, keepdims=True), max(rows, columns) * precision)
    else:
        limit = tol
    return F.sum(F.cast(F.greater(values, limit), "int32"), axis=-1)


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Norms of vectors (one axis) or matrices (two axes); without `ord` the root of the sum of squares."""
    if ord is None:
        return F.norm(x, axis=axis, keepdims=keepdims)
    tensor = convert(x)
    if axis is None:
        axis = tuple(range(tensor.ndim))
        if len(axis) > 2:
            raise ArgumentError(f"norm with `ord` takes vectors or matrices, or `axis`. Received: ndim={tensor.ndim}")
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    if len(axes) == 1:
        return F.vector_norm(tensor, ord, axes[0], keepdims)
    return F.matrix_norm(tensor, ord, axes, keepdims)


__all__ = [
    "cholesky",
    "cholesky_inverse",
    "det",
    "eigh",
    "inv",
    "logdet",
    "lstsq",
    "matrix_rank",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_triangular",
    "svd",
]
