"""Cumulative products and extremes, special functions, scatters, masks and draws as functions of tensors."""

from __future__ import annotations

import math

import numpy as np
import pytest

from epochal.errors import ArgumentError
from epochal.tensor import GradientTape, TensorSpec, convert, functions, random, trace

X = np.array([[3.0, 1.0, 4.0, 1.0], [5.0, -9.0, 2.0, 6.0]], np.float32)


def both(run, *arrays):
    traced = trace(run, *(TensorSpec(array.shape, array.dtype) for array in arrays))
    for found in (run(*map(convert, arrays)), traced(*arrays)):
        yield [np.asarray(part) for part in found] if isinstance(found, (tuple, list)) else np.asarray(found)


def test_cumulative():
    for found in both(lambda x: functions.cumprod(x, 1), X):
        np.testing.assert_array_equal(found, np.cumprod(X, 1))
    for found in both(functions.cumprod, X):
        np.testing.assert_array_equal(found, np.cumprod(X))
    for found in both(lambda x: functions.cummax(x, -1), X):
        np.testing.assert_array_equal(found, np.maximum.accumulate(X, 1))
    for found in both(lambda x: functions.cummin(x, 1, reverse=True), X):
        np.testing.assert_array_equal(found, np.minimum.accumulate(X[:, ::-1], 1)[:, ::-1])


def test_special():
    for found in both(functions.lgamma, X + 0.5):
        np.testing.assert_allclose(found, [[math.lgamma(v) for v in row] for row in X + 0.5], rtol=1e-5, atol=1e-6)
    # -psi(1) is Euler's constant, psi'(1) is pi^2 / 6
    np.testing.assert_allclose(np.asarray(functions.digamma(1.0)), -0.5772156649015329, rtol=1e-6)
    np.testing.assert_allclose(np.asarray(functions.polygamma(1, 1.0)), math.pi**2 / 6, rtol=1e-6)
    np.testing.assert_allclose(np.asarray(functions.polygamma(0, 1.0)), -0.5772156649015329, rtol=1e-6)
    for found in both(lambda x: functions.bitcast(x, "int32"), X):
        np.testing.assert_array_equal(found, X.view(np.int32))
    np.testing.assert_array_equal(np.asarray(functions.bitcast(functions.bitcast(X, "uint8"), "float32")), X)


def test_scatters():
    indices = np.array([2, 0, 2], np.int32)
    updates = np.array([[7.0, -1.0], [0.0, 9.0], [3.0, 1.0]], np.float32)
    base = np.ones((3, 2), np.float32)
    for found in both(lambda x, u: functions.scatter_set(x, indices, u), base, updates):
        np.testing.assert_array_equal(found, [[0.0, 9.0], [1.0, 1.0], [3.0, 1.0]])
    for found in both(lambda x, u: functions.scatter_max(x, indices, u), base, updates):
        np.testing.assert_array_equal(found, [[1.0, 9.0], [1.0, 1.0], [7.0, 1.0]])
    for found in both(lambda x, u: functions.scatter_min(x, indices, u), base, updates):
        np.testing.assert_array_equal(found, [[0.0, 1.0], [1.0, 1.0], [1.0, -1.0]])


def test_masks_to_a_fixed_size():
    mask = X > 2
    for found, count in both(lambda x, m: functions.boolean_mask_to_size(x, m, 6, fill_value=-1.0), X, mask):
        np.testing.assert_array_equal(found, [3.0, 4.0, 5.0, 6.0, -1.0, -1.0])
        assert count == 4
    for found, count in both(lambda m: functions.mask_positions(m, 2), mask):
        np.testing.assert_array_equal(found, [0, 2])
        assert count == 4


def test_sorting_of_more_than_compared_pairs():
    big = np.random.default_rng(0).standard_normal(5000).astype(np.float32)
    for found in both(functions.sort, big):
        np.testing.assert_array_equal(found, np.sort(big))
    rows = np.sort(np.random.default_rng(1).standard_normal((2, 8)), axis=1)
    wanted = np.array([[0.0, 1.0], [-1.0, 9.0]])
    expected = [np.searchsorted(row, values) for row, values in zip(rows, wanted, strict=True)]
    for found in both(functions.searchsorted, rows, wanted):
        np.testing.assert_array_equal(found, expected)


def test_draws():
    alpha = np.array([0.4, 1.0, 7.0], np.float32)
    draw = np.asarray(random.gamma((40_000, 3), alpha, seed=1), np.float64)
    assert draw.min() >= 0
    np.testing.assert_allclose(draw.mean(0), alpha, rtol=0.03)
    np.testing.assert_allclose(draw.var(0), alpha, rtol=0.06)
    fraction = np.asarray(random.beta((40_000,), 2.0, 3.0, seed=2), np.float64)
    np.testing.assert_allclose([fraction.mean(), fraction.var()], [0.4, 0.04], rtol=0.03)
    np.testing.assert_array_equal(fraction, np.asarray(random.beta((40_000,), 2.0, 3.0, seed=2)))
    classes = np.asarray(random.categorical(np.log([0.2, 0.5, 0.3]), 20_000, seed=3))
    np.testing.assert_allclose(np.bincount(classes) / 20_000, [0.2, 0.5, 0.3], atol=0.02)

    run = trace(lambda x: x + random.permutation(50, seed=5), TensorSpec((50,), "int32"))
    np.testing.assert_array_equal(np.sort(np.asarray(run(np.zeros(50, np.int32)))), np.arange(50))


def test_no_gradient_reaches_a_draw():
    alpha = convert(2.0)
    with GradientTape() as tape:
        tape.watch(alpha)
        y = functions.sum(random.gamma((3,), alpha, seed=1))
    assert tape.gradient(y, alpha) is None


def test_group_norm():
    x = np.random.default_rng(0).standard_normal((2, 5, 6)).astype(np.float32)
    grouped = x.reshape(2, 5, 3, 2)
    normal = (grouped - grouped.mean((1, 3), keepdims=True)) / np.sqrt(grouped.var((1, 3), keepdims=True) + 1e-3)
    for found in both(lambda x: functions.group_norm(x, 3), x):
        np.testing.assert_allclose(found, normal.reshape(x.shape), rtol=1e-4, atol=1e-5)
    moved = np.moveaxis(x, -1, 1).copy()
    found = np.asarray(functions.group_norm(moved, 3, axis=1))
    np.testing.assert_allclose(np.moveaxis(found, 1, -1), normal.reshape(x.shape), rtol=1e-4, atol=1e-5)
    with pytest.raises(ArgumentError, match="groups must divide the 6 channels"):
        functions.group_norm(x, 4)
