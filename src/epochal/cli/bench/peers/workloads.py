"""The measured programs, each written once against Keras's interface and given whichever Keras is to be timed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = tuple[NDArray[Any], NDArray[Any]]


@dataclass(frozen=True)
class Workload:
    """A model and its data.

    Attributes:
        name: What `epochal bench` calls it.
        model: What it is, in a line.
        training: How it is trained.
        build: Given the `keras` module, a compiled model.
        data: Inputs and targets of that many samples.
        batch_size: Samples a training step.
        steps: Steps of a measured epoch.
        inference: Samples of a measured batch of inference; 0: not measured.
        one: Whether inference of a single sample is measured.
        steps_per_execution: Steps that Keras is told to run at once.
        causal: Whether a token attends to earlier ones alone, so that half the products of attention are needed.
    """

    name: str
    model: str
    training: str
    build: Callable[[Any], Any]
    data: Callable[[int], Arrays]
    batch_size: int
    steps: int
    inference: int = 0
    one: bool = False
    causal: bool = False
    steps_per_execution: int = 1


def _images(size: int, channels: int, classes: int) -> Callable[[int], Arrays]:
    def data(count: int) -> Arrays:
        generator = np.random.default_rng(0)
        x = generator.random((count, size, size, channels), "float32")
        return x, generator.integers(0, classes, count).astype("int32")

    return data


def _seed(keras: Any) -> Any:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(loss="mean_squared_error", optimizer="sgd")
    return model


def _seed_data(count: int) -> Arrays:
    x = np.random.default_rng(0).normal(size=(count, 2)).astype("float32")
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


def _mlp_data(count: int) -> Arrays:
    generator = np.random.default_rng(0)
    return generator.random((count, 784), "float32"), generator.integers(0, 10, count).astype("int32")


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


def _lstm(keras: Any) -> Any:
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((80,), dtype="int32"),
            layers.Embedding(10000, 128),
            layers.LSTM(128),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(loss="binary_crossentropy", optimizer="adam")
    return model


def _lstm_data(count: int) -> Arrays:
    generator = np.random.default_rng(0)
    tokens = generator.integers(0, 10000, (count, 80)).astype("int32")
    return tokens, generator.integers(0, 2, (count, 1)).astype("float32")


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


def _tfm_data(count: int) -> Arrays:
    generator = np.random.default_rng(0)
    tokens = generator.integers(0, 10000, (count, 64)).astype("int32")
    return tokens, generator.integers(0, 2, count).astype("int32")


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
    momentum = keras.optimizers.SGD(learning_rate=0.01, momentum=0.9)
    model.compile(loss="sparse_categorical_crossentropy", optimizer=momentum)
    return model


def _bottleneck(keras: Any, x: Any, channels: int, stride: int, project: bool) -> Any:
    """1x1, 3x3 and 1x1 convolutions and a shortcut; the stride stands on the first, as in He et al. 2015."""
    layers = keras.layers
    y = layers.Conv2D(channels, 1, strides=stride, use_bias=False)(x)
    y = layers.ReLU()(layers.BatchNormalization()(y))
    y = layers.Conv2D(channels, 3, padding="same", use_bias=False)(y)
    y = layers.ReLU()(layers.BatchNormalization()(y))
    y = layers.BatchNormalization()(layers.Conv2D(4 * channels, 1, use_bias=False)(y))
    if project:
        x = layers.BatchNormalization()(layers.Conv2D(4 * channels, 1, strides=stride, use_bias=False)(x))
    return layers.ReLU()(layers.Add()([x, y]))


RESNET50_STAGES = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))
"""Channels, blocks and the first block's stride of each stage."""


def _resnet50(keras: Any) -> Any:
    layers = keras.layers
    images = keras.Input((224, 224, 3))
    x = layers.Conv2D(64, 7, strides=2, use_bias=False)(layers.ZeroPadding2D(3)(images))
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.MaxPooling2D(3, strides=2)(layers.ZeroPadding2D(1)(x))
    for channels, blocks, stride in RESNET50_STAGES:
        for block in range(blocks):
            x = _bottleneck(keras, x, channels, stride if block == 0 else 1, block == 0)
    model = keras.Model(images, layers.Dense(1000, activation="softmax")(layers.GlobalAveragePooling2D()(x)))
    momentum = keras.optimizers.SGD(learning_rate=0.01, momentum=0.9)
    model.compile(loss="sparse_categorical_crossentropy", optimizer=momentum)
    return model


