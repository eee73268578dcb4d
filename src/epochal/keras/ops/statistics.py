"""NumPy's functions of many numbers: order, correlation, integrals, comparison."""

from __future__ import annotations

from typing import Any

import numpy as np

from epochal.errors import ArgumentError
from epochal.keras.ops.numpy import isclose
from epochal.tensor import Tensor, convert
from epochal.tensor import functions as F

METHODS = ("linear", "lower", "higher", "midpoint", "nearest")


def allclose(x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Tensor:
    """Whether all are close (`isclose`)."""
    return F.all(isclose(x1, x2, rtol, atol, equal_nan))


def isin(x1: Any, x2: Any, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """Whether each of x1 is among x2."""
    found = F.any(F.equal(F.expand_dims(x1, -1), F.ravel(x2)), axis=-1)
    return F.logical_not(found) if invert else found


def ptp(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Greatest minus least."""
    return F.subtract(F.max(x, axis=axis, keepdims=keepdims), F.min(x, axis=axis, keepdims=keepdims))


def quantile(x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Tensor:
    """Numbers below which the fractions q of the elements lie; a new first axis where q is a vector."""
    if method not in METHODS:
        raise ArgumentError(f"`method` must be one of {METHODS}. Received: method={method!r}")
    tensor = convert(x)
    tensor = tensor if tensor.dtype.is_floating else F.cast(tensor, "float32")
    rank = tensor.ndim
    axes = tuple(range(rank)) if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
    axes = tuple(sorted(one % rank for one in axes))
    others = [one for one in range(rank) if one not in axes]
    kept = tuple(tensor.dimensions[one] for one in others)
    rows = F.sort(F.reshape(F.transpose(tensor, (*others, *axes)), (*kept, -1)), axis=-1)
    size = rows.shape[-1]
    if size is None:
        raise ArgumentError(f"quantile needs known sizes along its axes. Received shape: {tensor.shape}")
    fractions = np.asarray(q, "float64")
    places = fractions.reshape(-1) * (size - 1)
    parts = [_between(rows, place, method) for place in places]
    if keepdims:
        shape = tuple(1 if one in axes else tensor.dimensions[one] for one in range(rank))
        parts = [F.reshape(part, shape) for part in parts]
    return parts[0] if fractions.ndim == 0 else F.stack(parts, axis=0)


def _between(rows: Tensor, place: float, method: str) -> Tensor:
    low, high = int(np.floor(place)), int(np.ceil(place))
    weight = {"linear": place - low, "lower": 0.0, "higher": 1.0, "midpoint": 0.5 if high > low else 0.0}
    share = float(np.round(place) - low) if method == "nearest" else weight[method]
    if share == 0.0:
        return rows[..., low]
    return F.add(F.multiply(rows[..., low], 1.0 - share), F.multiply(rows[..., high], share))


def percentile(x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Tensor:
    """`quantile` of q / 100."""
    return quantile(x, np.asarray(q, "float64") / 100.0, axis, method, keepdims)


def corrcoef(x: Any) -> Tensor:
    """Correlations of the rows with one another."""
    tensor = convert(x)
    tensor = F.expand_dims(tensor, 0) if tensor.ndim == 1 else tensor
    centred = F.subtract(tensor, F.mean(tensor, axis=-1, keepdims=True))
    product = F.matmul(centred, F.transpose(centred, (1, 0)))
    scale = F.sqrt(F.diag(product))
    result = F.divide(product, F.multiply(F.expand_dims(scale, 0), F.expand_dims(scale, 1)))
    result = F.clip(result, -1.0, 1.0)
    return result[0, 0] if result.shape == (1, 1) else result


def cross(x1: Any, x2: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Tensor:
    """Vector products of vectors of three numbers (of two: the third number of theirs)."""
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = F.moveaxis(x1, axisa, -1), F.moveaxis(x2, axisb, -1)
    sizes = (a.shape[-1], b.shape[-1])
    if any(size not in (2, 3) for size in sizes):
        raise ArgumentError(f"cross takes vectors of 2 or 3 numbers. Received: {sizes}")
    if sizes == (2, 2):
        return F.subtract(F.multiply(a[..., 0], b[..., 1]), F.multiply(a[..., 1], b[..., 0]))
    a, b = (v if v.shape[-1] == 3 else F.concatenate([v, F.zeros_like(v[..., :1])], axis=-1) for v in (a, b))
    parts = [
        F.subtract(F.multiply(a[..., i], b[..., j]), F.multiply(a[..., j], b[..., i]))
        for i, j in ((1, 2), (2, 0), (0, 1))
    ]
    return F.stack(parts, axis=axisc)


def trapezoid(y: Any, x: Any = None, dx: float = 1.0, axis: int = -1) -> Tensor:
    """Integral by the trapezoidal rule."""
    heights = F.moveaxis(y, axis, -1)
    means = F.multiply(F.add(heights[..., 1:], heights[..., :-1]), 0.5)
    if x is None:
        return F.sum(F.multiply(means, dx), axis=-1)
    points = convert(x)
    points = points if points.ndim == 1 else F.moveaxis(points, axis, -1)
    return F.sum(F.multiply(means, F.subtract(points[..., 1:], points[..., :-1])), axis=-1)


def digitize(x: Any, bins: Any) -> Tensor:
    """Between which of the increasing `bins` each number lies: i with ``bins[i-1] <= x < bins[i]``."""
    tensor = convert(x)
    edges = F.ravel(bins)
    return F.sum(F.cast(F.greater_equal(F.expand_dims(tensor, -1), edges), "int32"), axis=-1)


def cdist(x: Any, y: Any) -> Tensor:
    """Euclidean distances of the rows of x from those of y."""
    return F.sqrt(F.sum(F.square(F.subtract(F.expand_dims(x, -2), F.expand_dims(y, -3))), axis=-1))


def psnr(x1: Any, x2: Any, max_val: float) -> Tensor:
    """Peak signal over noise of two images, in decibels."""
    error = F.mean(F.square(F.subtract(x1, x2)))
    return F.subtract(20.0 * float(np.log10(max_val)), F.multiply(F.log10(error), 10.0))


def dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    bias: Any = None,
    mask: Any = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: Any = None,
    attn_logits_soft_cap: float | None = None,
) -> Tensor:
    """Attention of ``[batch, time, heads, features]``; mask and bias ``[batch, heads, queries, keys]``."""
    if attn_logits_soft_cap is not None:
        raise ArgumentError("`attn_logits_soft_cap` of dot_product_attention is not supported.")
    return F.dot_product_attention(query, key, value, bias=bias, mask=mask, scale=scale, is_causal=is_causal)
