"""Convolutions of 3x3 kernels with 16 multiplications instead of 36 for every 2x2 tile of the result.

    y = A' [(G g G') * (B' d B)] A        with d a 4x4 tile of the input, g the kernel, * element by element

summed over the input's channels between the brackets: there, the 16 elements of all tiles are 16 matrix products
(Winograd's F(2x2, 3x3); Lavin and Gray, "Fast algorithms for convolutional neural networks"). The constants are 0, 1
and 1/2, so a result is as exact, but for a few additions, as one that is summed directly.

Tiles are worked on in chunks of whole rows of tiles, `rows` of them, through all images as if these lay below one
another. A transformed chunk stays in a first- or second-level cache: 16 planes of ``[tiles][channels]``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeAlias

from epochal.backends.native.emit import ARITHMETIC_KIND, Register, Writer
from epochal.backends.native.kernels.axes import advance, decode
from epochal.backends.native.kernels.block import Step, Term, load_columns, multiply_add
from epochal.backends.native.kernels.geometry import Geometry
from epochal.backends.native.kernels.work import lanes_of
from epochal.dtypes import DType

LANES = 16
"""Lanes of the widest vector: planes in scratch memory are padded to it."""

PLANES = 16
"""Elements of a transformed tile."""

Square: TypeAlias = list[list[Register]]
Change: TypeAlias = Callable[[Writer, Sequence[Register]], list[Register]]


@dataclass(frozen=True, slots=True)
class Tiling:
    """A stride-1 convolution of a 3x3 kernel, its result cut into tiles of 2x2 pixels.

    Attributes:
        dtype: Element type.
        images: N.
        source, result: Height and width.
        before: Zeros above and to the left of the source.
        rows: Rows of tiles in a chunk.
    """

    dtype: DType
    images: int
    source: tuple[int, int]
    result: tuple[int, int]
    before: tuple[int, int]
    rows: int

    @property
    def down(self) -> int:
        """Rows of tiles in an image."""
        return -(-self.result[0] // 2)

    @property
    def across(self) -> int:
        """Tiles in a row."""
        return -(-self.result[1] // 2)

    @property
    def total(self) -> int:
        """Rows of tiles in all images."""
        return self.images * self.down

    @property
    def chunks(self) -> int:
        return -(-self.total // self.rows)

    @property
    def tiles(self) -> int:
        """Tiles in a chunk."""
        return self.rows * self.across

    def plane(self, channels: int) -> int:
        """Elements from one plane to the next. Planes a power of two apart would meet in few sets of a cache."""
        return self.tiles * padded(channels) + LANES

    def bytes(self, channels: int) -> int:
        """Bytes of a transformed chunk."""
        size: int = self.dtype.itemsize
        return PLANES * self.plane(channels) * size


def padded(channels: int) -> int:
    """Channels as they lie in scratch memory and in transformed kernels: full vectors."""
    return -(-channels // LANES) * LANES


TRANSFORM = 110
"""Multiply-adds in whose time a tile's vector of channels is transformed, one way."""

KERNEL = 1500
"""The same for a vector of a kernel, with its way to memory, which is often the farthest, and back."""

GAIN = 0.9
"""What Winograd's method must take less of the time of direct sums, to be worth its rounding."""


def suits(geometry: Geometry) -> bool:
    """Whether a convolution is one that this method computes."""
    plain = (geometry.window, geometry.strides, geometry.dilations, geometry.groups) == ((3, 3), (1, 1), (1, 1), 1)
    return plain and max(geometry.before) <= 2 and geometry.dtype.name in ("float32", "float64")


