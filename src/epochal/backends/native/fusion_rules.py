"""Judgements about nodes and groups that fusion asks for: what is cheap, what pays, what belongs together."""

from __future__ import annotations

import math

from epochal.backends.native.elementwise import has_emitter
from epochal.backends.native.fusion_group import Analysis, node_cost
from epochal.backends.native.fusion_kernel import memory_root
from epochal.backends.native.loops_values import splat_element
from epochal.backends.native.movement import Demand, moves
from epochal.backends.native.reduce import REDUCTIONS, Space, space
from epochal.ir import Node

MOST_MEMBERS = 120
MOST_BUFFERS = 24
MOST_IN_EPILOGUE = 24  # operators, without views
SMALL_PRODUCT = 4096  # multiply-adds
LIGHT = 0.25  # additions that an addition costs where it replaces a load
REPEATED = 3.0  # additions a group may spend on what other groups compute, too
VIEWS = frozenset(
    {"broadcast", "reshape", "stop_gradient", "transpose", "slice", "reverse", "iota", "shape_of", "constant"}
)


def is_loop(node: Node) -> bool:
    """Whether a node can be computed in a loop nest. What has no elements is left to the reference."""
    name = node.operator.name
    if node.outputs[0].type.size == 0:
        return False
    if name in REDUCTIONS and node.inputs[0].type.size == 0:
        return False
    if name == "dot_general":
        return is_small_product(node)
    return (
        name in REDUCTIONS
        or name in ("iota", "shape_of")
        or moves(name)
        or "random" in node.operator.traits
        or ("elementwise" in node.operator.traits and has_emitter(name))
    )


def is_light(node: Node) -> bool:
    """Whether an epilogue had better compute a node than read it: one addition on one tensor and what is repeated."""
    if "elementwise" not in node.operator.traits or node_cost(node) > 1.0:
        return False
    size = node.outputs[0].type.size
    whole = [value for value in node.inputs if value.type.size == size and value.node.operator.name not in VIEWS]
    return len(whole) == 1 and len(node.inputs) > 1 and whole[0].dtype is node.outputs[0].dtype


def repeat_cost(node: Node) -> float:
    """What computing a node once more costs, in additions; one that spares memory costs little."""
    return LIGHT if is_light(node) else node_cost(node)


def is_small_product(node: Node) -> bool:
    """Whether a product is too small to be worth a register-blocked kernel."""
    return 0 < math.prod(space(node).shape) <= SMALL_PRODUCT


def repeats_something_computed(node: Node) -> bool:
    """Whether a node broadcasts what is neither an input nor a constant, such as the sums of a softmax."""
    if node.operator.name != "broadcast":
        return False
    return memory_root(node.inputs[0]).node.operator.name not in ("input", "constant")


def needs_other_sums(node: Node, group: Space) -> bool:
    """Whether a node repeats sums over other axes than a group's, as a normalisation's gradient does.

    With them it is one nest of rows, which pays more than the group's reading what it makes.
    """
    size = node.outputs[0].type.size
    kept = math.prod(length for axis, length in enumerate(group.shape) if axis not in group.reduced)
    stack, seen = [node], {node}
    while stack and len(seen) < 48:
        inner = stack.pop()
        name = inner.operator.name
        if name in REDUCTIONS and name != "dot_general":
            if inner.inputs[0].type.size == size and inner.outputs[0].type.size != kept:
                return True
            continue
        if name in VIEWS or "elementwise" in inner.operator.traits:
            new = [value.node for value in inner.inputs if value.node not in seen]
            seen.update(new)
            stack.extend(new)
    return False


def rows_behind(node: Node, total: int) -> Space | None:
    """The space of the row sums that a value (a mean, a deviation) is made from, if it runs over `total` points."""
    size = node.outputs[0].type.size
    stack, seen = [node], {node}
    while stack and len(seen) < 32:
        inner = stack.pop()
        if inner.operator.name in REDUCTIONS:
            where = space(inner)
            rows = inner.outputs[0].type.size == size and math.prod(where.shape) == total
            if rows and size >= 8 and where.reduced == {len(where.shape) - 1}:
                return where
            continue
        if inner.operator.name in VIEWS or "elementwise" in inner.operator.traits:
            new = [value.node for value in inner.inputs if value.node not in seen and value.type.size == size]
            seen.update(new)
            stack.extend(new)
    return None


def budget(analysis: Analysis) -> float:
    """Additions that a group may spend on computing values more often than once."""
    return max(3.0 * analysis.domain.total, 4096.0)


def shape_pays(analysis: Analysis) -> bool:
    """Whether one nest over a reduced domain is fast: a few rows of great length, or columns stored whole, are not."""
    domain = analysis.domain
    stages = max(analysis.reductions.values(), default=0) + 1 if analysis.reductions else 0
    whole = [demand for demand in analysis.root_demands.values() if _on_whole(analysis, demand)]
    late = any(analysis.levels[demand] > 0 for demand in whole)
    if not (stages > 1 or late) or domain.total <= 8192:
        return True
    return domain.atoms[-1] in domain.gone_set and domain.kept_total >= 8 and len(domain.gone) == 1


def _on_whole(analysis: Analysis, demand: Demand) -> bool:
    mentioned = {atom for form in demand.place for atom, _ in form.terms}
    return bool(mentioned & analysis.domain.gone_set)


def is_splat(node: Node) -> bool:
    """Whether a node is a constant of equal elements."""
    return node.operator.name == "constant" and splat_element(node) is not None
