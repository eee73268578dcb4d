"""Values computed anew on the way back: less memory, the same numbers."""

from __future__ import annotations

import numpy as np
import pytest

from epochal import config, keras
from epochal.errors import ArgumentError
from epochal.keras import layers
from epochal.tensor import GradientTape, constant, function, functions

X = np.random.default_rng(0).normal(size=(512, 32)).astype("float32")
Y = np.random.default_rng(1).integers(0, 3, 512)


class Block(layers.Layer):
    """Layers made inside a scope belong to the block, which recomputes them as one."""

    def __init__(self, mode: str | None) -> None:
        with keras.RematScope(mode=mode):
            super().__init__()
        self.wide = layers.Dense(128, activation="gelu")
        self.dropout = layers.Dropout(0.1)
        self.normalization = layers.BatchNormalization()
        self.narrow = layers.Dense(32)

    def call(self, inputs, training=None):
        hidden = self.dropout(self.wide(inputs), training=training)
        return self.narrow(self.normalization(hidden, training=training))


def deep(mode: str | None) -> keras.Model:
    keras.utils.set_random_seed(1)
    x = inputs = keras.Input((32,))
    for _ in range(5):
        x = layers.Add()([x, Block(mode)(x)])
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(x))


def trained(model: keras.Model) -> tuple[np.ndarray, int]:
    """Its weights after two epochs, and the arena's bytes."""
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(X, Y, batch_size=256, epochs=2, verbose=0)
    steps = model._programs._steps.values()
    arenas = [getattr(step._executable, "arena_bytes", 0) for step in steps]
    return np.concatenate([weight.ravel() for weight in model.get_weights()]), max(arenas)


def test_blocks_need_less_memory_and_train_alike():
    plain, memory = trained(deep(None))
    again, less = trained(deep("full"))
    np.testing.assert_allclose(again, plain, rtol=2e-4, atol=2e-5)
    assert less < 0.5 * memory


@pytest.mark.parametrize("mode", ["full", "activations", "larger_than", "list_of_layers"])
def test_every_mode_keeps_the_numbers_and_saves_memory(mode):
    def build(mode):
        keras.utils.set_random_seed(2)
        names = [f"wide_{index}" for index in range(4)]
        x = inputs = keras.Input((32,))
        with keras.RematScope(mode, output_size_threshold=1000, layer_names=names):
            for name in names:
                wide = layers.Dropout(0.1)(layers.Dense(1024, activation="gelu", name=name)(x))
                x = layers.Dense(32)(layers.BatchNormalization()(wide))
            return keras.Model(inputs, layers.Dense(3, activation="softmax")(x))

    plain, memory = trained(build(None))
    again, less = trained(build(mode))
    np.testing.assert_allclose(again, plain, rtol=2e-4, atol=2e-5)
    assert less < 0.8 * memory


def test_the_reference_engine_gives_the_same_bits():
    config.set_backend("reference")
    try:
        plain, _ = trained(deep(None))
        again, _ = trained(deep("full"))
    finally:
        config.set_backend("native")
    np.testing.assert_array_equal(again, plain)


def test_second_derivatives_go_through():
    cubed = keras.remat(lambda x: functions.sin(x) * x)

    @function
    def second(x):
        with GradientTape() as outer:
            outer.watch(x)
            with GradientTape() as inner:
                inner.watch(x)
                y = cubed(x)
            slope = inner.gradient(y, x)
        return outer.gradient(slope, x)

    x = np.array([0.3, -1.2], np.float32)
    np.testing.assert_allclose(second(constant(x)).numpy(), 2 * np.cos(x) - x * np.sin(x), rtol=1e-5)


def test_masks_and_eager_calls_pass_through():
    embedding = layers.Embedding(5, 4, mask_zero=True)
    rematerialized = keras.remat(embedding)
    tokens = np.array([[1, 2, 0]])
    np.testing.assert_array_equal(rematerialized(tokens).numpy(), embedding(tokens).numpy())
    assert rematerialized(tokens)._keras_mask.numpy().tolist() == [[True, True, False]]


def test_scopes_nest_and_refuse_unknown_modes():
    with keras.RematScope("larger_than", output_size_threshold=7), keras.RematScope(None):
        inner = layers.Dense(1)
    assert inner._remat_mode.mode is None
    assert layers.Dense(1)._remat_mode is None
    with pytest.raises(ArgumentError, match="Invalid mode 'most'"):
        keras.RematScope("most")
