"""Starting values: fans, spread, seeds."""

import numpy as np
import pytest

from epochal.errors import ArgumentError, ShapeError
from epochal.learn import initializers


@pytest.mark.parametrize(
    ("shape", "fans"),
    [((), (1, 1)), ((3,), (3, 3)), ((4, 5), (4, 5)), ((3, 2, 4, 5), (24, 30))],
)
def test_fans(shape, fans):
    assert initializers.compute_fans(shape) == fans


@pytest.mark.parametrize("distribution", ["uniform", "truncated_normal", "untruncated_normal"])
@pytest.mark.parametrize(("mode", "fan"), [("fan_in", 300), ("fan_out", 200), ("fan_avg", 250)])
def test_variance(distribution, mode, fan):
    drawn = np.asarray(initializers.variance_scaling((300, 200), 2.0, mode, distribution, seed=1))
    assert drawn.dtype == np.float32
    np.testing.assert_allclose(drawn.mean(), 0.0, atol=2e-3)
    np.testing.assert_allclose(drawn.var(), 2.0 / fan, rtol=0.03)
    if distribution == "uniform":
        assert np.abs(drawn).max() <= np.sqrt(6.0 / fan)


def test_seeds():
    first, again, other = (np.asarray(initializers.normal((50,), 0.0, 1.0, seed=seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.any(first != other)


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (2, 3, 4)])
def test_orthogonal(shape):
    drawn = np.asarray(initializers.orthogonal(shape, gain=2.0, seed=3)).reshape(-1, shape[-1])
    small = drawn @ drawn.T if drawn.shape[0] < drawn.shape[1] else drawn.T @ drawn
    np.testing.assert_allclose(small, 4 * np.eye(len(small)), atol=1e-5)


def test_filled_and_identity():
    np.testing.assert_array_equal(np.asarray(initializers.filled((2, 3), 1.5)), np.full((2, 3), 1.5))
    np.testing.assert_array_equal(np.asarray(initializers.identity((2, 3), 2.0)), 2 * np.eye(2, 3))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: initializers.variance_scaling((2, 2), scale=0.0), ArgumentError, "`scale` must be positive"),
        (lambda: initializers.variance_scaling((2, 2), mode="fan"), ArgumentError, "Unknown `mode`: 'fan'"),
        (lambda: initializers.variance_scaling((2, 2), distribution="flat"), ArgumentError, "Unknown `distribution`"),
        (lambda: initializers.orthogonal((3,)), ShapeError, "rank 2 or more"),
        (lambda: initializers.identity((3,)), ShapeError, "makes matrices only"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
