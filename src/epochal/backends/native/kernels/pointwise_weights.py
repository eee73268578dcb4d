"""Weight gradients of 1x1 convolutions: ``[pixels, inputs]`` transposed times ``[pixels, outputs]``.

The pixels lie a power of two of bytes apart where there are many channels, and then fall into few sets of the
first-level cache. A few of them at a time are copied to rows that do not; a piece has a rectangle of the result, small
enough to stay in the second-level cache with both copies. Where there are too few rectangles, pixels are cut into a
fixed number of groups with a buffer each, which a second launch adds in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from epochal.backends.native.emit import ARITHMETIC_KIND, Register, Writer
from epochal.backends.native.kernel import Launch, Target
from epochal.backends.native.kernels.axes import advance, decode, share
from epochal.backends.native.kernels.block import (
    Block,
    Step,
    Tile,
    accumulate,
    load_columns,
    most_rows,
    split_evenly,
)
from epochal.backends.native.kernels.combine import summed_launches
from epochal.backends.native.kernels.finish import Finish
from epochal.backends.native.kernels.geometry import Geometry
from epochal.backends.native.kernels.work import PIECES, Panels, lanes_of, over, panels_of
from epochal.ir import Node

SIDE = 256
"""Channels along each side of a piece's rectangle, at most."""

PIXELS = 128
"""Pixels that accumulators are kept over: a block's part of both copies stays in the first-level cache."""

FEWEST_CHANNELS, FEWEST_PIXELS = 32, 96
"""With fewer, what is copied is not read often enough, or accumulators are not kept long enough."""

LINE = 16
"""Elements between rows of a copy, beyond the channels: a cache line of float32."""


def suits_copies(geometry: Geometry) -> bool:
    """Whether the gradient of a convolution's kernel is best computed here."""
    plain = geometry.taps == 1 and geometry.groups == 1 and not geometry.padded
    pixels = geometry.images * geometry.y[0] * geometry.y[1]
    channels = min(geometry.x[2], geometry.y[2])
    single = geometry.dtype.name in ("float32", "float64")
    return plain and single and channels >= FEWEST_CHANNELS and pixels >= FEWEST_PIXELS


