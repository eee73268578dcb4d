"""Where the nonzero elements of a pooled convolution's cotangent are: in the cotangent itself, or told by which
element of each pooling window won."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from epochal import dtypes
from epochal.backends.native.emit import ARITHMETIC_KIND, Register, Writer, vector_lanes
from epochal.backends.native.kernels.axes import advance
from epochal.backends.native.kernels.block import load_columns
from epochal.backends.native.kernels.geometry import Geometry

LOSER = 255
"""Stands for the winner of a window none of whose elements lets a cotangent through."""

Body: TypeAlias = Callable[[Register, Register, Register], None]
"""Takes a mask (bit i of an i64: channel i), a pointer to the first channel's value, and where, in the input's
image, what the output pixel sees begins."""


@dataclass(frozen=True, slots=True)
class Whole:
    """The cotangent lies in memory, in the shape of the convolution's output: one argument."""

    geometry: Geometry
    arguments: int = 1

    @property
    def most(self) -> int:
        """Nonzero elements of a channel of an image, at most."""
        return self.geometry.y[0] * self.geometry.y[1]

    def visit(self, writer: Writer, argument: int, image: Register, first: Register, channels: int, body: Body) -> None:
        """`body` for every pixel of an image, for `channels` channels from `first` on."""
        g = self.geometry
        (start,) = advance(writer, [first], image, (g.y[0] * g.y[1] * g.y[2],))
        with writer.loop(0, g.y[0]) as row, writer.loop(0, g.y[1]) as column:
            places = [start, writer.constant(0, "i64")]
            places = advance(writer, places, row.index, (g.y[1] * g.y[2], g.x[1] * g.x[2]))
            places = advance(writer, places, column.index, (g.y[2], g.x[2]))
            pointer = writer.offset(writer.argument(argument), g.dtype, places[0])
            lanes = vector_lanes(writer.target, ARITHMETIC_KIND[g.dtype.name])
            zero = writer.constant(0, ARITHMETIC_KIND[g.dtype.name], lanes)
            parts = []
            for at in range(0, channels, lanes):
                width = min(lanes, channels - at)
                vector = load_columns(writer, writer.offset(pointer, g.dtype, at), g.dtype, lanes, width)
                parts.append((at, writer.compare("une", vector, zero)))
            body(_bits(writer, parts), pointer, places[1])


@dataclass(frozen=True, slots=True)
class Winners:
    """Two arguments in the shape of the pooling's result: the winner's number in each window, and the cotangent."""

    geometry: Geometry
    window: tuple[int, int]
    arguments: int = 2

    @property
    def counts(self) -> tuple[int, int]:
        """Windows down and across."""
        return self.geometry.y[0] // self.window[0], self.geometry.y[1] // self.window[1]

    @property
    def most(self) -> int:
        return self.counts[0] * self.counts[1]

    def visit(self, writer: Writer, argument: int, image: Register, first: Register, channels: int, body: Body) -> None:
        """`body` for every entry of every window of an image, for `channels` channels from `first` on."""
        g, (down, across), (high, wide) = self.geometry, self.counts, self.window
        pitch = g.x[1] * g.x[2]
        (start,) = advance(writer, [first], image, (down * across * g.y[2],))
        with writer.loop(0, down) as row, writer.loop(0, across) as column:
            places = [start, writer.constant(0, "i64")]
            places = advance(writer, places, row.index, (across * g.y[2], high * pitch))
            places = advance(writer, places, column.index, (g.y[2], wide * g.x[2]))
            winners = writer.offset(writer.argument(argument), dtypes.uint8, places[0])
            pointer = writer.offset(writer.argument(argument + 1), g.dtype, places[0])
            wins = [
                (
                    at,
                    load_columns(
                        writer, writer.offset(winners, dtypes.uint8, at), dtypes.uint8, 16, min(16, channels - at)
                    ),
                )
                for at in range(0, channels, 16)
            ]
            with writer.loop(0, high) as i, writer.loop(0, wide) as j:
                number = advance(writer, [j.index], i.index, (wide,))[0]
                entry = writer.splat(writer.convert("trunc", number, "i8"), 16)
                bits = _bits(writer, [(at, writer.compare("eq", win, entry)) for at, win in wins])
                if channels % 16:
                    # Lanes that were not read hold 0, which is the first entry's number.
                    bits = writer.binary("and", bits, writer.constant((1 << channels) - 1, "i64"))
                corner = advance(writer, [places[1]], i.index, (pitch,))
                body(bits, pointer, advance(writer, corner, j.index, (g.x[2],))[0])


Cotangent: TypeAlias = Whole | Winners


def _bits(writer: Writer, parts: list[tuple[int, Register]]) -> Register:
    """Masks of lanes side by side in one i64."""
    bits: Register | None = None
    for at, mask in parts:
        kind = f"i{mask.lanes}"
        part = writer.convert("zext", writer.pure(f"bitcast {mask.typed} to {kind}", kind), "i64")
        if at:
            part = writer.binary("shl", part, writer.constant(at, "i64"))
        bits = part if bits is None else writer.binary("or", bits, part)
    assert bits is not None
    return bits


__all__ = ["LOSER", "Cotangent", "Whole", "Winners"]
