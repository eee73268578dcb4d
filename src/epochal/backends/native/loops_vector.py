"""A plain vectorised loop over a range, for kernels that are no fused nests."""

from __future__ import annotations

from collections.abc import Callable

from epochal.backends.native.emit import Register, Writer

VectorBody = Callable[[Register, int, "Register | None"], None]


def each_vector(writer: Writer, begin: int | Register, end: int | Register, lanes: int, body: VectorBody) -> None:
    """Runs ``body(index, lanes, mask)`` over [begin, end): whole vectors, then what is left under a mask."""
    if isinstance(begin, int) and isinstance(end, int):
        whole, rest = divmod(end - begin, lanes)
        if whole == 1:
            body(writer.constant(begin, "i64"), lanes, None)
        elif whole:
            with writer.loop(begin, begin + whole * lanes, lanes) as loop:
                body(loop.index, lanes, None)
        if rest:
            count = 1 << (rest - 1).bit_length()
            mask = None if count == rest else writer.tail_mask(rest, count)
            body(writer.constant(begin + whole * lanes, "i64"), count, mask)
        return
    first = begin if isinstance(begin, Register) else writer.constant(begin, "i64")
    after = end if isinstance(end, Register) else writer.constant(end, "i64")
    span = writer.binary("and", writer.binary("sub", after, first), writer.constant(-lanes, "i64"))
    last = writer.binary("add", first, span)
    with writer.loop(first, last, lanes) as loop:
        body(loop.index, lanes, None)
    if lanes > 1:
        with writer.when(writer.compare("slt", last, after)):
            body(last, lanes, writer.tail_mask(writer.binary("sub", after, last), lanes))
