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


@dataclass(frozen=True, slots=True)
class Stretch:
    """Memory that a tile's epilogue reads: `lines` adjacent lines of each row, rows `pitch` bytes apart."""

    pointer: Register
    pitch: int
    lines: int


def accumulate_ahead(writer: Writer, block: Block, a: Register, b: Register, stretches: Sequence[Stretch]) -> Tile:
    """`block.accumulate`, which also asks for the stretches where the reduction has a step for each of their rows."""
    step = block.outer[0] if len(block.outer) == 1 else None
    rows = len(block.rows)
    few = rows * len(block.widths) < FEWEST
    if few or step is None or not isinstance(step.count, int) or block.terms != (Term(),) or block.inner:
        return accumulate(writer, block, a, b)
    if rows * sum(stretch.lines for stretch in stretches) <= step.count:
        stretches = [
            Stretch(writer.offset(stretch.pointer, "i8", line * LINE), stretch.pitch, 1)
            for stretch in stretches
            for line in range(stretch.lines)
        ]
    stretches = stretches[: step.count // rows]
    before = step.count - rows * len(stretches)
    zero = writer.constant(0, ARITHMETIC_KIND[block.dtype.name], block.lanes)
    tile = [[zero] * len(block.widths) for _ in block.rows]
    if before:
        tile = accumulate(writer, replace(block, outer=(replace(step, count=before),)), a, b)
    state = [writer.offset(a, block.dtype, before * step.a), writer.offset(b, block.dtype, before * step.b)]
    state += [register for sums in tile for register in sums]
    for (pitch, lines), group in groupby(stretches, lambda stretch: (stretch.pitch, stretch.lines)):
        pointers = [stretch.pointer for stretch in group]
        with writer.loop(0, len(pointers)) as loop:
            carried = [loop.carry(register) for register in state]
            pointer = pointers[0]
            for number, other in enumerate(pointers[1:], 1):
                chosen = writer.compare("eq", loop.index, writer.constant(number, "i64"))
                pointer = writer.select(chosen, other, pointer)
            after = _rows(writer, block, step, carried, Stretch(pointer, pitch, lines))
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
            writer.prefetch(writer.offset(line, "i8", number * LINE))
        after = products(writer, block, a, b, _tile(block, carried), block.rows)
        loop.set(line, writer.offset(line, "i8", stretch.pitch))
        moved = [writer.offset(a, block.dtype, step.a), writer.offset(b, block.dtype, step.b)]
        for phi, value in zip(carried, [*moved, *(value for row in after for value in row)], strict=True):
            loop.set(phi, value)
    return [loop.result(phi) for phi in carried]


__all__ = ["LINE", "Stretch", "accumulate_ahead"]
