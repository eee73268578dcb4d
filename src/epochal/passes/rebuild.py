"""The one traversal that passes share: a linear rebuild that keeps every node it need not touch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from epochal.ir import NOWHERE, Builder, Graph, Node, Operator, Value, reset_origin, set_origin, with_inputs

# visit(node, operands) -> its results, or None for the node itself on these operands. `operands` are already
# rewritten; they are `node.inputs` itself where nothing below changed.
Visit = Callable[[Node, tuple[Value, ...]], Sequence[Value] | None]


def rebuild(graph: Graph, visit: Visit) -> Graph:
    """`graph` with every node's results replaced by what `visit` gives; `graph` itself where nothing changed.

    The order of the nodes stays: what comes after the first change is copied even where it did not change, because
    creation order is the order in which engines run and plan memory.
    """
    token = set_origin(NOWHERE)
    try:
        return _rebuilt(graph, visit)
    finally:
        reset_origin(token)


def _rebuilt(graph: Graph, visit: Visit) -> Graph:
    mapping: dict[Value, Value] = {}
    for node in graph.nodes():
        set_origin(node.origin)  # what a rewrite builds comes from where the node came from
        operands = node.inputs
        for value in operands:
            if value in mapping:
                operands = tuple([mapping.get(value, value) for value in operands])
                break
        results = visit(node, operands)
        if results is None or results is node.outputs:
            if not mapping or not operands:
                continue
            results = with_inputs(node, operands).outputs
        for output, result in zip(node.outputs, results, strict=True):
            if output is not result:
                mapping[output] = mapping.get(result, result)
    if not any(value in mapping for value in graph.outputs):
        return graph
    return Graph(graph.inputs, [mapping.get(value, value) for value in graph.outputs])


def on_operands(node: Node, operands: tuple[Value, ...]) -> Node:
    """The node itself if these are its operands, else a copy on them."""
    return node if operands is node.inputs else with_inputs(node, operands)


def map_subgraphs(graph: Graph, change: Callable[[Graph], Graph]) -> Graph:
    """`graph` with `change` applied to the sub-graphs of its control operators."""
    if not any("control" in node.operator.traits for node in graph.nodes()):
        return graph

    def visit(node: Node, operands: tuple[Value, ...]) -> Sequence[Value] | None:
        if "control" not in node.operator.traits:
            return None
        changed = {
            name: after
            for name, before in node.parameters.items()
            if isinstance(before, Graph) and (after := change(before)) is not before
        }
        if not changed:
            return None
        return with_inputs(node, operands, {**node.parameters, **changed}).outputs

    return rebuild(graph, visit)


class RewritingBuilder(Builder):
    """A builder that hands each node it makes to `rewrite`, so that what a rewrite builds is rewritten in turn."""

    def __init__(self, plain: Builder, rewrite: Callable[[Builder, Node], Sequence[Value] | None]) -> None:
        super().__init__(plain.operators)
        self._rewrite = rewrite

    def apply(self, operator: Operator, inputs: Sequence[Any], parameters: Mapping[str, Any]) -> tuple[Value, ...]:
        outputs = super().apply(operator, inputs, parameters)
        results = self._rewrite(self, outputs[0].node)
        return outputs if results is None else tuple(results)
