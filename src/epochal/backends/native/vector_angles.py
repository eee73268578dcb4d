"""Sine, cosine, tangent and their inverses, written in float64.

Every function is within 2 units in the last place over its whole range. Arguments up to 2^30 are reduced with three
parts of pi / 2 (Cody and Waite); beyond, with as many bits of 2 / pi as matter, in integers (Payne and Hanek, 1983),
by a function that is called only where a vector holds such a number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeAlias

from epochal import dtypes
from epochal.backends.native.coefficients import (
    ASIN_DOUBLE,
    ATAN_DOUBLE,
    COS_DOUBLE,
    COS_SINGLE,
    SIN_DOUBLE,
    SIN_SINGLE,
    TWO_OVER_PI,
)
from epochal.backends.native.emit import Register, Writer
from epochal.backends.native.vector_base import INFINITY, NAN, PI_2, Math

_Sum: TypeAlias = "tuple[Register, Register]"
_Wave: TypeAlias = Callable[[Writer, Register], Register]

_FAR = 2.0**30


class _Angle:
    """x = quadrant pi/2 + r + low, |r| <= pi/4; the quadrant is an integer, right but for multiples of 4."""

    __slots__ = ("low", "quadrant", "r")

    def __init__(self, quadrant: Register, r: Register, low: Register) -> None:
        self.quadrant = quadrant
        self.r = r
        self.low = low


def _reduce(m: Math, x: Register) -> _Angle:
    far = m.test("oge", m.abs(x), _FAR)
    quadrant, r, low = m.writer.call(f"far_angle{m.lanes}", (x,), (m.whole(0), x, x), _far_angle_or_nothing)
    near = _reduce_near(m, x)
    pick = m.writer.select
    return _Angle(pick(far, quadrant, near.quadrant), pick(far, r, near.r), pick(far, low, near.low))


def _reduce_near(m: Math, x: Register) -> _Angle:
    number, n = m.nearest(x, 0.6366197723675814)
    first = m.minus_product(number, m.number(PI_2[0]), x)
    second, lost = m.product(number, PI_2[1])
    r = m.sub(first, second)
    low = m.sub(m.sub(m.sub(first, r), second), lost)
    return _Angle(n, r, m.fma(number, -PI_2[2], low))


def _reduce_single(m: Math, x: Register) -> tuple[Register, Register]:
    """Quadrant and remainder to what float32 needs."""
    (moved,) = m.writer.call(f"far_angle_single{m.lanes}", (x,), (x,), _moved_or_same)
    number, n = m.nearest(moved, 0.6366197723675814)
    return n, m.fma(number, -PI_2[1], m.minus_product(number, m.number(PI_2[0]), moved))


def _sine_and_cosine(
    m: Math, r: Register, low: Register
) -> tuple[tuple[Register, Register], tuple[Register, Register]]:
    """Sine and cosine of r + low, each as a sum."""
    z = m.mul(r, r)
    half = m.mul(z, 0.5)
    cube = m.mul(z, r)
    rest = m.fma(cube, m.polynomial(SIN_DOUBLE, z), m.sub(low, m.mul(half, low)))
    near = m.sub(1.0, half)
    lost = m.sub(m.sub(1.0, near), half)
    tail = m.fma(m.mul(z, z), m.polynomial(COS_DOUBLE, z), m.negate(m.mul(r, low)))
    return (r, rest), (near, m.add(lost, tail))


def _finish(m: Math, x: Register, quadrant: Register, sine: Register, cosine: Register, turn: int) -> Register:
    """sin(x + turn pi/2) from the remainder's sine and cosine."""
    writer = m.writer
    if turn:
        quadrant = writer.binary("add", quadrant, m.whole(turn))
    odd = writer.compare("ne", writer.binary("and", quadrant, m.whole(1)), m.whole(0))
    sign = writer.binary("shl", writer.binary("and", quadrant, m.whole(2)), m.whole(62))
    value = m.from_bits(writer.binary("xor", m.to_bits(m.pick(odd, cosine, sine)), sign))
    value = m.pick(m.test("olt", m.abs(x), INFINITY), value, NAN)
    return value if turn else m.pick(m.test("oeq", x, 0.0), x, value)


