"""`tf.linalg`: factorizations, solutions, norms."""

from __future__ import annotations

from typing import Any

from epochal.errors import NotSupportedError
from epochal.tensor import Tensor, functions
from epochal.tf.array_ops import eye
from epochal.tf.conversion import pair, to_tensor
from epochal.tf.differentiation import global_norm
from epochal.tf.graph import operation
from epochal.tf.math_ops import einsum, matmul, norm, tensordot
from epochal.tf.nn import l2_normalize
from epochal.tf.picking import diag, diag_part, trace

__all__ = [
    "adjoint", "band_part", "cholesky", "cross", "det", "diag", "diag_part", "eigh", "einsum", "eye", "global_norm",
    "inv", "l2_normalize", "logdet", "lstsq", "matmul", "matrix_transpose", "matvec", "norm", "normalize", "pinv",
    "qr", "set_diag", "slogdet", "solve", "svd", "tensordot", "trace", "triangular_solve",
]  # fmt: skip


@operation("Cholesky")
def cholesky(input: Any) -> Tensor:
    """The lower triangular factor L with ``L L^T = input``."""
    return functions.cholesky(to_tensor(input))


@operation("MatrixInverse")
def inv(input: Any, adjoint: bool = False) -> Tensor:
    """The inverse of the matrices in the last two axes."""
    result = functions.inv(to_tensor(input))
    return functions.swapaxes(result, -1, -2) if adjoint else result


@operation("MatrixDeterminant")
def det(input: Any) -> Tensor:
    """The determinant."""
    return functions.det(to_tensor(input))


@operation("LogDet")
def logdet(matrix: Any) -> Tensor:
    """The logarithm of the determinant of a positive definite matrix."""
    return functions.logdet(to_tensor(matrix))


def slogdet(input: Any, name: str | None = None) -> tuple[Tensor, Tensor]:
    """The sign of the determinant and the logarithm of its size."""
    return functions.slogdet(to_tensor(input))


@operation("MatrixSolve")
def solve(matrix: Any, rhs: Any, adjoint: bool = False) -> Tensor:
    """x with ``matrix x = rhs``."""
    left, right = pair("MatrixSolve", matrix, rhs)
    return functions.solve(functions.swapaxes(left, -1, -2) if adjoint else left, right)


@operation("MatrixTriangularSolve")
def triangular_solve(matrix: Any, rhs: Any, lower: bool = True, adjoint: bool = False) -> Tensor:
    """x with ``matrix x = rhs``, only one triangle of `matrix` counting."""
    left, right = pair("MatrixTriangularSolve", matrix, rhs)
    if adjoint:
        left, lower = functions.swapaxes(left, -1, -2), not lower
    return functions.solve_triangular(left, right, lower=lower)


@operation("MatrixSolveLs")
def lstsq(matrix: Any, rhs: Any, l2_regularizer: float = 0.0, fast: bool = True) -> Tensor:
    """The x for which ``|matrix x - rhs|^2 + l2_regularizer |x|^2`` is least."""
    left, right = pair("MatrixSolveLs", matrix, rhs)
    if not l2_regularizer:
        return functions.lstsq(left, right)
    turned = functions.swapaxes(left, -1, -2)
    gram = functions.matmul(turned, left)
    gram = gram + functions.eye(left.shape[-1], dtype=gram.dtype) * l2_regularizer
    return functions.solve(gram, functions.matmul(turned, right))


def qr(input: Any, full_matrices: bool = False, name: str | None = None) -> tuple[Tensor, Tensor]:
    """q of orthonormal columns and upper triangular r with ``q r = input``."""
    return functions.qr(to_tensor(input), "complete" if full_matrices else "reduced")


def eigh(tensor: Any, name: str | None = None) -> tuple[Tensor, Tensor]:
    """Eigenvalues in rising order and eigenvectors of symmetric matrices."""
    return functions.eigh(to_tensor(tensor))


def svd(tensor: Any, full_matrices: bool = False, compute_uv: bool = True, name: str | None = None) -> Any:
    """s, u and v with ``u diag(s) v^T = tensor``; s alone without `compute_uv`."""
    found = functions.svd(to_tensor(tensor), full_matrices, compute_uv)
    if not compute_uv:
        return found
    u, s, vt = found
    return s, u, functions.swapaxes(vt, -1, -2)


@operation("PseudoInverse")
def pinv(a: Any, rcond: float | None = None, validate_args: bool = False) -> Tensor:
    """The pseudo-inverse of Moore and Penrose."""
    return functions.pinv(to_tensor(a), rcond)


@operation("MatVec")
def matvec(a: Any, b: Any, transpose_a: bool = False, adjoint_a: bool = False) -> Tensor:
    """The product of matrices and vectors."""
    left, right = pair("MatVec", a, b)
    if transpose_a or adjoint_a:
        left = functions.swapaxes(left, -1, -2)
    return functions.squeeze(functions.matmul(left, functions.expand_dims(right, -1)), axis=-1)


@operation("MatrixTranspose")
def matrix_transpose(a: Any, conjugate: bool = False) -> Tensor:
    """The last two axes swapped."""
    return functions.swapaxes(to_tensor(a), -1, -2)


adjoint = matrix_transpose


@operation("MatrixBandPart")
def band_part(input: Any, num_lower: int, num_upper: int) -> Tensor:
    """0 beyond `num_lower` diagonals below and `num_upper` above the main one; -1 keeps the whole triangle."""
    tensor = to_tensor(input)
    rows = functions.expand_dims(functions.arange(0, functions.shape(tensor)[-2], dtype="int32"), -1)
    columns = functions.arange(0, functions.shape(tensor)[-1], dtype="int32")
    kept = functions.ones_like(rows - columns, "bool")
    if num_lower >= 0:
        kept = functions.logical_and(kept, functions.less_equal(rows - columns, num_lower))
    if num_upper >= 0:
        kept = functions.logical_and(kept, functions.less_equal(columns - rows, num_upper))
    return functions.where(kept, tensor, functions.zeros_like(tensor))


@operation("MatrixSetDiag")
def set_diag(input: Any, diagonal: Any) -> Tensor:
    """`input` with another main diagonal."""
    tensor, values = pair("MatrixSetDiag", input, diagonal)
    size = tensor.shape[-1]
    if size is None or tensor.shape[-2] != size:
        raise NotSupportedError(f"set_diag needs square matrices of known size. Received shape: {tensor.shape}")
    return functions.where(functions.eye(size, dtype="bool"), functions.expand_dims(values, -1), tensor)


@operation("Cross")
def cross(a: Any, b: Any) -> Tensor:
    """The vector product along the last axis, of size 3."""
    left, right = pair("Cross", a, b)
    ahead, behind = ([1, 2, 0], [2, 0, 1])

    def turned(x: Tensor, order: list[int]) -> Tensor:
        return functions.take(x, order, axis=-1)

    return turned(left, ahead) * turned(right, behind) - turned(left, behind) * turned(right, ahead)


def normalize(tensor: Any, ord: Any = "euclidean", axis: Any = None, name: str | None = None) -> tuple[Tensor, Tensor]:
    """`tensor` over its norm, and the norm."""
    x = to_tensor(tensor)
    size = norm(x, ord, axis, keepdims=True)
    return x / size, size
