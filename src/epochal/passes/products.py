"""Transposes that a product can do without: it names the axes it sums, so its operands may lie in any order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from epochal.ir import Graph, Node, Value
from epochal.passes.rebuild import on_operands, rebuild
from epochal.topi.contraction import Pair, free_axes
from epochal.topi.inventory import BUILD


@dataclass(frozen=True)
class Products:
    """Takes transposes of operands into `dot_general`, and transposes of its results where nothing else uses them."""

    def run(self, graph: Graph) -> Graph:
        nodes = graph.nodes()
        if not any(node.operator.name == "dot_general" for node in nodes):
            return graph
        uses = Counter(value for node in nodes for value in node.inputs)
        uses.update(graph.outputs)

        def visit(node: Node, operands: tuple[Value, ...]) -> Sequence[Value] | None:
            if node.operator.name == "dot_general":
                lone = [uses[value] == 1 for value in node.inputs]
                return (_without_transposed_operands(on_operands(node, operands), lone),)
            if node.operator.name != "transpose" or operands[0].operator.name != "dot_general":
                return None
            found = None
            if uses[node.inputs[0]] == 1:
                found = _transposed_product(operands[0].node, node.parameters["permutation"])
            return None if found is None else (found,)

        return rebuild(graph, visit)


def _transposed_product(node: Node, permutation: tuple[int, ...]) -> Value | None:
    """A product's transpose, as the product of the operands the other way round or with batch axes in another order."""
    a, b = node.inputs
    contract: Pair = node.parameters["contract"]
    batch: Pair = node.parameters["batch"]
    count = len(batch[0])
    rows = tuple(range(count, count + len(free_axes(a.type.rank, contract[0], batch[0]))))
    columns = tuple(range(count + len(rows), len(permutation)))
    order, rest = permutation[:count], permutation[count:]
    if any(axis >= count for axis in order):
        return None
    batched = tuple(tuple(side[axis] for axis in order) for side in batch)
    found: Value | None = None
    if rest == rows + columns:
        found = BUILD.dot_general(a, b, contract=contract, batch=batched)
    elif rest == columns + rows:
        found = BUILD.dot_general(b, a, contract=contract[::-1], batch=batched[::-1])
    return found


def _runs(one: Sequence[int], other: Sequence[int]) -> int:
    """How many loops a sum over these axes of both operands takes: axes that follow one another in both are one."""
    pairs = sorted(zip(one, other, strict=True))
    together = sum(b[0] == a[0] + 1 and b[1] == a[1] + 1 for a, b in pairwise(pairs))
    return len(pairs) - together


def _without_transposed_operands(node: Node, lone: Sequence[bool]) -> Value:
    """The product of what its operands are transposes of.

    Where their free axes stay in order that is all. Where they do not, the product is transposed instead, if it is no
    larger than the operand and nothing else (`lone`, by operand) uses the operand's transpose. Where one sum over
    several axes would become several sums, as with samples by time on one side and time by samples on the other, the
    transpose stays: a long sum is what kernels are fast at.
    """
    operands = list(node.inputs)
    contract, batch = list(node.parameters["contract"]), list(node.parameters["batch"])
    count = len(batch[0])
    orders = [free_axes(value.type.rank, contract[side], batch[side]) for side, value in enumerate(operands)]
    taken: list[int] = []
    for side, value in enumerate(node.inputs):
        if value.operator.name == "transpose":
            free = tuple(value.node.parameters["permutation"][axis] for axis in orders[side])
            if free == tuple(sorted(free)) or (lone[side] and node.outputs[0].type.size <= value.type.size):
                taken.append(side)
    for sides in (taken, taken[:1], taken[1:]):
        summed = [
            tuple(value.node.parameters["permutation"][axis] for axis in axes) if side in sides else axes
            for side, (value, axes) in enumerate(zip(node.inputs, contract, strict=True))
        ]
        if _runs(*summed) <= _runs(*contract):
            break
    else:
        sides = []
    for side in sides:
        value = node.inputs[side]
        permutation = value.node.parameters["permutation"]
        operands[side] = value.node.inputs[0]
        contract[side] = summed[side]
        batch[side] = tuple(permutation[axis] for axis in batch[side])
        orders[side] = tuple(permutation[axis] for axis in orders[side])
    if operands == list(node.inputs):
        return node.outputs[0]
    product: Value = BUILD.dot_general(*operands, contract=tuple(contract), batch=tuple(batch))
    places = list(range(count))
    for free in orders:
        before = len(places)
        places.extend(before + sorted(free).index(axis) for axis in free)
    if places != sorted(places):
        product = BUILD.transpose(product, permutation=tuple(places))
    return product
