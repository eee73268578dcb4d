"""Losses, as functions from targets and predictions to one value a sample.

`y_true` and `y_pred` are tensors; `y_true` is cast to the prediction's dtype. The last axis is averaged (or summed,
where the formula says so) unless `axis` is given. Formulas and epsilons are Keras 3's.
"""

from __future__ import annotations

import math
from typing import Any

from epochal.errors import ArgumentError, ShapeError
from epochal.tensor import Tensor, convert, functions

EPSILON = 1e-7


def match_ranks(first: Tensor, second: Tensor, expand_rank_1: bool = True) -> tuple[Tensor, Tensor]:
    """Adds or drops a last axis of size 1, so that ``[n]`` meets ``[n, 1]`` and not ``[n, n]`` by broadcasting."""
    if len(first.shape) == len(second.shape) + 1 and first.shape[-1] == 1:
        if len(second.shape) == 1 and expand_rank_1:
            return first, functions.expand_dims(second, axis=-1)
        return functions.squeeze(first, axis=-1), second
    if len(second.shape) == len(first.shape) + 1 and second.shape[-1] == 1:
        if len(first.shape) == 1 and expand_rank_1:
            return functions.expand_dims(first, axis=-1), second
        return first, functions.squeeze(second, axis=-1)
    return first, second


def _prepare(y_true: Any, y_pred: Any) -> tuple[Tensor, Tensor]:
    y_pred = convert(y_pred)
    y_true = functions.cast(convert(y_true), y_pred.dtype)
    y_true, y_pred = match_ranks(y_true, y_pred)
    check_broadcast(y_true, y_pred)
    return y_true, y_pred


def check_broadcast(y_true: Tensor, y_pred: Tensor) -> None:
    """Raises a `ShapeError` when targets and predictions do not broadcast."""
    for true, predicted in zip(reversed(y_true.shape), reversed(y_pred.shape), strict=False):
        if None not in (true, predicted) and true != predicted and 1 not in (true, predicted):
            raise ShapeError(
                "Targets do not fit the model's output. "
                f"Expected targets of shape {tuple(y_pred.shape)}, the shape of the predictions. "
                f"Received targets of shape {tuple(y_true.shape)}. "
                "Reshape the targets, or change the size of the last layer."
            )


def _check_same_shape(y_true: Tensor, y_pred: Tensor, remedy: str) -> None:
    if len(y_true.shape) != len(y_pred.shape) or any(
        None not in (true, predicted) and true != predicted
        for true, predicted in zip(y_true.shape, y_pred.shape, strict=True)
    ):
        raise ShapeError(
            f"Targets and predictions must have the same shape. Expected targets of shape {tuple(y_pred.shape)}. "
            f"Received targets of shape {tuple(y_true.shape)}. {remedy}"
        )


def mean_squared_error(y_true: Any, y_pred: Any) -> Tensor:
    """``mean((y - p)^2)``.

    Example:
        >>> mean_squared_error([[0.0, 1.0]], [[0.5, 0.5]]).tolist()
        [0.25]
    """
    y_true, y_pred = _prepare(y_true, y_pred)
    return functions.mean(functions.square(y_true - y_pred), axis=-1)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Tensor:
    """``mean(|y - p|)``."""
    y_true, y_pred = _prepare(y_true, y_pred)
    return functions.mean(functions.absolute(y_true - y_pred), axis=-1)


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Tensor:
    """``100 mean(|y - p| / max(|y|, epsilon))``."""
    y_true, y_pred = _prepare(y_true, y_pred)
    ratio = (y_true - y_pred) / functions.maximum(functions.absolute(y_true), EPSILON)
    return 100.0 * functions.mean(functions.absolute(ratio), axis=-1)


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Tensor:
    """``mean((log(1 + y) - log(1 + p))^2)``, both at least epsilon."""
    y_true, y_pred = _prepare(y_true, y_pred)
    predicted = functions.log(functions.maximum(y_pred, EPSILON) + 1.0)
    true = functions.log(functions.maximum(y_true, EPSILON) + 1.0)
    return functions.mean(functions.square(predicted - true), axis=-1)


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Tensor:
    """Quadratic up to `delta`, linear beyond (Huber 1964)."""
    y_true, y_pred = _prepare(y_true, y_pred)
    error = y_pred - y_true
    size = functions.absolute(error)
    linear = delta * size - 0.5 * delta * delta
    return functions.mean(functions.where(size <= delta, 0.5 * functions.square(error), linear), axis=-1)