GPT2_LAYERS, GPT2_WIDTH, GPT2_HEADS, GPT2_TOKENS, GPT2_VOCABULARY = 12, 768, 12, 256, 50257


def _positions(keras: Any) -> Any:
    """A layer that adds a learned vector to each position."""

    class Positions(keras.layers.Layer):  # type: ignore[misc, name-defined]
        def build(self, input_shape: Any) -> None:
            self.table = self.add_weight(shape=input_shape[1:], initializer="random_normal", name="table")

        def call(self, inputs: Any) -> Any:
            return inputs + self.table

    return Positions()


def _gpt2_block(keras: Any, x: Any) -> Any:
    """Causal attention and a two-layer perceptron, each with a normalisation before it and a residual around both."""
    layers = keras.layers
    attention = layers.MultiHeadAttention(GPT2_HEADS, GPT2_WIDTH // GPT2_HEADS)
    normal = layers.LayerNormalization(epsilon=1e-5)(x)
    x = layers.Add()([x, attention(normal, normal, use_causal_mask=True)])
    normal = layers.LayerNormalization(epsilon=1e-5)(x)
    hidden = layers.Dense(4 * GPT2_WIDTH, activation="gelu")(normal)
    return layers.Add()([x, layers.Dense(GPT2_WIDTH)(hidden)])


def _gpt2(keras: Any) -> Any:
    """GPT-2's small shape without dropout; the head does not share the embedding's weights."""
    layers = keras.layers
    tokens = keras.Input((GPT2_TOKENS,), dtype="int32")
    x = _positions(keras)(layers.Embedding(GPT2_VOCABULARY, GPT2_WIDTH)(tokens))
    for _ in range(GPT2_LAYERS):
        x = _gpt2_block(keras, x)
    x = layers.LayerNormalization(epsilon=1e-5)(x)
    model = keras.Model(tokens, layers.Dense(GPT2_VOCABULARY, use_bias=False)(x))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(loss=loss, optimizer=keras.optimizers.Adam(1e-4))
    return model


def _gpt2_data(count: int) -> Arrays:
    tokens = np.random.default_rng(0).integers(0, GPT2_VOCABULARY, (count, GPT2_TOKENS + 1)).astype("int32")
    return tokens[:, :-1].copy(), tokens[:, 1:].copy()


WORKLOADS = (
    Workload("seed", "Dense(1)", "batch 1, SGD", _seed, _seed_data, 1, 1000),
    Workload(
        "seed200",
        "Dense(1)",
        "batch 1, SGD, steps_per_execution=200",
        _seed,
        _seed_data,
        1,
        1000,
        steps_per_execution=200,
    ),
    Workload("mlp", "784-512-512-10", "batch 128, Adam", _mlp, _mlp_data, 128, 60, 128, one=True),
    Workload("cnn", "Keras's MNIST convnet", "batch 128, Adam", _cnn, _images(28, 1, 10), 128, 30, 128, one=True),
    Workload("lstm", "Embedding 128, LSTM 128, 80 steps", "batch 32, Adam", _lstm, _lstm_data, 32, 20, 32),
    Workload("tfm", "2 blocks, d 128, 4 heads, 64 tokens", "batch 32, Adam", _tfm, _tfm_data, 32, 10, 32),
    Workload("resnet", "ResNet-20, 32x32", "batch 32, momentum", _resnet, _images(32, 3, 10), 32, 10, 32),
    Workload("resnet50", "ResNet-50, 224x224", "batch 8, momentum", _resnet50, _images(224, 3, 1000), 8, 3, 8),
    Workload(
        "gpt2",
        "12 layers, d 768, 12 heads, 256 tokens",
        "batch 2, Adam",
        _gpt2,
        _gpt2_data,
        2,
        3,
        2,
        causal=True,
    ),
)
BY_NAME = {workload.name: workload for workload in WORKLOADS}
