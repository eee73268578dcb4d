"""Products in a loop whose pieces are rows: each thread keeps its rows of the result, and reads all of the matrix.

The matrix of a recurrence is the same in every step. It is laid out once, before the loop, in panels of columns whose
rows follow one another, so that every step streams it from the second-level cache in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from epochal.backends.native.emit import ARITHMETIC_KIND, Register, Writer
from epochal.backends.native.kernel import Kernel, Launch, Slabs, Target
from epochal.backends.native.kernels.axes import advance
from epochal.backends.native.kernels.block import Block, Step, accumulate, unrolled
from epochal.backends.native.kernels.epilogue import Epilogue, View
from epochal.backends.native.kernels.finish import Finish
from epochal.backends.native.kernels.inner import suits_inner
from epochal.backends.native.kernels.problem import Problem, problem_of
from epochal.backends.native.kernels.transpose import pack_panel, panel_steps
from epochal.backends.native.kernels.work import RATES, digest, lanes_of, over
from epochal.backends.native.slabs import Cut
from epochal.ir import Node, TensorType, Value, make_input

PANEL_BYTES = {1: 512, 2: 384}
"""Width of a panel where a piece has few rows; else `WIDE_ROWS`."""

WIDE_ROWS = 192
"""Three vectors of 64 bytes: with 8 rows, 24 accumulators of 32 registers."""


def lower_rows(node: Node, epilogue: Epilogue | None, cut: Cut, fixed: bool) -> tuple[Launch, ...] | None:
    """The launches of a ``dot_general`` in pieces of rows, or ``None`` if its rows are not those of the cut.

    Args:
        node: The product.
        epilogue: What is fused onto it.
        cut: How the loop around it is cut.
        fixed: Whether its second operand is the same in every step.
    """
    finish = Finish(node.outputs[0], epilogue)
    problem = problem_of(node, finish.strides)
    rows = problem.rows
    if problem.outer or problem.swapped or rows.size != cut.rows or problem.empty or not problem.depth:
        return None
    if ARITHMETIC_KIND[problem.dtype.name] not in ("float", "double") or suits_inner(problem):
        return None
    if (rows.steps[0] * rows.size, rows.steps[2] * rows.size) != (node.inputs[0].type.size, node.outputs[0].type.size):
        return None
    if not fixed and problem.columns.steps[1] != 1:
        return None
    panels = Panels(problem, PANEL_BYTES.get(cut.block, WIDE_ROWS) // problem.dtype.itemsize)
    product = RowProduct(problem, finish, cut, panels, fixed)
    if not fixed:
        return (_launch(product, node, node.inputs[1]),)
    packing = _packing(panels, node.inputs[1])
    return (packing, _launch(product, node, packing.outputs[0]))


@dataclass(frozen=True, slots=True)
class Panels:
    """The second operand in panels ``[panels, depth, columns]``, whatever the processor's vectors."""

    problem: Problem
    columns: int

    @property
    def count(self) -> int:
        return -(-self.problem.columns.size // self.columns)

    @property
    def last(self) -> int:
        """Columns of the last one."""
        return self.problem.columns.size - (self.count - 1) * self.columns

    def kinds(self) -> list[tuple[int, int, int]]:
        """First panel, end and columns of the panels that are alike."""
        whole = self.count if self.last == self.columns else self.count - 1
        kinds = [(0, whole, self.columns)] if whole else []
        return kinds if whole == self.count else [*kinds, (whole, self.count, self.last)]

    def emit(self, target: Target) -> str:
        """The kernel that lays them out."""
        writer = Writer(target)
        problem, dtype = self.problem, self.problem.dtype
        lanes = lanes_of(target, ARITHMETIC_KIND[dtype.name], problem.columns.size)
        reduction = [(axis.size, axis.steps[1]) for axis in problem.summed]
        step = problem.columns.steps[1]
        bounds = Register("%begin", "i64"), Register("%end", "i64")
        for first, end, columns in self.kinds():

            def one(number: Register, columns: int = columns) -> None:
                here = writer.binary("mul", number, writer.constant(self.columns * step, "i64"))
                there = writer.binary("mul", number, writer.constant(self.columns * problem.depth, "i64"))
                source = writer.offset(writer.argument(0), dtype, here)
                packed = writer.offset(writer.argument(1), dtype, there)
                widths = _widths(columns, lanes)
                pack_panel(writer, dtype, lanes, widths, step, reduction, source, packed, self.columns)

            over(writer, bounds, first, end, one)
        return writer.module()


class RowProduct:
    """The kernel of one product with one epilogue."""

    def __init__(self, problem: Problem, finish: Finish, cut: Cut, panels: Panels, packed: bool) -> None:
        self.problem, self.finish, self.cut, self.panels, self.packed = problem, finish, cut, panels, packed

    @property
    def pieces(self) -> int:
        return -(-self.cut.rows // self.cut.block)

    def slabs(self) -> Slabs:
        """Operands whose leading axis is the rows."""
        rows = self.problem.rows
        reads = {0}
        views: dict[int, list[int]] = {}
        for value, step in zip(self.finish.viewed, rows.steps[3:], strict=True):
            view = self.finish.found[value]
            assert isinstance(view, View)
            views.setdefault(view.source, []).append(step)
        for source, steps in views.items():
            if all(step * rows.size == self.finish.inputs[source].type.size for step in steps):
                reads.add(2 + source)
        first = 2 + len(self.finish.inputs)
        reads.update(range(first, first + len(self.finish.outputs)))
        return Slabs(self.cut.rows, self.cut.block, frozenset(reads))

    def emit(self, target: Target) -> str:
        writer = Writer(target)
        problem = self.problem
        lanes = lanes_of(target, ARITHMETIC_KIND[problem.dtype.name], problem.columns.size)
        for first, end, columns in self.panels.kinds():
            bounds = writer.constant(first, "i64"), writer.constant(end, "i64")

            def panel(number: Register, columns: int = columns) -> None:
                widths = _widths(columns, lanes)
                rows = _rows_of_tile(target, self.cut.block, len(widths))
                most = max(1, (target.registers - 1) // (rows + 1))
                for start in range(0, len(widths), most):
                    self._columns(writer, lanes, rows, widths[start : start + most], number, start * lanes)

            over(writer, bounds, first, end, panel)
        return writer.module()

    def _columns(
        self, writer: Writer, lanes: int, tile: int, widths: tuple[int, ...], number: Register, skipped: int
    ) -> None:
        """Some vectors of columns of a panel, for all rows of the pieces at hand: `tile` rows at a time."""
        problem, cut = self.problem, self.cut
        zero = writer.constant(0, "i64")
        first = writer.binary("mul", number, writer.constant(self.panels.columns, "i64"))
        if skipped:
            first = writer.binary("add", first, writer.constant(skipped, "i64"))
        places = advance(writer, [zero] * len(problem.rows.steps), first, problem.columns.steps)
        b, steps = self._matrix(writer, number, places, skipped)

        def block(row: Register, rows: int) -> None:
            here = advance(writer, places, row, problem.rows.steps)
            self._block(writer, lanes, widths, rows, here, b, steps)

        whole, rest = divmod(cut.rows, cut.block)
        size = writer.constant(cut.block, "i64")
        low = writer.binary("mul", Register("%begin", "i64"), size)
        last = writer.intrinsic("llvm.smin", Register("%end", "i64"), writer.constant(whole, "i64"))
        high = writer.binary("mul", last, size)
        low_end = writer.binary("sub", high, writer.constant(tile - 1, "i64"))
        with writer.loop(low, low_end, tile) as loop:
            block(loop.index, tile)
        if tile > cut.block:  # a piece without a partner
            left = writer.binary("and", writer.binary("sub", high, low), writer.constant(tile - 1, "i64"))
            with writer.when(writer.compare("sgt", left, zero)):
                block(writer.binary("sub", high, size), cut.block)
        if rest:
            with writer.when(writer.compare("sgt", Register("%end", "i64"), writer.constant(whole, "i64"))):
                for top in range(0, rest, tile):
                    block(writer.constant(whole * cut.block + top, "i64"), min(tile, rest - top))

    def _matrix(
        self, writer: Writer, number: Register, places: Sequence[Register], skipped: int
    ) -> tuple[Register, tuple[Step, ...]]:
        """Where the columns begin, and the loops of the reduction over them."""
        problem = self.problem
        base = writer.argument(1)
        if not self.packed:
            return writer.offset(base, problem.dtype, places[1]), tuple(
                Step(axis.size, *axis.steps) for axis in problem.summed
            )
        size = writer.constant(self.panels.columns * problem.depth, "i64")
        b = writer.offset(base, problem.dtype, writer.binary("mul", number, size))
        b = writer.offset(b, problem.dtype, skipped)
        return b, panel_steps(problem.summed, self.panels.columns)

    def _block(
        self,
        writer: Writer,
        lanes: int,
        widths: tuple[int, ...],
        rows: int,
        places: Sequence[Register],
        b: Register,
        steps: tuple[Step, ...],
    ) -> None:
        problem = self.problem
        a = writer.offset(writer.argument(0), problem.dtype, places[0])
        offsets = [tuple(row * step for row in range(rows)) for step in problem.rows.steps]
        # A row must be summed alike whichever tile it is in.
        block = unrolled(Block(problem.dtype, offsets[0], lanes, widths, steps, together=True))
        tile = accumulate(writer, block, a, b)
        self.finish.store(writer, tile, lanes, widths, 2, places[2:], offsets[2:], problem.columns.steps[2:])


def _widths(columns: int, lanes: int) -> tuple[int, ...]:
    """Lanes in use of the vectors that so many columns take."""
    vectors = -(-columns // lanes)
    return (*(lanes,) * (vectors - 1), columns - (vectors - 1) * lanes)


def _rows_of_tile(target: Target, block: int, vectors: int) -> int:
    """Rows of a tile: of two pieces, one, or part of one; whichever has the most accumulators within the registers."""
    choices = (8, 4) if block >= 8 else (2 * block, block)
    return max(choices, key=lambda rows: (rows * min(vectors, max(1, (target.registers - 1) // (rows + 1))), rows))


def _packing(panels: Panels, matrix: Value) -> Launch:
    problem = panels.problem
    packed = make_input(TensorType(problem.dtype, (panels.count, problem.depth, panels.columns)), "panels")
    kernel = Kernel(
        key=digest("panels", problem.dtype, problem.columns.size, problem.columns.steps[1], panels.columns,
                   [(axis.size, axis.steps[1]) for axis in problem.summed]),
        emit=panels.emit,
        pieces=panels.count,
        cost=50 + packed.type.bytes / 10,
    )  # fmt: skip
    return Launch(kernel, (matrix,), (packed,))


def _launch(product: RowProduct, node: Node, matrix: Value) -> Launch:
    problem, finish = product.problem, product.finish
    kind = ARITHMETIC_KIND[problem.dtype.name]
    moved = problem.dtype.itemsize * problem.depth * (problem.rows.size + problem.columns.size)
    kernel = Kernel(
        key=digest("rows", problem, finish.key, product.cut, product.panels.columns, product.packed),
        emit=product.emit,
        pieces=product.pieces,
        cost=100 + problem.work / RATES.get(kind, 25.0) + (moved + 4 * node.outputs[0].type.size) / 30,
        inplace=finish.inplace(2),
        slabs=product.slabs(),
    )
    return Launch(kernel, (node.inputs[0], matrix, *finish.inputs), finish.outputs)


__all__ = ["lower_rows"]
