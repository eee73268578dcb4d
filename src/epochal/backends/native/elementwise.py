"""One elementwise operator on registers: shared by fused loops and by the epilogues of products and convolutions.

Operands come in arithmetic form (`emit.ARITHMETIC_KIND`): float16 and bfloat16 as float32, a bool as i1. All have the
same number of lanes, or are scalars, which are repeated; the result has the lanes of the widest.
"""

# ruff: noqa: ARG001, ARG005 - the emitters in the table share one signature

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from epochal.backends.native.emit import ARITHMETIC_KIND, Register, Writer
from epochal.backends.native.vector_math import FUNCTIONS, INFINITY, NAN, Math
from epochal.dtypes import DType

Emitter = Callable[[Writer, Sequence[Register], DType], Register]


def emit_elementwise(
    writer: Writer,
    name: str,
    operands: Sequence[Register],
    parameters: Mapping[str, Any],
    dtypes: Sequence[DType],
    width: int = 1,
) -> Register:
    """The result of an elementwise operator.

    Args:
        writer: Where the code goes.
        name: Name of the operator in the inventory.
        operands: Its operands, with `width` lanes or 1.
        parameters: Its parameters.
        dtypes: Element types of the operands, then of the result.
        width: Lanes of the result; 1 if all operands are scalars.
    """
    operands = [writer.splat(operand, width) for operand in operands]
    if name == "cast":
        return cast(writer, operands[0], dtypes[0], dtypes[-1])
    function = FUNCTIONS.get(name)
    if function is not None and dtypes[0].is_floating:
        return function(writer, *operands)
    return EMITTERS[name](writer, operands, dtypes[0])


def has_emitter(name: str) -> bool:
    """Whether `emit_elementwise` knows the operator."""
    return name == "cast" or name in FUNCTIONS or name in EMITTERS


def cast(writer: Writer, x: Register, source: DType, target: DType) -> Register:
    """Conversion between element types. A float outside an integer type's range gives some value of that type."""
    if source is target:
        return x
    kind = ARITHMETIC_KIND[target.name]
    if target.is_bool:
        zero = writer.constant(0, x.kind, x.lanes)
        return writer.compare("une" if source.is_floating else "ne", x, zero)
    if source.is_bool:
        return writer.convert("uitofp" if target.is_floating else "zext", x, kind)
    if source.is_floating and target.is_floating:
        if x.kind != kind:
            x = writer.convert("fpext" if kind == "double" else "fptrunc", x, kind)
        return round_to(writer, x, target)
    if source.is_floating:
        return _float_to_integer(writer, x, target)
    if target.is_floating:
        x = writer.convert("sitofp" if source.kind == "int" else "uitofp", x, kind)
        return round_to(writer, x, target)
    if source.itemsize == target.itemsize:
        return x
    if source.itemsize > target.itemsize:
        return writer.convert("trunc", x, kind)
    return writer.convert("sext" if source.kind == "int" else "zext", x, kind)


def round_to(writer: Writer, x: Register, dtype: DType) -> Register:
    """A float32 register rounded to what `dtype` can hold (nothing to do for float32 and float64)."""
    if dtype.name in ("float16", "bfloat16"):
        return writer.from_memory(writer.to_memory(x, dtype), dtype)
    return x


def _float_to_integer(writer: Writer, x: Register, target: DType) -> Register:
    """Towards zero, through the next wider signed integer and cut off, as C compilers do on x86."""
    kind = ARITHMETIC_KIND[target.name]
    through = "i32" if target.itemsize < 4 or target.name == "int32" else "i64"
    intrinsic = "llvm.fptoui.sat" if target.name == "uint64" else "llvm.fptosi.sat"
    result = Register("", through, x.lanes)
    name = f"@{intrinsic}.{writer.suffix(through, x.lanes)}.{writer.suffix(x.kind, x.lanes)}"
    writer.declare(f"declare {result.type} {name}({x.type})")
    whole = writer.pure(f"call {result.type} {name}({x.typed})", through, x.lanes)
    return writer.convert("trunc", whole, kind)


def _arithmetic(floating: str, integer: str) -> Emitter:
    def emit(writer: Writer, operands: Sequence[Register], dtype: DType) -> Register:
        return writer.binary(floating if dtype.is_floating else integer, operands[0], operands[1])

    return emit


