"""Samples of the control operators. Their graphs are of float64; `retyped` turns them into another type."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from epochal import dtypes
from epochal.dtypes import DType
from epochal.ir import Builder, Graph, Sample, Value, make_input, tensor_type
from epochal.topi._rules import values
from epochal.topi.elementwise import cos, neg, sin, tanh
from epochal.topi.elementwise_binary import add, less, mul

_build = Builder({row.name: row for row in (add, cos, less, mul, neg, sin, tanh)})


def _graph(function: Callable[..., Sequence[Value]], *shapes: tuple[int, ...], integers: Sequence[int] = ()) -> Graph:
    """The graph of a function of float64 inputs; those at `integers` are of int32."""
    inputs = [
        make_input(tensor_type(dtypes.int32 if index in integers else dtypes.float64, shape))
        for index, shape in enumerate(shapes)
    ]
    return Graph(inputs, function(*inputs))


def cond_samples() -> Iterable[Sample]:
    then_graph = _graph(lambda x, y: [_build.mul(x, _build.sin(y)), _build.tanh(x)], (2, 3), (2, 3))
    else_graph = _graph(lambda x, y: [_build.add(x, y), x], (2, 3), (2, 3))
    for predicate in (True, False):
        yield Sample(
            (np.array(predicate), values((2, 3)), values((2, 3), seed=1)),
            {"then_graph": then_graph, "else_graph": else_graph},
        )
    yield Sample(
        (np.array(True), values((4,))),
        {"then_graph": _graph(lambda x: [_build.neg(x)], (4,)), "else_graph": _graph(lambda x: [x], (4,))},
    )


def while_samples() -> Iterable[Sample]:
    """The first, unbounded, has no gradient; the second has."""
    shapes = ((), (2, 3), (), (2, 3))
    condition = _graph(lambda limit, w, count, x: [_build.less(count, limit)], *shapes, integers=(0, 2))
    body = _graph(
        lambda limit, w, count, x: [_build.add(count, 1), _build.tanh(_build.mul(x, w))], *shapes, integers=(0, 2)
    )
    arguments = (np.array(3, np.int32), values((2, 3)), np.array(0, np.int32), values((2, 3), seed=1))
    parameters = {"condition": condition, "body": body, "constants": 2}
    yield Sample(arguments, parameters, differentiable=())
    yield Sample(arguments, {**parameters, "maximum_iterations": 5}, differentiable=(1, 3))
    yield Sample(arguments, {**parameters, "maximum_iterations": 2}, differentiable=(1, 3))


def scan_samples() -> Iterable[Sample]:
    """A recurrence with a constant, a carry and a sequence; one that only maps; one that only carries."""

    def recurrence(w: Value, state: Value, x: Value) -> list[Value]:
        new = _build.tanh(_build.add(_build.mul(w, state), x))
        return [new, _build.mul(new, x)]

    body = _graph(recurrence, (3,), (3,), (3,))
    for reverse in (False, True):
        yield Sample(
            (values((3,)), values((3,), seed=1), values((4, 3), seed=2)),
            {"body": body, "constants": 1, "carries": 1, "length": 4, "reverse": reverse},
        )
    yield Sample(
        (values((4, 3)),),
        {"body": _graph(lambda x: [_build.sin(x)], (3,)), "constants": 0, "carries": 0, "length": 4},
    )
    yield Sample(
        (values((2,)), values((2,), seed=1)),
        {
            "body": _graph(lambda w, x: [_build.mul(w, _build.sin(x))], (2,), (2,)),
            "constants": 1,
            "carries": 1,
            "length": 3,
        },
    )


def call_graphs(shape: tuple[int, ...] = (2, 3)) -> tuple[Graph, Graph]:
    """``x sin(y), tanh(x)`` and its gradient: what it takes is x, y and the two cotangents."""

    def gradient(x: Value, y: Value, first: Value, second: Value) -> list[Value]:
        slope = _build.add(_build.constant(np.ones(shape)), _build.neg(_build.mul(_build.tanh(x), _build.tanh(x))))
        return [
            _build.add(_build.mul(first, _build.sin(y)), _build.mul(second, slope)),
            _build.mul(first, _build.mul(x, _build.cos(y))),
        ]

    body = _graph(lambda x, y: [_build.mul(x, _build.sin(y)), _build.tanh(x)], shape, shape)
    return body, _graph(gradient, shape, shape, shape, shape)


def retyped(graph: Graph, dtype: DType) -> Graph:
    """A sample's graph with `dtype` in place of float64."""

    def changed(type_: DType) -> DType:
        return dtype if type_ is dtypes.float64 else type_

    inputs = [make_input(value.type.with_dtype(changed(value.dtype))) for value in graph.inputs]
    copies: dict[Value, Value] = dict(zip(graph.inputs, inputs, strict=True))
    for node in graph.nodes():
        if node.outputs[0] in copies:
            continue
        if not node.inputs and "value" in node.parameters:
            constant = node.parameters["value"]
            results: tuple[Value, ...] = (_build.constant(constant, changed(node.outputs[0].dtype)),)
        else:
            results = _build.apply(node.operator, [copies[value] for value in node.inputs], node.parameters)
        copies.update(zip(node.outputs, results, strict=True))
    return Graph(inputs, [copies[value] for value in graph.outputs])
