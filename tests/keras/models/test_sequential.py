"""Sequential models, built at once, later, and as older programs write them."""

import numpy as np
import pytest

from epochal import keras
from epochal.errors import ArgumentError, ShapeError
from epochal.keras import layers


def test_shapes_given_on_the_first_layer():
    for first in ({"input_dim": 3}, {"input_shape": (3,)}, {"batch_input_shape": (None, 3)}, {"input_shape": 3}):
        model = keras.Sequential()
        model.add(layers.Dense(4, activation="relu", **first))
        model.add(layers.Dense(1))
        assert model.built
        assert model.output_shape == (None, 1)
        assert [layer.name for layer in model.layers] == [model.layers[0].name, model.layers[1].name]
        assert len(model.weights) == 4


def test_starting_weights_as_an_argument():
    start = [np.full((2, 1), 3.0, "float32"), np.array([1.0], "float32")]
    model = keras.Sequential([layers.Dense(1, input_dim=2, weights=start)])
    np.testing.assert_array_equal(model(np.ones((1, 2), "float32")).numpy(), [[7.0]])


def test_building_waits_for_data():
    model = keras.Sequential([layers.Dense(4), layers.Dense(2)])
    assert not model.built
    assert model.weights == []
    with pytest.raises(AttributeError, match="has no defined inputs yet"):
        _ = model.inputs
    assert model(np.ones((5, 3))).shape == (5, 2)
    assert model.input_shape == (None, 3)
    assert model(np.ones((7, 3))).shape == (7, 2)
    with pytest.raises(ShapeError, match=r"expected shape=\(None, 3\), found shape=\(7, 4\)"):
        model(np.ones((7, 4)))


def test_add_and_pop():
    model = keras.Sequential([layers.Input((3,)), layers.Dense(4, name="kept"), layers.Dense(2, name="gone")])
    kernel = model.get_layer("kept").kernel
    assert model.pop().name == "gone"
    assert model.output_shape == (None, 4)
    model.add(layers.Dense(7))
    assert model.output_shape == (None, 7)
    assert model.get_layer("kept").kernel is kernel
    empty = keras.Sequential()
    with pytest.raises(ArgumentError, match="no layers"):
        empty.pop()


def test_weights_are_named_by_their_path():
    model = keras.Sequential([layers.Input((3,)), layers.Dense(2, name="only")], name="stack")
    assert [weight.path for weight in model.weights] == ["stack/only/kernel", "stack/only/bias"]


def test_wrong_stacks_are_refused():
    with pytest.raises(ArgumentError, match=r"Only instances of `keras\.Layer` can be added.*Received: 3"):
        keras.Sequential([3])
    with pytest.raises(ArgumentError, match="Name 'x' is already the name of a layer in this model"):
        keras.Sequential([layers.Dense(2, name="x"), layers.Dense(2, name="x")])
    with pytest.raises(ArgumentError, match="has no layers"):
        keras.Sequential()(np.ones((2, 2)))
    with pytest.raises(ArgumentError, match="An Input must come first"):
        keras.Sequential([layers.Dense(2), layers.Input((2,))])


def test_a_layer_that_does_not_fit_is_named():
    with pytest.raises(ShapeError, match=r"layer 'conv' \(Conv2D\).*expected min_ndim=4, found ndim=2.*\(None, 3\)"):
        keras.Sequential([layers.Input((3,)), layers.Conv2D(2, 3, name="conv")])
    with pytest.raises(ShapeError, match=r"Layer 'big' \(Conv2D\).*zero or negative.*\(None, 4, 4, 1\)"):
        keras.Sequential([layers.Input((4, 4, 1)), layers.Conv2D(2, 7, name="big")])


def test_models_stack_on_models():
    base = keras.Sequential([layers.Input((3,)), layers.Dense(4)])
    model = keras.Sequential([base, layers.Dense(2)])
    assert model.output_shape == (None, 2)
    assert len(model.weights) == 4


def test_the_summary_is_keras_table(capsys):
    model = keras.Sequential(
        [layers.Input((8,)), layers.Dense(4, name="one"), layers.BatchNormalization(name="two")], name="m"
    )
    model.summary()
    text = capsys.readouterr().out
    assert text.splitlines() == [
        'Model: "m"',
        "┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━┓",
        "┃ Layer (type)                    ┃ Output Shape           ┃       Param # ┃",
        "┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━┩",
        "│ one (Dense)                     │ (None, 4)              │            36 │",
        "├─────────────────────────────────┼────────────────────────┼───────────────┤",
        "│ two (BatchNormalization)        │ (None, 4)              │            16 │",
        "└─────────────────────────────────┴────────────────────────┴───────────────┘",
        " Total params: 52 (208.00 B)",
        " Trainable params: 44 (176.00 B)",
        " Non-trainable params: 8 (32.00 B)",
    ]
    lines = []
    model.summary(print_fn=lines.append, show_trainable=True, expand_nested=True)
    assert "Trai" in lines[0]
    keras.Sequential([layers.Dense(2)]).summary()
    assert "0 (unbuilt)" in capsys.readouterr().out


def test_adding_layers_one_by_one_calls_each_once(monkeypatch):
    calls = []
    original = keras.layers.Dense.call

    def call(self, inputs, training=None):
        calls.append(self.name)
        return original(self, inputs)

    monkeypatch.setattr(keras.layers.Dense, "call", call)
    model = keras.Sequential([keras.Input((3,))])
    for index in range(20):
        model.add(keras.layers.Dense(3, name=f"dense_{index}"))
        assert model.output_shape == (None, 3)
    assert len(calls) <= 2 * 20
    model.pop()
    assert len(model.layers) == 19
    assert model.predict(np.ones((1, 3), "float32"), verbose=0).shape == (1, 3)


def test_a_layer_that_does_not_fit_is_not_added():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match="expected"):
        model.add(keras.layers.Conv2D(2, 3))
    assert [type(layer).__name__ for layer in model.layers] == ["Dense"]
    model.add(keras.layers.Dense(1))
    assert model.predict(np.ones((1, 3), "float32"), verbose=0).shape == (1, 1)
