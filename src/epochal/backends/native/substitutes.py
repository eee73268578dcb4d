"""What some processors, or all, have no instruction for, written in those that all have.

For roundings and halves LLVM would call a C library's function for each lane instead (or one that nothing defines).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the writer itself uses these
    from epochal.backends.native.emit import Register, Writer

ROUNDINGS = ("llvm.rint", "llvm.floor", "llvm.ceil", "llvm.trunc")


def rounded(writer: Writer, name: str, x: Register) -> Register:
    """x rounded to an integral number, as the intrinsic `name` does: with SSE4.1 one instruction."""
    magnitude = writer.intrinsic("llvm.fabs", x)
    # Above 2^23 (2^52) there are no fractions left, so adding that number rounds, to nearest even.
    limit = writer.constant(2.0**23 if x.kind == "float" else 2.0**52, x.kind, x.lanes)
    value = magnitude if name == "llvm.trunc" else x
    shift = writer.intrinsic("llvm.copysign", limit, value)
    result = writer.binary("fsub", writer.binary("fadd", value, shift), shift)
    one = writer.constant(1.0, x.kind, x.lanes)
    if name in ("llvm.floor", "llvm.trunc"):
        above = writer.compare("ogt", result, value)
        result = writer.select(above, writer.binary("fsub", result, one), result)
    elif name == "llvm.ceil":
        below = writer.compare("olt", result, value)
        result = writer.select(below, writer.binary("fadd", result, one), result)
    result = writer.intrinsic("llvm.copysign", result, x)
    return writer.select(writer.compare("olt", magnitude, limit), result, x)


def half_to_float(writer: Writer, raw: Register) -> Register:
    """A float16 as float32, exactly, whether denormal numbers are flushed or not."""
    lanes = raw.lanes

    def whole(number: int) -> Register:
        return writer.constant(number, "i32", lanes)

    bits = writer.convert("zext", writer.convert("bitcast", raw, "i16"), "i32")
    magnitude = writer.binary("and", bits, whole(0x7FFF))
    rebias = whole((127 - 15) << 23)
    normal = writer.binary("add", writer.binary("shl", magnitude, whole(13)), rebias)
    top = writer.compare("uge", magnitude, whole(0x7C00))  # infinity and NaN: the largest exponent in float32 too
    normal = writer.select(top, writer.binary("add", normal, rebias), normal)
    step = writer.constant(2.0**-24, "float", lanes)
    tiny = writer.binary("fmul", writer.convert("sitofp", magnitude, "float"), step)
    small = writer.compare("ult", magnitude, whole(0x0400))
    value = writer.select(small, writer.convert("bitcast", tiny, "i32"), normal)
    sign = writer.binary("shl", writer.binary("and", bits, whole(0x8000)), whole(16))
    return writer.convert("bitcast", writer.binary("or", value, sign), "float")


def float_to_half(writer: Writer, value: Register) -> Register:
    """A float32 rounded to float16, to nearest even."""
    lanes = value.lanes

    def whole(number: int) -> Register:
        return writer.constant(number, "i32", lanes)

    bits = writer.convert("bitcast", value, "i32")
    magnitude = writer.binary("and", bits, whole(0x7FFFFFFF))
    odd = writer.binary("and", writer.binary("lshr", magnitude, whole(13)), whole(1))
    bias = writer.binary("add", odd, whole(0x0FFF - ((127 - 15) << 23)))
    normal = writer.binary("lshr", writer.binary("add", magnitude, bias), whole(13))
    over = writer.compare("uge", magnitude, whole(0x477FF000))  # from 65520 on
    normal = writer.select(over, whole(0x7C00), normal)
    # Beside 1/2 the numbers of float32 lie as far apart as the denormal ones of float16.
    half = writer.constant(0.5, "float", lanes)
    sum_ = writer.convert("bitcast", writer.binary("fadd", writer.convert("bitcast", magnitude, "float"), half), "i32")
    tiny = writer.binary("sub", sum_, whole(0x3F000000))
    result = writer.select(writer.compare("ult", magnitude, whole(0x38800000)), tiny, normal)
    payload = writer.binary("and", writer.binary("lshr", magnitude, whole(13)), whole(0x01FF))
    not_a_number = writer.compare("ugt", magnitude, whole(0x7F800000))
    result = writer.select(not_a_number, writer.binary("or", payload, whole(0x7E00)), result)
    sign = writer.binary("and", writer.binary("lshr", bits, whole(16)), whole(0x8000))
    return writer.convert("bitcast", writer.convert("trunc", writer.binary("or", result, sign), "i16"), "half")


def float_to_bfloat16(writer: Writer, value: Register) -> Register:
    """The bits (i16) of a float32 rounded to bfloat16, to nearest even."""
    lanes = value.lanes
    bits = writer.convert("bitcast", value, "i32")
    high = writer.binary("lshr", bits, writer.constant(16, "i32", lanes))
    odd = writer.binary("and", high, writer.constant(1, "i32", lanes))
    bias = writer.binary("add", odd, writer.constant(0x7FFF, "i32", lanes))
    nearest = writer.binary("lshr", writer.binary("add", bits, bias), writer.constant(16, "i32", lanes))
    quiet = writer.binary("or", high, writer.constant(0x40, "i32", lanes))
    chosen = writer.select(writer.compare("uno", value, value), quiet, nearest)
    return writer.convert("trunc", chosen, "i16")
