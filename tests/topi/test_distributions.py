"""Distributions: made of the words their formulas say, of the right moments."""

from __future__ import annotations

import numpy as np

from epochal import dtypes
from epochal.topi.inventory import INVENTORY
from epochal.topi.random import philox

KEY = np.array([20261124, 3], np.uint32)
truncated, bernoulli, categorical, permutation, gamma = (
    INVENTORY[f"random_{name}"].reference
    for name in ("truncated_normal", "bernoulli", "categorical", "permutation", "gamma")
)
COUNT = 60_000


def test_truncated_normal() -> None:
    draw = truncated(KEY, shape=(COUNT,), dtype=dtypes.float32).astype(np.float64)
    assert np.abs(draw).max() <= 2.0
    assert abs(draw.mean()) < 0.01
    # 1 - 2 a phi(a) / (2 Phi(a) - 1) with a = 2
    assert abs(draw.var() - 0.7737413035499232) < 0.01
    double = truncated(KEY, shape=(9,), dtype=dtypes.float64)
    assert double.dtype == np.float64
    half = truncated(KEY, shape=(COUNT,), dtype=dtypes.float16)
    np.testing.assert_array_equal(half, draw.astype(np.float32).astype(np.float16))


def test_bernoulli() -> None:
    draw = bernoulli(KEY, np.array([0.0, 0.25, 1.0]), shape=(COUNT, 3))
    np.testing.assert_allclose(draw.mean(0), [0.0, 0.25, 1.0], atol=0.01)
    uniforms = (philox(KEY, 8) >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)
    np.testing.assert_array_equal(bernoulli(KEY, np.array(0.5), shape=(8,)), uniforms < 0.5)


def test_categorical() -> None:
    logits = np.log(np.array([[0.2, 0.5, 0.3], [1.0, 1e-30, 1e-30]]))
    draw = categorical(KEY, logits, count=COUNT)
    assert draw.shape == (2, COUNT)
    np.testing.assert_allclose(np.bincount(draw[0], minlength=3) / COUNT, [0.2, 0.5, 0.3], atol=0.01)
    assert np.all(draw[1] == 0)
    impossible = categorical(KEY, np.array([-np.inf, 0.0, -np.inf]), count=100)
    assert np.all(impossible == 1)


def test_permutation() -> None:
    order = permutation(KEY, size=1000)
    np.testing.assert_array_equal(np.sort(order), np.arange(1000))
    np.testing.assert_array_equal(order, np.argsort(philox(KEY, 1000), kind="stable"))
    assert np.sum(order == np.arange(1000)) < 10


def test_gamma() -> None:
    alpha = np.array([0.05, 0.7, 1.0, 3.0, 40.0])
    draw = gamma(KEY, alpha, shape=(COUNT, 5))
    assert np.all(draw >= 0)
    np.testing.assert_allclose(draw.mean(0), alpha, rtol=0.05)
    np.testing.assert_allclose(draw.var(0), alpha, rtol=0.1)
    # Of alpha 1 it is the exponential distribution: its quantiles.
    np.testing.assert_allclose(np.quantile(draw[:, 2], [0.1, 0.5, 0.9]), -np.log([0.9, 0.5, 0.1]), rtol=0.03)
    assert abs(np.corrcoef(draw[:-1, 3], draw[1:, 3])[0, 1]) < 0.02
