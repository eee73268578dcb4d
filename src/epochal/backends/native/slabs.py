"""Rows that each thread keeps for itself through a loop.

The steps of a recurrence depend on one another, and each is small: a barrier between any two launches would cost as
much as they do. But what a step does with one sample it does for all of them alike. So the launches of a loop's body
are cut along the samples, all in the same way: piece p of each touches only the rows of piece p of what the others
write. As every thread does the same pieces of each launch, it only meets what it wrote itself, and `records` finds
nothing to wait for until the loop has ended.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from epochal.backends.native.inplace import ScheduleItem
from epochal.backends.native.reduce import space
from epochal.ir import Graph, Node

WORTH_CUTTING = 2000.0
"""Nanoseconds of a loop's step below which its small nests are better gathered in common kernels."""

MOST_PIECES = 64


@dataclass(frozen=True, slots=True)
class Cut:
    """How the launches of a loop's body are cut, where they can be.

    Attributes:
        rows: Size of the leading axis that is cut.
        fixed: How many of the body's first inputs are the same in every step.
    """

    rows: int
    fixed: int

    @property
    def block(self) -> int:
        """Rows a piece; from their number alone."""
        return block_of(self.rows)


class Schedule(Protocol):
    """Makes the items of a graph; of one that is a loop's body, perhaps with a cut."""

    def __call__(self, graph: Graph, cut: Cut | None = None) -> Sequence[ScheduleItem]: ...


def block_of(rows: int) -> int:
    """Rows a piece: a register block or half of one, as long as there are enough pieces for several threads."""
    if rows > 4 * MOST_PIECES:
        return -(-rows // (8 * MOST_PIECES)) * 8
    return max(1, min(4, rows // 4))


def cut_of(body: Graph, constants: int, carries: int) -> Cut | None:
    """How to cut a loop's body: along the leading axis of what it carries. ``None`` if it is not worth it."""
    carried = [value for value in body.inputs[constants : constants + carries] if value.type.rank]
    sizes = Counter(int(value.shape[0]) for value in carried if value.dtype.is_floating)  # type: ignore[arg-type]
    if not sizes:
        return None
    rows = max(sizes, key=lambda size: (sizes[size], size))
    if rows < 2 or sum(map(_cost, body.nodes())) < WORTH_CUTTING:
        return None
    return Cut(rows, constants)


def _cost(node: Node) -> float:
    """Nanoseconds, roughly: a product does 50 multiply-adds in one, anything else 16 elements."""
    if node.operator.name == "dot_general":
        return math.prod(space(node).shape) / 50
    if node.operator.name in ("input", "constant", "broadcast", "reshape"):
        return 0.0
    return sum(output.type.size for output in node.outputs if output.type.is_static) / 16


__all__ = ["Cut", "Schedule", "block_of", "cut_of"]
