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


def _block(keras: Any, x: Any, width: int, heads: int) -> Any:
    """A transformer block: attention and a two-layer perceptron, each with a residual and a normalisation after it."""
    layers = keras.layers
    attended = layers.MultiHeadAttention(heads, width // heads)(x, x)
    x = layers.LayerNormalization()(layers.Add()([x, attended]))
    hidden = layers.Dense(4 * width, activation="gelu")(x)
    return layers.LayerNormalization()(layers.Add()([x, layers.Dense(width)(hidden)]))


def _tfm(keras: Any) -> Any:
    layers = keras.layers
    tokens = keras.Input((64,), dtype="int32")
    x = layers.Embedding(10000, 128)(tokens)
    for _ in range(2):
        x = _block(keras, x, 128, 4)
    model = keras.Model(tokens, layers.Dense(2, activation="softmax")(layers.GlobalAveragePooling1D()(x)))
    model.compile(loss="sparse_categorical_crossentropy", optimizer="adam")
    return model


def _tfm_data() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    return generator.integers(0, 10000, (32 * 10, 64)).astype("int32"), generator.integers(0, 2, 32 * 10).astype(
        "int32"
    )


def _residual(keras: Any, x: Any, channels: int, stride: int) -> Any:
    """Two 3x3 convolutions and a shortcut (He et al. 2016)."""
    layers = keras.layers
    y = layers.Conv2D(channels, 3, strides=stride, padding="same", use_bias=False)(x)
    y = layers.ReLU()(layers.BatchNormalization()(y))
    y = layers.BatchNormalization()(layers.Conv2D(channels, 3, padding="same", use_bias=False)(y))
    if stride != 1:
        x = layers.BatchNormalization()(layers.Conv2D(channels, 1, strides=stride, use_bias=False)(x))
    return layers.ReLU()(layers.Add()([x, y]))


def _resnet(keras: Any) -> Any:
    layers = keras.layers
    images = keras.Input((32, 32, 3))
    x = layers.Conv2D(16, 3, padding="same", use_bias=False)(images)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    for channels in (16, 32, 64):
        for block in range(3):
            x = _residual(keras, x, channels, 2 if channels > 16 and block == 0 else 1)
    model = keras.Model(images, layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling2D()(x)))
    model.compile(
        loss="sparse_categorical_crossentropy", optimizer=keras.optimizers.SGD(learning_rate=0.01, momentum=0.9)
    )
    return model


def _resnet_data() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    return generator.random((32 * 10, 32, 32, 3), "float32"), generator.integers(0, 10, 32 * 10).astype("int32")


_MLP_FLOPS = 2 * 128 * (3 * 512 * 512 + 2 * 784 * 512 + 3 * 512 * 10)
_CNN_FLOPS = 2 * 128 * (2 * 26 * 26 * 9 * 32 + 3 * 11 * 11 * 9 * 32 * 64 + 3 * 1600 * 10)
_LSTM_FLOPS = 2 * 32 * 80 * 3 * 2 * 128 * 512
_TFM_FLOPS = 3 * 2 * 2048 * 2 * (4 * 128 * 128 + 2 * 128 * 512 + 2 * 64 * 128)
_RESNET_FLOPS = 3 * 2 * 32 * 40.8e6

WORKLOADS = (
    Workload("seed", "Dense(1), batch 1, SGD", _seed, _seed_data, 1, 12.0),
    Workload("mlp", "784-512-512-10, batch 128, Adam", _mlp, _mlp_data, 128, _MLP_FLOPS),
    Workload("cnn", "Keras's MNIST convnet, batch 128, Adam", _cnn, _cnn_data, 128, _CNN_FLOPS),
    Workload("lstm", "Embedding 128, LSTM 128, 80 steps, batch 32, Adam", _lstm, _lstm_data, 32, _LSTM_FLOPS),
    Workload("tfm", "2 blocks, d 128, 4 heads, 64 tokens, batch 32, Adam", _tfm, _tfm_data, 32, _TFM_FLOPS),
    Workload("resnet", "ResNet-20, 32x32, batch 32, momentum", _resnet, _resnet_data, 32, _RESNET_FLOPS),
)
BY_NAME = {workload.name: workload for workload in WORKLOADS}
