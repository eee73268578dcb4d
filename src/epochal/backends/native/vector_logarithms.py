"""log and what is made of it: log1p, inverse hyperbolic functions, powers.

Every function is within 2 units in the last place, in float32 and in float64.
"""

from __future__ import annotations

from epochal.backends.native.coefficients import LOG_DOUBLE, LOG_FLOAT, LOG_REST_DOUBLE
from epochal.backends.native.emit import Register, Writer
from epochal.backends.native.vector_base import INFINITY, LN2_HIGH, LN2_LOW, NAN, Math
from epochal.backends.native.vector_exponentials import exp, exp_parts


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


def _log_positive(m: Math, x: Register, extra: Register | None = None) -> Register:
    """log(x) + extra, for a small extra."""
    exponent, mantissa = _split(m, x)
    f = m.sub(mantissa, 1.0)
    half_square = m.mul(m.mul(f, f), 0.5)
    low = m.mul(exponent, LN2_LOW[m.kind])
    if extra is not None:
        low = m.add(low, extra)
    if m.kind == "float":
        cube = m.mul(m.mul(f, f), f)
        small = m.fma(cube, m.polynomial(LOG_FLOAT, f), low)
    else:
        s = m.div(f, m.add(f, 2.0))
        z = m.mul(s, s)
        remainder = m.mul(z, m.polynomial(LOG_DOUBLE, z))
        small = m.fma(s, m.add(half_square, remainder), low)
    rest = m.sub(half_square, small)
    return m.fma(exponent, LN2_HIGH[m.kind], m.sub(f, rest))


def log(writer: Writer, x: Register) -> Register:
    m = Math(writer, x)
    return _log_special(m, x, _log_positive(m, x))


def log1p(writer: Writer, x: Register) -> Register:
    return _log1p(Math(writer, x), x)


def _log1p(m: Math, x: Register, x_low: Register | None = None) -> Register:
    """log(1 + x + x_low), from u = 1 + x rounded and what the rounding lost, over u."""
    u = m.add(x, 1.0)
    lost = m.pick(m.test("ogt", x, 1.0), m.sub(1.0, m.sub(u, x)), m.sub(x, m.sub(u, 1.0)))
    if x_low is not None:
        lost = m.add(lost, x_low)
    result = _log_special(m, u, _log_positive(m, u, m.div(lost, u)))
    return m.pick(m.test("olt", m.abs(x), 2.0 ** (-m.bits - 2)), x, result)


def asinh(writer: Writer, x: Register) -> Register:
    """log1p(a + a^2 / (1 + sqrt(1 + a^2))) with a = |x|; log(a) + log(2) where a^2 would overflow."""
    m = Math(writer, x)
    size = m.abs(x)
    a = m.clamp_above(size, 1e150)
    square = m.mul(a, a)
    near = _log1p(m, *m.ordered_total(a, m.div(square, m.add(m.unary("sqrt", m.add(square, 1.0)), 1.0))))
    far = m.add(log(writer, size), 0.6931471805599453)
    return m.with_sign(m.pick(m.test("ogt", size, 1e150), far, near), x)


def acosh(writer: Writer, x: Register) -> Register:
    """log1p(t + sqrt(2 t + t^2)) with t = x - 1; log(x) + log(2) where t^2 would overflow."""
    m = Math(writer, x)
    t = m.clamp(m.sub(x, 1.0), -1e150, 1e150)
    root = m.unary("sqrt", m.fma(t, t, m.add(t, t)))
    near = _log1p(m, *m.total(root, t))
    far = m.add(log(writer, x), 0.6931471805599453)
    result = m.pick(m.test("ogt", x, 1e150), far, near)
    return m.pick(m.test("olt", x, 1.0), NAN, result)


def atanh(writer: Writer, x: Register) -> Register:
    """log1p(2 a / (1 - a)) / 2 with a = |x|, the quotient with what its rounding lost."""
    m = Math(writer, x)
    size = m.abs(x)
    bottom, bottom_low = m.ordered_total(1.0, m.negate(size))
    inverse = m.div(1.0, bottom)
    top = m.add(size, size)
    quotient = m.mul(top, inverse)
    remainder = m.minus_product(quotient, bottom_low, m.minus_product(quotient, bottom, top))
    low = m.pick(m.test("olt", size, 1.0), m.mul(remainder, inverse), 0.0)
    return m.with_sign(m.mul(_log1p(m, quotient, low), 0.5), x)


