"""Makes fits.json: what real Keras 3's `fit`, `evaluate` and `train_on_batch` report.

Run with a Python that has keras, ``KERAS_BACKEND=jax python tests/figures/fits.py``. `CASES` are functions of
a module `keras`; the tests run the same ones with ours.
"""

import json
import pathlib

import numpy as np

ROWS = 22


def data():
    random = np.random.default_rng(5)
    x = random.normal(size=(ROWS, 4)).astype("float32")
    labels = random.integers(0, 3, ROWS)
    weights = [random.normal(size=shape).astype("float32") * 0.5 for shape in ((4, 6), (6,), (6, 3), (3,))]
    return x, labels, weights, random.uniform(0, 2, ROWS).astype("float32")


def classifier(keras, activation="softmax"):
    model = keras.Sequential(
        [
            keras.layers.Input((4,)),
            keras.layers.Dense(6, activation="tanh"),
            keras.layers.Dense(3, activation=activation, name="scores"),
        ]
    )
    model.set_weights(data()[2])
    return model


def two_headed(keras, as_dict=False):
    inputs = keras.layers.Input((4,), name="numbers")
    hidden = keras.layers.Dense(6, activation="tanh")(inputs)
    first = keras.layers.Dense(3, activation="softmax", name="kind")(hidden)
    second = keras.layers.Dense(1, name="size")(hidden)
    model = keras.Model(inputs, {"kind": first, "size": second} if as_dict else [first, second])
    random = np.random.default_rng(8)
    model.set_weights([random.normal(size=weight.shape).astype("float32") * 0.5 for weight in model.get_weights()])
    return model


def partial_batch(keras):
    x, y, _, _ = data()
    model = classifier(keras)
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy", "SparseTopKCategoricalAccuracy"])
    history = model.fit(x, y, batch_size=8, epochs=3, shuffle=False, verbose=0)
    return (
        history.history,
        model.evaluate(x, y, batch_size=8, verbose=0),
        model.evaluate(x, y, verbose=0, return_dict=True),
    )


def sample_weights(keras):
    x, y, _, weight = data()
    model = classifier(keras)
    model.compile(
        keras.optimizers.SGD(0.1), "categorical_crossentropy", metrics=["acc"], weighted_metrics=["acc", "mse"]
    )
    history = model.fit(x, np.eye(3)[y], sample_weight=weight, batch_size=8, epochs=2, shuffle=False, verbose=0)
    return history.history, model.evaluate(x, np.eye(3)[y], sample_weight=weight, verbose=0, return_dict=True)


def class_weights(keras):
    x, y, _, _ = data()
    model = classifier(keras)
    model.compile("rmsprop", "sparse_categorical_crossentropy", weighted_metrics=["accuracy"])
    history = model.fit(x, y, class_weight={0: 0.5, 1: 2.0, 2: 1.5}, batch_size=10, epochs=2, shuffle=False, verbose=0)
    return (history.history,)


def validation(keras):
    x, y, _, weight = data()
    model = classifier(keras)
    model.compile(
        "adam", keras.losses.SparseCategoricalCrossentropy(), metrics=[keras.metrics.SparseCategoricalAccuracy()]
    )
    first = model.fit(x, y, batch_size=5, epochs=4, shuffle=False, verbose=0, validation_split=0.3, validation_freq=2)
    second = model.fit(
        x,
        y,
        batch_size=5,
        epochs=5,
        initial_epoch=3,
        shuffle=False,
        verbose=0,
        validation_data=(x[:9], y[:9], weight[:9]),
    )
    return first.history, first.epoch, second.history, second.epoch


def regression_names(keras):
    x, _, _, _ = data()
    y = x[:, :1] * 2 + 1
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(1, kernel_initializer="ones")])
    model.compile(
        "sgd", "mse", metrics=["mae", "MSE", keras.metrics.RootMeanSquaredError(name="rmse"), keras.losses.huber]
    )
    history = model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    return history.history, model.evaluate(x, y, verbose=0), model.metrics_names


def targets_of_rank_one(keras):
    x, _, _, _ = data()
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(1, kernel_initializer="ones")])
    model.compile("sgd", "mean_squared_error", metrics=["mean_absolute_error"])
    return (model.fit(x, x[:, 0] * 2 + 1, batch_size=8, epochs=2, shuffle=False, verbose=0).history,)


def binary(keras):
    x, y, _, _ = data()
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(1, "sigmoid", kernel_initializer="ones")])
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy", "AUC", "precision"])
    return (model.fit(x, y == 1, batch_size=8, epochs=2, shuffle=False, verbose=0).history,)


