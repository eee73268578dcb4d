"""What no result depends on. A graph holds only nodes that its outputs reach, so what is left to find are the unused
results, carried values and operands of control flow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from epochal.ir import Graph, Node, Value
from epochal.passes.rebuild import rebuild
from epochal.topi.inventory import BUILD


@dataclass(frozen=True)
class _Plan:
    """Which operands and results of a control node stay."""

    operands: tuple[int, ...]
    results: tuple[int, ...]


@dataclass(frozen=True)
class EliminateDeadCode:
    """Drops unused results, carried values and operands of cond, while_loop and scan, in nested ones too."""

    def run(self, graph: Graph) -> Graph:
        nodes = graph.nodes()
        if not any("control" in node.operator.traits for node in nodes):
            return graph
        plans = _plan(nodes, graph.outputs)

        def visit(node: Node, operands: tuple[Value, ...]) -> Sequence[Value] | None:
            plan = plans.get(node)
            if plan is None or (len(plan.operands) == len(node.inputs) and len(plan.results) == len(node.outputs)):
                return None
            return self._apply(node, operands, plan)

        return rebuild(graph, visit)

    def _apply(self, node: Node, operands: tuple[Value, ...], plan: _Plan) -> Sequence[Value]:
        parameters: dict[str, Any] = dict(node.parameters)
        name = node.operator.name
        first = 1 if name == "cond" else 0
        inputs = [index - first for index in plan.operands if index >= first]
        for key, value in node.parameters.items():
            if isinstance(value, Graph):
                outputs = value.outputs if key == "condition" else [value.outputs[index] for index in plan.results]
                parameters[key] = self.run(Graph([value.inputs[index] for index in inputs], outputs))
        if name in ("while_loop", "scan"):
            constants = node.parameters["constants"]
            parameters["constants"] = sum(index < constants for index in plan.operands)
        if name == "scan":
            carries = node.parameters["carries"]
            parameters["carries"] = sum(index < carries for index in plan.results)
        found = BUILD.apply(node.operator, [operands[index] for index in plan.operands], parameters)
        kept = dict(zip(plan.results, found, strict=True))
        # A dead result stands for itself: nothing asks for it.
        return [kept.get(index, output) for index, output in enumerate(node.outputs)]


def _plan(nodes: Sequence[Node], outputs: Iterable[Value]) -> dict[Node, _Plan]:
    """What stays of each live control node, users first."""
    live = set(outputs)
    plans: dict[Node, _Plan] = {}
    for node in reversed(nodes):
        used = [index for index, output in enumerate(node.outputs) if output in live]
        if not used:
            continue
        if "control" in node.operator.traits:
            plans[node] = plan = _PLANNERS[node.operator.name](node, used)
            live.update(node.inputs[index] for index in plan.operands)
        else:
            live.update(node.inputs)
    return plans


def needed_inputs(graph: Graph, outputs: Iterable[int]) -> set[int]:
    """Positions of the inputs that some of a graph's outputs depend on."""
    reached = Graph((), [graph.outputs[index] for index in outputs]).nodes()
    found = {node.outputs[0] for node in reached if node.operator.name == "input"}
    return {index for index, value in enumerate(graph.inputs) if value in found}


def _plan_cond(node: Node, used: Sequence[int]) -> _Plan:
    graphs = (node.parameters["then_graph"], node.parameters["else_graph"])
    needed = needed_inputs(graphs[0], used) | needed_inputs(graphs[1], used)
    return _Plan((0, *(1 + index for index in sorted(needed))), tuple(used))


def _plan_scan(node: Node, used: Sequence[int]) -> _Plan:
    constants, carries = node.parameters["constants"], node.parameters["carries"]
    return _plan_loop(node.parameters["body"], used, constants, carries, set())


def _plan_while(node: Node, used: Sequence[int]) -> _Plan:
    constants = node.parameters["constants"]
    carries = len(node.inputs) - constants
    return _plan_loop(
        node.parameters["body"], used, constants, carries, needed_inputs(node.parameters["condition"], [0])
    )


def _plan_loop(body: Graph, used: Sequence[int], constants: int, carries: int, needed: set[int]) -> _Plan:
    """A carry stays if its final value is used or some step needs it for something that stays."""
    results = set(used)
    while True:
        results |= {index - constants for index in needed if constants <= index < constants + carries}
        found = needed | needed_inputs(body, sorted(results))
        found |= {constants + index for index in results if index < carries}
        if found == needed:
            return _Plan(tuple(sorted(needed)), tuple(sorted(results)))
        needed = found


_PLANNERS = {"cond": _plan_cond, "while_loop": _plan_while, "scan": _plan_scan}
