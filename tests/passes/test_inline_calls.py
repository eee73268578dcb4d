"""`InlineCalls` alone: bodies in place of calls, nested ones too."""

from epochal.ir import Graph, make_input, tensor_type
from epochal.ir.printer import print_graph
from epochal.passes.inline_calls import InlineCalls
from epochal.topi.inventory import BUILD


def test_nested_bodies_are_written_out():
    a = make_input(tensor_type("float32", (2,)), "a")
    inner = Graph([a], [BUILD.sin(a)])
    b = make_input(tensor_type("float32", (2,)), "b")
    outer = Graph([b], [BUILD.neg(BUILD.call(b, body=inner))])
    x = make_input(tensor_type("float32", (2,)), "x")
    graph = InlineCalls().run(Graph([x], [BUILD.exp(BUILD.call(x, body=outer))]))
    y = make_input(tensor_type("float32", (2,)), "x")
    assert print_graph(graph) == print_graph(Graph([y], [BUILD.exp(BUILD.neg(BUILD.sin(y)))]))


def test_a_graph_without_calls_stays_itself():
    x = make_input(tensor_type("float32", (2,)), "x")
    graph = Graph([x], [BUILD.exp(x)])
    assert InlineCalls().run(graph) is graph
