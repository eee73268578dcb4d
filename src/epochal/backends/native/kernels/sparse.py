"""Gradients of a convolution before a max-pooling, whose cotangent is zero but at one element of each window.

At most a quarter of such a cotangent is not zero (a window of 2 x 2), and activations kill more, so both gradients
visit the nonzero elements alone: the data gradient adds a row of the transposed kernel for each, the weight gradient
a patch of the input. Adding a product with zero changes nothing, except that zero times infinity is left out too:
what is infinite or not a number in the input or the kernel has made the loss so already.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from epochal.backends.native.emit import ARITHMETIC_KIND, Register, Writer, vector_lanes
from epochal.backends.native.kernel import Kernel, Launch, Target
from epochal.backends.native.kernels.axes import advance, decode, share
from epochal.backends.native.kernels.block import load_columns, multiply_add
from epochal.backends.native.kernels.combine import combine_launch
from epochal.backends.native.kernels.cotangent import Cotangent
from epochal.backends.native.kernels.finish import Finish
from epochal.backends.native.kernels.geometry import Geometry
from epochal.backends.native.kernels.swap import swap_launch
from epochal.backends.native.kernels.work import digest
from epochal.ir import TensorType, Value, make_input

SHARE = 4
"""Elements of a cotangent for each that is not zero, at least."""

LOOK = 4
"""Operators between a pooling's gradient and the cotangent, at most."""

MOST_VECTORS = 20
"""Accumulators of a patch."""

GROUPS = 16
"""Groups of samples of the weight gradient."""

CHANNELS = 64
"""Channels whose nonzero elements one mask tells."""

KERNEL_BYTES = 1 << 17
"""Bytes of a kernel's rows that are in use at a time; more rows make fewer, longer visits to a pixel."""

IMAGE_BYTES = 1 << 16
"""Bytes of the images whose nonzero elements are listed together."""


def is_sparse(value: Value, depth: int = LOOK) -> bool:
    """Whether all but a known share of a value's elements are zero: the gradient of a max-pooling of windows side by
    side, perhaps multiplied with something or selected from. Looks at most `depth` operators up."""
    node = value.node
    name = node.operator.name
    if name == "max_pool_gradient":
        window, strides = tuple(node.parameters["window"]), tuple(node.parameters["strides"])
        area = math.prod(window)
        return window == strides and area >= SHARE and not any(map(any, node.parameters["padding"]))
    if depth == 0:
        return False
    if name == "mul":
        return any(is_sparse(operand, depth - 1) for operand in node.inputs)
    return name == "select" and _is_zero(node.inputs[2]) and is_sparse(node.inputs[1], depth - 1)


def _is_zero(value: Value) -> bool:
    while value.node.operator.name in ("broadcast", "reshape"):
        value = value.node.inputs[0]
    return value.node.operator.name == "constant" and not value.node.parameters["value"].any()


Part: TypeAlias = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Patch:
    """What one output pixel sees: `rows` rows of `run` elements side by side, `pitch` apart; in vectors.

    Attributes:
        parts: The vectors in parts of at most `MOST_VECTORS`: for each the offset in the patch, the offset in the
            image and the lanes in use.
    """

    lanes: int
    parts: tuple[Part, ...]


