"""Wrong calls of `compile`, `fit` and `predict`: each says what was expected, what was received and what to do."""

import numpy as np
import pytest

from epochal import keras
from epochal.errors import ArgumentError, DTypeError, EpochalError, ExecutionError, ShapeError

X = np.random.default_rng(0).normal(size=(12, 4)).astype("float32")
LABELS = np.arange(12) % 3


def classifier(loss="sparse_categorical_crossentropy", **arguments):
    model = keras.Sequential(
        [
            keras.layers.Input((4,)),
            keras.layers.Dense(5, activation="relu", name="hidden"),
            keras.layers.Dense(3, activation="softmax", name="scores"),
        ]
    )
    model.compile("sgd", loss, **arguments)
    return model


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((X, LABELS[:7]), ShapeError, r"Data cardinality is ambiguous.* x: 12, y: 7"),
        ((X[:0], LABELS[:0]), ArgumentError, r"The data is empty: x, y has no samples"),
        ((X, LABELS + 1), ArgumentError, r"3 classes\. Expected labels from 0 to 2\. Received labels from 1 to 3"),
        ((X, LABELS - 1), ArgumentError, r"Received labels from -1 to 1"),
        ((X, np.where(LABELS == 1, np.nan, LABELS)), ArgumentError, r"contain NaN \(4 of 12 values.*first in sample 1"),
        ((X, np.eye(3)[LABELS]), ShapeError, r"Expected targets of shape \(12,\).*categorical_crossentropy"),
        ((X[:, :3], LABELS), ShapeError, r"(?s)ayer '.*4.*3"),
        ((X.astype(str), LABELS), DTypeError, r"x has dtype <U\d+\. Expected numbers"),
        ((np.array([["a", 1]] * 12, object), LABELS), DTypeError, r"dtype object"),
        (([[1.0, 2.0], [1.0]], [0, 1]), ShapeError, r"rows have different lengths"),
        ((None, None), ArgumentError, r"Expected data\. Received x=None"),
        ((np.float32(3), LABELS), ShapeError, r"x is a single number"),
        (("data.csv", LABELS), ArgumentError, r"Unrecognized data type for x: 'data\.csv'"),
    ],
)
def test_data(arguments, error, message):
    model = classifier()
    before = [weight.copy() for weight in model.get_weights()]
    with pytest.raises(error, match=message):
        model.fit(*arguments, verbose=0)
    for ours, theirs in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert int(model.optimizer.iterations) == 0
    model.fit(X, LABELS, verbose=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, r"`batch_size` must be a positive integer\. Received: batch_size=0"),
        ({"epochs": 1.5}, r"`epochs` must be a positive integer"),
        ({"validation_split": 1.5}, r"between 0 and 1\. Received: 1\.5"),
        ({"validation_split": 0.99}, r"not sufficient to split"),
        ({"validation_data": (X, LABELS), "validation_freq": "often"}, r"to be a list or int"),
        ({"class_weight": {0: 1.0}, "sample_weight": np.ones(12)}, r"`class_weight` and `sample_weight`"),
        ({"class_weight": {"zero": 1.0}}, r"dict with keys from 0"),
        ({"sample_weight": np.ones((12, 2))}, r"sample_weight does not fit.*Expected.*\(12,\)"),
        ({"num_threads": 0}, r"num_threads must be a positive integer\. Received: 0"),
        ({"validation_data": (X, LABELS + 5)}, r"Received labels from 5 to 7"),
    ],
)
def test_arguments_of_fit(arguments, message):
    model = classifier()
    with pytest.raises(EpochalError, match=message):
        model.fit(X, LABELS, verbose=0, **arguments)
    assert int(model.optimizer.iterations) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"optimizer": "sdg"}, r"optimizer identifier: 'sdg'. Did you mean 'sgd'"),
        ({"loss": "mean_square_error"}, r"loss identifier: 'mean_square_error'\. .*mean_squared_error"),
        ({"metrics": ["acuracy"]}, r"metric identifier: 'acuracy'"),
        ({"metrics": "accuracy"}, r"`metrics` argument to be a list, tuple, or dict"),
        ({"loss": "mse", "loss_weights": "half"}, r"`loss_weights` argument to be a float"),
        ({"optimizer": 0.1}, r"optimizer identifier: 0\.1"),
    ],
)
def test_compile(arguments, message):
    model = classifier()
    with pytest.raises(ArgumentError, match=message):
        model.compile(**arguments)
    model.fit(X, LABELS, verbose=0)


