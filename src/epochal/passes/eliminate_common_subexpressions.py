"""Equal nodes on equal operands become one."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from epochal.dtypes import DType
from epochal.ir import Graph, Node, Value, graph_key
from epochal.passes.rebuild import on_operands, rebuild


@dataclass(frozen=True)
class EliminateCommonSubexpressions:
    """Merges nodes of one operator, one set of parameters and the same operands (in any order, where that is equal).

    A random operator is a function of its key operand, so equal draws merge as well.
    """

    def run(self, graph: Graph) -> Graph:
        seen: dict[Hashable, Sequence[Value]] = {}

        def visit(node: Node, operands: tuple[Value, ...]) -> Sequence[Value] | None:
            if node.operator.name == "input":
                return None
            key = node_key(node, operands)
            found = seen.get(key)
            if found is None:
                # Copied here and not by the rebuild, so that the table holds what stays in the graph.
                found = seen[key] = on_operands(node, operands).outputs
            return found

        return rebuild(graph, visit)


def node_key(node: Node, operands: Sequence[Value]) -> Hashable:
    """Equal for nodes that compute the same."""
    identities = [id(value) for value in operands]
    if len(identities) == 2 and identities[0] > identities[1] and "commutative" in node.operator.traits:
        identities.reverse()
    if not node.parameters:
        return (node.operator.name, *identities)
    parameters = tuple([(name, _parameter_key(value)) for name, value in node.parameters.items()])
    return (node.operator.name, frozenset(parameters), *identities)


def _parameter_key(value: Any) -> Hashable:
    """Equal for equal parameters of one type: 1, 1.0 and True differ, and so do 0.0 and -0.0."""
    if isinstance(value, np.ndarray):
        return (value.dtype.name, value.shape, value.tobytes())
    if isinstance(value, Graph):
        return graph_key(value)
    if isinstance(value, tuple):
        return tuple([_parameter_key(item) for item in value])
    if isinstance(value, float):
        return value.hex()
    if isinstance(value, DType) or value is None or isinstance(value, str):
        return value
    return (type(value), value)
