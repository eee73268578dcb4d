"""Factorizations of the matrices in the last two axes, by LAPACK.

Signs and order are LAPACK's, as in NumPy. Gradients are those of Giles ("An extended collection of matrix derivative
results", 2008), of Murray ("Differentiation of the Cholesky decomposition", 2016) and of Walter and Lehmann
("Algorithmic differentiation of linear algebra functions", 2010). Where eigenvalues or singular values meet, the
gradients of their vectors do not exist and come out infinite or NaN.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from epochal.errors import NotSupportedError
from epochal.ir import Array, Build, Operator, Parameters, Sample, TensorType, Value
from epochal.topi._matrix import (
    as_column,
    as_row,
    batch_of,
    check_matrix,
    check_square,
    diagonal,
    dominant,
    guarded,
    guarded_results,
    product,
    smaller,
    symmetric,
    total,
    transposed,
    weighted,
)


def _symmetric_part(x: Array) -> Array:
    return np.asarray((x + np.swapaxes(x, -1, -2)) * x.dtype.type(0.5))


def _positive(shape: tuple[int, ...], seed: int = 0) -> Array:
    """Symmetric positive definite sample matrices whose eigenvalues lie apart."""
    return _symmetric_part(dominant(shape, seed)) + np.eye(shape[-1])


def _size(x: Value) -> int:
    size = x.shape[-1]
    assert isinstance(size, int)
    return size


# --- cholesky


def _cholesky_type(x: TensorType) -> TensorType:
    check_square("cholesky", x)
    return x


def _cholesky_gradient(
    build: Build, inputs: Sequence[Value], outputs: Sequence[Value], cotangents: Sequence[Value | None]
) -> Sequence[Value | None]:
    """The symmetric part of y^-T p(y^T g) y^-1, p taking the lower triangle with half the diagonal."""
    y, g = outputs[0], cotangents[0]
    assert g is not None
    size = _size(y)
    inner = weighted(build, product(build, y, g, left=True), np.tril(np.ones((size, size))) - 0.5 * np.eye(size))
    left = build.triangular_solve(y, inner, lower=True, transpose_a=True, unit_diagonal=False)
    both = build.triangular_solve(y, transposed(build, left), lower=True, transpose_a=True, unit_diagonal=False)
    return [symmetric(build, both)]


def _cholesky_samples() -> Iterable[Sample]:
    yield Sample((_positive((3, 3)),))
    yield Sample((_positive((2, 2, 2), seed=1),))
    yield Sample((_positive((1, 1)),))


cholesky = Operator(
    name="cholesky",
    infer=_cholesky_type,
    reference=guarded("cholesky", lambda x: np.linalg.cholesky(_symmetric_part(x))),
    samples=_cholesky_samples,
    gradient=_cholesky_gradient,
    doc="The lower triangular y with y y^T = (x + x^T) / 2; one that is not positive definite is an ExecutionError.",
)


# --- qr


def _qr_type(x: TensorType, *, complete: bool = False) -> tuple[TensorType, TensorType]:
    check_matrix("qr", x)
    rows, columns = x.shape[-2:]
    rank = rows if complete else smaller(rows, columns)
    return x.with_shape((*batch_of(x), rows, rank)), x.with_shape((*batch_of(x), rank, columns))


def _qr_square_gradient(build: Build, q: Value, r: Value, of_q: Value | None, of_r: Value | None) -> Value:
    """(of_q + q s(m)) r^-T, m = r of_r^T - of_q^T q, s copying the lower triangle to the upper; rows >= columns."""
    inner = total(
        build,
        [
            None if of_r is None else product(build, r, of_r, right=True),
            None if of_q is None else build.neg(product(build, of_q, q, left=True)),
        ],
    )
    assert inner is not None
    size = _size(r)
    lower = np.tril(np.ones((size, size)), -1)
    copied = build.add(weighted(build, inner, lower + np.eye(size)), transposed(build, weighted(build, inner, lower)))
    whole = total(build, [of_q, product(build, q, copied)])
    assert whole is not None
    # x r^T = whole, so r x^T = whole^T
    solved = build.triangular_solve(r, transposed(build, whole), lower=False, transpose_a=False, unit_diagonal=False)
    return transposed(build, solved)


def _qr_gradient(
    build: Build,
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    cotangents: Sequence[Value | None],
    *,
    complete: bool,
) -> Sequence[Value | None]:
    """Of a wide matrix [x y]: q and the left part of r are those of x; the right part is q^T y."""
    (q, r), (of_q, of_r) = outputs, cotangents
    rows, columns = inputs[0].shape[-2:]
    assert isinstance(rows, int)
    assert isinstance(columns, int)
    if rows >= columns:
        if complete and rows > columns:
            raise NotSupportedError("qr of more rows than columns differentiates only with complete=False.")
        return [_qr_square_gradient(build, q, r, of_q, of_r)]
    batch = batch_of(r.type)
    full = {"starts": (0,) * len(r.shape), "limits": (*batch, rows, rows)}
    rest = {"starts": (*(0 for _ in batch), 0, rows), "limits": r.shape}
    if of_r is None:
        square = _qr_square_gradient(build, q, build.slice(r, **full), of_q, None)
        nothing = build.broadcast(build.constant(0.0, r.dtype), shape=(*batch, rows, columns - rows))
        return [build.concat(square, nothing, axis=len(r.shape) - 1)]
    right = build.slice(of_r, **rest)
    of_q = total(build, [of_q, product(build, build.slice(inputs[0], **rest), right, right=True)])
    square = _qr_square_gradient(build, q, build.slice(r, **full), of_q, build.slice(of_r, **full))
    return [build.concat(square, product(build, q, right), axis=len(r.shape) - 1)]


def _qr_resolve(types: Sequence[TensorType], parameters: Parameters) -> Parameters:
    return {"complete": bool(parameters.get("complete", False))}


def _qr_samples() -> Iterable[Sample]:
    yield Sample((dominant((3, 3)),))
    yield Sample((dominant((2, 4, 2)),))
    yield Sample((dominant((2, 3)),))
    yield Sample((dominant((3, 3)),), {"complete": True})
    yield Sample((dominant((4, 2)),), {"complete": True}, differentiable=())


qr = Operator(
    name="qr",
    infer=_qr_type,
    reference=guarded_results(
        "qr", lambda x, *, complete=False: tuple(np.linalg.qr(x, "complete" if complete else "reduced"))
    ),
    samples=_qr_samples,
    gradient=_qr_gradient,
    resolve=_qr_resolve,
    doc="q of orthonormal columns (as many as rows if complete) and upper triangular r with q r = x.",
)


# --- eigh


def _eigh_type(x: TensorType) -> tuple[TensorType, TensorType]:
    check_square("eigh", x)
    return x.with_shape(x.shape[:-1]), x


def _inverse_differences(build: Build, w: Value) -> Value:
    """1 / (w[j] - w[i]) off the diagonal, 0 on it."""
    size = _size(w)
    apart = build.add(build.sub(as_row(build, w), as_column(build, w)), build.constant(np.eye(size), w.dtype))
    return weighted(build, build.reciprocal(apart), 1.0 - np.eye(size))


def _eigh_gradient(
    build: Build, inputs: Sequence[Value], outputs: Sequence[Value], cotangents: Sequence[Value | None]
) -> Sequence[Value | None]:
    """The symmetric part of v (diag(of_w) + f o v^T of_v) v^T, f[i, j] = 1 / (w[j] - w[i])."""
    (w, v), (of_w, of_v) = outputs, cotangents
    inner = total(
        build,
        [
            None if of_w is None else diagonal(build, of_w),
            None if of_v is None else build.mul(_inverse_differences(build, w), product(build, v, of_v, left=True)),
        ],
    )
    assert inner is not None
    return [symmetric(build, product(build, product(build, v, inner), v, right=True))]


eigh = Operator(
    name="eigh",
    infer=_eigh_type,
    reference=guarded_results("eigh", lambda x: tuple(np.linalg.eigh(_symmetric_part(x)))),
    samples=_cholesky_samples,
    gradient=_eigh_gradient,
    doc="Eigenvalues of (x + x^T) / 2 in increasing order, and its orthonormal eigenvectors as columns.",
)


# --- svd


def _svd_type(x: TensorType, *, full_matrices: bool = False) -> tuple[TensorType, ...]:
    check_matrix("svd", x)
    rows, columns = x.shape[-2:]
    rank = smaller(rows, columns)
    left, right = (rows, columns) if full_matrices else (rank, rank)
    batch = batch_of(x)
    return x.with_shape((*batch, rows, left)), x.with_shape((*batch, rank)), x.with_shape((*batch, right, columns))


def _skew_over_gaps(build: Build, factor: Value, of_factor: Value, gaps: Value) -> Value:
    """(a - a^T) o gaps, a = factor^T of_factor."""
    a = product(build, factor, of_factor, left=True)
    result: Value = build.mul(build.sub(a, transposed(build, a)), gaps)
    return result


def _outside(build: Build, factor: Value, of_factor: Value, s: Value) -> Value:
    """(1 - factor factor^T) of_factor / s: what leaves the span of the factor's columns."""
    inside = product(build, factor, product(build, factor, of_factor, left=True))
    result: Value = build.div(build.sub(of_factor, inside), as_row(build, s))
    return result


