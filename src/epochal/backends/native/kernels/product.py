"""Matrix products of any form, in register blocks: rows of a spread over the lanes, columns of b along them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from epochal.backends.native.emit import ARITHMETIC_KIND, Register, Writer
from epochal.backends.native.kernel import Kernel, Launch, Target
from epochal.backends.native.kernels.ahead import accumulate_ahead
from epochal.backends.native.kernels.axes import Axis, advance, decode, share
from epochal.backends.native.kernels.block import Block, Step, most_rows, split_evenly, unrolled
from epochal.backends.native.kernels.combine import combine_launch
from epochal.backends.native.kernels.epilogue import Epilogue
from epochal.backends.native.kernels.finish import Finish
from epochal.backends.native.kernels.geometry import Geometry
from epochal.backends.native.kernels.inner import SMALL, InnerProduct, suits_inner
from epochal.backends.native.kernels.problem import Problem, has_parts, problem_of
from epochal.backends.native.kernels.tiled import LONG, TiledProduct, suits_tiled
from epochal.backends.native.kernels.transpose import pack_panel, panel_steps
from epochal.backends.native.kernels.vector_product import suits_vectors, vector_launches
from epochal.backends.native.kernels.weights import GROUP_BYTES, GROUPS, weight_gradient_launches
from epochal.backends.native.kernels.work import PIECES, RATES, Panels, collides, digest, lanes_of, over, panels_of
from epochal.ir import Node, TensorType, make_input


@dataclass(frozen=True, slots=True)
class Grid:
    """How a product is cut into pieces; from shapes alone.

    Attributes:
        groups: Groups of columns.
        chunks: Chunks of rows.
        rows_first: Whether pieces that follow one another share a chunk of rows, else a group of columns.
    """

    groups: int
    chunks: int
    rows_first: bool = False


DEEP = 1024
"""Summed rows, of both operands, from which a product is summed in parts, as a convolution's weight gradient is."""

LARGE = 1 << 18
"""Results for which there are pieces enough without summing in parts."""

CACHED = 1 << 20
"""Bytes of a that surely stay in the second-level cache."""


