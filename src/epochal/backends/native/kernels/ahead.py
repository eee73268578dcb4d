"""Asks for what a block's epilogue will read while the block's products are summed.

The variable and the slots of an optimizer come from beyond the second-level cache, a short stretch of each row: no
hardware sees such a pattern, and the epilogue would wait for every line. A line asked for at each of the last steps
of the reduction costs nothing there, and all are at hand when the sums are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from epochal.backends.native.emit import ARITHMETIC_KIND, Register, Writer
from epochal.backends.native.kernels.block import FEWEST, Block, Step, Term, Tile, accumulate, products

LINE = 64
"""Bytes that are asked for at once."""

NEAREST, SECOND = 3, 2
"""Caches, as `Writer.prefetch` counts them."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Memory to be asked for: `lines` adjacent lines of each row, rows `pitch` bytes apart; into which cache."""

    pointer: Register
    pitch: int
    lines: int
    level: int = NEAREST


def accumulate_ahead(
    writer: Writer,
    block: Block,
    a: Register,
    b: Register,
    stretches: Sequence[Stretch],
    start: Tile | None = None,
    least: int = 0,
) -> Tile:
    """`block.accumulate`, which also asks for the stretches where the reduction has a step for each of their rows.

    `least`: how many steps the reduction has at least, if their number is known only when it runs.
    """
    step = block.outer[0] if len(block.outer) == 1 else None
    rows = len(block.rows)
    if step is not None and isinstance(step.count, int):
        least = step.count
    few = rows * len(block.widths) < FEWEST or least < rows or not stretches
    if few or step is None or block.terms != (Term(),) or block.inner:
        return accumulate(writer, block, a, b, start)
    if rows * sum(stretch.lines for stretch in stretches) <= least:
        stretches = [
            Stretch(writer.offset(stretch.pointer, "i8", line * LINE), stretch.pitch, 1, stretch.level)
            for stretch in stretches
            for line in range(stretch.lines)
        ]
    stretches = stretches[: least // rows]
    asking = rows * len(stretches)
    zero = writer.constant(0, ARITHMETIC_KIND[block.dtype.name], block.lanes)
    tile = [[zero] * len(block.widths) for _ in block.rows] if start is None else start
    before: int | Register
    if isinstance(step.count, int):
        before = step.count - asking
    else:
        before = writer.binary("sub", step.count, writer.constant(asking, "i64"))
    state = [a, b]
    if before != 0:
        tile = accumulate(writer, replace(block, outer=(replace(step, count=before),)), a, b, tile)
        for index, move in enumerate((step.a, step.b)):
            distance = (
                before * move if isinstance(before, int) else writer.binary("mul", before, writer.constant(move, "i64"))
            )
            state[index] = writer.offset(state[index], block.dtype, distance)
    state += [register for sums in tile for register in sums]
    for (pitch, lines, level), group in groupby(stretches, lambda s: (s.pitch, s.lines, s.level)):
        pointers = [stretch.pointer for stretch in group]
        with writer.loop(0, len(pointers)) as loop:
            carried = [loop.carry(register) for register in state]
            pointer = pointers[0]
            for number, other in enumerate(pointers[1:], 1):
                chosen = writer.compare("eq", loop.index, writer.constant(number, "i64"))
                pointer = writer.select(chosen, other, pointer)
            after = _rows(writer, block, step, carried, Stretch(pointer, pitch, lines, level))
            for phi, value in zip(carried, after, strict=True):
                loop.set(phi, value)
        state = [loop.result(phi) for phi in carried]
    return _tile(block, state)


def _tile(block: Block, state: Sequence[Register]) -> Tile:
    width = len(block.widths)
    return [list(state[2 + row * width : 2 + (row + 1) * width]) for row in range(len(block.rows))]


def _rows(writer: Writer, block: Block, step: Step, state: Sequence[Register], stretch: Stretch) -> list[Register]:
    """As many steps as there are rows; each asks for one row of a stretch. `state`: both pointers, then the tile."""
    with writer.loop(0, len(block.rows)) as loop:
        line = loop.carry(stretch.pointer)
        carried = [loop.carry(register) for register in state]
        a, b = carried[:2]
        for number in range(stretch.lines):
            writer.prefetch(writer.offset(line, "i8", number * LINE), stretch.level)
        after = products(writer, block, a, b, _tile(block, carried), block.rows)
        loop.set(line, writer.offset(line, "i8", stretch.pitch))
        moved = [writer.offset(a, block.dtype, step.a), writer.offset(b, block.dtype, step.b)]
        for phi, value in zip(carried, [*moved, *(value for row in after for value in row)], strict=True):
            loop.set(phi, value)
    return [loop.result(phi) for phi in carried]


__all__ = ["LINE", "Stretch", "accumulate_ahead"]
