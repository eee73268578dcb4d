"""Intersection over union of regions, by class (Jaccard 1901)."""

from __future__ import annotations

from typing import Any

import numpy as np

from epochal.errors import ArgumentError
from epochal.keras import settings
from epochal.keras.metrics.metric import Metric
from epochal.tensor import Tensor, convert, functions


class _Confusion(Metric):
    """Counts of (true class, predicted class), and the mean over classes of intersection over union."""

    _direction = "up"

    def _begin(
        self,
        num_classes: int,
        target_class_ids: Any,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        self.num_classes = num_classes
        self.target_class_ids = list(target_class_ids)
        if self.target_class_ids and max(self.target_class_ids) >= num_classes:
            raise ArgumentError(
                f"Target class id {max(self.target_class_ids)} is out of range, which is [0, {num_classes})."
            )
        self.ignore_class = ignore_class
        self.sparse_y_true = sparse_y_true
        self.sparse_y_pred = sparse_y_pred
        self.axis = axis
        self.total_cm = self.add_variable((num_classes, num_classes), name="total_confusion_matrix", dtype=self.dtype)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        true = convert(y_true) if self.sparse_y_true else functions.argmax(y_true, axis=self.axis)
        found = convert(y_pred) if self.sparse_y_pred else functions.argmax(y_pred, axis=self.axis)
        self._count(true, found, sample_weight)

    def _count(self, true: Tensor, found: Tensor, sample_weight: Any) -> None:
        true = functions.reshape(functions.cast(true, "int32"), (-1,))
        found = functions.reshape(functions.cast(found, "int32"), (-1,))
        # Numbers of no class have rows of zeros.
        rows = functions.one_hot(true, self.num_classes, dtype="float32")
        if self.ignore_class is not None:
            seen = functions.cast(true != self.ignore_class, "float32")
            rows = functions.multiply(rows, functions.expand_dims(seen, 1))
        if sample_weight is not None:
            weight = functions.cast(convert(sample_weight, self.dtype), "float32")
            weight = functions.reshape(weight, (-1, 1)) if weight.ndim else weight
            rows = functions.multiply(rows, weight)
        columns = functions.one_hot(found, self.num_classes, dtype="float32")
        counts = functions.matmul(functions.transpose(rows, (1, 0)), columns)
        self.total_cm.assign(self.total_cm + functions.cast(counts, self.dtype))

    def result(self) -> Tensor:
        total = functions.cast(self.total_cm.value, "float32")
        both = functions.diag(total)
        either = functions.sum(total, axis=0) + functions.sum(total, axis=1) - both
        chosen = np.array(self.target_class_ids, "int32")
        both, either = functions.take(both, chosen, axis=0), functions.take(either, chosen, axis=0)
        present = functions.cast(either > 1e-9, "float32")
        shares = functions.multiply(functions.divide(both, either + settings.epsilon()), present)
        return functions.divide(functions.sum(shares), functions.sum(present) + settings.epsilon())


class IoU(_Confusion):
    """Mean intersection over union of some classes.

    Args:
        num_classes: How many classes there are.
        target_class_ids: Which of them count.
        name: Name.
        dtype: Element type of the counts, int32 by default.
        ignore_class: A class whose samples are left out.
        sparse_y_true: Whether targets are class numbers rather than one number a class.
        sparse_y_pred: Likewise for predictions.
        axis: Axis of the classes.
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Any,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(dtype or "int32", name)
        self._begin(num_classes, target_class_ids, ignore_class, sparse_y_true, sparse_y_pred, axis)

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "dtype": self.dtype,
            "num_classes": self.num_classes,
            "target_class_ids": self.target_class_ids,
            "ignore_class": self.ignore_class,
            "sparse_y_true": self.sparse_y_true,
            "sparse_y_pred": self.sparse_y_pred,
            "axis": self.axis,
        }


class MeanIoU(IoU):
    """Mean intersection over union of all classes. Arguments: those of `IoU`."""

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        classes = list(range(num_classes))
        super().__init__(num_classes, classes, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["target_class_ids"]
        return config


class OneHotIoU(IoU):
    """`IoU` of targets with one number a class. Arguments: those of `IoU`."""

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Any,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["sparse_y_true"]
        return config


class OneHotMeanIoU(MeanIoU):
    """`MeanIoU` of targets with one number a class. Arguments: those of `IoU`."""

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["sparse_y_true"]
        return config


class BinaryIoU(_Confusion):
    """`IoU` of two classes, from one number a sample.

    Args:
        target_class_ids: ``(0, 1)``, ``(0,)`` or ``(1,)``: which of the classes count.
        threshold: Predictions from this one on mean class 1.
        name: Name.
        dtype: Element type of the counts.
    """

    def __init__(
        self, target_class_ids: Any = (0, 1), threshold: float = 0.5, name: str | None = None, dtype: Any = None
    ) -> None:
        super().__init__(dtype or "int32", name)
        self._begin(2, target_class_ids)
        self.threshold = threshold

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        found = functions.cast(convert(y_pred) >= self.threshold, "int32")
        self._count(convert(y_true), found, sample_weight)

    def get_config(self) -> dict[str, Any]:
        own = {"target_class_ids": self.target_class_ids, "threshold": self.threshold}
        return {**own, "name": self.name, "dtype": self.dtype}
