"""Attention, one head of one sample (or some of its queries) after the other."""

from __future__ import annotations

from collections.abc import Sequence

from epochal.backends.native.emit import Register, Writer
from epochal.backends.native.kernel import Kernel, Launch, Target
from epochal.backends.native.kernels.attention import (
    Cut,
    Operand,
    Setting,
    copies,
    copy_rows,
    multiply_packed,
    multiply_plain,
    pack,
    setting_of,
    store_tile,
)
from epochal.backends.native.kernels.attention_rows import Rows, groups_of, softmax_rows
from epochal.backends.native.kernels.axes import decode, share
from epochal.backends.native.kernels.block import Tile
from epochal.backends.native.kernels.work import PIECES, RATES, digest
from epochal.ir import Node
from epochal.topi.attention import HIDDEN

FEWEST = 32
"""Queries of a piece, at least: each piece packs all keys."""

MOST_ROWS = 16
"""Rows of a block of queries, at most."""

LONGEST_VECTOR = 64
"""Bytes of the longest vector of any processor."""

EXPONENTIAL = 1.0
"""Nanoseconds that softmax spends on an element, about, with what else it does."""


def attention_launch(node: Node) -> Launch | None:
    """The launch of an ``attention`` node; ``None`` if there is no kernel for its element type."""
    setting = setting_of(node, 0)
    if setting is None:
        return None
    size = setting.dtype.itemsize
    most = LONGEST_VECTOR // size
    wide = setting.keys + 2 * most
    kernel = Kernel(
        key=digest("attention", setting),
        emit=lambda target: _emit(setting, target),
        pieces=setting.batch * setting.heads * _chunks(setting),
        cost=100 + work(setting, 2),
        scratch=size * (wide * (setting.depth + setting.width + MOST_ROWS) + MOST_ROWS),
    )
    return Launch(kernel, node.inputs, node.outputs)


def work(setting: Setting, products: int) -> float:
    """Nanoseconds of some products with one softmax."""
    each = products * (setting.depth + setting.width) / RATES[setting.kind] + EXPONENTIAL * setting.dtype.itemsize / 4
    return float(setting.pairs * each)