def pays(geometry: Geometry, result: tuple[int, int, int], buffers: int) -> bool:
    """Whether the method is faster than direct sums. Counts are of vectors' multiply-adds.

    Args:
        geometry: A convolution that `suits`.
        result: Height, width and channels of what is cut into tiles: of its output, or of its input for the
            data gradient.
        buffers: Transformed kernels that are written or read.
    """
    lanes: int = LANES * 4 // geometry.dtype.itemsize
    columns = result[2]
    depth = geometry.x[2] + geometry.y[2] - columns
    vectors = -(-columns // lanes)
    tiles = geometry.images * -(-result[0] // 2) * -(-result[1] // 2)
    transforms = TRANSFORM * (-(-depth // lanes) + vectors)
    direct = geometry.images * result[0] * result[1] * 9 * depth * vectors
    return tiles * (PLANES * depth * vectors * 1.1 + transforms) + buffers * KERNEL * depth * vectors < GAIN * direct


def rows_for(across: int, total: int, tiles: int) -> int:
    """Rows of tiles for chunks of about so many tiles."""
    rows = max(1, min(total, (tiles + across // 2) // across))
    return -(-total // -(-total // rows))


def chunk_bounds(writer: Writer, tiling: Tiling, chunk: Register) -> tuple[Register, Register]:
    """The first row of tiles of a chunk, and how many there are."""
    first = writer.binary("mul", chunk, writer.constant(tiling.rows, "i64"))
    if tiling.total % tiling.rows == 0:
        return first, writer.constant(tiling.rows, "i64")
    left = writer.binary("sub", writer.constant(tiling.total, "i64"), first)
    return first, writer.intrinsic("llvm.smin", left, writer.constant(tiling.rows, "i64"))


def by_column(across: int, reach: Callable[[int], tuple[int, ...]]) -> list[tuple[int, int, tuple[int, ...]]]:
    """Tiles of a row by the columns of theirs that lie inside the image: (first, end, columns)."""
    runs = []
    for columns, group in groupby(range(across), reach):
        numbers = list(group)
        runs.append((numbers[0], numbers[-1] + 1, columns))
    return runs


def each(writer: Writer, first: int, end: int, body: Callable[[Register], None]) -> None:
    """`body` for the numbers of a range, in a loop if there are several."""
    if end - first == 1:
        body(writer.constant(first, "i64"))
    elif end > first:
        with writer.loop(first, end) as loop:
            body(loop.index)


def several(depth: int | Register, a: int, b: int) -> tuple[tuple[Step, ...], tuple[Term, ...]]:
    """The loops and terms of a reduction of so many steps. Short ones spend much of their time on a loop's end, so
    some steps are written out."""
    if not isinstance(depth, int):
        return (Step(depth, a, b),), (Term(),)
    many = next(number for number in (4, 2, 1) if depth % number == 0)
    return (Step(depth // many, many * a, many * b),), tuple(Term(i * a, i * b) for i in range(many))


def clear(writer: Writer, pointer: Register, size: int) -> None:
    """Zeroes so many bytes."""
    writer.declare("declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)")
    writer.line(f"call void @llvm.memset.p0.i64(ptr {pointer.name}, i8 0, i64 {size}, i1 false)")


@dataclass(frozen=True, slots=True)
class Patches:
    """Square patches of an image, one for each tile, that a chunk is transformed from.

    Attributes:
        tiling: The tiles.
        size: Height and width of the image.
        channels: Of the image.
        before: Rows and columns by which the first patch begins before the image.
        edge: Width of a patch.
        change: The transform: from the patch's rows to as many vectors as there are planes.
        rows: The patch's rows, by their distance from its first; one far away is a row of zeros.
    """

    tiling: Tiling
    size: tuple[int, int]
    channels: int
    before: tuple[int, int]
    edge: int
    change: Callable[[Writer, Square], list[Register]]
    rows: tuple[int | Register, ...]

    def transform(
        self,
        writer: Writer,
        image: Register,
        zeros: Register,
        result: Register,
        bounds: tuple[Register, Register],
        channel: Register,
        count: int,
    ) -> None:
        """Writes the transformed chunk.

        Args:
            writer: Writes.
            image: Points to the images.
            zeros: Points to a row of zeros, which stands for rows outside the image.
            result: Points to the planes of ``[tiles][padded(count)]``.
            bounds: The chunk's first row of tiles and how many rows it has.
            channel: The first channel that is transformed.
            count: How many channels are.
        """
        tiling, dtype = self.tiling, self.tiling.dtype
        first, rows = bounds
        lanes = lanes_of(writer.target, ARITHMETIC_KIND[dtype.name], count)
        full, rest = divmod(count, lanes)
        with writer.loop(writer.constant(0, "i64"), rows) as row:
            number = writer.binary("add", first, row.index)
            picture, down = decode(writer, number, [tiling.images, tiling.down])
            lines = self._lines(writer, image, zeros, picture, down, channel)
            for begin, end, columns in by_column(tiling.across, self._columns):

                def tile(across: Register, columns: tuple[int, ...] = columns) -> None:
                    place = advance(writer, [writer.constant(0, "i64")], across, (2 * self.channels,))[0]
                    there = advance(writer, [writer.constant(0, "i64")], row.index, (tiling.across * padded(count),))
                    there = advance(writer, there, across, (padded(count),))

                    def vector(at: Register, width: int) -> None:
                        here = writer.binary("mul", at, writer.constant(lanes, "i64"))
                        self._vector(writer, lanes, width, lines, columns, (place, here), (result, there[0]), count)

                    each(writer, 0, full, lambda at: vector(at, lanes))
                    if rest:
                        vector(writer.constant(full, "i64"), rest)

                each(writer, begin, end, tile)

    def _columns(self, across: int) -> tuple[int, ...]:
        """The columns of a patch that lie inside the image."""
        start = 2 * across - self.before[1]
        return tuple(column for column in range(self.edge) if 0 <= start + column < self.size[1])

    def _lines(
        self,
        writer: Writer,
        image: Register,
        zeros: Register,
        picture: Register,
        down: Register,
        channel: Register,
    ) -> list[Register]:
        """Where the rows of the patches of a row of tiles begin."""
        dtype = self.tiling.dtype
        pitch = self.size[1] * self.channels
        start = advance(writer, [channel], picture, (self.size[0] * pitch,))
        lines = []
        for row in self.rows:
            if isinstance(row, int):
                first = writer.constant(row - self.before[0], "i64")
            else:
                first = writer.binary("sub", row, writer.constant(self.before[0], "i64"))
            position = advance(writer, [first], down, (2,))[0]
            place = advance(writer, start, position, (pitch,))[0]
            line = writer.offset(image, dtype, place)
            if not isinstance(row, int) or not self._always_inside(row):
                inside = writer.compare("ult", position, writer.constant(self.size[0], "i64"))
                line = writer.select(inside, line, zeros)
            lines.append(line)
        return lines

    def _always_inside(self, row: int) -> bool:
        first = row - self.before[0]
        return first >= 0 and first + 2 * (self.tiling.down - 1) < self.size[0]

    def _vector(
        self,
        writer: Writer,
        lanes: int,
        width: int,
        lines: Sequence[Register],
        columns: tuple[int, ...],
        source: tuple[Register, Register],
        target: tuple[Register, Register],
        count: int,
    ) -> None:
        """One patch's vector of channels."""
        tiling, dtype = self.tiling, self.tiling.dtype
        zero = writer.constant(0, ARITHMETIC_KIND[dtype.name], lanes)
        place, here = source
        patch: Square = []
        for line in lines:
            start = writer.offset(writer.offset(line, dtype, place), dtype, here)
            values = []
            for column in range(self.edge):
                if column not in columns:
                    values.append(zero)
                    continue
                pointer = writer.offset(start, dtype, (column - self.before[1]) * self.channels)
                values.append(load_columns(writer, pointer, dtype, lanes, width))
            patch.append(values)
        result, there = target
        start = writer.offset(writer.offset(result, dtype, there), dtype, here)
        for number, value in enumerate(self.change(writer, patch)):
            writer.store(writer.offset(start, dtype, number * tiling.plane(count)), value, dtype)


def _both_ways(change: Change) -> Callable[[Writer, Square], list[Register]]:
    """A change of the columns of a square, then of its rows; row by row."""

    def whole(writer: Writer, square: Square) -> list[Register]:
        columns = [change(writer, column) for column in zip(*square, strict=True)]
        return [value for row in zip(*columns, strict=True) for value in change(writer, row)]

    return whole


def one_row(change: Change, sign: Register) -> Callable[[Writer, Square], list[Register]]:
    """Of `change` both ways one row: that made of the first of two rows and `sign` times the second."""

    def whole(writer: Writer, rows: Square) -> list[Register]:
        first, second = rows
        factor = writer.splat(sign, first[0].lanes)
        sums = [multiply_add(writer, factor, two, one) for one, two in zip(first, second, strict=True)]
        return change(writer, sums)

    return whole


def input_row(writer: Writer, d: Sequence[Register]) -> list[Register]:
    """B' d."""
    return [
        writer.binary("fsub", d[0], d[2]),
        writer.binary("fadd", d[1], d[2]),
        writer.binary("fsub", d[2], d[1]),
        writer.binary("fsub", d[1], d[3]),
    ]


def _kernel(writer: Writer, g: Sequence[Register]) -> list[Register]:
    """G g."""
    half = writer.constant(0.5, g[0].kind, g[0].lanes)
    ends = writer.binary("fadd", g[0], g[2])
    return [
        g[0],
        writer.binary("fmul", half, writer.binary("fadd", ends, g[1])),
        writer.binary("fmul", half, writer.binary("fsub", ends, g[1])),
        g[2],
    ]


def _result(writer: Writer, m: Sequence[Register]) -> list[Register]:
    """A' m."""
    return [
        writer.binary("fadd", writer.binary("fadd", m[0], m[1]), m[2]),
        writer.binary("fsub", writer.binary("fsub", m[1], m[2]), m[3]),
    ]


def cotangent_row(writer: Writer, y: Sequence[Register]) -> list[Register]:
    """A y, but for the sign of the last, which `_kernel_gradient` mends."""
    return [y[0], writer.binary("fadd", y[0], y[1]), writer.binary("fsub", y[0], y[1]), y[1]]


def _kernel_gradient(writer: Writer, u: Sequence[Register]) -> list[Register]:
    """G' u."""
    half = writer.constant(0.5, u[0].kind, u[0].lanes)
    ends = writer.binary("fmul", half, writer.binary("fadd", u[1], u[2]))
    return [
        writer.binary("fadd", u[0], ends),
        writer.binary("fmul", half, writer.binary("fsub", u[1], u[2])),
        writer.binary("fsub", ends, u[3]),
    ]


change_input = _both_ways(input_row)
"""From 4x4 of the input to 4x4."""

change_kernel = _both_ways(_kernel)
"""From a kernel's 3x3 to 4x4."""

change_result = _both_ways(_result)
"""From 4x4 sums of products to 2x2 of the result."""

change_kernel_gradient = _both_ways(_kernel_gradient)
"""From 4x4 sums of products to 3x3 of the kernel's gradient."""
