"""Each rule of algebra, by the text of its result."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from epochal.ir import Graph, Value, make_input, tensor_type
from epochal.ir.printer import print_graph
from epochal.ir.verify import verify
from epochal.passes.algebra import Algebra
from epochal.topi.interpret import interpret
from epochal.topi.inventory import BUILD


def graph_of(make: Callable[..., Value], dtype: str, count: int = 2) -> Graph:
    inputs = [make_input(tensor_type(dtype, (2,)), name) for name in ("x", "y")[:count]]
    return Graph(inputs, [make(*inputs)])


def body(graph: Graph) -> str:
    """The lines after the heading, without types."""
    lines = print_graph(graph).splitlines()[1:]
    return "; ".join(line.split(" : ")[0].strip() for line in lines)


CASES: list[tuple[str, Callable[..., Value], str]] = [
    ("float32", lambda x, y: BUILD.add(x, -0.0), "return %x"),
    ("float32", lambda x, y: BUILD.add(BUILD.constant(-0.0, "float32"), x), "return %x"),
    ("float32", lambda x, y: BUILD.add(BUILD.exp(x), 0.0), "%0 = exp(%x); return %0"),
    ("int32", lambda x, y: BUILD.add(x, 0), "return %x"),
    ("float32", lambda x, y: BUILD.add(x, BUILD.neg(y)), "%0 = sub(%x, %y); return %0"),
    ("float32", lambda x, y: BUILD.add(BUILD.neg(x), y), "%0 = sub(%y, %x); return %0"),
    ("float32", lambda x, y: BUILD.sub(x, 0.0), "return %x"),
    ("float32", lambda x, y: BUILD.sub(x, BUILD.neg(y)), "%0 = add(%x, %y); return %0"),
    ("int32", lambda x, y: BUILD.sub(x, x), "%0 = broadcast(0:int32, shape=(2,)); return %0"),
    ("float32", lambda x, y: BUILD.mul(1.0, x), "return %x"),
    ("float32", lambda x, y: BUILD.mul(x, -1.0), "%0 = neg(%x); return %0"),
    ("int32", lambda x, y: BUILD.mul(x, 0), "%0 = broadcast(0:int32, shape=(2,)); return %0"),
    ("float32", lambda x, y: BUILD.mul(BUILD.neg(x), BUILD.neg(y)), "%0 = mul(%x, %y); return %0"),
    (
        "float32",
        lambda x, y: BUILD.mul(BUILD.neg(x), 3.0),
        "%0 = broadcast(-3.0, shape=(2,)); %1 = mul(%x, %0); return %1",
    ),
    (
        "float32",
        lambda x, y: BUILD.neg(BUILD.mul(x, 2.0)),
        "%0 = broadcast(-2.0, shape=(2,)); %1 = mul(%x, %0); return %1",
    ),
    ("float32", lambda x, y: BUILD.mul(x, x), "%0 = square(%x); return %0"),
    ("float32", lambda x, y: BUILD.div(x, 1.0), "return %x"),
    ("float32", lambda x, y: BUILD.div(1.0, x), "%0 = reciprocal(%x); return %0"),
    (
        "float32",
        lambda x, y: BUILD.div(x, 8.0),
        "%0 = broadcast(0.125, shape=(2,)); %1 = mul(%x, %0); return %1",
    ),
    ("float32", lambda x, y: BUILD.neg(BUILD.neg(x)), "return %x"),
    ("float32", lambda x, y: BUILD.neg(BUILD.neg(BUILD.neg(x))), "%0 = neg(%x); return %0"),
    ("float32", lambda x, y: BUILD.square(BUILD.abs(BUILD.neg(x))), "%0 = square(%x); return %0"),
    ("float32", lambda x, y: BUILD.relu(BUILD.relu(x)), "%0 = relu(%x); return %0"),
    ("float32", lambda x, y: BUILD.abs(BUILD.sigmoid(x)), "%0 = sigmoid(%x); return %0"),
    ("float32", lambda x, y: BUILD.maximum(x, x), "return %x"),
    ("float32", lambda x, y: BUILD.pow(x, 2.0), "%0 = square(%x); return %0"),
    ("float32", lambda x, y: BUILD.pow(x, 1.0), "return %x"),
    ("float32", lambda x, y: BUILD.pow(x, 0.0), "%0 = broadcast(1.0, shape=(2,)); return %0"),
    ("float32", lambda x, y: BUILD.pow(x, -1.0), "%0 = reciprocal(%x); return %0"),
    ("float32", lambda x, y: BUILD.reciprocal(BUILD.sqrt(x)), "%0 = rsqrt(%x); return %0"),
    ("bool", lambda x, y: BUILD.logical_not(BUILD.logical_not(x)), "return %x"),
    ("bool", lambda x, y: BUILD.logical_and(True, x), "return %x"),
    ("bool", lambda x, y: BUILD.logical_and(x, False), "%0 = broadcast(False, shape=(2,)); return %0"),
    ("bool", lambda x, y: BUILD.logical_or(x, x), "return %x"),
    ("float32", lambda x, y: BUILD.logical_not(BUILD.equal(x, y)), "%0 = not_equal(%x, %y); return %0"),
    ("float32", lambda x, y: BUILD.select(BUILD.constant([True] * 2), x, x), "return %x"),
    (
        "float32",
        lambda x, y: BUILD.select(BUILD.broadcast(BUILD.constant(False), shape=(2,)), x, y),
        "return %y",
    ),
    ("float32", lambda x, y: BUILD.cast(x, dtype=x.dtype), "return %x"),
    ("float32", lambda x, y: BUILD.cast(BUILD.cast(x, dtype="float64"), dtype="float32"), "return %x"),
    ("float32", lambda x, y: BUILD.stop_gradient(x), "return %x"),
]


@pytest.mark.parametrize(("dtype", "make", "expected"), CASES)
def test_rule(dtype: str, make: Callable[..., Value], expected: str) -> None:
    graph = Algebra().run(graph_of(make, dtype))
    verify(graph)
    assert body(graph) == expected


KEPT: list[tuple[str, Callable[..., Value]]] = [
    ("-0.0 + 0.0 is 0.0", lambda x, y: BUILD.add(x, 0.0)),
    ("NaN * 0 is NaN", lambda x, y: BUILD.mul(x, 0.0)),
    ("inf - inf is NaN", lambda x, y: BUILD.sub(x, x)),
    ("0.0 - 0.0 is not -0.0", lambda x, y: BUILD.sub(0.0, x)),
    ("1 / 3 is rounded", lambda x, y: BUILD.div(x, 3.0)),
    ("NaN is not below", lambda x, y: BUILD.logical_not(BUILD.less(x, y))),
    ("sqrt(-inf) is NaN, -inf ** 0.5 is inf", lambda x, y: BUILD.pow(x, 0.5)),
    ("float16 holds less", lambda x, y: BUILD.cast(BUILD.cast(x, dtype="float16"), dtype="float32")),
]


@pytest.mark.parametrize("make", [make for _, make in KEPT], ids=[why for why, _ in KEPT])
def test_what_would_change_a_value_stays(make: Callable[..., Value]) -> None:
    graph = graph_of(make, "float32")
    assert Algebra().run(graph) is graph


@pytest.mark.parametrize("make", [make for dtype, make, _ in CASES if dtype == "float32"])
def test_rules_keep_every_bit_but_the_payload_of_nan(make: Callable[..., Value]) -> None:
    special = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -2.5, 1e-40, 3e38, 5.0], np.float32)
    graph = graph_of(make, "float32")
    optimised = Algebra().run(graph)
    for x in special:
        for y in special:
            arrays = [np.array([x, 1], np.float32), np.array([y, 1], np.float32)]
            (before,), (after,) = interpret(graph, arrays), interpret(optimised, arrays)
            np.testing.assert_array_equal(before, after)
            known = ~np.isnan(np.asarray(before, np.float64))
            np.testing.assert_array_equal(np.signbit(before[known]), np.signbit(after[known]))


def test_unsigned_numbers_are_not_negated() -> None:
    graph = graph_of(lambda x, y: BUILD.mul(BUILD.neg(x), 3), "uint32")
    assert Algebra().run(graph) is graph


def test_a_graph_without_matches_is_returned_itself() -> None:
    graph = graph_of(lambda x, y: BUILD.add(x, y), "float32")
    assert Algebra().run(graph) is graph