def _logic(operation: str) -> Emitter:
    return lambda writer, operands, dtype: writer.binary(operation, operands[0], operands[1])


def _compare(floating: str, integer: str) -> Emitter:
    def emit(writer: Writer, operands: Sequence[Register], dtype: DType) -> Register:
        if dtype.is_floating:
            predicate = floating
        elif integer in ("eq", "ne"):
            predicate = integer
        else:
            predicate = ("s" if dtype.kind == "int" else "u") + integer
        return writer.compare(predicate, operands[0], operands[1])

    return emit


def _intrinsic(name: str) -> Emitter:
    return lambda writer, operands, dtype: writer.intrinsic(name, *operands)


def _zero(writer: Writer, like: Register) -> Register:
    return writer.constant(0, like.kind, like.lanes)


def _number(writer: Writer, value: float, like: Register) -> Register:
    return writer.constant(value, like.kind, like.lanes)


def _negate(writer: Writer, operands: Sequence[Register], dtype: DType) -> Register:
    x = operands[0]
    return writer.negate(x) if dtype.is_floating else writer.binary("sub", _zero(writer, x), x)


def _absolute(writer: Writer, operands: Sequence[Register], dtype: DType) -> Register:
    x = operands[0]
    if dtype.is_floating:
        return writer.intrinsic("llvm.fabs", x)
    if dtype.kind == "uint":
        return x
    return writer.select(writer.compare("slt", x, _zero(writer, x)), writer.binary("sub", _zero(writer, x), x), x)


def _sign(writer: Writer, operands: Sequence[Register], dtype: DType) -> Register:
    x = operands[0]
    zero, one = _zero(writer, x), _number(writer, 1, x)
    if dtype.is_floating:
        result = writer.select(writer.compare("ogt", x, zero), one, writer.constant(-1.0, x.kind, x.lanes))
        return writer.select(writer.compare("one", x, zero), result, _nan_or_zero(writer, x))
    if dtype.kind == "uint":
        return writer.select(writer.compare("ne", x, zero), one, zero)
    result = writer.select(writer.compare("sgt", x, zero), one, writer.constant(-1, x.kind, x.lanes))
    return writer.select(writer.compare("eq", x, zero), zero, result)


def _nan_or_zero(writer: Writer, x: Register) -> Register:
    """NaN where x is NaN; otherwise zero."""
    return writer.select(writer.compare("uno", x, x), x, _zero(writer, x))


def _square(writer: Writer, operands: Sequence[Register], dtype: DType) -> Register:
    return writer.binary("fmul" if dtype.is_floating else "mul", operands[0], operands[0])


def _reciprocal(writer: Writer, operands: Sequence[Register], dtype: DType) -> Register:
    return writer.binary("fdiv", _number(writer, 1.0, operands[0]), operands[0])


def _reciprocal_root(writer: Writer, operands: Sequence[Register], dtype: DType) -> Register:
    root = writer.intrinsic("llvm.sqrt", operands[0])
    return writer.binary("fdiv", _number(writer, 1.0, root), root)


def larger(writer: Writer, a: Register, b: Register, dtype: DType) -> Register:
    """The larger one; NaN if either is."""
    return _extreme(writer, a, b, dtype, "ogt", "gt")


def smaller(writer: Writer, a: Register, b: Register, dtype: DType) -> Register:
    """The smaller one; NaN if either is."""
    return _extreme(writer, a, b, dtype, "olt", "lt")


def _extreme(writer: Writer, a: Register, b: Register, dtype: DType, floating: str, integer: str) -> Register:
    if dtype.is_bool:
        return writer.binary("or" if integer == "gt" else "and", a, b)
    if not dtype.is_floating:
        predicate = ("s" if dtype.kind == "int" else "u") + integer
        return writer.select(writer.compare(predicate, a, b), a, b)
    chosen = writer.select(writer.compare(floating, a, b), a, b)  # b if either is NaN
    return writer.select(writer.compare("uno", a, a), a, chosen)


def _maximum(writer: Writer, operands: Sequence[Register], dtype: DType) -> Register:
    return larger(writer, operands[0], operands[1], dtype)


def _minimum(writer: Writer, operands: Sequence[Register], dtype: DType) -> Register:
    return smaller(writer, operands[0], operands[1], dtype)


