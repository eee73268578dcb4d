"""Binding shapes, threading state and expanding gradients."""

from __future__ import annotations

import numpy as np
import pytest

from epochal.errors import ArgumentError, DTypeError, NotSupportedError, ShapeError
from epochal.ir import Graph, Symbol, Value, make_input, tensor_type
from epochal.ir.printer import print_graph
from epochal.ir.verify import verify, verify_program
from epochal.passes.specialise import specialise, specialise_program
from epochal.topi.interpret import interpret
from epochal.topi.inventory import BUILD


class Handle:
    def __init__(self, name: str, shape: tuple[int, ...]) -> None:
        self.name = name
        self.type = tensor_type("float32", shape)


def placeholder(name: str, *shape: int | Symbol, dtype: str = "float32") -> Value:
    return make_input(tensor_type(dtype, shape), name)


def f32(*shape: int):
    return tensor_type("float32", shape)


def test_broadcasts_become_explicit_once_shapes_are_known() -> None:
    x, y = placeholder("x", Symbol("n"), 3), placeholder("y", Symbol("m"), 3)
    graph = specialise(Graph([x, y], [BUILD.add(x, y)]), [f32(4, 3), f32(1, 3)])
    assert print_graph(graph) == (
        "graph(%x: float32[4,3], %y: float32[1,3])\n"
        "  %0 = broadcast(%y, shape=(4, 3)) : float32[4,3]\n"
        "  %1 = add(%x, %0) : float32[4,3]\n"
        "  return %1"
    )
    verify(graph)


def test_shape_of_and_symbols_in_parameters_are_resolved() -> None:
    x = placeholder("x", Symbol("n"), 3)
    rows = x.shape[0]
    shape = BUILD.shape_of(x)
    half = BUILD.floor_div(BUILD.reshape(BUILD.slice(shape, starts=(0,), limits=(1,), strides=(1,)), shape=()), 2)
    count = Symbol("half", origin=(half, None))
    y = BUILD.broadcast(BUILD.constant(2.0, "float32"), shape=(count, rows))
    graph = specialise(Graph([x], [y, BUILD.reshape(x, shape=(-1,))]), [f32(6, 3)])
    assert [value.shape for value in graph.outputs] == [(3, 6), (18,)]


def test_a_size_known_only_at_run_time_is_refused() -> None:
    n = placeholder("n", dtype="int32")
    y = BUILD.broadcast(BUILD.constant(2.0, "float32"), shape=(Symbol("rows", origin=(n, None)),))
    with pytest.raises(ArgumentError, match="'rows' depends on a value that is known only when the program runs"):
        specialise(Graph([n], [y]), [tensor_type("int32")])


def test_one_symbol_of_two_sizes_names_both() -> None:
    n = Symbol("batch")
    x, y = placeholder("x", n, 3), placeholder("y", n)
    with pytest.raises(ShapeError, match=r"'batch' is 4 in 'x' and 5 in 'y'"):
        specialise(Graph([x, y], [x]), [f32(4, 3), f32(5)])


def test_types_that_do_not_fit_are_refused() -> None:
    x = placeholder("x", Symbol("n"), 3)
    with pytest.raises(ShapeError, match=r"'x' has shape \(n, 3\)\. Received a value of shape \(4, 2\)"):
        specialise(Graph([x], [x]), [f32(4, 2)])
    with pytest.raises(ShapeError, match="Received a value of shape"):
        specialise(Graph([x], [x]), [f32(4)])
    with pytest.raises(DTypeError, match="'x' has dtype float32"):
        specialise(Graph([x], [x]), [tensor_type("int32", (4, 3))])
    with pytest.raises(ArgumentError, match="No value was given for 'x'"):
        specialise_program([BUILD.neg(x)], [], [])


def test_a_gradient_step_becomes_a_program_with_state() -> None:
    w = Handle("w", (3, 1))
    x, y = placeholder("x", Symbol("n"), 3), placeholder("y", Symbol("m"), 1)
    read = BUILD.variable_read(state=w)
    error = BUILD.sub(BUILD.dot_general(x, read, contract=((1,), (0,)), batch=((), ())), y)
    loss = BUILD.sum(BUILD.square(error), axes=(0, 1))
    gradient = BUILD.gradient_request(loss, read, ys=1, xs=1, given=(False,))
    new = BUILD.variable_assign(BUILD.sub(read, BUILD.mul(gradient, 0.1)), state=w)
    after = BUILD.variable_read(state=w)
    found = specialise_program([loss, after, read], [x, y], [f32(4, 3), f32(4, 1)], effects=[new])
    verify_program(found.program)
    assert found.handles == (w,)
    assert found.program.states == ("w",)
    assert found.program.replaced == (0,)
    assert found.program.arguments == ("x", "y")
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=shape).astype(np.float32) for shape in ((4, 3), (4, 1), (3, 1))]
    a, b, v = arrays
    result = interpret(found.program.graph, arrays)
    expected = v - 0.1 * 2 * a.T @ (a @ v - b)
    np.testing.assert_allclose(result[0], np.square(a @ v - b).sum(), rtol=1e-5)
    np.testing.assert_allclose(result[1], expected, rtol=1e-5)
    np.testing.assert_array_equal(result[2], v)
    np.testing.assert_array_equal(result[3], result[1])


