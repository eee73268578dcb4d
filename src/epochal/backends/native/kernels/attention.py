"""Attention for one head at a time, with scores that never leave the cache: what its two kernels share.

A block of queries is multiplied with all keys into a small buffer, softmax works on its rows, and the buffer is
multiplied with the values (Dao et al., "FlashAttention", 2022, without the running maximum: a buffer of a few rows fits
the cache however long they are). Keys that causality hides from a whole block are left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from epochal.backends.native.emit import ARITHMETIC_KIND, Register, Writer, vector_lanes
from epochal.backends.native.kernel import Target
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
from epochal.backends.native.kernels.epilogue import dense_strides, static_shape
from epochal.backends.native.kernels.transpose import pack_panel
from epochal.backends.native.kernels.work import Panels, lanes_of, over, panels_of
from epochal.dtypes import DType
from epochal.ir import Node, Value
from epochal.topi.attention import extras_of

COPIED = 64
"""Queries from which copying a head's keys and values pays."""


@dataclass(frozen=True, slots=True)
class Extra:
    """A bias or a mask: its argument's position, and elements it moves a step along batch, heads, queries and keys."""

    position: int
    strides: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Setting:
    """Sizes and parameters of an attention, and where its extra operands are.

    Attributes:
        served: Key heads.
        position: Of the first argument after the extra operands.
    """

    dtype: DType
    batch: int
    heads: int
    served: int
    queries: int
    keys: int
    depth: int
    width: int
    scale: float
    causal: bool
    rate: float | None
    bias: Extra | None
    mask: Extra | None
    kept: Extra | None
    position: int

    @property
    def grown(self) -> float:
        """What dropout multiplies the weights by that it keeps."""
        return 1.0 if self.rate is None else 1.0 / (1.0 - self.rate)

    @property
    def may_hide_all(self) -> bool:
        """Whether a query may see nothing of what causality leaves, and then attends to everything."""
        return self.causal and (self.mask is not None or self.bias is not None)

    @property
    def kind(self) -> str:
        return ARITHMETIC_KIND[self.dtype.name]

    @property
    def pairs(self) -> float:
        """Scores of all heads that are computed, about."""
        return self.batch * self.heads * self.queries * self.keys * (0.6 if self.causal else 1.0)


def setting_of(node: Node, after: int) -> Setting | None:
    """The setting of an ``attention`` or ``attention_gradient`` node whose last `after` operands are no extra ones."""
    query, value = node.inputs[0], node.inputs[2]
    if query.dtype.name not in ("float32", "float64"):
        return None
    end = len(node.inputs) - after
    places = {operand: index for index, operand in enumerate(node.inputs[:end]) if index >= 3}
    rate = node.parameters["rate"]
    found = extras_of(node.inputs[3:end], rate)
    batch, queries, heads, depth = static_shape(query)
    _, keys, served, width = static_shape(value)

    def extra(value: Value | None) -> Extra | None:
        return None if value is None else Extra(places[value], dense_strides(static_shape(value)))

    return Setting(
        query.dtype, batch, heads, served, queries, keys, depth, width, node.parameters["scale"],
        node.parameters["causal"], rate, extra(found.bias), extra(found.mask), extra(found.kept), end,
    )  # fmt: skip


