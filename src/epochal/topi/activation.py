"""Smooth activations that return their slope beside their result, so that a gradient reads that one array.

Written out as compositions, gelu's gradient would read three arrays that the forward pass must store; they are as
large as the widest layer of a transformer, and memory is what such a step waits for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from epochal import dtypes
from epochal.ir import Array, Build, Operator, Sample, TensorType, Value
from epochal.topi._rules import FLOAT, check_dtype, values
from epochal.topi.composite import COMPOSITE, rounded, single

_CUBIC = 0.044715
_SCALE = math.sqrt(2.0 / math.pi)


def _type(name: str) -> Callable[..., tuple[TensorType, TensorType]]:
    def infer(x: TensorType, **parameters: Any) -> tuple[TensorType, TensorType]:
        check_dtype(name, x, FLOAT)
        return x, x

    return infer


def _widened(function: Callable[..., tuple[Array, Array]]) -> Callable[..., tuple[Array, ...]]:
    """A reference of two results, computed in float32 for half precision."""

    def reference(x: Array, **parameters: Any) -> tuple[Array, ...]:
        half = x.dtype in (dtypes.float16.numpy, dtypes.bfloat16.numpy)
        with np.errstate(all="ignore"):
            results = function(x.astype(np.float32) if half else x, **parameters)
            return tuple(np.asarray(result, dtype=x.dtype) for result in results)

    return reference


def _gradient(curvature: Callable[..., Value]) -> Callable[..., list[Value | None]]:
    """g times the slope, and what comes by the slope itself: its cotangent times the second derivative."""

    def gradient(
        build: Build,
        inputs: Sequence[Value],
        outputs: Sequence[Value],
        cotangents: Sequence[Value | None],
        **parameters: Any,
    ) -> list[Value | None]:
        (x,), (_, slope), (of_result, of_slope) = inputs, outputs, cotangents
        total: Value | None = None if of_result is None else build.mul(of_result, slope)
        if of_slope is not None:
            term = build.mul(of_slope, curvature(build, x, slope, **parameters))
            total = term if total is None else build.add(total, term)
        return [total]

    return gradient


# --- gelu: x times the standard normal distribution function (Hendrycks and Gimpel, 2016), or what comes close to it:
# (1 + tanh(u)) / 2 with u = sqrt(2 / pi) (x + 0.044715 x^3). That is sigmoid(2 u), which stays exact as it vanishes.


def _normal_cdf(x: float) -> float:
    """By erfc: one plus erf would lose the digits of what is left of it below zero."""
    return 0.5 * math.erfc(-float(x) * math.sqrt(0.5))


def _gelu_reference(x: Array, *, approximate: bool = False) -> tuple[Array, Array]:
    square = x * x
    if approximate:
        share = 1.0 / (1.0 + np.exp(-2.0 * _SCALE * x * (1.0 + _CUBIC * square)))
        density = share * (1.0 - share) * (2.0 * _SCALE * (1.0 + 3.0 * _CUBIC * square))
    else:
        share = np.vectorize(_normal_cdf, otypes=[x.dtype])(x) if x.size else x
        density = np.exp(-0.5 * square) * (0.5 * _SCALE)
    return x * share, share + x * density


def _gelu_decomposition(build: Build, inputs: Sequence[Value], *, approximate: bool = False) -> tuple[Value, ...]:
    (x,) = single(build, *inputs)
    square = build.mul(x, x)
    if approximate:
        share = build.normal_cdf_tanh(x)
        density = build.mul(build.mul(share, build.sub(1.0, share)), _rise(build, square))
    else:
        share = build.normal_cdf(x)
        density = build.normal_pdf(x)
    slope = build.add(share, build.mul(x, density))
    return rounded(build, build.mul(x, share), inputs[0]), rounded(build, slope, inputs[0])


def _twice_bent(build: Build, x: Value, square: Value) -> Value:
    """2 u"""
    inner = build.add(build.mul(square, 2.0 * _SCALE * _CUBIC), 2.0 * _SCALE)
    result: Value = build.mul(inner, x)
    return result


def _rise(build: Build, square: Value) -> Value:
    """The derivative of 2 u."""
    result: Value = build.add(build.mul(square, 6.0 * _SCALE * _CUBIC), 2.0 * _SCALE)
    return result


def _gelu_curvature(build: Build, x: Value, slope: Value, *, approximate: bool = False) -> Value:
    """2 p(x) + x p'(x), where p is the derivative of the share that x is multiplied by."""
    square = build.mul(x, x)
    if approximate:
        bent, rise = _twice_bent(build, x, square), _rise(build, square)
        share, rest = build.sigmoid(bent), build.sigmoid(build.neg(bent))
        steep = build.mul(share, rest)
        density = build.mul(steep, rise)
        change = build.add(
            build.mul(build.mul(density, build.sub(rest, share)), rise),
            build.mul(build.mul(steep, x), 12.0 * _SCALE * _CUBIC),
        )
        result: Value = build.add(build.mul(density, 2.0), build.mul(x, change))
    else:
        density = build.normal_pdf(x)
        result = build.mul(density, build.sub(2.0, square))
    return result


def _gelu_samples() -> Iterable[Sample]:
    for approximate in (False, True):
        yield Sample((values((3, 5)),), {"approximate": approximate})
        yield Sample((values((4, 17), -6.0, 6.0, seed=1),), {"approximate": approximate})
        special = np.array([-30.0, -1e-9, 0.0, 1e-9, 30.0, np.nan])
        yield Sample((special,), {"approximate": approximate}, differentiable=())


gelu = Operator(
    name="gelu",
    infer=_type("gelu"),
    reference=_widened(_gelu_reference),
    samples=_gelu_samples,
    gradient=_gradient(_gelu_curvature),
    decompose=_gelu_decomposition,
    traits=COMPOSITE,
    doc="x times the normal distribution function of x, (1 + erf(x / sqrt(2))) / 2 or its form with tanh; its slope.",
)


# --- silu: x sigmoid(x)


def _silu_reference(x: Array) -> tuple[Array, Array]:
    power = np.exp(-np.abs(x))
    share = np.where(x >= 0, 1.0, power) / (1.0 + power)
    return x * share, share * (1.0 + x * (1.0 - share))


def _silu_decomposition(build: Build, inputs: Sequence[Value]) -> tuple[Value, ...]:
    (x,) = single(build, *inputs)
    share = build.sigmoid(x)
    y = build.mul(x, share)
    slope = build.mul(share, build.add(build.mul(x, build.sub(1.0, share)), 1.0))
    return rounded(build, y, inputs[0]), rounded(build, slope, inputs[0])


def _silu_curvature(build: Build, x: Value, slope: Value) -> Value:
    """s (1 - s) (2 + x (1 - 2 s))"""
    share = build.sigmoid(x)
    steep = build.mul(share, build.sub(1.0, share))
    result: Value = build.mul(steep, build.add(build.mul(x, build.sub(1.0, build.mul(share, 2.0))), 2.0))
    return result


def _silu_samples() -> Iterable[Sample]:
    yield Sample((values((3, 5)),))
    yield Sample((values((4, 17), -6.0, 6.0, seed=1),))
    yield Sample((np.array([-80.0, -1e-9, 0.0, 1e-9, 80.0, np.nan]),), differentiable=())


silu = Operator(
    name="silu",
    infer=_type("silu"),
    reference=_widened(_silu_reference),
    samples=_silu_samples,
    gradient=_gradient(_silu_curvature),
    decompose=_silu_decomposition,
    traits=COMPOSITE,
    doc="x sigmoid(x); its slope.",
)

__all__ = ["gelu", "silu"]