def test_effects_that_are_not_asked_for_do_not_happen() -> None:
    w = Handle("w", (2,))
    read = BUILD.variable_read(state=w)
    BUILD.variable_assign(BUILD.neg(read), state=w)
    found = specialise_program([BUILD.neg(read)], [], [])
    assert found.program.replaced == ()


def test_what_is_fed_is_not_computed() -> None:
    x = placeholder("x", 2)
    hidden = BUILD.exp(x)
    found = specialise_program([BUILD.neg(hidden)], [hidden], [f32(2)])
    assert [node.operator.name for node in found.program.graph.nodes()] == ["input", "neg"]


def test_sub_graphs_are_bound_too() -> None:
    n = Symbol("n")
    x = placeholder("x", n, 2)
    row = placeholder("row", 2)
    state = placeholder("state", 2)
    body = Graph([state, row], [BUILD.add(state, row), BUILD.mul(row, 2.0)])
    total, doubled = BUILD.scan(BUILD.constant(np.zeros(2), "float32"), x, body=body, constants=0, carries=1, length=n)
    graph = specialise(Graph([x], [total, doubled]), [f32(5, 2)])
    verify(graph)
    assert [value.shape for value in graph.outputs] == [(2,), (5, 2)]
    data = np.arange(10, dtype=np.float32).reshape(5, 2)
    np.testing.assert_array_equal(interpret(graph, [data])[0], data.sum(0))


def test_sub_graphs_of_unknown_shapes_are_bound() -> None:
    n = Symbol("n")
    x, p = placeholder("x", n, 2), placeholder("p", dtype="bool")
    one, two = placeholder("a", Symbol("k"), 2), placeholder("b", Symbol("l"), 2)
    other = BUILD.cond(
        p, x,
        then_graph=Graph([one], [BUILD.add(one, BUILD.constant([[1.0, 2.0]], "float32"))]),
        else_graph=Graph([two], [two]),
    )  # fmt: skip
    graph = specialise(Graph([x, p], [other]), [f32(5, 2), tensor_type("bool")])
    verify(graph)


def test_variables_inside_branches_are_refused() -> None:
    w = Handle("w", (2,))
    p, x, a, b = placeholder("p", dtype="bool"), placeholder("x", 2), placeholder("a", 2), placeholder("b", 2)
    read = BUILD.variable_read(state=w)
    y = BUILD.cond(p, x, then_graph=Graph([a], [BUILD.add(a, read)]), else_graph=Graph([b], [b]))
    with pytest.raises(NotSupportedError, match="cannot be read inside a branch"):
        specialise_program([y], [p, x], [tensor_type("bool"), f32(2)])


def test_gradients_of_gradients_through_requests() -> None:
    x = placeholder("x", Symbol("n"))
    y = BUILD.sum(BUILD.mul(BUILD.square(x), x), axes=(0,))
    first = BUILD.gradient_request(y, x, ys=1, xs=1, given=(False,))
    second = BUILD.gradient_request(first, x, ys=1, xs=1, given=(False,))
    graph = specialise(Graph([x], [first, second]), [f32(3)])
    data = np.array([1, 2, 3], np.float32)
    np.testing.assert_allclose(interpret(graph, [data])[0], 3 * data**2, rtol=1e-6)
    np.testing.assert_allclose(interpret(graph, [data])[1], 6 * data, rtol=1e-6)


def test_gradients_are_those_of_stable_formulas() -> None:
    x = placeholder("x", 3)
    loss = BUILD.neg(BUILD.log(BUILD.softmax(x, axis=0)))
    gradient = BUILD.gradient_request(loss, x, ys=1, xs=1, given=(False,))
    graph = specialise(Graph([x], [loss, gradient]), [f32(3)])
    found = interpret(graph, [np.array([0, 1000, 0], np.float32)])
    np.testing.assert_array_equal(found[0], [1000, 0, 1000])
    np.testing.assert_array_equal(found[1], [-1, 2, -1])


def test_what_one_differentiates_by_is_not_rewritten_away() -> None:
    x = placeholder("x", 3)
    probabilities = BUILD.softmax(x, axis=0)
    loss = BUILD.log(probabilities)
    gradient = BUILD.gradient_request(loss, probabilities, ys=1, xs=1, given=(False,))
    graph = specialise(Graph([x], [gradient]), [f32(3)])
    np.testing.assert_allclose(interpret(graph, [np.zeros(3, np.float32)])[0], [3, 3, 3], rtol=1e-6)
