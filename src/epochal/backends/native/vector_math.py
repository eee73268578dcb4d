"""Elementary functions on vectors of float32 and float64, as straight-line code.

Every function takes and returns `Register`s (``float`` or ``double``, any number of lanes). Within 2 units in the
last place in float32, and in float64 for exp, log, log1p, expm1, tanh, sigmoid, erf, erfc, sin and cos; the functions
composed of those (tan, sinh, asinh ... and pow) within 4 in float64. In float32 everything rare is computed in
float64 and rounded once. Infinities, NaN, signed zeros and denormals follow C99. Sine, cosine and tangent reduce
their argument with three parts of pi/2: beyond 2^30 their error grows with the argument.

Method: the usual one (Cody and Waite, "Software Manual for the Elementary Functions", 1980; Muller, "Elementary
Functions", 2016): reduce the range, evaluate a polynomial, put the exponent back through integer arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from epochal.backends.native.coefficients import (
    ASIN_DOUBLE,
    ATAN_DOUBLE,
    COS_DOUBLE,
    ERF_DOUBLE,
    ERF_FLOAT,
    ERFC_DOUBLE,
    EXP_DOUBLE,
    EXP_FLOAT,
    LOG_DOUBLE,
    LOG_ERFC_FLOAT,
    LOG_FLOAT,
    SIN_DOUBLE,
)
from epochal.backends.native.emit import Register, Writer

INFINITY = float("inf")
NAN = float("nan")
_LN2_HIGH = {"float": 0.693145751953125, "double": 0.6931471803691238}
_LN2_LOW = {"float": 1.4286068203094173e-06, "double": 1.9082149292705877e-10}
_LN2_REST = 0.6931471805599453 - 0.6931471803691238
_PI_2 = (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33)
_TWO_OVER_SQRT_PI = 1.1283791670955126

# Mantissa bits, exponent bias, smallest normal number, a power of two that makes denormals normal.
_FORMAT = {
    "float": (23, 127, 1.1754943508222875e-38, 23, "i32"),
    "double": (52, 1023, 2.2250738585072014e-308, 54, "i64"),
}


class Math:
    """Arithmetic on registers of one type, with constants written as numbers."""

    def __init__(self, writer: Writer, like: Register) -> None:
        self.writer = writer
        self.kind = like.kind
        self.lanes = like.lanes
        self.bits, self.bias, self.smallest, self.lift, self.integer = _FORMAT[like.kind]

    def number(self, value: float | Register) -> Register:
        if isinstance(value, Register):
            return value
        return self.writer.constant(value, self.kind, self.lanes)

    def whole(self, value: int) -> Register:
        return self.writer.constant(value, self.integer, self.lanes)

    def add(self, a: Register | float, b: Register | float) -> Register:
        return self.writer.binary("fadd", self.number(a), self.number(b))

    def sub(self, a: Register | float, b: Register | float) -> Register:
        return self.writer.binary("fsub", self.number(a), self.number(b))

    def mul(self, a: Register | float, b: Register | float) -> Register:
        return self.writer.binary("fmul", self.number(a), self.number(b))

    def div(self, a: Register | float, b: Register | float) -> Register:
        return self.writer.binary("fdiv", self.number(a), self.number(b))

    def fma(self, a: Register | float, b: Register | float, c: Register | float) -> Register:
        return self.writer.fma(self.number(a), self.number(b), self.number(c))

    def test(self, predicate: str, a: Register, b: Register | float) -> Register:
        return self.writer.compare(predicate, a, self.number(b))

    def pick(self, condition: Register, yes: Register | float, no: Register | float) -> Register:
        return self.writer.select(condition, self.number(yes), self.number(no))

    def unary(self, name: str, x: Register) -> Register:
        return self.writer.intrinsic(f"llvm.{name}", x)

    def abs(self, x: Register) -> Register:
        return self.unary("fabs", x)

    def with_sign(self, magnitude: Register, sign: Register) -> Register:
        return self.writer.intrinsic("llvm.copysign", magnitude, sign)

    def negate(self, x: Register) -> Register:
        return self.writer.negate(x)

    def polynomial(self, coefficients: Sequence[float], x: Register) -> Register:
        """Horner's rule, coefficients lowest power first."""
        result = self.number(coefficients[-1])
        for coefficient in reversed(coefficients[:-1]):
            result = self.fma(result, x, coefficient)
        return result

    def clamp(self, x: Register, low: float, high: float) -> Register:
        """NaN stays."""
        x = self.pick(self.test("olt", x, low), low, x)
        return self.pick(self.test("ogt", x, high), high, x)

    def to_bits(self, x: Register) -> Register:
        return self.writer.convert("bitcast", x, self.integer)

    def from_bits(self, x: Register) -> Register:
        return self.writer.convert("bitcast", x, self.kind)

    def power_of_two(self, exponent: Register) -> Register:
        """2^n for an integer register, n within the normal exponents."""
        biased = self.writer.binary("add", exponent, self.whole(self.bias))
        return self.from_bits(self.writer.binary("shl", biased, self.whole(self.bits)))

    def scale(self, x: Register, exponent: Register) -> Register:
        """x 2^n in two steps, so that n may be up to twice the largest exponent, and results denormal."""
        half = self.writer.binary("ashr", exponent, self.whole(1))
        rest = self.writer.binary("sub", exponent, half)
        return self.mul(self.mul(x, self.power_of_two(half)), self.power_of_two(rest))

    def to_integer(self, x: Register) -> Register:
        return self.writer.convert("fptosi", x, self.integer)

    def from_integer(self, x: Register) -> Register:
        return self.writer.convert("sitofp", x, self.kind)


