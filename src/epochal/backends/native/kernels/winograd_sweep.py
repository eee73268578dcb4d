"""Convolutions of 3x3 kernels and their data gradients by Winograd's method: see `winograd`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from epochal.backends.native.emit import ARITHMETIC_KIND, Register, Writer
from epochal.backends.native.kernel import Kernel, Launch, Target
from epochal.backends.native.kernels.axes import advance, decode, share
from epochal.backends.native.kernels.block import Block, accumulate, load_columns, most_rows, split_evenly
from epochal.backends.native.kernels.finish import Finish
from epochal.backends.native.kernels.winograd import (
    PLANES,
    Patches,
    Tiling,
    by_column,
    change_input,
    change_kernel,
    change_result,
    chunk_bounds,
    clear,
    each,
    padded,
    rows_for,
    several,
)
from epochal.backends.native.kernels.work import PIECES, RATES, Panels, digest, lanes_of, over, panels_of
from epochal.dtypes import DType
from epochal.ir import TensorType, Value, make_input

TILES, MOST_TILES = 16, 48
"""Tiles of a chunk: as few as fill register blocks while the transformed kernel stays in the second-level cache, more
where it must come from farther away."""

NEAR = 1 << 20
"""Bytes of a transformed kernel, or of a chunk, that stay in the second-level cache."""

COLUMNS = 64
"""Channels of the result for which an input may be transformed once more."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """A stride-1 3x3 convolution, or what a data gradient is: one of the cotangent.

    Attributes:
        tiling: The result in tiles.
        depth, columns: Channels of the source and of the result.
        panels: The transformed kernel, ``[panel][16][depth][columns of the panel]``, depends on this number of rows
            that register blocks are chosen for.
    """

    tiling: Tiling
    depth: int
    columns: int

    def panels(self, target: Target) -> tuple[int, list[Panels]]:
        """Lanes of a vector, and the panels of columns."""
        lanes = lanes_of(target, ARITHMETIC_KIND[self.tiling.dtype.name], self.columns)
        return lanes, panels_of(target, self.tiling.tiles, self.columns, lanes)


def sweep_of(
    dtype: DType,
    images: int,
    source: tuple[int, int, int],
    result: tuple[int, int, int],
    before: tuple[int, int],
) -> Sweep:
    """The sweep from a source to a result, each of height, width and channels."""
    tiling = Tiling(dtype, images, source[:2], result[:2], before, 1)
    near = PLANES * source[2] * result[2] * dtype.itemsize <= NEAR
    most = max(TILES, min(MOST_TILES, NEAR // (PLANES * source[2] * dtype.itemsize)))
    rows = rows_for(tiling.across, tiling.total, TILES if near else most)
    return Sweep(replace(tiling, rows=rows), source[2], result[2])


class WinogradSweep:
    """The kernel of one sweep with one epilogue: arguments source, transformed kernel."""

    def __init__(self, sweep: Sweep, finish: Finish) -> None:
        self.sweep, self.finish = sweep, finish
        self.column_groups: int = max(1, min(-(-PIECES // sweep.tiling.chunks), sweep.columns // COLUMNS))
        self.chunk_groups: int = min(sweep.tiling.chunks, PIECES)

    @property
    def pieces(self) -> int:
        return self.column_groups * self.chunk_groups

    @property
    def widest(self) -> int:
        """Channels of the widest panel, at most."""
        return min(padded(self.sweep.columns), 8 * 16)

    @property
    def zeros(self) -> int:
        """Bytes of a row of the source."""
        tiling = self.sweep.tiling
        size: int = tiling.dtype.itemsize
        return -(-tiling.source[1] * self.sweep.depth * size // 64) * 64

    @property
    def scratch(self) -> int:
        tiling = self.sweep.tiling
        return self.zeros + tiling.bytes(self.sweep.depth) + tiling.bytes(self.widest)

    def emit(self, target: Target) -> str:
        writer = Writer(target)
        sweep, tiling = self.sweep, self.sweep.tiling
        lanes, panels = sweep.panels(target)
        zeros = Register("%scratch", "ptr")
        transformed = writer.offset(zeros, "i8", self.zeros)
        sums = writer.offset(transformed, "i8", tiling.bytes(sweep.depth))
        clear(writer, zeros, self.zeros)
        patches = Patches(tiling, tiling.source, sweep.depth, tiling.before, 4, change_input, (0, 1, 2, 3))
        none = writer.constant(0, "i64")
        with writer.loop(Register("%begin", "i64"), Register("%end", "i64")) as piece:
            column_group, group = decode(writer, piece.index, [self.column_groups, self.chunk_groups])
            bounds = share(writer, column_group, panels[-1].end, self.column_groups)
            places = [none] * len(self.finish.strides)
            places = self.finish.at_part(writer, places, group)
            for panel in panels:

                def clear_sums(number: Register, panel: Panels = panel, places: Sequence[Register] = places) -> None:
                    first = writer.binary("mul", number, writer.constant(lanes * len(panels[0].widths), "i64"))
                    here = advance(writer, places, first, [steps[3] for steps in self.finish.strides])
                    self.finish.clear_sums(writer, lanes, panel.widths, 2, here)

                if self.finish.epilogue.sums:
                    over(writer, bounds, panel.first, panel.end, clear_sums)
            with writer.loop(*share(writer, group, tiling.chunks, self.chunk_groups)) as chunk:
                rows = chunk_bounds(writer, tiling, chunk.index)
                patches.transform(writer, writer.argument(0), zeros, transformed, rows, none, sweep.depth)
                for panel in panels:

                    def one(
                        number: Register, panel: Panels = panel, places: Sequence[Register] = tuple(places)
                    ) -> None:
                        width = lanes * len(panels[0].widths)
                        start = writer.binary("mul", number, writer.constant(PLANES * sweep.depth * width, "i64"))
                        kernel = writer.offset(writer.argument(1), tiling.dtype, start)
                        self._products(writer, lanes, len(panel.widths), transformed, kernel, sums)
                        first = writer.binary("mul", number, writer.constant(width, "i64"))
                        here = advance(writer, places, first, [steps[3] for steps in self.finish.strides])
                        self._results(writer, lanes, panel, rows, here, sums)

                    over(writer, bounds, panel.first, panel.end, one)
        return writer.module()

    def _products(
        self, writer: Writer, lanes: int, vectors: int, source: Register, kernel: Register, sums: Register
    ) -> None:
        """The 16 matrix products of a chunk and a panel."""
        sweep, tiling = self.sweep, self.sweep.tiling
        dtype, width = tiling.dtype, lanes * vectors
        blocks, base, extra = split_evenly(tiling.tiles, most_rows(writer.target, vectors))
        steps, terms = several(sweep.depth, 1, width)
        with writer.loop(0, PLANES) as plane:
            strides = (tiling.plane(sweep.depth), sweep.depth * width, tiling.plane(width))
            starts = advance(writer, [writer.constant(0, "i64")] * 3, plane.index, strides)
            for rows, begin, end in ((base + 1, 0, extra), (base, extra, blocks)):

                def block(number: Register, rows: int = rows, skipped: int = begin and extra) -> None:
                    top = writer.binary("mul", number, writer.constant(rows, "i64"))
                    if skipped:
                        top = writer.binary("add", top, writer.constant(skipped, "i64"))
                    here = advance(writer, starts, top, (padded(sweep.depth), 0, padded(width)))
                    a, b, c = (
                        writer.offset(base, dtype, place)
                        for base, place in zip((source, kernel, sums), here, strict=True)
                    )
                    offsets = tuple(row * padded(sweep.depth) for row in range(rows))
                    tile = accumulate(writer, Block(dtype, offsets, lanes, (lanes,) * vectors, steps, terms), a, b)
                    for row, values in enumerate(tile):
                        for index, value in enumerate(values):
                            writer.store(writer.offset(c, dtype, row * padded(width) + index * lanes), value, dtype)

                each(writer, begin, end, block)

    def _results(
        self,
        writer: Writer,
        lanes: int,
        panel: Panels,
        bounds: tuple[Register, Register],
        places: Sequence[Register],
        sums: Register,
    ) -> None:
        """From sums to the results of a chunk and a panel, whose first channel is at `places`."""
        tiling = self.sweep.tiling
        first, rows = bounds
        width = padded(lanes * len(panel.widths))
        with writer.loop(writer.constant(0, "i64"), rows) as row:
            number = writer.binary("add", first, row.index)
            picture, down = decode(writer, number, [tiling.images, tiling.down])
            here = advance(writer, places, picture, [steps[0] for steps in self.finish.strides])
            here = advance(writer, here, down, [2 * steps[1] for steps in self.finish.strides])
            for begin, end, columns in by_column(tiling.across, self._columns):

                def tile(across: Register, here: Sequence[Register] = tuple(here), pixels: int = len(columns)) -> None:
                    there = advance(writer, here, across, [2 * steps[2] for steps in self.finish.strides])
                    at = advance(writer, [writer.constant(0, "i64")], row.index, (tiling.across * width,))
                    at = advance(writer, at, across, (width,))
                    source = writer.offset(sums, tiling.dtype, at[0])
                    for index, used in enumerate(panel.widths):
                        self._vector(writer, lanes, used, index, source, tiling.plane(width), down, pixels, there)

                each(writer, begin, end, tile)

    def _columns(self, across: int) -> tuple[int, ...]:
        return tuple(column for column in (0, 1) if 2 * across + column < self.sweep.tiling.result[1])

    def _vector(
        self,
        writer: Writer,
        lanes: int,
        used: int,
        index: int,
        source: Register,
        plane: int,
        down: Register,
        pixels: int,
        places: Sequence[Register],
    ) -> None:
        """One tile's vector of channels."""
        tiling = self.sweep.tiling
        square = [
            [
                writer.load(
                    writer.offset(source, tiling.dtype, (4 * i + j) * plane + index * lanes), tiling.dtype, lanes
                )
                for j in range(4)
            ]
            for i in range(4)
        ]
        result = change_result(writer, square)
        steps = self.finish.strides
        columns = [step[3] for step in steps]
        places = advance(writer, places, index * lanes, columns)
        odd = tiling.result[0] % 2 == 1

        def store(rows: Sequence[int]) -> None:
            tile = [[result[2 * row + pixel]] for row in rows for pixel in range(pixels)]
            offsets = [
                tuple(row * step[1] + pixel * step[2] for row in rows for pixel in range(pixels)) for step in steps
            ]
            self.finish.store(writer, tile, lanes, (used,), 2, places, offsets, columns)

        if not odd:
            store((0, 1))
            return
        store((0,))
        with writer.when(writer.compare("ne", down, writer.constant(tiling.down - 1, "i64"))):
            store((1,))