def _relu(writer: Writer, operands: Sequence[Register], dtype: DType) -> Register:
    """Zero where x < 0; so NaN stays."""
    x, zero = operands[0], _zero(writer, operands[0])
    predicate = "olt" if dtype.is_floating else "slt"
    return x if dtype.kind == "uint" else writer.select(writer.compare(predicate, x, zero), zero, x)


def _clamp(writer: Writer, operands: Sequence[Register], dtype: DType) -> Register:
    return smaller(writer, larger(writer, operands[0], operands[1], dtype), operands[2], dtype)


def _select(writer: Writer, operands: Sequence[Register], dtype: DType) -> Register:
    return writer.select(operands[0], operands[1], operands[2])


def _is_nan(writer: Writer, operands: Sequence[Register], dtype: DType) -> Register:
    return writer.compare("uno", operands[0], operands[0])


def _is_finite(writer: Writer, operands: Sequence[Register], dtype: DType) -> Register:
    size = writer.intrinsic("llvm.fabs", operands[0])
    return writer.compare("olt", size, _number(writer, 65520.0 if dtype.name == "float16" else INFINITY, size))


def _flip(writer: Writer, operands: Sequence[Register], dtype: DType) -> Register:
    x = operands[0]
    return writer.binary("xor", x, writer.constant(-1 if x.kind != "i1" else True, x.kind, x.lanes))


def _identity(writer: Writer, operands: Sequence[Register], dtype: DType) -> Register:
    return operands[0]


def _divide_integers(writer: Writer, x: Register, y: Register, dtype: DType) -> tuple[Register, Register]:
    """Floored quotient and remainder; both 0 where y is 0. Division by 0 and of the smallest by -1 never happens."""
    zero, one = _zero(writer, y), _number(writer, 1, y)
    empty = writer.compare("eq", y, zero)
    if dtype.kind == "uint":
        safe = writer.select(empty, one, y)
        quotient, rest = writer.binary("udiv", x, safe), writer.binary("urem", x, safe)
        return writer.select(empty, zero, quotient), writer.select(empty, zero, rest)
    minus = writer.compare("eq", y, _number(writer, -1, y))
    safe = writer.select(writer.binary("or", empty, minus), one, y)
    quotient, rest = writer.binary("sdiv", x, safe), writer.binary("srem", x, safe)
    differ = writer.compare("slt", writer.binary("xor", rest, safe), zero)
    down = writer.binary("and", differ, writer.compare("ne", rest, zero))
    quotient = writer.select(down, writer.binary("sub", quotient, one), quotient)
    rest = writer.select(down, writer.binary("add", rest, safe), rest)
    quotient = writer.select(minus, writer.binary("sub", zero, x), quotient)
    return writer.select(empty, zero, quotient), writer.select(empty, zero, rest)


def _floor_divide(writer: Writer, operands: Sequence[Register], dtype: DType) -> Register:
    x, y = operands
    if dtype.is_floating:
        return writer.intrinsic("llvm.floor", writer.binary("fdiv", x, y))
    return _divide_integers(writer, x, y, dtype)[0]


def _remainder(writer: Writer, operands: Sequence[Register], dtype: DType) -> Register:
    x, y = operands
    if not dtype.is_floating:
        return _divide_integers(writer, x, y, dtype)[1]
    if x.kind == "float":  # exact in float64 for every quotient below 2^53
        wide = [writer.convert("fpext", operand, "double") for operand in operands]
        return writer.convert("fptrunc", _float_remainder(Math(writer, wide[0]), wide[0], wide[1]), "float")
    return _float_remainder(Math(writer, x), x, y)


def _float_remainder(m: Math, x: Register, y: Register) -> Register:
    """x - y floor(x / y), from the truncated quotient; the sign is y's."""
    w = m.writer
    quotient = m.unary("trunc", m.div(x, y))
    rest = m.fma(m.negate(quotient), y, x)
    across = w.binary("and", m.test("oeq", m.abs(y), INFINITY), m.test("olt", m.abs(x), INFINITY))
    rest = m.pick(across, x, rest)
    positive = m.test("ogt", y, 0.0)
    wrong = w.select(positive, m.test("olt", rest, 0.0), m.test("ogt", rest, 0.0))
    rest = m.pick(wrong, m.add(rest, y), rest)
    full = m.test("oge", m.abs(rest), m.abs(y))
    rest = m.pick(w.binary("and", full, m.test("olt", m.abs(y), INFINITY)), m.sub(rest, y), rest)
    rest = m.pick(m.test("oeq", rest, 0.0), m.with_sign(rest, y), rest)
    return m.pick(m.test("oeq", y, 0.0), NAN, rest)


