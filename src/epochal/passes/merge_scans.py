"""Scans that take the same steps over the same operands become one.

The gradient of a scan runs its steps again to keep what the backward steps need (`topi/scan_gradient.py`); merged with
the scan it belongs to, the forward steps are taken once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from epochal.ir import Graph, Node, Value
from epochal.passes.eliminate_common_subexpressions import EliminateCommonSubexpressions
from epochal.passes.rebuild import rebuild
from epochal.topi.inventory import BUILD
from epochal.topi.subgraph import inputs_like


@dataclass(frozen=True)
class MergeScans:
    """Merges scans of the same operands whose carried values are the same. Runs after common subexpressions."""

    def run(self, graph: Graph) -> Graph:
        groups = _groups(graph)
        if not any(len(group) > 1 for group in groups.values()):
            return graph
        merged: dict[Node, dict[Node, Sequence[Value]]] = {}
        leaders = {node: leader for leader, group in groups.items() for node in group}

        def visit(node: Node, operands: tuple[Value, ...]) -> Sequence[Value] | None:
            leader = leaders.get(node)
            if leader is None or len(groups[leader]) == 1:
                return None
            if leader not in merged:
                merged[leader] = _merge(groups[leader], operands)
            return merged[leader].get(node)

        return rebuild(graph, visit)


def _groups(graph: Graph) -> dict[Node, list[Node]]:
    """Scans by the first one of the same operands and parameters, bodies apart."""
    first: dict[object, Node] = {}
    groups: dict[Node, list[Node]] = {}
    for node in graph.nodes():
        if node.operator.name == "scan":
            plain = tuple(node.parameters[name] for name in ("constants", "carries", "length"))
            key = (node.inputs, plain, node.parameters.get("reverse", False))
            leader = first.setdefault(key, node)
            groups.setdefault(leader, []).append(node)
    return groups


def _merge(nodes: Sequence[Node], operands: Sequence[Value]) -> dict[Node, Sequence[Value]]:
    """The results of each scan that the first one's carries allow to merge with it, taken from one scan."""
    carries = nodes[0].parameters["carries"]
    arguments = inputs_like(nodes[0].parameters["body"].inputs)
    outputs = [BUILD.evaluate(node.parameters["body"], arguments) for node in nodes]
    joint = Graph(arguments, [value for results in outputs for value in results])
    flat = iter(EliminateCommonSubexpressions().run(joint).outputs)
    outputs = [[next(flat) for _ in results] for results in outputs]
    same = [index for index, results in enumerate(outputs) if results[:carries] == outputs[0][:carries]]
    if len(same) < 2:
        return {}
    stacked = list(dict.fromkeys(value for index in same for value in outputs[index][carries:]))
    body = Graph(arguments, [*outputs[0][:carries], *stacked])
    parameters = {**nodes[0].parameters, "body": body}
    found = BUILD.apply(nodes[0].operator, operands, parameters)
    place = {value: found[carries + index] for index, value in enumerate(stacked)}
    return {nodes[index]: [*found[:carries], *(place[value] for value in outputs[index][carries:])] for index in same}
