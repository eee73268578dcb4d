"""What a launch computes: its nodes, and how many operations they take.

Operations are those of the definition: a product of matrices takes two a product, whatever algorithm does it; of a
gradient through max-pooling only those of the windows' winners count, because the others are products with zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from epochal.backends.native.inplace import ScheduleItem, root
from epochal.backends.native.kernel import Launch
from epochal.backends.native.kernels.epilogue import static_shape
from epochal.ir import NOWHERE, Graph, Node, Origin, Value, make_input
from epochal.topi.inventory import BUILD, INVENTORY

_Rule: TypeAlias = Callable[[Node], float]

# Random bits take ten rounds of integer multiplications and more; they count as one.
_NONE = frozenset({"movement", "leaf", "indexing"})


def operations(node: Node) -> float:
    """Operations of one node."""
    name = node.operator.name
    rule = _RULES.get(name)
    if rule is not None:
        return rule(node)
    if not _NONE.isdisjoint(node.operator.traits) or name in _MOVES:
        return 0.0
    if "elementwise" in node.operator.traits:
        return float(_size(node.outputs[0]))
    if "reduction" in node.operator.traits:
        return float(_size(node.inputs[0]))
    if node.operator.decompose is not None and INVENTORY.get(name) is node.operator:
        return _decomposed(node)
    return float(sum(_size(output) for output in node.outputs))


def of_graph(graph: Graph) -> float:
    """Operations of all nodes of a graph."""
    return sum(operations(node) for node in graph.nodes())


def _size(value: Value) -> int:
    return int(value.type.size or 0)


def _taps(kernel: Value) -> int:
    """Products an element of a convolution's result: taps times channels of a group."""
    return math.prod(static_shape(kernel)[:-1])


def _product(node: Node) -> float:
    left = node.inputs[0]
    sizes = static_shape(left)
    summed = math.prod(sizes[axis] for axis in node.parameters["contract"][0])
    return float(2 * _size(node.outputs[0]) * summed)


def _loop(node: Node) -> float:
    body: Graph = node.parameters["body"]
    return float(node.parameters.get("length") or node.parameters.get("maximum_iterations") or 1) * of_graph(body)


def _decomposed(node: Node) -> float:
    assert node.operator.decompose is not None
    inputs = [make_input(value.type) for value in node.inputs]
    found = node.operator.decompose(BUILD, inputs, **node.parameters)
    return of_graph(Graph(inputs, found if isinstance(found, tuple) else (found,)))


_RULES: dict[str, _Rule] = {
    "dot_general": _product,
    "conv": lambda node: 2.0 * _size(node.outputs[0]) * _taps(node.inputs[1]),
    "conv_data_gradient": lambda node: 2.0 * _size(node.inputs[0]) * _taps(node.inputs[1]),
    "conv_weight_gradient": lambda node: 2.0 * _size(node.inputs[1]) * _taps(node.outputs[0]),
    "pooled_conv": lambda node: (
        2.0 * _size(node.outputs[0]) * math.prod(node.parameters["window"]) * _taps(node.inputs[1])
    ),
    "pooled_weight_gradient": lambda node: 2.0 * _size(node.inputs[2]) * _taps(node.outputs[0]),
    "pooled_data_gradient": lambda node: 2.0 * _size(node.inputs[1]) * _taps(node.inputs[2]),
    "max_pool": lambda node: float(_size(node.outputs[0]) * math.prod(node.parameters["window"])),
    "avg_pool": lambda node: float(_size(node.outputs[0]) * math.prod(node.parameters["window"])),
    "scatter_add": lambda node: float(_size(node.inputs[-1])),
    "scan": _loop,
    "while_loop": _loop,
    "cond": lambda node: max(of_graph(node.parameters["then_graph"]), of_graph(node.parameters["else_graph"])),
    "call": lambda node: of_graph(node.parameters["body"]),
}
_MOVES = frozenset({"cast", "bitcast", "stop_gradient", "after", "slice", "pad", "concat"})


