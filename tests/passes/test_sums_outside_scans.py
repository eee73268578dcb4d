"""Sums over steps that are one product after the scan."""

from __future__ import annotations

import numpy as np

from epochal.ir import Graph, Value, make_input, tensor_type
from epochal.ir.verify import verify
from epochal.passes.sums_outside_scans import SumsOutsideScans
from epochal.topi.interpret import interpret
from epochal.topi.inventory import BUILD


def tensor(name: str, *shape: int) -> Value:
    return make_input(tensor_type("float64", shape), name)


def check(graph: Graph) -> Graph:
    found = SumsOutsideScans().run(graph)
    verify(found)
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=value.shape) for value in graph.inputs]
    for one, other in zip(interpret(graph, arrays), interpret(found, arrays), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)
    return found


def backward(reverse: bool) -> Graph:
    """What the gradient of a recurrence looks like: a cotangent carried back, a weight's and a bias's gradient."""
    w, g, dw, db, xs = tensor("w", 3, 3), tensor("g", 2, 3), tensor("dw", 3, 3), tensor("db", 3), tensor("xs", 4, 2, 3)
    iw, ig, iw_sum, ib_sum = (tensor("", *shape) for shape in ((3, 3), (2, 3), (3, 3), (3,)))
    ix = tensor("", 2, 3)
    local = BUILD.mul(ig, BUILD.sin(ix))
    body = Graph(
        [iw, ig, iw_sum, ib_sum, ix],
        [
            BUILD.dot_general(local, iw, contract=((1,), (1,)), batch=((), ())),
            BUILD.add(iw_sum, BUILD.dot_general(ix, local, contract=((0,), (0,)), batch=((), ()))),
            BUILD.add(BUILD.sum(local, axes=(0,)), ib_sum),
        ],
    )
    results = BUILD.scan(w, g, dw, db, xs, body=body, constants=1, carries=3, length=4, reverse=reverse)
    return Graph([w, g, dw, db, xs], results)


def test_products_and_the_sums_beside_them() -> None:
    for reverse in (False, True):
        found = check(backward(reverse))
        (scan,) = [node for node in found.nodes() if node.operator.name == "scan"]
        assert scan.parameters["carries"] == 1
        assert len(scan.outputs) == 2, "the slices of xs are not stacked again"
        names = [node.operator.name for node in found.nodes()]
        assert names.count("dot_general") == 1
        assert names.count("sum") == 1


def test_what_is_stacked_already_is_not_stacked_twice() -> None:
    h, total, xs = tensor("h", 2, 3), tensor("total", 3, 3), tensor("xs", 4, 2, 3)
    ih, it, ix = tensor("", 2, 3), tensor("", 3, 3), tensor("", 2, 3)
    new = BUILD.tanh(BUILD.add(ih, ix))
    product = BUILD.dot_general(new, ix, contract=((0,), (0,)), batch=((), ()))
    body = Graph([ih, it, ix], [new, BUILD.add(it, product), new])
    found = check(Graph([h, total, xs], BUILD.scan(h, total, xs, body=body, constants=0, carries=2, length=4)))
    (scan,) = [node for node in found.nodes() if node.operator.name == "scan"]
    assert len(scan.outputs) == 2


def test_a_sum_that_starts_at_zero_needs_no_addition() -> None:
    xs, it, ix = tensor("xs", 4, 2, 3), tensor("", 3, 3), tensor("", 2, 3)
    body = Graph([it, ix], [BUILD.add(it, BUILD.dot_general(ix, ix, contract=((0,), (0,)), batch=((), ())))])
    start = BUILD.broadcast(BUILD.constant(0.0, "float64"), shape=(3, 3))
    found = check(Graph([xs], [BUILD.scan(start, xs, body=body, constants=0, carries=1, length=4)]))
    assert found.outputs[0].operator.name == "dot_general"


def test_a_sum_of_what_is_not_stacked_stays() -> None:
    total, xs = tensor("total", 3), tensor("xs", 4, 2, 3)
    it, ix = tensor("", 3), tensor("", 2, 3)
    body = Graph([it, ix], [BUILD.add(it, BUILD.sum(BUILD.exp(ix), axes=(0,)))])
    graph = Graph([total, xs], [BUILD.scan(total, xs, body=body, constants=0, carries=1, length=4)])
    assert SumsOutsideScans().run(graph) is graph


def test_a_carry_that_is_read_stays() -> None:
    total, xs = tensor("total", 3, 3), tensor("xs", 4, 2, 3)
    it, ix = tensor("", 3, 3), tensor("", 2, 3)
    new = BUILD.add(it, BUILD.dot_general(ix, ix, contract=((0,), (0,)), batch=((), ())))
    for outputs in ([new, new], [new, BUILD.neg(it)]):
        body = Graph([it, ix], outputs)
        graph = Graph([total, xs], BUILD.scan(total, xs, body=body, constants=0, carries=1, length=4))
        assert SumsOutsideScans().run(graph) is graph
