"""Weight gradients of 3x3 convolutions by Winograd's method: see `winograd`.

    dg = G' [sum over tiles of (A dy A') * (B' d B)] G

The sums are 16 matrix products ``[inputs, tiles] x [tiles, outputs]``. As in `weights`, tiles are cut into a fixed
number of groups, each with a buffer of its own; a second launch adds these in order and transforms their sum.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from epochal.backends.native.emit import ARITHMETIC_KIND, Register, Writer
from epochal.backends.native.kernel import Kernel, Launch, Target
from epochal.backends.native.kernels.axes import advance, decode, share
from epochal.backends.native.kernels.block import (
    Block,
    Tile,
    accumulate,
    load_columns,
    most_rows,
    split_evenly,
)
from epochal.backends.native.kernels.finish import Finish
from epochal.backends.native.kernels.geometry import Geometry
from epochal.backends.native.kernels.winograd import (
    PLANES,
    Patches,
    Tiling,
    change_kernel_gradient,
    chunk_bounds,
    clear,
    cotangent_row,
    each,
    input_row,
    one_row,
    padded,
    rows_for,
    several,
)
from epochal.backends.native.kernels.work import PIECES, RATES, Panels, digest, lanes_of, over, panels_of
from epochal.ir import Node, TensorType, Value, make_input

GROUPS = 4
"""Groups of chunks, at most."""

GROUP_BYTES = 1 << 20
"""Bytes of a group's buffer, at most, if there is more than one."""

TILES = 64
"""Tiles of a chunk: accumulators are kept over it."""

COLUMNS = 128
"""Channels of the cotangent for which an input may be transformed once more."""

ROWS = 4
"""Rows of a transformed tile. A piece works on one of them: it takes two of the input's, one of them negated."""

