"""Transposes taken into products."""

from __future__ import annotations

import numpy as np

from epochal.autodiff import gradients
from epochal.ir import Graph, Value, make_input, tensor_type
from epochal.ir.verify import verify
from epochal.passes.products import Products
from epochal.topi.interpret import interpret
from epochal.topi.inventory import BUILD


def check(inputs: list[Value], outputs: list[Value], transposes: int) -> None:
    graph = Graph(inputs, outputs)
    found = Products().run(graph)
    verify(found)
    assert sum(node.operator.name == "transpose" for node in found.nodes()) == transposes
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=value.shape) for value in inputs]
    for one, other in zip(interpret(graph, arrays), interpret(found, arrays), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def matrix(name: str, *shape: int) -> Value:
    return make_input(tensor_type("float64", shape), name)


def transpose(x: Value, *permutation: int) -> Value:
    return BUILD.transpose(x, permutation=permutation)


def test_operands() -> None:
    a, b = matrix("a", 4, 3), matrix("b", 5, 4)
    y = BUILD.dot_general(transpose(a, 1, 0), transpose(b, 1, 0), contract=((1,), (0,)), batch=((), ()))
    check([a, b], [y], 0)


def test_free_axes_out_of_order() -> None:
    """The product is transposed instead, if it is smaller and the operand's transpose has no other use."""
    a, b, wide = matrix("a", 4, 3, 2), matrix("b", 4, 3), matrix("wide", 4, 50)
    turned = transpose(a, 2, 1, 0)

    def product(other: Value) -> Value:
        return BUILD.dot_general(turned, other, contract=((2,), (0,)), batch=((), ()))

    check([a, b], [product(b)], 1)
    assert Products().run(Graph([a, b], [product(b)])).outputs[0].operator.name == "transpose"
    assert Products().run(Graph([a, wide], [product(wide)])).outputs[0].operator.name == "dot_general"
    assert Products().run(Graph([a, b], [product(b), turned])).outputs[0].operator.name == "dot_general"


def test_both_operands_with_batches() -> None:
    a, b = matrix("a", 2, 5, 3, 4, 6), matrix("b", 6, 5, 3, 2, 7)
    left, right = transpose(a, 1, 3, 2, 0, 4), transpose(b, 3, 0, 4, 2, 1)
    y = BUILD.dot_general(left, right, contract=((4, 2), (1, 3)), batch=((0,), (4,)))
    assert y.shape == (5, 4, 2, 2, 7)
    check([a, b], [y], 1)


def test_a_result_that_nothing_else_uses() -> None:
    a, b = matrix("a", 6, 3, 4), matrix("b", 6, 4, 5)
    y = BUILD.dot_general(a, b, contract=((2,), (1,)), batch=((0,), (0,)))
    check([a, b], [transpose(y, 0, 2, 1)], 0)
    check([a, b], [transpose(y, 0, 2, 1), y], 1)
    check([a, b], [transpose(y, 1, 0, 2)], 1)


def test_batch_axes_change_order() -> None:
    a, b = matrix("a", 2, 6, 3, 4), matrix("b", 2, 6, 4, 5)
    y = BUILD.dot_general(a, b, contract=((3,), (2,)), batch=((0, 1), (0, 1)))
    check([a, b], [transpose(y, 1, 0, 3, 2)], 0)


def test_the_gradient_of_a_dense_layer_has_none() -> None:
    x, w = matrix("x", 7, 4), matrix("w", 4, 3)
    y = BUILD.dot_general(x, w, contract=((1,), (0,)), batch=((), ()))
    found = gradients([y], [x, w], [BUILD.sin(y)])
    check([x, w], [value for value in found if value is not None], 0)


def test_a_long_sum_stays_one_sum() -> None:
    """A transpose stays where the product would have to sum over two axes that lie in different orders."""
    x, g, same = matrix("x", 4, 5, 3), matrix("g", 5, 4, 2), matrix("same", 4, 5, 2)
    turned = BUILD.dot_general(transpose(x, 1, 0, 2), g, contract=((0, 1), (0, 1)))
    check([x, g], [turned], 1)
    both = BUILD.dot_general(transpose(x, 1, 0, 2), transpose(same, 1, 0, 2), contract=((0, 1), (0, 1)))
    check([x, same], [both], 0)
