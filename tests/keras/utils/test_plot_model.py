"""Pictures of models: what boxes and arrows there are for each kind of model."""

import sys

import pytest

from epochal import keras
from epochal.errors import ArgumentError, NotSupportedError
from epochal.visualization.layout import layout

L = keras.layers


def draw(model, **arguments):
    return keras.utils.plot_model(model, to_file=None, **arguments).picture


def by_title(picture):
    return {box.title: box for box in picture.boxes}


def joined(picture):
    titles = {box.key: box.name for box in picture.boxes}
    return sorted((titles[arrow.source], titles[arrow.target]) for arrow in picture.arrows)


def perceptron():
    return keras.Sequential(
        [keras.Input((4,)), L.Dense(8, activation="relu", name="hidden"), L.Dense(3, name="last")], name="perceptron"
    )


def test_sequential():
    picture = draw(perceptron(), show_layer_names=True)
    assert picture.title == "perceptron"
    assert [box.title for box in picture.boxes] == ["InputLayer", "Dense", "Dense"]
    assert [box.kind for box in picture.boxes] == ["input", "dense", "dense"]
    assert [box.rows for box in picture.boxes] == [(), (), ()]
    assert ("hidden", "last") in joined(picture)


def test_rows_say_what_is_asked():
    model = perceptron()
    model.layers[1].trainable = False
    shown = {"show_shapes": True, "show_dtype": True, "show_layer_activations": True, "show_trainable": True}
    last = draw(model, **shown).boxes[-1]
    assert last.name == ""
    assert last.rows == (
        ("activation", "linear"),
        ("trainable", "no"),
        ("dtype", "float32"),
        ("input", "(None, 8)"),
        ("output", "(None, 3)"),
    )


def test_a_shared_layer_is_one_box_with_an_arrow_a_call():
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    shared = L.Dense(2, name="shared")
    model = keras.Model([a, b], L.Concatenate(name="both")([shared(a), shared(b)]) * 2.0)
    picture = draw(model, show_shapes=True, show_layer_names=True)
    assert joined(picture) == [
        ("a", "shared"), ("b", "shared"), ("both", "multiply"), ("shared", "both"), ("shared", "both"),
    ]  # fmt: skip
    boxes = {box.name: box for box in picture.boxes}
    assert boxes["shared"].rows == (("input", "(None, 4)"), ("output", "(None, 2)"))
    assert boxes["both"].rows == (("input", "(None, 2)"), ("", "(None, 2)"), ("output", "(None, 4)"))
    assert boxes["multiply"].title == "Multiply"


def test_a_layer_called_on_its_own_output():
    x = keras.Input((4,))
    layer = L.Dense(4)
    picture = draw(keras.Model(x, layer(layer(x))))
    assert len(picture.boxes) == 2
    assert len(layout(picture).boxes) == 2


def test_models_inside():
    x = keras.Input((4,), name="x")
    model = keras.Model(x, L.Dense(1, name="top")(perceptron()(x)), name="outer")
    closed = by_title(draw(model, show_layer_names=True))["Sequential"]
    assert (closed.name, closed.kind, closed.inside) == ("perceptron", "model", ())
    (inside,) = by_title(draw(model, expand_nested=True))["Sequential"].inside
    assert [box.title for box in inside.boxes] == ["InputLayer", "Dense", "Dense"]
    assert len(inside.arrows) == 2


def test_recurrent_layers_have_a_loop_and_wrappers_name_what_they_hold():
    model = keras.Sequential(
        [
            keras.Input((5, 3)),
            L.Bidirectional(L.LSTM(4, return_sequences=True)),
            L.TimeDistributed(L.Dense(2)),
            L.GRU(3),
        ]
    )
    boxes = by_title(draw(model))
    assert boxes["Bidirectional (LSTM)"].loop == "h, c"
    assert boxes["Bidirectional (LSTM)"].kind == "recurrent"
    assert boxes["TimeDistributed (Dense)"].loop is None
    assert boxes["GRU"].loop == "h"
    expanded = by_title(draw(model, expand_nested=True))["Bidirectional (LSTM)"]
    assert expanded.loop is None
    assert [box.title for box in expanded.inside[0].boxes] == ["LSTM", "LSTM"]


def test_models_that_have_seen_no_data():
    stack = keras.Sequential([L.Dense(3), L.Dense(1)])
    assert len(draw(stack, show_shapes=True).arrows) == 1

    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.first, self.second = L.Dense(3), L.Dense(1)

        def call(self, inputs):
            return self.second(self.first(inputs))

    picture = draw(Own(), show_shapes=True, show_trainable=True)
    assert [box.title for box in picture.boxes] == ["Dense", "Dense"]
    assert picture.arrows == []


def test_a_layer_of_one_s_own_has_the_colour_of_its_kind():
    class Wide(L.Dense):
        pass

    class Strange(L.Layer):
        def call(self, inputs):
            return inputs

    model = keras.Sequential([keras.Input((2,)), Wide(3), Strange()])
    assert [box.kind for box in draw(model).boxes] == ["input", "dense", "plain"]


def test_files_and_notebooks(tmp_path):
    drawing = keras.utils.plot_model(perceptron(), tmp_path / "model.svg")
    assert (tmp_path / "model.svg").read_text(encoding="utf-8") == drawing._repr_svg_()
    keras.utils.plot_model(perceptron(), str(tmp_path / "model.html"))
    assert "<svg" in (tmp_path / "model.html").read_text(encoding="utf-8")


def test_text_for_graphviz():
    text = keras.utils.model_to_dot(perceptron(), show_shapes=True, rankdir="LR")
    assert "rankdir=LR" in text
    assert "{Dense hidden|input (None, 4)|output (None, 8)}" in text
    assert text.count("->") == 2


def test_wrong_arguments(tmp_path, monkeypatch):
    with pytest.raises(ArgumentError, match="Expected a Keras model to draw"):
        keras.utils.plot_model(L.Dense(1), to_file=None)
    with pytest.raises(ArgumentError, match="Unrecognized keyword arguments"):
        keras.utils.plot_model(perceptron(), to_file=None, colour="red")
    with pytest.raises(ArgumentError, match="direction of a picture"):
        draw(perceptron(), rankdir="up")
    with pytest.raises(ArgumentError, match="must end in one of"):
        keras.utils.plot_model(perceptron(), tmp_path / "model.bmp")
    monkeypatch.setitem(sys.modules, "cairosvg", None)
    with pytest.raises(NotSupportedError, match=r"model\.svg"):
        keras.utils.plot_model(perceptron(), tmp_path / "model.png")
