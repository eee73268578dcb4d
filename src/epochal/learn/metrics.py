"""Metrics, as functions over tensors: per-sample agreement, counts by threshold, and scores from counts."""

from __future__ import annotations

from typing import Any

from epochal.errors import ArgumentError
from epochal.learn.losses import EPSILON, match_ranks
from epochal.tensor import Tensor, convert, functions


def accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """1 where target and prediction are equal."""
    y_pred = convert(y_pred)
    y_true, y_pred = match_ranks(functions.cast(convert(y_true), y_pred.dtype), y_pred)
    return functions.cast(y_true == y_pred, "float32")


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Tensor:
    """1 where the prediction is on the target's side of the threshold."""
    y_true, y_pred = match_ranks(convert(y_true), convert(y_pred))
    return functions.cast(y_true == functions.cast(y_pred > threshold, y_true.dtype), "float32")


def categorical_accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """1 where the largest entries of the one-hot target and of the prediction are at one place."""
    y_true = functions.argmax(convert(y_true), axis=-1)
    return functions.cast(y_true == functions.argmax(convert(y_pred), axis=-1), "float32")


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """1 where the class number in `y_true` is the place of the prediction's largest entry.

    Example:
        >>> sparse_categorical_accuracy([1, 0], [[0.1, 0.9], [0.2, 0.8]]).tolist()
        [1.0, 0.0]
    """
    y_pred = convert(y_pred)
    labels = _labels(convert(y_true), y_pred)
    return functions.cast(labels == functions.cast(functions.argmax(y_pred, axis=-1), labels.dtype), "float32")


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Tensor:
    """1 where the one-hot target's class is among the k largest entries of the prediction."""
    return in_top_k(functions.argmax(convert(y_true), axis=-1), convert(y_pred), k)


def sparse_top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False) -> Tensor:
    """1 where the class number is among the k largest entries (or, with sorted ids, among the first k ids)."""
    y_pred = convert(y_pred)
    labels = _labels(convert(y_true), y_pred)
    if from_sorted_ids:
        matches = functions.expand_dims(functions.cast(labels, y_pred.dtype), -1) == y_pred[..., :k]
        return functions.cast(functions.any(matches, axis=-1), "float32")
    return in_top_k(labels, y_pred, k)


def in_top_k(labels: Tensor, y_pred: Tensor, k: int) -> Tensor:
    """1 where fewer than k entries are greater than the labelled one (ties count as inside, as in TensorFlow)."""
    chosen = functions.one_hot(functions.cast(labels, "int32"), y_pred.shape[-1], dtype=y_pred.dtype)
    value = functions.sum(functions.where(chosen != 0.0, y_pred, 0.0), axis=-1, keepdims=True)
    greater = functions.sum(functions.cast(y_pred > value, "int32"), axis=-1)
    return functions.cast(greater < k, "float32")


def _labels(y_true: Tensor, y_pred: Tensor) -> Tensor:
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] == 1:
        y_true = functions.squeeze(y_true, axis=-1)
    return functions.cast(y_true, "int32") if y_true.dtype.is_floating else y_true


def weighted_samples(values: Tensor, sample_weight: Any, reduce: Any) -> tuple[Tensor, Tensor | None]:
    """`values` times weights, each sample's further axes reduced; and the weight of each sample.

    Args:
        values: ``[n, ...]``, or a scalar.
        sample_weight: ``None`` or weights of as many or fewer axes.
        reduce: `functions.mean` or `functions.sum`.
    """
    weight = None
    if sample_weight is not None:
        weight = functions.cast(convert(sample_weight), values.dtype)
        values, weight = match_ranks(values, weight)
        if len(values.shape) > len(weight.shape):
            values = reduce(values, axis=tuple(range(len(weight.shape), len(values.shape))))
        rank = len(weight.shape)
        weight = functions.broadcast_to(weight, values.shape)
        values = values * weight
        if rank > 1:
            weight = reduce(weight, axis=tuple(range(1, rank)))
    if len(values.shape) > 1:
        values = reduce(values, axis=tuple(range(1, len(values.shape))))
    return values, weight


