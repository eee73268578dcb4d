"""What a person is told when a kernel raises the error flag: which operator, of which layer, and the wrong index."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from epochal.backends.native.inplace import root
from epochal.backends.native.kernel import ERROR_MESSAGES, Launch
from epochal.ir import Array, Node, Value

Read = Callable[[int], Array]
"""The array of an operand of the launch, by position."""


def explain(code: int, launch: Launch | None, read: Read | None = None) -> str:
    """The message for an error code that a launch has raised (``None``: not known which)."""
    general = f"The program failed: {ERROR_MESSAGES.get(code, f'error {code}')}"
    if launch is None or read is None:
        return f"{general}."
    suspects = [node for node in _computed(launch) if "indexing" in node.operator.traits]
    for node in suspects:
        wrong = _wrong_index(node, launch, read)
        if wrong is not None:
            index, size = wrong
            return (
                f"{node.operator.name}: an index must lie in [0, {size}), the size of its axis. "
                f"Received: {index}{_where(node)}."
            )
    return f"{general}{_where(suspects[0]) if suspects else ''}."


def _computed(launch: Launch) -> Iterator[Node]:
    """The nodes that a launch computes: what its results need, back to its operands."""
    known = {root(value) for value in launch.inputs}
    stack = [value.node for value in launch.outputs]
    seen = set(stack)
    while stack:
        node = stack.pop()
        yield node
        for value in node.inputs:
            if root(value) not in known and value.node not in seen:
                seen.add(value.node)
                stack.append(value.node)


def _wrong_index(node: Node, launch: Launch, read: Read) -> tuple[int, int] | None:
    """The first index out of range and the size of the axis, if the indices can still be read."""
    axis = node.parameters.get("axis")
    if not isinstance(axis, int) or len(node.inputs) < 2:
        return None
    size = node.inputs[0].shape[axis]
    indices: Value = root(node.inputs[1])
    positions = {root(value): position for position, value in enumerate(launch.inputs)}
    while indices not in positions:
        if indices.node.operator.name != "cast":
            return None
        indices = root(indices.node.inputs[0])
    assert isinstance(size, int)
    found = read(positions[indices])
    wrong = found[(found < 0) | (found >= size)]
    return (int(np.ravel(wrong)[0]), size) if wrong.size else None


def _where(node: Node) -> str:
    return f" ({node.origin})" if str(node.origin) else ""
