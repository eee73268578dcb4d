"""Movement that cancels, merges or waits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from epochal.ir import Graph, Value, make_input, tensor_type
from epochal.ir.printer import print_graph
from epochal.ir.verify import verify
from epochal.passes.movement import Movement
from epochal.topi.interpret import interpret
from epochal.topi.inventory import BUILD


def body(graph: Graph) -> str:
    lines = print_graph(graph).splitlines()[1:]
    return "; ".join(line.split(" : ")[0].strip() for line in lines)


def _joined(x: Value, *places: int) -> Value:
    """Sum of x at some of three places side by side, negated at the last one named."""
    total: Value | None = None
    for count, place in enumerate(places):
        part = BUILD.neg(x) if count == len(places) - 1 else x
        padded = BUILD.pad(part, low=(0, 3 * place), high=(0, 6 - 3 * place), interior=(0, 0), value=0.0)
        total = padded if total is None else BUILD.add(total, padded)
    assert total is not None
    return total


Case = tuple[str, tuple[int, ...], Callable[[Value], Value], str]
CASES: list[Case] = [
    ("reshape to itself", (2, 3), lambda x: BUILD.reshape(x, shape=(2, 3)), "return %x"),
    ("reshape back", (2, 3), lambda x: BUILD.reshape(BUILD.reshape(x, shape=(6,)), shape=(2, 3)), "return %x"),
    (
        "reshape of reshape",
        (2, 3),
        lambda x: BUILD.reshape(BUILD.reshape(x, shape=(6,)), shape=(3, 2)),
        "%0 = reshape(%x, shape=(3, 2)); return %0",
    ),
    (
        "broadcast of broadcast",
        (3,),
        lambda x: BUILD.broadcast(BUILD.broadcast(x, shape=(2, 3)), shape=(4, 2, 3)),
        "%0 = broadcast(%x, shape=(4, 2, 3)); return %0",
    ),
    (
        "reshape in front of a repeated vector",
        (3,),
        lambda x: BUILD.reshape(BUILD.broadcast(x, shape=(2, 4, 3)), shape=(8, 3)),
        "%0 = broadcast(%x, shape=(8, 3)); return %0",
    ),
    (
        "transpose twice",
        (2, 3),
        lambda x: BUILD.transpose(BUILD.transpose(x, permutation=(1, 0)), permutation=(1, 0)),
        "return %x",
    ),
    (
        "transpose of transpose",
        (2, 3, 4),
        lambda x: BUILD.transpose(BUILD.transpose(x, permutation=(1, 2, 0)), permutation=(1, 2, 0)),
        "%0 = transpose(%x, permutation=(2, 0, 1)); return %0",
    ),
    (
        "transpose of a unit axis",
        (2, 1, 3),
        lambda x: BUILD.transpose(x, permutation=(1, 0, 2)),
        "%0 = reshape(%x, shape=(1, 2, 3)); return %0",
    ),
    ("reverse twice", (4,), lambda x: BUILD.reverse(BUILD.reverse(x, axes=(0,)), axes=(0,)), "return %x"),
    (
        "a whole slice",
        (4,),
        lambda x: BUILD.slice(x, starts=(0,), limits=(4,), strides=(1,)),
        "return %x",
    ),
    (
        "slice of slice",
        (20,),
        lambda x: BUILD.slice(
            BUILD.slice(x, starts=(2,), limits=(20,), strides=(3,)), starts=(1,), limits=(6,), strides=(2,)
        ),
        "%0 = slice(%x, limits=(18,), starts=(5,), strides=(6,)); return %0",
    ),
    (
        "slice of concat",
        (2, 3),
        lambda x: BUILD.slice(BUILD.concat(BUILD.neg(x), x, axis=0), starts=(2, 0), limits=(4, 3), strides=(1, 1)),
        "return %x",
    ),
    ("pad of nothing", (3,), lambda x: BUILD.pad(x, low=(0,), high=(0,), interior=(0,), value=0.0), "return %x"),
    (
        "a crop",
        (5,),
        lambda x: BUILD.pad(x, low=(-1,), high=(-2,), interior=(0,), value=0.0),
        "%0 = slice(%x, limits=(3,), starts=(1,), strides=(1,)); return %0",
    ),
    ("concat of one", (3,), lambda x: BUILD.concat(x, axis=0), "return %x"),
    (
        "concat of concat",
        (3,),
        lambda x: BUILD.concat(BUILD.concat(x, x, axis=0), x, axis=0),
        "%0 = concat(%x, %x, %x, axis=0); return %0",
    ),
    ("sum over nothing", (3,), lambda x: BUILD.sum(x, axes=()), "return %x"),
    (
        "max over one element",
        (3, 1),
        lambda x: BUILD.max(x, axes=(1,)),
        "%0 = reshape(%x, shape=(3,)); return %0",
    ),
    (
        "sum of broadcast",
        (3,),
        lambda x: BUILD.sum(BUILD.broadcast(x, shape=(4, 3)), axes=(0,)),
        "%0 = broadcast(4.0, shape=(3,)); %1 = mul(%x, %0); return %1",
    ),
    (
        "sum of broadcast, and of what is left",
        (3, 1),
        lambda x: BUILD.sum(BUILD.broadcast(x, shape=(2, 3, 5)), axes=(0, 1, 2)),
        "%0 = reshape(%x, shape=(3,)); %1 = sum(%0, axes=(0,)); %2 = mul(%1, 10.0); return %2",
    ),
    (
        "max of broadcast",
        (3,),
        lambda x: BUILD.max(BUILD.broadcast(x, shape=(4, 3)), axes=(0,)),
        "return %x",
    ),
    (
        "sum of transpose",
        (2, 3, 4),
        lambda x: BUILD.sum(BUILD.transpose(x, permutation=(1, 0, 2)), axes=(0, 1)),
        "%0 = sum(%x, axes=(0, 1)); return %0",
    ),
    (
        "gradients of slices side by side",
        (2, 3),
        lambda x: _joined(x, 2, 0, 1),
        "%0 = neg(%x); %1 = concat(%x, %0, %x, axis=1); return %1",
    ),
    (
        "gradients of some of the slices",
        (2, 3),
        lambda x: _joined(x, 1, 2),
        "%0 = neg(%x); %1 = concat(%x, %0, axis=1); "
        "%2 = pad(%1, high=(0, 0), interior=(0, 0), low=(0, 3), value=0.0); return %2",
    ),
    (
        "elementwise before broadcast",
        (3,),
        lambda x: BUILD.exp(BUILD.broadcast(x, shape=(4, 3))),
        "%0 = exp(%x); %1 = broadcast(%0, shape=(4, 3)); return %1",
    ),
    (
        "two operands before their broadcasts",
        (3,),
        lambda x: BUILD.mul(
            BUILD.broadcast(x, shape=(4, 3)), BUILD.broadcast(BUILD.constant(2.0, "float32"), shape=(4, 3))
        ),
        "%0 = broadcast(2.0, shape=(3,)); %1 = mul(%x, %0); %2 = broadcast(%1, shape=(4, 3)); return %2",
    ),
]


@pytest.mark.parametrize(("shape", "make", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_rule(shape: tuple[int, ...], make: Callable[[Value], Value], expected: str) -> None:
    x = make_input(tensor_type("float32", shape), "x")
    graph = Graph([x], [make(x)])
    optimised = Movement().run(graph)
    verify(optimised)
    assert body(optimised) == expected
    array = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    np.testing.assert_allclose(interpret(optimised, [array])[0], interpret(graph, [array])[0], rtol=1e-6)


def test_gradients_of_slices_that_overlap_are_added() -> None:
    x = make_input(tensor_type("float32", (2, 3)), "x")
    pads = [BUILD.pad(x, low=(0, low), high=(0, 2 - low), interior=(0, 0), value=0.0) for low in (0, 2)]
    graph = Graph([x], [BUILD.add(*pads)])
    assert Movement().run(graph) is graph


def test_what_costs_nothing_less_stays() -> None:
    x, y = (make_input(tensor_type("float32", (3,)), name) for name in "xy")
    wide = make_input(tensor_type("float32", (4, 3)), "wide")
    graph = Graph(
        [x, y, wide],
        [
            BUILD.add(wide, BUILD.broadcast(x, shape=(4, 3))),
            BUILD.sum(wide, axes=(0,)),
            BUILD.transpose(wide, permutation=(1, 0)),
        ],
    )
    assert Movement().run(graph) is graph


def test_a_long_sum_in_half_precision_is_not_made_a_product() -> None:
    x = make_input(tensor_type("float16"), "x")
    graph = Graph([x], [BUILD.sum(BUILD.broadcast(x, shape=(100000,)), axes=(0,))])
    assert Movement().run(graph) is graph


def _same_values(inputs: list[Value], output: Value, arrays: list[np.ndarray]) -> Graph:
    graph = Graph(inputs, [output])
    found = Movement().run(graph)
    verify(found)
    (expected,), (received,) = interpret(graph, arrays), interpret(found, arrays)
    np.testing.assert_allclose(received, expected, rtol=1e-12)
    return found


def test_rows_are_picked_in_the_order_in_which_they_are_wanted() -> None:
    table, indices = make_input(tensor_type("float64", (7, 3)), "table"), make_input(tensor_type("int32", (2, 4)), "i")
    picked = BUILD.gather(table, indices, axis=0)
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(7, 3)), rng.integers(0, 7, (2, 4)).astype(np.int32)]
    turned = _same_values([table, indices], BUILD.transpose(picked, permutation=(1, 0, 2)), arrays)
    assert turned.outputs[0].operator.name == "gather"
    mixed = _same_values([table, indices], BUILD.transpose(picked, permutation=(2, 0, 1)), arrays)
    assert mixed.outputs[0].operator.name == "transpose"


def test_updates_are_added_in_the_order_in_which_they_lie() -> None:
    table, indices = make_input(tensor_type("float64", (7, 3)), "table"), make_input(tensor_type("int32", (2, 4)), "i")
    updates = make_input(tensor_type("float64", (4, 2, 3)), "updates")
    added = BUILD.scatter_add(table, indices, BUILD.transpose(updates, permutation=(1, 0, 2)), axis=0)
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(7, 3)), rng.integers(0, 7, (2, 4)).astype(np.int32), rng.normal(size=(4, 2, 3))]
    found = _same_values([table, indices, updates], added, arrays)
    assert [node.operator.name for node in found.nodes() if node.operator.name != "input"] == [
        "transpose",
        "scatter_add",
    ]
    assert found.outputs[0].node.inputs[2].operator.name == "input"
