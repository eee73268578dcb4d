"""The kernel of a convolution with bias, ReLU and max-pooling: whole windows stay in registers."""

from __future__ import annotations

from collections.abc import Sequence

from epochal import dtypes
from epochal.backends.native.elementwise import emit_elementwise
from epochal.backends.native.emit import ARITHMETIC_KIND, Register, Writer
from epochal.backends.native.kernel import Kernel, Launch, Target
from epochal.backends.native.kernels.axes import advance, decode, share
from epochal.backends.native.kernels.block import (
    Block,
    Step,
    accumulate,
    load_columns,
    most_rows,
    split_evenly,
    unrolled,
)
from epochal.backends.native.kernels.cotangent import LOSER
from epochal.backends.native.kernels.geometry import Geometry
from epochal.backends.native.kernels.padding import Padded
from epochal.backends.native.kernels.work import PIECES, RATES, Panels, digest, lanes_of, over, panels_of
from epochal.ir import Node


class PooledForward:
    """Arguments: input, kernel, bias, pooled values, winners."""

    def __init__(self, geometry: Geometry, window: tuple[int, int]) -> None:
        self.geometry, self.window = geometry, window
        self.counts = (geometry.y[0] // window[0], geometry.y[1] // window[1])
        self.padded = Padded(geometry)
        self.bands: int = max(1, min(-(-PIECES // max(1, geometry.images)), self.counts[0]))

    @property
    def pieces(self) -> int:
        return self.geometry.images * self.bands

    def emit(self, target: Target) -> str:
        writer = Writer(target)
        g = self.geometry
        lanes = lanes_of(target, ARITHMETIC_KIND[g.dtype.name], g.y[2])
        panels = panels_of(target, 8, g.y[2], lanes)
        with writer.loop(Register("%begin", "i64"), Register("%end", "i64")) as piece:
            image, band = decode(writer, piece.index, [g.images, self.bands])
            source = self.padded.image(writer, image)
            # Offsets in: the input's image, the kernel (and the bias), the results.
            zero = writer.constant(0, "i64")
            places = advance(writer, [zero] * 3, image, (0, 0, self.counts[0] * self.counts[1] * g.y[2]))
            rows = share(writer, band, self.counts[0], self.bands)
            for panel in panels:

                def one(number: Register, panel: Panels = panel) -> None:
                    first = writer.binary("mul", number, writer.constant(lanes * len(panels[0].widths), "i64"))
                    here = advance(writer, places, first, (0, 1, 1))
                    with writer.loop(*rows) as row:
                        steps = (self.window[0] * self.padded.pitch, 0, self.counts[1] * g.y[2])
                        self._row(writer, lanes, panel, source, advance(writer, here, row.index, steps))

                over(writer, (zero, writer.constant(panels[-1].end, "i64")), panel.first, panel.end, one)
        return writer.module()

    def _row(self, writer: Writer, lanes: int, panel: Panels, source: Register, places: Sequence[Register]) -> None:
        """One row of windows."""
        g = self.geometry
        area = self.window[0] * self.window[1]
        most = max(1, most_rows(writer.target, len(panel.widths)) // area)
        count, base, extra = split_evenly(self.counts[1], most)
        steps = (self.window[1] * g.x[2], 0, g.y[2])
        whole = (writer.constant(0, "i64"), writer.constant(count, "i64"))
        for windows, begin, end in ((base + 1, 0, extra), (base, extra, count)):
            if begin == end:
                continue

            def block(number: Register, windows: int = windows, skipped: int = begin and extra) -> None:
                here = advance(writer, places, number, [windows * step for step in steps])
                here = advance(writer, here, skipped, steps)
                self._block(writer, lanes, panel, windows, source, here)

            over(writer, whole, begin, end, block)

    def _block(
        self,
        writer: Writer,
        lanes: int,
        panel: Panels,
        windows: int,
        source: Register,
        places: Sequence[Register],
    ) -> None:
        g = self.geometry
        high, wide = self.window
        rows = tuple(
            i * self.padded.pitch + (window * wide + j) * g.x[2]
            for window in range(windows)
            for i in range(high)
            for j in range(wide)
        )
        outer = (Step(g.window[0], self.padded.pitch, g.window[1] * g.x[2] * g.y[2]),)
        inner = (Step(g.window[1], g.x[2], g.x[2] * g.y[2]), Step(g.x[2], 1, g.y[2]))
        block = unrolled(Block(g.dtype, rows, lanes, panel.widths, outer, inner=inner))
        x = writer.offset(source, g.dtype, places[0])
        tile = accumulate(writer, block, x, writer.offset(writer.argument(1), g.dtype, places[1]))
        bias = writer.offset(writer.argument(2), g.dtype, places[1])
        area = high * wide
        for index, width in enumerate(panel.widths):
            shift = load_columns(writer, writer.offset(bias, g.dtype, index * lanes), g.dtype, lanes, width)
            for window in range(windows):
                values = [row[index] for row in tile[window * area : (window + 1) * area]]
                at = window * g.y[2] + index * lanes
                (place,) = advance(writer, [places[2]], at, (1,))
                self._pool(writer, lanes, width, values, shift, place)

    def _pool(
        self, writer: Writer, lanes: int, width: int, values: Sequence[Register], bias: Register, place: Register
    ) -> None:
        """Bias, ReLU and the maximum of one window, and its number: a NaN is larger than all, the first one wins."""
        dtype = self.geometry.dtype
        types = (dtype, dtype)
        active = [
            emit_elementwise(writer, "relu", [writer.binary("fadd", value, bias)], {}, types, lanes) for value in values
        ]
        best, winner = active[0], writer.constant(0, "i8", lanes)
        for number, value in enumerate(active[1:], 1):
            larger = writer.compare("ogt", value, best)
            best = writer.select(larger, value, best)
            best = writer.select(writer.compare("uno", value, value), value, best)
            winner = writer.select(larger, writer.constant(number, "i8", lanes), winner)
        positive = writer.compare("ogt", best, writer.constant(0, best.kind, lanes))
        winner = writer.select(positive, winner, writer.constant(LOSER, "i8", lanes))
        mask = None if width == lanes else writer.tail_mask(width, lanes)
        writer.store(writer.offset(writer.argument(3), dtype, place), best, dtype, mask)
        writer.store(writer.offset(writer.argument(4), dtypes.uint8, place), winner, dtypes.uint8, mask)


def pooled_forward(node: Node, geometry: Geometry, window: tuple[int, int]) -> tuple[Launch, ...]:
    """The launch of a ``pooled_conv``."""
    forward = PooledForward(geometry, window)
    rate = RATES.get(ARITHMETIC_KIND[geometry.dtype.name], 25.0)
    kernel = Kernel(
        key=digest("pooled forward", geometry, window),
        emit=forward.emit,
        pieces=forward.pieces,
        cost=100 + geometry.work / rate,
        scratch=forward.padded.scratch,
    )
    return (Launch(kernel, node.inputs, node.outputs),)


__all__ = ["PooledForward", "pooled_forward"]
