"""Updates by a gradient that is a few rows, applied to those rows: ``w - rate * scatter_add(0, i, g)``.

Plain gradient descent over an embedding table otherwise writes a whole gradient, reads it, and writes the whole table.
A row that no index names is not multiplied by the rate: it stays what it was, be the rate infinite or NaN.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from epochal.ir import Graph, Node, Value
from epochal.passes.rebuild import rebuild
from epochal.topi.inventory import BUILD

_VIEWS = ("broadcast", "reshape")


@dataclass(frozen=True)
class SparseUpdates:
    """Adds scaled rows to what a dense gradient, used for nothing else, would be subtracted from or added to."""

    def run(self, graph: Graph) -> Graph:
        nodes = graph.nodes()
        if not any(node.operator.name == "scatter_add" for node in nodes):
            return graph
        uses = Counter(value for node in nodes for value in node.inputs)
        uses.update(graph.outputs)

        def visit(node: Node, operands: tuple[Value, ...]) -> Sequence[Value] | None:
            if node.operator.name not in ("add", "sub") or not node.outputs[0].dtype.is_floating:
                return None
            sides = ((0, 1), (1, 0)) if node.operator.name == "add" else ((0, 1),)
            for base, change in sides:
                if _is_lone_scatter(node.inputs[change], uses):
                    return (_applied(operands[base], operands[change], negative=node.operator.name == "sub"),)
            return None

        return rebuild(graph, visit)


def _is_lone_scatter(change: Value, uses: Counter[Value]) -> bool:
    """Whether a value is a scatter onto zeros, or a number times one, and used once."""
    if uses[change] != 1:
        return False
    found = _scaled(change)
    scatter = change if found is None else found[0]
    return uses[scatter] == 1 and scatter.operator.name == "scatter_add" and _is_zero(scatter.node.inputs[0])


def _scaled(value: Value) -> tuple[Value, Value] | None:
    """A scatter and the scalar that it is multiplied by."""
    if value.operator.name != "mul":
        return None
    for scatter, factor in (value.node.inputs, value.node.inputs[::-1]):
        if scatter.operator.name == "scatter_add":
            number = _root(factor)
            if number.type.size == 1:
                return scatter, number
    return None


def _root(value: Value) -> Value:
    while value.operator.name in _VIEWS:
        value = value.node.inputs[0]
    return value


def _is_zero(value: Value) -> bool:
    number = _root(value)
    return number.operator.name == "constant" and not np.any(number.node.parameters["value"])


def _applied(base: Value, change: Value, *, negative: bool) -> Value:
    """`base` with the rows of a change, as `_is_lone_scatter` allows it, added."""
    found = _scaled(change)
    scatter, factor = (change, None) if found is None else found
    _, indices, rows = scatter.node.inputs
    if factor is not None:
        scalar = BUILD.reshape(factor, shape=(1,) * len(rows.shape))
        rows = BUILD.mul(rows, BUILD.broadcast(scalar, shape=rows.shape))
    result: Value = BUILD.scatter_add(base, indices, BUILD.neg(rows) if negative else rows, **scatter.node.parameters)
    return result
