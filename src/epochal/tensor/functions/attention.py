"""Attention."""

from __future__ import annotations

import math
from typing import Any

from epochal import dtypes
from epochal.errors import ShapeError
from epochal.tensor.convert import cast, convert
from epochal.tensor.dispatch import apply
from epochal.tensor.functions.activation import softmax
from epochal.tensor.functions.contraction import einsum
from epochal.tensor.functions.elementwise import add, as_float, logical_and, multiply, operands, where
from epochal.tensor.functions.movement import expand_dims, repeat
from epochal.tensor.tensor import Tensor

# What is not attended to is scored so low that nothing is left of it.
_HIDDEN = -1e30


def dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    bias: Any = None,
    mask: Any = None,
    scale: float | None = None,
    is_causal: bool = False,
) -> Tensor:
    """softmax(scale * query key^T + bias) value, for each head.

    Args:
        query: [batch, T, heads, depth].
        key: [batch, S, key heads, depth]; the heads are a multiple of the key heads, which then serve several each.
        value: [batch, S, key heads, width].
        bias: Added to the scores; broadcasts to [batch, heads, T, S].
        mask: True where attended to; broadcasts to [batch, heads, T, S] (three axes: [batch, T, S]).
        scale: ``None``: 1 / sqrt(depth).
        is_causal: Whether a query sees only keys at its own place and before.

    Returns:
        [batch, T, heads, width].
    """
    q, k, v = operands(as_float(query), as_float(key), as_float(value))
    if q.ndim != 4 or k.ndim != 4 or v.ndim != 4:
        raise ShapeError(
            "dot_product_attention takes [batch, time, heads, depth]. "
            f"Received shapes: {q.shape}, {k.shape} and {v.shape}"
        )
    heads, served = q.shape[2], k.shape[2]
    if heads is not None and served is not None and heads != served:
        if heads % served:
            raise ShapeError(f"{heads} query heads are no multiple of {served} key heads.")
        k, v = repeat(k, heads // served, 2), repeat(v, heads // served, 2)
    seen = None if mask is None else cast(convert(mask), dtypes.bool_)
    while seen is not None and seen.ndim < 4:
        seen = expand_dims(seen, 1 if seen.ndim == 3 else 0)
    if bias is not None:
        return _biased(q, k, v, bias, seen, scale, is_causal)
    given = () if seen is None else (seen,)
    result: Tensor = apply("attention", q, k, v, *given, scale=scale, causal=bool(is_causal))[0]
    return result


def _biased(
    q: Tensor, k: Tensor, v: Tensor, bias: Any, mask: Tensor | None, scale: float | None, causal: bool
) -> Tensor:
    """Written out: the composite has no bias."""
    depth = q.shape[3]
    assert scale is not None or depth is not None, "attention needs a known depth"
    factor = 1.0 / math.sqrt(depth or 1) if scale is None else scale
    scores = add(multiply(einsum("btnh,bsnh->bnts", q, k), factor), convert(bias, q.dtype))
    if causal:
        places = [apply("iota", shape=scores.dimensions, axis=axis, dtype=dtypes.int32) for axis in (3, 2)]
        before: Tensor = apply("less_equal", *places)
        mask = before if mask is None else logical_and(mask, before)
    if mask is not None:
        scores = where(mask, scores, _HIDDEN)
    return einsum("bnts,bsnh->btnh", softmax(scores, -1), v)
