"""What a launch computes: its nodes, and how many operations they take.

Operations are those of the definition: a product of matrices takes two a product, whatever algorithm does it; of a
gradient through max-pooling only those of the windows' winners count, because the others are products with zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from epochal.backends.native.inplace import ScheduleItem, root
from epochal.backends.native.kernel import Launch
from epochal.backends.native.kernels.epilogue import static_shape
from epochal.ir import Graph, Node, Value, make_input
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


def members(items: Sequence[ScheduleItem], given: Iterable[Value]) -> list[tuple[Node, ...]]:
    """The nodes that each item of a region's schedule computes, operands first.

    A launch computes what lies between its results and what is in memory before. Partial sums stand for no value of
    the graph: the launch that makes them has the nodes of the one that adds them up, which then has none.

    Args:
        items: The schedule.
        given: The region's inputs.
    """
    known = {root(value) for value in given}
    stored = known | {root(value) for item in items for value in item.outputs}
    found: list[tuple[Node, ...]] = []
    makers: dict[Value, int] = {}
    for number, item in enumerate(items):
        if isinstance(item, Node):
            found.append((item,))
            continue
        for value in item.outputs:
            if value.node.operator.name == "input" and value not in known:
                makers[value] = number
        found.append(_between(item, stored))
        halves = {makers[value] for value in item.inputs if value in makers}
        for half in halves:
            found[half], found[number] = (*found[half], *found[number]), ()
    return found


def _between(launch: Launch, stored: set[Value]) -> tuple[Node, ...]:
    own = {root(value) for value in launch.outputs}
    nodes: dict[int, Node] = {}
    stack = [value.node for value in own if value.node.operator.name != "input"]
    while stack:
        node = stack.pop()
        if node.serial in nodes or node.operator.name in ("input", "constant"):
            continue
        nodes[node.serial] = node
        stack.extend(value.node for value in node.inputs if root(value) in own or root(value) not in stored)
    return tuple(nodes[serial] for serial in sorted(nodes))