def _double_wave(turn: int) -> _Wave:
    def wave(writer: Writer, x: Register) -> Register:
        m = Math(writer, x)
        angle = _reduce(m, x)
        sine, cosine = _sine_and_cosine(m, angle.r, angle.low)
        return _finish(m, x, angle.quadrant, m.add(*sine), m.add(*cosine), turn)

    return wave


def _single_wave(turn: int) -> _Wave:
    def wave(writer: Writer, x: Register) -> Register:
        m = Math(writer, x)
        quadrant, r = _reduce_single(m, x)
        z = m.mul(r, r)
        sine = m.fma(m.mul(z, r), m.polynomial(SIN_SINGLE, z), r)
        cosine = m.fma(m.mul(z, z), m.polynomial(COS_SINGLE, z), m.fma(z, -0.5, 1.0))
        return _finish(m, x, quadrant, sine, cosine, turn)

    return wave


sin, cos = _double_wave(0), _double_wave(1)
single_sin, single_cos = _single_wave(0), _single_wave(1)


def tan(writer: Writer, x: Register) -> Register:
    """Sine over cosine, each with what its rounding lost."""
    m = Math(writer, x)
    angle = _reduce(m, x)
    sine, cosine = _sine_and_cosine(m, angle.r, angle.low)
    odd = writer.compare("ne", writer.binary("and", angle.quadrant, m.whole(1)), m.whole(0))
    sine, cosine = m.ordered_total(*sine), m.ordered_total(*cosine)
    top, top_low = (m.pick(odd, m.negate(yes), no) for yes, no in zip(cosine, sine, strict=True))
    bottom, bottom_low = (m.pick(odd, yes, no) for yes, no in zip(sine, cosine, strict=True))
    inverse = m.div(1.0, bottom)
    quotient = m.mul(top, inverse)
    remainder = m.add(m.minus_product(quotient, bottom, top), m.sub(top_low, m.mul(quotient, bottom_low)))
    value = m.fma(remainder, inverse, quotient)
    value = m.pick(m.test("olt", m.abs(x), INFINITY), value, NAN)
    return m.pick(m.test("olt", m.abs(x), 2.0**-28), x, value)


def single_tan(writer: Writer, x: Register) -> Register:
    m = Math(writer, x)
    quadrant, r = _reduce_single(m, x)
    (sine, rest), (cosine, tail) = _sine_and_cosine(m, r, m.number(0.0))
    sine, cosine = m.add(sine, rest), m.add(cosine, tail)
    odd = writer.compare("ne", writer.binary("and", quadrant, m.whole(1)), m.whole(0))
    value = m.div(m.pick(odd, m.negate(cosine), sine), m.pick(odd, sine, cosine))
    value = m.pick(m.test("olt", m.abs(x), INFINITY), value, NAN)
    return m.pick(m.test("oeq", x, 0.0), x, value)


# Arguments from 2^30 on


def _far_angle_or_nothing(writer: Writer, parameters: Sequence[Register]) -> Sequence[Register]:
    """`_far_angle`; zeros if no lane needs it."""
    (x,) = parameters
    m = Math(writer, x)
    results = (m.whole(0), m.number(0.0), m.number(0.0))
    return writer.only_if_any(m.test("oge", m.abs(x), _FAR), results, lambda: _far_angle(m, x))


def _moved_or_same(writer: Writer, parameters: Sequence[Register]) -> Sequence[Register]:
    """Far arguments moved near by multiples of 2 pi, with an error of 2^-51; the others as they are."""
    (x,) = parameters
    m = Math(writer, x)
    far = m.test("oge", m.abs(x), _FAR)

    def moved() -> Sequence[Register]:
        quadrant, r, _ = _far_angle(m, x)
        near = m.fma(m.from_integer(writer.binary("and", quadrant, m.whole(3))), PI_2[0], r)
        return (m.pick(far, near, x),)

    return writer.only_if_any(far, (x,), moved)


