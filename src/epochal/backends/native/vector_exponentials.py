"""exp and what is made of it: hyperbolic functions, the sigmoid, the error function.

Every function is within 2 units in the last place, in float32 and in float64.
"""

from __future__ import annotations

from epochal.backends.native.coefficients import (
    ERF_DOUBLE,
    ERF_FLOAT,
    ERFC_DOUBLE,
    ERFC_LOW,
    EXP_DOUBLE,
    EXP_FLOAT,
    LOG_ERFC_FLOAT,
    SINH_DOUBLE,
    TANH_DOUBLE,
    TANH_FLOAT,
)
from epochal.backends.native.emit import Register, Writer
from epochal.backends.native.vector_base import LN2_HIGH, LN2_LOW, Math

_TWO_OVER_SQRT_PI = 1.1283791670955126
_LOG2_E = 1.4426950408889634


def exp_parts(m: Math, x: Register, low: Register | None = None) -> tuple[Register, Register]:
    """An integer n and p with exp(x + low) = 2^n (1 + p) and abs(p) < 0.42; low is small beside x.

    The caller bounds x. p has an error of a quarter of a unit in the last place of 1 + p.
    """
    number, n = m.nearest(x, _LOG2_E)
    r = m.fma(number, -LN2_HIGH[m.kind], x)
    r = m.fma(number, -LN2_LOW[m.kind], r)
    if low is not None:
        r = m.add(r, low)
    tail = m.polynomial(EXP_FLOAT if m.kind == "float" else EXP_DOUBLE, r)
    return n, m.fma(m.mul(r, r), tail, r)


def exp_sum(m: Math, x: Register, low: Register) -> tuple[Register, Register, Register]:
    """`exp_parts`, and what the rounding of the reduced argument lost, as a part of the result's size."""
    number, n = m.nearest(x, _LOG2_E)
    first = m.fma(number, -LN2_HIGH[m.kind], x)
    low = m.fma(number, -LN2_LOW[m.kind], low)
    r = m.add(first, low)
    lost = m.add(m.sub(first, r), low)
    tail = m.polynomial(EXP_FLOAT if m.kind == "float" else EXP_DOUBLE, r)
    return n, m.fma(m.mul(r, r), tail, r), lost


def exp(writer: Writer, x: Register) -> Register:
    m = Math(writer, x)
    n, p = exp_parts(m, m.clamp(x, *((-104.0, 89.0) if m.kind == "float" else (-746.0, 710.0))))
    return m.scale(m.add(p, 1.0), n)


def expm1(writer: Writer, x: Register) -> Register:
    m = Math(writer, x)
    n, p = exp_parts(m, m.clamp(x, *((-20.0, 89.0) if m.kind == "float" else (-40.0, 710.0))))
    # 2^n is halved, so that n = 128 (1024) stays a number; the result is doubled at the end.
    scale = m.power_of_two(writer.binary("sub", n, m.whole(1)))
    result = m.mul(m.fma(scale, p, m.sub(scale, 0.5)), 2.0)
    return m.pick(m.test("olt", m.abs(x), 2.0 ** (-m.bits - 2)), x, result)


def _one_plus_exp(m: Math, x: Register) -> Register:
    """1 + exp(x), for abs(x) below 88 (709): 2^n p + (2^n + 1) for a small x, where the sum in brackets is
    exact, and (2^n p + 1) + 2^n for a large one, where 1 hardly counts."""
    n, p = exp_parts(m, x)
    power = m.power_of_two(n)
    small = m.test("olt", x, 8.0)
    inner = m.fma(power, p, m.pick(small, m.add(power, 1.0), 1.0))
    return m.add(inner, m.pick(small, 0.0, power))


def tanh(writer: Writer, x: Register) -> Register:
    """An odd polynomial where the result is below 1/2, beyond 1 - 2 / (exp(2 x) + 1)."""
    m = Math(writer, x)
    size = m.clamp_above(m.abs(x), 10.0 if m.kind == "float" else 22.0)
    n, p = exp_parts(m, m.add(size, size))
    power = m.power_of_two(n)
    far = m.sub(1.0, m.div(2.0, m.add(m.fma(power, p, 1.0), power)))
    z = m.mul(size, size)
    near = m.fma(m.mul(size, z), m.polynomial(TANH_FLOAT if m.kind == "float" else TANH_DOUBLE, z), size)
    return m.with_sign(m.pick(m.test("olt", size, 0.55), near, far), x)


