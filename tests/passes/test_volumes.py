"""Operators over volumes are written with operators over images."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from epochal.ir import Array, Graph, make_input, tensor_type
from epochal.ir.verify import verify
from epochal.passes.volumes import Volumes
from epochal.testing import assert_close
from epochal.topi.interpret import interpret
from epochal.topi.inventory import BUILD

CONVOLUTIONS: list[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ((2, 4, 5, 3, 2), (3, 2, 3, 2, 4), {"padding": "same"}),
    ((1, 7, 5, 4, 3), (2, 3, 2, 3, 2), {"strides": (2, 1, 2)}),
    ((2, 6, 4, 4, 2), (3, 3, 1, 2, 3), {"strides": (3, 2, 1), "padding": "same"}),
    ((1, 9, 4, 6, 4), (3, 2, 2, 2, 6), {"dilations": (3, 1, 2), "groups": 2, "padding": "same"}),
    ((2, 3, 4, 4, 3), (2, 2, 2, 1, 6), {"groups": 3, "strides": 2, "padding": "same"}),
    ((1, 4, 3, 3, 2), (1, 1, 1, 2, 5), {}),
    ((1, 5, 3, 4, 2), (2, 2, 2, 2, 1), {"padding": ((4, 3), (0, 1), (1, 0)), "strides": (2, 1, 1)}),
]
POOLS: list[tuple[tuple[int, ...], dict[str, Any]]] = [
    ((2, 4, 6, 4, 3), {"window": 2}),
    ((1, 5, 5, 4, 2), {"window": (3, 2, 3), "strides": (2, 1, 1), "padding": "same"}),
    ((2, 7, 4, 5, 1), {"window": (2, 3, 1), "strides": (3, 2, 2)}),
    ((1, 3, 4, 2, 2), {"window": 2, "strides": 1, "padding": ((1, 0), (0, 1), (1, 1))}),
]


def _check(graph: Graph, arrays: list[Array]) -> None:
    found = Volumes().run(graph)
    verify(found)
    windows = [node for node in found.nodes() if node.operator.name.startswith(("conv", "max_pool", "avg_pool"))]
    assert windows
    assert all(len(value.shape) == 4 for node in windows for value in node.inputs)
    for one, other in zip(interpret(found, arrays), interpret(graph, arrays), strict=True):
        assert_close(one, other)


def _values(*shapes: tuple[int, ...]) -> list[Array]:
    generator = np.random.default_rng(0)
    return [generator.standard_normal(shape) for shape in shapes]


@pytest.mark.parametrize(("shape", "kernel_shape", "parameters"), CONVOLUTIONS)
def test_convolutions_and_both_gradients(
    shape: tuple[int, ...], kernel_shape: tuple[int, ...], parameters: dict[str, Any]
) -> None:
    x, kernel = (make_input(tensor_type("float64", given), "x") for given in (shape, kernel_shape))
    y = BUILD.conv(x, kernel, **parameters)
    g = make_input(y.type, "g")
    back = BUILD.conv_data_gradient(g, kernel, input_shape=shape, **parameters)
    weights = BUILD.conv_weight_gradient(x, g, kernel_shape=kernel_shape, **parameters)
    _check(Graph([x, kernel, g], [y, back, weights]), _values(shape, kernel_shape, y.shape))


@pytest.mark.parametrize("tied", [False, True], ids=["distinct", "tied"])
@pytest.mark.parametrize(("shape", "parameters"), POOLS)
def test_pooling_its_gradients_and_the_choice_of_a_maximum(
    shape: tuple[int, ...], parameters: dict[str, Any], *, tied: bool
) -> None:
    x, t = (make_input(tensor_type("float64", shape), "x") for _ in range(2))
    y = BUILD.max_pool(x, **parameters)
    g = make_input(y.type, "g")
    results = [
        y, BUILD.max_pool_gradient(x, g, **parameters), BUILD.max_pool_select(x, t, **parameters),
        BUILD.avg_pool(x, **parameters), BUILD.avg_pool_gradient(g, input_shape=shape, **parameters),
    ]  # fmt: skip
    arrays = _values(shape, shape, y.shape)
    if tied:
        arrays[0] = np.array([0.0, 1.0, np.nan, -np.inf])[
            np.random.default_rng(1).choice(4, shape, p=(0.3, 0.3, 0.1, 0.3))
        ]
        results = results[:3]
    _check(Graph([x, t, g], results), arrays)


def test_images_halves_and_empty_volumes_stay() -> None:
    def graph(dtype: str, *shape: int) -> Graph:
        x = make_input(tensor_type(dtype, shape), "x")
        return Graph([x], [BUILD.max_pool(x, window=2)])

    for given in (graph("float32", 1, 4, 4, 2), graph("float16", 1, 4, 4, 4, 2), graph("float32", 0, 4, 4, 4, 2)):
        assert Volumes().run(given) is given