def _reduce_exp(m: Math, x: Register) -> tuple[Register, Register, Register]:
    """n (as a float and an integer) and r with x = n ln(2) + r. A NaN in x gives n = 0."""
    n = m.unary("rint", m.mul(x, 1.4426950408889634))
    r = m.fma(n, -_LN2_HIGH[m.kind], x)
    r = m.fma(n, -_LN2_LOW[m.kind], r)
    safe = m.pick(m.test("ord", n, n), n, 0.0)
    return n, m.to_integer(safe), r


def _exp_minus_one(m: Math, r: Register) -> Register:
    """exp(r) - 1 on the reduced range."""
    tail = m.polynomial(EXP_FLOAT if m.kind == "float" else EXP_DOUBLE, r)
    return m.fma(m.mul(r, r), tail, r)


def exp(writer: Writer, x: Register) -> Register:
    m = Math(writer, x)
    bounded = m.clamp(x, *((-104.0, 89.0) if m.kind == "float" else (-746.0, 710.0)))
    _, n, r = _reduce_exp(m, bounded)
    return m.scale(m.add(_exp_minus_one(m, r), 1.0), n)


def expm1(writer: Writer, x: Register) -> Register:
    m = Math(writer, x)
    bounded = m.clamp(x, *((-20.0, 89.0) if m.kind == "float" else (-40.0, 710.0)))
    _, n, r = _reduce_exp(m, bounded)
    # 2^n is halved, so that n = 128 (1024) stays a number; the result is doubled at the end.
    scale = m.power_of_two(writer.binary("sub", n, m.whole(1)))
    result = m.mul(m.fma(scale, _exp_minus_one(m, r), m.sub(scale, 0.5)), 2.0)
    return m.pick(m.test("olt", m.abs(x), 2.0 ** (-m.bits - 2)), x, result)


def _split(m: Math, x: Register) -> tuple[Register, Register]:
    """Exponent e (a float) and mantissa m in [sqrt(1/2), sqrt(2)) of a positive number, denormal ones included."""
    w = m.writer
    small = m.test("olt", x, m.smallest)
    x = m.pick(small, m.mul(x, 2.0**m.lift), x)
    bits = m.to_bits(x)
    one, root = (0x3F800000, 0x3F3504F3) if m.kind == "float" else (0x3FF0000000000000, 0x3FE6A09E667F3BCD)
    shifted = w.binary("add", w.binary("sub", bits, m.whole(root)), m.whole(one))
    exponent = w.binary("sub", w.binary("lshr", shifted, m.whole(m.bits)), m.whole(m.bias))
    fraction = w.binary("and", shifted, m.whole((1 << m.bits) - 1))
    mantissa = m.from_bits(w.binary("add", fraction, m.whole(root)))
    exponent = w.binary("sub", exponent, w.select(small, m.whole(m.lift), m.whole(0)))
    return m.from_integer(exponent), mantissa


