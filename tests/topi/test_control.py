"""Control flow: messages, lengths and orders. Values and gradients are tested on the rows' samples."""

from __future__ import annotations

import numpy as np
import pytest

from epochal.errors import ArgumentError, DTypeError, ShapeError
from epochal.ir import Graph, Symbol, Value, make_input, tensor_type
from epochal.topi.interpret import interpret
from epochal.topi.inventory import BUILD


def f32(*shape: int) -> Value:
    return make_input(tensor_type("float32", shape))


def identity(*shapes: tuple[int, ...]) -> Graph:
    inputs = [f32(*shape) for shape in shapes]
    return Graph(inputs, inputs)


def test_cond_checks_its_predicate_and_branches() -> None:
    x = f32(2)
    with pytest.raises(ShapeError, match=r"predicate of cond must be a bool scalar\. Received: float32\[2\]"):
        BUILD.cond(x, x, then_graph=identity((2,)), else_graph=identity((2,)))
    p = make_input(tensor_type("bool"))
    with pytest.raises(ArgumentError, match=r"first branch of cond must take 1 values\. It takes 2"):
        BUILD.cond(p, x, then_graph=identity((2,), (2,)), else_graph=identity((2,)))
    with pytest.raises(ShapeError, match=r"Value 0 of the second branch of cond must have shape \(2,\)"):
        BUILD.cond(p, x, then_graph=identity((2,)), else_graph=identity((3,)))
    a, b = f32(2), f32(2)
    with pytest.raises(ShapeError, match=r"Result 0 of the second branch of cond must have shape \(2,\)"):
        BUILD.cond(p, x, then_graph=Graph([a], [a]), else_graph=Graph([b], [BUILD.sum(b, axes=(0,))]))
    with pytest.raises(ArgumentError, match=r"give as many results\. Received: 1 and 2"):
        BUILD.cond(p, x, then_graph=Graph([a], [a]), else_graph=Graph([b], [b, b]))
    with pytest.raises(DTypeError, match=r"dtype float32\. Received: int32"):
        BUILD.cond(p, x, then_graph=Graph([a], [a]), else_graph=Graph([b], [BUILD.cast(b, dtype="int32")]))


def test_while_loop_checks_its_condition_and_body() -> None:
    x, a, b = f32(), f32(), f32()
    with pytest.raises(ShapeError, match=r"condition of while_loop must give a bool scalar\. Received: float32\[\]"):
        BUILD.while_loop(x, condition=identity(()), body=identity(()), constants=0)
    condition = Graph([a], [BUILD.less(a, 1.0)])
    with pytest.raises(ArgumentError, match=r"must give 1 carried values\. Received: 2"):
        BUILD.while_loop(x, condition=condition, body=Graph([b], [b, b]), constants=0)
    with pytest.raises(
        DTypeError, match="Carried value 0 of while_loop, as its body gives it, must have dtype float32"
    ):
        BUILD.while_loop(x, condition=condition, body=Graph([b], [BUILD.cast(b, dtype="float64")]), constants=0)


def test_scan_checks_lengths_and_carries() -> None:
    state, xs = f32(2), f32(3, 2)
    a, b = f32(2), f32(2)
    body = Graph([a, b], [BUILD.add(a, b)])
    with pytest.raises(
        ShapeError, match=r"Sequence 0 of scan must have 4 entries along axis 0\. Received shape: \(3, 2"
    ):
        BUILD.scan(state, xs, body=body, constants=0, carries=1, length=4)
    with pytest.raises(ShapeError, match=r"Sequence 0 of scan must have 3 entries along axis 0\. Received shape: \(\)"):
        BUILD.scan(state, f32(), body=body, constants=0, carries=1, length=3)
    wrong = Graph([a, b], [BUILD.sum(a, axes=(0,))])
    with pytest.raises(ShapeError, match=r"Carried value 0 of scan, as its body gives it, must have shape \(2,\)"):
        BUILD.scan(state, xs, body=wrong, constants=0, carries=1, length=3)


def test_scan_in_both_directions_and_of_no_steps() -> None:
    for length, reverse, final, stacked in (
        (3, False, 123.0, [1.0, 12.0, 123.0]),
        (3, True, 321.0, [321.0, 32.0, 3.0]),
        (0, False, 0.0, []),
    ):
        state, xs, a, b = f32(), f32(length), f32(), f32()
        new = BUILD.add(BUILD.mul(a, 10.0), b)
        results = BUILD.scan(
            state, xs, body=Graph([a, b], [new, new]), constants=0, carries=1, length=length, reverse=reverse
        )
        arrays = [np.array(0, np.float32), np.arange(1, length + 1, dtype=np.float32)]
        found = interpret(Graph([state, xs], results), arrays)
        assert float(found[0]) == final
        assert found[1].tolist() == stacked


def test_a_loop_stops_at_its_bound() -> None:
    x, a, b = f32(), f32(), f32()
    graphs = {"condition": Graph([a], [BUILD.less(a, 100.0)]), "body": Graph([b], [BUILD.mul(b, 2.0)])}
    for bound, expected in ((None, 128.0), (3, 8.0), (0, 1.0)):
        y = BUILD.while_loop(x, **graphs, constants=0, maximum_iterations=bound)
        assert float(interpret(Graph([x], [y]), [np.array(1, np.float32)])[0]) == expected


def test_unknown_dimensions_inside_are_unknown_outside() -> None:
    n = Symbol("n")
    p, x = make_input(tensor_type("bool")), make_input(tensor_type("float32", (n, 2)))
    a, b = (make_input(tensor_type("float32", (n, 2))) for _ in range(2))
    y = BUILD.cond(p, x, then_graph=Graph([a], [a]), else_graph=Graph([b], [BUILD.neg(b)]))
    assert y.shape == (n, 2)
    b = make_input(tensor_type("float32", (n, 2)))
    cut = BUILD.slice(b, starts=(1, 0), limits=(None, None), strides=(1, 1))
    y = BUILD.cond(p, x, then_graph=Graph([a], [a]), else_graph=Graph([b], [cut]))
    assert isinstance(y.shape[0], Symbol)
    assert y.shape[0] is not n
    assert y.shape[1] == 2
