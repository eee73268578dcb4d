"""How register-blocked work is cut up: panels of columns, ranges of blocks, pieces; and what it costs."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass

from epochal.backends.native.emit import Register, Writer, vector_lanes
from epochal.backends.native.kernel import Target

PIECES = 16
"""Pieces that large work is cut into, at least: enough to keep several threads evenly busy."""

RATES = {"float": 110.0, "double": 55.0, "i32": 25.0, "i64": 10.0}
"""Operations a nanosecond on one core, for estimates of cost."""


@dataclass(frozen=True, slots=True)
class Panels:
    """Panels of columns that are worked on alike: the panels [first, end), each of `widths` lanes in use."""

    first: int
    end: int
    widths: tuple[int, ...]


def panels_of(target: Target, rows: int, columns: int, lanes: int, widest: int = 2) -> list[Panels]:
    """Columns cut into panels of vectors: full panels, then at most one that differs.

    `widest`: vectors of a panel that meets more than 3 rows.
    """
    vectors = -(-columns // lanes)
    many = widest if rows > 3 else 4 if rows > 1 else 8
    if target.registers < 32 and many > 2:
        many = 4 if rows == 1 else 3
    full, rest = divmod(vectors, many)
    if many == 2 and rest and full and target.registers >= 32:
        full, rest = full - 1, 3
    if not rest and columns % lanes:
        full, rest = full - 1, many
    panels = [Panels(0, full, (lanes,) * many)] if full else []
    if rest:
        last = columns - (vectors - 1) * lanes
        panels.append(Panels(full, full + 1, (lanes,) * (rest - 1) + (last,)))
    return panels


def lanes_of(target: Target, kind: str, columns: int) -> int:
    """Lanes of a vector: as wide as the processor's, or as the columns."""
    lanes = vector_lanes(target, kind)
    while lanes > 1 and lanes // 2 >= columns:
        lanes //= 2
    return lanes


def collides(rows: int, step: int) -> bool:
    """Whether so many lines, `step` bytes apart, fall into too few sets of a second-level cache to stay in it.

    Such a cache has 2,048 sets of at least 8 ways on the processors we know.
    """
    return step % 64 == 0 and step >= 512 and rows * math.gcd(step // 64, 2048) > 8 * 2048


def over(
    writer: Writer,
    bounds: tuple[Register, Register],
    first: int,
    end: int,
    body: Callable[[Register], None],
) -> None:
    """`body` for the numbers of ``[bounds)`` that are in ``[first, end)``."""
    low, high = writer.constant(first, "i64"), writer.constant(end, "i64")
    begin, limit = bounds
    if begin.name == "0" and limit.name.isdigit() and end <= int(limit.name):
        if end - first == 1:
            body(low)
        elif end > first:
            with writer.loop(first, end) as loop:
                body(loop.index)
        return
    if first > 0:
        begin = writer.intrinsic("llvm.smax", begin, low)
    limit = writer.intrinsic("llvm.smin", limit, high)
    with writer.loop(begin, limit) as loop:
        body(loop.index)


def digest(kind: str, *parts: object) -> str:
    """A key for a kernel: its kind in words, and a digest."""
    text = "\n".join(map(str, (kind, *parts)))
    return f"{kind} {hashlib.blake2b(text.encode(), digest_size=20).hexdigest()}"


__all__ = ["PIECES", "RATES", "Panels", "collides", "digest", "lanes_of", "over", "panels_of"]