def _log_special(m: Math, x: Register, result: Register) -> Register:
    """The logarithm's values at infinity, zero, negative numbers and NaN."""
    result = m.pick(m.test("olt", x, INFINITY), result, x)
    result = m.pick(m.test("oeq", x, 0.0), -INFINITY, result)
    return m.pick(m.test("olt", x, 0.0), NAN, result)


def _log_positive(m: Math, x: Register) -> Register:
    exponent, mantissa = _split(m, x)
    f = m.sub(mantissa, 1.0)
    half_square = m.mul(m.mul(f, f), 0.5)
    low = m.mul(exponent, _LN2_LOW[m.kind])
    if m.kind == "float":
        cube = m.mul(m.mul(f, f), f)
        small = m.fma(cube, m.polynomial(LOG_FLOAT, f), low)
        rest = m.sub(half_square, small)
    else:
        s = m.div(f, m.add(f, 2.0))
        z = m.mul(s, s)
        remainder = m.mul(z, m.polynomial(LOG_DOUBLE, z))
        small = m.fma(s, m.add(half_square, remainder), low)
        rest = m.sub(half_square, small)
    return m.fma(exponent, _LN2_HIGH[m.kind], m.sub(f, rest))


def log(writer: Writer, x: Register) -> Register:
    m = Math(writer, x)
    return _log_special(m, x, _log_positive(m, x))


def log1p(writer: Writer, x: Register) -> Register:
    """log(u) + (x - (u - 1)) / u with u = 1 + x rounded: the second term is what the rounding lost."""
    m = Math(writer, x)
    u = m.add(x, 1.0)
    lost = m.pick(m.test("ogt", x, 1.0), m.sub(1.0, m.sub(u, x)), m.sub(x, m.sub(u, 1.0)))
    result = m.add(_log_positive(m, u), m.div(lost, u))
    result = _log_special(m, u, result)
    return m.pick(m.test("olt", m.abs(x), 2.0 ** (-m.bits - 2)), x, result)


def tanh(writer: Writer, x: Register) -> Register:
    m = Math(writer, x)
    size = m.clamp(m.abs(x), 0.0, 10.0 if m.kind == "float" else 22.0)
    t = expm1(writer, m.add(size, size))
    return m.with_sign(m.div(t, m.add(t, 2.0)), x)


def sigmoid(writer: Writer, x: Register) -> Register:
    m = Math(writer, x)
    e = exp(writer, m.negate(m.abs(x)))
    return m.div(m.pick(m.test("olt", x, 0.0), e, 1.0), m.add(e, 1.0))


def erf(writer: Writer, x: Register) -> Register:
    m = Math(writer, x)
    size = m.abs(x)
    if m.kind == "float":
        large = m.sub(1.0, exp(writer, m.polynomial(LOG_ERFC_FLOAT, m.clamp(size, 0.9, 4.0))))
    else:
        large = m.sub(1.0, _erfc_tail(m, m.clamp(size, 0.48, 6.0)))
    result = m.pick(m.test("olt", size, 1.0), _erf_centre(m, size), large)
    return m.with_sign(m.pick(m.test("uno", x, x), x, result), x)


def _erf_centre(m: Math, x: Register) -> Register:
    z = m.mul(x, x)
    polynomial = m.polynomial(ERF_FLOAT if m.kind == "float" else ERF_DOUBLE, z)
    # The last product is split, so that the leading coefficient's own rounding does not count.
    low = {"float": _TWO_OVER_SQRT_PI - 1.1283792257308960, "double": 1.533545961316588e-17}[m.kind]
    return m.fma(x, _TWO_OVER_SQRT_PI, m.mul(x, m.fma(z, polynomial, low)))


def _erfc_tail(m: Math, x: Register) -> Register:
    """erfc on [0.48, 28]: exp(-x^2) F(u) / (1 + 2 x), with the rounding of x^2 put back."""
    square = m.mul(x, x)
    lost = m.fma(x, x, m.negate(square))
    e = exp(m.writer, m.negate(square))
    e = m.fma(e, m.negate(lost), e)
    u = m.div(m.sub(x, 2.0), m.add(x, 2.0))
    return m.div(m.mul(e, m.polynomial(ERFC_DOUBLE, u)), m.fma(x, 2.0, 1.0))