@dataclass(slots=True)
class Share:
    """What an item of a schedule has a part in.

    Attributes:
        nodes: What it computes, operands first.
        helps: Where it only prepares or combines what another launch does most of: what that is called.
        origin: Where it comes from, if it has no nodes.
        elsewhere: Those of the nodes whose operations count for another launch.
    """

    nodes: tuple[Node, ...] = ()
    helps: str = ""
    origin: Origin = NOWHERE
    elsewhere: frozenset[Node] = frozenset()

    def costs(self) -> tuple[float, ...]:
        """Operations of each node."""
        return tuple(0.0 if node in self.elsewhere else operations(node) for node in self.nodes)


def members(items: Sequence[ScheduleItem], given: Iterable[Value]) -> list[Share]:
    """What each item of a region's schedule computes.

    A launch computes what lies between its results and what is in memory before. Values that launches hand one another
    (partial sums, weights in another order) stand for none of the graph: of a chain of such launches the costliest has
    the nodes, those of the last one that come from where the chain does.

    Args:
        items: The schedule.
        given: The region's inputs.
    """
    known = {root(value) for value in given}
    stored = known | {root(value) for item in items for value in item.outputs}
    shares = [Share((item,)) if isinstance(item, Node) else Share(_between(item, stored, known)) for item in items]
    makers = {
        value: number
        for number, item in enumerate(items)
        if isinstance(item, Launch)
        for value in item.outputs
        if value.node.operator.name == "input" and value not in known
    }
    for number in reversed(range(len(items))):
        item = items[number]
        if not isinstance(item, Launch):
            continue
        for value in dict.fromkeys(item.inputs):
            maker = items[makers[value]] if value in makers else None
            if isinstance(maker, Launch):
                _divide(value, item, shares[number], maker, shares[makers[value]])
    _count_once(items, shares)
    return shares


def _count_once(items: Sequence[ScheduleItem], shares: Sequence[Share]) -> None:
    """What several launches do together (elementwise nodes are computed anew) counts for the costliest of them."""
    holders: dict[Node, int] = {}
    for number, (item, share) in enumerate(zip(items, shares, strict=True)):
        for node in share.nodes:
            if isinstance(item, Node) or "elementwise" in node.operator.traits:
                continue
            other = items[holders[node]] if node in holders else None
            if not isinstance(other, Launch) or item.kernel.cost > other.kernel.cost:
                holders[node] = number
    for number, share in enumerate(shares):
        share.elsewhere = frozenset(node for node in share.nodes if holders.get(node, number) != number)


def _divide(made: Value, later: Launch, has: Share, earlier: Launch, gets: Share) -> None:
    """Between the launch that reads `made` and the one that makes it."""
    name = str(made.node.parameters["name"]) or "prepared"
    for share in (has, gets):
        if share.origin is NOWHERE:
            share.origin = made.node.origin
    mine = tuple(node for node in has.nodes if node.origin == made.node.origin)
    if earlier.kernel.cost > later.kernel.cost and mine:
        gets.nodes = (*gets.nodes, *mine)
        has.nodes = tuple(node for node in has.nodes if node not in mine)
        has.helps = "" if has.nodes else f"combines {name} of {mine[-1].operator.name}"
    elif not gets.nodes:
        gets.helps = f"{name} for {has.nodes[-1].operator.name if has.nodes else has.helps or 'another'}"


def _between(launch: Launch, stored: set[Value], known: set[Value]) -> tuple[Node, ...]:
    own = {root(value) for value in launch.outputs}
    nodes: dict[int, Node] = {}
    stack = [value.node for value in own if value not in known]
    while stack:
        node = stack.pop()
        if node.serial in nodes or node.operator.name in ("input", "constant"):
            continue
        nodes[node.serial] = node
        stack.extend(value.node for value in node.inputs if root(value) in own or root(value) not in stored)
    return tuple(nodes[serial] for serial in sorted(nodes))
