"""Special functions, and the bits of numbers."""

from __future__ import annotations

from typing import Any

from epochal import dtypes
from epochal.tensor.convert import convert
from epochal.tensor.dispatch import apply
from epochal.tensor.functions.elementwise import as_float
from epochal.tensor.tensor import Tensor


def lgamma(x: Any) -> Tensor:
    """The logarithm of the absolute value of the gamma function."""
    result: Tensor = apply("lgamma", as_float(x))
    return result


def digamma(x: Any) -> Tensor:
    """The derivative of `lgamma`."""
    result: Tensor = apply("digamma", as_float(x))
    return result


def polygamma(n: int, x: Any) -> Tensor:
    """The derivative of order n of `digamma`."""
    if n == 0:
        return digamma(x)
    result: Tensor = apply("polygamma", as_float(x), order=n)
    return result


def bitcast(x: Any, dtype: Any) -> Tensor:
    """The bits of x as another type; a narrower one adds a last axis, a wider one takes the last axis away."""
    result: Tensor = apply("bitcast", convert(x), dtype=dtypes.get(dtype))
    return result
