"""The general product against einsum; convolutions and poolings against loops and TensorFlow's figures."""

from __future__ import annotations

import itertools
import json
import pathlib
from typing import Any

import numpy as np
import pytest

from epochal.ir import Sample
from epochal.topi._sliding import Geometry
from epochal.topi.convolution import _CASES
from epochal.topi.inventory import BUILD, INVENTORY

FIGURES = pathlib.Path(__file__).parents[1] / "figures" / "sliding.npz"


@pytest.mark.parametrize(
    "sample", [s for s in INVENTORY["dot_general"].samples() if s.arguments[0].dtype == np.float64]
)
def test_product_against_einsum(sample: Sample) -> None:
    a, b = sample.arguments
    parameters = BUILD.dot_general(BUILD.constant(a), BUILD.constant(b), **sample.parameters).node.parameters
    contract, batch = parameters["contract"], parameters["batch"]
    left = [f"a{axis}" for axis in range(a.ndim)]
    right = [f"b{axis}" for axis in range(b.ndim)]
    for i, j in zip(*(tuple(x) + tuple(y) for x, y in zip(contract, batch, strict=True)), strict=True):
        right[j] = left[i]
    summed = {left[axis] for axis in contract[0]}
    shared = [left[axis] for axis in batch[0]]
    result = shared + [name for name in left + right if name not in summed and name not in shared]
    numbers = {name: index for index, name in enumerate(dict.fromkeys(left + right))}
    expected = np.einsum(a, [numbers[n] for n in left], b, [numbers[n] for n in right], [numbers[n] for n in result])
    actual = INVENTORY["dot_general"].reference(a, b, **parameters)
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-12)


def _loops(x: Any, kernel: Any, geometry: Geometry, groups: int) -> Any:
    """Convolution written out, one output element at a time."""
    pairs = geometry.resolved(x.shape[1:-1])
    padded = np.pad(x, ((0, 0), *pairs, (0, 0)))
    counts = geometry.windows(x.shape[1:-1])
    result = np.zeros((x.shape[0], *counts, kernel.shape[-1]))
    inputs, filters = kernel.shape[-2], kernel.shape[-1] // groups
    for n, *place, o in itertools.product(*map(range, result.shape)):
        group = o // filters
        for entry in geometry.entries():
            at = [p * s + e * d for p, s, e, d in zip(place, geometry.strides, entry, geometry.dilations, strict=True)]
            seen = padded[(n, *at)][group * inputs : (group + 1) * inputs]
            result[(n, *place, o)] += seen @ kernel[entry][:, o]
    return result


@pytest.mark.parametrize("case", range(len(_CASES)))
def test_convolution_against_loops_and_its_transposes(case: int) -> None:
    shape, kernel_shape, parameters = _CASES[case]
    random = np.random.default_rng(case)
    x, kernel = random.standard_normal(shape), random.standard_normal(kernel_shape)
    value = BUILD.conv(BUILD.constant(x), BUILD.constant(kernel), **parameters)
    resolved = dict(value.node.parameters)
    groups = resolved.pop("groups")
    geometry = Geometry("conv", kernel_shape[:-2], resolved["strides"], resolved["dilations"], resolved["padding"])
    y = INVENTORY["conv"].reference(x, kernel, groups=groups, **resolved)
    np.testing.assert_allclose(y, _loops(x, kernel, geometry, groups), rtol=1e-12, atol=1e-12)
    g = random.standard_normal(y.shape)
    dx = INVENTORY["conv_data_gradient"].reference(g, kernel, input_shape=shape, groups=groups, **resolved)
    dk = INVENTORY["conv_weight_gradient"].reference(x, g, kernel_shape=kernel_shape, groups=groups, **resolved)
    # Transposes: <g, conv(x, k)> = <conv_data_gradient(g, k), x> = <conv_weight_gradient(x, g), k>
    np.testing.assert_allclose([np.sum(dx * x), np.sum(dk * kernel)], np.sum(g * y), rtol=1e-11, atol=1e-11)


@pytest.fixture(scope="module")
def figures() -> dict[str, Any]:
    with np.load(FIGURES) as file:
        return dict(file)


def test_convolutions_against_tensorflow(figures: dict[str, Any]) -> None:
    for index, (shape, kernel_shape, strides, padding, dilations) in enumerate(
        json.loads(str(figures["cases"]))["convolutions"]
    ):
        x, kernel, y, g, dx, dk = (figures[f"conv{index}_{name}"] for name in ("x", "kernel", "y", "g", "dx", "dk"))
        geometry = {"strides": strides, "padding": padding, "dilations": dilations}
        geometry["groups"] = shape[-1] // kernel_shape[-2]
        tolerance = {"rtol": 1e-4, "atol": 1e-5}
        np.testing.assert_allclose(INVENTORY["conv"].reference(x, kernel, **geometry), y, **tolerance)
        data = INVENTORY["conv_data_gradient"].reference(g, kernel, input_shape=tuple(shape), **geometry)
        np.testing.assert_allclose(data, dx, **tolerance)
        weight = INVENTORY["conv_weight_gradient"].reference(x, g, kernel_shape=tuple(kernel_shape), **geometry)
        np.testing.assert_allclose(weight, dk, **tolerance)


def test_poolings_against_tensorflow(figures: dict[str, Any]) -> None:
    for index, (shape, window, strides, padding) in enumerate(json.loads(str(figures["cases"]))["poolings"]):
        where = {"window": window, "strides": strides, "padding": padding}
        x, y, g, dx = (figures[f"max{index}_{name}"] for name in ("x", "y", "g", "dx"))
        np.testing.assert_array_equal(INVENTORY["max_pool"].reference(x, **where), y)
        np.testing.assert_allclose(INVENTORY["max_pool_gradient"].reference(x, g, **where), dx, rtol=1e-6, atol=1e-6)
        x, y, g, dx = (figures[f"avg{index}_{name}"] for name in ("x", "y", "g", "dx"))
        np.testing.assert_allclose(INVENTORY["avg_pool"].reference(x, **where), y, rtol=1e-5, atol=1e-6)
        back = INVENTORY["avg_pool_gradient"].reference(g, input_shape=tuple(shape), **where)
        np.testing.assert_allclose(back, dx, rtol=1e-5, atol=1e-6)


def test_the_first_maximum_gets_the_gradient_and_padding_never_wins() -> None:
    x = np.array([-np.inf, -np.inf, 2.0, 2.0, np.nan, 5.0]).reshape(1, 6, 1)
    g = np.array([1.0, 10.0, 100.0]).reshape(1, 3, 1)
    back = INVENTORY["max_pool_gradient"].reference(x, g, window=2)
    np.testing.assert_array_equal(back.ravel(), [1.0, 0.0, 10.0, 0.0, 100.0, 0.0])
    x = np.full((1, 3, 1), -np.inf)
    g = np.ones((1, 3, 1))
    back = INVENTORY["max_pool_gradient"].reference(x, g, window=3, strides=1, padding=((1, 1),))
    assert back.sum() == 3.0
