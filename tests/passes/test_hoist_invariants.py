"""What is the same in every step leaves the scan."""

from __future__ import annotations

import numpy as np

from epochal.ir import Graph, Value, make_input, tensor_type
from epochal.ir.printer import print_graph
from epochal.ir.verify import verify
from epochal.passes.eliminate_dead_code import EliminateDeadCode
from epochal.passes.hoist_invariants import HoistInvariants
from epochal.topi.interpret import interpret
from epochal.topi.inventory import BUILD


def vectors(*names: str, shape: tuple[int, ...] = (2,)) -> list[Value]:
    return [make_input(tensor_type("float32", shape), name) for name in names]


def hoisted(graph: Graph) -> Graph:
    found = HoistInvariants().run(graph)
    verify(found)
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=value.shape).astype(np.float32) for value in graph.inputs]
    for one, other in zip(interpret(graph, arrays), interpret(found, arrays), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)
    found = EliminateDeadCode().run(found)
    verify(found)
    return found


def test_nodes_of_constants_alone() -> None:
    w, h = vectors("w", "h")
    iw, ih = vectors("iw", "ih")
    body = Graph([iw, ih], [BUILD.mul(ih, BUILD.exp(iw))])
    graph = Graph([w, h], [BUILD.scan(w, h, body=body, constants=1, carries=1, length=3)])
    assert print_graph(hoisted(graph)).splitlines()[1:] == [
        "  %0 = exp(%w) : float32[2]",
        "  %1 = scan(%0, %h, carries=1, constants=1, length=3) : float32[2]",
        "    body(%in0: float32[2], %in1: float32[2])",
        "      %0 = mul(%in1, %in0) : float32[2]",
        "      return %0",
        "  return %1",
    ]


def test_what_is_free_is_made_again() -> None:
    (w,) = vectors("w", shape=())
    (h,) = vectors("h")
    (iw,) = vectors("iw", shape=())
    (ih,) = vectors("ih")
    body = Graph([iw, ih], [BUILD.mul(ih, iw)])
    graph = Graph([w, h], [BUILD.scan(w, h, body=body, constants=1, carries=1, length=3)])
    assert HoistInvariants().run(graph) is graph


def test_a_carry_that_never_changes() -> None:
    a, b, ia, ib = vectors("a", "b", "ia", "ib")
    body = Graph([ia, ib], [ia, BUILD.add(ib, ia)])
    results = BUILD.scan(a, b, body=body, constants=0, carries=2, length=3)
    found = hoisted(Graph([a, b], results))
    assert found.outputs[0] is a
    assert found.outputs[1].node.parameters["carries"] == 1


def test_a_sequence_of_equal_entries() -> None:
    x, h, ix, ih = vectors("x", "h", "ix", "ih")
    body = Graph([ih, ix], [BUILD.add(ih, BUILD.exp(ix))])
    xs = BUILD.broadcast(x, shape=(5, 2))
    found = hoisted(Graph([x, h], [BUILD.scan(h, xs, body=body, constants=0, carries=1, length=5)]))
    names = [node.operator.name for node in found.nodes()]
    assert names == ["input", "input", "exp", "scan"]


def test_stacked_results_that_are_all_alike() -> None:
    w, h, iw, ih = vectors("w", "h", "iw", "ih")
    body = Graph([iw, ih], [BUILD.add(ih, iw), BUILD.neg(iw), BUILD.neg(ih)])
    results = BUILD.scan(w, h, body=body, constants=1, carries=1, length=3)
    found = hoisted(Graph([w, h], results))
    assert found.outputs[1].operator.name == "broadcast"
    assert len(found.outputs[0].node.outputs) == 2


def test_a_scan_of_which_nothing_is_left() -> None:
    w, iw = vectors("w", "iw")
    graph = Graph([w], [BUILD.scan(w, body=Graph([iw], [BUILD.neg(iw)]), constants=1, carries=0, length=3)])
    assert [node.operator.name for node in hoisted(graph).nodes()] == ["input", "neg", "broadcast"]


def test_a_carry_that_repeats_another() -> None:
    h, last = vectors("h", "last")
    xs = make_input(tensor_type("float32", (3, 2)), "xs")
    ih, il, ix = vectors("ih", "il", "ix")
    new = BUILD.tanh(BUILD.add(ih, ix))
    results = BUILD.scan(h, last, xs, body=Graph([ih, il, ix], [new, new]), constants=0, carries=2, length=3)
    found = hoisted(Graph([h, last, xs], results))
    assert found.outputs[0] is found.outputs[1]
    assert found.outputs[0].node.parameters["carries"] == 1
