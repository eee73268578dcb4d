"""What is the same in every step of a scan, taken out of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from epochal.ir import Graph, Node, Value
from epochal.passes.rebuild import rebuild
from epochal.topi.inventory import BUILD
from epochal.topi.scan_gradient import twin_carries
from epochal.topi.subgraph import extract

# Made again in each step: they compute nothing, and what they make may be much larger than what they make it from.
_FREE = frozenset({"broadcast", "reshape", "iota", "constant"})


@dataclass(frozen=True)
class HoistInvariants:
    """Moves out of scans: nodes that depend on constants alone, carries that never change or that only repeat another,
    sequences whose entries are all alike, and stacked results that are.
    """

    def run(self, graph: Graph) -> Graph:
        if not any(node.operator.name == "scan" for node in graph.nodes()):
            return graph

        def visit(node: Node, operands: tuple[Value, ...]) -> Sequence[Value] | None:
            return _hoist(node, operands) if node.operator.name == "scan" else None

        return rebuild(graph, visit)


def _hoist(node: Node, operands: tuple[Value, ...]) -> Sequence[Value] | None:
    body: Graph = node.parameters["body"]
    constants, carries, length = (node.parameters[name] for name in ("constants", "carries", "length"))
    outside = _fixed_inputs(body, operands, constants, carries)
    invariant = set(outside)
    for inner in body.nodes():
        if inner.operator.name == "constant" or (inner.inputs and invariant.issuperset(inner.inputs)):
            invariant.update(inner.outputs)
    hoisted = [value for value in _frontier(body, invariant) if value not in outside]
    alike = [value for value in body.outputs[carries:] if value in invariant]
    twins = twin_carries(body, constants, carries) if length else {}
    if len(outside) == constants and not hoisted and not alike and not twins:
        return None
    computed = extract(BUILD, list(outside), [*hoisted, *alike])
    values = BUILD.evaluate(computed, list(outside.values()))
    moved = dict(zip(hoisted, values, strict=False))
    # An invariant stacked result is one entry, repeated.
    repeated = {
        value: BUILD.broadcast(one, shape=(length, *one.shape))
        for value, one in zip(alike, values[len(hoisted) :], strict=True)
    }
    left = [index for index in range(carries) if body.inputs[constants + index] not in outside and index not in twins]
    read = [index for index in range(constants + carries, len(operands)) if body.inputs[index] not in outside]
    stacked = [value for value in body.outputs[carries:] if value not in repeated]
    step = extract(
        BUILD,
        [
            *outside,
            *moved,
            *(body.inputs[constants + index] for index in left),
            *(body.inputs[index] for index in read),
        ],
        [*(body.outputs[index] for index in left), *stacked],
    )
    parameters = {**node.parameters, "body": step, "constants": len(outside) + len(moved), "carries": len(left)}
    results = BUILD.apply(
        node.operator,
        [
            *outside.values(),
            *moved.values(),
            *(operands[constants + index] for index in left),
            *(operands[index] for index in read),
        ],
        parameters,
    ) if left or stacked else ()  # fmt: skip
    finals = dict(zip(left, results, strict=False))
    finals.update((index, finals[twin]) for index, twin in twins.items())
    stacks = iter(results[len(left) :])
    return [
        *(finals[index] if index in finals else operands[constants + index] for index in range(carries)),
        *(repeated[value] if value in repeated else next(stacks) for value in body.outputs[carries:]),
    ]


def _fixed_inputs(body: Graph, operands: Sequence[Value], constants: int, carries: int) -> dict[Value, Value]:
    """Inputs of the body that are the same in every step, and the value outside that they are."""
    fixed = dict(zip(body.inputs[:constants], operands, strict=False))
    for index in range(constants, constants + carries):
        if body.outputs[index - constants] is body.inputs[index]:
            fixed[body.inputs[index]] = operands[index]
    for index in range(constants + carries, len(operands)):
        entry = _entry(operands[index])
        if entry is not None:
            fixed[body.inputs[index]] = entry
    return fixed


def _entry(sequence: Value) -> Value | None:
    """The entry of which a sequence consists, if a broadcast made it."""
    if sequence.operator.name != "broadcast":
        return None
    (source,) = sequence.node.inputs
    if source.type.rank == sequence.type.rank:
        if source.shape[0] != 1 or sequence.shape[0] == 1:
            return None
        source = BUILD.reshape(source, shape=source.shape[1:])
    return BUILD.broadcast_to(source, sequence.shape[1:])


def _frontier(body: Graph, invariant: set[Value]) -> list[Value]:
    """Invariant values that what varies needs, and that are not free to make again."""
    wanted = set(body.outputs)
    found: dict[Value, None] = {}
    for node in reversed(body.nodes()):
        if any(output in invariant for output in node.outputs):
            used = [output for output in node.outputs if output in wanted]
            if used and node.operator.name in _FREE:
                wanted.update(node.inputs)
            else:
                found.update(dict.fromkeys(used))
        else:
            wanted.update(node.inputs)
    return list(found)
