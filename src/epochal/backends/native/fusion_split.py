"""A reduction with too few results to occupy the cores, in two launches: partial results, then their combination.

How many parts there are depends on the shape alone, so the bits do not depend on the number of threads.
"""

from __future__ import annotations

from epochal.backends.native.fusion_group import Group, analyse
from epochal.backends.native.fusion_kernel import nest_launch
from epochal.backends.native.kernel import Launch
from epochal.backends.native.loops_plan import ALIGNED, MOST_PIECES, PIECE_NANOSECONDS, Plan, plan_nest
from epochal.backends.native.reduce import SPLITTABLE, Space
from epochal.ir import Node, TensorType, Value, make_input, origin
from epochal.topi.inventory import INVENTORY

WORTH_SPLITTING = 20000.0  # nanoseconds


def split(plan: Plan) -> tuple[Launch, Plan, dict[Value, Value]] | None:
    """The launch of the partial results, the nest that combines them, and what its results stand for.

    ``None`` if one launch does as well.
    """
    chunk = 0 if plan.group.joins else _chunk(plan)
    if not chunk:
        return None
    parts = -(-plan.gone[0].size // chunk)
    group = plan.group
    reductions = list(plan.analysis.reductions)
    whole = [root for stage in plan.stages for root in stage.roots]
    roots: dict[Value, None] = dict.fromkeys(whole)
    roots.update((node.outputs[0], None) for node in reductions)
    first = Group(group.space, needed(group, roots), roots)
    partials = {}
    for node in reductions:
        with origin(node.origin):
            type_ = TensorType(node.outputs[0].dtype, (parts, *node.outputs[0].shape))
            partials[node.outputs[0]] = make_input(type_, "partial")
    first_plan = plan_nest(first, analyse(first), chunk)
    launch = nest_launch([first_plan], (), dict(partials))
    return launch, *combination(plan, partials)


def _chunk(plan: Plan) -> int:
    """Elements of the outermost reduced loop in a part, or 0."""
    if not plan.gone or len(plan.stages) != 1 or (not plan.after[0] and not plan.stages[0].reductions):
        return 0
    names = {node.operator.name for node in plan.analysis.reductions}
    wanted = min(MOST_PIECES, round(plan.cost / PIECE_NANOSECONDS))
    if not names or not names <= SPLITTABLE or plan.cost < WORTH_SPLITTING or plan.pieces * 2 > wanted:
        return 0
    size = plan.gone[0].size
    parts = min(wanted // plan.pieces, size, 32)
    chunk = -(-size // parts)
    if len(plan.gone) == 1 and plan.is_row:
        chunk = -(-chunk // (4 * ALIGNED)) * 4 * ALIGNED
    return chunk if chunk < size else 0


def needed(group: Group, roots: dict[Value, None]) -> dict[Node, None]:
    """Members that the roots depend on."""
    found: set[Node] = set()
    stack = [root.node for root in roots]
    while stack:
        node = stack.pop()
        if node in group.members and node not in found:
            found.add(node)
            stack.extend(value.node for value in node.inputs)
    return {node: None for node in group.members if node in found}


def combination(plan: Plan, partials: dict[Value, Value]) -> tuple[Plan, dict[Value, Value]]:
    """Combines the parts in order, then does what follows the reduction."""
    copies: dict[Value, Value] = {}
    members: dict[Node, None] = {}
    for result, partial in partials.items():
        name = result.node.operator.name
        operator = INVENTORY["sum" if name == "dot_general" else name]
        node = Node(operator, (partial,), {"axes": (0,)}, (result.type,))
        copies[result] = node.outputs[0]
        members[node] = None
    reduced = {value.node for value in partials}
    roots = [*plan.after[0], *plan.first]
    wanted = needed(plan.group, dict.fromkeys(roots))
    for node in sorted(wanted, key=lambda node: node.serial):
        if node in reduced or not _follows(node, copies):
            if node not in reduced and node not in members:
                members[node] = None
            continue
        inputs = tuple(copies.get(value, value) for value in node.inputs)
        copy = Node(node.operator, inputs, node.parameters, [output.type for output in node.outputs])
        copies.update(zip(node.outputs, copy.outputs, strict=True))
        members[copy] = None
    shape = partials[next(iter(partials))].shape
    space = Space(tuple(shape), frozenset({0}))  # type: ignore[arg-type]
    renamed = {copies.get(root, root): root for root in roots}
    group = Group(space, members, dict.fromkeys(renamed))
    return plan_nest(group, analyse(group)), renamed


def _follows(node: Node, copies: dict[Value, Value]) -> bool:
    return any(value in copies for value in node.inputs)