def erfc(writer: Writer, x: Register) -> Register:
    m = Math(writer, x)
    size = m.abs(x)
    tail = _erfc_tail(m, m.clamp(size, 0.48, 28.0))
    tail = m.pick(m.test("olt", x, 0.0), m.sub(2.0, tail), tail)
    result = m.pick(m.test("olt", size, 0.5), m.sub(1.0, m.with_sign(_erf_centre(m, size), x)), tail)
    return m.pick(m.test("uno", x, x), x, result)


def _reduce_quadrant(m: Math, x: Register) -> tuple[Register, Register, Register]:
    """The quadrant n (an integer) and r + low with x = n pi/2 + r + low, |r| <= pi/4."""
    n = m.unary("rint", m.mul(x, 0.6366197723675814))
    minus = m.negate(n)
    first = m.fma(minus, _PI_2[0], x)
    r = m.fma(minus, _PI_2[1], first)
    low = m.fma(minus, _PI_2[1], m.sub(first, r))
    low = m.fma(minus, _PI_2[2], low)
    safe = m.pick(m.test("olt", m.abs(n), 2.0**62), n, 0.0)
    return m.to_integer(safe), r, low


def _sine_and_cosine(m: Math, r: Register, low: Register) -> tuple[Register, Register]:
    z = m.mul(r, r)
    half = m.mul(z, 0.5)
    cube = m.mul(z, r)
    sine = m.sub(low, m.mul(half, low))
    sine = m.add(r, m.fma(cube, m.polynomial(SIN_DOUBLE, z), sine))
    near = m.sub(1.0, half)
    lost = m.sub(m.sub(1.0, near), half)
    rest = m.fma(m.mul(z, z), m.polynomial(COS_DOUBLE, z), m.negate(m.mul(r, low)))
    return sine, m.add(near, m.add(lost, rest))


def _quadrant_function(writer: Writer, x: Register, turn: int) -> Register:
    """sin(x + turn pi/2) in float64."""
    m = Math(writer, x)
    n, r, low = _reduce_quadrant(m, x)
    if turn:
        n = writer.binary("add", n, m.whole(turn))
    sine, cosine = _sine_and_cosine(m, r, low)
    odd = writer.compare("ne", writer.binary("and", n, m.whole(1)), m.whole(0))
    flip = writer.compare("ne", writer.binary("and", n, m.whole(2)), m.whole(0))
    value = m.pick(odd, cosine, sine)
    value = m.pick(flip, m.negate(value), value)
    value = m.pick(m.test("olt", m.abs(x), INFINITY), value, NAN)
    return value if turn else m.pick(m.test("oeq", x, 0.0), x, value)


def _sin(writer: Writer, x: Register) -> Register:
    return _quadrant_function(writer, x, 0)


def _cos(writer: Writer, x: Register) -> Register:
    return _quadrant_function(writer, x, 1)


def _tan(writer: Writer, x: Register) -> Register:
    m = Math(writer, x)
    n, r, low = _reduce_quadrant(m, x)
    sine, cosine = _sine_and_cosine(m, r, low)
    odd = writer.compare("ne", writer.binary("and", n, m.whole(1)), m.whole(0))
    value = m.div(m.pick(odd, m.negate(cosine), sine), m.pick(odd, sine, cosine))
    value = m.pick(m.test("olt", m.abs(x), INFINITY), value, NAN)
    return m.pick(m.test("oeq", x, 0.0), x, value)


def _atan_positive(m: Math, size: Register) -> Register:
    """atan of a number >= 0 or infinity: reduced to below tan(pi/8) by pi/4 and pi/2."""
    middle, large = m.test("ogt", size, 0.41421356237309503), m.test("ogt", size, 2.414213562373095)
    top = m.pick(large, -1.0, m.pick(middle, m.sub(size, 1.0), size))
    bottom = m.pick(large, size, m.pick(middle, m.add(size, 1.0), 1.0))
    t = m.div(top, bottom)
    z = m.mul(t, t)
    value = m.fma(m.mul(t, z), m.polynomial(ATAN_DOUBLE, z), t)
    low = m.pick(large, _PI_2[1], m.pick(middle, _PI_2[1] / 2, 0.0))
    base = m.pick(large, _PI_2[0], m.pick(middle, _PI_2[0] / 2, 0.0))
    return m.add(base, m.add(value, low))


def _atan(writer: Writer, x: Register) -> Register:
    m = Math(writer, x)
    return m.with_sign(_atan_positive(m, m.abs(x)), x)


