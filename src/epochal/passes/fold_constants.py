"""What depends on constants alone is computed once, now; a constant of equal elements becomes one element, repeated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from epochal.ir import Array, Graph, Node, Value
from epochal.ir.structural import is_repeated
from epochal.passes.rebuild import rebuild
from epochal.topi.inventory import BUILD

_NEVER = frozenset({"control", "random", "leaf", "deferred"})


@dataclass(frozen=True)
class FoldConstants:
    """Evaluates nodes whose operands are all constants. Random numbers and control flow are left to run.

    Attributes:
        largest: Elements of the largest result made a constant. A broadcast stays: it is smaller than what it makes.
    """

    largest: int = 1024

    def run(self, graph: Graph) -> Graph:
        def visit(node: Node, operands: tuple[Value, ...]) -> Sequence[Value] | None:
            if not operands:
                return _repeated(node) if node.operator.name == "constant" else None
            return self._fold(node, operands) if operands[0].operator.name == "constant" else None

        return rebuild(graph, visit)

    def _fold(self, node: Node, operands: tuple[Value, ...]) -> Sequence[Value] | None:
        operator = node.operator
        if operator.name == "broadcast" or not _NEVER.isdisjoint(operator.traits):
            return None
        if any(value.operator.name != "constant" for value in operands):
            return None
        if any(output.type.size > self.largest for output in node.outputs):
            return None
        with np.errstate(all="ignore"):
            found: Any = operator.reference(*(value.node.parameters["value"] for value in operands), **node.parameters)
        results = found if isinstance(found, tuple) else (found,)
        return [BUILD.constant(array, output.dtype) for array, output in zip(results, node.outputs, strict=True)]


def _repeated(node: Node) -> Sequence[Value] | None:
    """A constant of equal elements as a broadcast."""
    array: Array = node.parameters["value"]
    if not is_repeated(array):
        return None
    return (BUILD.broadcast_to(BUILD.constant(array.reshape(-1)[0], node.outputs[0].dtype), node.outputs[0].shape),)
