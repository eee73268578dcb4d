"""Attention."""

from __future__ import annotations

from typing import Any

from epochal import dtypes
from epochal.errors import ShapeError
from epochal.tensor.convert import cast, convert
from epochal.tensor.dispatch import apply
from epochal.tensor.functions.elementwise import as_float, operands
from epochal.tensor.functions.movement import expand_dims
from epochal.tensor.tensor import Tensor


def dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    bias: Any = None,
    mask: Any = None,
    scale: float | None = None,
    is_causal: bool = False,
    kept: Any = None,
    rate: float = 0.0,
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
        kept: What dropout keeps of the weights, of a mask's shape; the others are zero.
        rate: Fraction that is dropped: what is kept is scaled by 1 / (1 - rate).

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
    if heads is not None and served is not None and heads % served:
        raise ShapeError(f"{heads} query heads are no multiple of {served} key heads.")
    extras = []
    if bias is not None:
        extras.append(_of_scores(convert(bias, q.dtype), 0))
    if mask is not None:
        extras.append(_of_scores(cast(convert(mask), dtypes.bool_), 1))
    given: dict[str, Any] = {"scale": scale, "causal": bool(is_causal)}
    if kept is not None:
        extras.append(_of_scores(cast(convert(kept), dtypes.bool_), 1))
        given["rate"] = rate
    result: Tensor = apply("attention", q, k, v, *extras, **given)[0]
    return result


def _of_scores(extra: Tensor, place: int) -> Tensor:
    """With as many axes as scores have; what has three lacks axis `place`."""
    while extra.ndim < 4:
        extra = expand_dims(extra, place if extra.ndim == 3 else 0)
    return extra
