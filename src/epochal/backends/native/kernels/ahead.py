"""Asks for what a block's epilogue will read while the block's products are summed.

The variable and the slots of an optimizer come from beyond the second-level cache, a short stretch of each row: no
hardware sees such a pattern, and the epilogue would wait for every line. Lines asked for while products are summed
cost nothing there, and all are at hand when the sums are. Where they come from memory they are asked for at equal
distances: many at once would take all the buffers that wait for it, and the operands would wait, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from epochal.backends.native.emit import ARITHMETIC_KIND, Register, Writer
from epochal.backends.native.kernels.block import FEWEST, Block, Step, Term, Tile, accumulate

LINE = 64
"""Bytes that are asked for at once."""

NEAREST, SECOND = 3, 2
"""Caches, as `Writer.prefetch` counts them."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Memory to be asked for, to read or to `write`: `lines` adjacent lines of each row, rows `pitch` bytes apart."""

    pointer: Register
    pitch: int
    lines: int
    level: int = NEAREST
    write: bool = False


def accumulate_ahead(
    writer: Writer,
    block: Block,
    a: Register,
    b: Register,
    stretches: Sequence[Stretch],
    start: Tile | None = None,
    least: int = 0,
    evenly: bool = False,
) -> Tile:
    """`block.accumulate`, which also asks for the stretches where the reduction has a step for each of their rows.

    `least`: how many steps the reduction has at least, if their number is known only when it runs. `evenly`: at equal
    distances over the whole reduction instead of its last steps.
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
            replace(stretch, pointer=writer.offset(stretch.pointer, "i8", line * LINE), lines=1)
            for stretch in stretches
            for line in range(stretch.lines)
        ]
    stretches = stretches[: least // rows]
    gap = least // (rows * len(stretches)) if evenly else 1
    asking = rows * len(stretches) * gap
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
    for (pitch, lines, level, write), group in groupby(stretches, lambda s: (s.pitch, s.lines, s.level, s.write)):
        pointers = [stretch.pointer for stretch in group]
        with writer.loop(0, len(pointers)) as loop:
            carried = [loop.carry(register) for register in state]
            pointer = pointers[0]
            for number, other in enumerate(pointers[1:], 1):
                chosen = writer.compare("eq", loop.index, writer.constant(number, "i64"))
                pointer = writer.select(chosen, other, pointer)
            after = _rows(writer, block, step, carried, Stretch(pointer, pitch, lines, level, write), gap)
            for phi, value in zip(carried, after, strict=True):
                loop.set(phi, value)
        state = [loop.result(phi) for phi in carried]
    return _tile(block, state)


def _tile(block: Block, state: Sequence[Register]) -> Tile:
    width = len(block.widths)
    return [list(state[2 + row * width : 2 + (row + 1) * width]) for row in range(len(block.rows))]


def _rows(
    writer: Writer, block: Block, step: Step, state: Sequence[Register], stretch: Stretch, gap: int
) -> list[Register]:
    """As many times `gap` steps as there are rows; before each, one row of a stretch is asked for.

    `state`: both pointers, then the tile.
    """
    with writer.loop(0, len(block.rows)) as loop:
        line = loop.carry(stretch.pointer)
        carried = [loop.carry(register) for register in state]
        a, b = carried[:2]
        for number in range(stretch.lines):
            writer.prefetch(writer.offset(line, "i8", number * LINE), stretch.level, stretch.write)
        some = replace(block, outer=(replace(step, count=gap),))
        after = accumulate(writer, some, a, b, _tile(block, carried))
        loop.set(line, writer.offset(line, "i8", stretch.pitch))
        moved = [writer.offset(a, block.dtype, gap * step.a), writer.offset(b, block.dtype, gap * step.b)]
        for phi, value in zip(carried, [*moved, *(value for row in after for value in row)], strict=True):
            loop.set(phi, value)
    return [loop.result(phi) for phi in carried]


__all__ = ["LINE", "Stretch", "accumulate_ahead"]
