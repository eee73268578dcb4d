"""The measured programs, each written once against Keras's interface and given whichever Keras is to be timed.

This file is also run by interpreters that have no Epochal, so it imports NumPy alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Workload:
    """A model and its data.

    Attributes:
        name: What `epochal bench` calls it.
        about: One line for the table.
        build: Given the `keras` module, a compiled model.
        data: Inputs and targets.
        batch_size: Samples a step.
        flops: Dense floating point operations of one training step (products and convolutions, forward and both
            gradients), for the share of the processor's peak.
    """

    name: str
    about: str
    build: Callable[[Any], Any]
    data: Callable[[], tuple[np.ndarray, np.ndarray]]
    batch_size: int
    flops: float


def _seed(keras: Any) -> Any:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(loss="mean_squared_error", optimizer="sgd")
    return model


def _seed_data() -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(0).normal(size=(1000, 2)).astype("float32")
    return x, (x @ np.array([[2.0], [-3.0]], "float32") + 0.5).astype("float32")


def _mlp(keras: Any) -> Any:
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((784,)),
            layers.Dense(512, activation="relu"),
            layers.Dense(512, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


def _mlp_data() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    return generator.random((128 * 60, 784), "float32"), generator.integers(0, 10, 128 * 60).astype("int32")


def _cnn(keras: Any) -> Any:
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, (3, 3), activation="relu"),
            layers.MaxPooling2D((2, 2)),
            layers.Conv2D(64, (3, 3), activation="relu"),
            layers.MaxPooling2D((2, 2)),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


def _cnn_data() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    return generator.random((128 * 30, 28, 28, 1), "float32"), generator.integers(0, 10, 128 * 30).astype("int32")


def _lstm(keras: Any) -> Any:
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((80,)), layers.Embedding(10000, 128), layers.LSTM(128), layers.Dense(1, activation="sigmoid")]
    )
    model.compile(loss="binary_crossentropy", optimizer="adam")
    return model


def _lstm_data() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    return generator.integers(0, 10000, (32 * 20, 80)).astype("int32"), generator.integers(0, 2, (32 * 20, 1)).astype(
        "float32"
    )


_MLP_FLOPS = 2 * 128 * (3 * 512 * 512 + 2 * 784 * 512 + 3 * 512 * 10)
_CNN_FLOPS = 2 * 128 * (2 * 26 * 26 * 9 * 32 + 3 * 11 * 11 * 9 * 32 * 64 + 3 * 1600 * 10)
_LSTM_FLOPS = 2 * 32 * 80 * 3 * 2 * 128 * 512

WORKLOADS = (
    Workload("seed", "Dense(1), batch 1, SGD", _seed, _seed_data, 1, 12.0),
    Workload("mlp", "784-512-512-10, batch 128, Adam", _mlp, _mlp_data, 128, _MLP_FLOPS),
    Workload("cnn", "Keras's MNIST convnet, batch 128, Adam", _cnn, _cnn_data, 128, _CNN_FLOPS),
    Workload("lstm", "Embedding 128, LSTM 128, 80 steps, batch 32, Adam", _lstm, _lstm_data, 32, _LSTM_FLOPS),
)
BY_NAME = {workload.name: workload for workload in WORKLOADS}
