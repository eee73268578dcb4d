"""`tf.losses` of TensorFlow 1: weighted means over samples, gathered in the graph's collection of losses."""

from __future__ import annotations

import importlib
from typing import Any

from epochal.learn import losses as formulas
from epochal.tensor import Tensor, functions
from epochal.tf import nn
from epochal.tf.conversion import to_tensor
from epochal.tf.graph import GraphKeys, current_graph, get_default_graph


class Reduction:
    """How the losses of the elements become one."""

    NONE = "none"
    SUM = "weighted_sum"
    MEAN = "weighted_mean"
    SUM_OVER_BATCH_SIZE = "weighted_sum_over_batch_size"
    SUM_BY_NONZERO_WEIGHTS = "weighted_sum_by_nonzero_weights"


def compute_weighted_loss(
    losses: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """The losses times their weights, reduced, and added to the collection."""
    values = to_tensor(losses)
    factor = functions.broadcast_to(to_tensor(weights, like=values.dtype), values.dimensions)
    weighted = values * factor
    if reduction == Reduction.NONE:
        result = weighted
    else:
        total = functions.sum(weighted)
        result = total if reduction == Reduction.SUM else total / _count(factor, reduction)
    graph = current_graph()
    if graph is not None and loss_collection:
        graph.add_to_collection(loss_collection, result)
    return result


def _count(weights: Tensor, reduction: str) -> Tensor:
    if reduction == Reduction.MEAN:
        return functions.sum(weights)
    if reduction == Reduction.SUM_OVER_BATCH_SIZE:
        return functions.sum(functions.ones_like(weights))
    present = functions.sum(functions.cast(functions.not_equal(weights, 0.0), weights.dtype))
    return functions.maximum(present, 1.0)


def mean_squared_error(
    labels: Any, predictions: Any, weights: Any = 1.0, scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES, reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:  # fmt: skip
    """The mean of ``(predictions - labels) ** 2``."""
    guess = to_tensor(predictions)
    error = functions.square(guess - functions.cast(to_tensor(labels, like=guess.dtype), guess.dtype))
    return compute_weighted_loss(error, weights, scope, loss_collection, reduction)


def absolute_difference(
    labels: Any, predictions: Any, weights: Any = 1.0, scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES, reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:  # fmt: skip
    """The mean of ``|predictions - labels|``."""
    guess = to_tensor(predictions)
    error = functions.absolute(guess - functions.cast(to_tensor(labels, like=guess.dtype), guess.dtype))
    return compute_weighted_loss(error, weights, scope, loss_collection, reduction)


def log_loss(
    labels: Any, predictions: Any, weights: Any = 1.0, epsilon: float = formulas.EPSILON, scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES, reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:  # fmt: skip
    """The mean of ``-y log(p + epsilon) - (1 - y) log(1 - p + epsilon)``."""
    guess = to_tensor(predictions)
    truth = functions.cast(to_tensor(labels, like=guess.dtype), guess.dtype)
    losses = -truth * functions.log(guess + epsilon) - (1.0 - truth) * functions.log(1.0 - guess + epsilon)
    return compute_weighted_loss(losses, weights, scope, loss_collection, reduction)


def softmax_cross_entropy(
    onehot_labels: Any, logits: Any, weights: Any = 1.0, label_smoothing: float = 0, scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES, reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:  # fmt: skip
    """The mean cross-entropy of ``softmax(logits)`` with the labels."""
    scores = to_tensor(logits)
    truth = functions.cast(to_tensor(onehot_labels, like=scores.dtype), scores.dtype)
    if label_smoothing:
        truth = truth * (1.0 - label_smoothing) + label_smoothing / float(scores.shape[-1])
    losses = nn.softmax_cross_entropy_with_logits(labels=truth, logits=scores)
    return compute_weighted_loss(losses, weights, scope, loss_collection, reduction)


def sparse_softmax_cross_entropy(
    labels: Any, logits: Any, weights: Any = 1.0, scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES, reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:  # fmt: skip
    """The mean cross-entropy of ``softmax(logits)`` with integer labels."""
    losses = nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    return compute_weighted_loss(losses, weights, scope, loss_collection, reduction)


def sigmoid_cross_entropy(
    multi_class_labels: Any, logits: Any, weights: Any = 1.0, label_smoothing: float = 0, scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES, reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:  # fmt: skip
    """The mean cross-entropy of ``sigmoid(logits)`` with the labels."""
    scores = to_tensor(logits)
    truth = functions.cast(to_tensor(multi_class_labels, like=scores.dtype), scores.dtype)
    if label_smoothing:
        truth = truth * (1.0 - label_smoothing) + 0.5 * label_smoothing
    losses = nn.sigmoid_cross_entropy_with_logits(labels=truth, logits=scores)
    return compute_weighted_loss(losses, weights, scope, loss_collection, reduction)


def add_loss(loss: Any, loss_collection: str | None = GraphKeys.LOSSES) -> None:
    """Adds a loss of one's own to the collection."""
    if loss_collection:
        get_default_graph().add_to_collection(loss_collection, loss)


def get_losses(scope: str | None = None, loss_collection: str = GraphKeys.LOSSES) -> list[Tensor]:
    """The losses gathered so far."""
    return get_default_graph().get_collection(loss_collection, scope)


def get_regularization_losses(scope: str | None = None) -> list[Tensor]:
    """The regularization losses gathered so far."""
    return get_default_graph().get_collection(GraphKeys.REGULARIZATION_LOSSES, scope)


def get_regularization_loss(scope: str | None = None, name: str = "total_regularization_loss") -> Tensor:
    """The sum of the regularization losses gathered so far."""
    terms = [to_tensor(term) for term in get_regularization_losses(scope)]
    return sum(terms[1:], terms[0]) if terms else to_tensor(0.0)


def get_total_loss(add_regularization_losses: bool = True, name: str = "total_loss") -> Tensor:
    """The sum of all losses gathered."""
    terms = get_losses() + (get_regularization_losses() if add_regularization_losses else [])
    total = to_tensor(terms[0]) if terms else to_tensor(0.0)
    for term in terms[1:]:
        total = total + term
    return total


def hinge_loss(
    labels: Any, logits: Any, weights: Any = 1.0, scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES, reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:  # fmt: skip
    """The mean of ``max(0, 1 - y x)`` for labels 0 and 1, which count as y = -1 and 1."""
    scores = to_tensor(logits)
    signs = 2.0 * functions.cast(to_tensor(labels, like=scores.dtype), scores.dtype) - 1.0
    return compute_weighted_loss(functions.relu(1.0 - signs * scores), weights, scope, loss_collection, reduction)


def huber_loss(
    labels: Any, predictions: Any, weights: Any = 1.0, delta: float = 1.0, scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES, reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:  # fmt: skip
    """The mean of half the squared error up to `delta`, and linear beyond."""
    guess = to_tensor(predictions)
    size = functions.absolute(guess - functions.cast(to_tensor(labels, like=guess.dtype), guess.dtype))
    near = functions.minimum(size, delta)
    return compute_weighted_loss(0.5 * near * near + delta * (size - near), weights, scope, loss_collection, reduction)


def cosine_distance(
    labels: Any, predictions: Any, axis: int | None = None, weights: Any = 1.0, scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES, reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
    dim: int | None = None,
) -> Tensor:  # fmt: skip
    """The mean of ``1 - sum(labels * predictions)`` along `axis`; both are of length 1 already."""
    guess = to_tensor(predictions)
    product = guess * functions.cast(to_tensor(labels, like=guess.dtype), guess.dtype)
    losses = 1.0 - functions.sum(product, axis=axis if axis is not None else dim, keepdims=True)
    return compute_weighted_loss(losses, weights, scope, loss_collection, reduction)


def __getattr__(name: str) -> Any:
    """TensorFlow 2's names, such as ``MeanSquaredError``, are Keras's."""
    if name[:1].isupper():
        return getattr(importlib.import_module("epochal.keras.losses"), name)
    raise AttributeError(f"module 'tensorflow.losses' has no attribute {name!r} in Epochal yet")
