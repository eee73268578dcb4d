"""Graphs applied as one operator, written out where they are applied: gradients have been taken by then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from epochal.ir import Graph, Node, Value, origin
from epochal.passes.rebuild import rebuild
from epochal.topi.call import call
from epochal.topi.inventory import BUILD


@dataclass(frozen=True)
class InlineCalls:
    """Puts the body of every `call` in its place, those inside bodies too."""

    def run(self, graph: Graph) -> Graph:
        def visit(node: Node, operands: tuple[Value, ...]) -> Sequence[Value] | None:
            if node.operator is not call:
                return None
            with origin(node.origin):
                return BUILD.evaluate(node.parameters["body"], operands)

        while any(node.operator is call for node in graph.nodes()):
            graph = rebuild(graph, visit)
        return graph