def grid_of(problem: Problem) -> Grid:
    """Columns go to threads before rows, so each keeps its part of b, unless a is large and b is not."""
    rows, columns, size = problem.rows.size, problem.columns.size, problem.dtype.itemsize
    width = 128 if rows > 3 else 512
    groups = max(1, -(-columns * size // width))
    moved = (rows + columns) * problem.batch * problem.depth * size
    most = max(1, problem.work // 500_000, moved >> 18)
    if problem.batch * groups * min(most, PIECES) == 0:
        return Grid(1, 1)
    a_bytes, b_bytes = rows * problem.depth * size, columns * problem.depth * size
    if groups > 1 and a_bytes > 2 * b_bytes and a_bytes > (1 << 19) and b_bytes < (1 << 20):
        wanted = max(PIECES // min(PIECES, problem.batch), a_bytes >> 18)
        return Grid(1, max(1, min(wanted, rows // 24)))
    groups = max(1, min(groups, most))
    chunks = max(1, min(-(-PIECES // (problem.batch * groups)), rows // 8, most // groups))
    if groups > 1 and a_bytes // chunks > CACHED:
        return Grid(groups, max(chunks, min(2 * a_bytes // CACHED, rows // 24)), rows_first=True)
    return Grid(groups, chunks)


def worth_packing(problem: Problem, grid: Grid) -> bool:
    """Whether a panel of b is copied before it is used, where its columns lie side by side already.

    The lines of a column panel whose rows are a multiple of a large power of two apart fall into few sets of a cache.
    The copy costs as much as the product of a few rows, so it must save a panel that many rows use from falling out
    of the second-level cache (2,048 sets, at least 8 ways), or from the first-level one (64 sets).
    """
    step = problem.summed[-1].steps[1] * problem.dtype.itemsize if problem.summed else 0
    rows, depth = problem.rows.size // grid.chunks, problem.depth
    if step < 512 or step % 64:
        return False
    first = depth * math.gcd(step // 64, 64) > 8 * 64 and depth <= 256
    return (collides(depth, step) and rows > ONCE) or (first and rows >= 256)


def widest_panel(target: Target, rows: int) -> int:
    """Vectors of a panel that all rows meet at once, if they are few: b is then read in long stretches."""
    if rows > FEW:
        return 2
    fit = (target.registers - 1) // (rows + 1)
    return max(2, fit if target.registers >= 32 else 2)


FEW = 9
"""Rows that fit a block with 3 vectors or more of columns."""

ONCE, AHEAD = 24, 8
"""Rows that use a panel of b so seldom that memory bounds the product, and the steps ahead of which b is asked for:
twice the speed for a dozen rows where b comes from the third-level cache."""


class Product:
    """The kernel of one product with one epilogue. `operands` of the kernel's own come first among its arguments."""

    def __init__(self, problem: Problem, finish: Finish) -> None:
        self.problem, self.finish = problem, finish
        self.grid = grid_of(problem)
        self.pack = problem.columns.size > 1 and (problem.columns.steps[1] != 1 or worth_packing(problem, self.grid))

    @property
    def pieces(self) -> int:
        return self.problem.batch * self.grid.groups * self.grid.chunks

    @property
    def parts(self) -> int:
        """Parts of the result with sums of their own; 0 if they cannot be told from one another."""
        return self.grid.chunks if has_parts(self.problem) else 0

    @property
    def scratch(self) -> int:
        """Room for a packed panel: at most 3 vectors of 64 bytes a step, or 8 for few rows."""
        return self.problem.depth * (192 if self.problem.rows.size > FEW else 512) if self.pack else 0

    def emit(self, target: Target) -> str:
        writer = Writer(target)
        problem = self.problem
        lanes = lanes_of(target, ARITHMETIC_KIND[problem.dtype.name], problem.columns.size)
        widest = widest_panel(target, problem.rows.size)
        panels = panels_of(target, problem.rows.size, problem.columns.size, lanes, widest)
        begin, end = Register("%begin", "i64"), Register("%end", "i64")
        with writer.loop(begin, end) as piece:
            sizes = [axis.size for axis in problem.outer]
            if self.grid.rows_first:
                *outer, chunk, group = decode(writer, piece.index, [*sizes, self.grid.chunks, self.grid.groups])
            else:
                *outer, group, chunk = decode(writer, piece.index, [*sizes, self.grid.groups, self.grid.chunks])
            places = [writer.constant(0, "i64")] * len(problem.rows.steps)
            for axis, index in zip(problem.outer, outer, strict=True):
                places = advance(writer, places, index, axis.steps)
            places = self.finish.at_part(writer, places, chunk)
            bounds = share(writer, group, panels[-1].end, self.grid.groups)
            for panel in panels:
                self._panels(writer, lanes, panel, panels[0], bounds, chunk, places)
        return writer.module()

    def _panels(
        self,
        writer: Writer,
        lanes: int,
        panel: Panels,
        regular: Panels,
        bounds: tuple[Register, Register],
        chunk: Register,
        places: Sequence[Register],
    ) -> None:
        """The panels of one kind that are in a piece."""
        count, base, extra = split_evenly(self.problem.rows.size, most_rows(writer.target, len(panel.widths)))
        blocks = share(writer, chunk, count, self.grid.chunks)

        def one(number: Register) -> None:
            width = len(regular.widths) * lanes
            first = writer.binary("mul", number, writer.constant(width, "i64"))
            here = advance(writer, places, first, self.problem.columns.steps)
            self.finish.clear_sums(writer, lanes, panel.widths, 2, here)
            b, steps = self._columns(writer, lanes, panel, here)
            for rows, begin, end in ((base + 1, 0, extra), (base, extra, count)):
                if rows == 0 or begin == end:
                    continue

                def block(number: Register, rows: int = rows, skipped: int = begin and extra) -> None:
                    # The first `extra` blocks have one row more than the others.
                    top = writer.binary("mul", number, writer.constant(rows, "i64"))
                    if skipped:
                        top = writer.binary("add", top, writer.constant(skipped, "i64"))
                    self._block(
                        writer, lanes, panel, rows, advance(writer, here, top, self.problem.rows.steps), b, steps
                    )

                over(writer, blocks, begin, end, block)

        over(writer, bounds, panel.first, panel.end, one)

    def _columns(
        self, writer: Writer, lanes: int, panel: Panels, places: Sequence[Register]
    ) -> tuple[Register, tuple[Step, ...]]:
        """Where a panel of b is, packed if need be, and the loops of the reduction over it."""
        problem = self.problem
        base = writer.argument(0 if problem.swapped else 1)
        b = writer.offset(base, problem.dtype, places[1])
        if not self.pack:
            return b, tuple(Step(axis.size, *axis.steps) for axis in problem.summed)
        packed = Register("%scratch", "ptr")
        reduction = [(axis.size, axis.steps[1]) for axis in problem.summed]
        pack_panel(writer, problem.dtype, lanes, panel.widths, problem.columns.steps[1], reduction, b, packed)
        return packed, panel_steps(problem.summed, len(panel.widths) * lanes)

    def _block(
        self,
        writer: Writer,
        lanes: int,
        panel: Panels,
        rows: int,
        places: Sequence[Register],
        b: Register,
        steps: tuple[Step, ...],
    ) -> None:
        problem = self.problem
        a = writer.offset(writer.argument(1 if problem.swapped else 0), problem.dtype, places[0])
        offsets = [tuple(row * step for row in range(rows)) for step in problem.rows.steps]
        once = problem.rows.size <= ONCE and not self.pack and problem.columns.steps[1] == 1
        ahead = AHEAD * steps[0].b if once and len(steps) == 1 else 0
        block = unrolled(Block(problem.dtype, offsets[0], lanes, panel.widths, steps, ahead=ahead))
        stretches = self.finish.stretches(
            writer, 2, places[2:], offsets[2:], problem.columns.steps[2:], sum(panel.widths)
        )
        tile = accumulate_ahead(writer, block, a, b, stretches)
        self.finish.store(writer, tile, lanes, panel.widths, 2, places[2:], offsets[2:], problem.columns.steps[2:])


def lower_product(node: Node, epilogue: Epilogue | None = None) -> tuple[Launch, ...]:
    """The launches of a ``dot_general``."""
    finish = Finish(node.outputs[0], epilogue)
    problem = problem_of(node, finish.strides)
    if suits_vectors(problem):
        return vector_launches(problem, finish, node)
    rows, columns = problem.rows.size, problem.columns.size
    deep = problem.depth >= DEEP and len(problem.summed) == 1 and problem.summed[0].steps == (rows, columns)
    deep = deep and not problem.outer and not problem.swapped and rows > 1 and columns > 1
    if deep and rows * columns < LARGE:
        parts = _in_parts(problem)
        if parts is not None and suits_tiled(parts, DEEP // GROUPS):
            shape = (parts.batch, rows, columns)
            partial = make_input(TensorType(problem.dtype, shape), "partial")
            launch = product_launch(parts, Finish(partial, None), node, DEEP // GROUPS)
            return (launch, combine_launch(partial, parts.batch, finish))
        geometry = Geometry(
            problem.dtype, problem.depth, (1, 1, rows), (1, 1, columns), (1, 1), (1, 1), (1, 1), (0, 0), 1
        )
        return weight_gradient_launches(node, geometry, finish)
    return (product_launch(problem, finish, node),)


def _in_parts(problem: Problem) -> Problem | None:
    """A product of few results and many summed rows as that of its parts, whose results lie one after the other."""
    rows, columns = problem.rows.size, problem.columns.size
    if problem.depth % GROUPS or GROUPS * rows * columns * problem.dtype.itemsize > GROUP_BYTES:
        return None
    part = problem.depth // GROUPS
    outer = Axis(GROUPS, (part * rows, part * columns, rows * columns))
    summed = Axis(part, (rows, columns))
    return Problem(problem.dtype, (outer,), Axis(rows, (1, 0, columns)), Axis(columns, (0, 1, 1)), (summed,))


def product_launch(problem: Problem, finish: Finish, node: Node, long: int = LONG) -> Launch:
    """The launch of a product in canonical form whose operands are the node's; `long` as `suits_tiled` has it."""
    tiled = suits_tiled(problem, long)
    inner = suits_inner(problem) and (not tiled or min(problem.rows.size, problem.columns.size) <= SMALL)
    kernel_type = InnerProduct if inner else TiledProduct if tiled else Product
    product = kernel_type(problem, finish)
    kind = ARITHMETIC_KIND[problem.dtype.name]
    size = problem.batch * problem.rows.size * problem.columns.size
    moved = problem.dtype.itemsize * problem.batch * problem.depth * (problem.rows.size + problem.columns.size)
    kernel = Kernel(
        key=digest("product", kernel_type.__name__, problem, finish.key),
        emit=product.emit,
        pieces=0 if problem.empty else product.pieces,
        cost=100 + problem.work / RATES.get(kind, 25.0) + (moved + size * 4) / 30,
        scratch=product.scratch,
        inplace=finish.inplace(2),
    )
    parts = product.parts if isinstance(product, (Product, TiledProduct)) else 0
    sums = finish.partials(parts) if parts else ()
    return Launch(kernel, (*node.inputs, *finish.inputs), (*finish.outputs, *sums))


__all__ = ["Product", "lower_product", "product_launch"]
