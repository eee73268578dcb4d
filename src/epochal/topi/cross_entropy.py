"""Cross-entropies from logits: one number a row (softmax) or an element (sigmoid)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from epochal import dtypes
from epochal.errors import ShapeError
from epochal.ir import Array, Build, Operator, Sample, TensorType, Value
from epochal.topi._rules import FLOAT, INTEGER, check_dtype, check_same_dtype, full, merge, values, widened
from epochal.topi.composite import COMPOSITE, kept, rounded, single


def _last(x: Value) -> tuple[int]:
    return (len(x.shape) - 1,)


def _check_classes(name: str, logits: TensorType) -> None:
    check_dtype(name, logits, FLOAT)
    if not logits.shape:
        raise ShapeError(f"{name}: logits must have a last axis of classes. Received: {logits}.")


# softmax_cross_entropy(x, p) = -sum(p log_softmax(x)) along the last axis


def _softmax_type(logits: TensorType, labels: TensorType) -> TensorType:
    name = "softmax_cross_entropy"
    _check_classes(name, logits)
    check_same_dtype(name, logits, labels)
    if logits.rank != labels.rank:
        raise ShapeError(f"{name}: logits and labels must have one shape. Received: {logits} and {labels}.")
    pairs = zip(logits.shape, labels.shape, strict=True)
    shape = [merge(name, "logits and labels", one, other) for one, other in pairs]
    return logits.with_shape(shape[:-1])


def _log_softmax(x: Array) -> Array:
    shifted = x - x.max(-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(-1, keepdims=True)))


def _softmax_reference(logits: Array, labels: Array) -> Array:
    return np.asarray(-(labels * _log_softmax(logits)).sum(-1))


def _softmax_decomposition(build: Build, inputs: Sequence[Value]) -> Value:
    logits, labels = single(build, *inputs)
    terms = build.mul(labels, build.log_softmax(logits, axis=_last(logits)[0]))
    return rounded(build, build.neg(build.sum(terms, axes=_last(logits))), inputs[0])


def _softmax_gradient(
    build: Build, inputs: Sequence[Value], outputs: Sequence[Value], cotangents: Sequence[Value | None]
) -> list[Value | None]:
    """g (softmax(x) sum(p) - p), and -g log_softmax(x) for the labels"""
    logits, labels = inputs
    (axis,) = axes = _last(logits)
    assert cotangents[0] is not None
    g = kept(build, cotangents[0], logits, axes)
    total = kept(build, build.sum(labels, axes=axes), logits, axes)
    expected = build.mul(build.softmax(logits, axis=axis), total)
    of_labels = build.neg(build.mul(g, build.log_softmax(logits, axis=axis)))
    return [build.mul(g, build.sub(expected, labels)), of_labels]


def _probabilities(shape: tuple[int, ...]) -> Array:
    raw = values(shape, 0.1, 1.0, seed=3)
    return np.asarray(raw / raw.sum(-1, keepdims=True))


def _softmax_samples() -> Iterable[Sample]:
    yield Sample((values((4, 5)), _probabilities((4, 5))))
    yield Sample((values((2, 3, 4), seed=1), _probabilities((2, 3, 4))))
    yield Sample((np.array([[900.0, 0.0, -900.0]]), np.array([[0.0, 1.0, 0.0]])), differentiable=())


softmax_cross_entropy = Operator(
    name="softmax_cross_entropy",
    infer=_softmax_type,
    reference=widened(_softmax_reference),
    samples=_softmax_samples,
    gradient=_softmax_gradient,
    decompose=_softmax_decomposition,
    traits=COMPOSITE,
    doc="-sum(labels * log(softmax(logits))) along the last axis.",
)


# sparse_softmax_cross_entropy(x, k) = -log_softmax(x)[k]; NaN where k is not a class.


def _sparse_type(logits: TensorType, labels: TensorType) -> TensorType:
    name = "sparse_softmax_cross_entropy"
    _check_classes(name, logits)
    check_dtype(name, labels, INTEGER)
    if labels.rank != logits.rank - 1:
        raise ShapeError(
            f"{name}: labels must have the shape of logits without the last axis. Received: {logits} and {labels}."
        )
    pairs = zip(logits.shape, labels.shape, strict=False)
    return logits.with_shape([merge(name, "logits and labels", one, other) for one, other in pairs])


def _sparse_reference(logits: Array, labels: Array) -> Array:
    classes = logits.shape[-1]
    valid = (labels >= 0) & (labels < classes)
    chosen = np.where(valid, labels, 0).astype(np.int64)
    picked = np.take_along_axis(_log_softmax(logits), chosen[..., None], -1)[..., 0]
    return np.asarray(np.where(valid, -picked, logits.dtype.type(np.nan)))


def _is_class(build: Build, logits: Value, labels: Value) -> Value:
    """Whether each class is its row's label."""
    wide: Value = build.cast(labels, dtype=dtypes.int32)
    classes = build.iota(shape=logits.shape, axis=_last(logits)[0], dtype=dtypes.int32)
    result: Value = build.equal(classes, kept(build, wide, logits, _last(logits)))
    return result


