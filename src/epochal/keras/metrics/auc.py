"""The area under a curve over all thresholds."""

from __future__ import annotations

from typing import Any

import numpy as np

from epochal.errors import ArgumentError, ShapeError
from epochal.keras.metrics.confusion import even_thresholds
from epochal.keras.metrics.metric import Metric
from epochal.learn import metrics
from epochal.learn.losses import EPSILON, match_ranks
from epochal.tensor import Tensor, convert, functions

_COUNTS = ("true_positives", "false_positives", "true_negatives", "false_negatives")


class AUC(Metric):
    """Approximate area under the ROC or precision-recall curve.

    Args:
        num_thresholds: Thresholds, spread evenly over [0, 1].
        curve: ``"ROC"`` or ``"PR"``.
        summation_method: ``"interpolation"``, ``"minoring"`` or ``"majoring"``.
        name: Name.
        dtype: Element type.
        thresholds: Inner thresholds to use instead.
        multi_label: Compute one area an output, then average.
        num_labels: Outputs, if `multi_label`.
        label_weights: Weights of the outputs' areas.
        from_logits: Predictions are logits and not probabilities.
    """

    _direction = "up"

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Any = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Any = None,
        from_logits: bool = False,
    ) -> None:
        super().__init__(dtype, name)
        if curve not in ("ROC", "PR"):
            raise ArgumentError(f"Invalid `curve` argument value {curve!r}. Expected one of: ROC, PR.")
        if summation_method not in ("interpolation", "minoring", "majoring"):
            raise ArgumentError(
                f"Invalid `summation_method` argument value {summation_method!r}. "
                "Expected one of: interpolation, minoring, majoring."
            )
        if thresholds is not None:
            inner = sorted(float(value) for value in thresholds)
            self.thresholds = [-EPSILON, *inner, 1.0 + EPSILON]
        elif num_thresholds <= 1:
            raise ArgumentError(
                f"Argument `num_thresholds` must be an integer > 1. Received: num_thresholds={num_thresholds}"
            )
        else:
            self.thresholds = even_thresholds(num_thresholds, EPSILON)
        self.num_thresholds = len(self.thresholds)
        self.curve = curve
        self.summation_method = summation_method
        self.multi_label = multi_label
        self.num_labels = num_labels
        self.label_weights = label_weights
        self._from_logits = from_logits
        self._init_thresholds = None if thresholds is None else [float(value) for value in thresholds]
        self._built = False
        if num_labels or not multi_label:
            self._build(num_labels or 1)

    def _build(self, labels: int) -> None:
        shape = (self.num_thresholds, labels) if self.multi_label else (self.num_thresholds,)
        for count in _COUNTS:
            setattr(self, count, self.add_variable(shape, name=count))
        self._built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_true, y_pred = match_ranks(convert(y_true, self.dtype), convert(y_pred, self.dtype))
        if tuple(y_true.shape) != tuple(y_pred.shape):
            raise ShapeError(
                "AUC: targets and predictions must have the same shape. "
                f"Expected targets of shape {tuple(y_pred.shape)}. Received: {tuple(y_true.shape)}."
            )
        if self._from_logits:
            y_pred = functions.sigmoid(y_pred)
        labels = y_pred.shape[-1] if self.multi_label else 1
        if not self._built:
            self._build(labels)
        weight = None
        if sample_weight is not None:
            weight = convert(sample_weight, self.dtype)
            while len(weight.shape) < len(y_pred.shape):
                weight = functions.expand_dims(weight, -1)
            weight = functions.reshape(functions.broadcast_to(weight, y_pred.shape), (-1, labels))
        y_true, y_pred = functions.reshape(y_true, (-1, labels)), functions.reshape(y_pred, (-1, labels))
        found = metrics.confusion_counts(y_true, y_pred, convert(np.float32(self.thresholds)), weight)
        for name, count in zip(_COUNTS, found, strict=True):
            variable = getattr(self, name)
            variable.assign(variable + (count if self.multi_label else functions.sum(count, axis=1)))

    def result(self) -> Tensor:
        if not self._built:
            return convert(0.0)
        counts = [getattr(self, name).value for name in _COUNTS]
        area = metrics.area_under_curve(*counts, self.curve, self.summation_method)
        if not self.multi_label:
            return area
        if self.label_weights is None:
            return functions.mean(area)
        weights = convert(np.asarray(self.label_weights), self.dtype)
        return metrics.divide_no_nan(functions.sum(area * weights), functions.sum(weights))

    def get_config(self) -> dict[str, Any]:
        config = {
            **super().get_config(),
            "num_thresholds": self.num_thresholds,
            "curve": self.curve,
            "summation_method": self.summation_method,
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": self.label_weights,
            "from_logits": self._from_logits,
        }
        if self._init_thresholds is not None:
            config["thresholds"] = self._init_thresholds
        return config
