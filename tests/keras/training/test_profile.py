"""`Model.profile`: kernels under the names of layers, and a model that stays as it is."""

from __future__ import annotations

import json

import numpy as np
import pytest

from epochal import config, keras
from epochal.errors import NotSupportedError
from epochal.keras import layers

X = np.random.default_rng(0).random((40, 12, 12, 1), np.float32)
Y = np.random.default_rng(1).integers(0, 3, 40)


def build() -> keras.Model:
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            layers.Conv2D(8, 3, activation="relu", name="edges"),
            layers.MaxPooling2D(name="pool"),
            layers.Flatten(name="flat"),
            layers.Dropout(0.2, name="drop"),
            layers.Dense(3, activation="softmax", name="scores"),
        ],
        name="small",
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def state(model: keras.Model) -> list[np.ndarray]:
    return [variable.numpy() for variable in (*model.variables, *model.optimizer.variables)]


def test_training_is_told_by_layer_and_changes_nothing(tmp_path):
    model = build()
    model.fit(X, Y, batch_size=16, epochs=1, verbose=0)
    before = state(model)
    profile = model.profile(X, Y, batch_size=16, seconds=0.02, num_threads=2)
    for old, new in zip(before, state(model), strict=True):
        np.testing.assert_array_equal(old, new)
    assert {"forward", "backward", "update"} <= set(profile.layers["edges"])
    assert {"forward", "backward", "update"} <= set(profile.layers["scores"])
    assert {"(data)", "(loss)", "(metrics)", "drop"} <= set(profile.layers)
    assert sum(profile.phases.values()) == pytest.approx(profile.busy)
    assert profile.operations >= 2 * 16 * 9 * 8 * 10 * 10
    text = str(profile)
    for word in ("Training of 'small', 16 samples", "edges", "backward", "GFLOPS", "barriers"):
        assert word in text
    page = profile.to_html(tmp_path / "profile.html").read_text()
    assert page.count("<circle") >= 3
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")
    json.dumps(profile.to_dict())


def test_prediction_without_targets_needs_no_compile():
    model = keras.Sequential([keras.Input((6,)), layers.Dense(4, name="one")])
    profile = model.profile(np.ones((5, 6)), seconds=0.01)
    assert set(profile.layers["one"]) == {"forward"}
    assert "Prediction" in str(profile)


def test_layers_inside_layers_are_named_by_their_path():
    inputs = keras.Input((6, 8))
    outputs = layers.MultiHeadAttention(2, 4, name="attention")(inputs, inputs)
    model = keras.Model(inputs, outputs)
    model.compile("sgd", "mse")
    profile = model.profile(np.ones((4, 6, 8)), np.ones((4, 6, 8)), seconds=0.01)
    assert "attention/query" in profile.layers


def test_the_reference_engine_has_nothing_to_profile():
    model = build()
    config.set_backend("reference")
    try:
        with pytest.raises(NotSupportedError, match="does not compile"):
            model.profile(X, Y)
    finally:
        config.set_backend("native")


def test_the_cell_of_a_recurrent_layer_is_the_layer():
    model = keras.Sequential([keras.Input((6, 3)), layers.LSTM(4, name="memory")], name="recurrent")
    model.compile("sgd", "mse")
    profile = model.profile(np.ones((4, 6, 3)), np.ones((4, 4)), seconds=0.01)
    assert {"forward", "backward", "update"} <= set(profile.layers["memory"])
    assert "memory/lstm_cell" not in profile.layers
