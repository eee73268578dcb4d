"""Linear systems: solving them, inverses and determinants of the matrices in the last two axes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from epochal.ir import Array, Build, Operator, Parameters, Sample, TensorType, Value
from epochal.topi._matrix import (
    batch_of,
    check_square,
    check_system,
    dominant,
    guarded,
    guarded_results,
    product,
    transposed,
    weighted,
)
from epochal.topi._rules import values


def _repeated(build: Build, factors: Value, like: Value) -> Value:
    """One number a matrix, repeated over its elements."""
    kept = build.reshape(factors, shape=(*factors.shape, 1, 1))
    result: Value = build.broadcast(kept, shape=like.shape)
    return result


# --- solve: a x = b


def _solve_gradient(
    build: Build, inputs: Sequence[Value], outputs: Sequence[Value], cotangents: Sequence[Value | None]
) -> Sequence[Value | None]:
    """Of b: a^-T g; of a: minus that times x^T."""
    of_b = build.solve(transposed(build, inputs[0]), cotangents[0])
    return [build.neg(product(build, of_b, outputs[0], right=True)), of_b]


def _solve_samples() -> Iterable[Sample]:
    yield Sample((dominant((3, 3)), values((3, 2), seed=1)))
    yield Sample((dominant((2, 3, 3)), values((2, 3, 1), seed=1)))
    yield Sample((np.zeros((0, 2, 2)), np.zeros((0, 2, 1))))


solve = Operator(
    name="solve",
    infer=lambda a, b: check_system("solve", a, b),
    reference=guarded("solve", np.linalg.solve),
    samples=_solve_samples,
    gradient=_solve_gradient,
    doc="x such that a x = b, for matrices in the last two axes; a singular a is an ExecutionError.",
)


# --- triangular_solve


def _triangle(a: Array, lower: bool, unit_diagonal: bool) -> Array:
    """The triangle that is read."""
    part = np.tril(a) if lower else np.triu(a)
    if unit_diagonal:
        np.einsum("...ii->...i", part)[...] = 1.0
    return part


def _triangular(
    a: Array, b: Array, *, lower: bool = True, transpose_a: bool = False, unit_diagonal: bool = False
) -> Array:
    part = _triangle(a, lower, unit_diagonal)
    return np.linalg.solve(np.swapaxes(part, -1, -2) if transpose_a else part, b)


def _triangular_gradient(
    build: Build,
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    cotangents: Sequence[Value | None],
    *,
    lower: bool,
    transpose_a: bool,
    unit_diagonal: bool,
) -> Sequence[Value | None]:
    """As `solve`'s, of the triangle that is read."""
    a, x = inputs[0], outputs[0]
    of_b = build.triangular_solve(
        a, cotangents[0], lower=lower, transpose_a=not transpose_a, unit_diagonal=unit_diagonal
    )
    first, second = (x, of_b) if transpose_a else (of_b, x)
    size = a.shape[-1]
    assert isinstance(size, int)
    ones = np.ones((size, size))
    read = np.tril(ones, -1 if unit_diagonal else 0) if lower else np.triu(ones, 1 if unit_diagonal else 0)
    return [weighted(build, build.neg(product(build, first, second, right=True)), read), of_b]


def _triangular_resolve(types: Sequence[TensorType], parameters: Parameters) -> Parameters:
    defaults = {"lower": True, "transpose_a": False, "unit_diagonal": False}
    return {name: bool(parameters.get(name, default)) for name, default in defaults.items()}


def _triangular_type(
    a: TensorType, b: TensorType, *, lower: bool = True, transpose_a: bool = False, unit_diagonal: bool = False
) -> TensorType:
    return check_system("triangular_solve", a, b)


def _triangular_samples() -> Iterable[Sample]:
    yield Sample((dominant((3, 3)), values((3, 2), seed=1)))
    yield Sample((dominant((2, 3, 3)), values((2, 3, 1), seed=1)), {"lower": False, "transpose_a": True})
    yield Sample((dominant((3, 3)), values((3, 2), seed=1)), {"transpose_a": True, "unit_diagonal": True})
    yield Sample((dominant((3, 3)), values((3, 1), seed=1)), {"lower": False})


triangular_solve = Operator(
    name="triangular_solve",
    infer=_triangular_type,
    reference=guarded("triangular_solve", _triangular),
    samples=_triangular_samples,
    gradient=_triangular_gradient,
    resolve=_triangular_resolve,
    doc="x such that a x = b (or a^T x = b), reading one triangle of a alone (its diagonal as 1 if unit).",
)


# --- inverse


def _square_type(name: str, x: TensorType) -> TensorType:
    check_square(name, x)
    return x


def _inverse_gradient(
    build: Build, inputs: Sequence[Value], outputs: Sequence[Value], cotangents: Sequence[Value | None]
) -> Sequence[Value | None]:
    """-y^T g y^T"""
    y, g = outputs[0], cotangents[0]
    assert g is not None
    return [build.neg(product(build, product(build, y, g, left=True), y, right=True))]


def _square_samples() -> Iterable[Sample]:
    yield Sample((dominant((3, 3)),))
    yield Sample((dominant((2, 2, 2), seed=1),))
    yield Sample((dominant((1, 1)),))
    yield Sample((np.zeros((0, 2, 2)),))


inverse = Operator(
    name="inverse",
    infer=lambda x: _square_type("inverse", x),
    reference=guarded("inverse", np.linalg.inv),
    samples=_square_samples,
    gradient=_inverse_gradient,
    doc="The inverse of matrices in the last two axes; a singular one is an ExecutionError.",
)


# --- determinant and log_determinant


def _determinant_type(name: str, x: TensorType) -> TensorType:
    check_square(name, x)
    return x.with_shape(batch_of(x))


def _determinant_gradient(
    build: Build, inputs: Sequence[Value], outputs: Sequence[Value], cotangents: Sequence[Value | None]
) -> Sequence[Value | None]:
    """g det(x) x^-T"""
    x = inputs[0]
    factors = build.mul(cotangents[0], outputs[0])
    return [build.mul(_repeated(build, factors, x), transposed(build, build.inverse(x)))]


determinant = Operator(
    name="determinant",
    infer=lambda x: _determinant_type("determinant", x),
    reference=guarded("determinant", np.linalg.det),
    samples=_square_samples,
    gradient=_determinant_gradient,
    doc="The determinant of matrices in the last two axes; its gradient needs invertible ones.",
)


def _log_determinant_type(x: TensorType) -> tuple[TensorType, TensorType]:
    result = _determinant_type("log_determinant", x)
    return result, result


def _log_determinant_gradient(
    build: Build, inputs: Sequence[Value], outputs: Sequence[Value], cotangents: Sequence[Value | None]
) -> Sequence[Value | None]:
    """g x^-T; the sign is piecewise constant"""
    x, g = inputs[0], cotangents[1]
    if g is None:
        return [None]
    return [build.mul(_repeated(build, g, x), transposed(build, build.inverse(x)))]


log_determinant = Operator(
    name="log_determinant",
    infer=_log_determinant_type,
    reference=guarded_results("log_determinant", lambda x: tuple(np.linalg.slogdet(x))),
    samples=_square_samples,
    gradient=_log_determinant_gradient,
    doc="Sign (-1, 0 or 1) and logarithm of the absolute value of the determinant.",
)
