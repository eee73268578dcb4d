"""Pixels on a grid of an image side by side, and back: what a 1x1 convolution with strides and its data gradient see.

With them such a convolution is one large matrix product instead of one for every row of pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from epochal.backends.native.emit import ARITHMETIC_KIND, Register, Writer
from epochal.backends.native.kernel import Kernel, Launch, Target
from epochal.backends.native.kernels.axes import advance, decode
from epochal.backends.native.kernels.block import load_columns
from epochal.backends.native.kernels.finish import Finish
from epochal.backends.native.kernels.geometry import Geometry
from epochal.backends.native.kernels.work import digest, lanes_of
from epochal.ir import TensorType, Value, make_input

FEWEST_CHANNELS, FEWEST_WORK = 32, 10_000_000
"""Channels of the result, and operations, from which one large product is worth a pass over the pixels."""

VECTORS = 4
"""Vectors that are moved side by side."""


def suits_grid(geometry: Geometry) -> bool:
    """Whether a convolution, or its data gradient, is a product over the pixels of a grid."""
    plain = geometry.taps == 1 and geometry.groups == 1 and not geometry.padded and max(geometry.strides) > 1
    return plain and min(geometry.x[2], geometry.y[2]) >= FEWEST_CHANNELS and geometry.work >= FEWEST_WORK


def gather_launch(source: Value, geometry: Geometry) -> Launch:
    """The pixels of a convolution's input that it sees, as a new value."""
    g = geometry
    result = make_input(TensorType(g.dtype, (g.images, *g.y[:2], g.x[2])), "grid")
    work = Kernel(
        key=digest("grid", g.dtype, g.images, g.x, g.y[:2], g.strides),
        emit=_gatherer(g),
        pieces=g.images * g.y[0],
        cost=50 + result.type.bytes / 10,
    )
    return Launch(work, (source,), (result,))


def _gatherer(g: Geometry) -> Callable[[Target], str]:
    def emit(target: Target) -> str:
        writer = Writer(target)
        with writer.loop(Register("%begin", "i64"), Register("%end", "i64")) as piece, writer.loop(0, g.y[1]) as pixel:
            image, row = decode(writer, piece.index, [g.images, g.y[0]])
            pitch = g.x[1] * g.x[2]
            places = [writer.constant(0, "i64")] * 2
            places = advance(writer, places, image, (g.x[0] * pitch, 0))
            places = advance(writer, places, row, (g.strides[0] * pitch, 0))
            places = advance(writer, places, piece.index, (0, g.y[1] * g.x[2]))
            places = advance(writer, places, pixel.index, (g.strides[1] * g.x[2], g.x[2]))

            def move(at: Sequence[Register], lanes: int, widths: Sequence[int]) -> None:
                source = writer.offset(writer.argument(0), g.dtype, at[0])
                result = writer.offset(writer.argument(1), g.dtype, at[1])
                for index, width in enumerate(widths):
                    value = load_columns(writer, writer.offset(source, g.dtype, index * lanes), g.dtype, lanes, width)
                    mask = None if width == lanes else writer.tail_mask(width, lanes)
                    writer.store(writer.offset(result, g.dtype, index * lanes), value, g.dtype, mask)

            _channels(writer, g, places, (1, 1), move)
        return writer.module()

    return emit


def scatter_launch(compact: Value, geometry: Geometry, finish: Finish) -> Launch:
    """The data gradient from the gradient of the pixels on the grid; the others' is zero."""
    g = geometry
    work = Kernel(
        key=digest("from grid", g, finish.key),
        emit=_scatterer(g, finish),
        pieces=g.images * g.x[0],
        cost=50 + finish.result.type.bytes / 10,
        inplace=finish.inplace(1),
    )
    return Launch(work, (compact, *finish.inputs), finish.outputs)


def _scatterer(g: Geometry, finish: Finish) -> Callable[[Target], str]:
    steps = [place if len(place) == 4 else (place[0], 0, *place[1:]) for place in finish.strides]
    columns = [place[3] for place in steps]

    def emit(target: Target) -> str:
        writer = Writer(target)
        with writer.loop(Register("%begin", "i64"), Register("%end", "i64")) as piece, writer.loop(0, g.x[1]) as pixel:
            image, row = decode(writer, piece.index, [g.images, g.x[0]])
            found, inside = _on_grid(writer, g, row, pixel.index)
            places = [writer.constant(0, "i64")] * (1 + len(steps))
            places = advance(writer, places, image, (g.y[0] * g.y[1] * g.x[2], *(step[0] for step in steps)))
            places = advance(writer, places, row, (0, *(step[1] for step in steps)))
            places = advance(writer, places, pixel.index, (0, *(step[2] for step in steps)))
            places = advance(writer, places, found, (g.x[2], *(0 for _ in steps)))
            # A pixel off the grid reads one that is on it, and does not use it.
            places[0] = writer.select(inside, places[0], writer.constant(0, "i64"))

            def move(at: Sequence[Register], lanes: int, widths: Sequence[int]) -> None:
                source = writer.offset(writer.argument(0), g.dtype, at[0])
                zero = writer.constant(0, ARITHMETIC_KIND[g.dtype.name], lanes)
                values = [
                    load_columns(writer, writer.offset(source, g.dtype, index * lanes), g.dtype, lanes, width)
                    for index, width in enumerate(widths)
                ]
                tile = [[writer.select(inside, value, zero) for value in values]]
                finish.store(writer, tile, lanes, widths, 1, at[1:], [(0,)] * len(steps), columns)

            _channels(writer, g, places, (1, *columns), move)
        return writer.module()

    return emit


def _on_grid(writer: Writer, g: Geometry, row: Register, pixel: Register) -> tuple[Register, Register]:
    """The number of a pixel of an image among those on the grid, and whether it is one."""
    numbers, conditions = [], []
    for axis, index in enumerate((row, pixel)):
        stride = writer.constant(g.strides[axis], "i64")
        number = writer.binary("udiv", index, stride)
        exact = writer.compare("eq", writer.binary("urem", index, stride), writer.constant(0, "i64"))
        few = writer.compare("ult", number, writer.constant(g.y[axis], "i64"))
        numbers.append(number)
        conditions.append(writer.binary("and", exact, few))
    found = advance(writer, [numbers[1]], numbers[0], (g.y[1],))[0]
    return found, writer.binary("and", *conditions)


def _channels(
    writer: Writer,
    g: Geometry,
    places: Sequence[Register],
    steps: Sequence[int],
    body: Callable[[Sequence[Register], int, Sequence[int]], None],
) -> None:
    """`body` for a pixel's channels, some vectors at a time: takes places, lanes, and lanes in use of each vector."""
    lanes = lanes_of(writer.target, ARITHMETIC_KIND[g.dtype.name], g.x[2])
    unit = lanes * VECTORS
    full, rest = divmod(g.x[2], unit)
    if full:
        with writer.loop(0, full) as group:
            body(advance(writer, places, group.index, [step * unit for step in steps]), lanes, [lanes] * VECTORS)
    if rest:
        widths = [min(lanes, rest - start) for start in range(0, rest, lanes)]
        body(advance(writer, places, full * unit, steps), lanes, widths)


__all__ = ["gather_launch", "scatter_launch", "suits_grid"]
