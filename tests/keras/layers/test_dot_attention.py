"""Attention without projections: masks, scores, dropout; and the noise layers of later date."""

import numpy as np
import pytest

from epochal import keras
from epochal.errors import ArgumentError
from epochal.keras import layers


def drawn(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def mixed(query, value, allowed):
    scores = np.where(allowed, query @ value.transpose(0, 2, 1), -1e9)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


def test_masks_of_values_and_of_the_future():
    query, value = drawn(2, 4, 3), drawn(2, 4, 3, seed=1)
    keep = np.array([[True, True, False, True], [True, False, False, False]])
    outputs, weights = layers.Attention()(
        [query, value], mask=[keep, keep], return_attention_scores=True, use_causal_mask=True
    )
    expected = mixed(query, value, keep[:, None, :] & np.tri(4, dtype=bool))
    np.testing.assert_allclose(weights.numpy(), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(outputs.numpy(), expected @ value * keep[..., None], rtol=1e-5, atol=1e-5)


def test_masks_come_from_embeddings():
    words = np.array([[1, 2, 0, 0], [3, 0, 0, 0]])
    inputs = keras.Input((4,), dtype="int32")
    seen = layers.Embedding(5, 3, mask_zero=True)(inputs)
    outputs, weights = layers.Attention()([seen, seen], return_attention_scores=True)
    assert weights.shape == (None, 4, 4)
    model = keras.Model(inputs, [outputs, weights])
    _, weights = model.predict(words, verbose=0)
    assert np.all(weights[0, :, 2:] == 0)
    assert np.all(weights[1, :, 1:] == 0)
    with pytest.raises(ArgumentError, match="list of 2 or 3 inputs"):
        layers.Attention()(inputs)


def test_training_drops_weights():
    query, value = drawn(4, 30, 3), np.ones((4, 30, 1), "float32")
    layer = layers.Attention(dropout=0.5, seed=1)
    key = drawn(4, 30, 3, seed=2)
    outputs = layer([query, value, key], training=True).numpy()
    assert outputs.std() > 0.05
    np.testing.assert_allclose(layer([query, value, key]).numpy(), 1.0, rtol=1e-5)


def test_alpha_dropout_keeps_mean_and_deviation():
    x = drawn(200, 500)
    outputs = layers.AlphaDropout(0.3, seed=3)(x, training=True).numpy()
    assert abs(outputs.mean()) < 0.01
    assert abs(outputs.std() - 1) < 0.01
    values, counts = np.unique(outputs, return_counts=True)
    assert abs(counts.max() / x.size - 0.3) < 0.01  # dropped ones are all alike
    assert values[counts.argmax()] < -1


def test_whole_channels_of_volumes_are_dropped():
    outputs = layers.SpatialDropout3D(0.5, seed=4)(np.ones((8, 2, 3, 2, 16), "float32"), training=True).numpy()
    flat = outputs.reshape(8, 12, 16)
    assert np.all(flat == flat[:, :1])
    assert set(np.unique(flat)) == {0.0, 2.0}


def test_volumes_train(tmp_path):
    x = drawn(24, 5, 6, 6, 1)
    y = (x.mean((1, 2, 3, 4)) > 0).astype("int32")
    model = keras.Sequential(
        [
            keras.Input((5, 6, 6, 1)),
            layers.Conv3D(4, 3, padding="same", activation="relu"),
            layers.MaxPooling3D(2),
            layers.Conv3DTranspose(2, 2, strides=2),
            layers.GlobalAveragePooling3D(),
            layers.Dense(2),
        ]
    )
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    losses = model.fit(x, y, epochs=8, batch_size=8, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
