"""Pooling and its gradients, vectorised over channels.

Windows that reach outside the input are sorted by the entries they see, and code is written for each sort: at most a
few along each axis. A window's first maximum wins, and a NaN is larger than every number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from epochal.backends.native.emit import ARITHMETIC_KIND, Register, Writer
from epochal.backends.native.kernel import Kernel, Launch, Target
from epochal.backends.native.kernels.axes import advance, decode, share
from epochal.backends.native.kernels.block import load_columns
from epochal.backends.native.kernels.epilogue import Epilogue, static_shape
from epochal.backends.native.kernels.finish import Finish
from epochal.backends.native.kernels.phase import Phase, forward_phases
from epochal.backends.native.kernels.work import PIECES, digest, lanes_of, over
from epochal.dtypes import DType
from epochal.ir import Node

UNROLLED = 16
"""Entries of a window that are written out; more are looped over where that is possible."""

LARGEST = 64
"""Entries of a window beyond which there is no kernel for what needs to know the winner."""

POOLS = frozenset({"max_pool", "max_pool_gradient", "max_pool_select", "avg_pool", "avg_pool_gradient"})


@dataclass(frozen=True, slots=True)
class Sort:
    """Outputs ``[first, end)`` along an axis whose windows see entries ``[low, high)``."""

    first: int
    end: int
    low: int
    high: int


def sorts_of(phase: Phase) -> list[Sort]:
    """The outputs of an axis by the entries they see."""
    sorts: list[Sort] = []
    for output in range(phase.count):
        seen = [tap for tap in range(phase.taps) if phase.valid(output, tap)]
        low, high = (seen[0], seen[-1] + 1) if seen else (0, 0)
        if sorts and (sorts[-1].low, sorts[-1].high) == (low, high):
            sorts[-1] = Sort(sorts[-1].first, output + 1, low, high)
        else:
            sorts.append(Sort(output, output + 1, low, high))
    return sorts


@dataclass(frozen=True, slots=True)
class Pool:
    """What a pooling kernel computes: `name` over images of `x` (height, width, channels)."""

    name: str
    dtype: DType
    images: int
    x: tuple[int, int, int]
    height: Phase
    width: Phase

    @property
    def scatters(self) -> bool:
        return self.name in ("max_pool_gradient", "avg_pool_gradient")

    @property
    def operands(self) -> int:
        return 2 if self.name in ("max_pool_gradient", "max_pool_select") else 1

    @property
    def entries(self) -> int:
        return self.height.taps * self.width.taps

    @property
    def apart(self) -> bool:
        """Whether no two windows share an element."""
        return all(phase.stride >= phase.taps for phase in (self.height, self.width))

    @property
    def tiles(self) -> bool:
        """Whether windows lie side by side from the first element on, so that each result can be written once."""
        return all(phase.stride == phase.taps and phase.inside for phase in (self.height, self.width))

    @property
    def rest(self) -> tuple[int, int]:
        """Rows and columns of elements behind the last window, where windows tile."""
        return tuple(phase.size - phase.count * phase.stride for phase in (self.height, self.width))  # type: ignore[return-value]


def pool_of(node: Node) -> Pool | None:
    """What a node computes; ``None`` for three spatial axes."""
    first, result = static_shape(node.inputs[0]), static_shape(node.outputs[0])
    name = node.operator.name
    x, y = (result, first) if name == "avg_pool_gradient" else (first, result)
    if name == "max_pool_gradient":
        y = static_shape(node.inputs[1])
    if len(x) == 5:
        return None
    window, strides = tuple(node.parameters["window"]), tuple(node.parameters["strides"])
    before = tuple(low for low, _ in node.parameters["padding"])
    if len(x) == 3:
        x, y = (x[0], 1, *x[1:]), (y[0], 1, *y[1:])
        window, strides, before = (1, *window), (1, *strides), (0, *before)
    phases = [forward_phases(x[1 + i], y[1 + i], window[i], strides[i], 1, before[i])[0] for i in (0, 1)]
    return Pool(name, node.inputs[0].dtype, x[0], (x[1], x[2], x[3]), phases[0], phases[1])


class Pooling:
    """The kernel of a pool, with an epilogue on its result (on a gradient's only where windows tile).

    Offsets go in a list: in the input's shape, in the output's, then for each entry of the epilogue's strides.
    """

    def __init__(self, pool: Pool, finish: Finish) -> None:
        self.pool, self.finish = pool, finish
        self.places = [steps if len(steps) == 4 else (steps[0], 0, *steps[1:]) for steps in finish.strides]
        bands = -(-PIECES // max(1, pool.images))
        # Windows that share elements add to them one after the other.
        if pool.scatters and not pool.tiles:
            bands = 1
        self.bands = max(1, min(bands, pool.height.count))

    @property
    def pieces(self) -> int:
        return self.pool.images * self.bands

    def emit(self, target: Target) -> str:
        writer = Writer(target)
        pool = self.pool
        height, width, channels = pool.x
        lanes = lanes_of(target, ARITHMETIC_KIND[pool.dtype.name], channels)
        with writer.loop(Register("%begin", "i64"), Register("%end", "i64")) as piece:
            image, band = decode(writer, piece.index, [pool.images, self.bands])
            size = (height * width * channels, pool.height.count * pool.width.count * channels)
            places = [writer.constant(0, "i64")] * (2 + len(self.places))
            places = advance(writer, places, image, (*size, *(place[0] for place in self.places)))
            if pool.scatters and not pool.tiles:
                self._clear(writer, places[0])
            bounds = share(writer, band, pool.height.count, self.bands)
            for down in sorts_of(pool.height):

                def row(number: Register, down: Sort = down, places: Sequence[Register] = tuple(places)) -> None:
                    here = advance(writer, places, number, self._steps(1))
                    first = (pool.height.base + down.low) * width * channels
                    if pool.scatters and pool.tiles and pool.rest[1]:
                        self._zeros(writer, lanes, here, range(pool.height.taps), pool.width.count * pool.width.stride)
                    here = advance(writer, here, 1, (first, *(0,) * (len(here) - 1)))
                    for across in sorts_of(pool.width):
                        self._pixels(writer, lanes, down, across, here)

                over(writer, bounds, down.first, down.end, row)
            if pool.scatters and pool.tiles and pool.rest[0]:
                with writer.when(writer.compare("eq", band, writer.constant(self.bands - 1, "i64"))):
                    first = pool.height.count * pool.height.stride
                    self._zeros(writer, lanes, places, range(first, pool.height.size), 0)
        return writer.module()

    def _steps(self, axis: int) -> list[int]:
        """Elements from one output to the next along the height (1) or the width (2), in each offset's terms."""
        pool = self.pool
        phase, channels = (pool.height, pool.width)[axis - 1], pool.x[2]
        steps = (pool.x[1] * channels, pool.width.count * channels) if axis == 1 else (channels, channels)
        stride = phase.stride if pool.scatters else 1
        return [phase.stride * steps[0], steps[1], *(stride * place[axis] for place in self.places)]

    def _clear(self, writer: Writer, place: Register) -> None:
        """Zeros in an image of the result."""
        dtype = self.pool.dtype
        pointer = writer.offset(writer.argument(self.pool.operands), dtype, place)
        size = self.pool.x[0] * self.pool.x[1] * self.pool.x[2] * dtype.itemsize
        writer.declare("declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)")
        writer.line(f"call void @llvm.memset.p0.i64(ptr {pointer.name}, i8 0, i64 {size}, i1 false)")

    def _zeros(self, writer: Writer, lanes: int, places: Sequence[Register], rows: Iterable[int], first: int) -> None:
        """Zeros for the elements of some rows from column `first` on, which no window sees."""
        kind = ARITHMETIC_KIND[self.pool.dtype.name]
        for row in rows:
            start = advance(writer, places, 1, (0, 0, *(row * place[1] for place in self.places)))
            with writer.loop(first, self.pool.x[1]) as pixel:
                steps = (0, 0, *(place[2] for place in self.places))
                here = advance(writer, start, pixel.index, steps)

                def vector(width: int, places: Sequence[Register]) -> None:
                    self.store(writer, writer.constant(0, kind, lanes), lanes, width, places)

                self._channels(writer, lanes, here, vector)

    def _pixels(self, writer: Writer, lanes: int, down: Sort, across: Sort, places: Sequence[Register]) -> None:
        """The outputs of one row that see the same entries."""
        pool = self.pool
        first = (pool.width.base + across.low) * pool.x[2]
        start = advance(writer, places, 1, (first, *(0,) * (len(places) - 1)))
        shape = (down.high - down.low, across.high - across.low)

        def pixel(number: Register) -> None:
            here = advance(writer, start, number, self._steps(2))

            def vector(width: int, places: Sequence[Register]) -> None:
                OPERATIONS[pool.name](writer, self, lanes, width, shape, places)

            self._channels(writer, lanes, here, vector)

        count = writer.constant(pool.width.count, "i64")
        over(writer, (writer.constant(0, "i64"), count), across.first, across.end, pixel)

    def _channels(
        self,
        writer: Writer,
        lanes: int,
        places: Sequence[Register],
        body: Callable[[int, Sequence[Register]], None],
    ) -> None:
        """`body` for every vector of channels, with its lanes in use."""
        full, rest = divmod(self.pool.x[2], lanes)
        steps = (lanes, lanes, *(lanes * place[3] for place in self.places))
        if full > 4:
            with writer.loop(0, full) as loop:
                body(lanes, advance(writer, places, loop.index, steps))
        else:
            for index in range(full):
                body(lanes, advance(writer, places, writer.constant(index, "i64"), steps))
        if rest:
            body(rest, advance(writer, places, writer.constant(full, "i64"), steps))

    def store(
        self,
        writer: Writer,
        value: Register,
        lanes: int,
        width: int,
        places: Sequence[Register],
        entry: tuple[int, int] = (0, 0),
    ) -> None:
        """One vector of the result, through the epilogue; of a gradient at an entry of its window."""
        rows = [(entry[0] * place[1] + entry[1] * place[2],) for place in self.places]
        columns = [place[3] for place in self.places]
        self.finish.store(writer, [[value]], lanes, (width,), self.pool.operands, places[2:], rows, columns)


Operation = Callable[[Writer, "Pooling", int, int, tuple[int, int], Sequence[Register]], None]


def _entries(pool: Pool, shape: tuple[int, int]) -> Iterator[int]:
    """Offsets of the entries that a window sees."""
    for row in range(shape[0]):
        for column in range(shape[1]):
            yield (row * pool.x[1] + column) * pool.x[2]


def _fold(
    writer: Writer,
    pool: Pool,
    lanes: int,
    width: int,
    shape: tuple[int, int],
    place: Register,
    combine: Callable[[Register, Register], Register],
) -> Register:
    """All entries of a window combined, the first ones first. There is at least one."""
    source = writer.offset(writer.argument(0), pool.dtype, place)

    def load(pointer: Register, offset: int) -> Register:
        return load_columns(writer, writer.offset(pointer, pool.dtype, offset), pool.dtype, lanes, width)

    if shape[0] * shape[1] <= UNROLLED:
        first, *others = [load(source, offset) for offset in _entries(pool, shape)]
        for other in others:
            first = combine(first, other)
        return first
    channels, row = pool.x[2], pool.x[1] * pool.x[2]
    start = load(source, 0)
    # The first entry is combined with itself once more where that does not matter, else counted here.
    with writer.loop(0, shape[0]) as down:
        there, sums = down.carry(source), down.carry(start)
        with writer.loop(0, shape[1]) as across:
            here, partial = across.carry(there), across.carry(sums)
            fresh = writer.binary("or", down.index, across.index)
            again = writer.compare("eq", fresh, writer.constant(0, "i64"))
            after = combine(partial, load(here, 0))
            across.set(partial, writer.select(again, partial, after))
            across.set(here, writer.offset(here, pool.dtype, channels))
        down.set(sums, across.result(partial))
        down.set(there, writer.offset(there, pool.dtype, row))
    return down.result(sums)


def _larger(writer: Writer, dtype: DType, best: Register, other: Register) -> Register:
    """Where `other` beats an earlier `best`."""
    if not dtype.is_floating:
        return writer.compare("ugt" if dtype.kind == "uint" else "sgt", other, best)
    nan = writer.binary("and", writer.compare("uno", other, other), writer.compare("ord", best, best))
    return writer.binary("or", writer.compare("ogt", other, best), nan)


def _max_pool(
    writer: Writer, pooling: Pooling, lanes: int, width: int, shape: tuple[int, int], places: Sequence[Register]
) -> None:
    pool = pooling.pool

    def combine(best: Register, other: Register) -> Register:
        if not pool.dtype.is_floating:
            return writer.select(_larger(writer, pool.dtype, best, other), other, best)
        # One maximum instruction, which keeps a NaN in `best`; then a NaN in `other`.
        best = writer.select(writer.compare("ogt", other, best), other, best)
        return writer.select(writer.compare("uno", other, other), other, best)

    best = _fold(writer, pool, lanes, width, shape, places[0], combine)
    pooling.store(writer, best, lanes, width, places)


def _avg_pool(
    writer: Writer, pooling: Pooling, lanes: int, width: int, shape: tuple[int, int], places: Sequence[Register]
) -> None:
    def combine(left: Register, right: Register) -> Register:
        return writer.binary("fadd", left, right)

    total = _fold(writer, pooling.pool, lanes, width, shape, places[0], combine)
    pooling.store(writer, _divided(writer, total, shape[0] * shape[1]), lanes, width, places)


def _divided(writer: Writer, value: Register, count: int) -> Register:
    if count & (count - 1) == 0:
        return writer.binary("fmul", value, writer.constant(1 / count, value.kind))
    return writer.binary("fdiv", value, writer.constant(count, value.kind))


def _winners(
    writer: Writer, pool: Pool, lanes: int, width: int, shape: tuple[int, int], place: Register
) -> list[Register]:
    """For each entry of a window, the lanes in which it is better than all before it."""
    source = writer.offset(writer.argument(0), pool.dtype, place)
    better = [writer.constant(True, "i1", lanes)]
    best: Register | None = None
    for offset in _entries(pool, shape):
        value = load_columns(writer, writer.offset(source, pool.dtype, offset), pool.dtype, lanes, width)
        if best is not None:
            better.append(_larger(writer, pool.dtype, best, value))
            value = writer.select(better[-1], value, best)
        best = value
    return better


def _max_pool_select(
    writer: Writer, pooling: Pooling, lanes: int, width: int, shape: tuple[int, int], places: Sequence[Register]
) -> None:
    pool = pooling.pool
    other = writer.offset(writer.argument(1), pool.dtype, places[0])
    chosen: Register | None = None
    winners = _winners(writer, pool, lanes, width, shape, places[0])
    for offset, better in zip(_entries(pool, shape), winners, strict=True):
        value = load_columns(writer, writer.offset(other, pool.dtype, offset), pool.dtype, lanes, width)
        chosen = value if chosen is None else writer.select(better, value, chosen)
    assert chosen is not None
    pooling.store(writer, chosen, lanes, width, places)


def _max_pool_gradient(
    writer: Writer, pooling: Pooling, lanes: int, width: int, shape: tuple[int, int], places: Sequence[Register]
) -> None:
    pool = pooling.pool
    cotangent = load_columns(writer, writer.offset(writer.argument(1), pool.dtype, places[1]), pool.dtype, lanes, width)
    winners = _winners(writer, pool, lanes, width, shape, places[0])
    beaten = writer.constant(False, "i1", lanes)
    zero = writer.constant(0, cotangent.kind, lanes)
    shares: list[Register] = []
    for better in reversed(winners):
        shares.append(writer.select(beaten, zero, writer.select(better, cotangent, zero)))
        beaten = writer.binary("or", beaten, better)
    _scatter(writer, pooling, lanes, width, shape, places, shares[::-1])


def _avg_pool_gradient(
    writer: Writer, pooling: Pooling, lanes: int, width: int, shape: tuple[int, int], places: Sequence[Register]
) -> None:
    pool = pooling.pool
    cotangent = load_columns(writer, writer.offset(writer.argument(0), pool.dtype, places[1]), pool.dtype, lanes, width)
    part = _divided(writer, cotangent, shape[0] * shape[1])
    _scatter(writer, pooling, lanes, width, shape, places, [part] * (shape[0] * shape[1]))


def _scatter(
    writer: Writer,
    pooling: Pooling,
    lanes: int,
    width: int,
    shape: tuple[int, int],
    places: Sequence[Register],
    shares: Sequence[Register],
) -> None:
    """What each entry of a window gets: stored through the epilogue where windows tile, else added or stored."""
    pool = pooling.pool
    if pool.tiles:
        entries = [(row, column) for row in range(shape[0]) for column in range(shape[1])]
        for entry, value in zip(entries, shares, strict=True):
            pooling.store(writer, value, lanes, width, places, entry)
        return
    target = writer.offset(writer.argument(pool.operands), pool.dtype, places[0])
    for offset, value in zip(_entries(pool, shape), shares, strict=True):
        pointer = writer.offset(target, pool.dtype, offset)
        if not pool.apart:
            value = writer.binary("fadd", load_columns(writer, pointer, pool.dtype, lanes, width), value)
        writer.store(pointer, value, pool.dtype, None if width == lanes else writer.tail_mask(width, lanes))


OPERATIONS: dict[str, Operation] = {
    "max_pool": _max_pool,
    "max_pool_gradient": _max_pool_gradient,
    "max_pool_select": _max_pool_select,
    "avg_pool": _avg_pool,
    "avg_pool_gradient": _avg_pool_gradient,
}


def lower_pool(node: Node, epilogue: Epilogue | None = None) -> tuple[Launch, ...] | None:
    """The launch of a pooling operator, or ``None`` if there is no kernel for it."""
    pool = pool_of(node)
    if pool is None or (pool.entries > LARGEST and pool.name not in ("max_pool", "avg_pool")):
        return None
    finish = Finish(node.outputs[0], epilogue)
    pooling = Pooling(pool, finish)
    seen = pool.images * pool.height.count * pool.width.count * pool.entries * pool.x[2]
    moved = sum(value.type.bytes for value in (*node.inputs, *finish.inputs, *finish.outputs))
    kernel = Kernel(
        key=digest("pooling", pool, finish.key),
        emit=pooling.emit,
        pieces=0 if node.outputs[0].type.size == 0 else pooling.pieces,
        cost=50 + seen / 20 + moved / 20,
        inplace=finish.inplace(pool.operands),
    )
    return (Launch(kernel, (*node.inputs, *finish.inputs), finish.outputs),)


__all__ = ["POOLS", "lower_pool"]
