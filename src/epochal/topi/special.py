"""Special functions of one operand, with decompositions in elementary ones.

The gamma function's logarithm and its derivatives are computed in float64 whatever the operand's type: they are rare,
and their formulas lose digits near zeros. All of them use the same three steps: reflection of what lies below 1/2, a
shift upwards by the recurrence, and the asymptotic series in 1 / w (Abramowitz and Stegun 6.1.17, 6.1.41, 6.3.7,
6.4.6, 6.4.7, 6.4.11).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from epochal import dtypes
from epochal.errors import ArgumentError
from epochal.ir import Array, Build, Operator, Sample, TensorType, Value
from epochal.topi._rules import FLOAT, check_dtype, full, values, widened
from epochal.topi.composite import rounded, single
from epochal.topi.elementwise import SPECIAL, unary

TRAITS = frozenset({"composite", "elementwise"})
# Bernoulli's numbers B2, B4 ... B20.
_BERNOULLI = (
    1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798, -174611 / 330,
)  # fmt: skip
_SHIFT = 12
_HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)


def _composite(row: Operator, decompose: Callable[[Build, Value], Value], wide: bool) -> Operator:
    """`row` with a decomposition, computed in float64 if `wide`, else in float32 or better."""

    def decomposition(build: Build, inputs: Sequence[Value]) -> Value:
        (x,) = (build.cast(inputs[0], dtype=dtypes.float64),) if wide else single(build, *inputs)
        return rounded(build, decompose(build, x), inputs[0])

    return dataclasses.replace(row, traits=TRAITS, decompose=decomposition)


def _each(function: Callable[[float], float]) -> Callable[[Array], Array]:
    """A function of Python floats, applied to each element."""
    ufunc = np.frompyfunc(function, 1, 1)
    return lambda x: np.asarray(ufunc(x), np.float64)


def _float64(function: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """A reference that computes in float64."""
    return lambda x: np.asarray(function(x.astype(np.float64)), dtype=x.dtype)


# --- erf_inv: polynomials of Giles ("Approximating the erfinv function", GPU Computing Gems, 2011) in
# w = -log(1 - x * x), one set for single and one for double precision, each a rule (limit of w, whether of sqrt(w),
# what is taken off, coefficients from the highest)

_SINGLE: tuple[tuple[float, bool, float, tuple[float, ...]], ...] = (
    (5.0, False, 2.5, (
        2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087, -0.00125372503,
        -0.00417768164, 0.246640727, 1.50140941,
    )),
    (math.inf, True, 3.0, (
        -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613,
        0.00943887047, 1.00167406, 2.83297682,
    )),
)  # fmt: skip
_DOUBLE: tuple[tuple[float, bool, float, tuple[float, ...]], ...] = (
    (6.25, False, 3.125, (
        -3.6444120640178196996e-21, -1.685059138182016589e-19, 1.2858480715256400167e-18, 1.115787767802518096e-17,
        -1.333171662854620906e-16, 2.0972767875968561637e-17, 6.6376381343583238325e-15, -4.0545662729752068639e-14,
        -8.1519341976054721522e-14, 2.6335093153082322977e-12, -1.2975133253453532498e-11,
        -5.4154120542946279317e-11, 1.051212273321532285e-09, -4.1126339803469836976e-09, -2.9070369957882005086e-08,
        4.2347877827932403518e-07, -1.3654692000834678645e-06, -1.3882523362786468719e-05, 0.0001867342080340571352,
        -0.00074070253416626697512, -0.0060336708714301490533, 0.24015818242558961693, 1.6536545626831027356,
    )),
    (16.0, True, 3.25, (
        2.2137376921775787049e-09, 9.0756561938885390979e-08, -2.7517406297064545428e-07, 1.8239629214389227755e-08,
        1.5027403968909827627e-06, -4.013867526981545969e-06, 2.9234449089955446044e-06, 1.2475304481671778723e-05,
        -4.7318229009055733981e-05, 6.8284851459573175448e-05, 2.4031110387097893999e-05, -0.0003550375203628474796,
        0.00095328937973738049703, -0.0016882755560235047313, 0.0024914420961078508066, -0.0037512085075692412107,
        0.005370914553590063617, 1.0052589676941592334, 3.0838856104922207635,
    )),
    (math.inf, True, 5.0, (
        -2.7109920616438573243e-11, -2.5556418169965252055e-10, 1.5076572693500548083e-09, -3.7894654401267369937e-09,
        7.6157012080783393804e-09, -1.4960026627149240478e-08, 2.9147953450901080826e-08, -6.7711997758452339498e-08,
        2.2900482228026654717e-07, -9.9298272942317002539e-07, 4.5260625972231537039e-06, -1.9681778105531670567e-05,
        7.5995277030017761139e-05, -0.00021503011930044477347, -0.00013871931833623122026, 1.0103004648645343977,
        4.8499064014085844221,
    )),
)  # fmt: skip


def _erf_inv_reference(x: Array) -> Array:
    kind = x.dtype.type
    w = -np.log((kind(1.0) - x) * (kind(1.0) + x))
    factor = np.full_like(w, np.inf)
    for limit, of_root, offset, coefficients in reversed(_DOUBLE if x.dtype == np.float64 else _SINGLE):
        t = (np.sqrt(w) if of_root else w) - kind(offset)
        value = np.full_like(w, coefficients[0])
        for coefficient in coefficients[1:]:
            value = value * t + kind(coefficient)
        factor = np.where(w < limit, value, factor)
    return np.asarray(np.where(np.isnan(w), w, factor * x))


def _erf_inv_decomposition(build: Build, x: Value) -> Value:
    """As the reference does it."""
    w = build.neg(build.log(build.mul(build.sub(1.0, x), build.add(x, 1.0))))
    factor = full(build, math.inf, w)
    for limit, of_root, offset, coefficients in reversed(_DOUBLE if x.dtype is dtypes.float64 else _SINGLE):
        t = build.sub(build.sqrt(w) if of_root else w, offset)
        value = full(build, coefficients[0], w)
        for coefficient in coefficients[1:]:
            value = build.add(build.mul(value, t), coefficient)
        factor = build.select(build.less(w, limit), value, factor)
    result: Value = build.select(build.is_nan(w), w, build.mul(factor, x))
    return result


erf_inv = _composite(
    unary(
        "erf_inv",
        "The number whose erf is x; +-inf at +-1, NaN beyond.",
        _erf_inv_reference,
        lambda build, g, x, y: build.mul(g, build.mul(build.exp(build.square(y)), 0.5 * math.sqrt(math.pi))),
        domain=(-0.9, 0.9),
    ),
    _erf_inv_decomposition,
    wide=False,
)


# --- lgamma


def _log_gamma(x: float) -> float:
    try:
        return math.lgamma(x)
    except ValueError:  # a pole
        return math.inf


def _off_integer(build: Build, x: Value) -> tuple[Value, Value]:
    """sin and cos of pi times x's distance from the nearest integer: exact zeros of sin(pi x)."""
    angle = build.mul(build.sub(x, build.round(x)), math.pi)
    return build.sin(angle), build.cos(angle)


