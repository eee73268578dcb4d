"""Cutting closed sub-graphs out of a graph: what the gradients of control flow are written with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from epochal.ir import Build, Graph, Node, TensorType, Value, make_input, origin


def inputs_like(values: Iterable[Value]) -> list[Value]:
    """Fresh graph inputs of the types of `values`."""
    return [make_input(value.type) for value in values]


def zeros(build: Build, type_: TensorType) -> Value:
    """A value of that type that is zero everywhere."""
    result: Value = build.constant(0, type_.dtype)
    if type_.shape:
        result = build.broadcast(result, shape=type_.shape)
    return result


def or_zeros(build: Build, value: Value | None, type_: TensorType) -> Value:
    return zeros(build, type_) if value is None else value


def differentiable(values: Iterable[Value]) -> list[int]:
    """Positions of the values of floating types."""
    return [index for index, value in enumerate(values) if value.dtype.is_floating]


def needed_nodes(outputs: Iterable[Value], stop: Callable[[Value], bool]) -> list[Node]:
    """The nodes that `outputs` need, operands first, not looking beyond values for which `stop` holds."""
    found: dict[int, Node] = {}
    stack = [value.node for value in outputs if not stop(value)]
    while stack:
        node = stack.pop()
        if node.serial not in found:
            found[node.serial] = node
            stack.extend(value.node for value in node.inputs if not stop(value))
    return [found[serial] for serial in sorted(found)]


def extract(build: Build, boundary: Sequence[Value], outputs: Sequence[Value]) -> Graph:
    """A closed graph that computes `outputs` from `boundary`, which may be any values of the graph around them.

    Every leaf that `outputs` need must be in `boundary` or be a constant; constants are shared with the original.
    """
    inputs = inputs_like(boundary)
    copies: dict[Value, Value] = dict(zip(boundary, inputs, strict=True))
    for node in needed_nodes(outputs, copies.__contains__):
        if not node.inputs and node.operator.name == "constant":
            continue
        operands = [copies.get(value, value) for value in node.inputs]
        with origin(node.origin):
            results = getattr(build, node.operator.name)(*operands, **node.parameters)
        copies.update(zip(node.outputs, results if isinstance(results, tuple) else (results,), strict=True))
    return Graph(inputs, [copies.get(value, value) for value in outputs])
