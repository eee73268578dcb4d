"""Transposes in registers, and packing of a panel of columns whose elements do not lie side by side."""

from __future__ import annotations

from collections.abc import Sequence

from epochal.backends.native.emit import ARITHMETIC_KIND, Register, Writer, vector_lanes
from epochal.backends.native.kernels.axes import Axis
from epochal.backends.native.kernels.block import Step, load_columns
from epochal.dtypes import DType

COPIED = 4
"""Steps that are copied between two tests of a loop's end."""


def transpose(writer: Writer, rows: Sequence[Register]) -> list[Register]:
    """The transpose of a square of vectors: log2(lanes) rounds that exchange blocks off the diagonal."""
    lanes = len(rows)
    square = list(rows)
    size = 1
    while size < lanes:
        after = list(square)
        for index in range(lanes):
            if index & size:
                continue
            low, high = square[index], square[index + size]
            after[index] = writer.shuffle(
                low, high, [lanes + lane - size if lane & size else lane for lane in range(lanes)]
            )
            after[index + size] = writer.shuffle(
                low, high, [lanes + lane if lane & size else lane + size for lane in range(lanes)]
            )
        square = after
        size *= 2
    return square


def panel_steps(summed: Sequence[Axis], columns: int) -> tuple[Step, ...]:
    """The loops of a reduction over a panel of so many columns whose rows lie one after the other."""
    steps: list[Step] = []
    step = columns
    for axis in reversed(summed):
        steps.append(Step(axis.size, axis.steps[0], step))
        step *= axis.size
    return tuple(reversed(steps))