def _reflected(build: Build, x: Value) -> tuple[Value, Value]:
    """Whether x lies below 1/2, and the argument that is not below: x, or 1 - x."""
    below = build.less(x, 0.5)
    return below, build.select(below, build.sub(1.0, x), x)


def _lgamma_decomposition(build: Build, x: Value) -> Value:
    below, z = _reflected(build, x)
    small = build.less(z, float(_SHIFT))
    held = build.minimum(z, full(build, float(_SHIFT), z))
    product = held
    for step in range(1, _SHIFT):
        product = build.mul(product, build.add(held, float(step)))
    w = build.select(small, build.add(z, float(_SHIFT)), z)
    inverse = build.reciprocal(w)
    square = build.square(inverse)
    series = full(build, 0.0, w)
    for k in range(len(_BERNOULLI), 0, -1):
        series = build.add(build.mul(series, square), _BERNOULLI[k - 1] / (2 * k * (2 * k - 1)))
    log = build.log(w)
    # (w - 1/2) log(w) - w, in an order in which an infinite w stays infinite.
    main = build.add(build.mul(build.sub(log, 1.0), build.sub(w, 0.5)), _HALF_LOG_TWO_PI - 0.5)
    value = build.add(main, build.mul(series, inverse))
    value = build.sub(value, build.select(small, build.log(product), full(build, 0.0, w)))
    sine, _ = _off_integer(build, x)
    mirrored = build.sub(build.sub(math.log(math.pi), build.log(build.abs(sine))), value)
    result = build.select(below, mirrored, value)
    infinite = build.equal(build.abs(x), full(build, math.inf, x))
    chosen: Value = build.select(infinite, full(build, math.inf, x), result)
    return chosen