def log_cosh(y_true: Any, y_pred: Any) -> Tensor:
    """``mean(log(cosh(p - y)))``, written so that it does not overflow."""
    y_true, y_pred = _prepare(y_true, y_pred)
    error = y_pred - y_true
    return functions.mean(error + functions.softplus(error * -2.0) - math.log(2.0), axis=-1)


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
    """Minus the cosine of the angle between target and prediction."""
    y_true, y_pred = _prepare(y_true, y_pred)
    return -functions.sum(normalize(y_true, axis) * normalize(y_pred, axis), axis=axis)


def normalize(x: Tensor, axis: int = -1) -> Tensor:
    """`x` over its Euclidean norm along `axis`, which counts as at least 1e-12 squared."""
    square = functions.sum(functions.square(x), axis=axis, keepdims=True)
    return x * functions.rsqrt(functions.maximum(square, 1e-12))


def kl_divergence(y_true: Any, y_pred: Any) -> Tensor:
    """``sum(y log(y / p))``, both clipped into [epsilon, 1]."""
    y_true, y_pred = _prepare(y_true, y_pred)
    y_true, y_pred = functions.clip(y_true, EPSILON, 1.0), functions.clip(y_pred, EPSILON, 1.0)
    return functions.sum(y_true * functions.log(y_true / y_pred), axis=-1)


def poisson(y_true: Any, y_pred: Any) -> Tensor:
    """``mean(p - y log(p + epsilon))``."""
    y_true, y_pred = _prepare(y_true, y_pred)
    return functions.mean(y_pred - y_true * functions.log(y_pred + EPSILON), axis=-1)


def hinge(y_true: Any, y_pred: Any) -> Tensor:
    """``mean(max(1 - y p, 0))``; labels 0 and 1 count as -1 and 1."""
    y_true, y_pred = _prepare(y_true, y_pred)
    return functions.mean(functions.maximum(1.0 - _signed(y_true) * y_pred, 0.0), axis=-1)


def squared_hinge(y_true: Any, y_pred: Any) -> Tensor:
    """``mean(max(1 - y p, 0)^2)``; labels 0 and 1 count as -1 and 1."""
    y_true, y_pred = _prepare(y_true, y_pred)
    return functions.mean(functions.square(functions.maximum(1.0 - _signed(y_true) * y_pred, 0.0)), axis=-1)


def _signed(y_true: Tensor) -> Tensor:
    binary = functions.all(functions.logical_or(y_true == 0.0, y_true == 1.0))
    return functions.where(binary, 2.0 * y_true - 1.0, y_true)


def categorical_hinge(y_true: Any, y_pred: Any) -> Tensor:
    """``max(max((1 - y) p) - sum(y p) + 1, 0)``."""
    y_true, y_pred = _prepare(y_true, y_pred)
    positive = functions.sum(y_true * y_pred, axis=-1)
    negative = functions.max((1.0 - y_true) * y_pred, axis=-1)
    return functions.maximum(negative - positive + 1.0, 0.0)


def binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Tensor:
    """``-mean(y log p + (1 - y) log(1 - p))``."""
    y_pred = convert(y_pred)
    y_true = functions.cast(convert(y_true), y_pred.dtype)
    y_true, y_pred = match_ranks(y_true, y_pred)
    _check_same_shape(
        y_true, y_pred, "For whole-number class labels use sparse_categorical_crossentropy, or reshape the targets."
    )
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing
    return functions.mean(_binary_entropy(y_true, y_pred, from_logits), axis=axis)


def _binary_entropy(y_true: Tensor, y_pred: Tensor, from_logits: bool) -> Tensor:
    if from_logits:
        return functions.sigmoid_cross_entropy(y_pred, y_true)  # its gradient is right at a score of 0 too
    y_pred = functions.clip(y_pred, EPSILON, 1.0 - EPSILON)
    return -(y_true * functions.log(y_pred) + (1.0 - y_true) * functions.log(1.0 - y_pred))


def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """Cross-entropy times ``(1 - p_t)^gamma`` (Lin et al. 2017)."""
    y_true, y_pred = _prepare(y_true, y_pred)
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing
    if from_logits:
        y_pred = functions.sigmoid(y_pred)
    right = y_true * y_pred + (1.0 - y_true) * (1.0 - y_pred)
    loss = functions.power(1.0 - right, gamma) * _binary_entropy(y_true, y_pred, False)
    if apply_class_balancing:
        loss = (y_true * alpha + (1.0 - y_true) * (1.0 - alpha)) * loss
    return functions.mean(loss, axis=axis)


def categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Tensor:
    """``-sum(y log p)`` along `axis`; probabilities are rescaled to sum to 1 and clipped by epsilon."""
    _check_axis(axis)
    y_pred = convert(y_pred)
    y_true = functions.cast(convert(y_true), y_pred.dtype)
    _check_same_shape(
        y_true,
        y_pred,
        "For whole-number class labels use sparse_categorical_crossentropy, or encode them with to_categorical.",
    )
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + label_smoothing / y_true.shape[-1]
    return -functions.sum(y_true * _log_probabilities(y_pred, from_logits, axis), axis=axis)


def _log_probabilities(y_pred: Tensor, from_logits: bool, axis: int) -> Tensor:
    if from_logits:
        return functions.log_softmax(y_pred, axis=axis)
    y_pred = y_pred / functions.sum(y_pred, axis=axis, keepdims=True)
    return functions.log(functions.clip(y_pred, EPSILON, 1.0 - EPSILON))


def _check_axis(axis: Any) -> None:
    if isinstance(axis, bool) or not isinstance(axis, int):
        raise ArgumentError(f"`axis` must be of type `int`. Received: axis={axis!r} of type {type(axis).__name__}")


def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """Cross-entropy times ``alpha (1 - p)^gamma`` a class."""
    _check_axis(axis)
    y_true, y_pred = _prepare(y_true, y_pred)
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + label_smoothing / y_true.shape[-1]
    if from_logits:
        y_pred = functions.softmax(y_pred, axis=axis)
    y_pred = functions.clip(y_pred / functions.sum(y_pred, axis=axis, keepdims=True), EPSILON, 1.0 - EPSILON)
    entropy = -y_true * functions.log(y_pred)
    return functions.sum(alpha * functions.power(1.0 - y_pred, gamma) * entropy, axis=axis)


def sparse_categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> Tensor:
    """``-log p[y]``, `y_true` holding the number of the class; see `categorical_crossentropy`.

    Args:
        y_true: Numbers of classes, of the predictions' shape without the class axis (or with one of size 1).
        y_pred: Probabilities, or logits.
        from_logits: Which.
        ignore_class: Samples of this class count as 0.
        axis: The class axis.

    Raises:
        ShapeError: The shapes do not fit.

    Example:
        >>> losses = sparse_categorical_crossentropy([1, 0], [[0.0, 1.0], [0.5, 0.5]])
        >>> [round(loss, 4) for loss in losses.tolist()]
        [0.0, 0.6931]
    """
    _check_axis(axis)
    y_pred = convert(y_pred)
    y_true = drop_class_axis(convert(y_true), y_pred, axis)
    y_true = functions.cast(y_true, "int32")
    _check_sparse_shape(y_true, y_pred, axis)
    if axis not in (-1, len(y_pred.shape) - 1):
        y_pred, axis = functions.moveaxis(y_pred, axis, -1), -1
    valid = None
    if ignore_class is not None:
        valid = y_true != ignore_class
        y_true = functions.where(valid, y_true, 0)
        y_pred = functions.where(functions.expand_dims(valid, -1), y_pred, 1.0)
    chosen = functions.one_hot(y_true, y_pred.shape[-1], dtype=y_pred.dtype)
    if from_logits:
        loss = -functions.sum(chosen * functions.log_softmax(y_pred, axis=-1), axis=-1)
    else:
        # The chosen probability first, then one logarithm a sample; clipping and rescaling commute with choosing.
        probability = functions.sum(chosen * y_pred, axis=-1) / functions.sum(y_pred, axis=-1)
        loss = -functions.log(functions.clip(probability, EPSILON, 1.0 - EPSILON))
    return loss if valid is None else functions.where(valid, loss, 0.0)


def drop_class_axis(y_true: Tensor, y_pred: Tensor, axis: int = -1) -> Tensor:
    """Class numbers without a class axis of size 1."""
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[axis] == 1:
        return functions.squeeze(y_true, axis=axis)
    return y_true