def pack_panel(
    writer: Writer,
    dtype: DType,
    lanes: int,
    widths: Sequence[int],
    column_step: int,
    reduction: Sequence[tuple[int, int]],
    source: Register,
    target: Register,
    pitch: int | None = None,
) -> None:
    """Copies columns so that each step of the reduction finds them side by side.

    Args:
        writer: Writes.
        dtype: Element type.
        lanes: Lanes of a vector.
        widths: Lanes in use, a vector. The others become zero, or are left.
        column_step: Elements from one column to the next in the source.
        reduction: Size and step in the source of each loop of the reduction, outermost first.
        source: Pointer to the first column at the first step.
        target: Pointer to ``[steps][vectors * lanes]``.
        pitch: Elements from one step to the next in the target, if it is not a panel of its own; nothing is then
            written beyond the columns.
    """
    panel = len(widths) * lanes if pitch is None else pitch
    if not reduction:
        reduction = [(1, 1)]
    if len(reduction) > 1:
        size, step = reduction[0]
        inside = 1
        for count, _ in reduction[1:]:
            inside *= count
        with writer.loop(0, size) as loop:
            here, there = loop.carry(source), loop.carry(target)
            pack_panel(writer, dtype, lanes, widths, column_step, reduction[1:], here, there, pitch)
            loop.set(here, writer.offset(here, dtype, step))
            loop.set(there, writer.offset(there, dtype, inside * panel))
        return
    size, step = reduction[0]
    if step == 1 and column_step != 1 and lanes > 1 and size > 1:
        _pack_squares(writer, dtype, lanes, widths, column_step, size, source, target, pitch)
        return
    unroll = COPIED if column_step == 1 and size % COPIED == 0 else 1
    with writer.loop(0, size // unroll) as loop:
        here, there = loop.carry(source), loop.carry(target)
        for line in range(unroll):
            above, below = writer.offset(here, dtype, line * step), writer.offset(there, dtype, line * panel)
            if column_step == 1:
                _copy_vectors(writer, dtype, lanes, widths, above, below, pitch is None)
            else:
                _copy_elements(writer, dtype, (len(widths) - 1) * lanes + widths[-1], column_step, above, below)
        loop.set(here, writer.offset(here, dtype, unroll * step))
        loop.set(there, writer.offset(there, dtype, unroll * panel))


def pack_run(
    writer: Writer,
    dtype: DType,
    lanes: int,
    widths: Sequence[int],
    column_step: int,
    reduction: tuple[int, int, int | Register],
    source: Register,
    target: Register,
) -> None:
    """`pack_panel` over a part of a reduction of one loop.

    `reduction`: elements of a step, how many steps there are, and how many of them are in this part: in all parts but
    the last, a multiple of `lanes`.
    """
    step, whole, count = reduction
    panel = len(widths) * lanes
    steps = writer.constant(count, "i64") if isinstance(count, int) else count
    if step != 1 or column_step == 1 or lanes == 1:
        with writer.loop(writer.constant(0, "i64"), steps) as loop:
            here, there = loop.carry(source), loop.carry(target)
            if column_step == 1:
                _copy_vectors(writer, dtype, lanes, widths, here, there, True)
            else:
                _copy_elements(writer, dtype, (len(widths) - 1) * lanes + widths[-1], column_step, here, there)
            loop.set(here, writer.offset(here, dtype, step))
            loop.set(there, writer.offset(there, dtype, panel))
        return
    full = writer.binary("udiv", steps, writer.constant(lanes, "i64"))
    with writer.loop(writer.constant(0, "i64"), full) as loop:
        here, there = loop.carry(source), loop.carry(target)
        pack_square(writer, dtype, lanes, widths, column_step, here, there, panel, lanes, True)
        loop.set(here, writer.offset(here, dtype, lanes))
        loop.set(there, writer.offset(there, dtype, lanes * panel))
    if whole % lanes:
        with writer.when(
            writer.compare("ne", writer.binary("urem", steps, writer.constant(lanes, "i64")), writer.constant(0, "i64"))
        ):
            pack_square(
                writer,
                dtype,
                lanes,
                widths,
                column_step,
                loop.result(here),
                loop.result(there),
                panel,
                whole % lanes,
                True,
            )


def copy_elements(writer: Writer, dtype: DType, count: int, source: Register, target: Register) -> None:
    """Copies elements that lie side by side; up to a vector behind the last one may be written too."""
    lanes = vector_lanes(writer.target, ARITHMETIC_KIND[dtype.name])
    widths = [min(lanes, count - start) for start in range(0, count, lanes)]
    _copy_vectors(writer, dtype, lanes, widths, source, target, True)


def copy_rows(
    writer: Writer,
    dtype: DType,
    rows: Register,
    columns: Register,
    source: tuple[Register, int],
    target: tuple[Register, int],
) -> None:
    """Copies rows of contiguous elements. `source`, `target`: the first row, and elements from one row to the next."""
    lanes = vector_lanes(writer.target, ARITHMETIC_KIND[dtype.name])
    unit = lanes * COPIED
    many = writer.binary("udiv", columns, writer.constant(unit, "i64"))
    done = writer.binary("mul", many, writer.constant(unit, "i64"))
    with writer.loop(writer.constant(0, "i64"), rows) as row:
        here, there = row.carry(source[0]), row.carry(target[0])
        with writer.loop(writer.constant(0, "i64"), many) as loop:
            at = writer.binary("mul", loop.index, writer.constant(unit, "i64"))
            _copy_vectors(
                writer,
                dtype,
                lanes,
                (lanes,) * COPIED,
                writer.offset(here, dtype, at),
                writer.offset(there, dtype, at),
                True,
            )
        with writer.loop(done, columns, lanes) as loop:
            above, below = writer.offset(here, dtype, loop.index), writer.offset(there, dtype, loop.index)
            mask = writer.tail_mask(writer.binary("sub", columns, loop.index), lanes) if lanes > 1 else None
            writer.store(below, writer.load(above, dtype, lanes, mask), dtype)
        row.set(here, writer.offset(here, dtype, source[1]))
        row.set(there, writer.offset(there, dtype, target[1]))


def _copy_vectors(
    writer: Writer,
    dtype: DType,
    lanes: int,
    widths: Sequence[int],
    source: Register,
    target: Register,
    beyond: bool,
) -> None:
    """One step of a panel whose columns lie side by side already. `beyond`: lanes not in use may be written."""
    for index, width in enumerate(widths):
        vector = load_columns(writer, writer.offset(source, dtype, index * lanes), dtype, lanes, width)
        mask = None if width == lanes or beyond else writer.tail_mask(width, lanes)
        writer.store(writer.offset(target, dtype, index * lanes), vector, dtype, mask)


def _copy_elements(
    writer: Writer, dtype: DType, columns: int, column_step: int, source: Register, target: Register
) -> None:
    for column in range(columns):
        element = writer.load(writer.offset(source, dtype, column * column_step), dtype)
        writer.store(writer.offset(target, dtype, column), element, dtype)


def _pack_squares(
    writer: Writer,
    dtype: DType,
    lanes: int,
    widths: Sequence[int],
    column_step: int,
    size: int,
    source: Register,
    target: Register,
    pitch: int | None,
) -> None:
    """`pack_panel` where the reduction is contiguous: square after square through registers."""
    panel = len(widths) * lanes if pitch is None else pitch

    def square(here: Register, there: Register, count: int) -> None:
        pack_square(writer, dtype, lanes, widths, column_step, here, there, panel, count, pitch is None)

    if size >= lanes:
        with writer.loop(0, size // lanes) as loop:
            here, there = loop.carry(source), loop.carry(target)
            square(here, there, lanes)
            loop.set(here, writer.offset(here, dtype, lanes))
            loop.set(there, writer.offset(there, dtype, lanes * panel))
    if size % lanes:
        done = size - size % lanes
        square(writer.offset(source, dtype, done), writer.offset(target, dtype, done * panel), size % lanes)


def pack_square(
    writer: Writer,
    dtype: DType,
    lanes: int,
    widths: Sequence[int],
    column_step: int,
    source: Register,
    target: Register,
    panel: int,
    count: int,
    beyond: bool,
) -> None:
    """`count` steps, at most `lanes`, of a panel whose reduction is contiguous. `beyond`: see `_copy_vectors`."""
    for index, width in enumerate(widths):
        rows = []
        for column in range(min(width, lanes)):
            at = (index * lanes + column) * column_step
            rows.append(load_columns(writer, writer.offset(source, dtype, at), dtype, lanes, count))
        rows += [writer.splat(writer.constant(0, rows[0].kind), lanes)] * (lanes - width)
        for line, vector in enumerate(transpose(writer, rows)[:count]):
            mask = None if width == lanes or beyond else writer.tail_mask(width, lanes)
            writer.store(writer.offset(target, dtype, line * panel + index * lanes), vector, dtype, mask)


__all__ = ["copy_elements", "copy_rows", "pack_panel", "pack_run", "panel_steps", "transpose"]