def _far_angle(m: Math, x: Register) -> tuple[Register, Register, Register]:
    """Quadrant, r and low of lanes from 2^30 on (and finite), from a product with 160 bits of 2 / pi."""
    writer = m.writer

    def shift(operation: str, value: Register, count: int) -> Register:
        return writer.binary(operation, value, m.whole(count))

    bits = m.to_bits(m.abs(x))
    far = writer.binary("and", m.test("oge", m.abs(x), _FAR), m.test("olt", m.abs(x), INFINITY))
    mantissa = writer.binary("or", writer.binary("and", bits, m.whole((1 << 52) - 1)), m.whole(1 << 52))
    # x = mantissa 2^e; only bits of 2 / pi with a weight below 4 / 2^e make a difference.
    position = writer.select(far, writer.binary("sub", shift("lshr", bits, 52), m.whole(1075 + 2 - 32)), m.whole(0))
    digits = _digits(m, shift("lshr", position, 5), writer.binary("and", position, m.whole(31)))
    turns = _fraction(m, mantissa, digits)
    # In turns: the first 64 bits as an integer, quadrant on top, rounded to the nearest.
    top = writer.binary("or", shift("shl", turns[0], 32), turns[1])
    quadrant = shift("lshr", shift("add", top, 1 << 61), 62)
    signed = writer.binary("sub", top, shift("shl", quadrant, 62))
    mask = m.whole(0xFFFFFFFF)
    parts = (shift("ashr", signed, 32), writer.binary("and", signed, mask), turns[2], turns[3])
    floats = [m.mul(m.from_integer(part), 2.0 ** -(30 + 32 * index)) for index, part in enumerate(parts)]
    high, low = m.ordered_total(floats[0], floats[1])
    high, low = m.ordered_total(high, m.add(low, m.add(floats[2], floats[3])))
    r, lost = m.product(high, PI_2[0])
    lost = m.add(lost, m.fma(high, PI_2[1], m.mul(low, PI_2[0])))
    r, low = m.ordered_total(r, lost)
    negative = m.test("olt", x, 0.0)
    quadrant = writer.select(negative, writer.binary("sub", m.whole(0), quadrant), quadrant)
    return quadrant, m.pick(negative, m.negate(r), r), m.pick(negative, m.negate(low), low)


def _digits(m: Math, word: Register, shift: Register) -> list[Register]:
    """Six digits of 32 bits of 2 / pi, from bit 32 `word` + `shift` of the table on."""
    writer = m.writer
    table = writer.global_array(TWO_OVER_PI, "i32")

    def load(index: int) -> Register:
        place = writer.binary("add", word, m.whole(index))
        if m.lanes == 1:
            narrow = writer.load(writer.offset(table, "i32", place), dtypes.int32)
        else:
            narrow = writer.gather(table, dtypes.int32, place)
        return writer.convert("zext", narrow, "i64")

    words = [load(index) for index in range(7)]
    thirty_two = m.whole(32)
    pairs = [writer.binary("or", writer.binary("shl", left, thirty_two), right) for left, right in pairwise(words)]
    return [writer.binary("lshr", writer.binary("shl", pair, shift), thirty_two) for pair in pairs]


def _fraction(m: Math, mantissa: Register, digits: Sequence[Register]) -> list[Register]:
    """The fraction of mantissa times 0.digits, as four digits of 32 bits."""
    writer = m.writer
    mask, thirty_two = m.whole(0xFFFFFFFF), m.whole(32)

    def low(value: Register) -> Register:
        return writer.binary("and", value, mask)

    def high(value: Register) -> Register:
        return writer.binary("lshr", value, thirty_two)

    by_low = [writer.binary("mul", low(mantissa), digit) for digit in digits]
    by_high = [writer.binary("mul", high(mantissa), digit) for digit in digits]
    result: list[Register] = []
    carry = m.whole(0)
    for place in range(4, -1, -1):
        terms = [low(by_low[place]), high(by_low[place + 1]), low(by_high[place + 1])]
        if place + 2 < len(digits):
            terms.append(high(by_high[place + 2]))
        total = carry
        for term in terms:
            total = writer.binary("add", total, term)
        carry = high(total)
        result.insert(0, low(total))
    return result[:4]


# Inverse functions