def _svd_gradient(
    build: Build,
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    cotangents: Sequence[Value | None],
    *,
    full_matrices: bool,
) -> Sequence[Value | None]:
    """See the module's sources; u and v are thin, gaps[i, j] = 1 / (s[j]^2 - s[i]^2)."""
    (u, s, vt), (of_u, of_s, of_vt) = outputs, cotangents
    rows, columns = inputs[0].shape[-2:]
    if full_matrices and rows != columns:
        if of_u is not None or of_vt is not None:
            raise NotSupportedError("svd differentiates by its vectors only with full_matrices=False.")
        rank = _size(s)
        whole = (0,) * len(u.shape)
        u = build.slice(u, starts=whole, limits=(*u.shape[:-1], rank))
        vt = build.slice(vt, starts=whole, limits=(*vt.shape[:-2], rank, columns))
    v = transposed(build, vt)
    gaps = _inverse_differences(build, build.square(s))
    inner: list[Value | None] = [None if of_s is None else diagonal(build, of_s)]
    around: list[Value | None] = []
    if of_u is not None:
        inner.append(build.mul(_skew_over_gaps(build, u, of_u, gaps), as_row(build, s)))
        around.append(product(build, _outside(build, u, of_u, s), vt))
    if of_vt is not None:
        of_v = transposed(build, of_vt)
        inner.append(build.mul(_skew_over_gaps(build, v, of_v, gaps), as_column(build, s)))
        around.append(product(build, u, _outside(build, v, of_v, s), right=True))
    middle = total(build, inner)
    assert middle is not None
    return [total(build, [product(build, product(build, u, middle), vt), *around])]


def _svd_resolve(types: Sequence[TensorType], parameters: Parameters) -> Parameters:
    return {"full_matrices": bool(parameters.get("full_matrices", False))}


def _svd_samples() -> Iterable[Sample]:
    yield Sample((dominant((3, 3)),))
    yield Sample((dominant((2, 4, 2)),))
    yield Sample((dominant((2, 3)),))
    yield Sample((dominant((2, 3)),), {"full_matrices": True}, differentiable=())


svd = Operator(
    name="svd",
    infer=_svd_type,
    reference=guarded_results(
        "svd", lambda x, *, full_matrices=False: tuple(np.linalg.svd(x, full_matrices=full_matrices))
    ),
    samples=_svd_samples,
    gradient=_svd_gradient,
    resolve=_svd_resolve,
    doc="u, s and v^T with u diag(s) v^T = x: orthonormal columns of u and v, singular values in decreasing order.",
)