def confusion_counts(
    y_true: Tensor, y_pred: Tensor, thresholds: Tensor, weight: Tensor | None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Weighted counts of true positives, false positives, true negatives, false negatives.

    Args:
        y_true: ``[n, labels]``; true above 0.
        y_pred: ``[n, labels]``; positive where greater than the threshold.
        thresholds: ``[t]``.
        weight: ``[n, labels]`` or ``None``.

    Returns:
        Four tensors ``[t, labels]``.
    """
    truth = functions.expand_dims(functions.cast(y_true, "bool"), 0)
    positive = functions.expand_dims(y_pred, 0) > functions.reshape(thresholds, (-1, 1, 1))

    def count(mask: Tensor) -> Tensor:
        found = functions.cast(mask, "float32")
        return functions.sum(found if weight is None else found * functions.expand_dims(weight, 0), axis=1)

    false, negative = functions.logical_not(truth), functions.logical_not(positive)
    return (
        count(functions.logical_and(truth, positive)),
        count(functions.logical_and(false, positive)),
        count(functions.logical_and(false, negative)),
        count(functions.logical_and(truth, negative)),
    )


def divide_no_nan(numerator: Tensor, denominator: Tensor) -> Tensor:
    """The quotient, 0 where the denominator is 0."""
    nonzero = denominator != 0.0
    return functions.where(nonzero, numerator / functions.where(nonzero, denominator, 1.0), 0.0)


def area_under_curve(
    tp: Tensor, fp: Tensor, tn: Tensor, fn: Tensor, curve: str = "ROC", method: str = "interpolation"
) -> Tensor:
    """Riemann sum over thresholds (first axis, increasing) of the ROC or precision-recall curve.

    Raises:
        ArgumentError: Unknown curve or method.
    """
    if curve not in ("ROC", "PR"):
        raise ArgumentError(f"Unknown `curve`: {curve!r}. Expected 'ROC' or 'PR'.")
    if method not in ("interpolation", "minoring", "majoring"):
        raise ArgumentError(
            f"Unknown `summation_method`: {method!r}. Expected 'interpolation', 'minoring' or 'majoring'."
        )
    if curve == "PR" and method == "interpolation":
        return _interpolated_precision_recall(tp, fp, fn)
    recall = divide_no_nan(tp, tp + fn)
    if curve == "ROC":
        x, y = divide_no_nan(fp, fp + tn), recall
    else:
        x, y = recall, divide_no_nan(tp, tp + fp)
    if method == "interpolation":
        heights = (y[:-1] + y[1:]) / 2.0
    elif method == "minoring":
        heights = functions.minimum(y[:-1], y[1:])
    else:
        heights = functions.maximum(y[:-1], y[1:])
    return functions.sum((x[:-1] - x[1:]) * heights, axis=0)


def _interpolated_precision_recall(tp: Tensor, fp: Tensor, fn: Tensor) -> Tensor:
    """Davis and Goadrich 2006: between two thresholds true positives, and not precision, are linear in positives."""
    gained = tp[:-1] - tp[1:]
    positives = tp + fp
    slope = divide_no_nan(gained, functions.maximum(positives[:-1] - positives[1:], 0.0))
    intercept = tp[1:] - slope * positives[1:]
    both = functions.logical_and(positives[:-1] > 0.0, positives[1:] > 0.0)
    ratio = functions.where(both, divide_no_nan(positives[:-1], functions.maximum(positives[1:], 0.0)), 1.0)
    step = slope * (gained + intercept * functions.log(ratio))
    return functions.sum(divide_no_nan(step, functions.maximum(tp[1:] + fn[1:], 0.0)), axis=0)


def f_beta(tp: Tensor, fp: Tensor, fn: Tensor, beta: float = 1.0) -> Tensor:
    """Weighted harmonic mean of precision and recall."""
    precision = tp / (tp + fp + EPSILON)
    recall = tp / (tp + fn + EPSILON)
    return (1.0 + beta**2) * precision * recall / (beta**2 * precision + recall + EPSILON)


def pearson_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
    """Covariance over the product of the deviations, along `axis` (Pearson 1895)."""
    y_true, y_pred = match_ranks(convert(y_true), convert(y_pred))
    true, found = (
        x - functions.mean(x, axis=axis, keepdims=True) for x in (functions.cast(y_true, y_pred.dtype), y_pred)
    )
    scale = functions.std(true, axis=axis) * functions.std(found, axis=axis)
    return functions.mean(true * found, axis=axis) / scale


def concordance_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
    """``2 cov / (var_true + var_pred + (mean_true - mean_pred)^2)``, along `axis` (Lin 1989)."""
    y_true, y_pred = match_ranks(convert(y_true), convert(y_pred))
    y_true = functions.cast(y_true, y_pred.dtype)
    means = [functions.mean(x, axis=axis, keepdims=True) for x in (y_true, y_pred)]
    covariance = functions.mean((y_true - means[0]) * (y_pred - means[1]), axis=axis)
    apart = functions.squeeze(functions.square(means[0] - means[1]), axis=axis)
    spread = functions.var(y_true, axis=axis) + functions.var(y_pred, axis=axis) + apart
    return 2.0 * covariance / (spread + EPSILON)