def _check_sparse_shape(y_true: Tensor, y_pred: Tensor, axis: int) -> None:
    rank = len(y_pred.shape)
    expected = tuple(size for index, size in enumerate(y_pred.shape) if index != axis % rank)
    fits = len(y_true.shape) == len(expected) and all(
        None in (true, size) or true == size for true, size in zip(y_true.shape, expected, strict=True)
    )
    if not fits:
        raise ShapeError(
            "sparse_categorical_crossentropy takes one class number a sample. "
            f"Expected targets of shape {expected} for predictions of shape {tuple(y_pred.shape)}. "
            f"Received targets of shape {tuple(y_true.shape)}. For one-hot targets use categorical_crossentropy."
        )


def dice(y_true: Any, y_pred: Any, axis: Any = None) -> Tensor:
    """``1 - 2 |y p| / (|y| + |p| + epsilon)`` with sums for sizes."""
    y_true, y_pred = _prepare(y_true, y_pred)
    total = functions.sum(y_true, axis=axis) + functions.sum(y_pred, axis=axis)
    return 1.0 - 2.0 * functions.sum(y_true * y_pred, axis=axis) / (total + EPSILON)


def tversky(y_true: Any, y_pred: Any, alpha: float = 0.5, beta: float = 0.5, axis: Any = None) -> Tensor:
    """`dice` with separate weights for both kinds of error (Salehi et al. 2017)."""
    y_true, y_pred = _prepare(y_true, y_pred)
    both = functions.sum(y_true * y_pred, axis=axis)
    # Keras names them the other way round; the weights are the same.
    first = functions.sum((1.0 - y_pred) * y_true, axis=axis)
    second = functions.sum(y_pred * (1.0 - y_true), axis=axis)
    return 1.0 - both / (both + first * alpha + second * beta + EPSILON)


def reduce_weighted(
    values: Tensor, sample_weight: Any = None, mask: Any = None, reduction: str | None = "sum_over_batch_size"
) -> Tensor:
    """One number from one value a sample.

    Args:
        values: Loss of each sample (or of each step of each sample).
        sample_weight: Factor of each; broadcast from a rank lower by one.
        mask: False where a value does not count; the mean is over those that do.
        reduction: ``"sum_over_batch_size"`` or ``"mean"`` (divided by the number of values, whatever the weights),
            ``"mean_with_sample_weight"`` (divided by the sum of weights), ``"sum"``, or ``"none"``/``None``.
    """
    weight = None if sample_weight is None else functions.cast(convert(sample_weight), values.dtype)
    if mask is not None:
        mask = functions.cast(convert(mask), values.dtype)
        if reduction in ("mean", "sum_over_batch_size"):
            # Weight total/valid each, so that the division by the total below leaves a mean over the valid ones.
            valid = functions.sum(mask)
            mask = mask * _divide_no_nan(functions.zeros_like(valid) + float(math.prod(mask.shape)), valid)
        if weight is None:
            weight = mask
        else:
            mask, weight = match_ranks(mask, weight)
            weight = weight * mask
    if weight is not None:
        values, weight = match_ranks(values, weight)
        check_weight(weight, values)
        values = values * weight
    if reduction in (None, "none") or len(values.shape) == 0:
        return values
    total = functions.sum(values)
    if reduction == "sum":
        return total
    if reduction == "mean_with_sample_weight" and weight is not None:
        return _divide_no_nan(total, functions.sum(weight))
    return total / float(max(1, math.prod(values.shape)))


def check_weight(weight: Tensor, values: Tensor) -> None:
    """Raises a `ShapeError` when sample weights do not fit the values they weigh."""
    if len(weight.shape) > len(values.shape) or any(
        w not in (1, v) for w, v in zip(reversed(weight.shape), reversed(values.shape), strict=False)
    ):
        raise ShapeError(
            "sample_weight does not fit the loss. "
            f"Expected one weight a value, of shape {tuple(values.shape)}. Received shape {tuple(weight.shape)}."
        )


def _divide_no_nan(numerator: Tensor, denominator: Tensor) -> Tensor:
    nonzero = denominator != 0.0
    return functions.where(nonzero, numerator / functions.where(nonzero, denominator, 1.0), 0.0)


def categorical_generalized_cross_entropy(y_true: Any, y_pred: Any, q: float = 0.5) -> Tensor:
    """``(1 - p^q) / q`` with p the probability of the true class: less moved by wrong labels (Zhang, Sabuncu 2018)."""
    y_pred = convert(y_pred)
    labels = drop_class_axis(convert(y_true), y_pred, -1)
    classes = functions.one_hot(functions.cast(labels, "int32"), y_pred.shape[-1], dtype=y_pred.dtype)
    p = functions.sum(classes * y_pred, axis=-1)
    return (1.0 - functions.power(p, q)) / q
