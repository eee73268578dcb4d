"""Softmax on the rows of a buffer of scores, forward and backward: the part of attention that is no product."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

from epochal.backends.native.emit import Register, Writer
from epochal.backends.native.kernels.attention import Cut, Extra
from epochal.backends.native.kernels.block import load_columns, multiply_add
from epochal.backends.native.vector_math import Math
from epochal.dtypes import DType
from epochal.topi.attention import HIDDEN

TOGETHER = 4
"""Rows that are worked on side by side, so that their sums do not wait for one another."""

FEW = 4
"""Vectors of a row that are kept in registers."""

POWER_FLOAT = (
    1.0, 0.6931470036506653, 0.24022242426872253, 0.05550733581185341, 0.009671512991189957, 0.001326472731307149,
)  # fmt: skip
"""2^f for abs(f) <= 1/2, within 9.2e-8."""

POWER_DOUBLE = tuple(math.log(2.0) ** power / math.factorial(power) for power in range(14))
"""The same within 5e-18: Taylor's series."""


class Row(NamedTuple):
    """One query's row of a buffer.

    Attributes:
        place: Its first element.
        query: Its number.
        extras: Where the row of each extra operand begins, in the order bias, mask, kept.
    """

    place: Register
    query: Register
    extras: tuple[Register | None, ...]