def sigmoid(writer: Writer, x: Register) -> Register:
    """1 / (1 + exp(-x)); results too small for a normal number are zero."""
    m = Math(writer, x)
    least, most = (-87.33654475055310, 88.0) if m.kind == "float" else (-708.3964185322641, 709.0)
    result = m.div(1.0, _one_plus_exp(m, m.negate(m.clamp(x, least, most - 1.0))))
    return m.pick(m.test("olt", x, least), 0.0, result)


def erf(writer: Writer, x: Register) -> Register:
    m = Math(writer, x)
    size = m.abs(x)
    if m.kind == "float":
        large = m.sub(1.0, exp(writer, m.polynomial(LOG_ERFC_FLOAT, m.clamp(size, 0.9, 4.0))))
    else:
        large = m.sub(1.0, _erfc_tail(m, m.clamp(size, 0.48, 6.0)))
    result = m.pick(m.test("olt", size, 1.0), _erf_centre(m, size), large)
    return m.with_sign(m.pick(m.test("uno", x, x), x, result), x)


def erf_slope(m: Math, x: Register) -> Register:
    """erf(x) / x - 1, which is small: so is what its roundings add to x + x slope."""
    z = m.mul(x, x)
    return m.fma(z, m.polynomial(ERF_FLOAT if m.kind == "float" else ERF_DOUBLE, z), _TWO_OVER_SQRT_PI - 1.0)


def _erf_centre(m: Math, x: Register) -> Register:
    return m.fma(x, erf_slope(m, x), x)


def _erfc_tail(m: Math, x: Register) -> Register:
    """erfc on [0.48, 28], in float64."""
    return gaussian_tail(m, x, m.number(0.0), *m.product(x, x))


def gaussian_tail(m: Math, x: Register, x_low: Register, square: Register, square_low: Register) -> Register:
    """erfc(x + x_low), given (x + x_low)^2 as a sum: exp(-square) F(u) / (1 + 2 x) (Shepherd and Laframboise, 1981).

    The square's own rounding would count as often as the square is large; the quotient's is carried along, so that
    little more than the last sum's is left.
    """
    n, p, error = exp_sum(m, m.negate(square), m.negate(square_low))
    u = m.div(m.sub(x, 2.0), m.add(x, 2.0))
    first, rest = ERFC_DOUBLE[0], m.mul(u, m.polynomial(ERFC_DOUBLE[1:], u))
    top, top_low = m.ordered_total(first, rest)
    top_low = m.add(top_low, ERFC_LOW)
    bottom, bottom_low = m.total(m.add(x, x), 1.0)
    bottom_low = m.fma(x_low, 2.0, bottom_low)
    inverse = m.div(1.0, bottom)
    quotient = m.mul(top, inverse)
    remainder = m.add(m.minus_product(quotient, bottom, top), m.minus_product(quotient, bottom_low, top_low))
    low = m.fma(remainder, inverse, m.mul(quotient, error))
    low = m.fma(quotient, p, m.fma(low, p, low))
    return m.scale(m.add(quotient, low), n)


def erfc(writer: Writer, x: Register) -> Register:
    m = Math(writer, x)
    size = m.abs(x)
    tail = _erfc_tail(m, m.clamp(size, 0.48, 28.0))
    tail = m.pick(m.test("olt", x, 0.0), m.sub(2.0, tail), tail)
    # 1 - erf(x); where that is below 3/4, 1/2 is taken off both first, so that less is rounded.
    base = m.pick(m.test("ogt", x, 0.25), 0.5, 0.0)
    near = m.sub(m.sub(1.0, base), m.fma(x, erf_slope(m, size), m.sub(x, base)))
    result = m.pick(m.test("olt", size, 0.5), near, tail)
    return m.pick(m.test("uno", x, x), x, result)


def _halved_exp(m: Math, x: Register) -> Register:
    """exp(x) / 2 for x >= 0, as long as that does not overflow."""
    n, p = exp_parts(m, m.clamp_above(x, 711.0))
    return m.scale(m.add(p, 1.0), m.writer.binary("sub", n, m.whole(1)))


def sinh(writer: Writer, x: Register) -> Register:
    """An odd polynomial up to 1, beyond it from exp."""
    m = Math(writer, x)
    size = m.abs(x)
    half = _halved_exp(m, size)
    far = m.sub(half, m.div(0.25, half))
    z = m.mul(size, size)
    near = m.fma(m.mul(size, z), m.polynomial(SINH_DOUBLE, z), size)
    return m.with_sign(m.pick(m.test("olt", size, 1.0), near, far), x)


def cosh(writer: Writer, x: Register) -> Register:
    m = Math(writer, x)
    half = _halved_exp(m, m.abs(x))
    return m.add(half, m.div(0.25, half))
