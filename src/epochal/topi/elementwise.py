"""Elementwise operators of one operand."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np

from epochal import dtypes
from epochal.dtypes import DType
from epochal.ir import Array, Build, Operator, Sample, TensorType, Value
from epochal.topi._rules import ANY, BOOL, FLOAT, INTEGER, NUMBER, check_dtype, full, values, widened

# gradient(build, cotangent, x, y) -> cotangent of x
UnaryGradient: TypeAlias = Callable[[Build, Value, Value, Value], Value]

_DENSITY = 1.0 / math.sqrt(2.0 * math.pi)
_CUBIC = 0.044715
ELEMENTWISE = frozenset({"elementwise"})
SPECIAL = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 0.5, 1.5, 2.5, -2.5, 60.0, -60.0, 1e-20])


def unary(
    name: str,
    doc: str,
    function: Callable[[Any], Any],
    gradient: UnaryGradient | None,
    takes: str = FLOAT,
    domain: tuple[float, float] = (-2.0, 2.0),
    result: DType | None = None,
) -> Operator:
    """A row for a function of each element.

    Args:
        name: Name of the operator.
        doc: What it computes.
        function: On NumPy arrays of single precision or better.
        gradient: Of one operand; ``None``: piecewise constant.
        takes: Which element types.
        domain: Where the samples for the gradient lie.
        result: Element type of the result, if not the operand's.
    """

    def infer(x: TensorType) -> TensorType:
        check_dtype(name, x, takes)
        return x if result is None else x.with_dtype(result)

    def row_gradient(
        build: Build, inputs: Sequence[Value], outputs: Sequence[Value], cotangents: Sequence[Value | None]
    ) -> Sequence[Value | None]:
        assert gradient is not None
        assert cotangents[0] is not None
        return [gradient(build, cotangents[0], inputs[0], outputs[0])]

    def samples() -> Iterable[Sample]:
        if takes in (FLOAT, NUMBER, ANY):
            yield Sample((values((2, 3), *domain),))
            yield Sample((values((), *domain),))
            yield Sample((values((5, 1, 7), *domain, seed=1),))
            yield Sample((np.zeros((0, 3)),))
            yield Sample((SPECIAL,), differentiable=())
        if takes in (INTEGER, NUMBER, ANY):
            yield Sample((np.array([[-3, 0, 2], [7, -1, 100]], np.int32),))
        if takes in (BOOL, ANY):
            yield Sample((np.array([[True, False]]),))

    return Operator(
        name=name,
        infer=infer,
        reference=widened(function),
        samples=samples,
        gradient=None if gradient is None else row_gradient,
        no_gradient="zero" if gradient is None else "",
        traits=ELEMENTWISE,
        doc=doc,
    )


def _sigmoid(x: Array) -> Array:
    """From exp(-abs(x)), which cannot overflow."""
    decay = np.exp(-np.abs(x))
    return np.asarray(np.where(x >= 0, 1.0, decay) / (1.0 + decay), dtype=x.dtype)


def _each(function: Callable[[float], float]) -> Callable[[Array], Array]:
    """A function of Python floats, applied to each element in double precision."""
    ufunc = np.frompyfunc(function, 1, 1)
    return lambda x: np.asarray(ufunc(x.astype(np.float64)), dtype=x.dtype)


def _normal_pdf(x: Array) -> Array:
    return np.asarray(_DENSITY * np.exp(-0.5 * np.square(x.astype(np.float64))), dtype=x.dtype)


def _normal_cdf_tanh(x: Array) -> Array:
    wide = x.astype(np.float64)
    return np.asarray(1.0 / (1.0 + np.exp(-4.0 * _DENSITY * wide * (1.0 + _CUBIC * wide * wide))), dtype=x.dtype)


def _bend(build: Build, x: Value) -> Value:
    """The derivative of 2 u = 2 sqrt(2 / pi) (x + 0.044715 x^3)."""
    result: Value = build.add(build.mul(build.square(x), 12.0 * _DENSITY * _CUBIC), 4.0 * _DENSITY)
    return result


def _round(x: Array) -> Array:
    return np.asarray(np.rint(x))


def _relu(x: Array) -> Array:
    return np.asarray(np.maximum(x, x.dtype.type(0)))


def _reciprocal_root(build: Build, g: Value, square: Value) -> Value:
    """g / sqrt(square)"""
    result: Value = build.mul(g, build.rsqrt(square))
    return result


def _one_minus_square(build: Build, x: Value) -> Value:
    """(1 - x)(1 + x), which keeps its digits near abs(x) = 1"""
    result: Value = build.mul(build.sub(1.0, x), build.add(x, 1.0))
    return result


def _erf_slope(build: Build, x: Value, sign: float) -> Value:
    """sign * 2 / sqrt(pi) * exp(-x * x)"""
    result: Value = build.mul(build.exp(build.neg(build.square(x))), sign * 2.0 / math.sqrt(math.pi))
    return result


neg = unary("neg", "-x", np.negative, lambda build, g, x, y: build.neg(g), NUMBER)
abs_ = unary("abs", "Absolute value.", np.abs, lambda build, g, x, y: build.mul(g, build.sign(x)), NUMBER)
sign = unary("sign", "-1, 0 or 1; NaN stays.", np.sign, None, NUMBER)
square = unary("square", "x * x", np.square, lambda build, g, x, y: build.mul(g, build.mul(x, 2.0)), NUMBER)
floor = unary("floor", "Largest integer not above x.", np.floor, None)
ceil = unary("ceil", "Smallest integer not below x.", np.ceil, None)
round_ = unary("round", "Nearest integer; halves go to the even one.", _round, None)
exp = unary("exp", "e to the power x.", np.exp, lambda build, g, x, y: build.mul(g, y))
expm1 = unary("expm1", "exp(x) - 1, exact near 0.", np.expm1, lambda build, g, x, y: build.mul(g, build.add(y, 1.0)))
log = unary("log", "Natural logarithm.", np.log, lambda build, g, x, y: build.div(g, x), domain=(0.5, 3.0))
log1p = unary(
    "log1p", "log(1 + x), exact near 0.", np.log1p, lambda build, g, x, y: build.div(g, build.add(x, 1.0)),
    domain=(-0.5, 3.0),
)  # fmt: skip
sqrt = unary("sqrt", "Square root.", np.sqrt, lambda build, g, x, y: build.div(build.mul(g, 0.5), y), domain=(0.5, 3.0))
rsqrt = unary(
    "rsqrt", "1 / sqrt(x)", lambda x: (1.0 / np.sqrt(x)).astype(x.dtype),
    lambda build, g, x, y: build.mul(build.mul(g, -0.5), build.div(y, x)), domain=(0.5, 3.0),
)  # fmt: skip
reciprocal = unary(
    "reciprocal", "1 / x", lambda x: (1.0 / x).astype(x.dtype),
    lambda build, g, x, y: build.neg(build.mul(g, build.square(y))), domain=(0.5, 3.0),
)  # fmt: skip
sin = unary("sin", "Sine of radians.", np.sin, lambda build, g, x, y: build.mul(g, build.cos(x)))
cos = unary("cos", "Cosine of radians.", np.cos, lambda build, g, x, y: build.neg(build.mul(g, build.sin(x))))
tan = unary(
    "tan", "Tangent of radians.", np.tan, lambda build, g, x, y: build.mul(g, build.add(build.square(y), 1.0)),
    domain=(-1.0, 1.0),
)  # fmt: skip
asin = unary(
    "asin", "Inverse sine, in [-pi/2, pi/2].", np.arcsin,
    lambda build, g, x, y: _reciprocal_root(build, g, _one_minus_square(build, x)), domain=(-0.8, 0.8),
)  # fmt: skip
acos = unary(
    "acos", "Inverse cosine, in [0, pi].", np.arccos,
    lambda build, g, x, y: build.neg(_reciprocal_root(build, g, _one_minus_square(build, x))), domain=(-0.8, 0.8),
)  # fmt: skip
atan = unary(
    "atan", "Inverse tangent, in [-pi/2, pi/2].", np.arctan,
    lambda build, g, x, y: build.div(g, build.add(build.square(x), 1.0)),
)  # fmt: skip
sinh = unary("sinh", "Hyperbolic sine.", np.sinh, lambda build, g, x, y: build.mul(g, build.cosh(x)))
cosh = unary("cosh", "Hyperbolic cosine.", np.cosh, lambda build, g, x, y: build.mul(g, build.sinh(x)))
tanh = unary("tanh", "Hyperbolic tangent.", np.tanh, lambda build, g, x, y: build.mul(g, _one_minus_square(build, y)))
asinh = unary(
    "asinh", "Inverse hyperbolic sine.", np.arcsinh,
    lambda build, g, x, y: _reciprocal_root(build, g, build.add(build.square(x), 1.0)),
)  # fmt: skip
acosh = unary(
    "acosh", "Inverse hyperbolic cosine.", np.arccosh,
    lambda build, g, x, y: _reciprocal_root(build, g, build.mul(build.sub(x, 1.0), build.add(x, 1.0))),
    domain=(1.5, 3.0),
)  # fmt: skip
atanh = unary(
    "atanh", "Inverse hyperbolic tangent.", np.arctanh,
    lambda build, g, x, y: build.div(g, _one_minus_square(build, x)), domain=(-0.8, 0.8),
)  # fmt: skip
sigmoid = unary(
    "sigmoid", "1 / (1 + exp(-x))", _sigmoid,
    lambda build, g, x, y: build.mul(g, build.mul(y, build.sub(1.0, y))),
)  # fmt: skip
erf = unary(
    "erf", "2 / sqrt(pi) times the integral of exp(-t * t) from 0 to x.", _each(math.erf),
    lambda build, g, x, y: build.mul(g, _erf_slope(build, x, 1.0)),
)  # fmt: skip
erfc = unary(
    "erfc", "1 - erf(x), exact for large x.", _each(math.erfc),
    lambda build, g, x, y: build.mul(g, _erf_slope(build, x, -1.0)),
)  # fmt: skip
normal_cdf = unary(
    "normal_cdf", "The standard normal distribution function, erfc(-x / sqrt(2)) / 2.",
    _each(lambda x: 0.5 * math.erfc(-x * math.sqrt(0.5))),
    lambda build, g, x, y: build.mul(g, build.normal_pdf(x)),
)  # fmt: skip
normal_pdf = unary(
    "normal_pdf", "The standard normal density, exp(-x * x / 2) / sqrt(2 pi).", _normal_pdf,
    lambda build, g, x, y: build.mul(g, build.mul(build.neg(x), y)),
)  # fmt: skip
normal_cdf_tanh = unary(
    "normal_cdf_tanh", "What comes close to it: sigmoid(2 u) with u = sqrt(2 / pi) (x + 0.044715 x^3).",
    _normal_cdf_tanh,
    lambda build, g, x, y: build.mul(g, build.mul(build.mul(y, build.sub(1.0, y)), _bend(build, x))),
)  # fmt: skip
relu = unary(
    "relu", "max(x, 0); NaN stays; the gradient at 0 is 0.", _relu,
    # By the result, so that an engine need not keep x.
    lambda build, g, x, y: build.select(build.greater(y, 0.0), g, full(build, 0.0, g)),
)  # fmt: skip
is_finite = unary("is_finite", "Neither NaN nor infinite.", np.isfinite, None, result=dtypes.bool_)
is_nan = unary("is_nan", "Not a number.", np.isnan, None, result=dtypes.bool_)
logical_not = unary("logical_not", "True where x is False.", np.logical_not, None, BOOL)
bitwise_not = unary("bitwise_not", "All bits flipped.", np.invert, None, INTEGER)
stop_gradient = unary("stop_gradient", "x itself, a constant to differentiation.", np.copy, None, ANY)


def _cast_type(x: TensorType, *, dtype: DType) -> TensorType:
    return x.with_dtype(dtypes.get(dtype))


def _cast(x: Array, *, dtype: DType) -> Array:
    """NumPy's conversion. Floats go to integers towards zero; a value outside the target's range gives any value."""
    with np.errstate(all="ignore"):
        return x.astype(dtype.numpy)


def _cast_gradient(
    build: Build,
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    cotangents: Sequence[Value | None],
    *,
    dtype: DType,
) -> Sequence[Value | None]:
    if not (inputs[0].dtype.is_floating and dtype.is_floating):
        return [None]
    return [build.cast(cotangents[0], dtype=inputs[0].dtype)]


def _cast_samples() -> Iterable[Sample]:
    yield Sample((values((2, 3), -5.0, 5.0),), {"dtype": dtypes.float64})
    yield Sample((values((2, 3), -5.0, 5.0),), {"dtype": dtypes.float32}, differentiable=())
    yield Sample((values((2, 3), -5.0, 5.0),), {"dtype": dtypes.bfloat16}, differentiable=())
    yield Sample((values((2, 3), -5.0, 5.0),), {"dtype": dtypes.float16}, differentiable=())
    yield Sample((values((2, 3), -5.0, 5.0),), {"dtype": dtypes.int32})
    yield Sample((np.array([0.0, -0.0, 0.25, -3.0, np.nan]),), {"dtype": dtypes.bool_})
    yield Sample((np.array([[1, -2, 300]], np.int32),), {"dtype": dtypes.uint8})
    yield Sample((np.array([[1, -2, 2**31 - 1]], np.int32),), {"dtype": dtypes.float32})
    yield Sample((np.array([True, False]),), {"dtype": dtypes.float32})
    yield Sample((np.zeros((0, 3)),), {"dtype": dtypes.int64})


cast = Operator(
    name="cast",
    infer=_cast_type,
    reference=_cast,
    samples=_cast_samples,
    gradient=_cast_gradient,
    resolve=lambda types, parameters: {"dtype": dtypes.get(parameters["dtype"])},
    traits=ELEMENTWISE,
    doc="The same numbers in another element type; towards zero from floats to integers.",
)
