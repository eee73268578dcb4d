"""Axes of a contraction with the strides of every operand, merged where memory allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from epochal.backends.native.emit import Register, Writer


@dataclass(frozen=True, slots=True)
class Axis:
    """One loop: its size, and elements that each operand moves a step. Operands: a, b, outputs, epilogue inputs."""

    size: int
    steps: tuple[int, ...]


def merged(axes: Sequence[Axis]) -> list[Axis]:
    """The same loops, outermost first, as few as can be: a loop and the one in it become one where every operand
    moves as if they were."""
    result: list[Axis] = []
    for axis in axes:
        if axis.size == 1:
            continue
        if result and all(
            outer == inner * axis.size for outer, inner in zip(result[-1].steps, axis.steps, strict=True)
        ):
            result[-1] = Axis(result[-1].size * axis.size, axis.steps)
        else:
            result.append(axis)
    return result


def total(axes: Sequence[Axis]) -> int:
    """How many points the loops have."""
    count = 1
    for axis in axes:
        count *= axis.size
    return count


def decode(writer: Writer, number: Register, sizes: Sequence[int]) -> list[Register]:
    """The indices that a row-major number stands for."""
    indices: list[Register] = []
    for position, size in enumerate(reversed(sizes)):
        if size == 1:
            indices.append(writer.constant(0, "i64"))
        elif position == len(sizes) - 1:
            indices.append(number)
        else:
            divisor = writer.constant(size, "i64")
            indices.append(writer.binary("urem", number, divisor))
            number = writer.binary("udiv", number, divisor)
    return indices[::-1]


def advance(writer: Writer, places: Sequence[Register], index: Register | int, steps: Sequence[int]) -> list[Register]:
    """Offsets moved by ``index * step`` each."""
    moved = []
    for place, step in zip(places, steps, strict=True):
        if step == 0 or index == 0 or (isinstance(index, Register) and index.name == "0"):
            moved.append(place)
            continue
        if isinstance(index, int):
            distance = writer.constant(index * step, "i64")
        else:
            distance = index if step == 1 else writer.binary("mul", index, writer.constant(step, "i64"))
        moved.append(distance if place.name == "0" else writer.binary("add", place, distance))
    return moved


def share(writer: Writer, index: Register, count: int, parts: int) -> tuple[Register, Register]:
    """The bounds of part `index` where `count` things are dealt to `parts` as evenly as can be."""
    if count == parts:
        return index, writer.binary("add", index, writer.constant(1, "i64"))
    if parts == 1:
        return writer.constant(0, "i64"), writer.constant(count, "i64")
    following = writer.binary("add", index, writer.constant(1, "i64"))
    bounds = [
        writer.binary(
            "udiv",
            writer.binary("mul", number, writer.constant(count, "i64")),
            writer.constant(parts, "i64"),
        )
        for number in (index, following)
    ]
    return bounds[0], bounds[1]


__all__ = ["Axis", "advance", "decode", "merged", "share", "total"]
