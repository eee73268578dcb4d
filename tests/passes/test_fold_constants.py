"""Constant folding: bounded, and never of what is drawn or controlled."""

from __future__ import annotations

import numpy as np
import pytest

from epochal.ir import Graph, make_input, tensor_type
from epochal.ir.printer import print_graph
from epochal.ir.verify import verify
from epochal.passes.fold_constants import FoldConstants
from epochal.topi.interpret import interpret
from epochal.topi.inventory import BUILD


def test_what_depends_on_constants_is_computed() -> None:
    x = make_input(tensor_type("float32", (2,)), "x")
    weights = BUILD.mul(BUILD.constant([1.0, 2.0], "float32"), BUILD.constant([3.0, 4.0], "float32"))
    graph = FoldConstants().run(Graph([x], [BUILD.add(x, weights)]))
    verify(graph)
    assert print_graph(graph) == (
        "graph(%x: float32[2])\n"
        "  %0 = constant(value=[3.0, 8.0]) : float32[2]\n"
        "  %1 = add(%x, %0) : float32[2]\n"
        "  return %1"
    )


def test_chains_fold_and_several_results_too() -> None:
    x = BUILD.constant([[1.0, 3.0]], "float32")
    ones, zeros = BUILD.constant([1.0, 1.5], "float32"), BUILD.constant([0.0, 0.5], "float32")
    y, mean, _ = BUILD.layer_norm(x, ones, zeros, axes=(1,), epsilon=0.0)
    graph = FoldConstants().run(Graph([], [BUILD.exp(y), BUILD.neg(mean)]))
    assert all(value.operator.name == "constant" for value in graph.outputs)
    np.testing.assert_allclose(interpret(graph, [])[1], [-2])


def test_equal_elements_become_one() -> None:
    graph = FoldConstants().run(Graph([], [BUILD.constant(np.full((4, 4), -0.0), "float32")]))
    assert print_graph(graph) == "graph()\n  %0 = broadcast(-0.0, shape=(4, 4)) : float32[4,4]\n  return %0"
    mixed = Graph([], [BUILD.constant([0.0, -0.0], "float32")])
    assert FoldConstants().run(mixed) is mixed


@pytest.mark.parametrize("name", ["large", "random", "control", "broadcast"])
def test_what_stays(name: str) -> None:
    half = BUILD.constant(0.5, "float32")
    if name == "large":
        value = BUILD.exp(BUILD.constant(np.arange(2000), "float32"))
    elif name == "random":
        value = BUILD.random_uniform(BUILD.constant([1, 2], "uint32"), shape=(3,), dtype="float32")
    elif name == "broadcast":
        value = BUILD.broadcast(half, shape=(2, 3))
    else:
        inputs = [make_input(half.type) for _ in range(2)]
        graphs = [Graph([x], [x]) for x in inputs]
        value = BUILD.cond(BUILD.constant(True), half, then_graph=graphs[0], else_graph=graphs[1])
    graph = Graph([], [value])
    assert FoldConstants().run(graph) is graph
