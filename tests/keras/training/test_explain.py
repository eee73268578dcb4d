"""`Model.explain`: what became of a model, in words that name its layers."""

from __future__ import annotations

import numpy as np
import pytest

from epochal import config, keras
from epochal.errors import ArgumentError, NotSupportedError
from epochal.keras import layers


def convolutional() -> keras.Model:
    model = keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            layers.Conv2D(8, 3, activation="relu", name="edges"),
            layers.MaxPooling2D(name="pool"),
            layers.Flatten(),
            layers.Dense(16, activation="relu", name="frozen", trainable=False),
            layers.Dense(3, activation="softmax", name="scores"),
        ],
        name="small",
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def test_a_training_step_and_a_prediction_are_told_by_layer(tmp_path):
    model = convolutional()
    before = [weight.copy() for weight in model.get_weights()]
    explanation = model.explain(batch_size=16, num_threads=2)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    text = str(explanation)
    assert "Training step: kernels" in text
    assert "Prediction: memory" in text
    kernels = explanation.section("Training step: kernels")
    assert "edges gradient" in kernels
    assert "scores update" in explanation.section("Training step: what went where")
    skipped = explanation.section("Training step: what is not computed")
    assert "frozen/kernel" in skipped
    assert "pooled_weight_gradient" in skipped
    assert "inputs of edges" in skipped
    assert "learning_rate" not in skipped
    passes = explanation.section("Training step: the passes")
    assert "EliminateCommonSubexpressions" in passes
    assert "x stop_gradient(x) -> x" in passes
    memory = explanation.section("Training step: memory")
    assert "arena" in memory
    assert "edges" in memory
    page = explanation.to_html(tmp_path / "explained.html").read_text()
    assert "Training step: schedule" in page


def test_uncompiled_models_explain_prediction_alone():
    model = keras.Sequential([keras.Input((6,)), layers.Dense(4)])
    titles = [section.title for section in model.explain().sections]
    assert titles
    assert all(title.startswith("Prediction") for title in titles)


def test_shapes_stand_for_data_where_the_model_knows_none():
    model = keras.Sequential([layers.Dense(4, name="one"), layers.Dense(2)])
    model.compile("sgd", "mse")
    with pytest.raises(ArgumentError, match="does not know the shape of its inputs"):
        model.explain()
    explanation = model.explain(x=(8, 5), y=(8, 2), batch_size=8)
    assert "one gradient" in str(explanation)


def test_several_inputs_and_outputs():
    first, second = keras.Input((4,)), keras.Input((4,))
    both = layers.Add()([first, second])
    model = keras.Model([first, second], [layers.Dense(1, name="a")(both), layers.Dense(2, name="b")(both)])
    model.compile("sgd", ["mse", "mse"])
    text = str(model.explain(batch_size=4))
    assert "a gradient" in text
    assert "b gradient" in text


def test_the_arena_is_the_one_that_training_uses():
    model = convolutional()
    x, y = np.zeros((32, 12, 12, 1), np.float32), np.zeros(32, np.int32)
    model.fit(x, y, batch_size=16, verbose=0)
    arena = max(step._executable.arena_bytes for step in model._programs._steps.values())
    memory = model.explain(x, y, batch_size=16).section("Training step: memory")
    assert f"One arena of {arena / 2**20:.2f} MiB" in memory


def test_the_reference_engine_has_nothing_to_explain():
    config.set_backend("reference")
    try:
        with pytest.raises(NotSupportedError, match="does not compile"):
            convolutional().explain()
    finally:
        config.set_backend("native")
