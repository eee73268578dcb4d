"""What verify finds."""

from __future__ import annotations

import numpy as np
import pytest

from epochal.errors import VerificationError
from epochal.ir import Graph, Node, Program, Symbol, TensorType, make_input, tensor_type
from epochal.ir.verify import verify, verify_program
from epochal.topi.inventory import BUILD, INVENTORY


def forged(name: str, inputs, parameters, *types: TensorType):
    """A node that no builder would make."""
    return Node(INVENTORY[name], tuple(inputs), parameters, types).outputs


def f32(*shape: int) -> TensorType:
    return tensor_type("float32", shape)


def test_sound_graphs_pass() -> None:
    x = make_input(f32(2, 3), "x")
    verify(Graph([x], [BUILD.add(x, 1.0), x, x]))


def test_an_input_of_another_graph() -> None:
    x, y = make_input(f32(), "x"), make_input(f32(), "y")
    with pytest.raises(VerificationError, match="is an input of another graph \\('y'\\)"):
        verify(Graph([x], [BUILD.add(x, y)]))


def test_inputs_twice_or_not_inputs() -> None:
    x = make_input(f32(), "x")
    with pytest.raises(VerificationError, match="stands twice"):
        verify(Graph([x, x], [x]))
    with pytest.raises(VerificationError, match="a result of 'neg'"):
        verify(Graph([BUILD.neg(x)], []))


def test_a_wrong_type() -> None:
    x = make_input(f32(2), "x")
    with pytest.raises(VerificationError, match=r"results of type float32\[3\], but its rule says float32\[2\]"):
        verify(Graph([x], forged("neg", [x], {}, f32(3))))


def test_operands_that_do_not_type() -> None:
    x = make_input(tensor_type("bool"), "x")
    with pytest.raises(VerificationError, match="'exp', does not type"):
        verify(Graph([x], forged("exp", [x], {}, f32())))


def test_a_missing_broadcast() -> None:
    x, y = make_input(f32(2, 3), "x"), make_input(f32(3), "y")
    with pytest.raises(VerificationError, match="an explicit broadcast is missing"):
        verify(Graph([x, y], forged("add", [x, y], {}, f32(2, 3))))


def test_unresolved_parameters() -> None:
    x = make_input(f32(2, 3), "x")
    with pytest.raises(VerificationError, match="unresolved parameters"):
        verify(Graph([x], forged("sum", [x], {"axes": (-1,)}, f32(2))))


def test_unknown_shapes_and_deferred_operators() -> None:
    x = make_input(tensor_type("float32", (Symbol("n"),)), "x")
    graph = Graph([x], [BUILD.neg(x)])
    verify(graph, static=False)
    with pytest.raises(VerificationError, match="of unknown shape"):
        verify(graph)
    y = make_input(f32(2), "y")
    requested = Graph([y], [BUILD.gradient_request(y, y, ys=1, xs=1, given=(False,))])
    verify(requested, static=False)
    with pytest.raises(VerificationError, match="should have been replaced"):
        verify(requested)


def test_sub_graphs_are_looked_into() -> None:
    p, x = make_input(tensor_type("bool"), "p"), make_input(f32(), "x")
    a, b = make_input(f32()), make_input(f32())
    y = BUILD.cond(p, x, then_graph=Graph([a], [BUILD.add(a, x)]), else_graph=Graph([b], [b]))
    with pytest.raises(VerificationError, match="another graph"):
        verify(Graph([p, x], [y]))


def test_programs() -> None:
    x, s = make_input(f32(2), "x"), make_input(f32(2), "s")
    y = BUILD.add(x, s)
    verify_program(Program(Graph([x, s], [y, y]), ("x",), ("y",), ("s",), (0,)))
    with pytest.raises(VerificationError, match="2 arguments and 1 states has a graph of 2 inputs"):
        verify_program(Program(Graph([x, s], [y]), ("x", "z"), ("y",), ("s",)))
    with pytest.raises(VerificationError, match="1 results and 1 replaced states has a graph of 1 outputs"):
        verify_program(Program(Graph([x, s], [y]), ("x",), ("y",), ("s",), (0,)))
    total = BUILD.sum(y, axes=(0,))
    with pytest.raises(VerificationError, match=r"'s' of type float32\[2\] is replaced by a value of type float32\[\]"):
        verify_program(Program(Graph([x, s], [y, total]), ("x",), ("y",), ("s",), (0,)))


def test_a_constant_is_what_it_says() -> None:
    verify(Graph([], [BUILD.constant(np.ones((2, 2)), "float16")]))