class Rows:
    """Rows of one head's scores.

    Attributes:
        limit: Vectors of keys to look at: a number or a register. What lies beyond counts as hidden by causality.
    """

    def __init__(self, writer: Writer, cut: Cut, batch: Register, head: Register, limit: Register | int) -> None:
        self.writer, self.cut, self.setting = writer, cut, cut.setting
        self.extras = (self.setting.bias, self.setting.mask, self.setting.kept)
        self.limit = limit
        self.starts = [self._start(extra, batch, head) for extra in self.extras]

    def _start(self, extra: Extra | None, batch: Register, head: Register) -> Register | None:
        if extra is None:
            return None
        at = self.writer.constant(0, "i64")
        for index, step in zip((batch, head), extra.strides[:2], strict=True):
            if step:
                moved = self.writer.binary("mul", index, self.writer.constant(step, "i64"))
                at = self.writer.binary("add", at, moved)
        return self.writer.offset(self.writer.argument(extra.position), self._dtype(extra), at)

    def _dtype(self, extra: Extra) -> DType | str:
        return self.setting.dtype if extra is self.setting.bias else "i8"

    def row(self, buffer: Register, top: Register, number: int) -> Row:
        """Row `number` of a block that begins at query `top`."""
        writer = self.writer
        query = writer.binary("add", top, writer.constant(number, "i64")) if number else top
        places: list[Register | None] = []
        for extra, start in zip(self.extras, self.starts, strict=True):
            if extra is None or start is None or not extra.strides[2]:
                places.append(start)
                continue
            moved = writer.binary("mul", query, writer.constant(extra.strides[2], "i64"))
            places.append(writer.offset(start, self._dtype(extra), moved))
        return Row(writer.offset(buffer, self.setting.dtype, number * self.cut.pitch), query, tuple(places))

    # Vectors

    def each(
        self,
        carried: Sequence[Register],
        body: Callable[[Register, int, Sequence[Register]], Sequence[Register]],
    ) -> list[Register]:
        """``body(first key, width, carried) -> carried`` for all vectors; what is carried in the end."""
        writer, lanes = self.writer, self.cut.lanes
        full, rest = divmod(self.setting.keys, lanes)
        after = list(carried)
        if isinstance(self.limit, int) and self.cut.vectors <= FEW:
            for number in range(full):
                after = list(body(writer.constant(number * lanes, "i64"), lanes, after))
        elif full:
            limit: Register | int = full
            if not isinstance(self.limit, int):
                limit = writer.intrinsic("llvm.smin", self.limit, writer.constant(full, "i64"))
            with writer.loop(0, limit) as loop:
                phis = [loop.carry(register) for register in after]
                first = writer.binary("mul", loop.index, writer.constant(lanes, "i64"))
                for phi, value in zip(phis, body(first, lanes, phis), strict=True):
                    loop.set(phi, value)
            after = [loop.result(phi) for phi in phis]
        if rest:
            after = list(body(writer.constant(full * lanes, "i64"), rest, after))
        return after

    def load(self, place: Register, first: Register) -> Register:
        """A vector of a row of a buffer."""
        dtype = self.setting.dtype
        return self.writer.load(self.writer.offset(place, dtype, first), dtype, self.cut.lanes)

    def store(self, place: Register, first: Register, vector: Register) -> None:
        self.writer.store(self.writer.offset(place, self.setting.dtype, first), vector, self.setting.dtype)

    def _load_extra(
        self, which: int, row: Row, first: Register, width: int, cache: dict[str, Register]
    ) -> Register | None:
        extra, start = self.extras[which], row.extras[which]
        if extra is None or start is None:
            return None
        if start.name not in cache:
            cache[start.name] = self._read(extra, start, first, width)
        return cache[start.name]

    def _read(self, extra: Extra, start: Register, first: Register, width: int) -> Register:
        writer, lanes = self.writer, self.cut.lanes
        if extra is self.setting.bias:
            if not extra.strides[3]:
                return writer.splat(writer.load(start, self.setting.dtype), lanes)
            place = writer.offset(start, self.setting.dtype, first)
            return load_columns(writer, place, self.setting.dtype, lanes, width)
        if not extra.strides[3]:
            byte = writer.effect(f"load i8, ptr {start.name}, align 1", "i8")
            return writer.splat(writer.convert("trunc", byte, "i1"), lanes)
        return self._read_bits(writer.offset(start, "i8", first), width)

    def _read_bits(self, place: Register, width: int) -> Register:
        """Bools as a mask; False in the lanes not in use."""
        writer, lanes = self.writer, self.cut.lanes
        if width == lanes:
            whole = Register("", "i8", lanes)
            text = f"load {whole.type}, ptr {place.name}, align 1"
            return writer.convert("trunc", writer.effect(text, "i8", lanes), "i1")
        result = writer.constant(False, "i1", lanes)
        for lane in range(width):
            byte = writer.effect(f"load i8, ptr {writer.offset(place, 'i8', lane).name}, align 1", "i8")
            result = writer.insert(result, writer.convert("trunc", byte, "i1"), lane)
        return result

    def kept(self, row: Row, first: Register, width: int, cache: dict[str, Register]) -> Register | None:
        """Which weights dropout keeps."""
        return self._load_extra(2, row, first, width, cache)

    def scores(
        self, row: Row, raw: Register, first: Register, width: int, cache: dict[str, Register]
    ) -> tuple[Register, Register | None]:
        """Scores from products, and which of them are seen (``None``: all)."""
        writer, setting = self.writer, self.setting
        kind, lanes = setting.kind, self.cut.lanes
        factor = writer.constant(setting.scale, kind, lanes)
        bias = self._load_extra(0, row, first, width, cache)
        x = writer.binary("fmul", raw, factor) if bias is None else multiply_add(writer, raw, factor, bias)
        seen = self._load_extra(1, row, first, width, cache)
        if setting.causal:
            before = writer.convert("trunc", writer.binary("sub", row.query, first), "i32")
            earlier = writer.compare("sle", writer.iota(lanes, "i32"), writer.splat(before, lanes))
            seen = earlier if seen is None else writer.binary("and", seen, earlier)
        if seen is not None:
            x = writer.select(seen, x, writer.constant(HIDDEN, kind, lanes))
        return x, seen


def power(writer: Writer, x: Register, peak: Register) -> Register:
    """exp(x - peak) for x that is at most little above the peak; 0 below the normal numbers. NaN stays.

    That is 2^n 2^f with n + f = (x - peak) / ln(2). A number that leaves no bits for the fraction is added, and
    leaves n, with the exponent's bias, in the sum's lowest bits. The quotient's own rounding counts: the result is
    within abs(x - peak) + 2 units in the last place, as a sum of products as large as x is.
    """
    m = Math(writer, x)
    magic, lowest = 1.5 * 2.0**m.bits + m.bias, float(-m.bias)
    t = m.mul(m.sub(x, writer.splat(peak, x.lanes)), 1.4426950408889634)
    t = m.pick(m.test("olt", t, lowest), lowest, t)
    shifted = m.add(t, magic)
    f = m.sub(t, m.sub(shifted, magic))
    scale = m.from_bits(writer.binary("shl", m.to_bits(shifted), m.whole(m.bits)))
    return m.mul(m.polynomial(POWER_FLOAT if x.kind == "float" else POWER_DOUBLE, f), scale)