def kernel_launch(sweep: Sweep, kernel: Value, turned: bool) -> Launch:
    """The launch that transforms a kernel ``[3][3][depth][columns]``, turned by half a turn if need be."""
    size = PLANES * sweep.depth * padded(sweep.columns)
    result = make_input(TensorType(kernel.dtype, (size,)), "transformed")
    work = Kernel(
        key=digest("winograd kernel", sweep, turned),
        emit=_kernel_emitter(sweep, turned),
        pieces=min(sweep.depth, PIECES),
        cost=50 + size / 8,
    )
    return Launch(work, (kernel,), (result,))


def _kernel_emitter(sweep: Sweep, turned: bool) -> Callable[[Target], str]:
    dtype = sweep.tiling.dtype

    def emit(target: Target) -> str:
        writer = Writer(target)
        lanes, panels = sweep.panels(target)
        whole = lanes * len(panels[0].widths)
        parts = min(sweep.depth, PIECES)
        with (
            writer.loop(Register("%begin", "i64"), Register("%end", "i64")) as piece,
            writer.loop(*share(writer, piece.index, sweep.depth, parts)) as row,
        ):
            for panel in panels:

                def one(number: Register, panel: Panels = panel) -> None:
                    width = lanes * len(panel.widths)
                    places = [writer.constant(0, "i64")] * 2
                    places = advance(writer, places, number, (whole, PLANES * sweep.depth * whole))
                    places = advance(writer, places, row.index, (sweep.columns, width))
                    source = writer.offset(writer.argument(0), dtype, places[0])
                    result = writer.offset(writer.argument(1), dtype, places[1])
                    for index, used in enumerate(panel.widths):
                        _kernel_vector(writer, sweep, turned, lanes, used, (source, result), index, width)

                each(writer, panel.first, panel.end, one)
        return writer.module()

    return emit


