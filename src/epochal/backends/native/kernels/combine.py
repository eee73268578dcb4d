"""Adds partial sums in the order of their index, through an epilogue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from epochal.backends.native.emit import ARITHMETIC_KIND, Register, Writer
from epochal.backends.native.kernel import Kernel, Launch, Target
from epochal.backends.native.kernels.axes import Axis, advance, decode, merged, share, total
from epochal.backends.native.kernels.block import load_columns
from epochal.backends.native.kernels.epilogue import static_shape
from epochal.backends.native.kernels.finish import Finish
from epochal.backends.native.kernels.geometry import Geometry
from epochal.backends.native.kernels.work import RATES, digest, lanes_of, over
from epochal.ir import Node, TensorType, Value, make_input

VECTORS = 4
"""Vectors that are summed side by side."""

COLUMNS = 1024
"""Columns of a piece."""


def combine_launch(partial: Value, count: int, finish: Finish) -> Launch:
    """The launch that sums `count` results lying one after the other in `partial` (none: zeros)."""
    axes = _axes(finish)
    *outer, columns = axes
    kernel = Kernel(
        key=digest("combine", count, axes, finish.key),
        emit=_emitter(axes, count, finish),
        pieces=total(outer) * -(-columns.size // COLUMNS),
        cost=50 + finish.result.type.size * (count + 1) / 8,
        inplace=finish.inplace(1),
    )
    return Launch(kernel, (partial, *finish.inputs), finish.outputs)


class Partial(Protocol):
    """A weight gradient of a convolution in parts: buffers of partial sums, one after the other."""

    @property
    def samples(self) -> int: ...
    @property
    def pieces(self) -> int: ...
    @property
    def scratch(self) -> int: ...
    def emit(self, target: Target) -> str: ...


def summed_launches(
    name: str, gradient: Partial, rows: int, node: Node, geometry: Geometry, finish: Finish
) -> tuple[Launch, ...]:
    """The launch of a weight gradient's partial results, `rows` by output channels each, then that of their sum."""
    partial = make_input(TensorType(geometry.dtype, (gradient.samples, rows, geometry.y[2])), "partial")
    rate = RATES.get(ARITHMETIC_KIND[geometry.dtype.name], 25.0)
    kernel = Kernel(
        key=digest(name, geometry),
        emit=gradient.emit,
        pieces=gradient.pieces,
        cost=100 + geometry.work / rate,
        scratch=gradient.scratch,
    )
    return (Launch(kernel, node.inputs, (partial,)), combine_launch(partial, gradient.samples, finish))


def _axes(finish: Finish) -> list[Axis]:
    shape = static_shape(finish.result)
    axes = merged([Axis(size, tuple(steps[axis] for steps in finish.strides)) for axis, size in enumerate(shape)])
    if not axes or axes[-1].steps[0] != 1:
        axes.append(Axis(1, (0,) * len(finish.strides)))
    return axes


def _emitter(axes: Sequence[Axis], count: int, finish: Finish) -> Callable[[Target], str]:
    *outer, columns = axes
    dtype = finish.result.dtype

    def emit(target: Target) -> str:
        writer = Writer(target)
        lanes = lanes_of(target, ARITHMETIC_KIND[dtype.name], columns.size)
        unit = lanes * VECTORS
        full, rest = divmod(columns.size, unit)
        last = [min(lanes, rest - start) for start in range(0, rest, lanes)]
        groups = -(-columns.size // COLUMNS)
        with writer.loop(Register("%begin", "i64"), Register("%end", "i64")) as piece:
            *indices, group = decode(writer, piece.index, [*(axis.size for axis in outer), groups])
            places = [writer.constant(0, "i64")] * len(finish.strides)
            for axis, index in zip(outer, indices, strict=True):
                places = advance(writer, places, index, axis.steps)
            bounds = share(writer, group, full + (rest > 0), groups)

            def block(number: Register, widths: Sequence[int], places: Sequence[Register] = tuple(places)) -> None:
                first = writer.binary("mul", number, writer.constant(unit, "i64"))
                here = advance(writer, places, first, columns.steps)
                tile = _sum(writer, finish, count, lanes, widths, here[0])
                rows = [(0,)] * len(here)
                finish.store(writer, [tile], lanes, widths, 1, here, rows, columns.steps)

            if full:
                over(writer, bounds, 0, full, lambda number: block(number, [lanes] * VECTORS))
            if rest:
                over(writer, bounds, full, full + 1, lambda number: block(number, last))
        return writer.module()

    return emit


def _sum(
    writer: Writer, finish: Finish, count: int, lanes: int, widths: Sequence[int], place: Register
) -> list[Register]:
    dtype = finish.result.dtype
    kind = ARITHMETIC_KIND[dtype.name]
    if count == 0:
        return [writer.constant(0, kind, lanes)] * len(widths)
    source = writer.offset(writer.argument(0), dtype, place)

    def load(pointer: Register) -> list[Register]:
        return [
            load_columns(writer, writer.offset(pointer, dtype, index * lanes), dtype, lanes, width)
            for index, width in enumerate(widths)
        ]

    sums = load(source)
    if count == 1:
        return sums
    step = finish.result.type.size
    operation = "fadd" if kind in ("float", "double") else "add"
    second = writer.offset(source, dtype, step)
    with writer.loop(1, count) as loop:
        here = loop.carry(second)
        carried = [loop.carry(register) for register in sums]
        for phi, value in zip(carried, load(here), strict=True):
            loop.set(phi, writer.binary(operation, phi, value))
        loop.set(here, writer.offset(here, dtype, step))
    return [loop.result(phi) for phi in carried]


__all__ = ["combine_launch"]
