"""Equal nodes become one, unequal ones do not."""

from __future__ import annotations

import numpy as np

from epochal.ir import Graph, Value, make_input, tensor_type
from epochal.ir.printer import print_graph
from epochal.ir.verify import verify
from epochal.passes.eliminate_common_subexpressions import EliminateCommonSubexpressions
from epochal.topi.inventory import BUILD


def merged(*outputs: Value, inputs: list[Value]) -> list[Value]:
    graph = EliminateCommonSubexpressions().run(Graph(inputs, outputs))
    verify(graph)
    return list(graph.outputs)


def values(count: int, *shape: int) -> list[Value]:
    return [make_input(tensor_type("float32", shape), "xyz"[index]) for index in range(count)]


def test_chains_merge_from_the_bottom() -> None:
    x, y = values(2, 2)
    one = BUILD.exp(BUILD.add(x, y))
    other = BUILD.exp(BUILD.add(y, x))
    graph = EliminateCommonSubexpressions().run(Graph([x, y], [BUILD.sub(one, other)]))
    assert print_graph(graph) == (
        "graph(%x: float32[2], %y: float32[2])\n"
        "  %0 = add(%x, %y) : float32[2]\n"
        "  %1 = exp(%0) : float32[2]\n"
        "  %2 = sub(%1, %1) : float32[2]\n"
        "  return %2"
    )


def test_order_matters_where_it_matters() -> None:
    x, y = values(2, 2)
    one, other = merged(BUILD.sub(x, y), BUILD.sub(y, x), inputs=[x, y])
    assert one is not other


def test_parameters_are_compared() -> None:
    (x,) = values(1, 2, 2)
    pads = [BUILD.pad(x, low=(1, 0), high=(0, 0), interior=(0, 0), value=value) for value in (0.0, -0.0, 1.0, 1.0)]
    found = merged(*pads, inputs=[x])
    assert found[2] is found[3]
    assert len(set(found)) == 3


def test_constants_are_compared_by_bits_and_type() -> None:
    found = merged(
        BUILD.constant([0.0, np.nan], "float32"),
        BUILD.constant([0.0, np.nan], "float32"),
        BUILD.constant([-0.0, np.nan], "float32"),
        BUILD.constant([0.0, np.nan], "float64"),
        inputs=[],
    )
    assert found[0] is found[1]
    assert len(set(found)) == 3


def test_draws_of_one_key_merge_and_of_others_do_not() -> None:
    key, other = (make_input(tensor_type("uint32", (2,)), name) for name in ("key", "other"))
    draws = [BUILD.random_normal(value, shape=(2,), dtype="float32") for value in (key, key, other)]
    found = merged(*draws, inputs=[key, other])
    assert found[0] is found[1]
    assert found[0] is not found[2]


def test_equal_sub_graphs_merge() -> None:
    p, x = make_input(tensor_type("bool"), "p"), make_input(tensor_type("float32"), "x")

    def branch(sign: float) -> Graph:
        a = make_input(tensor_type("float32"))
        return Graph([a], [BUILD.mul(a, sign)])

    conds = [BUILD.cond(p, x, then_graph=branch(sign), else_graph=branch(3.0)) for sign in (1.0, 1.0, 2.0)]
    found = merged(*conds, inputs=[p, x])
    assert found[0] is found[1]
    assert found[0] is not found[2]
