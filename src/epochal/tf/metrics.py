"""`tf.metrics` of TensorFlow 1: running figures in local variables, as pairs (value, update operation).

Names with a capital, such as ``tf.metrics.Accuracy``, are TensorFlow 2's: Keras's classes.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from epochal.errors import ArgumentError
from epochal.tensor import Tensor, functions
from epochal.tf.conversion import to_tensor
from epochal.tf.flow import control_dependencies
from epochal.tf.graph import GraphKeys, current_graph, get_default_graph
from epochal.tf.scopes import variable_scope
from epochal.tf.variables import GraphVariable, assign_add

Pair = tuple[Tensor, Tensor]


def _local(name: str, scope: Any) -> GraphVariable:
    graph = get_default_graph()
    keys = (GraphKeys.LOCAL_VARIABLES, GraphKeys.METRIC_VARIABLES)
    with graph.name_scope(None):
        return GraphVariable(graph, np.float32(0.0), False, keys, f"{scope.name}/{name}")


def _running(
    name: str | None, default: str, terms: dict[str, Tensor], ratio: Any, collections: tuple[Any, Any]
) -> Pair:
    """A figure of running sums.

    Args:
        name: Of the scope; `default` if ``None``.
        default: See `name`.
        terms: What each update adds to each local variable.
        ratio: The figure as a function of the sums.
        collections: That the value and the update join.
    """
    if current_graph() is None:
        raise ArgumentError(
            f"tf.metrics.{default} works on graphs. In eager execution use the classes of tf.keras.metrics."
        )
    with variable_scope(name, default) as scope:
        sums = {key: _local(key, scope) for key in terms}
        value = ratio(*[variable.read_value() for variable in sums.values()])
        updates = [assign_add(sums[key], term) for key, term in terms.items()]
        with control_dependencies(updates):
            update = ratio(*updates)
    for keys, tensor in zip(collections, (value, update), strict=True):
        for key in _listed(keys):
            get_default_graph().add_to_collection(key, tensor)
    return value, update


def _listed(keys: Any) -> Sequence[str]:
    return [keys] if isinstance(keys, str) else list(keys or ())


def _quotient(total: Tensor, count: Tensor) -> Tensor:
    return functions.divide_no_nan(total, count)


def _sum(x: Tensor, weights: Any) -> tuple[Tensor, Tensor]:
    """The weighted sum of the elements, and of the weights."""
    values = functions.cast(x, "float32")
    if weights is None:
        return functions.sum(values), functions.sum(functions.ones_like(values))
    factor = functions.cast(to_tensor(weights), "float32")
    while factor.ndim < values.ndim and factor.ndim:
        factor = functions.expand_dims(factor, -1)
    factor = functions.broadcast_to(factor, values.dimensions)
    return functions.sum(values * factor), functions.sum(factor)


def mean(
    values: Any, weights: Any = None, metrics_collections: Any = None, updates_collections: Any = None,
    name: str | None = None,
) -> Pair:  # fmt: skip
    """The mean of all values seen."""
    total, count = _sum(to_tensor(values), weights)
    return _running(
        name, "mean", {"total": total, "count": count}, _quotient, (metrics_collections, updates_collections)
    )


def _mean_of(
    figure: Any, name: str | None, default: str, weights: Any, collections: tuple[Any, Any], last: Any = None
) -> Pair:
    total, count = _sum(figure, weights)

    def ratio(total: Tensor, count: Tensor) -> Tensor:
        result = _quotient(total, count)
        return result if last is None else last(result)

    return _running(name, default, {"total": total, "count": count}, ratio, collections)


def accuracy(
    labels: Any, predictions: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Pair:  # fmt: skip
    """How often `predictions` equals `labels`."""
    guess = to_tensor(predictions)
    truth = functions.cast(to_tensor(labels), guess.dtype)
    if truth.ndim == guess.ndim + 1 and truth.shape[-1] == 1:
        truth = functions.squeeze(truth, -1)
    elif guess.ndim == truth.ndim + 1 and guess.shape[-1] == 1:
        guess = functions.squeeze(guess, -1)
    return _mean_of(
        functions.equal(guess, truth), name, "accuracy", weights, (metrics_collections, updates_collections)
    )


def _errors(labels: Any, predictions: Any) -> Tensor:
    guess = to_tensor(predictions)
    return guess - functions.cast(to_tensor(labels, like=guess.dtype), guess.dtype)


def mean_squared_error(
    labels: Any, predictions: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Pair:  # fmt: skip
    """The mean of ``(predictions - labels) ** 2``."""
    figure = functions.square(_errors(labels, predictions))
    return _mean_of(figure, name, "mean_squared_error", weights, (metrics_collections, updates_collections))


def root_mean_squared_error(
    labels: Any, predictions: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Pair:  # fmt: skip
    """The root of `mean_squared_error`."""
    figure = functions.square(_errors(labels, predictions))
    keys = (metrics_collections, updates_collections)
    return _mean_of(figure, name, "root_mean_squared_error", weights, keys, functions.sqrt)


def mean_absolute_error(
    labels: Any, predictions: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Pair:  # fmt: skip
    """The mean of ``|predictions - labels|``."""
    figure = functions.absolute(_errors(labels, predictions))
    return _mean_of(figure, name, "mean_absolute_error", weights, (metrics_collections, updates_collections))


def _counts(labels: Any, predictions: Any, weights: Any, wanted: Sequence[tuple[bool, bool]]) -> list[Tensor]:
    """How many elements have each (label, prediction)."""
    truth = functions.cast(to_tensor(labels), "bool")
    guess = functions.cast(to_tensor(predictions), "bool")
    counts = []
    for label, prediction in wanted:
        left = truth if label else functions.logical_not(truth)
        right = guess if prediction else functions.logical_not(guess)
        counts.append(_sum(functions.logical_and(left, right), weights)[0])
    return counts


def precision(
    labels: Any, predictions: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Pair:  # fmt: skip
    """How many of what is predicted true is true."""
    hits, wrong = _counts(labels, predictions, weights, [(True, True), (False, True)])
    terms = {"true_positives": hits, "false_positives": wrong}
    return _running(name, "precision", terms, _share, (metrics_collections, updates_collections))


def recall(
    labels: Any, predictions: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Pair:  # fmt: skip
    """How many of what is true is predicted true."""
    hits, missed = _counts(labels, predictions, weights, [(True, True), (True, False)])
    terms = {"true_positives": hits, "false_negatives": missed}
    return _running(name, "recall", terms, _share, (metrics_collections, updates_collections))


def _share(hits: Tensor, others: Tensor) -> Tensor:
    return functions.divide_no_nan(hits, hits + others)


def _count(kind: str, label: bool, prediction: bool) -> Any:
    def count(
        labels: Any, predictions: Any, weights: Any = None, metrics_collections: Any = None,
        updates_collections: Any = None, name: str | None = None,
    ) -> Pair:  # fmt: skip
        (found,) = _counts(labels, predictions, weights, [(label, prediction)])
        keys = (metrics_collections, updates_collections)
        return _running(name, kind, {"count": found}, lambda total: total + 0.0, keys)

    count.__name__ = kind
    count.__doc__ = f"How many elements are labelled {label} and predicted {prediction}."
    return count


true_positives = _count("true_positives", True, True)
false_positives = _count("false_positives", False, True)
true_negatives = _count("true_negatives", False, False)
false_negatives = _count("false_negatives", True, False)


def __getattr__(name: str) -> Any:
    """TensorFlow 2's names are Keras's."""
    if name[:1].isupper():
        return getattr(importlib.import_module("epochal.keras.metrics"), name)
    raise AttributeError(f"module 'tensorflow.metrics' has no attribute {name!r} in Epochal yet")
