"""Which steps of a sweep stay inside."""

from __future__ import annotations

from epochal.backends.native.emit import Register, Writer


def inside(
    writer: Writer, position: Register, step: int, size: int, count: int | Register
) -> tuple[Register, Register]:
    """The steps i in ``[0, count)`` with ``0 <= position + i * step < size``: the first, and how many.

    `step` is positive. Division rounds towards zero, so both numerators are made such that a negative one gives a
    bound that the limits cut off.
    """
    zero, number = writer.constant(0, "i64"), writer.constant(step, "i64")

    def divided(value: Register) -> Register:
        return value if step == 1 else writer.binary("sdiv", value, number)

    before = writer.binary("sub", writer.constant(step - 1, "i64"), position)
    first = writer.intrinsic("llvm.smax", zero, divided(before))
    after = writer.binary("sub", writer.constant(size - 1 + step, "i64"), position)
    last = writer.constant(count, "i64") if isinstance(count, int) else count
    limit = writer.intrinsic("llvm.smin", last, divided(after))
    return first, writer.binary("sub", writer.intrinsic("llvm.smax", limit, first), first)


__all__ = ["inside"]