def regularised(keras):
    x, y, _, _ = data()
    model = keras.Sequential(
        [
            keras.layers.Input((4,)),
            keras.layers.Dense(6, activation="tanh", kernel_regularizer="l2", activity_regularizer="l1"),
            keras.layers.Dense(3, activation="softmax", bias_regularizer=keras.regularizers.L1(0.1)),
        ]
    )
    model.set_weights(data()[2])
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0).history, model.evaluate(x, y, verbose=0)


def several_outputs(keras):
    x, y, _, _ = data()
    size = x[:, :1] ** 2
    model = two_headed(keras)
    model.compile(
        "sgd",
        ["sparse_categorical_crossentropy", "mse"],
        loss_weights=[1.0, 0.3],
        metrics=[["accuracy"], ["mae", "mse"]],
    )
    history = model.fit(x, [y, size], batch_size=8, epochs=2, shuffle=False, verbose=0)
    return (
        history.history,
        model.evaluate(x, [y, size], verbose=0),
        model.evaluate(x, [y, size], verbose=0, return_dict=True),
    )


def outputs_by_name(keras):
    x, y, _, _ = data()
    size = x[:, :1] ** 2
    model = two_headed(keras)
    model.compile(
        "sgd",
        {"kind": "sparse_categorical_crossentropy", "size": "mae"},
        loss_weights={"kind": 0.5, "size": 2.0},
        metrics={"kind": "accuracy"},
    )
    history = model.fit({"numbers": x}, {"kind": y, "size": size}, batch_size=8, epochs=2, shuffle=False, verbose=0)
    return history.history, model.evaluate({"numbers": x}, {"kind": y, "size": size}, verbose=0, return_dict=True)


def outputs_in_dictionary(keras):
    x, y, _, _ = data()
    targets = {"kind": y, "size": x[:, :1] ** 2}
    model = two_headed(keras, as_dict=True)
    model.compile(
        "sgd", {"kind": "sparse_categorical_crossentropy", "size": "mae"}, metrics={"size": ["mse"], "kind": ["acc"]}
    )
    history = model.fit(x, targets, batch_size=8, epochs=2, shuffle=False, verbose=0)
    return (history.history,)


def one_loss_for_both(keras):
    x, y, _, _ = data()
    model = two_headed(keras)
    model.compile("sgd", "mse")
    history = model.fit(x, [np.eye(3)[y], x[:, :1]], batch_size=8, epochs=2, shuffle=False, verbose=0)
    return (history.history,)


def batches(keras):
    x, y, _, weight = data()
    model = classifier(keras)
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])

    def generate():
        while True:
            for begin in range(0, 20, 5):
                rows = slice(begin, begin + 5)
                yield x[rows], y[rows], weight[rows]

    history = model.fit(generate(), steps_per_epoch=3, epochs=3, verbose=0)
    model.reset_metrics()
    first = model.train_on_batch(x[:8], y[:8])
    second = model.train_on_batch(x[8:16], y[8:16], return_dict=True)
    model.reset_metrics()
    return history.history, first, second, model.test_on_batch(x[:8], y[:8], sample_weight=weight[:8])


def logits(keras):
    x, y, _, _ = data()
    model = classifier(keras, activation=None)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(0.05, 3, 0.5)), loss)
    return (model.fit(x, y, batch_size=8, epochs=3, shuffle=False, verbose=0).history,)


def learning_rates(keras):
    x, y, _, _ = data()
    model = classifier(keras)
    model.compile("sgd", "sparse_categorical_crossentropy")
    schedule = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5)
    first = model.fit(x, y, batch_size=8, epochs=3, shuffle=False, verbose=0, callbacks=[schedule])
    plateau = keras.callbacks.ReduceLROnPlateau(monitor="loss", patience=1, min_delta=10.0, factor=0.1)
    second = model.fit(x, y, batch_size=8, epochs=4, shuffle=False, verbose=0, callbacks=[plateau])
    return first.history, second.history, float(np.asarray(model.optimizer.learning_rate))


CASES = (
    partial_batch,
    sample_weights,
    class_weights,
    validation,
    regression_names,
    targets_of_rank_one,
    binary,
    regularised,
    several_outputs,
    outputs_by_name,
    outputs_in_dictionary,
    one_loss_for_both,
    batches,
    logits,
    learning_rates,
)


def plain(value):
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value if isinstance(value, (str, int)) else float(value)


if __name__ == "__main__":
    import keras as real

    record = {case.__name__: plain(case(real)) for case in CASES}
    pathlib.Path(__file__).with_name("fits.json").write_text(json.dumps(record, indent=1) + "\n")
