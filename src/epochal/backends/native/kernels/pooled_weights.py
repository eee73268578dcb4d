"""Gradients of a pooled convolution's kernel and bias, for kernels of few rows: every accumulator in a register."""

from __future__ import annotations

from collections.abc import Sequence

from epochal import dtypes
from epochal.backends.native.emit import ARITHMETIC_KIND, Register, Writer
from epochal.backends.native.kernel import Kernel, Launch, Target
from epochal.backends.native.kernels.axes import advance, decode, share
from epochal.backends.native.kernels.block import load_columns, multiply_add
from epochal.backends.native.kernels.combine import combine_launch
from epochal.backends.native.kernels.cotangent import LOSER, Winners
from epochal.backends.native.kernels.finish import Finish
from epochal.backends.native.kernels.geometry import Geometry
from epochal.backends.native.kernels.padding import Padded
from epochal.backends.native.kernels.sparse import sparse_data_gradient, sparse_weight_gradient
from epochal.backends.native.kernels.work import digest, lanes_of
from epochal.ir import Node, TensorType, Value, make_input

GROUPS = 16
"""Groups of samples."""

FEW = 27
"""Rows of a kernel whose gradient fits the registers."""


class PooledWeights:
    """Arguments: input, winners, cotangent; sums ``[groups][rows][O]`` if there are rows, sums ``[groups][O]``.

    A piece is a group of samples and a panel of channels; without rows it is the bias's gradient alone.
    """

    def __init__(self, geometry: Geometry, window: tuple[int, int], with_rows: bool) -> None:
        self.geometry, self.window = geometry, window
        self.counts = (geometry.y[0] // window[0], geometry.y[1] // window[1])
        self.padded = Padded(geometry)
        self.rows = geometry.taps * geometry.x[2] if with_rows else 0
        self.samples: int = min(geometry.images, GROUPS)
        # Bytes of a panel: two vectors of the widest processor, or one.
        self.panel: int = (128 if self.rows <= 12 else 64) // geometry.dtype.itemsize
        self.panels: int = -(-geometry.y[2] // self.panel)

    @property
    def pieces(self) -> int:
        return self.samples * self.panels

    def emit(self, target: Target) -> str:
        writer = Writer(target)
        g = self.geometry
        with writer.loop(Register("%begin", "i64"), Register("%end", "i64")) as piece:
            sample, number = decode(writer, piece.index, [self.samples, self.panels])
            begin, end = share(writer, sample, g.images, self.samples)
            full, rest = divmod(g.y[2], self.panel)
            for columns, predicate in ((self.panel if full else 0, "slt"), (rest, "eq")):
                if columns:
                    with writer.when(writer.compare(predicate, number, writer.constant(full, "i64"))):
                        lanes = lanes_of(target, ARITHMETIC_KIND[g.dtype.name], columns)
                        widths = [min(lanes, columns - start) for start in range(0, columns, lanes)]
                        # On narrow processors a panel is several; then one after the other.
                        step = 2 if self.rows <= 12 else 1
                        for first in range(0, len(widths), step):
                            column = writer.binary("mul", number, writer.constant(self.panel, "i64"))
                            (column,) = advance(writer, [column], first * lanes, (1,))
                            part = widths[first : first + step]
                            self._panel(writer, lanes, part, sample, begin, end, column)
        return writer.module()

    def _panel(
        self,
        writer: Writer,
        lanes: int,
        widths: Sequence[int],
        sample: Register,
        begin: Register,
        end: Register,
        column: Register,
    ) -> None:
        g = self.geometry
        zero = writer.constant(0, ARITHMETIC_KIND[g.dtype.name], lanes)
        sums = [[zero] * len(widths) for _ in range(self.rows + 1)]
        windows = self.counts[0] * self.counts[1] * g.y[2]
        with writer.loop(begin, end) as image:
            source = self.padded.image(writer, image.index) if self.rows else writer.argument(0)
            outer = [[image.carry(value) for value in row] for row in sums]
            with writer.loop(0, self.counts[0]) as down:
                middle = [[down.carry(value) for value in row] for row in outer]
                with writer.loop(0, self.counts[1]) as across:
                    inner = [[across.carry(value) for value in row] for row in middle]
                    places = advance(writer, [column, writer.constant(0, "i64")], image.index, (windows, 0))
                    steps = (self.counts[1] * g.y[2], self.window[0] * self.padded.pitch)
                    places = advance(writer, places, down.index, steps)
                    places = advance(writer, places, across.index, (g.y[2], self.window[1] * g.x[2]))
                    after = self._window(writer, lanes, widths, source, places, inner)
                    _set(across, inner, after)
                _set(down, middle, [[across.result(value) for value in row] for row in inner])
            _set(image, outer, [[down.result(value) for value in row] for row in middle])
        self._store(writer, lanes, widths, sample, column, [[image.result(value) for value in row] for row in outer])

    def _window(
        self,
        writer: Writer,
        lanes: int,
        widths: Sequence[int],
        source: Register,
        places: Sequence[Register],
        sums: list[list[Register]],
    ) -> list[list[Register]]:
        """The sums with what one window adds."""
        g = self.geometry
        winners = writer.offset(writer.argument(1), dtypes.uint8, places[0])
        cotangent = writer.offset(writer.argument(2), g.dtype, places[0])
        pairs = []
        for index, width in enumerate(widths):
            won = load_columns(writer, writer.offset(winners, dtypes.uint8, index * lanes), dtypes.uint8, lanes, width)
            value = load_columns(writer, writer.offset(cotangent, g.dtype, index * lanes), g.dtype, lanes, width)
            pairs.append((won, value))
        zero = writer.constant(0, ARITHMETIC_KIND[g.dtype.name], lanes)
        sums = [list(row) for row in sums]
        for index, (won, value) in enumerate(pairs):
            alive = writer.compare("ne", won, writer.constant(LOSER, "i8", lanes))
            sums[-1][index] = writer.binary("fadd", sums[-1][index], writer.select(alive, value, zero))
        if not self.rows:
            return sums
        x = writer.offset(source, g.dtype, places[1])
        for entry in range(self.window[0] * self.window[1]):
            number = writer.constant(entry, "i8", lanes)
            sent = [writer.select(writer.compare("eq", won, number), value, zero) for won, value in pairs]
            i, j = divmod(entry, self.window[1])
            for row in range(self.rows):
                tap, channel = divmod(row, g.x[2])
                h, w = divmod(tap, g.window[1])
                at = (i + h) * self.padded.pitch + (j + w) * g.x[2] + channel
                spread = writer.splat(writer.load(writer.offset(x, g.dtype, at), g.dtype), lanes)
                sums[row] = [multiply_add(writer, spread, part, old) for part, old in zip(sent, sums[row], strict=True)]
        return sums

    def _store(
        self,
        writer: Writer,
        lanes: int,
        widths: Sequence[int],
        sample: Register,
        column: Register,
        sums: list[list[Register]],
    ) -> None:
        g = self.geometry
        places = advance(writer, [column, column], sample, (self.rows * g.y[2], g.y[2]))
        for row, values in enumerate(sums):
            last = row == self.rows
            argument = writer.argument(4 if last and self.rows else 3)
            base = writer.offset(argument, g.dtype, places[1] if last else places[0])
            for index, (value, width) in enumerate(zip(values, widths, strict=True)):
                pointer = writer.offset(base, g.dtype, (0 if last else row * g.y[2]) + index * lanes)
                writer.store(pointer, value, g.dtype, None if width == lanes else writer.tail_mask(width, lanes))


def _set(loop: object, phis: list[list[Register]], values: list[list[Register]]) -> None:
    for row, after in zip(phis, values, strict=True):
        for phi, value in zip(row, after, strict=True):
            loop.set(phi, value)  # type: ignore[attr-defined]


def pooled_weight_gradient(node: Node, geometry: Geometry, window: tuple[int, int]) -> tuple[Launch, ...]:
    """The launches of a ``pooled_weight_gradient``: all in registers where the kernel is small, else sparse."""
    few = geometry.taps * geometry.x[2] <= FEW
    gradient = PooledWeights(geometry, window, few)
    size = (gradient.samples, gradient.rows, geometry.y[2])
    weights = make_input(TensorType(geometry.dtype, size), "partial")
    bias = make_input(TensorType(geometry.dtype, (gradient.samples, geometry.y[2])), "partial")
    outputs = (weights, bias) if few else (bias,)
    kernel = Kernel(
        key=digest("pooled weights", geometry, window, few),
        emit=gradient.emit,
        pieces=gradient.pieces,
        cost=100 + (geometry.work / 60 if few else node.inputs[2].type.size / 8),
        scratch=gradient.padded.scratch,
    )
    launches: list[Launch] = [Launch(kernel, node.inputs, outputs)]
    finish = Finish(node.outputs[0], None)
    if few:
        launches.append(combine_launch(weights, gradient.samples, finish))
    else:
        values = node.inputs[1:]
        launches += sparse_weight_gradient(geometry, finish, Winners(geometry, window), node.inputs[0], values)
    launches.append(combine_launch(bias, gradient.samples, Finish(node.outputs[1], None)))
    return tuple(launches)


def pooled_data_gradient(node: Node, geometry: Geometry, window: tuple[int, int]) -> tuple[Launch, ...]:
    """The launches of a ``pooled_data_gradient``."""
    winners, cotangent, weights = node.inputs
    values: tuple[Value, ...] = (winners, cotangent)
    finish = Finish(node.outputs[0], None)
    return sparse_data_gradient(geometry, finish, Winners(geometry, window), values, weights)


__all__ = ["FEW", "pooled_data_gradient", "pooled_weight_gradient"]