def _integer_power(writer: Writer, operands: Sequence[Register], dtype: DType) -> Register:
    """By squaring; a negative exponent gives 1 for 1, 1 or -1 for -1, and 0 otherwise."""
    x, y = operands
    zero, one = _zero(writer, x), _number(writer, 1, x)
    negative = writer.compare("slt", y, zero)
    left = y if dtype.kind == "uint" else writer.select(negative, writer.binary("sub", zero, y), y)
    result, factor = one, x
    for _ in range(dtype.itemsize * 8):
        odd = writer.compare("ne", writer.binary("and", left, one), zero)
        result = writer.select(odd, writer.binary("mul", result, factor), result)
        left = writer.binary("lshr", left, one)
        factor = writer.binary("mul", factor, factor)
    if dtype.kind == "uint":
        return result
    size = writer.select(writer.compare("slt", x, zero), writer.binary("sub", zero, x), x)
    vanishes = writer.binary("and", negative, writer.compare("ne", size, one))
    return writer.select(vanishes, zero, result)


def _shift_left(writer: Writer, operands: Sequence[Register], dtype: DType) -> Register:
    x, y = operands
    inside = writer.compare("ult", y, _number(writer, dtype.itemsize * 8, y))
    shifted = writer.binary("shl", x, writer.select(inside, y, _zero(writer, y)))
    return writer.select(inside, shifted, _zero(writer, x))


def _shift_right(writer: Writer, operands: Sequence[Register], dtype: DType) -> Register:
    x, y = operands
    inside = writer.compare("ult", y, _number(writer, dtype.itemsize * 8, y))
    if dtype.kind == "uint":
        shifted = writer.binary("lshr", x, writer.select(inside, y, _zero(writer, y)))
        return writer.select(inside, shifted, _zero(writer, x))
    return writer.binary("ashr", x, writer.select(inside, y, _number(writer, dtype.itemsize * 8 - 1, y)))


EMITTERS: dict[str, Emitter] = {
    "neg": _negate,
    "abs": _absolute,
    "sign": _sign,
    "square": _square,
    "floor": _intrinsic("llvm.floor"),
    "ceil": _intrinsic("llvm.ceil"),
    "round": _intrinsic("llvm.rint"),
    "sqrt": _intrinsic("llvm.sqrt"),
    "rsqrt": _reciprocal_root,
    "reciprocal": _reciprocal,
    "relu": _relu,
    "is_finite": _is_finite,
    "is_nan": _is_nan,
    "logical_not": _flip,
    "bitwise_not": _flip,
    "stop_gradient": _identity,
    "add": _arithmetic("fadd", "add"),
    "sub": _arithmetic("fsub", "sub"),
    "mul": _arithmetic("fmul", "mul"),
    "div": _arithmetic("fdiv", "sdiv"),
    "floor_div": _floor_divide,
    "rem": _remainder,
    "pow": _integer_power,
    "maximum": _maximum,
    "minimum": _minimum,
    "equal": _compare("oeq", "eq"),
    "not_equal": _compare("une", "ne"),
    "less": _compare("olt", "lt"),
    "less_equal": _compare("ole", "le"),
    "greater": _compare("ogt", "gt"),
    "greater_equal": _compare("oge", "ge"),
    "logical_and": _logic("and"),
    "logical_or": _logic("or"),
    "logical_xor": _logic("xor"),
    "bitwise_and": _logic("and"),
    "bitwise_or": _logic("or"),
    "bitwise_xor": _logic("xor"),
    "shift_left": _shift_left,
    "shift_right": _shift_right,
    "select": _select,
    "clamp": _clamp,
}
"""The operators that take few instructions; those of `vector_math.FUNCTIONS` and ``cast`` come beside them."""

COSTS: dict[str, float] = {
    **dict.fromkeys(EMITTERS, 1.0),
    "cast": 1.0,
    "div": 5.0,
    "sqrt": 6.0,
    "rsqrt": 10.0,
    "reciprocal": 5.0,
    "floor_div": 8.0,
    "rem": 15.0,
    **dict.fromkeys(FUNCTIONS, 20.0),
    "pow": 100.0,
    "stop_gradient": 0.0,
}
"""Rough cost of an operator, in additions."""