def patch_of(geometry: Geometry, lanes: int, rows: int) -> Patch:
    """The patch in parts of at most so many rows of the kernel."""
    run = geometry.window[1] * geometry.x[2]
    pitch = geometry.x[1] * geometry.x[2]
    parts = []
    for top in range(0, geometry.window[0], rows):
        vectors = [
            (row * run + start, row * pitch + start, min(lanes, run - start))
            for row in range(top, min(top + rows, geometry.window[0]))
            for start in range(0, run, lanes)
        ]
        count = -(-len(vectors) // MOST_VECTORS)
        bounds = [len(vectors) * part // count for part in range(count + 1)]
        parts += [tuple(vectors[low:high]) for low, high in itertools.pairwise(bounds)]
    return Patch(lanes, tuple(parts))


def suits_sparse(geometry: Geometry, cotangent: Value) -> bool:
    """Whether the gradients of a convolution should visit the nonzero elements of the cotangent alone."""
    return fits_sparse(geometry) and is_sparse(cotangent)


def fits_sparse(geometry: Geometry) -> bool:
    """Whether there are kernels that do."""
    return (
        geometry.strides == (1, 1)
        and geometry.dilations == (1, 1)
        and geometry.groups == 1
        and not geometry.padded
        and geometry.taps > 1
        and geometry.dtype.name in ("float32", "float64")
        and 16 <= geometry.taps * geometry.inputs <= 1024
        and geometry.y[2] >= 16
    )


def _each(
    writer: Writer,
    bits: Register,
    body: Callable[[Register, list[Register]], list[Register]],
    carried: Sequence[Register],
) -> list[Register]:
    """`body` for the number of each set bit, lowest first, with carried values."""
    count = writer.intrinsic("llvm.ctpop", bits)
    with writer.loop(writer.constant(0, "i64"), count) as loop:
        left = loop.carry(bits)
        phis = [loop.carry(value) for value in carried]
        number = writer.intrinsic("llvm.cttz", left, extra="i1 true")
        after = body(number, phis)
        fewer = writer.binary("add", left, writer.constant(-1, "i64"))
        loop.set(left, writer.binary("and", left, fewer))
        for phi, value in zip(phis, after, strict=True):
            loop.set(phi, value)
    return [loop.result(phi) for phi in phis]


class SparseDataGradient:
    """Adds, for each nonzero element of an image's cotangent, its channel's kernel to the patch it saw.

    Arguments: cotangent, the kernel as ``[O][taps * C]``. The image is summed in scratch, then goes through the
    epilogue.
    """

    def __init__(self, geometry: Geometry, finish: Finish, cotangent: Cotangent) -> None:
        self.geometry, self.finish, self.cotangent = geometry, finish, cotangent
        self.size = geometry.x[0] * geometry.x[1] * geometry.x[2]
        self.places = [steps if len(steps) == 4 else (steps[0], 0, *steps[1:]) for steps in finish.strides]

    def emit(self, target: Target) -> str:
        writer = Writer(target)
        g = self.geometry
        lanes = vector_lanes(target, ARITHMETIC_KIND[g.dtype.name])
        row = g.window[1] * g.x[2] * g.y[2] * g.dtype.itemsize
        patch = patch_of(g, lanes, max(1, KERNEL_BYTES // row))
        writer.declare("declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)")
        with writer.loop(Register("%begin", "i64"), Register("%end", "i64")) as image:
            size = self.size * g.dtype.itemsize
            writer.line(f"call void @llvm.memset.p0.i64(ptr %scratch, i8 0, i64 {size}, i1 false)")
            for part in patch.parts:
                full, rest = divmod(g.y[2], CHANNELS)
                if full:
                    with writer.loop(0, full) as chunk:
                        first = writer.binary("mul", chunk.index, writer.constant(CHANNELS, "i64"))
                        self._part(writer, lanes, part, image.index, first, CHANNELS)
                if rest:
                    self._part(writer, lanes, part, image.index, writer.constant(full * CHANNELS, "i64"), rest)
            self._finish(writer, lanes, image.index)
        return writer.module()

    def _part(self, writer: Writer, lanes: int, part: Part, image: Register, first: Register, channels: int) -> None:
        """What some channels, from `first` on, send back through some vectors of the patch."""
        g = self.geometry
        rows = g.taps * g.x[2]
        (start,) = advance(writer, [writer.constant(0, "i64")], first, (rows,))
        kernel = writer.offset(writer.argument(self.cotangent.arguments), g.dtype, start)

        def pixel(bits: Register, values: Register, corner: Register) -> None:
            def add(number: Register, sums: list[Register]) -> list[Register]:
                spread = writer.splat(writer.load(writer.offset(values, g.dtype, number), g.dtype), lanes)
                (place,) = advance(writer, [writer.constant(0, "i64")], number, (rows,))
                row = writer.offset(kernel, g.dtype, place)
                vectors = [
                    load_columns(writer, writer.offset(row, g.dtype, at), g.dtype, lanes, width)
                    for at, _, width in part
                ]
                return [multiply_add(writer, spread, vector, old) for vector, old in zip(vectors, sums, strict=True)]

            with writer.when(writer.compare("ne", bits, writer.constant(0, "i64"))):
                image = writer.offset(Register("%scratch", "ptr"), g.dtype, corner)
                pointers = [writer.offset(image, g.dtype, place) for _, place, _ in part]
                sums = [
                    load_columns(writer, pointer, g.dtype, lanes, width)
                    for pointer, (_, _, width) in zip(pointers, part, strict=True)
                ]
                sums = _each(writer, bits, add, sums)
                for pointer, value, (_, _, width) in zip(pointers, sums, part, strict=True):
                    writer.store(pointer, value, g.dtype, None if width == lanes else writer.tail_mask(width, lanes))

        self.cotangent.visit(writer, 0, image, first, channels, pixel)

    def _finish(self, writer: Writer, lanes: int, image: Register) -> None:
        """The image from scratch to its outputs."""
        g = self.geometry
        places = [writer.constant(0, "i64")] * (1 + len(self.places))
        places = advance(writer, places, image, (0, *(place[0] for place in self.places)))
        channels = g.x[2]
        widths = [min(lanes, channels - start) for start in range(0, channels, lanes)]
        steps = (channels, *(place[2] for place in self.places))
        with writer.loop(0, g.x[0]) as row, writer.loop(0, g.x[1]) as column:
            here = advance(writer, places, row.index, (g.x[1] * channels, *(place[1] for place in self.places)))
            here = advance(writer, here, column.index, steps)
            pointer = writer.offset(Register("%scratch", "ptr"), g.dtype, here[0])
            tile = [
                load_columns(writer, writer.offset(pointer, g.dtype, index * lanes), g.dtype, lanes, width)
                for index, width in enumerate(widths)
            ]
            rows = [(0,)] * len(self.places)
            operands = self.cotangent.arguments + 1
            columns = [place[3] for place in self.places]
            self.finish.store(writer, [tile], lanes, widths, operands, here[1:], rows, columns)


def sparse_data_gradient(
    geometry: Geometry, finish: Finish, cotangent: Cotangent, values: tuple[Value, ...], weights: Value
) -> tuple[Launch, ...]:
    """The kernel transposed, then the gradient. `values`: what tells the cotangent."""
    rows = geometry.taps * geometry.x[2]
    swapped = swap_launch(weights, 1, rows, geometry.y[2])
    gradient = SparseDataGradient(geometry, finish, cotangent)
    kernel = Kernel(
        key=digest("sparse data gradient", geometry, cotangent, finish.key),
        emit=gradient.emit,
        pieces=geometry.images,
        cost=100 + geometry.work / SHARE / 60 + finish.result.type.size / 8,
        scratch=gradient.size * geometry.dtype.itemsize,
        inplace=finish.inplace(cotangent.arguments + 1),
    )
    inputs = (*values, swapped.outputs[0], *finish.inputs)
    return (swapped, Launch(kernel, inputs, finish.outputs))


class SparseWeightGradient:
    """Adds, for each nonzero element of the cotangent, the patch of the input it saw to its channel's sums.

    Arguments: input, cotangent, sums ``[groups][O][taps * C]``. A piece is a group of samples and `CHANNELS` channels;
    a few images at a time, it first lists each channel's nonzero elements.
    """

    def __init__(self, geometry: Geometry, cotangent: Cotangent) -> None:
        self.geometry, self.cotangent = geometry, cotangent
        self.samples = min(geometry.images, GROUPS)
        self.bands = -(-geometry.y[2] // CHANNELS)
        self.rows = geometry.taps * geometry.x[2]
        self.size = geometry.x[0] * geometry.x[1] * geometry.x[2]
        fit = IMAGE_BYTES // (self.size * geometry.dtype.itemsize)
        self.together: int = max(1, min(fit, -(-geometry.images // self.samples)))
        self.room: int = self.together * cotangent.most

    @property
    def pieces(self) -> int:
        return self.samples * self.bands

    @property
    def scratch(self) -> int:
        """Counts, then for each channel the offsets (i64) and values of its elements."""
        return CHANNELS * 8 * (1 + 2 * self.room)

    def emit(self, target: Target) -> str:
        writer = Writer(target)
        g = self.geometry
        lanes = vector_lanes(target, ARITHMETIC_KIND[g.dtype.name])
        patch = patch_of(g, lanes, g.window[0])
        writer.declare("declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)")
        with writer.loop(Register("%begin", "i64"), Register("%end", "i64")) as piece:
            sample, band = decode(writer, piece.index, [self.samples, self.bands])
            begin, end = share(writer, sample, g.images, self.samples)
            (sums,) = advance(writer, [writer.constant(0, "i64")], sample, (self.rows * g.y[2],))
            with writer.loop(begin, end, self.together) as image:
                start = writer.compare("eq", image.index, begin)
                zero = writer.constant(0, "i64")
                places = advance(writer, [zero, sums], image.index, (self.size, 0))
                left = writer.binary("sub", end, image.index)
                images = writer.intrinsic("llvm.smin", left, writer.constant(self.together, "i64"))
                first = writer.binary("mul", band, writer.constant(CHANNELS, "i64"))
                full, rest = divmod(g.y[2], CHANNELS)
                for predicate, width in (("slt", CHANNELS if full else 0), ("eq", rest)):
                    if width:
                        with writer.when(writer.compare(predicate, band, writer.constant(full, "i64"))):
                            self._list(writer, image.index, images, first, width)
                left = writer.binary("sub", writer.constant(g.y[2], "i64"), first)
                channels = writer.intrinsic("llvm.smin", left, writer.constant(CHANNELS, "i64"))
                there = advance(writer, places, first, (0, self.rows))
                with writer.loop(zero, channels) as channel:
                    self._add(writer, patch, there, channel.index, start)
        return writer.module()

    def _entries(self, writer: Writer, channel: Register) -> tuple[Register, Register, Register]:
        """Where a channel's count, offsets and values are."""
        scratch = Register("%scratch", "ptr")
        count = writer.offset(scratch, "i64", channel)
        place = writer.binary("mul", channel, writer.constant(self.room, "i64"))
        offsets = writer.offset(writer.offset(scratch, "i64", CHANNELS), "i64", place)
        values = writer.offset(writer.offset(scratch, "i64", CHANNELS * (1 + self.room)), self.geometry.dtype, place)
        return count, offsets, values

    def _list(self, writer: Writer, start: Register, images: Register, first: Register, channels: int) -> None:
        """Lists the nonzero elements of some images, a list for each of some channels."""
        g = self.geometry
        writer.line(f"call void @llvm.memset.p0.i64(ptr %scratch, i8 0, i64 {CHANNELS * 8}, i1 false)")
        with writer.loop(writer.constant(0, "i64"), images) as image:

            def pixel(bits: Register, pointer: Register, corner: Register) -> None:
                (place,) = advance(writer, [corner], image.index, (self.size,))

                def enter(number: Register, carried: list[Register]) -> list[Register]:
                    count, offsets, values = self._entries(writer, number)
                    index = writer.effect(f"load i64, ptr {count.name}, align 8", "i64")
                    slot = writer.offset(offsets, "i64", index)
                    writer.line(f"store {place.typed}, ptr {slot.name}, align 8")
                    value = writer.load(writer.offset(pointer, g.dtype, number), g.dtype)
                    writer.store(writer.offset(values, g.dtype, index), value, g.dtype)
                    more = writer.binary("add", index, writer.constant(1, "i64"))
                    writer.line(f"store {more.typed}, ptr {count.name}, align 8")
                    return carried

                _each(writer, bits, enter, [])

            number = writer.binary("add", start, image.index)
            self.cotangent.visit(writer, 1, number, first, channels, pixel)

    def _add(
        self, writer: Writer, patch: Patch, places: Sequence[Register], channel: Register, start: Register
    ) -> None:
        """One channel's elements, added to its sums."""
        g = self.geometry
        count, offsets, values = self._entries(writer, channel)
        number = writer.effect(f"load i64, ptr {count.name}, align 8", "i64")
        x = writer.offset(writer.argument(0), g.dtype, places[0])
        (place,) = advance(writer, [places[1]], channel, (self.rows,))
        sums = writer.offset(writer.argument(1 + self.cotangent.arguments), g.dtype, place)
        zero = writer.constant(0, ARITHMETIC_KIND[g.dtype.name], patch.lanes)
        for part in patch.parts:
            pointers = [writer.offset(sums, g.dtype, at) for at, _, _ in part]
            old = [
                writer.select(start, zero, load_columns(writer, pointer, g.dtype, patch.lanes, width))
                for pointer, (_, _, width) in zip(pointers, part, strict=True)
            ]
            with writer.loop(writer.constant(0, "i64"), number) as loop:
                phis = [loop.carry(value) for value in old]
                slot = writer.offset(offsets, "i64", loop.index)
                offset = writer.effect(f"load i64, ptr {slot.name}, align 8", "i64")
                value = writer.load(writer.offset(values, g.dtype, loop.index), g.dtype)
                spread = writer.splat(value, patch.lanes)
                corner = writer.offset(x, g.dtype, offset)
                for phi, (_, at, width) in zip(phis, part, strict=True):
                    seen = load_columns(writer, writer.offset(corner, g.dtype, at), g.dtype, patch.lanes, width)
                    loop.set(phi, multiply_add(writer, spread, seen, phi))
            for pointer, phi, (_, _, width) in zip(pointers, phis, part, strict=True):
                mask = None if width == patch.lanes else writer.tail_mask(width, patch.lanes)
                writer.store(pointer, loop.result(phi), g.dtype, mask)


def sparse_weight_gradient(
    geometry: Geometry, finish: Finish, cotangent: Cotangent, x: Value, values: tuple[Value, ...]
) -> tuple[Launch, ...]:
    """Sums of each group of samples, turned round, then added. `values`: what tells the cotangent."""
    gradient = SparseWeightGradient(geometry, cotangent)
    shape = (gradient.samples, geometry.y[2], gradient.rows)
    partial = make_input(TensorType(geometry.dtype, shape), "partial")
    kernel = Kernel(
        key=digest("sparse weight gradient", geometry, cotangent),
        emit=gradient.emit,
        pieces=gradient.pieces,
        cost=100 + geometry.work / SHARE / 60,
        scratch=gradient.scratch,
    )
    turned = swap_launch(partial, gradient.samples, geometry.y[2], gradient.rows)
    return (
        Launch(kernel, (x, *values), (partial,)),
        turned,
        combine_launch(turned.outputs[0], gradient.samples, finish),
    )


__all__ = ["fits_sparse", "is_sparse", "sparse_data_gradient", "sparse_weight_gradient", "suits_sparse"]
