"""The normal distribution's function, and what is near it with tanh: the shares that gelu multiplies its operand by.

Both are within 2 units in the last place, and their product with the operand nearly so. That needs the exponents, which
may be 90 (700 in float64), to more digits than a number has: they are carried as sums.
"""

from __future__ import annotations

import numpy as np

from epochal.backends.native.coefficients import NORMAL_TAIL_CENTRE, NORMAL_TAIL_FLOAT
from epochal.backends.native.emit import Register, Writer
from epochal.backends.native.vector_base import Math
from epochal.backends.native.vector_exponentials import erf_slope, exp_sum, gaussian_tail

_DENSITY = 0.3989422804014327  # 1 / sqrt(2 pi)
# Where exp(-x^2 / 2) is no normal number any more.
_FARTHEST = {"float": 13.25, "double": 37.66}
_ROOT_HALF = (0.7071067811865476, -4.833646656726457e-17)
# 2 sqrt(2 / pi), and that times 0.044715, each as a sum
_LINEAR = (1.5957691216057308, -9.96930880911092e-17)
_CUBIC = (0.07135481627260025, -6.175149918155315e-19)
# Where the result is the smallest normal number, and where it is 1.
_TANH_LEAST = {"float": -10.001044896140778, "double": -21.14555332517554}
_TANH_MOST = {"float": 6.0, "double": 9.0}


def normal_cdf(writer: Writer, x: Register) -> Register:
    m = Math(writer, x)
    size = m.clamp_above(m.abs(x), _FARTHEST["float"] if m.kind == "float" else 39.0)
    tail = _single_tail(m, size) if m.kind == "float" else _double_tail(m, size)
    far = m.pick(m.test("ogt", x, 0.0), m.sub(1.0, tail), tail)
    if m.kind == "float":
        return far
    root = m.mul(x, _ROOT_HALF[0])
    half = m.mul(root, 0.5)
    near = m.add(m.fma(half, erf_slope(m, root), half), 0.5)
    return m.pick(m.test("olt", size, 0.69), near, far)


def normal_pdf(writer: Writer, x: Register) -> Register:
    """exp(-x^2 / 2) / sqrt(2 pi), by the instructions `normal_cdf` begins with: where both are wanted they are one."""
    m = Math(writer, x)
    p, power, _ = _bell(m, m.clamp_above(m.abs(x), _FARTHEST[m.kind]))
    height = m.mul(power, _DENSITY)
    return m.fma(height, p, height)


def _bell(m: Math, a: Register) -> tuple[Register, Register, Register]:
    """p, 2^n and e with exp(-a^2 / 2) = 2^n (1 + p + e), for a up to `_FARTHEST`; 2^n is zero where denormal."""
    argument, lost = m.product(a, m.mul(a, -0.5))
    n, p, error = exp_sum(m, argument, lost)
    return p, m.power_of_two(n), error


def _single_tail(m: Math, a: Register) -> Register:
    """The mass beyond a in [0, 13.25]: exp(-a^2/2) t Q(t) with t = 1 / (1 + a/2); zero where it would be denormal.

    Q's first two coefficients are numbers of the format, and both products carry what is lost, as the bound leaves
    room for few roundings.
    """
    p, power, argument_error = _bell(m, a)
    bottom = m.fma(a, 0.5, 1.0)
    bottom_low = m.fma(a, 0.5, m.sub(1.0, bottom))
    t = m.div(1.0, bottom)
    # What the division and the sum lost, relative to t.
    error = m.minus_product(t, bottom_low, m.minus_product(t, bottom, m.number(1.0)))
    s = m.fma(t, error, m.sub(t, NORMAL_TAIL_CENTRE))
    rest = m.mul(s, m.polynomial(NORMAL_TAIL_FLOAT[1:], s))
    factor, factor_low = m.ordered_total(NORMAL_TAIL_FLOAT[0], rest)
    quotient, quotient_low = m.product(t, factor)
    low = m.fma(quotient, m.add(error, argument_error), m.fma(t, factor_low, quotient_low))
    low = m.fma(quotient, p, m.fma(low, p, low))
    return m.mul(m.add(quotient, low), power)


def _double_tail(m: Math, a: Register) -> Register:
    square, lost = m.product(a, a)
    root, root_lost = m.product(a, _ROOT_HALF[0])  # from 0.48 on, where the tail's polynomial begins
    root_lost = m.fma(a, _ROOT_HALF[1], root_lost)
    return m.mul(gaussian_tail(m, root, root_lost, m.mul(square, 0.5), m.mul(lost, 0.5)), 0.5)


def normal_cdf_tanh(writer: Writer, x: Register) -> Register:
    """1 / (1 + exp(-w)) with w = x (linear + cubic x^2), both as sums; results below the normal numbers are zero."""
    m = Math(writer, x)
    least = _TANH_LEAST[m.kind]
    bounded = m.clamp(x, least, _TANH_MOST[m.kind])
    (linear, linear_low), (cubic, cubic_low) = _parts(m, _LINEAR), _parts(m, _CUBIC)
    square, square_low = m.product(bounded, bounded)
    inner, inner_low = m.product(square, cubic)
    inner_low = m.add(inner_low, m.fma(square, cubic_low, m.mul(square_low, cubic)))
    factor, factor_low = m.total(inner, linear)
    factor_low = m.add(factor_low, m.add(inner_low, linear_low))
    exponent, lost = m.product(bounded, factor)
    lost = m.fma(bounded, factor_low, lost)
    n, p, error = exp_sum(m, m.negate(exponent), m.negate(lost))
    power = m.power_of_two(n)
    scaled, scaled_low = m.ordered_total(power, m.mul(power, p))
    bottom, bottom_low = m.total(scaled, 1.0)
    bottom_low = m.add(bottom_low, m.fma(power, error, scaled_low))
    result = m.div(1.0, bottom)
    rest = m.minus_product(result, bottom_low, m.minus_product(result, bottom, m.number(1.0)))
    # `product` overflows near the largest numbers where nothing fuses.
    rest = m.pick(m.test("olt", bottom, 1e30 if m.kind == "float" else 1e290), rest, 0.0)
    result = m.pick(m.test("olt", x, least), 0.0, m.fma(result, rest, result))
    return m.pick(m.test("uno", x, x), x, result)


def _parts(m: Math, value: tuple[float, float]) -> tuple[float, float]:
    """A number as a sum of two of the format's."""
    if m.kind == "double":
        return value
    high = float(np.float32(value[0]))
    return high, value[0] - high
