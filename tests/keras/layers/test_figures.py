"""Each layer against real Keras: outputs, gradients, names and order of weights, configuration, file round trip."""

import json
import pathlib

import numpy as np
import pytest

from epochal.keras import layers
from epochal.keras.saving.serialization import deserialize_keras_object, serialize_keras_object
from epochal.tensor import GradientTape, convert
from epochal.tensor import functions as F

FIGURES = dict(np.load(pathlib.Path(__file__).parents[2] / "figures" / "keras_layers.npz"))
NAMES = sorted({key.split("/")[0] for key in FIGURES})


def figure(name, key):
    return FIGURES[f"{name}/{key}"]


def arrays(name, kind):
    found = []
    while f"{name}/{kind}{len(found)}" in FIGURES:
        found.append(figure(name, f"{kind}{len(found)}"))
    return found


def plain(config):
    """As JSON has it."""
    return without_shapes(json.loads(json.dumps(config)))


def without_shapes(config):
    """Without the shapes that layers inside were built for."""
    if isinstance(config, dict):
        return {key: without_shapes(value) for key, value in config.items() if key != "build_config"}
    return [without_shapes(value) for value in config] if isinstance(config, list) else config


def made(name):
    described = json.loads(str(figure(name, "config")))
    return getattr(layers, described["class_name"]).from_config(described["config"]), described["config"]


def called(layer, inputs, training):
    if isinstance(layer, layers.MultiHeadAttention):
        return layer(*inputs)
    given = inputs if len(inputs) > 1 else inputs[0]
    return layer(given) if training is None else layer(given, training=training)


@pytest.mark.parametrize("name", NAMES)
def test_config_is_that_of_keras(name):
    layer, config = made(name)
    assert plain(layer.get_config()) == plain(config)
    again = deserialize_keras_object(json.loads(json.dumps(serialize_keras_object(layer))))
    assert plain(again.get_config()) == plain(config)


@pytest.mark.parametrize("name", NAMES)
def test_outputs_and_gradients_are_those_of_keras(name):
    layer, _ = made(name)
    training = json.loads(str(figure(name, "training")))
    inputs = [convert(x) for x in arrays(name, "input")]
    called(layer, inputs, None)
    expected_weights = json.loads(str(figure(name, "weights")))
    assert [[w.name, list(w.shape)] for w in layer.weights] == [[w[0], w[2]] for w in expected_weights]
    layer.set_weights(arrays(name, "before"))
    cotangents = arrays(name, "cotangent")
    with GradientTape() as tape:
        for tensor in inputs:
            tape.watch(tensor)
        outputs = called(layer, inputs, training)
        outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
        losses = layer.losses
        terms = [F.sum(F.multiply(output, seed)) for output, seed in zip(outputs, cotangents, strict=True)]
        total = terms[0]
        for term in (*terms[1:], *losses):
            total = total + term
    for output, expected in zip(outputs, arrays(name, "output"), strict=True):
        np.testing.assert_allclose(output.numpy(), expected, rtol=2e-5, atol=2e-5)
    np.testing.assert_allclose([loss.numpy() for loss in losses], arrays(name, "loss"), rtol=1e-5)
    for weight, expected in zip(layer.get_weights(), arrays(name, "after"), strict=True):
        np.testing.assert_allclose(weight, expected, rtol=1e-5, atol=1e-6)
    floats = [tensor for tensor in inputs if tensor.dtype.is_floating]
    gradients = tape.gradient(total, [*floats, *layer.trainable_weights])
    for index, gradient in enumerate(gradients):
        key = f"{name}/gradient{index}"
        if key in FIGURES:
            np.testing.assert_allclose(gradient.numpy(), FIGURES[key], rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("name", NAMES)
def test_symbolic_shapes_are_those_of_the_outputs(name):
    layer, _ = made(name)
    inputs = arrays(name, "input")
    symbolic = [layers.Input(x.shape[1:], dtype=str(x.dtype)) for x in inputs]
    outputs = called(layer, symbolic, None)
    outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    for output, expected in zip(outputs, arrays(name, "output"), strict=True):
        assert output.shape == (None, *expected.shape[1:])
        assert output.dtype == str(expected.dtype)