FAR = -(1 << 20)
"""A row outside of any image."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a weight gradient is cut up.

    Attributes:
        tiling: The cotangent in tiles.
        inputs, outputs: Channels.
        groups: Groups of chunks, each with a buffer.
        column_groups: Groups of output channels.
    """

    tiling: Tiling
    inputs: int
    outputs: int
    groups: int
    column_groups: int

    @property
    def columns(self) -> int:
        """Output channels of a group, at most."""
        return -(-self.outputs // self.column_groups)


def plan_of(geometry: Geometry) -> Plan:
    tiling = Tiling(geometry.dtype, geometry.images, geometry.x[:2], geometry.y[:2], geometry.before, 1)
    inputs, outputs, size = geometry.x[2], geometry.y[2], geometry.dtype.itemsize
    tiling = replace(tiling, rows=rows_for(tiling.across, tiling.total, TILES))
    groups = min(GROUPS if PLANES * inputs * outputs * size <= GROUP_BYTES else 1, tiling.chunks)
    column_groups = max(1, min(-(-PIECES // (ROWS * groups)), outputs // COLUMNS))
    while column_groups > 1 and outputs % (16 * column_groups):
        column_groups -= 1
    return Plan(tiling, inputs, outputs, groups, column_groups)


class WinogradWeightGradient:
    """The kernel of the partial sums: input, cotangent, to ``[groups][16][inputs][outputs]``."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    @property
    def pieces(self) -> int:
        return ROWS * self.plan.groups * self.plan.column_groups

    @property
    def zeros(self) -> int:
        """Bytes of a row of the input or the cotangent."""
        plan, tiling = self.plan, self.plan.tiling
        size: int = tiling.dtype.itemsize
        longest = max(tiling.source[1] * plan.inputs, tiling.result[1] * plan.outputs)
        return -(-longest * size // 64) * 64

    @property
    def scratch(self) -> int:
        plan = self.plan
        return self.zeros + (plan.tiling.bytes(plan.inputs) + plan.tiling.bytes(plan.columns)) * ROWS // PLANES

    def emit(self, target: Target) -> str:
        writer = Writer(target)
        plan, tiling = self.plan, self.plan.tiling
        zeros = Register("%scratch", "ptr")
        source = writer.offset(zeros, "i8", self.zeros)
        cotangent = writer.offset(source, "i8", tiling.bytes(plan.inputs) * ROWS // PLANES)
        clear(writer, zeros, self.zeros)
        none = writer.constant(0, "i64")
        with writer.loop(Register("%begin", "i64"), Register("%end", "i64")) as piece:
            group, row, columns = decode(writer, piece.index, [plan.groups, ROWS, plan.column_groups])
            inputs, outputs = self._patches(writer, row)
            begin, end = share(writer, group, tiling.chunks, plan.groups)
            channel = writer.binary("mul", columns, writer.constant(plan.columns, "i64"))
            size = plan.inputs * plan.outputs
            place = advance(writer, advance(writer, [channel], group, (PLANES * size,)), row, (PLANES // ROWS * size,))
            buffer = writer.offset(writer.argument(2), tiling.dtype, place[0])
            with writer.loop(begin, end) as chunk:
                rows = chunk_bounds(writer, tiling, chunk.index)
                inputs.transform(writer, writer.argument(0), zeros, source, rows, none, plan.inputs)
                outputs.transform(writer, writer.argument(1), zeros, cotangent, rows, channel, plan.columns)
                start = writer.compare("eq", chunk.index, begin)
                tiles: int | Register = tiling.tiles
                if tiling.total % tiling.rows:
                    tiles = writer.binary("mul", rows[1], writer.constant(tiling.across, "i64"))
                self._products(writer, (source, cotangent, buffer), tiles, start)
        return writer.module()

    def _patches(self, writer: Writer, row: Register) -> tuple[Patches, Patches]:
        """How input and cotangent become one row of the transformed tiles."""
        plan, tiling = self.plan, self.plan.tiling

        def pick(*numbers: int) -> Register:
            chosen = writer.constant(numbers[-1], "i64")
            for index, number in enumerate(numbers[:-1]):
                equal = writer.compare("eq", row, writer.constant(index, "i64"))
                chosen = writer.select(equal, writer.constant(number, "i64"), chosen)
            return chosen

        def sign(*numbers: int) -> Register:
            return writer.convert("sitofp", pick(*numbers), ARITHMETIC_KIND[tiling.dtype.name])

        change_input = one_row(input_row, sign(-1, 1, -1, -1))
        change_cotangent = one_row(cotangent_row, sign(1, 1, -1, 1))
        inputs = (pick(0, 1, 2, 1), pick(2, 2, 1, 3))
        outputs = (pick(0, 0, 0, 1), pick(FAR, 1, 1, FAR))
        return (
            Patches(tiling, tiling.source, plan.inputs, tiling.before, 4, change_input, inputs),
            Patches(tiling, tiling.result, plan.outputs, (0, 0), 2, change_cotangent, outputs),
        )

    def _products(
        self, writer: Writer, bases: tuple[Register, Register, Register], tiles: int | Register, start: Register
    ) -> None:
        """Adds a chunk's matrix products to the buffer."""
        plan, tiling = self.plan, self.plan.tiling
        lanes = lanes_of(writer.target, ARITHMETIC_KIND[tiling.dtype.name], plan.columns)
        panels = panels_of(writer.target, plan.inputs, plan.columns, lanes)
        whole = lanes * len(panels[0].widths)
        strides = (tiling.plane(plan.inputs), tiling.plane(plan.columns), plan.inputs * plan.outputs)
        bounds = (writer.constant(0, "i64"), writer.constant(panels[-1].end, "i64"))
        with writer.loop(0, PLANES // ROWS) as plane:
            planes = advance(writer, [writer.constant(0, "i64")] * 3, plane.index, strides)
            for panel in panels:
                blocks, base, extra = split_evenly(plan.inputs, most_rows(writer.target, len(panel.widths)))

                def one(
                    number: Register,
                    panel: Panels = panel,
                    cut: tuple[int, int, int] = (blocks, base, extra),
                ) -> None:
                    here = advance(writer, planes, number, (0, whole, whole))
                    blocks, base, extra = cut
                    for rows, begin, end in ((base + 1, 0, extra), (base, extra, blocks)):

                        def block(number: Register, rows: int = rows, skipped: int = begin and extra) -> None:
                            top = writer.binary("mul", number, writer.constant(rows, "i64"))
                            if skipped:
                                top = writer.binary("add", top, writer.constant(skipped, "i64"))
                            there = advance(writer, here, top, (1, 0, plan.outputs))
                            self._block(writer, lanes, panel.widths, rows, bases, there, tiles, start)

                        each(writer, begin, end, block)

                over(writer, bounds, panel.first, panel.end, one)

    def _block(
        self,
        writer: Writer,
        lanes: int,
        widths: Sequence[int],
        rows: int,
        bases: tuple[Register, Register, Register],
        places: Sequence[Register],
        tiles: int | Register,
        start: Register,
    ) -> None:
        """Adds one register block to its place in the buffer."""
        plan, dtype = self.plan, self.plan.tiling.dtype
        a, b, c = (writer.offset(base, dtype, place) for base, place in zip(bases, places, strict=True))
        zero = writer.constant(0, ARITHMETIC_KIND[dtype.name], lanes)

        def pointer(row: int, index: int) -> Register:
            return writer.offset(c, dtype, row * plan.outputs + index * lanes)

        tile: Tile = [
            [
                writer.select(start, zero, load_columns(writer, pointer(row, index), dtype, lanes, width))
                for index, width in enumerate(widths)
            ]
            for row in range(rows)
        ]
        steps, terms = several(tiles, padded(plan.inputs), padded(plan.columns))
        block = Block(dtype, tuple(range(rows)), lanes, (lanes,) * len(widths), steps, terms)
        for row, values in enumerate(accumulate(writer, block, a, b, tile)):
            for index, (value, width) in enumerate(zip(values, widths, strict=True)):
                writer.store(
                    pointer(row, index), value, dtype, None if width == lanes else writer.tail_mask(width, lanes)
                )


def _sum_launch(partial: Value, plan: Plan, finish: Finish) -> Launch:
    """The launch that adds the groups' buffers in order, and transforms their sum to the gradient."""
    size = PLANES * plan.inputs * plan.outputs
    work = Kernel(
        key=digest("winograd sum", plan, finish.key),
        emit=_sum_emitter(plan, finish),
        pieces=min(plan.inputs, PIECES),
        cost=50 + size * (plan.groups + 1) / 8,
        inplace=finish.inplace(1),
    )
    return Launch(work, (partial, *finish.inputs), finish.outputs)


def _sum_emitter(plan: Plan, finish: Finish) -> Callable[[Target], str]:
    def emit(target: Target) -> str:
        writer = Writer(target)
        lanes = lanes_of(target, ARITHMETIC_KIND[plan.tiling.dtype.name], plan.outputs)
        full, rest = divmod(plan.outputs, lanes)
        parts = min(plan.inputs, PIECES)
        with (
            writer.loop(Register("%begin", "i64"), Register("%end", "i64")) as piece,
            writer.loop(*share(writer, piece.index, plan.inputs, parts)) as row,
        ):
            places = [writer.constant(0, "i64")] * (1 + len(finish.strides))
            places = advance(writer, places, row.index, (plan.outputs, *(steps[2] for steps in finish.strides)))

            def vector(number: Register, used: int, places: Sequence[Register] = tuple(places)) -> None:
                first = writer.binary("mul", number, writer.constant(lanes, "i64"))
                here = advance(writer, places, first, (1, *(steps[3] for steps in finish.strides)))
                sums = _sums(writer, plan, lanes, used, here[0])
                gradient = change_kernel_gradient(writer, [sums[at : at + 4] for at in range(0, PLANES, 4)])
                rows = [
                    tuple(i * steps[0] + j * steps[1] for i in range(3) for j in range(3)) for steps in finish.strides
                ]
                columns = [steps[3] for steps in finish.strides]
                tile = [[value] for value in gradient]
                finish.store(writer, tile, lanes, (used,), 1, here[1:], rows, columns)

            each(writer, 0, full, lambda number: vector(number, lanes))
            if rest:
                vector(writer.constant(full, "i64"), rest)
        return writer.module()

    return emit


def _sums(writer: Writer, plan: Plan, lanes: int, used: int, place: Register) -> list[Register]:
    """The 16 sums of one vector over the groups."""
    dtype = plan.tiling.dtype
    plane = plan.inputs * plan.outputs
    source = writer.offset(writer.argument(0), dtype, place)

    def load(pointer: Register) -> list[Register]:
        return [
            load_columns(writer, writer.offset(pointer, dtype, number * plane), dtype, lanes, used)
            for number in range(PLANES)
        ]

    sums = load(source)
    if plan.groups == 1:
        return sums
    second = writer.offset(source, dtype, PLANES * plane)
    with writer.loop(1, plan.groups) as loop:
        here = loop.carry(second)
        carried = [loop.carry(register) for register in sums]
        for phi, value in zip(carried, load(here), strict=True):
            loop.set(phi, writer.binary("fadd", phi, value))
        loop.set(here, writer.offset(here, dtype, PLANES * plane))
    return [loop.result(phi) for phi in carried]


def winograd_weight_launches(node: Node, geometry: Geometry, finish: Finish) -> tuple[Launch, ...]:
    """Partial sums, then their sum."""
    plan = plan_of(geometry)
    gradient = WinogradWeightGradient(plan)
    partial = make_input(TensorType(geometry.dtype, (plan.groups, PLANES, plan.inputs, plan.outputs)), "partial")
    rate = RATES.get(ARITHMETIC_KIND[geometry.dtype.name], 25.0)
    products = 2 * PLANES * plan.tiling.total * plan.tiling.across * plan.inputs * plan.outputs
    moved = (geometry.x[0] * geometry.x[1] * geometry.x[2] + geometry.y[0] * geometry.y[1] * geometry.y[2]) / 2
    work = Kernel(
        key=digest("winograd weight gradient", plan),
        emit=gradient.emit,
        pieces=gradient.pieces,
        cost=100 + products / rate + geometry.images * moved,
        scratch=gradient.scratch,
    )
    return (Launch(work, node.inputs, (partial,)), _sum_launch(partial, plan, finish))


__all__ = ["Plan", "WinogradWeightGradient", "plan_of", "winograd_weight_launches"]
