"""Products with few results for their depth: both operands lie along the summed axis, which is vectorised."""

from __future__ import annotations

from collections.abc import Sequence

from epochal.backends.native.emit import ARITHMETIC_KIND, Register, Writer, vector_lanes
from epochal.backends.native.kernel import Target
from epochal.backends.native.kernels.axes import advance, decode, share
from epochal.backends.native.kernels.block import Tile, load_columns, multiply_add, split_evenly
from epochal.backends.native.kernels.finish import Finish
from epochal.backends.native.kernels.problem import Problem

SMALL = 4
"""With at most so many rows or columns, packing costs as much as the product."""

LARGEST_PANEL = 1 << 15
"""Steps of a reduction beyond which a packed panel leaves the cache."""


def suits_inner(problem: Problem) -> bool:
    """Whether vectors along the summed axis pay."""
    if not problem.summed or problem.summed[-1].steps != (1, 1) or problem.summed[-1].size < 16:
        return False
    rows, columns = problem.rows, problem.columns
    if columns.size > 1 and columns.steps[1] == 1:
        return False
    return min(rows.size, columns.size) <= SMALL or problem.depth > LARGEST_PANEL


class InnerProduct:
    """The kernel of one such product with one epilogue."""

    def __init__(self, problem: Problem, finish: Finish) -> None:
        self.problem, self.finish = problem, finish
        self.scratch = 0
        most = max(1, problem.work // 100_000)
        self.groups = max(1, min(most, 16, problem.columns.size // 4))
        self.chunks = max(1, min(most // self.groups, -(-16 // self.groups), problem.rows.size // 4))

    @property
    def pieces(self) -> int:
        return self.problem.batch * self.groups * self.chunks

    def emit(self, target: Target) -> str:
        writer = Writer(target)
        problem = self.problem
        most = (4, 5) if target.registers >= 32 else (3, 3)
        if problem.columns.size == 1 or problem.rows.size == 1:
            most = (8, 8)
        shapes = [split_evenly(problem.rows.size, most[0]), split_evenly(problem.columns.size, most[1])]
        with writer.loop(Register("%begin", "i64"), Register("%end", "i64")) as piece:
            sizes = [axis.size for axis in problem.outer]
            *outer, group, chunk = decode(writer, piece.index, [*sizes, self.groups, self.chunks])
            places = [writer.constant(0, "i64")] * len(problem.rows.steps)
            for axis, index in zip(problem.outer, outer, strict=True):
                places = advance(writer, places, index, axis.steps)
            row_blocks = share(writer, chunk, shapes[0][0], self.chunks)
            column_blocks = share(writer, group, shapes[1][0], self.groups)
            with writer.loop(*column_blocks) as column, writer.loop(*row_blocks) as row:
                self._sizes(writer, shapes, row.index, column.index, places)
        return writer.module()

    def _sizes(
        self,
        writer: Writer,
        shapes: Sequence[tuple[int, int, int]],
        row: Register,
        column: Register,
        places: Sequence[Register],
    ) -> None:
        """One block, by the sizes it has: the first `extra` blocks are one larger."""
        (_, base_rows, extra_rows), (_, base_columns, extra_columns) = shapes
        steps = (self.problem.rows.steps, self.problem.columns.steps)
        places = list(places)
        for index, base, extra, step in (
            (row, base_rows, extra_rows, steps[0]),
            (column, base_columns, extra_columns, steps[1]),
        ):
            start = writer.binary("mul", index, writer.constant(base, "i64"))
            if extra:
                start = writer.binary("add", start, writer.intrinsic("llvm.smin", index, writer.constant(extra, "i64")))
            places = advance(writer, places, start, step)
        for rows, rows_fit in _choices(writer, row, base_rows, extra_rows):
            for columns, columns_fit in _choices(writer, column, base_columns, extra_columns):
                fit = rows_fit if columns_fit is None else columns_fit
                if rows_fit is not None and columns_fit is not None:
                    fit = writer.binary("and", rows_fit, columns_fit)
                if fit is None:
                    self._block(writer, rows, columns, places)
                else:
                    with writer.when(fit):
                        self._block(writer, rows, columns, places)

    def _block(self, writer: Writer, rows: int, columns: int, places: Sequence[Register]) -> None:
        problem = self.problem
        dtype = problem.dtype
        a = writer.offset(writer.argument(1 if problem.swapped else 0), dtype, places[0])
        b = writer.offset(writer.argument(0 if problem.swapped else 1), dtype, places[1])
        kind = ARITHMETIC_KIND[dtype.name]
        lanes = vector_lanes(writer.target, kind)
        tile = [[writer.constant(0, kind, lanes)] * columns for _ in range(rows)]
        tile = self._reduce(writer, lanes, 0, a, b, tile)
        operation = "fadd" if kind in ("float", "double") else "add"
        for row, sums in enumerate(tile):
            for column, vector in enumerate(sums):
                here = advance(writer, places, row, problem.rows.steps)
                here = advance(writer, here, column, problem.columns.steps)
                result = [[writer.reduce(operation, vector)]]
                sets = len(here) - 2
                self.finish.store(writer, result, 1, (1,), 2, here[2:], [(0,)] * sets, [0] * sets)

    def _reduce(self, writer: Writer, lanes: int, level: int, a: Register, b: Register, tile: Tile) -> Tile:
        """The sums over the loop at `level` and those in it."""
        dtype, axis = self.problem.dtype, self.problem.summed[level]
        last = level == len(self.problem.summed) - 1
        count = axis.size // lanes if last else axis.size
        if count:
            with writer.loop(0, count) as loop:
                here, there = loop.carry(a), loop.carry(b)
                carried = [[loop.carry(register) for register in sums] for sums in tile]
                if last:
                    after = self._step(writer, lanes, lanes, here, there, carried)
                else:
                    after = self._reduce(writer, lanes, level + 1, here, there, carried)
                loop.set(here, writer.offset(here, dtype, lanes if last else axis.steps[0]))
                loop.set(there, writer.offset(there, dtype, lanes if last else axis.steps[1]))
                for old, new in zip(carried, after, strict=True):
                    for phi, value in zip(old, new, strict=True):
                        loop.set(phi, value)
            tile = [[loop.result(phi) for phi in sums] for sums in carried]
        if last and axis.size % lanes:
            done = count * lanes
            here, there = writer.offset(a, dtype, done), writer.offset(b, dtype, done)
            tile = self._step(writer, lanes, axis.size % lanes, here, there, tile)
        return tile

    def _step(self, writer: Writer, lanes: int, width: int, a: Register, b: Register, tile: Tile) -> Tile:
        dtype = self.problem.dtype

        def load(pointer: Register, offset: int) -> Register:
            return load_columns(writer, writer.offset(pointer, dtype, offset), dtype, lanes, width)

        rows = [load(a, row * self.problem.rows.steps[0]) for row in range(len(tile))]
        columns = [load(b, column * self.problem.columns.steps[1]) for column in range(len(tile[0]))]
        return [
            [multiply_add(writer, row, column, old) for column, old in zip(columns, sums, strict=True)]
            for row, sums in zip(rows, tile, strict=True)
        ]


def _choices(writer: Writer, index: Register, base: int, extra: int) -> list[tuple[int, Register | None]]:
    """Sizes a block may have, and when it has them."""
    if not extra:
        return [(base, None)]
    larger = writer.compare("slt", index, writer.constant(extra, "i64"))
    if not base:
        return [(base + 1, larger)]
    return [(base + 1, larger), (base, writer.compare("sge", index, writer.constant(extra, "i64")))]


__all__ = ["SMALL", "InnerProduct", "suits_inner"]
