"""The forward scan and the one its gradient keeps residuals with become one."""

from __future__ import annotations

import numpy as np

from epochal.autodiff import BUILD, gradients
from epochal.ir import Graph, Value, make_input, tensor_type
from epochal.ir.verify import verify
from epochal.passes.pipeline import run_pipeline
from epochal.passes.pipelines import for_engine
from epochal.topi.interpret import interpret


def recurrence(reverse: bool = False) -> tuple[list[Value], tuple[Value, ...]]:
    w = make_input(tensor_type("float64", (3, 3)), "w")
    h = make_input(tensor_type("float64", (2, 3)), "h")
    xs = make_input(tensor_type("float64", (4, 2, 3)), "xs")
    iw, ih, ix = (make_input(tensor_type("float64", shape)) for shape in ((3, 3), (2, 3), (2, 3)))
    product = BUILD.dot_general(ih, iw, contract=((1,), (0,)), batch=((), ()))
    new = BUILD.tanh(BUILD.add(product, ix))
    body = Graph([iw, ih, ix], [new, new])
    return [w, h, xs], BUILD.scan(w, h, xs, body=body, constants=1, carries=1, length=4, reverse=reverse)


def test_a_recurrence_and_its_gradient_take_two_scans() -> None:
    inputs, (final, stacked) = recurrence()
    loss = BUILD.add(BUILD.sum(BUILD.square(stacked), axes=(0, 1, 2)), BUILD.sum(final, axes=(0, 1)))
    graph = Graph(inputs, [loss, *(value for value in gradients([loss], inputs) if value is not None)])
    assert sum(node.operator.name == "scan" for node in graph.nodes()) == 3
    optimised = run_pipeline(graph, for_engine(frozenset()), check=True)
    scans = [node for node in optimised.nodes() if node.operator.name == "scan"]
    assert len(scans) == 2
    # The backward steps compute no product of the forward ones anew, and that of the weights' gradient is left to one
    # product after them.
    backward = [node for node in scans[1].parameters["body"].nodes() if node.operator.name == "dot_general"]
    assert len(backward) == 1
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=value.shape) for value in inputs]
    for one, other in zip(interpret(graph, arrays), interpret(optimised, arrays), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_scans_with_other_carries_stay_apart() -> None:
    x = make_input(tensor_type("float32"), "x")
    finals = []
    for step in (1.0, 2.0):
        a = make_input(tensor_type("float32"))
        finals.append(BUILD.scan(x, body=Graph([a], [BUILD.add(a, step)]), constants=0, carries=1, length=3))
    graph = run_pipeline(Graph([x], finals), for_engine(frozenset()), check=True)
    verify(graph)
    assert [value.item() for value in interpret(graph, [np.float32(0)])] == [3, 6]
