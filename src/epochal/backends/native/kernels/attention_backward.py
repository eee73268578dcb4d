"""Attention's gradient, one key head of one sample after the other.

Chunks of queries, small enough that their weights and the weights' cotangents stay in the second-level cache, are
computed anew from the operands and the statistics of the forward pass, and multiplied into all three gradients.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
from epochal.backends.native.kernels.attention_forward import LONGEST_VECTOR, MOST_ROWS, head_of, vectors_of, work
from epochal.backends.native.kernels.attention_rows import Row, Rows, Statistics, gradient_rows, groups_of
from epochal.backends.native.kernels.axes import decode
from epochal.backends.native.kernels.block import Tile, load_columns, multiply_add, split_evenly
from epochal.backends.native.kernels.work import digest
from epochal.ir import Node
from epochal.topi.attention import HIDDEN

CACHED = 1 << 19
"""Bytes of the two buffers of a chunk of queries."""

FEWEST = 64
"""Queries of a chunk, at least: each adds to all gradients of keys and values."""

FEW = 8
"""Vectors of a row that are summed without a loop."""


def attention_gradient_launch(node: Node) -> Launch | None:
    """The launch of an ``attention_gradient`` node; ``None`` if there is no kernel for its element type."""
    setting = setting_of(node, 4)
    if setting is None:
        return None
    size = setting.dtype.itemsize
    wide = setting.keys + 2 * LONGEST_VECTOR // size
    kernel = Kernel(
        key=digest("attention gradient", setting),
        emit=lambda target: _emit(setting, target),
        pieces=setting.batch * setting.served,
        cost=100 + work(setting, 5),
        scratch=size
        * (
            wide * (2 * setting.depth + setting.width + 2 * (_chunk_rows(setting) + MOST_ROWS))
            + setting.queries * (setting.depth + setting.width)
        ),
    )
    return Launch(kernel, node.inputs, node.outputs)


def _chunk_rows(setting: Setting) -> int:
    """Queries of a chunk, about."""
    room: int = CACHED // (2 * setting.dtype.itemsize * setting.keys)
    return min(setting.queries, max(FEWEST, room))


def _emit(setting: Setting, target: Target) -> str:
    writer = Writer(target)
    group = setting.heads // setting.served
    with writer.loop(Register("%begin", "i64"), Register("%end", "i64")) as piece:
        batch, served = decode(writer, piece.index, [setting.batch, setting.served])
        backward = _Backward(writer, Cut(setting, target), batch, served)
        backward.prepare()
        if group == 1:
            backward.head(served)
        else:
            first = writer.binary("mul", served, writer.constant(group, "i64"))
            with writer.loop(0, group) as member:
                backward.head(writer.binary("add", first, member.index))
    return writer.module()


@dataclass(frozen=True, slots=True)
class _Head:
    """Where a head's parts are, and whether one of its queries sees nothing (``None``: never)."""

    number: Register
    query: Operand
    result: Register
    cotangent: Operand
    of_query: Register
    statistics: Register
    hidden: Register | None


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Blocks of queries, by the first query and the one after the last."""

    blocks: tuple[Register, Register]
    top: Register
    end: Register


class _Backward:
    """One key head, with the heads that it serves."""

    def __init__(self, writer: Writer, cut: Cut, batch: Register, served: Register) -> None:
        self.writer, self.cut, self.setting = writer, cut, cut.setting
        self.batch = batch
        s, dtype = cut.setting, cut.setting.dtype
        self.key_step, self.value_step = s.served * s.depth, s.served * s.width
        key = head_of(writer, batch, s.keys, served, s.served, s.depth)
        value = head_of(writer, batch, s.keys, served, s.served, s.width)
        self.key, self.value = (writer.offset(writer.argument(i), dtype, at) for i, at in ((1, key), (2, value)))
        self.of_key = writer.offset(writer.argument(s.position + 5), dtype, key)
        self.of_value = writer.offset(writer.argument(s.position + 6), dtype, value)
        self.packed_keys = Register("%scratch", "ptr")
        self.packed_values = writer.offset(self.packed_keys, dtype, cut.packed(s.depth))
        self.weights = writer.offset(self.packed_values, dtype, cut.packed(s.width))
        self.each = cut.count if _chunk_rows(s) == s.queries else max(1, _chunk_rows(s) // cut.rows)
        self.chunks = -(-cut.count // self.each)
        self.of_scores = writer.offset(self.weights, dtype, min(self.each, cut.count) * cut.rows * cut.pitch)
        buffer = min(self.each, cut.count) * cut.rows * cut.pitch
        self.near_keys = writer.offset(self.of_scores, dtype, buffer)
        self.near_query = writer.offset(self.near_keys, dtype, s.keys * s.depth)
        self.near_cotangent = writer.offset(self.near_query, dtype, s.queries * s.depth)
        self.keys = Operand(self.key, self.key_step, 1)
        self.adds = self.chunks > 1 or s.heads != s.served
        self.key_blocks = split_evenly(s.keys, cut.most)

    def prepare(self) -> None:
        """Keys and values packed; gradients that are summed, cleared."""
        writer, s = self.writer, self.setting
        pack(writer, self.cut, self.key, self.key_step, s.depth, self.packed_keys)
        pack(writer, self.cut, self.value, self.value_step, s.width, self.packed_values)
        if copies(s, s.keys, s.served, s.depth):
            copy_rows(writer, s.dtype, self.cut.depth_lanes, self.keys, s.keys, s.depth, self.near_keys)
            self.keys = Operand(self.near_keys, s.depth, 1)
        if not self.adds:
            return
        for place, step, size in ((self.of_key, self.key_step, s.depth), (self.of_value, self.value_step, s.width)):
            with writer.loop(0, s.keys) as loop:
                row = writer.offset(place, s.dtype, writer.binary("mul", loop.index, writer.constant(step, "i64")))
                writer.declare("declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)")
                writer.line(f"call void @llvm.memset.p0.i64(ptr {row.name}, i8 0, i64 {size * s.dtype.itemsize}, i1 0)")

    def head(self, number: Register) -> None:
        """One of the heads."""
        writer, s = self.writer, self.setting
        depth = head_of(writer, self.batch, s.queries, number, s.heads, s.depth)
        width = head_of(writer, self.batch, s.queries, number, s.heads, s.width)
        lines = head_of(writer, self.batch, s.heads, number, 1, s.queries)

        def place(argument: int, at: Register) -> Register:
            return writer.offset(writer.argument(argument), s.dtype, at)

        far = (
            Operand(place(0, depth), s.heads * s.depth, 1),
            Operand(place(s.position + 3, width), s.heads * s.width, 1),
        )
        query = self._near(far[0], s.depth, self.near_query)
        cotangent = self._near(far[1], s.width, self.near_cotangent)
        head = _Head(
            number, query, place(s.position, width), cotangent,
            place(s.position + 4, depth), lines, self._sees_nothing(lines) if s.may_hide_all else None,
        )  # fmt: skip
        if self.chunks == 1:
            self._chunk(head, writer.constant(0, "i64"))
        else:
            with writer.loop(0, self.chunks) as loop:
                self._chunk(head, loop.index)

    def _row(self, operand: Operand, row: Register) -> Register:
        """Where a row begins."""
        distance = self.writer.binary("mul", row, self.writer.constant(operand.rows, "i64"))
        return self.writer.offset(operand.place, self.setting.dtype, distance)

    def _near(self, operand: Operand, size: int, target: Register) -> Operand:
        """A head's queries or cotangents, copied if need be."""
        s = self.setting
        if not copies(s, s.queries, s.heads, size):
            return operand
        copy_rows(self.writer, s.dtype, self.cut.lanes, operand, s.queries, size, target)
        return Operand(target, size, 1)

    def _sees_nothing(self, lines: Register) -> Register:
        """Whether some query's largest score is that of what is hidden."""
        writer, s = self.writer, self.setting
        peaks = writer.offset(writer.argument(s.position + 1), s.dtype, lines)
        with writer.loop(0, s.queries) as loop:
            found = loop.carry(writer.constant(False, "i1"))
            peak = writer.load(writer.offset(peaks, s.dtype, loop.index), s.dtype)
            hidden = writer.compare("ole", peak, writer.constant(HIDDEN, s.kind))
            loop.set(found, writer.binary("or", found, hidden))
        return loop.result(found)

    def _chunk(self, head: _Head, number: Register) -> None:
        writer, s, cut = self.writer, self.setting, self.cut
        first = writer.binary("mul", number, writer.constant(self.each, "i64"))
        last = writer.binary("add", first, writer.constant(self.each, "i64"))
        last = writer.intrinsic("llvm.smin", last, writer.constant(cut.count, "i64"))
        if self.chunks == 1:
            first, last = writer.constant(0, "i64"), writer.constant(cut.count, "i64")
        top, end = writer.constant(0, "i64"), writer.constant(s.queries, "i64")
        if self.chunks > 1:
            top, end = cut.top(writer, first), cut.top(writer, last)
        chunk = _Chunk((first, last), top, end)
        cut.blocks(writer, chunk.blocks, lambda rows, query: self._block(head, chunk, rows, query))
        count, base, extra = self.key_blocks
        for rows, begin, finish in ((base + 1, 0, extra), (base, extra, count)):
            if rows and begin < finish:
                with writer.loop(begin, finish) as loop:
                    first = writer.binary("mul", loop.index, writer.constant(base, "i64"))
                    if extra:
                        more = writer.intrinsic("llvm.smin", loop.index, writer.constant(extra, "i64"))
                        first = writer.binary("add", first, more)
                    self._keys(head, chunk, rows, first)

    # A block of queries

    def _block(self, head: _Head, chunk: _Chunk, rows: int, top: Register) -> None:
        """The weights and the scores' cotangents of a block of queries, and the queries' gradient."""
        writer, s, cut = self.writer, self.setting, self.cut
        limit, keys = self._seen(head, rows, top)
        inside = writer.binary("mul", writer.binary("sub", top, chunk.top), writer.constant(cut.pitch, "i64"))
        weights, of_scores = (writer.offset(place, s.dtype, inside) for place in (self.weights, self.of_scores))
        most = writer.constant(limit, "i64") if isinstance(limit, int) else limit
        for source, packed, size, buffer in (
            (head.query, self.packed_keys, s.depth, weights),
            (head.cotangent, self.packed_values, s.width, of_scores),
        ):
            here = self._row(source, top)
            multiply_packed(writer, cut, rows, (here, source.rows), (packed, size), buffer, most)
        lines = Rows(writer, cut, self.batch, head.number, limit)
        for group in groups_of(rows):
            members = [lines.row(weights, top, number) for number in group]
            places = [writer.offset(of_scores, s.dtype, number * cut.pitch) for number in group]
            known = [self._statistics(head, row) for row in members]
            gradient_rows(lines, members, places, known, self._along(head, members))
        step = s.heads * s.depth
        place = writer.offset(head.of_query, s.dtype, writer.binary("mul", top, writer.constant(step, "i64")))

        def finish(tile: Tile, widths: tuple[int, ...], row: int, column: Register) -> None:
            here = writer.offset(writer.offset(place, s.dtype, column), s.dtype, row * step)
            store_tile(writer, s.dtype, cut.depth_lanes, tile, widths, here, step)

        a = Operand(of_scores, cut.pitch, 1)
        multiply_plain(writer, s.dtype, cut.depth_lanes, (rows, s.depth), a, self.keys, keys, finish)

    def _seen(self, head: _Head, rows: int, top: Register) -> tuple[Register | int, Register | int]:
        """Vectors of keys that are computed, and keys that the queries of a block see.

        Some more keys are computed than are seen, so that a block of keys finds zeros where it sees none.
        """
        writer, s, cut = self.writer, self.setting, self.cut
        if not s.causal:
            return cut.vectors, s.keys
        end = writer.binary("add", top, writer.constant(rows, "i64"))
        more = writer.binary("add", end, writer.constant(cut.most, "i64"))
        whole = writer.constant(s.keys, "i64")
        keys, computed = (writer.intrinsic("llvm.smin", count, whole) for count in (end, more))
        if head.hidden is not None:
            keys, computed = (writer.select(head.hidden, whole, count) for count in (keys, computed))
        return vectors_of(writer, computed, cut.lanes), keys

    def _statistics(self, head: _Head, row: Row) -> Statistics:
        writer, s = self.writer, self.setting
        at = writer.binary("add", head.statistics, row.query)
        peak, total = (
            writer.load(writer.offset(writer.argument(s.position + index), s.dtype, at), s.dtype) for index in (1, 2)
        )
        return Statistics(peak, writer.binary("fdiv", writer.constant(1.0, s.kind), total))

    def _along(self, head: _Head, members: Sequence[Row]) -> list[Register]:
        """The sum of the result times its cotangent, a row."""
        writer, s, lanes = self.writer, self.setting, self.cut.width_lanes
        result = Operand(head.result, s.heads * s.width, 1)
        pairs = [[self._row(part, row.query) for part in (result, head.cotangent)] for row in members]
        full, rest = divmod(s.width, lanes)

        def add(first: Register, width: int, sums: Sequence[Register]) -> list[Register]:
            after = []
            for pair, total in zip(pairs, sums, strict=True):
                y, g = (load_columns(writer, writer.offset(x, s.dtype, first), s.dtype, lanes, width) for x in pair)
                after.append(multiply_add(writer, y, g, total))
            return after

        sums = [writer.constant(0, s.kind, lanes)] * len(members)
        if full > FEW:
            with writer.loop(0, full) as loop:
                carried = [loop.carry(total) for total in sums]
                first = writer.binary("mul", loop.index, writer.constant(lanes, "i64"))
                for phi, value in zip(carried, add(first, lanes, carried), strict=True):
                    loop.set(phi, value)
            sums = [loop.result(phi) for phi in carried]
        else:
            for number in range(full):
                sums = add(writer.constant(number * lanes, "i64"), lanes, sums)
        if rest:
            sums = add(writer.constant(full * lanes, "i64"), rest, sums)
        return [writer.reduce("fadd", total) for total in sums]

    # A block of keys

    def _keys(self, head: _Head, chunk: _Chunk, rows: int, first: Register) -> None:
        """What a chunk of queries adds to the gradients of a block of keys and values."""
        writer, s = self.writer, self.setting
        begin = chunk.top
        if s.causal:
            begin = writer.intrinsic("llvm.smax", begin, first)
            if head.hidden is not None:
                begin = writer.select(head.hidden, chunk.top, begin)
        summed: int | Register = s.queries
        if s.causal or self.chunks > 1:
            summed = writer.binary("sub", chunk.end, begin)
        inside = writer.binary("mul", writer.binary("sub", begin, chunk.top), writer.constant(self.cut.pitch, "i64"))
        for a, source, target, target_step, size, lanes in (
            (self.weights, head.cotangent, self.of_value, self.value_step, s.width, self.cut.width_lanes),
            (self.of_scores, head.query, self.of_key, self.key_step, s.depth, self.cut.depth_lanes),
        ):
            left = writer.offset(a, s.dtype, writer.binary("add", inside, first))
            place = writer.offset(target, s.dtype, writer.binary("mul", first, writer.constant(target_step, "i64")))
            operands = Operand(left, 1, self.cut.pitch), Operand(self._row(source, begin), source.rows, 1)
            self._add(operands, (rows, size), summed, place, target_step, lanes)

    def _add(
        self,
        operands: tuple[Operand, Operand],
        size: tuple[int, int],
        summed: int | Register,
        place: Register,
        step: int,
        lanes: int,
    ) -> None:
        """A product that is stored, or added to what is there."""
        writer, s = self.writer, self.setting

        def here(row: int, column: Register) -> Register:
            return writer.offset(writer.offset(place, s.dtype, column), s.dtype, row * step)

        def start(row: int, height: int, widths: tuple[int, ...], column: Register) -> Tile:
            corner = here(row, column)

            def load(offset: int, width: int) -> Register:
                return load_columns(writer, writer.offset(corner, s.dtype, offset), s.dtype, lanes, width)

            return [
                [load(line * step + index * lanes, width) for index, width in enumerate(widths)]
                for line in range(height)
            ]

        def finish(tile: Tile, widths: tuple[int, ...], row: int, column: Register) -> None:
            store_tile(writer, s.dtype, lanes, tile, widths, here(row, column), step)

        adds = start if self.adds else None
        multiply_plain(writer, s.dtype, lanes, size, *operands, summed, finish, adds)


__all__ = ["attention_gradient_launch"]
