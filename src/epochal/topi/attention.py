"""Scaled dot-product attention (Vaswani et al., "Attention Is All You Need", 2017) and its gradient.

Operands are query [batch, T, heads, depth], key [batch, S, heads, depth], value [batch, S, heads, width] and, if there
is one, a bool mask that broadcasts to [batch, heads, T, S]: what is False is not attended to. A query that may attend
to nothing attends to everything alike, as in Keras.

The scores' largest element and the sum of their shifted exponentials are kept for the gradient, which needs no more
than these, the operands and the result to have the probabilities again (as in Dao et al., "FlashAttention", 2022).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from epochal import dtypes
from epochal.errors import ArgumentError, DTypeError, ShapeError
from epochal.ir import Array, Build, Dimension, Operator, Parameters, Sample, Symbol, TensorType, Value
from epochal.topi._primitives import reference_by_decomposition
from epochal.topi._results import gradient_of_decomposition
from epochal.topi._rules import FLOAT, check_dtype, check_rank, check_same_dtype, full, merge, values
from epochal.topi.composite import COMPOSITE, rounded, single

TRAITS = COMPOSITE | {"heavy"}


# The score of what is not attended to: far below any other, and finite.
_HIDDEN = -1e30


# --- types


def _shapes(name: str, query: TensorType, key: TensorType, value: TensorType) -> tuple[Dimension, ...]:
    """batch, heads, T, S"""
    check_dtype(name, query, FLOAT)
    check_same_dtype(name, query, key, value)
    for what, type_ in (("query", query), ("key", key), ("value", value)):
        check_rank(name, f"the {what}, [batch, time, heads, depth],", type_, 4)
    both = f"of the query {query}, the key {key} and the value {value}"
    batch = merge(name, f"the batches {both}", query.shape[0], merge(name, "batches", key.shape[0], value.shape[0]))
    heads = merge(name, f"the heads {both}", query.shape[2], merge(name, "heads", key.shape[2], value.shape[2]))
    merge(name, f"the depths of {query} and {key}", query.shape[3], key.shape[3])
    return batch, heads, query.shape[1], merge(name, f"the lengths of {key} and {value}", key.shape[1], value.shape[1])


def _check_mask(name: str, mask: TensorType, scores: Sequence[Dimension]) -> None:
    if not mask.dtype.is_bool:
        raise DTypeError(f"{name}: the mask must be bool, True where attended to. Received: {mask}.")
    check_rank(name, "the mask, [batch, heads, query time, key time],", mask, 4)
    for size, room in zip(mask.shape, scores, strict=True):
        if size != 1 and size != room and not isinstance(size, Symbol) and not isinstance(room, Symbol):
            raise ShapeError(f"{name}: the mask must broadcast to {tuple(scores)}. Received: {mask}.")


def _check_scale(name: str, scale: Any) -> None:
    if scale is not None and not isinstance(scale, (int, float)):
        raise ArgumentError(f"{name}: scale must be a number. Received: {scale!r}")


def _type(
    query: TensorType,
    key: TensorType,
    value: TensorType,
    *masks: TensorType,
    scale: float | None = None,
    causal: bool = False,
) -> tuple[TensorType, TensorType, TensorType]:
    name = "attention"
    batch, heads, length, other = _shapes(name, query, key, value)
    _check_scale(name, scale)
    if len(masks) > 1:
        raise ArgumentError(f"{name} takes a query, a key, a value and one mask. Received: {3 + len(masks)} operands.")
    for mask in masks:
        _check_mask(name, mask, (batch, heads, length, other))
    wide = query.dtype if query.dtype is dtypes.float64 else dtypes.float32
    statistic = TensorType(wide, (batch, heads, length))
    return query.with_shape((batch, length, heads, value.shape[3])), statistic, statistic


def _resolve(types: Sequence[TensorType], parameters: Parameters) -> Parameters:
    scale = parameters.get("scale")
    depth = types[0].shape[-1]
    assert isinstance(depth, int)
    return {
        "scale": 1.0 / math.sqrt(max(depth, 1)) if scale is None else float(scale),
        "causal": bool(parameters.get("causal", False)),
    }


# --- the formula


def _reference(
    query: Array, key: Array, value: Array, *masks: Array, scale: float, causal: bool = False
) -> tuple[Array, ...]:
    kind: type[np.floating[Any]] = np.float64 if query.dtype == np.float64 else np.float32
    q, k, v = (np.asarray(array, kind) for array in (query, key, value))
    scores = np.einsum("btnh,bsnh->bnts", q, k) * kind(scale)
    seen = np.ones(scores.shape[-2:], np.bool_)
    if causal:
        seen = np.tril(seen)
    for mask in masks:
        seen = seen & mask
    if causal or masks:
        scores = np.where(seen, scores, kind(_HIDDEN))
    peak = scores.max(-1, keepdims=True)
    powers = np.exp(scores - peak)
    total = powers.sum(-1, keepdims=True)
    y = np.einsum("bnts,bsnh->btnh", powers / total, v)
    return y.astype(query.dtype), peak[..., 0], total[..., 0]


def _seen(build: Build, scores: Value, masks: Sequence[Value], causal: bool) -> Value | None:
    """What is attended to; ``None``: everything."""
    found: Value | None = None
    if causal:
        places = [build.iota(shape=scores.shape, axis=axis, dtype="int32") for axis in (3, 2)]
        found = build.less_equal(*places)
    for mask in masks:
        whole = mask if mask.shape == scores.shape else build.broadcast(mask, shape=scores.shape)
        found = whole if found is None else build.logical_and(found, whole)
    return found


def _scores(
    build: Build, query: Value, key: Value, masks: Sequence[Value], scale: float, causal: bool
) -> tuple[Value, Value | None]:
    """Scores [batch, heads, T, S], and what is attended to."""
    scaled = build.mul(query, scale)
    scores = build.dot_general(scaled, key, contract=((3,), (3,)), batch=((0, 2), (0, 2)))
    seen = _seen(build, scores, masks, causal)
    if seen is not None:
        scores = build.select(seen, scores, full(build, _HIDDEN, scores))
    return scores, seen


def _column(build: Build, statistic: Value) -> Value:
    """[batch, heads, T] as [batch, heads, T, 1]"""
    result: Value = build.reshape(statistic, shape=(*statistic.shape, 1))
    return result


def _swapped(build: Build, x: Value) -> Value:
    """Time and heads exchanged."""
    result: Value = build.transpose(x, permutation=(0, 2, 1, 3))
    return result


def _decomposition(build: Build, inputs: Sequence[Value], *, scale: float, causal: bool = False) -> tuple[Value, ...]:
    query, key, value = single(build, *inputs[:3])
    scores, _ = _scores(build, query, key, inputs[3:], scale, causal)
    peak = build.max(scores, axes=(3,))
    powers = build.exp(build.sub(scores, _column(build, peak)))
    total = build.sum(powers, axes=(3,))
    weights = build.div(powers, _column(build, total))
    y = build.dot_general(weights, value, contract=((3,), (1,)), batch=((0, 1), (0, 2)))
    return rounded(build, _swapped(build, y), inputs[0]), peak, total


def _gradient(
    build: Build,
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    cotangents: Sequence[Value | None],
    *,
    scale: float,
    causal: bool,
) -> Sequence[Value | None]:
    """By the paired composite; only a gradient of that one differentiates the statistics as well."""
    if cotangents[1] is not None or cotangents[2] is not None:
        return gradient_of_decomposition(_decomposition, build, inputs, cotangents, scale=scale, causal=causal)
    found = build.attention_gradient(*inputs, *outputs, cotangents[0], scale=scale, causal=causal)
    return [*found, *(None for _ in inputs[3:])]


def _samples() -> Iterable[Sample]:
    query, key, value = values((2, 3, 2, 2)), values((2, 4, 2, 2), seed=1), values((2, 4, 2, 3), seed=2)
    yield Sample((query, key, value))
    yield Sample((query, key, value), {"causal": True, "scale": 0.3})
    mask = np.array([[True, True, False, True], [False, False, True, False]]).reshape(2, 1, 1, 4)
    yield Sample((query, key, value, mask))
    whole = np.array([[True, False, False], [False, True, False], [True, True, True]]).reshape(1, 1, 3, 3)
    yield Sample((query, key[:, :3], value[:, :3], whole), {"causal": True})
    nothing = whole & np.array([True, False, True]).reshape(3, 1)
    yield Sample((query, key[:, :3], value[:, :3], nothing), differentiable=())


attention = Operator(
    name="attention",
    infer=_type,
    reference=_reference,
    samples=_samples,
    gradient=_gradient,
    resolve=_resolve,
    decompose=_decomposition,
    traits=TRAITS,
    doc="softmax(scale * query key^T) value by head, with mask and causality; also largest score and sum of powers.",
)


# --- attention_gradient(query, key, value[, mask], y, peak, total, g)


def _split(operands: Sequence[Any]) -> tuple[Any, Any, Any]:
    """Query, key and value; the mask if there is one; result, statistics and cotangent."""
    return operands[:3], operands[3:-4], operands[-4:]


def _gradient_type(*operands: TensorType, scale: float | None = None, causal: bool = False) -> tuple[TensorType, ...]:
    if len(operands) not in (7, 8):
        raise ArgumentError(f"attention_gradient takes 7 or 8 operands. Received: {len(operands)}.")
    (query, key, value), masks, kept = _split(operands)
    expected = _type(query, key, value, *masks, scale=scale, causal=causal)
    for received, wanted in zip(kept, (*expected, expected[0]), strict=True):
        check_rank("attention_gradient", f"an operand like {wanted}", received, wanted.rank)
        if received.rank == 4:
            check_same_dtype("attention_gradient", query, received)
        else:
            check_dtype("attention_gradient", received, FLOAT)  # statistics are kept in single precision or better
        for one, other in zip(received.shape, wanted.shape, strict=True):
            merge("attention_gradient", f"sizes of {received} and {wanted}", one, other)
    return query, key, value


def _gradient_decomposition(
    build: Build, inputs: Sequence[Value], *, scale: float, causal: bool = False
) -> tuple[Value, ...]:
    """With p the probabilities: dv = p^T g, ds = p (g v^T - sum(g y)), dq = scale ds k, dk = scale ds^T q."""
    operands, masks, kept = _split(inputs)
    query, key, value = single(build, *operands)
    y, peak, total, g = single(build, *kept)
    scores, seen = _scores(build, query, key, masks, scale, causal)
    weights = build.div(build.exp(build.sub(scores, _column(build, peak))), _column(build, total))
    of_value = build.dot_general(weights, g, contract=((2,), (1,)), batch=((0, 1), (0, 2)))
    of_weights = build.dot_general(g, value, contract=((3,), (3,)), batch=((0, 2), (0, 2)))
    along = build.transpose(build.sum(build.mul(g, y), axes=(3,)), permutation=(0, 2, 1))
    of_scores = build.mul(weights, build.sub(of_weights, _column(build, along)))
    if seen is not None:
        of_scores = build.select(seen, of_scores, full(build, 0.0, of_scores))
    of_scores = build.mul(of_scores, scale)
    of_query = build.dot_general(of_scores, key, contract=((3,), (1,)), batch=((0, 1), (0, 2)))
    of_key = build.dot_general(of_scores, query, contract=((2,), (1,)), batch=((0, 1), (0, 2)))
    return tuple(rounded(build, _swapped(build, result), inputs[0]) for result in (of_query, of_key, of_value))


def _gradient_of_gradient(
    build: Build,
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    cotangents: Sequence[Value | None],
    *,
    scale: float,
    causal: bool,
) -> Sequence[Value | None]:
    return gradient_of_decomposition(_gradient_decomposition, build, inputs, cotangents, scale=scale, causal=causal)


def _gradient_samples() -> Iterable[Sample]:
    for sample in _samples():
        query, key, value, *masks = sample.arguments
        if sample.differentiable is not None:
            continue
        y = values((2, 3, 2, 3), seed=3)
        peak, total = values((2, 2, 3), 4.0, 5.0), values((2, 2, 3), 1.0, 3.0, seed=1)
        arguments = (query, key, value, *masks, y, peak, total, values(y.shape, seed=1))
        yield Sample(arguments, sample.parameters)


attention_gradient = Operator(
    name="attention_gradient",
    infer=_gradient_type,
    reference=reference_by_decomposition(_gradient_decomposition),
    samples=_gradient_samples,
    gradient=_gradient_of_gradient,
    resolve=_resolve,
    decompose=_gradient_decomposition,
    traits=TRAITS,
    doc="Gradients of attention by query, key and value, from the operands, the results and the result's cotangent.",
)
