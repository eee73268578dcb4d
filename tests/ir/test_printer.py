"""The text form: stable, and complete enough to compare graphs by."""

from __future__ import annotations

import numpy as np

from epochal.ir import Graph, Program, make_input, tensor_type
from epochal.ir.printer import print_graph, print_program
from epochal.topi.inventory import BUILD


def test_values_parameters_and_constants() -> None:
    x = make_input(tensor_type("float32", (2, 3)), "x")
    unnamed = make_input(tensor_type("int32", (4,)))
    y = BUILD.add(BUILD.mul(x, 2.0), BUILD.constant([1.0, 2.0, 3.0], "float32"))
    n = BUILD.add(unnamed, BUILD.constant(np.arange(4), "int32"))
    assert print_graph(Graph([x, unnamed], [BUILD.sum(y, axes=(1,)), n, x])) == (
        "graph(%x: float32[2,3], %in1: int32[4])\n"
        "  %0 = broadcast(2.0, shape=(2, 3)) : float32[2,3]\n"
        "  %1 = mul(%x, %0) : float32[2,3]\n"
        "  %2 = constant(value=[1.0, 2.0, 3.0]) : float32[3]\n"
        "  %3 = broadcast(%2, shape=(2, 3)) : float32[2,3]\n"
        "  %4 = add(%1, %3) : float32[2,3]\n"
        "  %5 = constant(value=[0, 1, 2, 3]) : int32[4]\n"
        "  %6 = add(%in1, %5) : int32[4]\n"
        "  %7 = sum(%4, axes=(1,)) : float32[2]\n"
        "  return %7, %6, %x"
    )


def test_sub_graphs_are_indented() -> None:
    p, x = make_input(tensor_type("bool"), "p"), make_input(tensor_type("float32"), "x")
    a, b = make_input(tensor_type("float32"), "a"), make_input(tensor_type("float32"), "b")
    y = BUILD.cond(p, x, then_graph=Graph([a], [BUILD.neg(a)]), else_graph=Graph([b], [b]))
    assert print_graph(Graph([p, x], [y])) == (
        "graph(%p: bool[], %x: float32[])\n"
        "  %0 = cond(%p, %x) : float32[]\n"
        "    then_graph(%a: float32[])\n"
        "      %0 = neg(%a) : float32[]\n"
        "      return %0\n"
        "    else_graph(%b: float32[])\n"
        "      return %b\n"
        "  return %0"
    )


def test_equal_graphs_print_alike_and_names_do_not_clash() -> None:
    def make() -> Graph:
        x, y = (make_input(tensor_type("float32"), "x") for _ in range(2))
        return Graph([x, y], [BUILD.add(x, y)])

    text = print_graph(make())
    assert text == print_graph(make())
    assert text.splitlines()[0] == "graph(%x: float32[], %x_1: float32[])"


def test_long_constants_are_cut() -> None:
    text = print_graph(Graph([], [BUILD.constant(np.arange(100), "int64")]))
    assert "value=[0, 1, 2, 3, 4, 5, 6, 7, ...]) : int64[100]" in text


def test_programs() -> None:
    x, s = make_input(tensor_type("float32"), "x"), make_input(tensor_type("float32"), "s")
    program = Program(Graph([x, s], [x, BUILD.add(x, s)]), ("x",), ("y",), ("s",), (0,))
    assert print_program(program) == (
        "program arguments(x) states(s) results(y) replaced(s)\n"
        "graph(%x: float32[], %s: float32[])\n"
        "  %0 = add(%x, %s) : float32[]\n"
        "  return %x, %0"
    )