lgamma = _composite(
    unary(
        "lgamma",
        "log(abs(gamma(x))); inf at 0, -1, -2 ...",
        _float64(_each(_log_gamma)),
        lambda build, g, x, y: build.mul(g, build.digamma(x)),
        domain=(0.3, 4.0),
    ),
    _lgamma_decomposition,
    wide=True,
)


# --- digamma and polygamma: derivatives of lgamma


def _cotangent_polynomial(order: int) -> list[float]:
    """Coefficients, lowest first, of the derivative of that order of pi cot(pi x), as a polynomial in cot(pi x)."""
    coefficients = [0.0, math.pi]
    for _ in range(order):
        # d cot(pi x) / dx = -pi (1 + cot(pi x) ** 2)
        slopes = [-math.pi * power * value for power, value in enumerate(coefficients)][1:]
        coefficients = [0.0] * (len(slopes) + 2)
        for power, value in enumerate(slopes):
            coefficients[power] += value
            coefficients[power + 2] += value
    return coefficients


def _series_coefficients(order: int) -> list[float]:
    """Of w ** -order (1, w ** -1, w ** -2, w ** -4 ...) in the asymptotic series of abs(polygamma), order >= 1."""
    terms = [math.factorial(order - 1), math.factorial(order) / 2.0]
    for k, number in enumerate(_BERNOULLI, 1):
        terms.append(number * math.factorial(2 * k + order - 1) / math.factorial(2 * k))
    return [float(term) for term in terms]


def _digamma_reference(x: Array) -> Array:
    z = np.where(x < 0.5, 1.0 - x, x)
    w = z + _SHIFT
    inverse = 1.0 / w
    series = np.zeros_like(w)
    for k in range(len(_BERNOULLI), 0, -1):
        series = (series + _BERNOULLI[k - 1] / (2 * k)) * inverse * inverse
    value = np.log(w) - 0.5 * inverse - series - sum(1.0 / (z + step) for step in range(_SHIFT))
    angle = math.pi * (x - np.rint(x))
    return np.asarray(np.where(x < 0.5, value - math.pi * np.cos(angle) / np.sin(angle), value))


def _digamma_decomposition(build: Build, x: Value) -> Value:
    below, z = _reflected(build, x)
    w = build.add(z, float(_SHIFT))
    inverse = build.reciprocal(w)
    square = build.square(inverse)
    series = full(build, 0.0, w)
    for k in range(len(_BERNOULLI), 0, -1):
        series = build.mul(build.add(series, _BERNOULLI[k - 1] / (2 * k)), square)
    value = build.sub(build.sub(build.log(w), build.mul(inverse, 0.5)), series)
    for step in range(_SHIFT):
        value = build.sub(value, build.reciprocal(build.add(z, float(step))))
    sine, cosine = _off_integer(build, x)
    mirrored = build.sub(value, build.mul(build.div(cosine, sine), math.pi))
    result: Value = build.select(below, mirrored, value)
    return result


digamma = _composite(
    unary(
        "digamma",
        "The derivative of lgamma.",
        _float64(_digamma_reference),
        lambda build, g, x, y: build.mul(g, build.polygamma(x, order=1)),
        domain=(0.3, 4.0),
    ),
    _digamma_decomposition,
    wide=True,
)


