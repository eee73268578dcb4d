"""Keras 2's functions over tensors, as losses and metrics of older programs use them."""

import importlib

import numpy as np
import pytest

from epochal import keras
from epochal.errors import ArgumentError, ShapeError
from epochal.keras import backend as K

X = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32")
Y = np.random.default_rng(1).normal(size=(2, 4, 5)).astype("float32")


@pytest.mark.parametrize(
    ("ours", "expected"),
    [
        (lambda: K.mean(X, axis=-1), X.mean(-1)),
        (lambda: K.mean(np.array([True, False])), 0.5),
        (lambda: K.sum(K.square(X), axis=[1, 2]), (X**2).sum((1, 2))),
        (lambda: K.sqrt(X), np.sqrt(np.maximum(X, 0))),
        (lambda: K.clip(X, 0, 1), np.clip(X, 0, 1)),
        (lambda: K.clip(X, None, 0.5), np.minimum(X, 0.5)),
        (lambda: K.argmax(X), X.argmax(-1)),
        (lambda: K.cumsum(X), X.cumsum(0)),
        (lambda: K.flatten(X), X.ravel()),
        (lambda: K.batch_flatten(X), X.reshape(2, 12)),
        (lambda: K.permute_dimensions(X, (0, 2, 1)), X.transpose(0, 2, 1)),
        (lambda: K.concatenate([X, X]), np.concatenate([X, X], -1)),
        (lambda: K.batch_dot(X, Y), X @ Y),
        (lambda: K.batch_dot(X, X, axes=2), X @ X.transpose(0, 2, 1)),
        (lambda: K.batch_dot(X, X, axes=[1, 1]), X.transpose(0, 2, 1) @ X),
        (lambda: K.batch_dot(X[:, 0], X[:, 1]), (X[:, 0] * X[:, 1]).sum(1, keepdims=True)),
        (lambda: K.l2_normalize(X, axis=-1), X / np.sqrt((X**2).sum(-1, keepdims=True))),
        (lambda: K.relu(X, alpha=0.1, max_value=0.5), np.where(X < 0, 0.1 * X, np.minimum(X, 0.5))),
        (lambda: K.relu(X, threshold=0.3), np.where(X < 0.3, 0, X)),
        (lambda: K.repeat(X[:, 0], 3), np.repeat(X[:, None, 0], 3, 1)),
        (lambda: K.repeat_elements(X, 2, axis=1), np.repeat(X, 2, 1)),
        (lambda: K.reverse(X, 1), X[:, ::-1]),
        (lambda: K.gather(X[0], [2, 0]), X[0][[2, 0]]),
        (lambda: K.switch(X[:, 0, 0] > 0, X, -X), np.where(X[:, :1, :1] > 0, X, -X)),
        (lambda: K.switch(X[0, 0, 0] > 0, lambda: X, lambda: -X), X if X[0, 0, 0] > 0 else -X),
        (lambda: K.pow(X, 2), X**2),
        (lambda: K.shape(X), X.shape),
        (lambda: K.bias_add(X, np.ones(4, "float32")), X + 1),
    ],
)  # fmt: skip
def test_against_numpy(ours, expected):
    np.testing.assert_allclose(ours().numpy(), expected, rtol=1e-5, atol=1e-6)


def test_every_name_is_there_and_others_are_not():
    for name in (*K._OPS, *K._FUNCTIONS):
        assert callable(getattr(K, name)), name
    with pytest.raises(AttributeError, match="no attribute 'placeholder_of'"):
        K.placeholder_of  # noqa: B018
    with pytest.raises(ShapeError, match="two axes or more"):
        K.batch_dot(X, X[0, 0])


def test_variables():
    v = K.variable([1.0, 2.0])
    K.set_value(v, [3.0, 4.0])
    K.update_add(v, K.ones((2,)))
    assert K.get_value(v).tolist() == K.eval(v).tolist() == [4, 5]
    assert K.int_shape(keras.Input((3,))) == (None, 3)
    assert (K.dtype(v), K.ndim(X), K.count_params(v)) == ("float32", 3, 2)


def test_the_learning_rate_is_a_variable():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    K.set_value(model.optimizer.lr, 0.5)
    assert K.get_value(model.optimizer.learning_rate) == 0.5
    model.optimizer.learning_rate.assign(0.25)
    assert float(model.optimizer.learning_rate) == 0.25


def test_a_loss_and_a_metric_in_the_old_way():
    def root_mean_squared_error(y_true, y_pred):
        return K.sqrt(K.mean(K.square(y_pred - y_true), axis=-1))

    def recall(y_true, y_pred):
        hits = K.sum(K.round(K.clip(y_true * y_pred, 0, 1)))
        return hits / (K.sum(K.round(K.clip(y_true, 0, 1))) + K.epsilon())

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, kernel_initializer="ones")])
    model.compile("sgd", root_mean_squared_error, metrics=[recall])
    loss, hit = model.evaluate(np.ones((4, 2)), np.ones((4, 1)), verbose=0)
    assert loss == pytest.approx(1)
    assert hit == pytest.approx(1)


def test_sessions_are_kept_only():
    module = importlib.import_module("epochal.keras.backend.tensorflow_backend")
    with pytest.raises(ArgumentError, match="There is no session"):
        K.get_session()
    try:
        module.set_session("one")
        assert K.get_session() == "one"
    finally:
        K.set_session(None)
