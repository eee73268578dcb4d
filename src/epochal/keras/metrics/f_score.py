"""Harmonic means of precision and recall."""

from __future__ import annotations

from typing import Any

from epochal.errors import ArgumentError, ShapeError
from epochal.keras.metrics.metric import Metric
from epochal.learn import metrics
from epochal.learn.losses import EPSILON
from epochal.tensor import Tensor, convert, functions


class FBetaScore(Metric):
    """The weighted harmonic mean of precision and recall.

    Args:
        average: ``None`` (one score a class), ``"micro"``, ``"macro"`` or ``"weighted"``.
        beta: Weight of recall.
        threshold: Predictions above it are positive; ``None``: the largest of a sample is.
        name: Name.
        dtype: Element type.
    """

    _direction = "up"

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = "fbeta_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        if average not in (None, "micro", "macro", "weighted"):
            raise ArgumentError(
                "Invalid `average` argument value. Expected one of: None, 'micro', 'macro', 'weighted'. "
                f"Received: average={average!r}"
            )
        if not isinstance(beta, float) or beta <= 0.0:
            raise ArgumentError(f"Invalid `beta` argument value. It should be a float > 0. Received: beta={beta!r}")
        if threshold is not None and not (isinstance(threshold, float) and 0.0 < threshold <= 1.0):
            raise ArgumentError(
                f"Invalid `threshold` argument value. It should be a float in (0, 1]. Received: {threshold!r}"
            )
        self.average = average
        self.beta = beta
        self.threshold = threshold
        self._built = False

    def _build(self, shape: tuple[int | None, ...]) -> None:
        if len(shape) != 2:
            raise ShapeError(
                f"{type(self).__name__} expects 2D inputs with shape (batch_size, output_dim). "
                f"Received: y_pred.shape={shape}."
            )
        size: Any = () if self.average == "micro" else shape[1:]
        for name in ("true_positives", "false_positives", "false_negatives", "intermediate_weights"):
            setattr(self, name, self.add_variable(size, name=name))
        self._built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_true, y_pred = convert(y_true, self.dtype), convert(y_pred, self.dtype)
        if not self._built:
            self._build(y_pred.shape)
        if self.threshold is None:
            largest = functions.max(y_pred, axis=-1, keepdims=True)
            # A row of zeros has no positive.
            positive = functions.logical_and(y_pred >= largest, functions.absolute(y_pred) > 1e-9)
        else:
            positive = y_pred > self.threshold
        y_pred = functions.cast(positive, self.dtype)
        weight = None if sample_weight is None else functions.reshape(convert(sample_weight, self.dtype), (-1, 1))
        axis = None if self.average == "micro" else 0

        def add(variable: Any, values: Tensor) -> None:
            values = values if weight is None else values * weight
            variable.assign(variable + functions.sum(values, axis=axis))

        add(self.true_positives, y_pred * y_true)
        add(self.false_positives, y_pred * (1.0 - y_true))
        add(self.false_negatives, (1.0 - y_pred) * y_true)
        add(self.intermediate_weights, y_true)

    def result(self) -> Tensor:
        counts = (self.true_positives.value, self.false_positives.value, self.false_negatives.value)
        score = metrics.f_beta(*counts, self.beta)
        if self.average == "weighted":
            weights = self.intermediate_weights.value
            return functions.sum(score * weights / (functions.sum(weights) + EPSILON))
        return score if self.average is None else functions.mean(score)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "average": self.average,
            "beta": self.beta,
            "threshold": self.threshold,
        }


class F1Score(FBetaScore):
    """The harmonic mean of precision and recall."""

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = "f1_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(average, 1.0, threshold, name, dtype)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["beta"]
        return config
