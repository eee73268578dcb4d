"""Weight gradients of convolutions in register blocks: rows (tap, input channel) by vectors of output channels.

Accumulators are kept over whole images. Samples are cut into a fixed number of groups, each with a buffer of its own;
a second launch adds the buffers in order, so the bits never depend on the number of threads.
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
    unrolled,
)
from epochal.backends.native.kernels.combine import combine_launch, summed_launches
from epochal.backends.native.kernels.finish import Finish
from epochal.backends.native.kernels.geometry import Geometry
from epochal.backends.native.kernels.ranges import inside
from epochal.backends.native.kernels.work import PIECES, Panels, lanes_of, over, panels_of
from epochal.ir import Node

GROUPS = 8
"""Groups of samples, at most."""

GROUP_BYTES = 1 << 22
"""Bytes of all groups' buffers, at most, if there is more than one."""

SHORT = 6
"""A run of fewer rows does not fill a block: blocks then take rows of several taps."""

PASS_BYTES, PASS_PIXELS = 1 << 16, 100
"""Bytes of input and cotangent that accumulators are kept over, which should stay in the first-level caches; but at
least so many pixels, or loading and storing the accumulators shows."""


@dataclass(frozen=True, slots=True)
class Pass:
    """What accumulators are kept over: so many images, or of one image output rows from `top` on, `height` of them
    (``None``: all). `start`: whether it is the piece's first."""

    images: Register
    start: Register
    height: Register | None = None
    top: Register | int = 0


