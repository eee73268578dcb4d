"""Concatenations whose parts are computed together: the cotangents of a recurrent cell's gates.

A nest over the concatenation would compute what its parts share anew for each of them, or find it in memory. One over
the shape of a part computes that once and stores each part where it belongs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from epochal.backends.native.movement import sizes
from epochal.ir import Node, Value

MOST_PARTS = 8
WIDE_PART = 16
"""Elements along the last axis from which a nest over a part alone keeps its vectors full."""


def joined(
    node: Node, users: Mapping[Value, Sequence[Node]], computed: Callable[[Value], bool]
) -> tuple[Node, ...] | None:
    """The concatenations that share parts with `node`, with itself, or ``None`` if one nest can't make them all.

    Args:
        node: Any node; those after it have their places.
        users: Who uses each value.
        computed: Whether a value can be computed in a nest.
    """
    if node.operator.name != "concat":
        return None
    shape = sizes(node.inputs[0])
    found: dict[Node, None] = {node: None}
    stack = [node]
    while stack:
        one = stack.pop()
        if len(one.inputs) < 2 or len(set(one.inputs)) < len(one.inputs):
            return None
        if one.parameters["axis"] == len(shape) - 1 and shape[-1] < WIDE_PART:
            return None
        for value in one.inputs:
            if sizes(value) != shape or not computed(value):
                return None
            for user in users[value]:
                if user.operator.name == "concat" and user not in found:
                    if any(reader.serial < node.serial for reader in users.get(user.outputs[0], ())):
                        return None  # its place is not known yet
                    found[user] = None
                    stack.append(user)
    parts = parts_of(found)
    if len(parts) > MOST_PARTS or (len(found) > 1 and _depend(parts, found)):
        return None
    return tuple(found)


def parts_of(nodes: Iterable[Node]) -> list[Value]:
    """All parts, each once."""
    return list(dict.fromkeys(value for node in nodes for value in node.inputs))


def _depend(parts: Sequence[Value], nodes: Iterable[Node]) -> bool:
    """Whether some part is made from one of the concatenations."""
    goals = set(nodes)
    first = min(node.serial for node in goals)
    stack, seen = [value.node for value in parts], set(goals)
    while stack:
        node = stack.pop()
        for value in node.inputs:
            if value.node in goals:
                return True
            if value.node not in seen and value.node.serial > first:
                seen.add(value.node)
                stack.append(value.node)
    return False
