"""Unused results, carried values and operands of control flow."""

from __future__ import annotations

import numpy as np

from epochal.ir import Graph, Value, make_input, tensor_type
from epochal.ir.printer import print_graph
from epochal.ir.verify import verify
from epochal.passes.eliminate_dead_code import EliminateDeadCode
from epochal.topi.interpret import interpret
from epochal.topi.inventory import BUILD


def scalars(names: str, dtype: str = "float32") -> list[Value]:
    return [make_input(tensor_type(dtype), name) for name in names]


def run(graph: Graph) -> Graph:
    found = EliminateDeadCode().run(graph)
    verify(found)
    return found


def scan_graph(keep: tuple[int, ...]) -> Graph:
    """A scan of two carries and two stacked results, of which `keep` are wanted."""
    w, unused, a, b = scalars("wuab")
    xs, ys = (make_input(tensor_type("float32", (3,)), name) for name in ("xs", "ys"))
    iw, iu, ia, ib, ix, iy = scalars("wuabxy")
    body = Graph(
        [iw, iu, ia, ib, ix, iy],
        [BUILD.add(BUILD.mul(ia, iw), ix), BUILD.add(ib, iy), BUILD.mul(ia, 2.0), BUILD.sub(iy, ib)],
    )
    results = BUILD.scan(w, unused, a, b, xs, ys, body=body, constants=2, carries=2, length=3)
    return Graph([w, unused, a, b, xs, ys], [results[index] for index in keep])


def test_a_scan_keeps_what_its_results_need() -> None:
    assert print_graph(run(scan_graph((2,)))).splitlines()[1:] == [
        "  %0, %1 = scan(%w, %a, %xs, carries=1, constants=1, length=3) : float32[], float32[3]",
        "    body(%w: float32[], %a: float32[], %x: float32[])",
        "      %0 = mul(%a, %w) : float32[]",
        "      %1 = add(%0, %x) : float32[]",
        "      %2 = mul(%a, 2.0) : float32[]",
        "      return %1, %2",
        "  return %1",
    ]


def test_results_stay_the_same() -> None:
    arrays = [np.array(value, np.float32) for value in (2, 9, 1, 4, [1, 2, 3], [4, 5, 6])]
    for keep in ((0,), (1,), (2,), (3,), (0, 3), (1, 2), (3, 2, 1, 0)):
        graph = scan_graph(keep)
        for one, other in zip(interpret(graph, arrays), interpret(run(graph), arrays), strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_loop_keeps_what_its_condition_needs() -> None:
    limit, count = scalars("ln", "int32")
    x, y = scalars("xy")
    condition_inputs = [*scalars("ln", "int32"), *scalars("xy")]
    body_inputs = [*scalars("ln", "int32"), *scalars("xy")]
    _, n, a, b = body_inputs
    results = BUILD.while_loop(
        limit, count, x, y,
        condition=Graph(condition_inputs, [BUILD.less(condition_inputs[1], condition_inputs[0])]),
        body=Graph(body_inputs, [BUILD.add(n, 1), BUILD.mul(a, 2.0), BUILD.neg(b)]),
        constants=1,
    )  # fmt: skip
    graph = run(Graph([limit, count, x, y], [results[2]]))
    node = graph.outputs[0].node
    assert [value.node.parameters["name"] for value in node.inputs] == ["l", "n", "y"]
    arrays = [np.array(3, np.int32), np.array(0, np.int32), np.array(1, np.float32), np.array(5, np.float32)]
    assert interpret(graph, arrays)[0] == -5


def test_a_cond_drops_what_neither_branch_needs() -> None:
    (p,) = scalars("p", "bool")
    x, y, z = scalars("xyz")
    branches = []
    for sign in (1.0, -1.0):
        a, b, c = scalars("abc")
        branches.append(Graph([a, b, c], [BUILD.mul(a, sign), BUILD.add(b, c)]))
    results = BUILD.cond(p, x, y, z, then_graph=branches[0], else_graph=branches[1])
    graph = run(Graph([p, x, y, z], [results[0]]))
    assert graph.outputs[0].node.inputs == (p, x)


def test_dead_operands_free_what_fed_them() -> None:
    """The stacked result of one scan is read by another, which has no use for it."""
    xs = make_input(tensor_type("float32", (3,)), "xs")
    (a,) = scalars("a")
    first = BUILD.scan(xs, body=Graph([a], [BUILD.exp(a), BUILD.neg(a)]), constants=0, carries=0, length=3)
    b, c = scalars("bc")
    second = BUILD.scan(*first, body=Graph([b, c], [BUILD.mul(b, 2.0)]), constants=0, carries=0, length=3)
    graph = run(Graph([xs], [second]))
    (inner,) = [node for node in graph.nodes() if node.operator.name == "scan" and node.inputs == (xs,)]
    assert len(inner.outputs) == 1


def test_nothing_to_do_returns_the_graph() -> None:
    graph = scan_graph((0, 1, 2, 3))
    once = run(graph)
    assert run(once) is once