@dataclass(frozen=True, slots=True)
class Side:
    """One operand: how its channels are cut into groups, and where its pixels are.

    Attributes:
        channels: Channels of a pixel.
        groups: Groups of channels.
        steps: Elements from image to image, row to row, and pixel to pixel.
    """

    channels: int
    groups: int
    steps: tuple[int, int, int]

    @property
    def most(self) -> int:
        """Channels of a group, at most."""
        return -(-self.channels // self.groups)

    @property
    def pitch(self) -> int:
        """Elements from row to row of a copy."""
        return -(-self.most // LINE) * LINE + LINE


class PointwiseWeightGradient:
    """The kernel of the partial sums: input, cotangent, to ``[samples][inputs][outputs]``."""

    def __init__(self, geometry: Geometry) -> None:
        g = self.geometry = geometry
        row = g.x[1] * g.x[2]
        self.sides = (
            Side(g.x[2], _groups(g.x[2]), (g.x[0] * row, g.strides[0] * row, g.strides[1] * g.x[2])),
            Side(g.y[2], _groups(g.y[2]), (g.y[0] * g.y[1] * g.y[2], g.y[1] * g.y[2], g.y[2])),
        )
        self.pixels = g.images * g.y[0] * g.y[1]
        rectangles = self.sides[0].groups * self.sides[1].groups
        self.samples: int = max(1, min(-(-PIECES // rectangles), self.pixels // (4 * PIXELS)))
        share_ = -(-self.pixels // self.samples)
        self.chunk: int = -(-share_ // -(-share_ // PIXELS))

    @property
    def pieces(self) -> int:
        return self.samples * self.sides[0].groups * self.sides[1].groups

    @property
    def scratch(self) -> int:
        size: int = self.geometry.dtype.itemsize
        return self.chunk * sum(side.pitch for side in self.sides) * size

    def emit(self, target: Target) -> str:
        writer = Writer(target)
        g, (inputs, outputs) = self.geometry, self.sides
        copies = [Register("%scratch", "ptr")]
        copies.append(writer.offset(copies[0], g.dtype, self.chunk * inputs.pitch))
        with writer.loop(Register("%begin", "i64"), Register("%end", "i64")) as piece:
            sample, *groups = decode(writer, piece.index, [self.samples, inputs.groups, outputs.groups])
            first = [
                writer.binary("mul", group, writer.constant(side.most, "i64"))
                for group, side in zip(groups, self.sides, strict=True)
            ]
            place = advance(writer, [writer.constant(0, "i64")], sample, (g.x[2] * g.y[2],))
            place = advance(writer, advance(writer, place, first[0], (g.y[2],)), first[1], (1,))
            buffer = writer.offset(writer.argument(2), g.dtype, place[0])
            begin, end = share(writer, sample, self.pixels, self.samples)
            with writer.loop(begin, end, self.chunk) as chunk:
                left = writer.binary("sub", end, chunk.index)
                count = writer.intrinsic("llvm.smin", left, writer.constant(self.chunk, "i64"))
                for position, side in enumerate(self.sides):
                    self._copy(writer, position, side, first[position], copies[position], chunk.index, count)
                start = writer.compare("eq", chunk.index, begin)
                self._products(writer, copies, buffer, count, start)
        return writer.module()

    def _copy(
        self,
        writer: Writer,
        position: int,
        side: Side,
        channel: Register,
        copy: Register,
        first: Register,
        count: Register,
    ) -> None:
        """A chunk of one operand to scratch."""
        g = self.geometry
        lanes = lanes_of(writer.target, ARITHMETIC_KIND[g.dtype.name], side.most)
        full, rest = divmod(side.most, lanes)
        with writer.loop(writer.constant(0, "i64"), count) as pixel:
            number = writer.binary("add", first, pixel.index)
            indices = decode(writer, number, [g.images, g.y[0], g.y[1]])
            place = [channel]
            for index, step in zip(indices, side.steps, strict=True):
                place = advance(writer, place, index, (step,))
            source = writer.offset(writer.argument(position), g.dtype, place[0])
            row = advance(writer, [writer.constant(0, "i64")], pixel.index, (side.pitch,))
            target = writer.offset(copy, g.dtype, row[0])
            for start, width in [(index * lanes, lanes) for index in range(full)] + [(full * lanes, rest)]:
                if width:
                    value = load_columns(writer, writer.offset(source, g.dtype, start), g.dtype, lanes, width)
                    writer.store(writer.offset(target, g.dtype, start), value, g.dtype)

    def _products(
        self, writer: Writer, copies: Sequence[Register], buffer: Register, count: Register, start: Register
    ) -> None:
        """Adds a chunk to the rectangle."""
        g, (inputs, outputs) = self.geometry, self.sides
        lanes = lanes_of(writer.target, ARITHMETIC_KIND[g.dtype.name], outputs.most)
        panels = panels_of(writer.target, inputs.most, outputs.most, lanes)
        whole = lanes * len(panels[0].widths)
        bounds = (writer.constant(0, "i64"), writer.constant(panels[-1].end, "i64"))
        none = [writer.constant(0, "i64")] * 3
        for panel in panels:

            def one(number: Register, panel: Panels = panel) -> None:
                blocks, base, extra = split_evenly(inputs.most, most_rows(writer.target, len(panel.widths)))
                here = advance(writer, none, number, (0, whole, whole))
                for rows, begin, end in ((base + 1, 0, extra), (base, extra, blocks)):

                    def block(number: Register, rows: int = rows, skipped: int = begin and extra) -> None:
                        top = writer.binary("mul", number, writer.constant(rows, "i64"))
                        if skipped:
                            top = writer.binary("add", top, writer.constant(skipped, "i64"))
                        there = advance(writer, here, top, (1, 0, g.y[2]))
                        bases = (*copies, buffer)
                        a, b, c = (
                            writer.offset(base, g.dtype, place) for base, place in zip(bases, there, strict=True)
                        )
                        self._block(writer, lanes, panel.widths, rows, (a, b, c), count, start)

                    over(writer, (writer.constant(0, "i64"), writer.constant(blocks, "i64")), begin, end, block)

            over(writer, bounds, panel.first, panel.end, one)

    def _block(
        self,
        writer: Writer,
        lanes: int,
        widths: Sequence[int],
        rows: int,
        pointers: tuple[Register, Register, Register],
        count: Register,
        start: Register,
    ) -> None:
        """Adds one register block to its place in the buffer."""
        g, (inputs, outputs) = self.geometry, self.sides
        a, b, c = pointers
        zero = writer.constant(0, ARITHMETIC_KIND[g.dtype.name], lanes)

        def pointer(row: int, index: int) -> Register:
            return writer.offset(c, g.dtype, row * g.y[2] + index * lanes)

        tile: Tile = [
            [
                writer.select(start, zero, load_columns(writer, pointer(row, index), g.dtype, lanes, width))
                for index, width in enumerate(widths)
            ]
            for row in range(rows)
        ]
        steps = (Step(count, inputs.pitch, outputs.pitch),)
        block = Block(g.dtype, tuple(range(rows)), lanes, (lanes,) * len(widths), steps)
        for row, values in enumerate(accumulate(writer, block, a, b, tile)):
            for index, (value, width) in enumerate(zip(values, widths, strict=True)):
                mask = None if width == lanes else writer.tail_mask(width, lanes)
                writer.store(pointer(row, index), value, g.dtype, mask)


def _groups(channels: int) -> int:
    """Groups of equally many channels, at most `SIDE` of them if that can be."""
    groups = -(-channels // SIDE)
    return next((number for number in range(groups, 2 * groups) if channels % number == 0), 1)


def pointwise_weight_launches(node: Node, geometry: Geometry, finish: Finish) -> tuple[Launch, ...]:
    """Partial sums, then their sum."""
    gradient = PointwiseWeightGradient(geometry)
    return summed_launches("pointwise weight gradient", gradient, geometry.x[2], node, geometry, finish)


__all__ = ["PointwiseWeightGradient", "pointwise_weight_launches", "suits_copies"]
