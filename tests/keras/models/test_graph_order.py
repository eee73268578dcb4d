"""Layers, weights and calls of random functional models stand in the order of Keras's files."""

import importlib.util
import json
import pathlib

import numpy as np
import pytest

from epochal import keras
from epochal.tree import flatten

FIGURES = pathlib.Path(__file__).parents[2] / "figures"
EXPECTED = json.loads((FIGURES / "keras_graphs.json").read_text())
_spec = importlib.util.spec_from_file_location("keras_graphs", FIGURES / "keras_graphs.py")
GRAPHS = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(GRAPHS)


@pytest.mark.parametrize("seed", range(GRAPHS.SEEDS))
def test_order(seed):
    model = GRAPHS.model(keras, seed)
    assert json.loads(json.dumps(GRAPHS.described(model))) == EXPECTED[seed]
    again = keras.Model.from_config(json.loads(json.dumps(model.get_config())))
    assert json.loads(json.dumps(GRAPHS.described(again))) == {
        **EXPECTED[seed],
        "weights": [weight.path for weight in again.weights],
    }
    again.set_weights(model.get_weights())
    rng = np.random.default_rng(seed)
    given = [rng.normal(size=(2, 4)).astype("float32") for _ in model.inputs]
    given = given if len(given) > 1 else given[0]
    for one, other in zip(flatten(model(given)), flatten(again(given)), strict=True):
        np.testing.assert_array_equal(one, other)
