"""Large matrix products: blocks of results whose operands are copied to where the caches keep them.

A piece is a block of rows and columns. Its reduction is cut into runs short enough that a panel of b stays in the
first-level cache while all rows of the piece use it; the rows of a run of a stay in the second (Goto and van de Geijn,
"Anatomy of High-Performance Matrix Multiplication"). Both are copied there, which also keeps rows that lie a power of
two apart from falling into the same sets of a cache. Between two runs the sums of a piece wait in scratch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from epochal.backends.native.emit import ARITHMETIC_KIND, Register, Writer
from epochal.backends.native.kernel import Target
from epochal.backends.native.kernels.ahead import LINE, SECOND, Stretch, accumulate_ahead
from epochal.backends.native.kernels.axes import advance, decode, share
from epochal.backends.native.kernels.block import Block, Step, Tile, most_rows, split_evenly
from epochal.backends.native.kernels.finish import Finish
from epochal.backends.native.kernels.problem import Problem, has_parts
from epochal.backends.native.kernels.transpose import copy_elements, copy_rows, pack_run
from epochal.backends.native.kernels.work import Panels, lanes_of, over, panels_of

RUN_BYTES = 1 << 15
"""Bytes of a panel of b, about: they stay in a first-level cache beside the rows of a that meet them."""

SINGLE = 512
"""Steps of a reduction that is one run: its panels of b come from a second-level cache, but no sums wait."""

FAR = 1 << 22
"""Bytes of results, or twice those of b, from which they surely come from beyond the second-level cache."""

FEW_RUNS = 8
"""Runs up to which results are asked for before they are written: every run pays for it, the last one gains."""

NEAR = 1 << 18
"""Bytes of b that stay in a second-level cache beside everything else."""


LONG = 256
"""Steps of the reduction from which a panel of b fills a first-level cache; copied, it lies in all its sets."""


def suits_tiled(problem: Problem, long: int = LONG) -> bool:
    """Whether copying operands pays: a piece has enough rows for it, and what they use does not stay near by itself.

    Args:
        problem: The product.
        long: Steps of the reduction from which a b that stays in the second-level cache is copied, too.
    """
    size: int = problem.dtype.itemsize
    if problem.dtype.name not in ("float32", "float64") or len(problem.summed) != 1:
        return False
    if problem.rows.size < 64 or problem.columns.size * size < 512 or problem.depth < 64:
        return False
    return problem.depth >= long or problem.columns.size * problem.depth * size > NEAR


class TiledProduct:
    """The kernel of one such product with one epilogue.

    Attributes:
        run: Steps of a run of the reduction (the last may have fewer), a multiple of any vector's lanes.
        runs: How many there are.
        along, across: Whether rows of a are copied, lying along the summed axis, or across it, block after block.
        far: Whether b or the results do not stay in a second-level cache from one launch to the next.
        groups, chunks: Of columns and of rows: the pieces.
    """

    def __init__(self, problem: Problem, finish: Finish) -> None:
        self.problem, self.finish = problem, finish
        size: int = problem.dtype.itemsize
        results = problem.rows.size * problem.columns.size
        self.far = max(results, 2 * problem.columns.size * problem.depth) * size > FAR
        single = self.far and problem.depth <= SINGLE
        runs = 1 if single else -(-problem.depth // (RUN_BYTES // (2 * LINE)))
        even = -(-problem.depth // runs)
        self.run = -(-even // 16) * 16
        self.runs = -(-problem.depth // self.run)
        # Rows that lie along the summed axis are copied only if those of a block would fall into the same sets.
        row, step = (steps[0] * size for steps in (problem.rows.steps, problem.summed[0].steps))
        self.along = step == size and row % LINE == 0 and math.gcd(row // LINE, 64) * 16 > 8 * 64
        self.across = row == size and step != size
        self.groups, self.chunks = _grid(problem, self.runs, self.along or self.across)

    @property
    def pieces(self) -> int:
        return self.problem.batch * self.groups * self.chunks

    @property
    def parts(self) -> int:
        """Parts of the result with sums of their own; 0 if they cannot be told from one another."""
        return self.chunks if has_parts(self.problem) else 0

    @property
    def most_piece_rows(self) -> int:
        """Rows of a piece, at most, for any blocks."""
        return -(-self.problem.rows.size // self.chunks) + 2 * 24

    @property
    def least_piece_rows(self) -> int:
        """Rows of a piece, about, at least."""
        return self.problem.rows.size // self.chunks

    @property
    def pitch(self) -> int:
        """Elements between rows of the copy of a: an odd number of lines."""
        line: int = LINE // self.problem.dtype.itemsize
        return (-(-self.run // line) | 1) * line

    @property
    def room(self) -> tuple[int, int, int]:
        """Elements of scratch: for a, for a panel of b, for sums."""
        size: int = self.problem.dtype.itemsize
        a = (self.pitch + LINE) * self.most_piece_rows if self.along or self.across else 0
        columns = -(-self.problem.columns.size // self.groups) + 4 * 192 // size
        sums = self.most_piece_rows * columns * 2 if self.runs > 1 else 0
        return a, self.run * 192 // size, sums

    @property
    def scratch(self) -> int:
        size: int = self.problem.dtype.itemsize
        return sum(self.room) * size

    def emit(self, target: Target) -> str:
        return _Emitter(self, Writer(target)).text()


def _grid(problem: Problem, runs: int, copied: bool) -> tuple[int, int]:
    """Groups of columns and chunks of rows for which a thread takes the least time, over some numbers of threads."""
    vectors = -(-problem.columns.size * problem.dtype.itemsize // LINE)
    panels, blocks = -(-vectors // 2), -(-problem.rows.size // 13)
    best, found = math.inf, (1, 1)
    for wide in _SIDES:
        for high in _SIDES:
            if (high > 20 and runs > 1) or wide > 24 or (wide > panels and wide > 1) or (high > blocks and high > 1):
                continue
            groups, chunks = -(-panels // wide), -(-blocks // high)
            columns, rows = -(-panels // groups), -(-blocks // chunks) * 13
            products = rows * columns
            copies = columns * _PACKED + rows / 16 * (_COPIED if copied else _READ)
            pieces = problem.batch * groups * chunks
            time = sum(-(-pieces // threads) * threads * (products + copies) for threads in (1, 2, 3, 4))
            if time < best:
                best, found = time, (groups, chunks)
    return found


_SIDES = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 40)
"""Panels and blocks of a piece that are tried."""

_PACKED, _COPIED, _READ = 6.0, 9.0, 2.0
"""Cycles a step of the reduction: to copy a line of a panel of b, a vector of a, and to read one for the first time."""


@dataclass(frozen=True, slots=True)
class _Part:
    """Where a piece's work has come to.

    Attributes:
        run, steps: Number of the run, and its steps.
        columns, blocks: Panels and blocks of the piece, from and to.
        top: The piece's first row.
        panel: Number of the panel within the piece.
    """

    run: Register
    steps: int | Register
    columns: tuple[Register, Register]
    blocks: tuple[Register, Register]
    top: Register
    panel: Register


class _Emitter:
    """Writes the kernel of one product."""

    def __init__(self, product: TiledProduct, writer: Writer) -> None:
        self.product, self.writer = product, writer
        self.problem, self.finish = product.problem, product.finish
        problem, target = self.problem, writer.target
        self.lanes = lanes_of(target, ARITHMETIC_KIND[problem.dtype.name], problem.columns.size)
        self.panels = panels_of(target, problem.rows.size, problem.columns.size, self.lanes)
        self.width = len(self.panels[0].widths) * self.lanes
        # Blocks of rows are the same for all panels, so that the copy of a serves all.
        vectors = max(len(panel.widths) for panel in self.panels)
        self.count, self.base, self.extra = split_evenly(problem.rows.size, most_rows(target, vectors))
        scratch = Register("%scratch", "ptr")
        a, b, _ = product.room
        self.a_copy, self.b_copy = scratch, writer.offset(scratch, problem.dtype, a)
        self.sums = writer.offset(scratch, problem.dtype, a + b)
        self.a = writer.argument(1 if problem.swapped else 0)
        self.b = writer.argument(0 if problem.swapped else 1)

    def text(self) -> str:
        writer, problem, product = self.writer, self.problem, self.product
        with writer.loop(Register("%begin", "i64"), Register("%end", "i64")) as piece:
            sizes = [axis.size for axis in problem.outer]
            *outer, group, chunk = decode(writer, piece.index, [*sizes, product.groups, product.chunks])
            places = [writer.constant(0, "i64")] * len(problem.rows.steps)
            for axis, index in zip(problem.outer, outer, strict=True):
                places = advance(writer, places, index, axis.steps)
            places = self.finish.at_part(writer, places, chunk)
            columns = share(writer, group, self.panels[-1].end, product.groups)
            blocks = share(writer, chunk, self.count, product.chunks)
            if product.runs == 1:
                self._run(writer.constant(0, "i64"), columns, blocks, places)
            else:
                with writer.loop(0, product.runs) as run:
                    self._run(run.index, columns, blocks, places)
        return writer.module()

    def _top(self, block: Register) -> Register:
        """The first row of a block: the first `extra` blocks have one row more than the others."""
        writer = self.writer
        top = writer.binary("mul", block, writer.constant(self.base, "i64"))
        if self.extra:
            top = writer.binary("add", top, writer.intrinsic("llvm.smin", block, writer.constant(self.extra, "i64")))
        return top

    def _run(
        self,
        run: Register,
        columns: tuple[Register, Register],
        blocks: tuple[Register, Register],
        places: Sequence[Register],
    ) -> None:
        """All panels and blocks of a piece over one run of the reduction."""
        writer, problem, product = self.writer, self.problem, self.product
        axis = problem.summed[0]
        start = writer.binary("mul", run, writer.constant(product.run, "i64"))
        here = [*advance(writer, places[:2], start, axis.steps), *places[2:]]
        count: int | Register = axis.size
        if product.runs > 1:
            left = writer.binary("sub", writer.constant(axis.size, "i64"), start)
            count = writer.intrinsic("llvm.smin", left, writer.constant(product.run, "i64"))
        top = self._top(blocks[0])
        self._copy_a(advance(writer, here[:1], top, problem.rows.steps[:1])[0], blocks, top, count)
        for panel in self.panels:

            def one(number: Register, panel: Panels = panel) -> None:
                left = writer.binary("mul", number, writer.constant(self.width, "i64"))
                there = advance(writer, here, left, problem.columns.steps)
                self.finish.clear_sums(writer, self.lanes, panel.widths, 2, there)
                b = writer.offset(self.b, problem.dtype, there[1])
                column_step = problem.columns.steps[1]
                reduction = (axis.steps[1], axis.size, count)
                pack_run(writer, problem.dtype, self.lanes, panel.widths, column_step, reduction, b, self.b_copy)
                part = _Part(run, count, columns, blocks, top, writer.binary("sub", number, columns[0]))
                for rows, begin, end in self._sizes():

                    def block(at: Register, rows: int = rows) -> None:
                        self._block(panel, rows, at, there, part)

                    over(writer, blocks, begin, end, block)

            over(writer, columns, panel.first, panel.end, one)

    def _copy_a(
        self, place: Register, blocks: tuple[Register, Register], first: Register, count: int | Register
    ) -> None:
        """The rows of a piece over a run, next to one another."""
        writer, problem, product = self.writer, self.problem, self.product
        dtype = problem.dtype
        source = writer.offset(self.a, dtype, place)
        steps = writer.constant(count, "i64") if isinstance(count, int) else count
        if product.along:
            rows = writer.binary("sub", self._top(blocks[1]), first)
            copy_rows(writer, dtype, rows, steps, (source, problem.rows.steps[0]), (self.a_copy, product.pitch))
        elif product.across:
            with writer.loop(writer.constant(0, "i64"), steps) as loop:
                here = loop.carry(source)
                self._copy_step(blocks, here, loop.index)
                loop.set(here, writer.offset(here, dtype, problem.summed[0].steps[0]))

    def _copy_step(self, blocks: tuple[Register, Register], source: Register, step: Register) -> None:
        """The elements of a piece's rows at one step, each to its block's copy, which ends with a line to spare."""
        writer, dtype = self.writer, self.problem.dtype
        copy = self.a_copy
        for rows, begin, end in self._sizes():
            low = writer.intrinsic("llvm.smax", blocks[0], writer.constant(begin, "i64"))
            high = writer.intrinsic("llvm.smin", blocks[1], writer.constant(end, "i64"))
            place = writer.binary("mul", step, writer.constant(rows, "i64"))
            with writer.loop(low, high) as loop:
                here, there = loop.carry(source), loop.carry(copy)
                copy_elements(writer, dtype, rows, here, writer.offset(there, dtype, place))
                loop.set(here, writer.offset(here, dtype, rows))
                loop.set(there, writer.offset(there, dtype, rows * self.product.run + LINE))
            source, copy = loop.result(here), loop.result(there)

    def _sizes(self) -> list[tuple[int, int, int]]:
        """Rows of a block, and the blocks that have so many."""
        sizes = ((self.base + 1, 0, self.extra), (self.base, self.extra, self.count))
        return [(rows, begin, end) for rows, begin, end in sizes if rows and begin != end]

    def _block(self, panel: Panels, rows: int, number: Register, places: Sequence[Register], part: _Part) -> None:
        """One tile over one run."""
        writer, problem, product = self.writer, self.problem, self.product
        nth = writer.binary("sub", number, part.blocks[0])
        here = advance(writer, places, self._top(number), problem.rows.steps)
        a, row_step, step = self._rows_of(number, nth, rows, here[0], part)
        offsets = [tuple(row * size for row in range(rows)) for size in problem.rows.steps]
        block = Block(
            problem.dtype, tuple(row * row_step for row in range(rows)), self.lanes, panel.widths,
            (Step(part.steps, step, len(panel.widths) * self.lanes),),
        )  # fmt: skip
        result = (2, here[2:], offsets[2:], problem.columns.steps[2:])
        asked = self.finish.stretches(writer, *result, sum(panel.widths), far=product.far)
        following = self._next_panel(nth, rows, places[1])
        if product.runs == 1:
            tile = accumulate_ahead(writer, block, a, self.b_copy, asked + following, evenly=product.far)
            self.finish.store(writer, tile, self.lanes, panel.widths, *result)
            return
        begins = writer.compare("eq", part.run, writer.constant(0, "i64"))
        ends = writer.compare("eq", part.run, writer.constant(product.runs - 1, "i64"))
        # Where there is nothing to ask for, something near is asked for.
        asked = [one for one in asked if product.runs <= FEW_RUNS or not one.write]
        asked = [replace(one, pointer=writer.select(ends, one.pointer, self.b_copy)) for one in asked]
        other = self._next_run(nth, rows, here[0], places[0], part.panel)
        following += [replace(one, pointer=writer.select(ends, self.b_copy, one.pointer)) for one in other]
        tiles = writer.binary("mul", part.panel, writer.binary("sub", part.blocks[1], part.blocks[0]))
        size = (self.base + 1) * 3 * self.lanes
        place = writer.binary("mul", writer.binary("add", tiles, nth), writer.constant(size, "i64"))
        sums = writer.offset(self.sums, problem.dtype, place)
        start = self._sums(sums, rows, len(panel.widths), begins)
        least = problem.depth - (product.runs - 1) * product.run
        tile = accumulate_ahead(writer, block, a, self.b_copy, asked + following, start, least, product.far)
        with writer.when(ends):
            self.finish.store(writer, tile, self.lanes, panel.widths, *result)
        with writer.when(writer.binary("xor", ends, writer.constant(True, "i1"))):
            for index, value in enumerate(register for row in tile for register in row):
                writer.store(writer.offset(sums, problem.dtype, index * self.lanes), value, problem.dtype)

    def _rows_of(
        self, number: Register, nth: Register, rows: int, own: Register, part: _Part
    ) -> tuple[Register, int, int]:
        """Where a block finds its rows of a, and elements from row to row and from step to step."""
        writer, problem, product = self.writer, self.problem, self.product
        if not (product.along or product.across):
            a = writer.offset(self.a, problem.dtype, own)
            return a, problem.rows.steps[0], problem.summed[0].steps[0]
        down = writer.binary("sub", self._top(number), part.top)
        if product.along:
            place = writer.binary("mul", down, writer.constant(product.pitch, "i64"))
            return writer.offset(self.a_copy, problem.dtype, place), product.pitch, 1
        place = writer.binary("mul", down, writer.constant(product.run, "i64"))
        place = advance(writer, [place], nth, (LINE,))[0]
        return writer.offset(self.a_copy, problem.dtype, place), 1, rows

    def _next_run(self, number: Register, rows: int, own: Register, common: Register, panel: Register) -> list[Stretch]:
        """A part of what the next run reads of a; each panel and block asks for another one."""
        writer, problem, product = self.writer, self.problem, self.product
        size, step = problem.dtype.itemsize, problem.summed[0].steps[0]
        panels = max(1, self.panels[-1].end // product.groups)
        if step == 1:
            lines = -(-product.run * size // LINE // panels)
            place, pitch = own, problem.rows.steps[0]
        elif problem.rows.steps[0] == 1:
            lines = -(-product.least_piece_rows * size // LINE // panels)
            place, pitch = advance(writer, [common], number, (rows * step,))[0], step
        else:
            return []
        start = writer.offset(writer.offset(self.a, problem.dtype, place), problem.dtype, product.run * step)
        pointer = writer.offset(start, "i8", writer.binary("mul", panel, writer.constant(lines * LINE, "i64")))
        return [Stretch(pointer, pitch * size, lines, SECOND)]

    def _next_panel(self, number: Register, rows: int, place: Register) -> list[Stretch]:
        """A part of the next panel of b, for each of a piece's blocks another one."""
        writer, problem, product = self.writer, self.problem, self.product
        step, size = problem.summed[0].steps[1], problem.dtype.itemsize
        if problem.columns.steps[1] != 1:
            return []
        each = -(-product.run // max(1, product.least_piece_rows))
        first = writer.binary("mul", number, writer.constant(each * rows * step, "i64"))
        start = writer.offset(writer.offset(self.b, problem.dtype, place), problem.dtype, self.width)
        pointer = writer.offset(start, problem.dtype, first)
        return [
            Stretch(
                writer.offset(pointer, problem.dtype, part * rows * step),
                step * size,
                self.width * size // LINE,
                SECOND,
            )
            for part in range(each)
        ]

    def _sums(self, sums: Register, rows: int, vectors: int, begins: Register) -> Tile:
        writer, dtype = self.writer, self.problem.dtype
        zero = writer.constant(0, ARITHMETIC_KIND[dtype.name], self.lanes)
        return [
            [
                writer.select(
                    begins,
                    zero,
                    writer.load(writer.offset(sums, dtype, (row * vectors + vector) * self.lanes), dtype, self.lanes),
                )
                for vector in range(vectors)
            ]
            for row in range(rows)
        ]


__all__ = ["TiledProduct", "suits_tiled"]
