"""Linear algebra and Fourier transforms of tensors, eagerly and in graphs, against NumPy's."""

from __future__ import annotations

import numpy as np
import pytest

from epochal.errors import ArgumentError, ExecutionError, ShapeError
from epochal.tensor import GradientTape, TensorSpec, convert, functions, trace

RNG = np.random.default_rng(0)
A = RNG.standard_normal((2, 3, 3)) + 3 * np.eye(3)
B = RNG.standard_normal((2, 3, 4))
S = A @ A.transpose(0, 2, 1)


def both(run, *arrays):
    traced = trace(run, *(TensorSpec(array.shape, array.dtype) for array in arrays))
    for found in (run(*map(convert, arrays)), traced(*arrays)):
        yield [np.asarray(part) for part in found] if isinstance(found, (tuple, list)) else np.asarray(found)


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11)


def test_systems():
    for x in both(functions.solve, A, B):
        close(A @ x, B)
    for x in both(functions.solve, A, B[..., 0]):
        close(np.einsum("bij,bj->bi", A, x), B[..., 0])
    for x in both(functions.solve, A[0], B):
        close(A[0] @ x, B)
    for x in both(lambda a, b: functions.solve_triangular(a, b, lower=True), A, B):
        close(np.tril(A) @ x, B)
    for x in both(lambda a, b: functions.solve_triangular(a, b, adjoint=True), A, B):
        close(np.triu(A).transpose(0, 2, 1) @ x, B)
    for x in both(functions.inv, A):
        close(x, np.linalg.inv(A))
    for x in both(functions.det, A):
        close(x, np.linalg.det(A))
    for sign, value in both(functions.slogdet, A):
        close(sign * np.exp(value), np.linalg.det(A))


def test_factorizations():
    for y in both(functions.cholesky, S):
        close(y @ y.transpose(0, 2, 1), S)
        assert np.all(np.triu(y, 1) == 0)
    for y in both(lambda x: functions.cholesky(x, upper=True), S):
        close(y.transpose(0, 2, 1) @ y, S)
    for mode in ("reduced", "complete"):
        for q, r in both(lambda x, mode=mode: functions.qr(x, mode), B.transpose(0, 2, 1)):
            close(q @ r, B.transpose(0, 2, 1))
            close(q.transpose(0, 2, 1) @ q, np.broadcast_to(np.eye(q.shape[-1]), (2, *q.shape[-1:] * 2)))
    for w, v in both(functions.eigh, S):
        close((v * w[:, None]) @ v.transpose(0, 2, 1), S)
    for u, s, vt in both(lambda x: functions.svd(x, full_matrices=False), B):
        close((u * s[:, None]) @ vt, B)
    for s in both(lambda x: functions.svd(x, compute_uv=False), B):
        close(s, np.linalg.svd(B, compute_uv=False))


def test_pseudo_inverse_least_squares_and_powers():
    for x in both(functions.pinv, B):
        close(x, np.linalg.pinv(B))
    tall, right = RNG.standard_normal((5, 2)), RNG.standard_normal(5)
    for x in both(functions.lstsq, tall, right):
        close(x, np.linalg.lstsq(tall, right, rcond=None)[0])
    for n in (0, 1, 5, -2):
        for x in both(lambda x, n=n: functions.matrix_power(x, n), A):
            close(x, np.linalg.matrix_power(A, n))


@pytest.mark.parametrize("ord", ["fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf])
def test_matrix_norms(ord):
    for keepdims in (False, True):
        found = np.asarray(functions.matrix_norm(A, ord, keepdims=keepdims))
        close(found, np.linalg.norm(A, ord, axis=(-2, -1), keepdims=keepdims))


@pytest.mark.parametrize("ord", [0, 1, 2, 3, np.inf, -np.inf])
def test_vector_norms(ord):
    close(np.asarray(functions.vector_norm(B, ord, axis=1)), np.linalg.norm(B, ord, axis=1))


def test_fourier():
    x, y = RNG.standard_normal((2, 5, 6))
    for found in both(lambda x, y: functions.fft((x, y)), x, y):
        close(found[0] + 1j * found[1], np.fft.fft(x + 1j * y))
    for found in both(lambda x, y: functions.ifft2(functions.fft2((x, y))), x, y):
        close(found[0], x)
        close(found[1], y)
    for length in (None, 4, 9):
        for found in both(lambda x, length=length: functions.rfft(x, length), x):
            close(found[0] + 1j * found[1], np.fft.rfft(x, length))
        for found in both(lambda x, y, length=length: functions.irfft((x, y), length), x, y):
            close(found, np.fft.irfft(x + 1j * y, length))
    with pytest.raises(ArgumentError, match="takes a pair of real tensors"):
        functions.fft(x)


def test_gradients_on_the_tape():
    x = convert(S)
    with GradientTape() as tape:
        tape.watch(x)
        y = functions.sum(functions.logdet(x))
    close(np.asarray(tape.gradient(y, x)), np.linalg.inv(S).transpose(0, 2, 1))


def test_errors():
    with pytest.raises(ExecutionError, match="cholesky: Matrix is not positive definite"):
        functions.cholesky(-np.eye(2))
    with pytest.raises(ExecutionError, match="inverse: Singular matrix"):
        functions.inv(np.zeros((2, 2)))
    with pytest.raises(ShapeError, match="inverse: the matrices must be square"):
        functions.inv(np.zeros((2, 3)))
    with pytest.raises(ArgumentError, match='mode must be "reduced" or "complete"'):
        functions.qr(A, "r")
