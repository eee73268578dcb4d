"""NumPy's functions that are compositions of others."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from epochal.errors import ArgumentError, NotSupportedError
from epochal.tensor import Tensor, convert
from epochal.tensor import functions as F


def array(x: Any, dtype: Any = None) -> Tensor:
    """`x` as a tensor."""
    return convert(x, dtype)


def copy(x: Any) -> Tensor:
    """`x`; tensors do not change."""
    return convert(x)


def ndim(x: Any) -> int:
    """Number of axes."""
    return convert(x).ndim


def size(x: Any) -> Any:
    """Number of elements."""
    return convert(x).size


def identity(n: int, dtype: Any = None) -> Tensor:
    """The identity matrix."""
    return F.eye(n, dtype=dtype)


def hstack(xs: Any) -> Tensor:
    """Joined along axis 1 (axis 0 of vectors)."""
    tensors = [convert(x) for x in xs]
    return F.concatenate(tensors, axis=0 if tensors[0].ndim < 2 else 1)


def vstack(xs: Any) -> Tensor:
    """Joined along axis 0, vectors as rows."""
    tensors = [F.expand_dims(x, 0) if convert(x).ndim < 2 else convert(x) for x in xs]
    return F.concatenate(tensors, axis=0)


def append(x1: Any, x2: Any, axis: int | None = None) -> Tensor:
    """`x2` after `x1`."""
    if axis is None:
        return F.concatenate([F.ravel(x1), F.ravel(x2)], axis=0)
    return F.concatenate([x1, x2], axis=axis)


def average(x: Any, axis: Any = None, weights: Any = None) -> Tensor:
    """Mean, weighted if there are weights."""
    if weights is None:
        return F.mean(x, axis=axis)
    return F.divide(F.sum(F.multiply(x, weights), axis=axis), F.sum(weights, axis=axis))


def diff(a: Any, n: int = 1, axis: int = -1) -> Tensor:
    """Differences of neighbours along `axis`, `n` times."""
    x = convert(a)
    for _ in range(n):
        index: list[Any] = [slice(None)] * x.ndim
        later, earlier = list(index), list(index)
        later[axis], earlier[axis] = slice(1, None), slice(None, -1)
        x = F.subtract(x[tuple(later)], x[tuple(earlier)])
    return x


def cumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Tensor:
    """Products so far along `axis`."""
    return F.cumprod(x, axis, dtype)


def isclose(x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Tensor:
    """Whether ``abs(x1 - x2) <= atol + rtol * abs(x2)``."""
    x1, x2 = convert(x1), convert(x2)
    near = F.less_equal(F.absolute(F.subtract(x1, x2)), F.add(F.multiply(F.absolute(x2), rtol), atol))
    near = F.logical_or(F.equal(x1, x2), F.logical_and(near, F.isfinite(x2)))
    return F.logical_or(near, F.logical_and(F.isnan(x1), F.isnan(x2))) if equal_nan else near


def nan_to_num(x: Any, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Tensor:
    """x with NaN and infinities replaced (infinities by the largest numbers, by default)."""
    x = convert(x)
    if not x.dtype.is_floating:
        return x
    largest = float(np.finfo(x.dtype.numpy).max)
    high = largest if posinf is None else posinf
    low = -largest if neginf is None else neginf
    infinite = F.where(F.greater(x, 0.0), F.full_like(x, high), F.full_like(x, low))
    return F.where(F.isnan(x), F.full_like(x, nan), F.where(F.isinf(x), infinite, x))


def select(condlist: Any, choicelist: Any, default: Any = 0) -> Tensor:
    """For each element the choice of the first condition that holds."""
    if len(condlist) != len(choicelist):
        raise ArgumentError(f"Expected as many conditions as choices. Received: {len(condlist)} and {len(choicelist)}")
    result = convert(default)
    for condition, choice in reversed(list(zip(condlist, choicelist, strict=True))):
        result = F.where(condition, choice, result)
    return result


def scatter_update(inputs: Any, indices: Any, updates: Any, reduction: str | None = None) -> Tensor:
    """`inputs` with the places that the last axis of `indices` names replaced."""
    if reduction is not None:
        raise NotSupportedError("`reduction` of scatter_update is not supported.")
    return F.scatter_nd_update(inputs, indices, updates)


def max(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Tensor:
    """Greatest element, and at least `initial`."""
    result = F.max(x, axis=axis, keepdims=keepdims)
    return result if initial is None else F.maximum(result, initial)


def min(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Tensor:
    """Least element, and at most `initial`."""
    result = F.min(x, axis=axis, keepdims=keepdims)
    return result if initial is None else F.minimum(result, initial)


def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """Diagonals of the planes of two axes, along a new last axis."""
    return F.diagonal(F.moveaxis(x, (axis1, axis2), (-2, -1)), offset)


def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """Sums of the diagonals."""
    return F.sum(diagonal(x, offset, axis1, axis2), axis=-1)


def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """Equally spaced numbers, and their distance if `retstep`."""
    numbers = F.linspace(start, stop, num, endpoint, dtype)
    numbers = numbers if axis == 0 else F.moveaxis(numbers, 0, axis)
    if not retstep:
        return numbers
    steps = num - 1 if endpoint else num
    return numbers, F.divide(F.subtract(stop, start), float(steps) if steps else float("nan"))


def __getattr__(name: str) -> Any:
    """The other functions of `keras.ops`, which Keras lists here as well."""
    if not name.startswith("__"):
        everything = importlib.import_module("epochal.keras.ops")
        if name in everything.__all__:
            return getattr(everything, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
