"""Activations with their slope: their values, and what a compiled step keeps in memory for the gradient."""

from __future__ import annotations

import math

import numpy as np
import pytest

from epochal import dtypes
from epochal.autodiff import gradients
from epochal.backends.native.schedule import schedule
from epochal.ir import Graph, TensorType, make_input
from epochal.passes.pipeline import run_pipeline
from epochal.passes.pipelines import for_engine
from epochal.topi.inventory import BUILD, INVENTORY


def value(*shape):
    return make_input(TensorType(dtypes.float32, shape))


erf = np.vectorize(math.erf)

FORMS = {
    "gelu": ("gelu", {"approximate": False}, lambda x: x * 0.5 * (1 + erf(x / np.sqrt(2)))),
    "gelu with tanh": (
        "gelu",
        {"approximate": True},
        lambda x: x * 0.5 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
    ),
    "silu": ("silu", {}, lambda x: x / (1 + np.exp(-x))),
}


@pytest.mark.parametrize("form", FORMS)
def test_result_and_slope(form):
    name, parameters, formula = FORMS[form]
    x = np.linspace(-7, 7, 301)
    result, slope = INVENTORY[name].reference(x, **parameters)
    np.testing.assert_allclose(result, formula(x), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(slope, (formula(x + 1e-5) - formula(x - 1e-5)) / 2e-5, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("form", FORMS)
def test_a_layer_keeps_its_result_and_the_slope_and_nothing_else(form):
    name, parameters, _ = FORMS[form]
    x, first, bias, second = value(96, 64), value(64, 256), value(256), value(256, 64)
    wide = BUILD.add(BUILD.dot_general(x, first, contract=((1,), (0,))), bias)
    hidden = getattr(BUILD, name)(wide, **parameters)[0]
    y = BUILD.dot_general(hidden, second, contract=((1,), (0,)))
    inputs = (x, first, bias, second)
    graph = run_pipeline(Graph(inputs, gradients([BUILD.square(y)], [first, second])), for_engine(frozenset()))
    launches = schedule(graph.nodes(), graph.outputs)
    stored = [made for launch in launches for made in launch.outputs if made.shape == (96, 256)]
    assert len(stored) == 3, "the result, its slope, and the gradient that is made with it"