def _chunks(setting: Setting) -> int:
    """Pieces that the queries of a head are cut into."""
    return max(1, min(-(-PIECES // (setting.batch * setting.heads)), setting.queries // FEWEST))


def folded(writer: Writer, number: Register, count: int) -> Register:
    """0, last, 1, last but one ...: numbers whose work grows with them, so that neighbours share it evenly."""
    half = writer.binary("lshr", number, writer.constant(1, "i64"))
    other = writer.binary("sub", writer.constant(count - 1, "i64"), half)
    odd = writer.binary("and", number, writer.constant(1, "i64"))
    return writer.select(writer.compare("eq", odd, writer.constant(0, "i64")), half, other)


def head_of(writer: Writer, batch: Register, length: int, head: Register, heads: int, size: int) -> Register:
    """Where a head's first element is in ``[batch, length, heads, size]``."""
    row = writer.binary("mul", batch, writer.constant(length * heads, "i64"))
    place = writer.binary("add", row, head)
    return writer.binary("mul", place, writer.constant(size, "i64"))


def serving(writer: Writer, setting: Setting, head: Register) -> Register:
    """The key head that serves a head."""
    if setting.served == setting.heads:
        return head
    return writer.binary("udiv", head, writer.constant(setting.heads // setting.served, "i64"))


def _emit(setting: Setting, target: Target) -> str:
    writer = Writer(target)
    chunks = _chunks(setting)
    with writer.loop(Register("%begin", "i64"), Register("%end", "i64")) as piece:
        batch, head, chunk = decode(writer, piece.index, [setting.batch, setting.heads, chunks])
        if setting.causal and chunks > 1:
            chunk = folded(writer, chunk, chunks)
        forward = _Forward(writer, Cut(setting, target), batch, head)
        forward.prepare()
        bounds = share(writer, chunk, forward.cut.count, chunks)
        forward.cut.blocks(writer, bounds, forward.block)
    return writer.module()


class _Forward:
    """One head."""

    def __init__(self, writer: Writer, cut: Cut, batch: Register, head: Register) -> None:
        self.writer, self.cut, self.setting = writer, cut, cut.setting
        self.batch, self.head = batch, head
        s, dtype = cut.setting, cut.setting.dtype
        served = serving(writer, s, head)
        self.query = writer.offset(writer.argument(0), dtype, head_of(writer, batch, s.queries, head, s.heads, s.depth))
        self.key = writer.offset(writer.argument(1), dtype, head_of(writer, batch, s.keys, served, s.served, s.depth))
        self.value = writer.offset(writer.argument(2), dtype, head_of(writer, batch, s.keys, served, s.served, s.width))
        at = head_of(writer, batch, s.queries, head, s.heads, s.width)
        self.result = writer.offset(writer.argument(s.position), dtype, at)
        self.packed = Register("%scratch", "ptr")
        self.buffer = writer.offset(self.packed, dtype, cut.packed(s.depth))
        self.inverses = writer.offset(self.buffer, dtype, cut.rows * cut.pitch)
        self.values = Operand(self.value, s.served * s.width, 1)

    def prepare(self) -> None:
        """Keys packed; values copied if need be."""
        writer, s, cut = self.writer, self.setting, self.cut
        pack(writer, cut, self.key, s.served * s.depth, s.depth, self.packed)
        if copies(s, s.keys, s.served, s.width):
            copied = writer.offset(self.inverses, s.dtype, MOST_ROWS)
            copy_rows(writer, s.dtype, cut.width_lanes, self.values, s.keys, s.width, copied)
            self.values = Operand(copied, s.width, 1)

    def block(self, rows: int, top: Register) -> None:
        """A block of queries."""
        writer, s = self.writer, self.setting
        if not s.causal:
            self._attend(rows, top, self.cut.vectors, s.keys)
            return
        end = writer.binary("add", top, writer.constant(rows, "i64"))
        keys = writer.intrinsic("llvm.smin", end, writer.constant(s.keys, "i64"))
        hidden = self._attend(rows, top, vectors_of(writer, keys, self.cut.lanes), keys)
        if s.may_hide_all:
            with writer.when(hidden):
                self._attend(rows, top, self.cut.vectors, s.keys)

    def _attend(self, rows: int, top: Register, limit: Register | int, keys: Register | int) -> Register:
        """To the first `keys` keys; returns whether a row sees none of them."""
        writer, s, cut = self.writer, self.setting, self.cut
        step = s.heads * s.depth
        query = writer.offset(self.query, s.dtype, writer.binary("mul", top, writer.constant(step, "i64")))
        most = writer.constant(limit, "i64") if isinstance(limit, int) else limit
        multiply_packed(writer, cut, rows, (query, step), (self.packed, s.depth), self.buffer, most)
        lines = Rows(writer, cut, self.batch, self.head, limit)
        hidden = writer.constant(False, "i1")
        for group in groups_of(rows):
            hidden = self._softmax(lines, group, top, hidden)
        step = s.heads * s.width
        place = writer.offset(self.result, s.dtype, writer.binary("mul", top, writer.constant(step, "i64")))

        def finish(tile: Tile, widths: tuple[int, ...], row: int, column: Register) -> None:
            scaled = []
            for index, sums in enumerate(tile):
                inverse = writer.load(writer.offset(self.inverses, s.dtype, row + index), s.dtype)
                scaled.append([writer.binary("fmul", vector, inverse) for vector in sums])
            here = writer.offset(writer.offset(place, s.dtype, column), s.dtype, row * step)
            store_tile(writer, s.dtype, cut.width_lanes, scaled, widths, here, step)

        weights = Operand(self.buffer, cut.pitch, 1)
        multiply_plain(writer, s.dtype, cut.width_lanes, (rows, s.width), weights, self.values, keys, finish)
        return hidden

    def _softmax(self, lines: Rows, group: Sequence[int], top: Register, hidden: Register) -> Register:
        """Some rows; their statistics are stored."""
        writer, s = self.writer, self.setting
        members = [lines.row(self.buffer, top, number) for number in group]
        first = head_of(writer, self.batch, s.heads, self.head, 1, s.queries)
        for number, row, found in zip(group, members, softmax_rows(lines, members), strict=True):
            at = writer.binary("add", first, row.query)
            for output, value in enumerate(found, 1):
                writer.store(writer.offset(writer.argument(s.position + output), s.dtype, at), value, s.dtype)
            whole = writer.constant(s.grown, s.kind)
            inverse = writer.binary("fdiv", whole, found.total)
            writer.store(writer.offset(self.inverses, s.dtype, number), inverse, s.dtype)
            nothing = writer.compare("ole", found.peak, writer.constant(HIDDEN, s.kind))
            hidden = writer.binary("or", hidden, nothing)
        return hidden


def vectors_of(writer: Writer, count: Register, lanes: int) -> Register:
    """Vectors that hold so many elements."""
    more = writer.binary("add", count, writer.constant(lanes - 1, "i64"))
    return writer.binary("udiv", more, writer.constant(lanes, "i64"))


__all__ = ["attention_launch", "folded", "head_of", "serving", "vectors_of", "work"]
