"""Makes golden_*.npz: how real Keras 3 trains six small models, step by step.

Run with a Python that has keras, ``KERAS_BACKEND=jax python tests/figures/golden.py``. Each file holds the
data (`x`, `y`), the starting weights (`weight_0` ...), and for each optimizer the loss of every step and predictions
for the first samples after the last one. Batches are taken in order.
"""

import pathlib
import sys

import numpy as np

import keras

STEPS, BATCH, SHOWN = 30, 8, 16
OPTIMIZERS = {
    "sgd": lambda: keras.optimizers.SGD(0.05),
    "adam": lambda: keras.optimizers.Adam(0.01, epsilon=1e-3),
}


def linear(random):
    x = random.normal(size=(STEPS * BATCH, 5)).astype("float32")
    y = (x @ random.normal(size=(5, 1)) + 0.5 + 0.1 * random.normal(size=(len(x), 1))).astype("float32")
    return [keras.Input((5,)), keras.layers.Dense(1)], "mse", x, y


def logistic(random):
    x = random.normal(size=(STEPS * BATCH, 5)).astype("float32")
    y = (x @ random.normal(size=(5, 1)) > 0.2).astype("float32")
    return [keras.Input((5,)), keras.layers.Dense(1, activation="sigmoid")], "binary_crossentropy", x, y


def mlp(random):
    x = random.normal(size=(STEPS * BATCH, 12)).astype("float32")
    y = np.argmax(x @ random.normal(size=(12, 4)), axis=1).astype("int32")
    layers = [
        keras.Input((12,)),
        keras.layers.Dense(24, activation="relu"),
        keras.layers.Dense(16, activation="tanh"),
        keras.layers.Dense(4, activation="softmax"),
    ]
    return layers, "sparse_categorical_crossentropy", x, y


def cnn(random):
    labels = random.integers(0, 3, STEPS * BATCH)
    patterns = random.normal(size=(3, 10, 10, 1))
    x = (patterns[labels] + random.normal(size=(len(labels), 10, 10, 1))).astype("float16").astype("float32")
    y = np.eye(3, dtype="float32")[labels]
    layers = [
        keras.Input((10, 10, 1)),
        keras.layers.Conv2D(4, 3, activation="relu"),
        keras.layers.BatchNormalization(),
        keras.layers.MaxPooling2D(2),
        keras.layers.Conv2D(6, 3, padding="same", use_bias=False),
        keras.layers.BatchNormalization(),
        keras.layers.Activation("relu"),
        keras.layers.Flatten(),
        keras.layers.Dense(3, activation="softmax"),
    ]
    return layers, "categorical_crossentropy", x, y


def rnn(random):
    x = random.normal(size=(STEPS * BATCH, 7, 3)).astype("float32")
    y = np.sum(np.sin(x[:, ::2, 0]), axis=1, keepdims=True).astype("float32")
    return [keras.Input((7, 3)), keras.layers.SimpleRNN(8), keras.layers.Dense(1)], "mse", x, y


def lstm(random):
    x = random.integers(0, 20, (STEPS * BATCH, 7)).astype("int32")
    y = (np.sum(x % 3 == 0, axis=1, keepdims=True) > 2).astype("float32")
    layers = [
        keras.Input((7,), dtype="int32"),
        keras.layers.Embedding(20, 6),
        keras.layers.LSTM(8),
        keras.layers.Dense(1, activation="sigmoid"),
    ]
    return layers, "binary_crossentropy", x, y


def make(build, folder):
    layers, loss, x, y = build(np.random.default_rng(3))
    keras.utils.set_random_seed(1)
    model = keras.Sequential(layers)
    start = model.get_weights()
    record = {"x": x.astype("float16") if build is cnn else x, "y": y}
    record.update({f"weight_{index}": weight for index, weight in enumerate(start)})
    for name, optimizer in OPTIMIZERS.items():
        model.set_weights(start)
        model.compile(optimizer=optimizer(), loss=loss)
        losses = []
        for step in range(STEPS):
            rows = slice(step * BATCH, (step + 1) * BATCH)
            model.reset_metrics()
            losses.append(float(np.asarray(model.train_on_batch(x[rows], y[rows]))))
        record[f"{name}_losses"] = np.array(losses, "float32")
        record[f"{name}_predictions"] = model.predict(x[:SHOWN], verbose=0)
    np.savez_compressed(folder / f"golden_{build.__name__}.npz", **record)
    print(build.__name__, losses[:2], losses[-1])


if __name__ == "__main__":
    target = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent
    for case in (linear, logistic, mlp, cnn, rnn, lstm):
        make(case, target)