def _polygamma_type(x: TensorType, *, order: int) -> TensorType:
    check_dtype("polygamma", x, FLOAT)
    if not isinstance(order, int) or not 1 <= order <= 20:
        raise ArgumentError(f"polygamma: order must be an integer in [1, 20]; order 0 is digamma. Received: {order!r}")
    return x


def _polygamma_reference(x: Array, *, order: int) -> Array:
    kind, x = x.dtype, x.astype(np.float64)
    z = np.where(x < 0.5, 1.0 - x, x)
    inverse = 1.0 / (z + _SHIFT)
    first, second, *rest = _series_coefficients(order)
    series = np.zeros_like(z)
    for term in reversed(rest):
        series = (series + term) * inverse * inverse
    value = (first + second * inverse + series) * inverse**order
    value = value + math.factorial(order) * sum((1.0 / (z + step)) ** (order + 1) for step in range(_SHIFT))
    value = (-1.0) ** (order + 1) * value
    angle = math.pi * (x - np.rint(x))
    cotangent = np.cos(angle) / np.sin(angle)
    slope = np.zeros_like(z)
    for coefficient in reversed(_cotangent_polynomial(order)):
        slope = slope * cotangent + coefficient
    return np.asarray(np.where(x < 0.5, (-1.0) ** order * value - slope, value), dtype=kind)


def _power(build: Build, x: Value, exponent: int) -> Value:
    result = x
    for _ in range(exponent - 1):
        result = build.mul(result, x)
    return result


def _polygamma_decomposition(build: Build, inputs: Sequence[Value], *, order: int) -> Value:
    x = build.cast(inputs[0], dtype=dtypes.float64)
    below, z = _reflected(build, x)
    inverse = build.reciprocal(build.add(z, float(_SHIFT)))
    square = build.square(inverse)
    first, second, *rest = _series_coefficients(order)
    series = full(build, 0.0, z)
    for term in reversed(rest):
        series = build.mul(build.add(series, term), square)
    series = build.add(build.add(series, build.mul(inverse, second)), first)
    total = full(build, 0.0, z)
    for step in range(_SHIFT):
        total = build.add(total, _power(build, build.reciprocal(build.add(z, float(step))), order + 1))
    value = build.add(build.mul(series, _power(build, inverse, order)), build.mul(total, math.factorial(order) * 1.0))
    value = build.mul(value, (-1.0) ** (order + 1))
    sine, cosine = _off_integer(build, x)
    cotangent = build.div(cosine, sine)
    slope = full(build, 0.0, z)
    for coefficient in reversed(_cotangent_polynomial(order)):
        slope = build.add(build.mul(slope, cotangent), coefficient)
    mirrored = build.sub(build.mul(value, (-1.0) ** order), slope)
    return rounded(build, build.select(below, mirrored, value), inputs[0])


def _polygamma_gradient(
    build: Build, inputs: Sequence[Value], outputs: Sequence[Value], cotangents: Sequence[Value | None], *, order: int
) -> Sequence[Value | None]:
    return [build.mul(cotangents[0], build.polygamma(inputs[0], order=order + 1))]


def _polygamma_samples() -> Iterable[Sample]:
    yield Sample((values((2, 3), 0.6, 4.0),), {"order": 1})
    yield Sample((values((5,), 0.6, 4.0, seed=1),), {"order": 2})
    yield Sample((np.array([-0.5, -1.4, -2.55]),), {"order": 1})
    yield Sample((np.zeros((0, 2)),), {"order": 1})
    yield Sample((SPECIAL,), {"order": 1}, differentiable=())


polygamma = Operator(
    name="polygamma",
    infer=_polygamma_type,
    reference=widened(_polygamma_reference),
    samples=_polygamma_samples,
    gradient=_polygamma_gradient,
    decompose=_polygamma_decomposition,
    traits=TRAITS,
    doc="The derivative of digamma of that order, at least 1.",
)