class WeightGradient:
    """The kernel of the partial sums: input ``[N, H, W, C]``, cotangent, to ``[samples][taps * C / groups][O]``."""

    def __init__(self, geometry: Geometry) -> None:
        self.geometry = geometry
        size = geometry.dtype.itemsize
        # A filter for each channel: no sum over channels, and one group.
        self.depthwise = geometry.depthwise
        self.groups = 1 if self.depthwise else geometry.groups
        self.outputs = geometry.y[2] // self.groups
        self.rows = geometry.taps * geometry.inputs
        buffer = self.rows * geometry.y[2] * size
        most = max(1, geometry.work // 500_000)
        self.samples: int = max(1, min(geometry.images, most, GROUPS, GROUP_BYTES // max(1, buffer)))
        padded = geometry.padded
        merged = not padded and geometry.dilations[1] == 1 and geometry.groups == 1
        self.run = geometry.inputs * (geometry.window[1] if merged else 1)
        self.listed = self.run < SHORT
        self.copied = padded and self.listed
        self.exact = padded and not self.listed
        wanted = min(most, PIECES)
        self.column_groups: int = max(1, min(-(-wanted // self.samples), self.outputs * size // 128))
        shares = self.samples * self.column_groups * self.groups
        runs = 1 if self.listed else self.rows // self.run
        self.run_groups: int = max(1, min(-(-wanted // shares), runs))
        # A pass: some images, or some rows of one.
        image = geometry.x[0] * geometry.x[1] * geometry.x[2] + geometry.y[0] * geometry.y[1] * geometry.y[2]
        fit = max(PASS_BYTES // max(1, image * size), -(-PASS_PIXELS // (geometry.y[0] * geometry.y[1])))
        self.images: int = min(fit, -(-geometry.images // self.samples))
        self.band: int = geometry.y[0]
        if self.images == 1 and image * size > 2 * PASS_BYTES:
            parts = min(image * size // PASS_BYTES, max(1, geometry.y[0] * geometry.y[1] // PASS_PIXELS))
            self.band = -(-geometry.y[0] // parts)

    @property
    def pieces(self) -> int:
        return self.samples * self.column_groups * self.run_groups * self.groups

    @property
    def room(self) -> tuple[int, int]:
        """Height and width that the windows reach over."""
        g = self.geometry
        return (
            (g.y[0] - 1) * g.strides[0] + (g.window[0] - 1) * g.dilations[0] + 1,
            (g.y[1] - 1) * g.strides[1] + (g.window[1] - 1) * g.dilations[1] + 1,
        )

    @property
    def source(self) -> tuple[int, int, int]:
        """Strides of the image, row and pixel that blocks read: of the input, or of its padded copy."""
        height, width = self.room if self.copied else self.geometry.x[:2]
        channels = self.geometry.x[2]
        return height * width * channels, width * channels, channels

    @property
    def scratch(self) -> int:
        return self.images * self.source[0] * self.geometry.dtype.itemsize if self.copied else 0

    def emit(self, target: Target) -> str:
        writer = Writer(target)
        geometry = self.geometry
        lanes = lanes_of(target, ARITHMETIC_KIND[geometry.dtype.name], self.outputs)
        panels = panels_of(target, self.rows, self.outputs, lanes)
        with writer.loop(Register("%begin", "i64"), Register("%end", "i64")) as piece:
            sizes = [self.samples, self.groups, self.column_groups, self.run_groups]
            sample, group, columns, runs = decode(writer, piece.index, sizes)
            if self.copied:
                self._clear(writer)
            begin, end = share(writer, sample, geometry.images, self.samples)
            # Offsets in: input, cotangent, buffers.
            places = [writer.constant(0, "i64")] * 3
            places = advance(writer, places, sample, (0, 0, self.rows * geometry.y[2]))
            places = advance(writer, places, group, (geometry.inputs, self.outputs, self.outputs))
            bounds = share(writer, columns, panels[-1].end, self.column_groups)
            with writer.loop(begin, end, self.images) as images:
                left = writer.binary("sub", end, images.index)
                count = writer.intrinsic("llvm.smin", left, writer.constant(self.images, "i64"))
                start = writer.compare("eq", images.index, begin)
                y_image = geometry.y[0] * geometry.y[1] * geometry.y[2]
                here = advance(writer, places, images.index, (0 if self.copied else self.source[0], y_image, 0))
                if self.copied:
                    self._copy(writer, images.index, count)
                if self.band == geometry.y[0]:
                    self._pass(writer, lanes, panels, bounds, runs, here, Pass(count, start))
                else:
                    self._bands(writer, lanes, panels, bounds, runs, here, Pass(count, start))
        return writer.module()

    def _bands(
        self,
        writer: Writer,
        lanes: int,
        panels: Sequence[Panels],
        bounds: tuple[Register, Register],
        runs: Register,
        places: Sequence[Register],
        part: Pass,
    ) -> None:
        """One image in several passes."""
        g = self.geometry
        with writer.loop(0, g.y[0], self.band) as rows:
            left = writer.binary("sub", writer.constant(g.y[0], "i64"), rows.index)
            height = writer.intrinsic("llvm.smin", left, writer.constant(self.band, "i64"))
            top = writer.compare("eq", rows.index, writer.constant(0, "i64"))
            steps = (0 if self.exact else g.strides[0] * self.source[1], g.y[1] * g.y[2], 0)
            here = advance(writer, places, rows.index, steps)
            band = Pass(part.images, writer.binary("and", part.start, top), height, rows.index)
            self._pass(writer, lanes, panels, bounds, runs, here, band)

    def _pass(
        self,
        writer: Writer,
        lanes: int,
        panels: Sequence[Panels],
        bounds: tuple[Register, Register],
        runs: Register,
        places: Sequence[Register],
        part: Pass,
    ) -> None:
        """All blocks of a piece over one pass."""
        for panel in panels:

            def one(number: Register, panel: Panels = panel) -> None:
                first = writer.binary("mul", number, writer.constant(lanes * len(panels[0].widths), "i64"))
                self._panel(
                    writer, lanes, panel, runs, advance(writer, places, first, (int(self.depthwise), 1, 1)), part
                )

            over(writer, bounds, panel.first, panel.end, one)

    def _clear(self, writer: Writer) -> None:
        writer.declare("declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)")
        writer.line(f"call void @llvm.memset.p0.i64(ptr %scratch, i8 0, i64 {self.scratch}, i1 false)")

    def _copy(self, writer: Writer, first: Register, count: Register) -> None:
        """Images into scratch, with room for the zeros around them."""
        g = self.geometry
        top, left = g.before
        rows = max(0, min(g.x[0], self.room[0] - top))
        pixels = max(0, min(g.x[1], self.room[1] - left))
        if rows * pixels == 0:
            return
        writer.declare("declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)")
        channels = g.x[2]
        scratch = Register("%scratch", "ptr")
        with writer.loop(writer.constant(0, "i64"), count) as image, writer.loop(0, rows) as row:
            number = writer.binary("add", first, image.index)
            places = advance(writer, [writer.constant(0, "i64")] * 2, number, (g.x[0] * g.x[1] * channels, 0))
            places = advance(writer, places, image.index, (0, self.source[0]))
            places = advance(writer, places, row.index, (g.x[1] * channels, self.source[1]))
            corner = top * self.source[1] + left * channels
            places = advance(writer, places, 1, (0, corner))
            source = writer.offset(writer.argument(0), g.dtype, places[0])
            target = writer.offset(scratch, g.dtype, places[1])
            size = pixels * channels * g.dtype.itemsize
            writer.line(f"call void @llvm.memcpy.p0.p0.i64(ptr {target.name}, ptr {source.name}, i64 {size}, i1 false)")

    def _panel(
        self,
        writer: Writer,
        lanes: int,
        panel: Panels,
        runs: Register,
        places: Sequence[Register],
        part: Pass,
    ) -> None:
        """All rows of a piece for one panel of output channels."""
        g = self.geometry
        most = most_rows(writer.target, len(panel.widths))
        if self.listed:
            offsets = [
                h * g.dilations[0] * self.source[1] + w * g.dilations[1] * self.source[2] + channel
                for h in range(g.window[0])
                for w in range(g.window[1])
                for channel in range(g.inputs)
            ]
            blocks, base, extra = split_evenly(self.rows, most)
            first = 0
            for index in range(blocks):
                size = base + (index < extra)
                here = advance(writer, places, 1, (0, 0, first * g.y[2]))
                self._block(
                    writer, lanes, panel, tuple(offsets[first : first + size]), here, self._steps(part), part.start
                )
                first += size
            return
        per_row = self.rows // self.run // g.window[0]

        def run(number: Register) -> None:
            self._run(writer, lanes, panel, most, number, per_row, places, part)

        total = self.rows // self.run
        over(writer, share(writer, runs, total, self.run_groups), 0, total, run)

    def _run(
        self,
        writer: Writer,
        lanes: int,
        panel: Panels,
        most: int,
        number: Register,
        per_row: int,
        places: Sequence[Register],
        part: Pass,
    ) -> None:
        """The rows of one tap, or of one row of taps: they read side by side."""
        g = self.geometry
        down, along = decode(writer, number, [g.window[0], per_row])
        steps = self._steps(part)
        here = advance(writer, places, number, (0, 0, self.run * g.y[2]))
        if self.exact:
            here, steps = self._inside(writer, here, (down, along), part)
        else:
            here = advance(writer, here, down, (g.dilations[0] * self.source[1], 0, 0))
            here = advance(writer, here, along, (g.dilations[1] * self.source[2], 0, 0))
        blocks, base, extra = split_evenly(self.run, most)
        whole = (writer.constant(0, "i64"), writer.constant(blocks, "i64"))
        for rows, begin, end in ((base + 1, 0, extra), (base, extra, blocks)):
            if begin == end:
                continue

            def block(number: Register, rows: int = rows, skipped: int = begin and extra) -> None:
                top = writer.binary("mul", number, writer.constant(rows, "i64"))
                if skipped:
                    top = writer.binary("add", top, writer.constant(skipped, "i64"))
                there = advance(writer, here, top, (1, 0, g.y[2]))
                self._block(writer, lanes, panel, tuple(range(rows)), there, steps, part.start)

            over(writer, whole, begin, end, block)

    def _steps(self, part: Pass) -> tuple[Step, ...]:
        """Over images, output rows and pixels where no window leaves the input."""
        g = self.geometry
        y_row, y_pixel = g.y[1] * g.y[2], g.y[2]
        return (
            Step(1 if self.images == 1 else part.images, self.source[0], g.y[0] * y_row),
            Step(g.y[0] if part.height is None else part.height, g.strides[0] * self.source[1], y_row),
            Step(g.y[1], g.strides[1] * self.source[2], y_pixel),
        )

    def _inside(
        self, writer: Writer, places: Sequence[Register], tap: tuple[Register, Register], part: Pass
    ) -> tuple[list[Register], tuple[Step, ...]]:
        """Places at the first output whose tap is inside the input, and the loops over those whose is."""
        g = self.geometry
        here = list(places)
        steps = list(self._steps(part))
        y_steps = (g.y[1] * g.y[2], g.y[2])
        for axis in (0, 1):
            position = advance(writer, [writer.constant(-g.before[axis], "i64")], tap[axis], (g.dilations[axis],))[0]
            outputs: int | Register = g.y[axis]
            if axis == 0 and part.height is not None:
                position = advance(writer, [position], part.top, (g.strides[0],))[0]
                outputs = part.height
            first, number = inside(writer, position, g.strides[axis], g.x[axis], outputs)
            x_step = self.source[1 + axis]
            here = advance(writer, here, position, (x_step, 0, 0))
            here = advance(writer, here, first, (g.strides[axis] * x_step, y_steps[axis], 0))
            steps[1 + axis] = Step(number, g.strides[axis] * x_step, y_steps[axis])
        return here, tuple(steps)

    def _block(
        self,
        writer: Writer,
        lanes: int,
        panel: Panels,
        rows: tuple[int, ...],
        places: Sequence[Register],
        steps: tuple[Step, ...],
        start: Register,
    ) -> None:
        """Adds one block over a pass of images to its place in the buffer."""
        g = self.geometry
        base = Register("%scratch", "ptr") if self.copied else writer.argument(0)
        x = writer.offset(base, g.dtype, places[0])
        cotangent = writer.offset(writer.argument(1), g.dtype, places[1])
        buffer = writer.offset(writer.argument(2), g.dtype, places[2])
        kind = ARITHMETIC_KIND[g.dtype.name]
        zero = writer.constant(0, kind, lanes)
        tile: Tile = []
        for row in range(len(rows)):
            old = [
                load_columns(
                    writer, writer.offset(buffer, g.dtype, row * g.y[2] + index * lanes), g.dtype, lanes, width
                )
                for index, width in enumerate(panel.widths)
            ]
            tile.append([writer.select(start, zero, register) for register in old])
        block = unrolled(Block(g.dtype, rows, lanes, panel.widths, steps, spread=not self.depthwise))
        tile = accumulate(writer, block, x, cotangent, tile)
        for row, sums in enumerate(tile):
            for index, (value, width) in enumerate(zip(sums, panel.widths, strict=True)):
                pointer = writer.offset(buffer, g.dtype, row * g.y[2] + index * lanes)
                writer.store(pointer, value, g.dtype, None if width == lanes else writer.tail_mask(width, lanes))


def weight_gradient_launches(node: Node, geometry: Geometry, finish: Finish) -> tuple[Launch, ...]:
    """Partial sums, then their sum."""
    if geometry.images * geometry.y[0] * geometry.y[1] == 0:
        return (combine_launch(node.inputs[0], 0, finish),)
    gradient = WeightGradient(geometry)
    return summed_launches("weight gradient", gradient, gradient.rows, node, geometry, finish)


__all__ = ["WeightGradient", "weight_gradient_launches"]
