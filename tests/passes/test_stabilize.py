"""Stable formulas in place of unstable ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from epochal.ir import Graph, Value, make_input, tensor_type
from epochal.ir.printer import print_graph
from epochal.ir.verify import verify
from epochal.passes.specialise import specialise
from epochal.passes.stabilize import Stabilize
from epochal.topi.interpret import interpret
from epochal.topi.inventory import BUILD


def body(graph: Graph) -> str:
    lines = print_graph(graph).splitlines()[1:]
    return "; ".join(line.split(" : ")[0].strip() for line in lines)


def total(x: Value) -> Value:
    """The sum along the last axis, kept as an axis of size 1."""
    return BUILD.reshape(BUILD.sum(x, axes=(1,)), shape=(x.shape[0], 1))


def normalised(p: Value) -> Value:
    return BUILD.div(p, total(p))


def clipped(p: Value, epsilon: float = 1e-7) -> Value:
    return BUILD.clamp(p, epsilon, 1 - epsilon)


CASES: list[tuple[str, Callable[[Value], Value], str]] = [
    ("log softmax", lambda x: BUILD.log(BUILD.softmax(x, axis=1)), "%0 = log_softmax(%x, axis=1); return %0"),
    (
        "probabilities normalised again",
        lambda x: BUILD.log(normalised(BUILD.softmax(x, axis=1))),
        "%0 = log_softmax(%x, axis=1); return %0",
    ),
    (
        "softmax by hand",
        lambda x: _softmax(x),
        "%0 = softmax(%x, axis=1); return %0",
    ),
    (
        "log sigmoid",
        lambda x: BUILD.log(BUILD.sigmoid(x)),
        "%0 = neg(%x); %1 = softplus(%0); %2 = neg(%1); return %2",
    ),
    (
        "log of 1 - sigmoid",
        lambda x: BUILD.log(BUILD.sub(1.0, BUILD.sigmoid(x))),
        "%0 = softplus(%x); %1 = neg(%0); return %1",
    ),
    ("softplus", lambda x: BUILD.log(BUILD.add(1.0, BUILD.exp(x))), "%0 = softplus(%x); return %0"),
    ("log1p", lambda x: BUILD.log(BUILD.add(x, 1.0)), "%0 = log1p(%x); return %0"),
    ("expm1", lambda x: BUILD.sub(BUILD.exp(x), 1.0), "%0 = expm1(%x); return %0"),
    (
        "logsumexp",
        lambda x: BUILD.log(BUILD.sum(BUILD.exp(x), axes=(0, 1))),
        "%0 = logsumexp(%x, axes=(0, 1)); return %0",
    ),
    ("log exp", lambda x: BUILD.log(BUILD.exp(x)), "return %x"),
    ("root of square", lambda x: BUILD.sqrt(BUILD.square(x)), "%0 = abs(%x); return %0"),
]


def _softmax(x: Value) -> Value:
    powers = BUILD.exp(x)
    return BUILD.div(powers, total(powers))


@pytest.mark.parametrize(("make", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_rule(make: Callable[[Value], Value], expected: str) -> None:
    x = make_input(tensor_type("float32", (2, 3)), "x")
    graph = Graph([x], [make(x)])
    stable = Stabilize().run(graph)
    verify(stable)
    assert body(stable) == expected
    array = np.random.default_rng(0).uniform(0.1, 1, (2, 3)).astype(np.float32)
    np.testing.assert_allclose(interpret(stable, [array])[0], interpret(graph, [array])[0], rtol=2e-5)


def test_large_logits_survive() -> None:
    x = make_input(tensor_type("float32", (1, 3)), "x")
    stable = Stabilize().run(Graph([x], [BUILD.log(_softmax(x))]))
    found = interpret(stable, [np.array([[1000, 0, 500]], np.float32)])[0]
    np.testing.assert_array_equal(found, [[0, -1000, -500]])


CLIPPED: list[tuple[str, Callable[[Value], Value], str]] = [
    ("softmax", lambda x: BUILD.log(clipped(BUILD.softmax(x, axis=1))), "%0 = log_softmax(%x, axis=1); return %0"),
    (
        "Keras's cross-entropy",
        lambda x: BUILD.log(clipped(normalised(BUILD.softmax(x, axis=1)))),
        "%0 = log_softmax(%x, axis=1); return %0",
    ),
    (
        "sigmoid",
        lambda x: BUILD.log(clipped(BUILD.sigmoid(x))),
        "%0 = neg(%x); %1 = softplus(%0); %2 = neg(%1); return %2",
    ),
    (
        "1 - sigmoid",
        lambda x: BUILD.log(BUILD.sub(1.0, clipped(BUILD.sigmoid(x)))),
        "%0 = softplus(%x); %1 = neg(%0); return %1",
    ),
]


@pytest.mark.parametrize(("make", "expected"), [case[1:] for case in CLIPPED], ids=[case[0] for case in CLIPPED])
def test_what_keras_clips_comes_from_logits_before_gradients_are_taken(
    make: Callable[[Value], Value], expected: str
) -> None:
    x = make_input(tensor_type("float32", (2, 3)), "x")
    graph = Graph([x], [make(x)])
    assert body(specialise(graph, [x.type])) == expected
    assert Stabilize().run(graph) is graph, "too late: its gradient is taken"


@pytest.mark.parametrize("epsilon", [1e-10, 0.1])
def test_other_clipping_stays(epsilon: float) -> None:
    x = make_input(tensor_type("float32", (2, 3)), "x")
    graph = Graph([x], [BUILD.log(clipped(BUILD.softmax(x, axis=1), epsilon))])
    names = [node.operator.name for node in specialise(graph, [x.type]).nodes()]
    assert names[-2:] == ["clamp", "log"]


def test_a_sum_along_another_axis_is_no_softmax() -> None:
    x = make_input(tensor_type("float32", (3, 3)), "x")
    powers = BUILD.exp(x)
    graph = Graph([x], [BUILD.div(powers, BUILD.sum(powers, axes=(1,)))])
    assert Stabilize().run(graph) is graph
