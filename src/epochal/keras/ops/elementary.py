"""NumPy's functions of single numbers that are compositions of others."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from epochal.tensor import Tensor, convert
from epochal.tensor import functions as F


def _float(x: Any) -> Tensor:
    tensor = convert(x)
    return tensor if tensor.dtype.is_floating else F.cast(tensor, "float32")


def cbrt(x: Any) -> Tensor:
    """Cube roots."""
    tensor = _float(x)
    return F.multiply(F.sign(tensor), F.power(F.absolute(tensor), 1.0 / 3.0))


def exp2(x: Any) -> Tensor:
    """``2 ** x``."""
    return F.power(2.0, _float(x))


def fabs(x: Any) -> Tensor:
    """Absolute values, as floating point."""
    return F.absolute(_float(x))


def deg2rad(x: Any) -> Tensor:
    """Degrees to radians."""
    return F.multiply(_float(x), math.pi / 180.0)


def rad2deg(x: Any) -> Tensor:
    """Radians to degrees."""
    return F.multiply(_float(x), 180.0 / math.pi)


def sinc(x: Any) -> Tensor:
    """``sin(pi x) / (pi x)``, 1 at 0."""
    angle = F.multiply(_float(x), math.pi)
    zero = F.equal(angle, 0.0)
    return F.where(zero, F.ones_like(angle), F.divide(F.sin(angle), F.where(zero, F.ones_like(angle), angle)))


def hypot(x1: Any, x2: Any) -> Tensor:
    """``sqrt(x1^2 + x2^2)``, without overflow between."""
    a, b = F.absolute(_float(x1)), F.absolute(_float(x2))
    high, low = F.maximum(a, b), F.minimum(a, b)
    ratio = F.divide(low, F.where(F.equal(high, 0.0), F.ones_like(high), high))
    return F.multiply(high, F.sqrt(F.add(F.square(ratio), 1.0)))


def heaviside(x1: Any, x2: Any) -> Tensor:
    """0 where x1 is negative, 1 where it is positive, x2 where it is 0."""
    x = _float(x1)
    step = F.cast(F.greater(x, 0.0), x.dtype)
    return F.where(F.isnan(x), x, F.where(F.equal(x, 0.0), x2, step))


def signbit(x: Any) -> Tensor:
    """Whether the sign is negative, that of a zero too."""
    tensor = convert(x)
    if not tensor.dtype.is_floating:
        return F.less(tensor, 0)
    zero = F.equal(tensor, 0.0)
    over = F.reciprocal(F.where(zero, tensor, F.ones_like(tensor)))
    return F.logical_or(F.less(tensor, 0.0), F.logical_and(zero, F.less(over, 0.0)))


def isposinf(x: Any) -> Tensor:
    """Whether it is infinity."""
    return F.equal(_float(x), math.inf)


def isneginf(x: Any) -> Tensor:
    """Whether it is minus infinity."""
    return F.equal(_float(x), -math.inf)


def isreal(x: Any) -> Tensor:
    """True: there are no complex tensors."""
    return F.ones_like(convert(x), dtype="bool")


def fmax(x1: Any, x2: Any) -> Tensor:
    """The greater one, or the one that is a number."""
    a, b = convert(x1), convert(x2)
    return F.where(F.isnan(a), b, F.where(F.isnan(b), a, F.maximum(a, b)))


def fmin(x1: Any, x2: Any) -> Tensor:
    """The lesser one, or the one that is a number."""
    a, b = convert(x1), convert(x2)
    return F.where(F.isnan(a), b, F.where(F.isnan(b), a, F.minimum(a, b)))


def fmod(x1: Any, x2: Any) -> Tensor:
    """Remainder with the sign of x1."""
    a, b = convert(x1), convert(x2)
    rest = F.mod(F.absolute(a), F.absolute(b))
    return F.where(F.less(a, 0), F.negative(rest), rest)


def ldexp(x1: Any, x2: Any) -> Tensor:
    """``x1 * 2 ** x2``."""
    return F.multiply(_float(x1), exp2(x2))


def logaddexp2(x1: Any, x2: Any) -> Tensor:
    """``log2(2 ** x1 + 2 ** x2)``."""
    a, b = _float(x1), _float(x2)
    return F.divide(F.logaddexp(F.multiply(a, math.log(2)), F.multiply(b, math.log(2))), math.log(2))


def real(x: Any) -> Tensor:
    """`x`: there are no complex tensors."""
    return convert(x)


def conjugate(x: Any) -> Tensor:
    """`x`: there are no complex tensors."""
    return convert(x)


conj = conjugate


def saturate_cast(x: Any, dtype: Any) -> Tensor:
    """Another element type, with what does not fit set to its limits."""
    tensor = convert(x)
    kind = np.dtype(str(dtype)) if str(dtype) != "bfloat16" else None
    if kind is None or kind.kind not in "iu":
        return F.cast(tensor, dtype)
    limits = np.iinfo(kind)
    low, high = float(limits.min), float(limits.max)
    cut = F.cast(F.clip(tensor, low, high), dtype)
    if not tensor.dtype.is_floating:
        return cut
    # The limits themselves may not be floating point numbers.
    return F.where(
        F.greater_equal(tensor, high), int(limits.max), F.where(F.less_equal(tensor, low), int(limits.min), cut)
    )
