"""A batch of a kind that `predict` has seen before goes straight to its program."""

import numpy as np
import pytest

from epochal import keras
from epochal.tensor import context as contexts


@pytest.fixture
def model():
    keras.utils.set_random_seed(3)
    return keras.Sequential([keras.Input((5,)), keras.layers.Dense(4, activation="relu"), keras.layers.Dense(2)])


def test_again_and_by_another_way(model):
    x = np.random.default_rng(0).standard_normal((3, 5)).astype(np.float32)
    first = model.predict(x, verbose=0)
    again = model.predict(x, verbose=0)
    np.testing.assert_array_equal(first, again)
    assert first is not again
    np.testing.assert_array_equal(first, model.predict(x[::-1], verbose=0)[::-1])
    model.layers[-1].kernel.assign(2 * model.layers[-1].kernel.numpy())
    np.testing.assert_allclose(model.predict(x, verbose=0), 2 * first, rtol=1e-6)


@pytest.mark.parametrize("method", ["predict", "predict_on_batch"])
def test_at_once_while_a_graph_is_recorded(model, method):
    x = np.ones((2, 5), np.float32)
    run = getattr(model, method)
    settings = {"verbose": 0} if method == "predict" else {}
    with contexts.Deferred() as context:
        first = run(x, **settings)
        again = run(x, **settings)
        assert contexts.current() is context
    assert type(first) is type(again) is np.ndarray
    np.testing.assert_array_equal(first, run(x, **settings))
    np.testing.assert_array_equal(first, again)
