"""Reverse mode: accumulation, what is left out, errors, orders, depth. Gradients of rows are tested with the rows."""

from __future__ import annotations

import numpy as np
import pytest

from epochal.autodiff import BUILD, gradients
from epochal.errors import ArgumentError, DTypeError, NotSupportedError, ShapeError
from epochal.ir import Graph, Origin, Value, make_input, origin, tensor_type
from epochal.ir.verify import verify
from epochal.testing import check_gradient
from epochal.topi.interpret import interpret


def scalar(name: str = "x", dtype: str = "float64") -> Value:
    return make_input(tensor_type(dtype), name)


def value_of(inputs: list[Value], outputs: list[Value | None], *numbers: float) -> list[float]:
    wanted = [value for value in outputs if value is not None]
    graph = Graph(inputs, wanted)
    verify(graph)
    return [float(array) for array in interpret(graph, [np.array(number) for number in numbers])]


def test_contributions_of_several_uses_add_up() -> None:
    x = scalar()
    y = BUILD.add(BUILD.mul(x, x), BUILD.mul(x, 3.0))
    assert value_of([x], gradients([y], [x]), 5.0) == [13.0]


def test_several_outputs_are_summed_and_cotangents_weigh_them() -> None:
    x = scalar()
    ys = [BUILD.square(x), BUILD.mul(x, 7.0)]
    assert value_of([x], gradients(ys, [x]), 2.0) == [11.0]
    weights = [BUILD.constant(10.0, "float64"), None]
    assert value_of([x], gradients(ys, [x], weights), 2.0) == [47.0]


def test_an_output_that_is_an_input() -> None:
    x, y = scalar("x"), scalar("y")
    assert value_of([x, y], gradients([x, x, y], [x, y]), 1.0, 1.0) == [2.0, 1.0]


def test_unconnected_inputs_have_none() -> None:
    x, y = scalar("x"), scalar("y")
    assert gradients([BUILD.neg(x)], [y]) == [None]
    assert gradients([], [x]) == [None]
    assert gradients([x], []) == []


def test_integers_and_bools_have_none_and_are_not_passed_through() -> None:
    x, n = scalar(), scalar("n", "int32")
    y = BUILD.mul(x, BUILD.cast(BUILD.cast(x, dtype="int32"), dtype="float64"))
    found = gradients([y, BUILD.mul(n, 2)], [x, n])
    assert found[1] is None
    assert value_of([x], found[:1], 3.5) == [3.0]


def test_stop_gradient_is_a_constant() -> None:
    x = scalar()
    y = BUILD.mul(BUILD.stop_gradient(BUILD.square(x)), x)
    assert value_of([x], gradients([y], [x]), 3.0) == [9.0]
    assert gradients([BUILD.stop_gradient(x)], [x]) == [None]


def test_intermediate_values_get_total_derivatives() -> None:
    x = scalar()
    h = BUILD.square(x)
    y = BUILD.mul(h, x)
    found = gradients([y], [x, h])
    assert value_of([x], found, 3.0) == [27.0, 3.0]


def test_gradients_are_differentiable_again_and_again() -> None:
    x = scalar()
    value: Value | None = BUILD.exp(BUILD.mul(x, 2.0))
    for _ in range(5):
        (value,) = gradients([value], [x])
    np.testing.assert_allclose(value_of([x], [value], 0.0), [32.0])


def test_only_what_lies_between_is_visited() -> None:
    """The exponential has no user on the way, and its operand's gradient would fail."""
    x, y = scalar("x"), scalar("y")
    unbounded = loop(y, None)
    found = gradients([BUILD.mul(x, unbounded)], [x])
    verify(Graph([x, y], [value for value in found if value is not None]))


def loop(x: Value, iterations: int | None) -> Value:
    """Doubles a scalar until it is at least 100."""
    a, b = scalar(), scalar()
    result: Value = BUILD.while_loop(
        x,
        condition=Graph([a], [BUILD.less(a, 100.0)]),
        body=Graph([b], [BUILD.mul(b, 2.0)]),
        constants=0,
        maximum_iterations=iterations,
    )
    return result


def test_an_operator_without_gradient_says_why() -> None:
    x = scalar()
    with origin(Origin(name="halving", file="user.py", line=7)):
        y = loop(x, None)
    with pytest.raises(NotSupportedError, match="maximum_iterations"):
        gradients([y], [x])


def test_a_bounded_loop_differentiates() -> None:
    x = scalar()
    found = gradients([loop(x, 10)], [x])
    assert value_of([x], found, 3.0) == [64.0]
    assert value_of([x], gradients([loop(x, 3)], [x]), 3.0) == [8.0]


