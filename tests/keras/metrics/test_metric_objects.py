"""Metrics as objects: names, configuration, state, own metrics."""

import numpy as np
import pytest

from epochal.errors import ArgumentError, ShapeError
from epochal.keras import metrics
from epochal.tensor import functions as F

NEEDED = {
    "IoU": {"num_classes": 3, "target_class_ids": [0, 2]},
    "MeanIoU": {"num_classes": 3},
    "OneHotIoU": {"num_classes": 3, "target_class_ids": [0, 2]},
    "OneHotMeanIoU": {"num_classes": 3},
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
    "PrecisionAtRecall": {"recall": 0.5},
    "RecallAtPrecision": {"precision": 0.5},
}
CLASSES = [cls for cls in metrics.CLASSES if cls not in (metrics.Metric, metrics.MeanMetricWrapper)]


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_configuration_comes_back(cls):
    metric = cls(name="mine", **NEEDED.get(cls.__name__, {}))
    restored = metrics.deserialize(metrics.serialize(metric))
    assert type(restored) is cls
    assert restored.get_config() == metric.get_config()
    assert restored.name == "mine"
    assert cls in (metrics.Mean, metrics.Sum) or metric._direction in ("up", "down", None)


@pytest.mark.parametrize(
    ("name", "cls"),
    [
        ("mse", "MeanSquaredError"),
        ("mean_absolute_error", "MeanAbsoluteError"),
        ("AUC", "AUC"),
        ("auc", "AUC"),
        ("precision", "Precision"),
        ("binary_accuracy", "BinaryAccuracy"),
        ("SparseTopKCategoricalAccuracy", "SparseTopKCategoricalAccuracy"),
        ("f1_score", "F1Score"),
    ],
)
def test_names(name, cls):
    assert type(metrics.get(name)).__name__ == cls


def test_functions_by_name():
    assert metrics.get("huber") is metrics.huber
    with pytest.raises(ArgumentError, match="Could not interpret metric identifier: 'nonsense'"):
        metrics.get("nonsense")


def test_own_metric_tracks_its_state():
    class Largest(metrics.Metric):
        def __init__(self, name="largest"):
            super().__init__(name=name)
            self.value = self.add_weight(name="value", initializer="zeros")
            self.inner = metrics.Sum()

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.value.assign(F.maximum(self.value, F.max(y_pred)))
            self.inner.update_state(y_pred)

        def result(self):
            return self.value

    metric = Largest()
    assert len(metric.variables) == 2
    metric.update_state(None, F.ones((3,)) * 4.0)
    assert float(metric(None, F.ones((2,)))) == 4.0
    assert float(metric.inner.result()) == 14.0
    metric.reset_state()
    assert [float(variable) for variable in metric.variables] == [0.0, 0.0]
    assert repr(metric) == "<Largest name=largest>"


def test_mean_of_scalars_and_weights():
    mean = metrics.Mean()
    assert float(mean.result()) == 0.0
    mean.update_state(2.0)
    mean.update_state(5.0, sample_weight=2.0)
    assert float(mean.result()) == 4.0


def test_mean_weighs_samples_of_higher_rank():
    mean = metrics.Mean()
    mean.update_state(np.array([[1.0, 3.0], [5.0, 7.0]]), sample_weight=np.array([1.0, 3.0]))
    assert float(mean.result()) == 5.0
    mean.reset_state()
    mean.update_state(np.array([[1.0, 3.0], [5.0, 7.0]]), sample_weight=np.array([[1.0, 0.0], [1.0, 1.0]]))
    np.testing.assert_allclose(float(mean.result()), (0.5 + 6.0) / 1.5)


def test_ties_count_as_inside():
    metric = metrics.SparseTopKCategoricalAccuracy(k=1)
    assert float(metric(np.array([1]), np.array([[0.5, 0.5, 0.0]], "float32"))) == 1.0


def test_shapes_that_do_not_fit():
    with pytest.raises(ShapeError, match=r"Precision.*Expected targets of shape \(3, 2\)\. Received: \(3, 4\)"):
        metrics.Precision().update_state(np.ones((3, 4)), np.ones((3, 2)))
    with pytest.raises(ShapeError, match=r"F1Score expects 2D"):
        metrics.F1Score().update_state(np.ones(3), np.ones(3))
    with pytest.raises(ArgumentError, match="initializer must be"):
        metrics.Mean().add_weight(initializer="sevens")
