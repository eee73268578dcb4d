"""Sums of products over the steps of a scan, taken once after it.

The gradient of a recurrence adds a product to the gradient of its weights in every step. The sum over steps of products
is one product of the stacked operands: sum_t a_t b_t = [a_0 a_1 ...] [b_0 b_1 ...]. It is long instead of thin, which
a processor does at its peak, and the large sum no longer travels through memory in every step.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from epochal.ir import Graph, Node, Value
from epochal.passes.pattern import number_of
from epochal.passes.rebuild import rebuild
from epochal.topi.inventory import BUILD
from epochal.topi.subgraph import extract


@dataclass(frozen=True)
class SumsOutsideScans:
    """Takes ``carry + dot_general(a, b)`` and ``carry + sum(a)`` out of scans, where nothing else uses the carry.

    A sum of single elements moves only if what it sums is stacked anyway, for a product or by the scan itself.
    """

    def run(self, graph: Graph) -> Graph:
        if not any(node.operator.name == "scan" for node in graph.nodes()):
            return graph

        def visit(node: Node, operands: tuple[Value, ...]) -> Sequence[Value] | None:
            return _without_sums(node, operands) if node.operator.name == "scan" else None

        return rebuild(graph, visit)


@dataclass
class _Plan:
    """What leaves one scan.

    Attributes:
        products: By carry, the node that is added to it in each step.
        stacked: Values of the body that are to be stacked, with the sequence that already holds them or None.
    """

    products: dict[int, Node] = field(default_factory=dict)
    stacked: dict[Value, Value | None] = field(default_factory=dict)


def _plan(node: Node, operands: Sequence[Value]) -> _Plan:
    body: Graph = node.parameters["body"]
    constants, carries = node.parameters["constants"], node.parameters["carries"]
    nodes = body.nodes()
    uses = Counter(value for inner in nodes for value in inner.inputs)
    uses.update(body.outputs)
    varying = set(body.inputs[constants:])
    for inner in nodes:
        if not varying.isdisjoint(inner.inputs):
            varying.update(inner.outputs)
    plan = _Plan()
    held = dict(zip(body.inputs[constants + carries :], operands[constants + carries :], strict=True))
    plan.stacked.update(held)
    plan.stacked.update((value, None) for value in body.outputs[carries:] if value not in held)
    sums = []
    for index, output in enumerate(body.outputs[:carries]):
        term = _added_to(body.inputs[constants + index], output, uses)
        if term is None:
            continue
        if term.operator.name == "dot_general" and all(value in varying for value in term.inputs):
            plan.products[index] = term
            plan.stacked.update((value, None) for value in term.inputs if value not in plan.stacked)
        elif term.operator.name == "sum":
            sums.append((index, term))
    plan.products.update((index, term) for index, term in sums if term.inputs[0] in plan.stacked)
    return plan


def _added_to(carry: Value, output: Value, uses: Counter[Value]) -> Node | None:
    """The node whose result a step adds to a carry, if it does nothing else with the carry."""
    if output.operator.name != "add" or uses[carry] != 1 or uses[output] != 1:
        return None
    others = [value for value in output.node.inputs if value is not carry]
    return others[0].node if len(others) == 1 else None


def _without_sums(node: Node, operands: tuple[Value, ...]) -> Sequence[Value] | None:
    plan = _plan(node, operands)
    if not plan.products:
        return None
    body: Graph = node.parameters["body"]
    constants, carries = node.parameters["constants"], node.parameters["carries"]
    left = [index for index in range(carries) if index not in plan.products]
    wanted = {value for term in plan.products.values() for value in term.inputs}
    already = body.outputs[carries:]
    extra = [value for value, held in plan.stacked.items() if value in wanted and held is None and value not in already]
    kept = [
        *range(constants),
        *(constants + index for index in left),
        *range(constants + carries, len(body.inputs)),
    ]
    inner = extract(
        BUILD,
        [body.inputs[index] for index in kept],
        [*(body.outputs[index] for index in left), *already, *extra],
    )
    parameters = {**node.parameters, "body": inner, "carries": len(left)}
    results = BUILD.apply(node.operator, [operands[index] for index in kept], parameters)
    finals = dict(zip(left, results[: len(left)], strict=True))
    stacks = {value: held for value, held in plan.stacked.items() if held is not None}
    stacks.update(zip((*already, *extra), results[len(left) :], strict=True))
    for index, term in plan.products.items():
        total = _over_steps(term, [stacks[x] for x in term.inputs])
        start = operands[constants + index]
        finals[index] = total if number_of(start) == 0 else BUILD.add(start, total)
    return [*(finals[index] for index in range(carries)), *results[len(left) : len(left) + len(already)]]


def _over_steps(term: Node, stacks: Sequence[Value]) -> Value:
    """A product or sum over one more axis, the first, of the stacked operands."""
    if term.operator.name == "sum":
        total: Value = BUILD.sum(stacks[0], axes=(0, *(axis + 1 for axis in term.parameters["axes"])))
        return total
    contract = tuple((0, *(axis + 1 for axis in side)) for side in term.parameters["contract"])
    batch = tuple(tuple(axis + 1 for axis in side) for side in term.parameters["batch"])
    product: Value = BUILD.dot_general(*stacks, contract=contract, batch=batch)
    return product
