"""Composites that an engine has no kernel for, written with more primitive operators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from epochal.ir import Builder, Graph, Node, Value, origin
from epochal.passes.rebuild import RewritingBuilder, on_operands, rebuild
from epochal.topi.inventory import BUILD


@dataclass(frozen=True)
class Decompose:
    """Decomposes every composite, and those that decompositions are written with, unless listed in `lowered`.

    Attributes:
        lowered: Composites that the engine takes as they are.
    """

    lowered: frozenset[str] = frozenset()

    def run(self, graph: Graph) -> Graph:
        build = RewritingBuilder(BUILD, self._decompose)

        def visit(node: Node, operands: tuple[Value, ...]) -> Sequence[Value] | None:
            if node.operator.decompose is None or node.operator.name in self.lowered:
                return None
            return self._decompose(build, on_operands(node, operands))

        return rebuild(graph, visit)

    def _decompose(self, build: Builder, node: Node) -> Sequence[Value] | None:
        decompose = node.operator.decompose
        if decompose is None or node.operator.name in self.lowered:
            return None
        with origin(node.origin):
            results = decompose(build, node.inputs, **node.parameters)
        return results if isinstance(results, tuple) else (results,)