class Cut:
    """How the work on one head is cut up for one processor.

    Attributes:
        lanes: Of a vector of keys.
        vectors: Vectors of keys.
        pitch: Elements from one row of a buffer of scores to the next.
        panels: Panels of keys.
        count, base, extra: Blocks of queries: how many, of how many rows, and how many (the first) have one more.
    """

    def __init__(self, setting: Setting, target: Target) -> None:
        self.setting = setting
        kind = setting.kind
        self.lanes = vector_lanes(target, kind)
        self.vectors = -(-setting.keys // self.lanes)
        # An odd number of vectors, so that a column's elements are spread over the sets of a cache.
        self.pitch = (self.vectors | 1) * self.lanes
        self.most = most_rows(target, 2) if target.registers >= 32 else 8
        self.count, self.base, self.extra = split_evenly(setting.queries, self.most)
        self.panels = panels_of(target, self.most, setting.keys, self.lanes)
        self.depth_lanes, self.width_lanes = (lanes_of(target, kind, size) for size in (setting.depth, setting.width))

    @property
    def rows(self) -> int:
        """Rows of the largest block."""
        return self.base + (self.extra > 0)

    def packed(self, size: int) -> int:
        """Elements of keys or values of that size, packed."""
        return sum((panel.end - panel.first) * len(panel.widths) for panel in self.panels) * self.lanes * size

    def top(self, writer: Writer, block: Register) -> Register:
        """The first query of a block."""
        top = writer.binary("mul", block, writer.constant(self.base, "i64"))
        if not self.extra:
            return top
        return writer.binary("add", top, writer.intrinsic("llvm.smin", block, writer.constant(self.extra, "i64")))

    def blocks(self, writer: Writer, bounds: tuple[Register, Register], body: Callable[[int, Register], None]) -> None:
        """``body(rows, first query)`` for the blocks in `bounds`."""
        for rows, begin, end in ((self.base + 1, 0, self.extra), (self.base, self.extra, self.count)):
            if rows and begin < end:
                over(writer, bounds, begin, end, partial(self._block, writer, body, rows))

    def _block(self, writer: Writer, body: Callable[[int, Register], None], rows: int, block: Register) -> None:
        body(rows, self.top(writer, block))


@dataclass(frozen=True, slots=True)
class Operand:
    """A matrix in memory: its first element, and elements a step along rows and columns."""

    place: Register
    rows: int
    columns: int


def pack(writer: Writer, cut: Cut, source: Register, step: int, size: int, target: Register) -> None:
    """Keys or values (`size` elements each, `step` apart) packed so that a product finds them side by side."""
    dtype, lanes = cut.setting.dtype, cut.lanes
    width = len(cut.panels[0].widths) * lanes

    def panel_at(panel: Panels, number: Register) -> None:
        first = writer.binary("mul", number, writer.constant(width, "i64"))
        here = writer.offset(source, dtype, writer.binary("mul", first, writer.constant(step, "i64")))
        there = writer.offset(target, dtype, writer.binary("mul", first, writer.constant(size, "i64")))
        pack_panel(writer, dtype, lanes, panel.widths, step, [(size, 1)], here, there)

    whole = (writer.constant(0, "i64"), writer.constant(cut.panels[-1].end, "i64"))
    for panel in cut.panels:
        over(writer, whole, panel.first, panel.end, partial(panel_at, panel))


def copies(setting: Setting, rows: int, heads: int, size: int) -> bool:
    """Whether a head's rows, which lie `heads` rows apart, are copied to lie side by side.

    So far apart, few of a cache's sets hold them all, and nothing fetches them ahead.
    """
    step = heads * size * setting.dtype.itemsize
    return heads > 1 and setting.queries >= COPIED and rows * math.gcd(max(1, step // 64), 64) > 8 * 64


def copy_rows(
    writer: Writer, dtype: DType, lanes: int, source: Operand, rows: int, size: int, target: Register
) -> None:
    """`rows` rows of `size` elements, to lie side by side in `target`."""
    with writer.loop(0, rows) as loop:
        distance = writer.binary("mul", loop.index, writer.constant(source.rows, "i64"))
        here = writer.offset(source.place, dtype, distance)
        there = writer.offset(target, dtype, writer.binary("mul", loop.index, writer.constant(size, "i64")))
        for start in range(0, size, lanes):
            width = min(lanes, size - start)
            vector = load_columns(writer, writer.offset(here, dtype, start), dtype, lanes, width)
            mask = None if width == lanes else writer.tail_mask(width, lanes)
            writer.store(writer.offset(there, dtype, start), vector, dtype, mask)


def multiply_packed(
    writer: Writer,
    cut: Cut,
    rows: int,
    a: tuple[Register, int],
    packed: tuple[Register, int],
    result: Register,
    limit: Register,
) -> None:
    """``[rows, size] x [size, keys]`` into a buffer of `cut.pitch`, for the first `limit` vectors of keys at least.

    Args:
        writer: Writes.
        cut: Cut.
        rows: Rows of a and of the result.
        a: Its first element, and elements from one row to the next.
        packed: Made by `pack`, and the size it was made with.
        result: Of the first row.
        limit: Vectors of keys that are needed.
    """
    dtype, lanes = cut.setting.dtype, cut.lanes
    (source, step), (columns, size) = a, packed
    vectors = len(cut.panels[0].widths)
    panels = writer.binary("udiv", writer.binary("add", limit, writer.constant(vectors - 1, "i64")),
                           writer.constant(vectors, "i64"))  # fmt: skip
    if limit.name.isdigit():
        panels = writer.constant(cut.panels[-1].end, "i64")
    bounds = (writer.constant(0, "i64"), panels)

    def one(panel: Panels, number: Register) -> None:
        first = writer.binary("mul", number, writer.constant(vectors * lanes, "i64"))
        b = writer.offset(columns, dtype, writer.binary("mul", first, writer.constant(size, "i64")))
        place = writer.offset(result, dtype, first)
        count = len(panel.widths)
        for top, height in _tiles(writer.target, rows, count):
            offsets = tuple((top + row) * step for row in range(height))
            steps = (Step(size, 1, count * lanes),)
            block = unrolled(Block(dtype, offsets, lanes, (lanes,) * count, steps))
            tile = accumulate(writer, block, source, b)
            for row, sums in enumerate(tile):
                for index, vector in enumerate(sums):
                    at = (top + row) * cut.pitch + index * lanes
                    writer.store(writer.offset(place, dtype, at), vector, dtype)

    for panel in cut.panels:
        over(writer, bounds, panel.first, panel.end, partial(one, panel))


def multiply_plain(
    writer: Writer,
    dtype: DType,
    lanes: int,
    size: tuple[int, int],
    a: Operand,
    b: Operand,
    summed: int | Register,
    finish: Callable[[Tile, tuple[int, ...], int, Register], None],
    start: Callable[[int, int, tuple[int, ...], Register], Tile] | None = None,
) -> None:
    """``a [rows, summed] x b [summed, columns]``, where columns of b lie side by side.

    Args:
        writer: Writes.
        dtype: Element type.
        lanes: Of a vector of columns.
        size: Rows and columns of the result.
        a: `columns` is a step of the sum.
        b: `rows` is a step of the sum.
        summed: How many products are summed.
        finish: ``finish(tile, widths, first row, first column)`` stores.
        start: ``start(first row, rows, widths, first column)``: what the sums are added to.
    """
    rows, columns = size
    panels = panels_of(writer.target, rows, columns, lanes)
    vectors = len(panels[0].widths)

    def one(panel: Panels, number: Register) -> None:
        first = writer.binary("mul", number, writer.constant(vectors * lanes, "i64"))
        there = writer.offset(b.place, dtype, first)
        for top, height in _tiles(writer.target, rows, len(panel.widths)):
            offsets = tuple((top + row) * a.rows for row in range(height))
            block = unrolled(Block(dtype, offsets, lanes, panel.widths, (Step(summed, a.columns, b.rows),)))
            begin = None if start is None else start(top, height, panel.widths, first)
            finish(accumulate(writer, block, a.place, there, begin), panel.widths, top, first)

    whole = (writer.constant(0, "i64"), writer.constant(panels[-1].end, "i64"))
    for panel in panels:
        over(writer, whole, panel.first, panel.end, partial(one, panel))


def _tiles(target: Target, rows: int, vectors: int) -> list[tuple[int, int]]:
    """First rows and heights of the tiles that a block of rows is cut into."""
    count, base, extra = split_evenly(rows, most_rows(target, vectors))
    heights = [base + (index < extra) for index in range(count)]
    return [(sum(heights[:index]), height) for index, height in enumerate(heights)]


def store_tile(
    writer: Writer,
    dtype: DType,
    lanes: int,
    tile: Tile,
    widths: Sequence[int],
    place: Register,
    step: int,
) -> None:
    """Stores a tile whose rows are `step` elements apart."""
    for row, sums in enumerate(tile):
        for index, vector in enumerate(sums):
            width = widths[index]
            mask = None if width == lanes else writer.tail_mask(width, lanes)
            writer.store(writer.offset(place, dtype, row * step + index * lanes), vector, dtype, mask)


__all__ = [
    "Cut",
    "Extra",
    "Operand",
    "Setting",
    "copies",
    "copy_rows",
    "multiply_packed",
    "multiply_plain",
    "pack",
    "setting_of",
    "store_tile",
]
