"""Metrics read from counts of right and wrong decisions at thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from epochal.errors import ArgumentError, ShapeError
from epochal.keras.metrics.metric import Metric
from epochal.learn import metrics
from epochal.learn.losses import match_ranks
from epochal.tensor import Tensor, convert, functions

# Below every prediction: with top_k, what is not among the k largest is moved here.
LOWEST = -1e10


def parse_thresholds(thresholds: Any, default: float = 0.5) -> list[float]:
    """Thresholds as a list; each between 0 and 1."""
    values = [default] if thresholds is None else list(np.atleast_1d(thresholds).astype(float))
    wrong = [value for value in values if not 0 <= value <= 1] if thresholds is not None else []
    if wrong:
        raise ArgumentError(f"Threshold values must be in [0, 1]. Received: {wrong}")
    return values


class ConfusionMetric(Metric):
    """Counts of true and false positives and negatives at each of some thresholds.

    Args:
        thresholds: The thresholds.
        top_k: Only the k largest predictions of a sample can be positive.
        class_id: Only this output counts.
        name: Name.
        dtype: Element type.
    """

    def __init__(
        self,
        thresholds: Sequence[float],
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        self.thresholds = list(thresholds)
        self.top_k = top_k
        self.class_id = class_id
        for count in self._counts():
            setattr(self, count, self.add_variable((len(self.thresholds),), name=count))

    def _counts(self) -> tuple[str, ...]:
        """Which counts it keeps, in the order of its variables."""
        return ("true_positives", "false_positives", "true_negatives", "false_negatives")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_true, y_pred, weight = self._prepare(y_true, y_pred, sample_weight)
        found = metrics.confusion_counts(y_true, y_pred, convert(np.float32(self.thresholds)), weight)
        names = ("true_positives", "false_positives", "true_negatives", "false_negatives")
        for name, count in zip(names, found, strict=True):
            if name in self._counts():
                variable = getattr(self, name)
                variable.assign(variable + functions.sum(count, axis=1))

    def _prepare(self, y_true: Any, y_pred: Any, sample_weight: Any) -> tuple[Tensor, Tensor, Tensor | None]:
        """Targets, predictions and weights as ``[n, 1]`` (everything counts alike)."""
        y_true, y_pred = match_ranks(convert(y_true, self.dtype), convert(y_pred, self.dtype))
        if tuple(y_true.shape) != tuple(y_pred.shape):
            raise ShapeError(
                f"{type(self).__name__}: targets and predictions must have the same shape. "
                f"Expected targets of shape {tuple(y_pred.shape)}. Received: {tuple(y_true.shape)}."
            )
        if self.top_k is not None:
            y_pred = _keep_top_k(y_pred, self.top_k)
        if self.class_id is not None:
            y_true, y_pred = y_true[..., self.class_id], y_pred[..., self.class_id]
        weight = None
        if sample_weight is not None:
            weight = convert(sample_weight, self.dtype)
            while len(weight.shape) > len(y_pred.shape) and weight.shape[-1] == 1:
                weight = functions.squeeze(weight, axis=-1)
            while len(weight.shape) < len(y_pred.shape):
                weight = functions.expand_dims(weight, -1)
            weight = functions.reshape(functions.broadcast_to(weight, y_pred.shape), (-1, 1))
        return functions.reshape(y_true, (-1, 1)), functions.reshape(y_pred, (-1, 1)), weight

    def _scalar(self, values: Tensor) -> Tensor:
        return values[0] if len(self.thresholds) == 1 else values


def _keep_top_k(y_pred: Tensor, k: int) -> Tensor:
    """`y_pred` with all but the k largest entries of the last axis at `LOWEST`."""
    rank = functions.sum(
        functions.cast(functions.expand_dims(y_pred, -2) > functions.expand_dims(y_pred, -1), "int32"), axis=-1
    )
    return functions.where(rank < k, y_pred, LOWEST)


class _OneCount(ConfusionMetric):
    _count = ""

    def __init__(self, thresholds: Any = None, name: str | None = None, dtype: Any = None) -> None:
        self.init_thresholds = thresholds
        super().__init__(parse_thresholds(thresholds), name=name, dtype=dtype)

    def __setattr__(self, name: str, value: Any) -> None:
        # `init_thresholds` is set before the base class has prepared tracking.
        if name == "init_thresholds":
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)

    def _counts(self) -> tuple[str, ...]:
        return (self._count,)

    def result(self) -> Tensor:
        return self._scalar(getattr(self, self._count).value)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "thresholds": self.init_thresholds}


class TruePositives(_OneCount):
    """Weighted number of true positives."""

    _count = "true_positives"


class FalsePositives(_OneCount):
    """Weighted number of false positives."""

    _count = "false_positives"


class TrueNegatives(_OneCount):
    """Weighted number of true negatives."""

    _count = "true_negatives"


class FalseNegatives(_OneCount):
    """Weighted number of false negatives."""

    _count = "false_negatives"


class Precision(ConfusionMetric):
    """True positives over all positives."""

    _direction = "up"
    _wrong = "false_positives"

    def __init__(
        self,
        thresholds: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        parsed = parse_thresholds(thresholds, 0.5 if top_k is None else LOWEST)
        super().__init__(parsed, top_k, class_id, name, dtype)
        self.init_thresholds = thresholds

    def _counts(self) -> tuple[str, ...]:
        return ("true_positives", self._wrong)

    def result(self) -> Tensor:
        right = self.true_positives.value
        return self._scalar(metrics.divide_no_nan(right, right + getattr(self, self._wrong)))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "thresholds": self.init_thresholds,
            "top_k": self.top_k,
            "class_id": self.class_id,
        }


class Recall(Precision):
    """True positives over all that should be positive."""

    _wrong = "false_negatives"


def even_thresholds(count: int, margin: float = 0.0) -> list[float]:
    """`count` thresholds from 0 to 1, the outermost moved out by `margin`."""
    if count == 1:
        return [0.5]
    inner = [(index + 1) / (count - 1) for index in range(count - 2)]
    return [0.0 - margin, *inner, 1.0 + margin]


class _Constrained(ConfusionMetric):
    """The best of one rate where another is at least some value, over even thresholds."""

    _direction = "up"
    _parameter = ""
    # Numerator and the other summand of the denominator, of the constrained rate and of the wanted one.
    _constraint = ("", "")
    _wanted = ("", "")

    def __init__(self, value: float, num_thresholds: int, class_id: int | None, name: str | None, dtype: Any) -> None:
        if not 0 <= value <= 1:
            raise ArgumentError(
                f"Argument `{self._parameter}` must be in the range [0, 1]. Received: {self._parameter}={value}"
            )
        if num_thresholds <= 0:
            raise ArgumentError(
                f"Argument `num_thresholds` must be an integer > 0. Received: num_thresholds={num_thresholds}"
            )
        super().__init__(even_thresholds(num_thresholds), None, class_id, name, dtype)
        self.value = value
        self.num_thresholds = num_thresholds

    def result(self) -> Tensor:
        constrained, wanted = self._rate(*self._constraint), self._rate(*self._wanted)
        return functions.max(functions.where(constrained >= self.value, wanted, 0.0))

    def _rate(self, right: str, wrong: str) -> Tensor:
        numerator = getattr(self, right).value
        return metrics.divide_no_nan(numerator, numerator + getattr(self, wrong))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            self._parameter: self.value,
            "num_thresholds": self.num_thresholds,
            "class_id": self.class_id,
        }


_RECALL = ("true_positives", "false_negatives")
_PRECISION = ("true_positives", "false_positives")
_SPECIFICITY = ("true_negatives", "false_positives")


class SensitivityAtSpecificity(_Constrained):
    """The best sensitivity where specificity is at least the given one."""

    _parameter, _constraint, _wanted = "specificity", _SPECIFICITY, _RECALL

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(specificity, num_thresholds, class_id, name, dtype)


class SpecificityAtSensitivity(_Constrained):
    """The best specificity where sensitivity is at least the given one."""

    _parameter, _constraint, _wanted = "sensitivity", _RECALL, _SPECIFICITY

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)


class PrecisionAtRecall(_Constrained):
    """The best precision where recall is at least the given one."""

    _parameter, _constraint, _wanted = "recall", _RECALL, _PRECISION

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(recall, num_thresholds, class_id, name, dtype)


class RecallAtPrecision(_Constrained):
    """The best recall where precision is at least the given one."""

    _parameter, _constraint, _wanted = "precision", _PRECISION, _RECALL

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(precision, num_thresholds, class_id, name, dtype)