def _log_two_parts(m: Math, x: Register) -> tuple[Register, Register]:
    """log of a positive finite float64 as an unevaluated sum, good to about 2^-65.

    2 s + 2/3 s^3 + ... with s = f / (2 + f); everything before s^5 carries what its roundings lost.
    """
    exponent, mantissa = _split(m, x)
    f = m.sub(mantissa, 1.0)
    bottom, bottom_low = m.ordered_total(2.0, f)
    s = m.div(f, bottom)
    rest = m.sub(m.minus_product(s, bottom, f), m.mul(s, bottom_low))
    s_low = m.div(rest, bottom)
    z, z_low = m.product(s, s)
    z_low = m.fma(m.add(s, s), s_low, z_low)
    top, top_low = m.ordered_total(2.0 / 3.0, m.mul(z, m.polynomial(LOG_REST_DOUBLE, z)))
    top_low = m.add(top_low, 3.700743415417188e-17)  # of 2/3
    cubic, cubic_low = m.product(z, top)
    cubic_low = m.add(cubic_low, m.fma(z, top_low, m.mul(z_low, top)))
    series, series_low = m.product(s, cubic)
    series_low = m.add(series_low, m.fma(s, cubic_low, m.mul(s_low, cubic)))
    double, double_low = m.ordered_total(m.add(s, s), series)
    double_low = m.add(double_low, m.fma(s_low, 2.0, series_low))
    high, low = m.total(m.mul(exponent, LN2_HIGH["double"]), double)
    low = m.add(low, m.fma(exponent, LN2_LOW["double"], double_low))
    return m.ordered_total(high, low)


def _double_power(m: Math, size: Register, y: Register) -> Register:
    """size^y for size >= 0, except for 1^y and size^0."""
    high, low = _log_two_parts(m, size)
    finite = m.test("olt", m.abs(_log_special(m, size, high)), INFINITY)
    high, low = _log_special(m, size, high), m.pick(finite, low, 0.0)
    y = m.clamp(y, -1e25, 1e25)  # beyond it any power but of 1 is zero or infinite
    product, lost = m.product(m.pick(finite, high, 0.0), y)
    product = m.pick(finite, product, m.mul(high, y))
    lost = m.pick(m.test("olt", m.abs(product), 1000.0), m.fma(low, y, lost), 0.0)
    n, p = exp_parts(m, m.clamp(product, -746.0, 710.0), lost)
    return m.scale(m.add(p, 1.0), n)


def power(writer: Writer, x: Register, y: Register) -> Register:
    m = Math(writer, x)
    return _power(m, x, y, _double_power(m, m.abs(x), y))


def single_power(writer: Writer, x: Register, y: Register) -> Register:
    """`power` in float64 with enough digits for float32: y log(x) is below 104 where the result is a float32."""
    m = Math(writer, x)
    return _power(m, x, y, exp(writer, m.mul(log(writer, m.abs(x)), y)))


def _power(m: Math, x: Register, y: Register, result: Register) -> Register:
    """x^y with C99's special values, from abs(x)^y."""
    w = m.writer
    result = m.pick(m.test("oeq", m.abs(x), 1.0), m.pick(m.test("ord", y, y), 1.0, y), result)
    whole = m.test("oeq", m.unary("floor", y), y)
    half = m.mul(y, 0.5)
    odd = w.binary("and", whole, m.test("one", m.unary("floor", half), half))
    negative = w.compare("slt", m.to_bits(x), m.whole(0))
    result = m.pick(w.binary("and", negative, odd), m.negate(result), result)
    invalid = w.binary("and", m.test("olt", x, 0.0), m.test("ogt", x, -INFINITY))
    broken = w.binary("and", invalid, m.test("one", m.unary("floor", y), y))
    result = m.pick(broken, NAN, result)
    result = m.pick(m.test("oeq", y, 0.0), 1.0, result)
    return m.pick(m.test("oeq", x, 1.0), 1.0, result)
