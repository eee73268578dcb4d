"""Writes two models of real Keras and what they predict: keras_functional.keras, keras_sequential.keras and figures.

Run with an environment that has Keras 3: ``KERAS_BACKEND=tensorflow python tests/figures/keras_file.py``.
"""

import pathlib

import numpy as np

import keras
from keras import layers

FOLDER = pathlib.Path(__file__).parent


def functional():
    words = keras.Input((5,), name="words", dtype="int32")
    table = keras.Input((3,), name="table")
    x = layers.Embedding(10, 4, mask_zero=True)(words)
    x = layers.LSTM(3, dropout=0.1)(x)
    mixed = x * 0.5 + table
    shared = layers.Dense(3, activation="tanh", name="shared")
    joined = layers.Add()([shared(mixed), shared(table)])
    inner = keras.Sequential([keras.Input((3,)), layers.Dense(4, activation="relu"), layers.BatchNormalization()])
    out = layers.Concatenate(name="out")([inner(joined), mixed])
    model = keras.Model({"words": words, "table": table}, {"sum": joined, "out": out})
    model.compile("adam", loss={"sum": "mse", "out": "mae"})
    return model


def sequential():
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(3, 3, activation="relu", kernel_regularizer="l2"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(2, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def main() -> None:
    rng = np.random.default_rng(5)
    keras.utils.set_random_seed(5)
    words, table = rng.integers(0, 10, (4, 5)).astype("int32"), rng.normal(size=(4, 3)).astype("float32")
    model = functional()
    targets = {"sum": rng.normal(size=(4, 3)), "out": rng.normal(size=(4, 7))}
    model.fit({"words": words, "table": table}, targets, epochs=3, verbose=0)
    model.save(FOLDER / "keras_functional.keras")
    predicted = model.predict({"words": words, "table": table}, verbose=0)
    images = rng.normal(size=(4, 8, 8, 1)).astype("float32")
    labels = rng.integers(0, 2, 4)
    stack = sequential()
    stack.fit(images, labels, epochs=3, verbose=0)
    stack.save(FOLDER / "keras_sequential.keras")
    older_in = keras.Input((3,))
    older = keras.Model(
        older_in, keras.Sequential([keras.Input((3,)), layers.Dense(2), layers.BatchNormalization()])(older_in)
    )
    older.compile("rmsprop", "mean_squared_error")
    older.fit(table, targets["sum"][:, :2], verbose=0)
    older.save(FOLDER / "keras_legacy.h5")
    np.savez_compressed(
        FOLDER / "keras_file.npz",
        words=words,
        table=table,
        sum=predicted["sum"],
        out=predicted["out"],
        images=images,
        labels=labels,
        legacy=older.predict(table, verbose=0),
        classes=stack.predict(images, verbose=0),
        momentum=np.asarray(stack.optimizer.variables[2]),
        iterations=np.asarray(stack.optimizer.iterations),
    )


if __name__ == "__main__":
    main()