def _atan2(writer: Writer, y: Register, x: Register) -> Register:
    m = Math(writer, y)
    up, across = m.abs(y), m.abs(x)
    ratio = m.div(up, across)
    both_zero = writer.binary("and", m.test("oeq", up, 0.0), m.test("oeq", across, 0.0))
    both_infinite = writer.binary("and", m.test("oeq", up, INFINITY), m.test("oeq", across, INFINITY))
    angle = _atan_positive(m, m.pick(both_zero, 0.0, m.pick(both_infinite, 1.0, ratio)))
    negative = writer.compare("slt", m.to_bits(x), m.whole(0))
    mirrored = m.sub(2 * _PI_2[0], m.sub(angle, 2 * _PI_2[1]))
    angle = m.with_sign(m.pick(negative, mirrored, angle), y)
    return m.pick(m.test("uno", x, y), NAN, angle)


def _asin_centre(m: Math, x: Register) -> Register:
    z = m.mul(x, x)
    return m.fma(m.mul(x, z), m.polynomial(ASIN_DOUBLE, z), x)


def _asin(writer: Writer, x: Register) -> Register:
    """Directly up to 1/2, beyond by pi/2 - 2 asin(sqrt((1 - x)/2))."""
    m = Math(writer, x)
    size = m.abs(x)
    far = m.test("ogt", size, 0.5)
    inner = m.pick(far, m.unary("sqrt", m.mul(m.sub(1.0, size), 0.5)), size)
    value = _asin_centre(m, inner)
    turned = m.sub(_PI_2[0], m.sub(m.add(value, value), _PI_2[1]))
    return m.with_sign(m.pick(far, turned, value), x)


def _acos(writer: Writer, x: Register) -> Register:
    m = Math(writer, x)
    size = m.abs(x)
    far = m.test("ogt", size, 0.5)
    inner = m.pick(far, m.unary("sqrt", m.mul(m.sub(1.0, size), 0.5)), x)
    value = _asin_centre(m, inner)
    double = m.add(value, value)
    mirrored = m.sub(2 * _PI_2[0], m.sub(double, 2 * _PI_2[1]))
    near = m.sub(_PI_2[0], m.sub(value, _PI_2[1]))
    return m.pick(far, m.pick(m.test("olt", x, 0.0), mirrored, double), near)


def _sinh(writer: Writer, x: Register) -> Register:
    m = Math(writer, x)
    size = m.abs(x)
    t = expm1(writer, m.clamp(size, 0.0, 22.0))
    near = m.mul(m.add(t, m.div(t, m.add(t, 1.0))), 0.5)
    root = exp(writer, m.mul(size, 0.5))
    far = m.mul(m.mul(root, 0.5), root)
    return m.with_sign(m.pick(m.test("ogt", size, 22.0), far, near), x)


def _cosh(writer: Writer, x: Register) -> Register:
    m = Math(writer, x)
    size = m.abs(x)
    e = exp(writer, m.clamp(size, 0.0, 22.0))
    near = m.mul(m.add(e, m.div(1.0, e)), 0.5)
    root = exp(writer, m.mul(size, 0.5))
    far = m.mul(m.mul(root, 0.5), root)
    return m.pick(m.test("ogt", size, 22.0), far, near)


def _asinh(writer: Writer, x: Register) -> Register:
    """log1p(a + a^2 / (1 + sqrt(1 + a^2))) with a = |x|; log(a) + log(2) where a^2 would overflow."""
    m = Math(writer, x)
    size = m.abs(x)
    a = m.clamp(size, 0.0, 1e150)
    square = m.mul(a, a)
    near = log1p(writer, m.add(a, m.div(square, m.add(m.unary("sqrt", m.add(square, 1.0)), 1.0))))
    far = m.add(log(writer, size), 0.6931471805599453)
    return m.with_sign(m.pick(m.test("ogt", size, 1e150), far, near), x)


def _acosh(writer: Writer, x: Register) -> Register:
    m = Math(writer, x)
    t = m.sub(x, 1.0)
    inner = m.clamp(t, -1e300, 1e150)
    near = log1p(writer, m.add(inner, m.unary("sqrt", m.fma(inner, inner, m.add(inner, inner)))))
    far = m.add(log(writer, x), 0.6931471805599453)
    result = m.pick(m.test("ogt", x, 1e150), far, near)
    return m.pick(m.test("olt", x, 1.0), NAN, result)


