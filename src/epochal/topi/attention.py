"""Scaled dot-product attention (Vaswani et al., "Attention Is All You Need", 2017) and its gradient.

Operands are query [batch, T, heads, depth], key [batch, S, key heads, depth] and value [batch, S, key heads, width].
Heads are a multiple of the key heads, each of which serves as many heads in a row (Ainslie et al., "GQA", 2023). After
them may come, in this order:

- a bias of the query's element type, added to the scores;
- a mask, bool: what is False is not attended to. A query that may attend to nothing attends to everything alike, as in
  Keras;
- if `rate` is a number, a bool that says which weights dropout keeps.

Each of these broadcasts to [batch, heads, T, S].

The scores' largest element and the sum of their shifted exponentials are kept for the gradient, which needs no more
than these, the operands and the result to have the probabilities again (as in Dao et al., "FlashAttention", 2022).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from epochal import dtypes
from epochal.errors import ArgumentError, DTypeError, ShapeError
from epochal.ir import Array, Build, Dimension, Operator, Parameters, Sample, Symbol, TensorType, Value
from epochal.topi._primitives import reference_by_decomposition
from epochal.topi._results import gradient_of_decomposition
from epochal.topi._rules import FLOAT, check_dtype, check_rank, check_same_dtype, full, merge, values
from epochal.topi.composite import COMPOSITE, rounded, single

TRAITS = COMPOSITE | {"heavy"}

HIDDEN = -1e30
"""The score of what is not attended to: far below any other, and finite."""


class Extras(NamedTuple):
    """The operands after query, key and value, or ``None``."""

    bias: Any
    mask: Any
    kept: Any


def extras_of(operands: Sequence[Any], rate: float | None) -> Extras:
    """Which is which among the operands after the value: types, arrays or values of a graph."""
    rest = list(operands)
    kept = rest.pop() if rate is not None and rest else None
    bias = rest.pop(0) if rest and rest[0].dtype not in (dtypes.bool_, np.bool_) else None
    mask = rest.pop(0) if rest else None
    if rest or (rate is not None and kept is None):
        raise ArgumentError(
            "attention takes a query, a key, a value, and of a bias, a mask and (with a rate) what dropout keeps at "
            f"most one each. Received: {3 + len(operands)} operands, rate={rate}."
        )
    return Extras(bias, mask, kept)


# --- types


class _Sizes(NamedTuple):
    batch: Dimension
    heads: Dimension
    queries: Dimension
    keys: Dimension


def _sizes(name: str, query: TensorType, key: TensorType, value: TensorType) -> _Sizes:
    check_dtype(name, query, FLOAT)
    check_same_dtype(name, query, key, value)
    for what, type_ in (("query", query), ("key", key), ("value", value)):
        check_rank(name, f"the {what}, [batch, time, heads, depth],", type_, 4)
    both = f"of the query {query}, the key {key} and the value {value}"
    batch = merge(name, f"the batches {both}", query.shape[0], merge(name, "batches", key.shape[0], value.shape[0]))
    served = merge(name, f"the heads {both}", key.shape[2], value.shape[2])
    heads = query.shape[2]
    if isinstance(heads, Symbol) or isinstance(served, Symbol):
        heads = merge(name, f"the heads {both}", heads, served)
    elif served == 0 or heads % served:
        raise ShapeError(f"{name}: the query's heads must be a multiple of the key's {both}.")
    merge(name, f"the depths of {query} and {key}", query.shape[3], key.shape[3])
    keys = merge(name, f"the lengths of {key} and {value}", key.shape[1], value.shape[1])
    return _Sizes(batch, heads, query.shape[1], keys)


def _check_extra(name: str, what: str, extra: TensorType, scores: Sequence[Dimension]) -> None:
    check_rank(name, f"the {what}, [batch, heads, query time, key time],", extra, 4)
    for size, room in zip(extra.shape, scores, strict=True):
        if size != 1 and size != room and not isinstance(size, Symbol) and not isinstance(room, Symbol):
            raise ShapeError(f"{name}: the {what} must broadcast to {tuple(scores)}. Received: {extra}.")


def _check_parameters(name: str, scale: Any, rate: Any) -> None:
    if scale is not None and not isinstance(scale, (int, float)):
        raise ArgumentError(f"{name}: scale must be a number. Received: {scale!r}")
    if rate is not None and (not isinstance(rate, (int, float)) or not 0 <= rate < 1):
        raise ArgumentError(f"{name}: rate must lie in [0, 1). Received: {rate!r}")


def _type(
    query: TensorType,
    key: TensorType,
    value: TensorType,
    *operands: TensorType,
    scale: float | None = None,
    causal: bool = False,
    rate: float | None = None,
) -> tuple[TensorType, TensorType, TensorType]:
    name = "attention"
    sizes = _sizes(name, query, key, value)
    _check_parameters(name, scale, rate)
    extras = extras_of(operands, rate)
    if extras.bias is not None:
        check_same_dtype(name, query, extras.bias)
        _check_extra(name, "bias", extras.bias, sizes)
    for what, extra in (("mask", extras.mask), ("dropout's mask", extras.kept)):
        if extra is None:
            continue
        if not extra.dtype.is_bool:
            raise DTypeError(f"{name}: the {what} must be bool, True where attended to. Received: {extra}.")
        _check_extra(name, what, extra, sizes)
    wide = query.dtype if query.dtype is dtypes.float64 else dtypes.float32
    statistic = TensorType(wide, sizes[:3])
    return query.with_shape((sizes.batch, sizes.queries, sizes.heads, value.shape[3])), statistic, statistic


def _resolve(types: Sequence[TensorType], parameters: Parameters) -> Parameters:
    scale, rate = parameters.get("scale"), parameters.get("rate")
    depth = types[0].shape[-1]
    assert isinstance(depth, int)
    return {
        "scale": 1.0 / math.sqrt(max(depth, 1)) if scale is None else float(scale),
        "causal": bool(parameters.get("causal", False)),
        "rate": None if rate is None else float(rate),
    }


# --- the formula


def _reference(
    query: Array,
    key: Array,
    value: Array,
    *operands: Array,
    scale: float,
    causal: bool = False,
    rate: float | None = None,
) -> tuple[Array, ...]:
    kind: type[np.floating[Any]] = np.float64 if query.dtype == np.float64 else np.float32
    extras = extras_of(operands, rate)
    q, k, v = (np.asarray(array, kind) for array in (query, key, value))
    k, v = (np.repeat(array, q.shape[2] // array.shape[2], axis=2) for array in (k, v))
    scores = np.einsum("btnh,bsnh->bnts", q, k) * kind(scale)
    if extras.bias is not None:
        scores = scores + np.asarray(extras.bias, kind)
    seen = np.ones(scores.shape[-2:], np.bool_)
    if causal:
        seen = np.tril(seen)
    if extras.mask is not None:
        seen = seen & extras.mask
    if causal or extras.mask is not None:
        scores = np.where(seen, scores, kind(HIDDEN))
    peak = scores.max(-1, keepdims=True)
    powers = np.exp(scores - peak)
    total = powers.sum(-1, keepdims=True)
    weights = powers / total
    if rate is not None:
        weights = np.where(extras.kept, weights * kind(1.0 / (1.0 - rate)), kind(0.0))
    y = np.einsum("bnts,bsnh->btnh", weights, v)
    return y.astype(query.dtype), peak[..., 0], total[..., 0]


def _seen(build: Build, scores: Value, mask: Value | None, causal: bool) -> Value | None:
    """What is attended to; ``None``: everything."""
    found: Value | None = None
    if causal:
        places = [build.iota(shape=scores.shape, axis=axis, dtype="int32") for axis in (3, 2)]
        found = build.less_equal(*places)
    if mask is not None:
        whole = _whole(build, mask, scores)
        found = whole if found is None else build.logical_and(found, whole)
    return found


def _whole(build: Build, extra: Value, scores: Value) -> Value:
    result: Value = extra if extra.shape == scores.shape else build.broadcast(extra, shape=scores.shape)
    return result


def _scores(
    build: Build, query: Value, key: Value, extras: Extras, scale: float, causal: bool
) -> tuple[Value, Value | None]:
    """Scores [batch, heads, T, S], and what is attended to."""
    scaled = build.mul(query, scale)
    scores = build.dot_general(scaled, key, contract=((3,), (3,)), batch=((0, 2), (0, 2)))
    if extras.bias is not None:
        scores = build.add(scores, _whole(build, extras.bias, scores))
    seen = _seen(build, scores, extras.mask, causal)
    if seen is not None:
        scores = build.select(seen, scores, full(build, HIDDEN, scores))
    return scores, seen


def _dropped(build: Build, weights: Value, kept: Value | None, rate: float | None) -> Value:
    """What dropout leaves of weights, or of their cotangent."""
    if kept is None or rate is None:
        return weights
    scaled = build.mul(weights, 1.0 / (1.0 - rate))
    result: Value = build.select(_whole(build, kept, weights), scaled, full(build, 0.0, weights))
    return result


def _column(build: Build, statistic: Value) -> Value:
    """[batch, heads, T] as [batch, heads, T, 1]"""
    result: Value = build.reshape(statistic, shape=(*statistic.shape, 1))
    return result


def _swapped(build: Build, x: Value) -> Value:
    """Time and heads exchanged."""
    result: Value = build.transpose(x, permutation=(0, 2, 1, 3))
    return result


def _repeated(build: Build, x: Value, heads: Dimension) -> Value:
    """Keys or values with a copy for each of the heads they serve."""
    batch, length, served, depth = x.shape
    if served == heads:
        return x
    assert isinstance(heads, int)
    assert isinstance(served, int)
    split = build.reshape(x, shape=(batch, length, served, 1, depth))
    wide = build.broadcast(split, shape=(batch, length, served, heads // served, depth))
    result: Value = build.reshape(wide, shape=(batch, length, heads, depth))
    return result


def _gathered(build: Build, x: Value, served: Dimension) -> Value:
    """The sum over the heads that each key head serves."""
    batch, length, heads, depth = x.shape
    if served == heads:
        return x
    assert isinstance(heads, int)
    assert isinstance(served, int)
    split = build.reshape(x, shape=(batch, length, served, heads // served, depth))
    result: Value = build.sum(split, axes=(3,))
    return result


def _decomposition(
    build: Build, inputs: Sequence[Value], *, scale: float, causal: bool = False, rate: float | None = None
) -> tuple[Value, ...]:
    query, key, value = single(build, *inputs[:3])
    extras = _single_extras(build, inputs[3:], rate)
    key, value = (_repeated(build, x, query.shape[2]) for x in (key, value))
    scores, _ = _scores(build, query, key, extras, scale, causal)
    peak = build.max(scores, axes=(3,))
    powers = build.exp(build.sub(scores, _column(build, peak)))
    total = build.sum(powers, axes=(3,))
    weights = _dropped(build, build.div(powers, _column(build, total)), extras.kept, rate)
    y = build.dot_general(weights, value, contract=((3,), (1,)), batch=((0, 1), (0, 2)))
    return rounded(build, _swapped(build, y), inputs[0]), peak, total


def _single_extras(build: Build, operands: Sequence[Value], rate: float | None) -> Extras:
    extras = extras_of(operands, rate)
    return extras if extras.bias is None else extras._replace(bias=single(build, extras.bias)[0])


def _gradient(
    build: Build,
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    cotangents: Sequence[Value | None],
    *,
    scale: float,
    causal: bool,
    rate: float | None,
) -> Sequence[Value | None]:
    """By the paired composite; only a gradient of that one differentiates the statistics as well."""
    given: dict[str, Any] = {"scale": scale, "causal": causal, "rate": rate}
    if cotangents[1] is not None or cotangents[2] is not None:
        return gradient_of_decomposition(_decomposition, build, inputs, cotangents, **given)
    found: list[Value | None] = [*build.attention_gradient(*inputs, *outputs, cotangents[0], **given)]
    bias = extras_of(inputs[3:], rate).bias
    if bias is not None:
        # Written out: few programs train a bias, and where none does this is not computed.
        assert cotangents[0] is not None
        received = (*inputs, *outputs, cotangents[0])
        of_scores = _of_scores(build, received, scale=scale, causal=causal, rate=rate)[0]
        found.append(rounded(build, _summed_to(build, of_scores, bias.shape), bias))
    return [*found, *(None for _ in inputs[len(found) :])]


def _summed_to(build: Build, x: Value, shape: Sequence[Dimension]) -> Value:
    """The sum over the axes along which a value of that shape was repeated."""
    axes = tuple(axis for axis, size in enumerate(shape) if size == 1 and x.shape[axis] != 1)
    result: Value = build.reshape(build.sum(x, axes=axes), shape=tuple(shape)) if axes else x
    return result


def _samples() -> Iterable[Sample]:
    query, key, value = values((2, 3, 2, 2)), values((2, 4, 2, 2), seed=1), values((2, 4, 2, 3), seed=2)
    yield Sample((query, key, value))
    yield Sample((query, key, value), {"causal": True, "scale": 0.3})
    mask = np.array([[True, True, False, True], [False, False, True, False]]).reshape(2, 1, 1, 4)
    yield Sample((query, key, value, mask))
    whole = np.array([[True, False, False], [False, True, False], [True, True, True]]).reshape(1, 1, 3, 3)
    yield Sample((query, key[:, :3], value[:, :3], whole), {"causal": True})
    kept = values((2, 2, 3, 4), seed=4) > -0.3
    bias = values((1, 2, 3, 4), seed=3)
    yield Sample((query, key, value, bias, mask, kept), {"rate": 0.25})
    yield Sample((query, key[:, :, :1], value[:, :, :1], bias[:, :, :1]))
    nothing = whole & np.array([True, False, True]).reshape(3, 1)
    yield Sample((query, key[:, :3], value[:, :3], nothing), differentiable=())
    yield Sample((query, key[:, :3], value[:, :3], nothing), {"causal": True}, differentiable=())


attention = Operator(
    name="attention",
    infer=_type,
    reference=_reference,
    samples=_samples,
    gradient=_gradient,
    resolve=_resolve,
    decompose=_decomposition,
    traits=TRAITS,
    doc="softmax(scale * query key^T + bias) value by head, with mask, causality and dropout of the weights; also the "
    "largest score and the sum of powers.",
)


# --- attention_gradient(query, key, value, ..., y, peak, total, g)


def split_operands(operands: Sequence[Any]) -> tuple[Any, Any, Any]:
    """Query, key and value; bias, mask and what dropout keeps; result, statistics and cotangent."""
    return operands[:3], operands[3:-4], operands[-4:]


def _gradient_type(
    *operands: TensorType, scale: float | None = None, causal: bool = False, rate: float | None = None
) -> tuple[TensorType, ...]:
    if len(operands) < 7:
        raise ArgumentError(f"attention_gradient takes at least 7 operands. Received: {len(operands)}.")
    (query, key, value), extras, kept = split_operands(operands)
    expected = _type(query, key, value, *extras, scale=scale, causal=causal, rate=rate)
    for received, wanted in zip(kept, (*expected, expected[0]), strict=True):
        check_rank("attention_gradient", f"an operand like {wanted}", received, wanted.rank)
        if received.rank == 4:
            check_same_dtype("attention_gradient", query, received)
        else:
            check_dtype("attention_gradient", received, FLOAT)  # statistics are kept in single precision or better
        for one, other in zip(received.shape, wanted.shape, strict=True):
            merge("attention_gradient", f"sizes of {received} and {wanted}", one, other)
    return query, key, value


def _of_scores(
    build: Build, inputs: Sequence[Value], *, scale: float, causal: bool, rate: float | None
) -> tuple[Value, Value]:
    """The cotangent of the scores, p (g v^T - sum(g y)), and the weights that dropout leaves of p."""
    operands, others, kept = split_operands(inputs)
    query, key, value = single(build, *operands)
    extras = _single_extras(build, others, rate)
    key, value = (_repeated(build, x, query.shape[2]) for x in (key, value))
    y, peak, total, g = single(build, *kept)
    scores, seen = _scores(build, query, key, extras, scale, causal)
    weights = build.div(build.exp(build.sub(scores, _column(build, peak))), _column(build, total))
    of_weights = build.dot_general(g, value, contract=((3,), (3,)), batch=((0, 2), (0, 2)))
    of_weights = _dropped(build, of_weights, extras.kept, rate)
    along = build.transpose(build.sum(build.mul(g, y), axes=(3,)), permutation=(0, 2, 1))
    result = build.mul(weights, build.sub(of_weights, _column(build, along)))
    if seen is not None:
        result = build.select(seen, result, full(build, 0.0, result))
    return result, _dropped(build, weights, extras.kept, rate)


def _gradient_decomposition(
    build: Build, inputs: Sequence[Value], *, scale: float, causal: bool = False, rate: float | None = None
) -> tuple[Value, ...]:
    """With w the weights and ds the scores' cotangent: dv = w^T g, dq = scale ds k, dk = scale ds^T q."""
    served = inputs[1].shape[2]
    of_scores, weights = _of_scores(build, inputs, scale=scale, causal=causal, rate=rate)
    query, key, g = single(build, inputs[0], inputs[1], inputs[-1])
    of_value = build.dot_general(weights, g, contract=((2,), (1,)), batch=((0, 1), (0, 2)))
    of_scores = build.mul(of_scores, scale)
    key = _repeated(build, key, query.shape[2])
    of_query = build.dot_general(of_scores, key, contract=((3,), (1,)), batch=((0, 1), (0, 2)))
    of_key = build.dot_general(of_scores, query, contract=((2,), (1,)), batch=((0, 1), (0, 2)))
    of_query, of_key, of_value = (_swapped(build, result) for result in (of_query, of_key, of_value))
    found = (of_query, _gathered(build, of_key, served), _gathered(build, of_value, served))
    return tuple(rounded(build, result, inputs[0]) for result in found)


def _gradient_of_gradient(
    build: Build,
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    cotangents: Sequence[Value | None],
    **parameters: Any,
) -> Sequence[Value | None]:
    return gradient_of_decomposition(_gradient_decomposition, build, inputs, cotangents, **parameters)


def _gradient_samples() -> Iterable[Sample]:
    for sample in _samples():
        query, key, value, *extras = sample.arguments
        if sample.differentiable is not None:
            continue
        y = values((2, 3, 2, 3), seed=3)
        peak, total = values((2, 2, 3), 4.0, 5.0), values((2, 2, 3), 1.0, 3.0, seed=1)
        arguments = (query, key, value, *extras, y, peak, total, values(y.shape, seed=1))
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
