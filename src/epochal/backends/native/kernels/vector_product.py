"""Products of a few rows with a large matrix, as predicting one sample takes them: bound by the matrix's bytes.

The matrix is read once, from its first byte to its last: a piece is a range of its rows, whole, whose products add up
in the nearest cache. (Ranges of columns, which other products are cut into, are short stretches at a large distance.
Where that is a power of two they fall into a part of a cache's sets, so half of a matrix that would stay in a core's
second-level cache does not: 39 instead of 170 bytes a nanosecond.) The ranges depend on shapes alone, and a thread
gets the same ones each time, so its part of the matrix stays in its core's cache from one call to the next. Their sums
are added in the order of the ranges.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from epochal.backends.native.emit import ARITHMETIC_KIND, Register, Writer
from epochal.backends.native.kernel import Kernel, Launch, Target
from epochal.backends.native.kernels.axes import Axis, advance, decode, share
from epochal.backends.native.kernels.block import load_columns, multiply_add
from epochal.backends.native.kernels.combine import combine_launch
from epochal.backends.native.kernels.finish import Finish
from epochal.backends.native.kernels.problem import Problem
from epochal.backends.native.kernels.work import PIECES, RATES, digest, lanes_of, over
from epochal.ir import Node, TensorType, make_input

MOST_ROWS = 4
"""Rows of a beyond which arithmetic bounds a product."""

LEAST_BYTES = 1 << 18
"""Bytes of a matrix up to which one thread reads it in no time."""

SUMS_BYTES = 1 << 14
"""Bytes of sums, of all rows, that stay in the first-level cache beside what streams through it."""

PIECE_BYTES = 1 << 18
"""Bytes of the matrix that a piece reads, about."""

FEWEST_PIECES = 4

BYTES_PER_NANOSECOND = 40.0
"""What one core reads from beyond its second-level cache."""

AT_ONCE = 4
"""Rows of the matrix that are read side by side: sums are read and written so many times less often."""


def suits_vectors(problem: Problem) -> bool:
    """Whether a product is bound by the bytes of b, which lies row by row."""
    if problem.dtype.name not in ("float32", "float64") or problem.batch != 1 or len(problem.summed) != 1:
        return False
    rows, columns, depth = problem.rows, problem.columns.size, problem.depth
    return (
        rows.size <= MOST_ROWS
        and (rows.size == 1 or rows.steps[2] == columns)
        and problem.columns.steps[1] == 1
        and problem.summed[0].steps[1] >= columns >= 32
        and depth >= 8 * FEWEST_PIECES
        and columns * depth * problem.dtype.itemsize > LEAST_BYTES
    )


def vector_launches(problem: Problem, finish: Finish, node: Node) -> tuple[Launch, ...]:
    """The launches of a product of few rows: sums over ranges of the matrix's rows, then their sum."""
    size, columns, depth = problem.dtype.itemsize, problem.columns.size, problem.depth
    groups = -(-columns * size * problem.rows.size // SUMS_BYTES)
    wanted = max(FEWEST_PIECES, 1 << ((columns * depth * size // PIECE_BYTES).bit_length() - 1))
    chunks = max(1, min(wanted, PIECES) // groups)
    if chunks == 1:
        return (_launch(problem, finish, groups, 1, node),)
    partial = make_input(TensorType(problem.dtype, (chunks, problem.rows.size, columns)), "partial")
    rows = replace(problem.rows, steps=(problem.rows.steps[0], 0, columns))
    summed = tuple(replace(axis, steps=axis.steps[:2]) for axis in problem.summed)
    parts = replace(problem, outer=(), rows=rows, columns=Axis(columns, (0, 1, 1)), summed=summed)
    return (_launch(parts, Finish(partial, None), groups, chunks, node), combine_launch(partial, chunks, finish))


def _launch(problem: Problem, finish: Finish, groups: int, chunks: int, node: Node) -> Launch:
    product = VectorProduct(problem, finish, groups, chunks)
    work = problem.work / RATES[ARITHMETIC_KIND[problem.dtype.name]]
    moved = problem.dtype.itemsize * problem.depth * problem.columns.size
    kernel = Kernel(
        key=digest("product of few rows", problem, finish.key, groups, chunks),
        emit=product.emit,
        pieces=groups * chunks,
        cost=100 + max(work, moved / BYTES_PER_NANOSECOND),
        scratch=product.scratch,
        inplace=finish.inplace(2),
    )
    return Launch(kernel, (*node.inputs, *finish.inputs), finish.outputs)


class VectorProduct:
    """The kernel of one such product with one epilogue.

    Args:
        problem: What it computes; with several chunks their results lie one after the other.
        finish: The epilogue.
        groups: Groups of columns.
        chunks: Ranges of summed rows.
    """

    def __init__(self, problem: Problem, finish: Finish, groups: int, chunks: int) -> None:
        self.problem, self.finish = problem, finish
        self.groups, self.chunks = groups, chunks

    @property
    def scratch(self) -> int:
        """Room for the sums of all rows, each padded to whole vectors of 64 bytes."""
        return int(self.problem.rows.size * self._pitch * self.problem.dtype.itemsize)

    @property
    def _pitch(self) -> int:
        """Elements from one row of sums to the next."""
        vector = 64 // self.problem.dtype.itemsize
        return int(-(-self.problem.columns.size // vector) * vector)

    def emit(self, target: Target) -> str:
        writer = Writer(target)
        problem = self.problem
        lanes = lanes_of(target, ARITHMETIC_KIND[problem.dtype.name], problem.columns.size)
        with writer.loop(Register("%begin", "i64"), Register("%end", "i64")) as piece:
            group, chunk = decode(writer, piece.index, [self.groups, self.chunks])
            first, end = share(writer, chunk, problem.depth, self.chunks)
            bounds = share(writer, group, -(-problem.columns.size // lanes), self.groups)
            self._sum(writer, lanes, bounds, first, end)
            self._store(writer, lanes, bounds, chunk)
        return writer.module()

    def _over(
        self, writer: Writer, lanes: int, bounds: tuple[Register, Register], body: Callable[[Register, int], None]
    ) -> None:
        """`body` for the vectors of columns in ``[bounds)``: their first column, and how many lanes are in use."""
        full, rest = divmod(self.problem.columns.size, lanes)

        def one(number: Register, width: int) -> None:
            body(writer.binary("mul", number, writer.constant(lanes, "i64")), width)

        if full:
            over(writer, bounds, 0, full, lambda number: one(number, lanes))
        if rest:
            over(writer, bounds, full, full + 1, lambda number: one(number, rest))

    def _sum(
        self, writer: Writer, lanes: int, bounds: tuple[Register, Register], first: Register, end: Register
    ) -> None:
        """The sums over the steps ``[first, end)``, in scratch."""
        problem = self.problem
        dtype, (a_step, b_step) = problem.dtype, problem.summed[0].steps[:2]
        zero = writer.constant(0, ARITHMETIC_KIND[dtype.name], lanes)

        def clear(column: Register, _width: int) -> None:
            for row in range(problem.rows.size):
                writer.store(self._sums(writer, row, column), zero, dtype)

        self._over(writer, lanes, bounds, clear)
        at_once = AT_ONCE if AT_ONCE * (problem.rows.size + 1) + 2 <= writer.target.registers else AT_ONCE // 2
        steps = writer.binary("sub", end, first)
        whole = writer.binary("udiv", steps, writer.constant(at_once, "i64"))
        done = writer.binary("mul", whole, writer.constant(at_once, "i64"))
        middle = writer.binary("add", first, done)
        a_base = writer.argument(1 if problem.swapped else 0)
        b_base = writer.argument(0 if problem.swapped else 1)
        for begin, count, together in ((first, whole, at_once), (middle, writer.binary("sub", steps, done), 1)):
            a_start, b_start = advance(writer, [writer.constant(0, "i64")] * 2, begin, (a_step, b_step))
            a_start, b_start = writer.offset(a_base, dtype, a_start), writer.offset(b_base, dtype, b_start)
            with writer.loop(writer.constant(0, "i64"), count) as loop:
                a, b = loop.carry(a_start), loop.carry(b_start)
                self._add(writer, lanes, bounds, a, b, together)
                loop.set(a, writer.offset(a, dtype, together * a_step))
                loop.set(b, writer.offset(b, dtype, together * b_step))

    def _add(
        self, writer: Writer, lanes: int, bounds: tuple[Register, Register], a: Register, b: Register, together: int
    ) -> None:
        """Adds some steps to the sums."""
        problem = self.problem
        dtype, (a_step, b_step) = problem.dtype, problem.summed[0].steps[:2]
        factors = [
            [
                writer.splat(
                    writer.load(writer.offset(a, dtype, row * problem.rows.steps[0] + step * a_step), dtype), lanes
                )
                for step in range(together)
            ]
            for row in range(problem.rows.size)
        ]

        def add(column: Register, width: int) -> None:
            vectors = []
            for step in range(together):
                pointer = writer.offset(writer.offset(b, dtype, step * b_step), dtype, column)
                vectors.append(load_columns(writer, pointer, dtype, lanes, width))
            for row, spread in enumerate(factors):
                place = self._sums(writer, row, column)
                value = writer.load(place, dtype, lanes)
                for factor, vector in zip(spread, vectors, strict=True):
                    value = multiply_add(writer, factor, vector, value)
                writer.store(place, value, dtype)

        self._over(writer, lanes, bounds, add)

    def _store(self, writer: Writer, lanes: int, bounds: tuple[Register, Register], chunk: Register) -> None:
        """The sums to where they belong, through the epilogue."""
        problem = self.problem
        rows = [tuple(row * step for row in range(problem.rows.size)) for step in problem.rows.steps[2:]]
        places = [writer.constant(0, "i64")] * len(rows)
        if self.chunks > 1:
            places = advance(writer, places, chunk, (problem.rows.size * problem.columns.size,))

        def store(column: Register, width: int, places: Sequence[Register] = tuple(places)) -> None:
            here = advance(writer, places, column, problem.columns.steps[2:])
            tile = [[writer.load(self._sums(writer, row, column), problem.dtype, lanes)] for row in range(len(rows[0]))]
            self.finish.store(writer, tile, lanes, [width], 2, here, rows, problem.columns.steps[2:])

        self._over(writer, lanes, bounds, store)

    def _sums(self, writer: Writer, row: int, column: Register) -> Register:
        """Where the sums of a row lie, from a column on."""
        start = writer.offset(Register("%scratch", "ptr"), self.problem.dtype, row * self._pitch)
        return writer.offset(start, self.problem.dtype, column)


__all__ = ["VectorProduct", "suits_vectors", "vector_launches"]
