"""How often predictions are right."""

from __future__ import annotations

from typing import Any

from epochal.keras.metrics.reduction import MeanOfFunction
from epochal.learn import metrics


class Accuracy(MeanOfFunction):
    """How often predictions equal labels."""

    _direction = "up"

    def __init__(self, name: str | None = "accuracy", dtype: Any = None) -> None:
        super().__init__(metrics.accuracy, name, dtype)


class BinaryAccuracy(MeanOfFunction):
    """How often predictions are on their label's side of a threshold."""

    _direction = "up"

    def __init__(self, name: str | None = "binary_accuracy", dtype: Any = None, threshold: float = 0.5) -> None:
        super().__init__(metrics.binary_accuracy, name, dtype, threshold=threshold)


class CategoricalAccuracy(MeanOfFunction):
    """How often the likeliest class is the one-hot target's."""

    _direction = "up"

    def __init__(self, name: str | None = "categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(metrics.categorical_accuracy, name, dtype)


class SparseCategoricalAccuracy(MeanOfFunction):
    """How often the likeliest class is the target."""

    _direction = "up"

    def __init__(self, name: str | None = "sparse_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(metrics.sparse_categorical_accuracy, name, dtype)


class TopKCategoricalAccuracy(MeanOfFunction):
    """How often the one-hot target's class is among the k likeliest."""

    _direction = "up"

    def __init__(self, k: int = 5, name: str | None = "top_k_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(metrics.top_k_categorical_accuracy, name, dtype, k=k)


class SparseTopKCategoricalAccuracy(MeanOfFunction):
    """How often the target is among the k likeliest classes."""

    _direction = "up"

    def __init__(
        self,
        k: int = 5,
        name: str | None = "sparse_top_k_categorical_accuracy",
        dtype: Any = None,
        from_sorted_ids: bool = False,
    ) -> None:
        super().__init__(metrics.sparse_top_k_categorical_accuracy, name, dtype, k=k, from_sorted_ids=from_sorted_ids)