def _atan_positive(m: Math, size: Register, size_low: Register | None = None) -> Register:
    """atan of a number >= 0 (a sum) or infinity: reduced to below tan(pi/8) by pi/4 and pi/2.

    The quotient carries what its rounding lost: the result may be smaller than what is added to it.
    """
    middle, large = m.test("ogt", size, 0.41421356237309503), m.test("ogt", size, 2.414213562373095)
    shift = m.pick(large, 0.0, m.pick(middle, -1.0, 0.0))
    top, top_low = m.total(m.pick(large, -1.0, size), shift)
    bottom, bottom_low = m.ordered_total(m.pick(large, size, 1.0), m.pick(middle, m.pick(large, 0.0, size), 0.0))
    inverse = m.div(1.0, bottom)
    t = m.mul(top, inverse)
    remainder = m.add(m.minus_product(t, bottom, top), m.sub(top_low, m.mul(t, bottom_low)))
    t_low = m.mul(remainder, inverse)
    if size_low is not None:  # the slope of each reduction at size
        slope = m.pick(large, m.mul(inverse, inverse), m.pick(middle, m.mul(2.0, m.mul(inverse, inverse)), 1.0))
        t_low = m.fma(size_low, slope, t_low)
    t_low = m.pick(m.test("olt", size, 2.0**60), t_low, 0.0)
    z = m.mul(t, t)
    value = m.fma(m.mul(t, z), m.polynomial(ATAN_DOUBLE, z), t_low)
    low = m.pick(large, PI_2[1], m.pick(middle, PI_2[1] / 2, 0.0))
    base, lost = m.ordered_total(m.pick(large, PI_2[0], m.pick(middle, PI_2[0] / 2, 0.0)), t)
    base, lost = m.pick(middle, base, t), m.pick(middle, lost, 0.0)
    return m.add(base, m.add(lost, m.add(value, low)))


def atan(writer: Writer, x: Register) -> Register:
    m = Math(writer, x)
    return m.with_sign(_atan_positive(m, m.abs(x)), x)


def atan2(writer: Writer, y: Register, x: Register) -> Register:
    m = Math(writer, y)
    up, across = m.abs(y), m.abs(x)
    ratio = m.div(up, across)
    both_zero = writer.binary("and", m.test("oeq", up, 0.0), m.test("oeq", across, 0.0))
    both_infinite = writer.binary("and", m.test("oeq", up, INFINITY), m.test("oeq", across, INFINITY))
    angle = _atan_positive(m, m.pick(both_zero, 0.0, m.pick(both_infinite, 1.0, ratio)))
    negative = writer.compare("slt", m.to_bits(x), m.whole(0))
    mirrored = m.sub(2 * PI_2[0], m.sub(angle, 2 * PI_2[1]))
    angle = m.with_sign(m.pick(negative, mirrored, angle), y)
    return m.pick(m.test("uno", x, y), NAN, angle)


def _asin_parts(m: Math, size: Register) -> tuple[Register, Register, Register]:
    """s and c with asin(s + c) = s + the third; s is size up to 1/2, beyond it sqrt((1 - size) / 2)."""
    far = m.test("ogt", size, 0.5)
    square = m.mul(m.sub(1.0, size), 0.5)
    root = m.unary("sqrt", square)
    lost = m.div(m.minus_product(root, root, square), m.add(root, root))
    lost = m.pick(m.test("ogt", root, 0.0), lost, 0.0)
    s, z = m.pick(far, root, size), m.pick(far, square, m.mul(size, size))
    rest = m.fma(m.mul(s, z), m.polynomial(ASIN_DOUBLE, z), m.pick(far, lost, 0.0))
    return far, s, rest


def asin(writer: Writer, x: Register) -> Register:
    """Directly up to 1/2, beyond by pi/2 - 2 asin(sqrt((1 - x)/2)), the root with what its rounding lost."""
    m = Math(writer, x)
    far, s, rest = _asin_parts(m, m.abs(x))
    high, low = m.ordered_total(PI_2[0], m.mul(s, -2.0))
    turned = m.add(high, m.sub(low, m.sub(m.add(rest, rest), PI_2[1])))
    return m.with_sign(m.pick(far, turned, m.add(s, rest)), x)


def acos(writer: Writer, x: Register) -> Register:
    m = Math(writer, x)
    far, s, rest = _asin_parts(m, m.abs(x))
    s, rest = m.pick(far, s, x), m.pick(far, rest, m.with_sign(rest, x))
    double = m.mul(m.add(s, rest), 2.0)
    mirrored = m.sub(2 * PI_2[0], m.sub(double, 2 * PI_2[1]))
    high, low = m.ordered_total(PI_2[0], m.negate(s))
    near = m.add(high, m.sub(low, m.sub(rest, PI_2[1])))
    return m.pick(far, m.pick(m.test("olt", x, 0.0), mirrored, double), near)