def _sparse_decomposition(build: Build, inputs: Sequence[Value]) -> Value:
    (logits,) = single(build, inputs[0])
    labels = inputs[1]
    axes = _last(logits)
    terms = build.log_softmax(logits, axis=axes[0])
    chosen = build.select(_is_class(build, logits, labels), terms, full(build, 0.0, terms))
    found = build.neg(build.sum(chosen, axes=axes))
    size = logits.shape[-1]
    wide = build.cast(labels, dtype=dtypes.int32)
    valid = build.logical_and(build.greater_equal(wide, 0), build.less(wide, size))
    return rounded(build, build.select(valid, found, full(build, float("nan"), found)), inputs[0])


def _sparse_gradient(
    build: Build, inputs: Sequence[Value], outputs: Sequence[Value], cotangents: Sequence[Value | None]
) -> list[Value | None]:
    """g (softmax(x) - [class is the label])"""
    logits, labels = inputs
    axes = _last(logits)
    assert cotangents[0] is not None
    hot = build.cast(_is_class(build, logits, labels), dtype=logits.dtype)
    excess = build.sub(build.softmax(logits, axis=axes[0]), hot)
    return [build.mul(kept(build, cotangents[0], logits, axes), excess), None]


def _sparse_samples() -> Iterable[Sample]:
    yield Sample((values((4, 5)), np.array([0, 4, 2, 2], np.int32)))
    yield Sample((values((2, 3, 4), seed=1), np.array([[0, 1, 2], [3, 3, 0]], np.int64)))
    yield Sample((values((3, 2)), np.array([-1, 2, 1], np.int32)), differentiable=())


sparse_softmax_cross_entropy = Operator(
    name="sparse_softmax_cross_entropy",
    infer=_sparse_type,
    reference=widened(_sparse_reference),
    samples=_sparse_samples,
    gradient=_sparse_gradient,
    decompose=_sparse_decomposition,
    traits=COMPOSITE,
    doc="-log(softmax(logits)) of the class that each label numbers; NaN where there is no such class.",
)


# sigmoid_cross_entropy(x, p) = max(x, 0) - x p + log1p(exp(-abs(x)))


def _sigmoid_type(logits: TensorType, labels: TensorType) -> TensorType:
    name = "sigmoid_cross_entropy"
    check_dtype(name, logits, FLOAT)
    check_same_dtype(name, logits, labels)
    if logits.rank != labels.rank:
        raise ShapeError(f"{name}: logits and labels must have one shape. Received: {logits} and {labels}.")
    pairs = zip(logits.shape, labels.shape, strict=True)
    return logits.with_shape([merge(name, "logits and labels", one, other) for one, other in pairs])


def _sigmoid_reference(logits: Array, labels: Array) -> Array:
    zero = logits.dtype.type(0)
    return np.asarray(np.maximum(logits, zero) - logits * labels + np.log1p(np.exp(-np.abs(logits))))


def _sigmoid_decomposition(build: Build, inputs: Sequence[Value]) -> Value:
    logits, labels = single(build, *inputs)
    linear = build.sub(build.relu(logits), build.mul(logits, labels))
    decay = build.log1p(build.exp(build.neg(build.abs(logits))))
    return rounded(build, build.add(linear, decay), inputs[0])


def _sigmoid_gradient(
    build: Build, inputs: Sequence[Value], outputs: Sequence[Value], cotangents: Sequence[Value | None]
) -> list[Value | None]:
    """g (sigmoid(x) - p), and -g x for the labels"""
    logits, labels = inputs
    (g,) = cotangents
    return [build.mul(g, build.sub(build.sigmoid(logits), labels)), build.neg(build.mul(g, logits))]


def _sigmoid_samples() -> Iterable[Sample]:
    yield Sample((values((4, 5)), values((4, 5), 0.0, 1.0, seed=1)))
    yield Sample((np.array([-900.0, 0.0, 900.0]), np.array([0.0, 0.5, 1.0])), differentiable=())


sigmoid_cross_entropy = Operator(
    name="sigmoid_cross_entropy",
    infer=_sigmoid_type,
    reference=widened(_sigmoid_reference),
    samples=_sigmoid_samples,
    gradient=_sigmoid_gradient,
    decompose=_sigmoid_decomposition,
    traits=COMPOSITE,
    doc="-labels * log(sigmoid(logits)) - (1 - labels) * log(1 - sigmoid(logits)).",
)