def _atanh(writer: Writer, x: Register) -> Register:
    """log1p(2 a / (1 - a)) / 2 with a = |x|."""
    m = Math(writer, x)
    size = m.abs(x)
    value = m.mul(log1p(writer, m.div(m.add(size, size), m.sub(1.0, size))), 0.5)
    return m.with_sign(value, x)


def _log_two_parts(m: Math, x: Register) -> tuple[Register, Register]:
    """log of a positive finite number as an unevaluated sum, good to about 2^-59."""
    exponent, mantissa = _split(m, x)
    f = m.sub(mantissa, 1.0)
    bottom = m.add(f, 2.0)
    bottom_low = m.sub(f, m.sub(bottom, 2.0))
    s = m.div(f, bottom)
    rest = m.fma(m.negate(s), bottom, f)
    rest = m.fma(m.negate(s), bottom_low, rest)
    s_low = m.div(rest, bottom)
    z = m.mul(s, s)
    series = m.mul(m.mul(s, z), m.polynomial(LOG_DOUBLE, z))
    double, double_low = m.add(s, s), m.add(s_low, s_low)
    whole = m.mul(exponent, _LN2_HIGH["double"])
    high = m.add(whole, double)
    part = m.sub(high, whole)
    lost = m.add(m.sub(whole, m.sub(high, part)), m.sub(double, part))
    low = m.add(lost, m.fma(exponent, _LN2_LOW["double"], m.add(series, double_low)))
    total = m.add(high, low)
    return total, m.add(m.sub(high, total), low)


def _pow(writer: Writer, x: Register, y: Register) -> Register:
    m = Math(writer, x)
    size = m.abs(x)
    high, low = _log_two_parts(m, size)
    high = _log_special(m, size, high)
    finite = m.test("olt", m.abs(high), INFINITY)
    product = m.mul(high, y)
    correction = m.fma(low, y, m.fma(high, y, m.negate(product)))
    usable = writer.binary("and", finite, m.test("olt", m.abs(product), 1000.0))
    correction = m.pick(usable, correction, 0.0)
    power = exp(writer, product)
    corrected = m.fma(power, correction, power)
    power = m.pick(m.test("olt", power, INFINITY), corrected, power)
    power = m.pick(m.test("oeq", size, 1.0), m.pick(m.test("ord", y, y), 1.0, y), power)
    whole = m.test("oeq", m.unary("floor", y), y)
    half = m.mul(y, 0.5)
    odd = writer.binary("and", whole, m.test("one", m.unary("floor", half), half))
    negative = writer.compare("slt", m.to_bits(x), m.whole(0))
    power = m.pick(writer.binary("and", negative, odd), m.negate(power), power)
    invalid = writer.binary("and", m.test("olt", x, 0.0), m.test("ogt", x, -INFINITY))
    broken = writer.binary("and", invalid, m.test("one", m.unary("floor", y), y))
    power = m.pick(broken, NAN, power)
    power = m.pick(m.test("oeq", y, 0.0), 1.0, power)
    return m.pick(m.test("oeq", x, 1.0), 1.0, power)


def _widened(function: Callable[..., Register]) -> Callable[..., Register]:
    """The function in float64, rounded once for float32 operands."""

    def widened(writer: Writer, *operands: Register) -> Register:
        if operands[0].kind == "double":
            return function(writer, *operands)
        wide = [writer.convert("fpext", operand, "double") for operand in operands]
        return writer.convert("fptrunc", function(writer, *wide), "float")

    return widened


FUNCTIONS: dict[str, Callable[..., Register]] = {
    "exp": exp,
    "expm1": expm1,
    "log": log,
    "log1p": log1p,
    "tanh": tanh,
    "sigmoid": sigmoid,
    "erf": erf,
    "erfc": _widened(erfc),
    "sin": _widened(_sin),
    "cos": _widened(_cos),
    "tan": _widened(_tan),
    "asin": _widened(_asin),
    "acos": _widened(_acos),
    "atan": _widened(_atan),
    "atan2": _widened(_atan2),
    "sinh": _widened(_sinh),
    "cosh": _widened(_cosh),
    "asinh": _widened(_asinh),
    "acosh": _widened(_acosh),
    "atanh": _widened(_atanh),
    "pow": _widened(_pow),
}
"""The operators computed here, for ``float`` and ``double`` operands."""