@pytest.mark.parametrize("method", ["fit", "evaluate", "train_on_batch", "test_on_batch"])
def test_not_compiled(method):
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(1)])
    with pytest.raises(ArgumentError, match=rf"You must call `compile\(\)` before calling `{method}\(\)`"):
        getattr(model, method)(X, LABELS)


def test_no_loss_and_no_targets():
    with pytest.raises(ArgumentError, match=r"No loss to compute"):
        classifier(loss=None).fit(X, LABELS, verbose=0)
    with pytest.raises(ArgumentError, match=r"The data has no targets `y`"):
        classifier().fit(X, verbose=0)


def test_several_outputs():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, [keras.layers.Dense(2, name="a")(inputs), keras.layers.Dense(1, name="b")(inputs)])
    model.compile("sgd", {"a": "mse", "c": "mse"})
    with pytest.raises(ArgumentError, match=r"`loss` names \['c'\], which no output is called.*\['a', 'b'\]"):
        model.fit(X, [X[:, :2], X[:, :1]], verbose=0)
    model.compile("sgd", ["mse", "mse", "mse"])
    with pytest.raises(ArgumentError, match=r"`loss` has 3 entries\. Expected 2, one for each output \(a, b\)"):
        model.fit(X, [X[:, :2], X[:, :1]], verbose=0)
    model.compile("sgd", "mse")
    with pytest.raises(ArgumentError, match=r"y and outputs have different structures\. Expected 2 entries"):
        model.fit(X, X[:, :1], verbose=0)
    with pytest.raises(ShapeError, match=r"Output 'a', loss 'mse'.*Expected targets of shape \(12, 2\)"):
        model.fit(X, [X[:, :3], X[:, :1]], verbose=0)


def test_binary_loss_with_class_numbers():
    with pytest.raises(ShapeError, match=r"(?s)Output 'scores'.*sparse_categorical_crossentropy"):
        classifier("binary_crossentropy").fit(X, LABELS, verbose=0)
    with pytest.raises(ShapeError, match=r"(?s)Output 'scores'.*to_categorical"):
        classifier("categorical_crossentropy").fit(X, LABELS, verbose=0)


@pytest.mark.parametrize("wrong", [-1, 50])
def test_index_outside_a_table_leaves_the_finished_steps(wrong):
    def build():
        keras.utils.set_random_seed(0)
        layers = [
            keras.layers.Input((5,)),
            keras.layers.Embedding(50, 8),
            keras.layers.Flatten(),
            keras.layers.Dense(1),
        ]
        model = keras.Sequential(layers)
        model.compile("adam", "mse")
        return model

    random = np.random.default_rng(0)
    x, y = random.integers(0, 50, (40, 5)), random.random(40)
    model, expected = build(), build()
    expected.fit(x[:16], y[:16], batch_size=8, shuffle=False, verbose=0)
    x[20, 2] = wrong
    for _ in range(2):  # with and without knowing how long a step takes
        with pytest.raises(ExecutionError, match=r"(?s)index.*layer 'embedding"):
            model.fit(x, y, batch_size=8, shuffle=False, verbose=0)
        for ours, theirs in zip(model.get_weights(), expected.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)
        assert int(model.optimizer.iterations) == int(expected.optimizer.iterations)
        expected.fit(x[:16], y[:16], batch_size=8, shuffle=False, verbose=0)
    with pytest.raises(ExecutionError, match="index"):
        model.train_on_batch(x[16:24], y[16:24])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: keras.optimizers.SGD("fast"), r"`learning_rate` should be float"),
        (lambda: keras.optimizers.SGD(momentum=2.0), r"`momentum` must be a float between \[0, 1\]"),
        (lambda: keras.optimizers.Adam(clipnorm=1.0, clipvalue=1.0), r"Only one of"),
        (lambda: keras.optimizers.Adam(use_ema=True, ema_momentum=2.0), r"`ema_momentum` must be in the range"),
        (lambda: keras.optimizers.Adam(rate=1.0), r"Argument\(s\) not recognized: \{'rate': 1\.0\}"),
        (lambda: keras.losses.MeanSquaredError(reduction="average"), r"`reduction`"),
        (lambda: keras.metrics.AUC(curve="PRC"), r"Invalid `curve`"),
        (lambda: keras.metrics.Precision(thresholds=2.0), r"must be in \[0, 1\]"),
        (lambda: keras.optimizers.schedules.ExponentialDecay(0.1, 0, 0.5), r"`decay_steps` must be > 0"),
        (lambda: keras.optimizers.schedules.PiecewiseConstantDecay([1], [1.0]), r"1 less than the length of values"),
    ],
)
def test_objects(make, message):
    with pytest.raises(EpochalError, match=message):
        make()