def _kernel_vector(
    writer: Writer,
    sweep: Sweep,
    turned: bool,
    lanes: int,
    used: int,
    pointers: tuple[Register, Register],
    index: int,
    width: int,
) -> None:
    dtype = sweep.tiling.dtype
    source, result = pointers
    taps = [
        load_columns(
            writer,
            writer.offset(source, dtype, (8 - tap if turned else tap) * sweep.depth * sweep.columns + index * lanes),
            dtype,
            lanes,
            used,
        )
        for tap in range(9)
    ]
    for number, value in enumerate(change_kernel(writer, [taps[:3], taps[3:6], taps[6:]])):
        writer.store(writer.offset(result, dtype, number * sweep.depth * width + index * lanes), value, dtype)


def winograd_launches(sweep: Sweep, finish: Finish, source: Value, kernel: Value, turned: bool) -> tuple[Launch, ...]:
    """The launches of a sweep over `source`; `kernel` is ``[3][3][depth][columns]``."""
    first = kernel_launch(sweep, kernel, turned)
    convolution = WinogradSweep(sweep, finish)
    rate = RATES.get(ARITHMETIC_KIND[sweep.tiling.dtype.name], 25.0)
    products = 2 * PLANES * sweep.tiling.total * sweep.tiling.across * sweep.depth * sweep.columns
    work = Kernel(
        key=digest("winograd", sweep, finish.key),
        emit=convolution.emit,
        pieces=convolution.pieces if finish.result.type.size else 0,
        cost=100 + products / rate + finish.result.type.size / 5,
        scratch=convolution.scratch,
        inplace=finish.inplace(2),
    )
    outputs = (*finish.outputs, *finish.partials(convolution.chunk_groups))
    return (first, Launch(work, (source, *first.outputs, *finish.inputs), outputs))


__all__ = ["Sweep", "WinogradSweep", "sweep_of", "winograd_launches"]