def test_operands_of_a_loop_that_depend_on_one_another_are_not_counted_twice() -> None:
    x = scalar()
    inputs = [scalar(), scalar()]
    condition = Graph(inputs, [BUILD.less(inputs[1], 50.0)])
    inputs = [scalar(), scalar()]
    body = Graph(inputs, [BUILD.mul(inputs[1], inputs[0])])
    y = BUILD.while_loop(x, BUILD.square(x), condition=condition, body=body, constants=1, maximum_iterations=4)
    # 3 -> 9, 27, 81: x ** 4
    assert value_of([x], gradients([y], [x]), 3.0) == [108.0]


def test_cotangents_are_checked() -> None:
    x = make_input(tensor_type("float32", (2,)), "x")
    y = BUILD.exp(x)
    with pytest.raises(ArgumentError, match=r"one cotangent an output, 1 in all\. Received: 2"):
        gradients([y], [x], [None, None])
    with pytest.raises(ShapeError, match=r"shape, \(2,\)\. Received: \(3,\)"):
        gradients([y], [x], [BUILD.constant(np.ones(3), "float32")])
    with pytest.raises(DTypeError, match=r"dtype, float32\. Received: float64"):
        gradients([y], [x], [BUILD.constant(np.ones(2), "float64")])


def test_depth_does_not_recurse() -> None:
    x = scalar()
    y = x
    for _ in range(20_000):
        y = BUILD.neg(y)
    assert value_of([x], gradients([y], [x]), 1.0) == [1.0]


def test_nodes_of_a_gradient_carry_the_origin_of_what_they_differentiate() -> None:
    x = scalar()
    with origin(Origin(layer="dense")):
        y = BUILD.exp(x)
    (found,) = gradients([y], [x])
    assert found is not None
    assert found.node.origin.layer == "dense"


def test_nested_control_flow_to_second_order() -> None:
    """A scan whose body branches, inside which another scan runs."""

    def inner(state: Value, w: Value) -> Value:
        iw, ih = scalar(), scalar()
        result: Value = BUILD.scan(
            w, state, body=Graph([iw, ih], [BUILD.sin(BUILD.mul(ih, iw))]), constants=1, carries=1, length=2
        )
        return result

    def step(w: Value, state: Value, x: Value) -> list[Value]:
        a, b, c = scalar(), scalar(), scalar()
        then_graph = Graph([a, b, c], [BUILD.add(inner(a, b), c)])
        a, b, c = scalar(), scalar(), scalar()
        else_graph = Graph([a, b, c], [BUILD.mul(BUILD.tanh(a), c)])
        new = BUILD.cond(BUILD.greater(x, 0.0), state, w, x, then_graph=then_graph, else_graph=else_graph)
        return [new, BUILD.mul(new, w)]

    w, state, xs = scalar(), scalar(), make_input(tensor_type("float64", (4,)))
    inputs = [scalar(), scalar(), scalar()]
    body = Graph(inputs, step(*inputs))
    results = BUILD.scan(w, state, xs, body=body, constants=1, carries=1, length=4)
    check_gradient(Graph([w, state, xs], results), [np.array(0.7), np.array(0.3), np.array([0.5, -0.4, 0.9, -0.2])])


def test_a_scan_with_integers_among_its_operands() -> None:
    """An integer carry counts steps and picks the weight of each: it has no gradient, and the rest does."""
    w = make_input(tensor_type("float64", (3,)), "w")
    x = scalar()
    start = BUILD.constant(0, "int32")
    iw, step, total, ix = make_input(w.type), scalar("n", "int32"), scalar(), scalar()
    picked = BUILD.gather(iw, step, axis=0)
    body = Graph([iw, ix, step, total], [BUILD.add(step, 1), BUILD.add(total, BUILD.mul(BUILD.square(picked), ix))])
    results = BUILD.scan(w, x, start, x, body=body, constants=2, carries=2, length=3)
    check_gradient(Graph([w, x], [results[1]]), [np.array([0.5, -1.0, 2.0]), np.array(0.7)])


def test_a_carry_that_repeats_another_is_differentiated_with_it() -> None:
    """As recurrent layers carry their last output beside their state."""
    h, last, xs = scalar(), scalar(), make_input(tensor_type("float64", (3,)))
    a, b, c = scalar(), scalar(), scalar()
    new = BUILD.sin(BUILD.mul(a, c))
    for length, results in ((3, [new, new]), (3, [new, new, new])):
        final = BUILD.scan(h, last, xs, body=Graph([a, b, c], results), constants=0, carries=2, length=length)
        check_gradient(Graph([h, last, xs], final), [np.array(0.7), np.array(0.2), np.array([0.5, -0.4, 0.9])])
        check_gradient(Graph([h, last, xs], [final[1]]), [np.array(0.7), np.array(0.2), np.array([0.5, -0.4, 0.9])])