def groups_of(rows: int) -> list[range]:
    """Rows by those that are worked on together, as even as can be."""
    count = -(-rows // TOGETHER)
    bounds = [index * rows // count for index in range(count + 1)]
    return [range(begin, end) for begin, end in pairwise(bounds)]


class Statistics(NamedTuple):
    """Of one row: the largest score and the sum of the powers."""

    peak: Register
    total: Register


def softmax_rows(rows: Rows, members: Sequence[Row]) -> list[Statistics]:
    """Products to powers of the scores, less those that dropout takes, in place."""
    writer, kind, lanes = rows.writer, rows.setting.kind, rows.cut.lanes
    keep = isinstance(rows.limit, int) and rows.cut.vectors <= FEW
    known: dict[tuple[int, str], Register] = {}
    lowest = writer.constant(-float("inf"), kind, lanes)

    def largest(first: Register, width: int, carried: Sequence[Register]) -> list[Register]:
        cache: dict[str, Register] = {}
        after = []
        for number, (row, peak) in enumerate(zip(members, carried, strict=True)):
            x, _ = rows.scores(row, rows.load(row.place, first), first, width, cache)
            if width < lanes:
                x = writer.select(writer.tail_mask(width, lanes), x, lowest)
            if keep:
                known[number, first.name] = x
            else:
                rows.store(row.place, first, x)
            after.append(writer.select(writer.compare("ogt", x, peak), x, peak))
        return after

    peaks = [
        writer.reduce_with(lambda a, b: writer.select(writer.compare("ogt", a, b), a, b), vector)
        for vector in rows.each([lowest] * len(members), largest)
    ]

    def powers(first: Register, width: int, carried: Sequence[Register]) -> list[Register]:
        cache: dict[str, Register] = {}
        after = []
        for number, (row, total) in enumerate(zip(members, carried, strict=True)):
            x = known[number, first.name] if keep else rows.load(row.place, first)
            p = power(writer, x, peaks[number])
            after.append(writer.binary("fadd", total, p))
            kept = rows.kept(row, first, width, cache)
            if kept is not None:
                p = writer.select(kept, p, writer.constant(0, kind, lanes))
            rows.store(row.place, first, p)
        return after

    totals = rows.each([writer.constant(0, kind, lanes)] * len(members), powers)
    return [Statistics(peak, writer.reduce("fadd", total)) for peak, total in zip(peaks, totals, strict=True)]


def gradient_rows(
    rows: Rows,
    members: Sequence[Row],
    cotangents: Sequence[Register],
    statistics: Sequence[Statistics],
    along: Sequence[Register],
) -> None:
    """In place: products to the weights that dropout leaves, and the weights' cotangents to those of the products.

    Args:
        rows: Rows.
        members: Rows that hold products.
        cotangents: Rows that hold the cotangents of the weights, less dropout.
        statistics: Of each row; `total` is its inverse.
        along: Of each row, the sum of the result times its cotangent.
    """
    writer, kind, lanes = rows.writer, rows.setting.kind, rows.cut.lanes
    zero = writer.constant(0, kind, lanes)
    grown = writer.constant(rows.setting.grown, kind, lanes)

    def one(first: Register, width: int, nothing: Sequence[Register]) -> Sequence[Register]:
        cache: dict[str, Register] = {}
        for row, place, known, sums in zip(members, cotangents, statistics, along, strict=True):
            x, seen = rows.scores(row, rows.load(row.place, first), first, width, cache)
            p = writer.binary("fmul", power(writer, x, known.peak), known.total)
            of_weights = rows.load(place, first)
            kept, left = rows.kept(row, first, width, cache), p
            if kept is not None:
                left = writer.select(kept, writer.binary("fmul", p, grown), zero)
                of_weights = writer.select(kept, writer.binary("fmul", of_weights, grown), zero)
            rows.store(row.place, first, left)
            result = writer.binary("fmul", p, writer.binary("fsub", of_weights, sums))
            if seen is not None:
                result = writer.select(seen, result, zero)
            rows.store(place, first, writer.binary("fmul", result, writer.constant(rows.setting.scale, kind, lanes)))
        return nothing

    rows.each([], one)


__all__ = ["Row", "Rows", "Statistics", "gradient_rows", "groups_of", "power", "softmax_rows"]
