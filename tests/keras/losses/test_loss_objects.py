"""Losses as objects: names, configuration, reductions, masks, own losses."""

import inspect

import numpy as np
import pytest

from epochal import keras
from epochal.errors import ArgumentError
from epochal.keras import losses
from epochal.tensor import convert
from epochal.tensor import functions as F

CLASSES = [cls for cls in losses.CLASSES if cls not in (losses.Loss, losses.LossFunctionWrapper)]
TRUE = np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]], "float32")
PRED = np.array([[0.2, 0.8], [0.6, 0.4], [0.3, 0.7]], "float32")


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_configuration_comes_back(cls):
    loss = cls(reduction="sum", name="mine")
    restored = losses.deserialize(losses.serialize(loss))
    assert type(restored) is cls
    assert restored.get_config() == loss.get_config()
    assert restored.reduction == "sum"
    parameters = set(inspect.signature(cls).parameters) - {"dtype"}
    assert set(loss.get_config()) == parameters


@pytest.mark.parametrize("name", sorted(losses.LOSSES))
def test_names(name):
    if name in ("Loss", "LossFunctionWrapper"):
        return
    found = losses.get(name)
    assert callable(found)
    assert losses.get(found) is found


def test_reductions():
    values = np.mean((TRUE - PRED) ** 2, axis=-1)
    np.testing.assert_allclose(losses.MeanSquaredError(reduction=None)(TRUE, PRED), values, rtol=1e-5)
    np.testing.assert_allclose(losses.MeanSquaredError(reduction="none")(TRUE, PRED), values, rtol=1e-5)
    np.testing.assert_allclose(float(losses.MeanSquaredError()(TRUE, PRED)), values.mean(), rtol=1e-5)
    weight = np.array([1.0, 0.0, 3.0], "float32")
    weighted = losses.MeanSquaredError(reduction="mean_with_sample_weight")(TRUE, PRED, weight)
    np.testing.assert_allclose(float(weighted), (values * weight).sum() / 4, rtol=1e-5)


def test_mask_leaves_samples_out():
    pred = convert(PRED)
    pred._keras_mask = convert(np.array([True, False, True]))
    values = np.mean((TRUE - PRED) ** 2, axis=-1)
    np.testing.assert_allclose(float(losses.MeanSquaredError()(TRUE, pred)), values[[0, 2]].mean(), rtol=1e-5)


def test_own_loss():
    class Own(losses.Loss):
        def call(self, y_true, y_pred):
            return F.mean(F.absolute(y_true - y_pred) ** 3, axis=-1)

    expected = np.mean(np.abs(TRUE - PRED) ** 3)
    np.testing.assert_allclose(float(Own()(TRUE, PRED)), expected, rtol=1e-5)
    assert Own().name == "own"
    with pytest.raises(NotImplementedError, match="Loss must define call"):
        losses.Loss()(TRUE, PRED)


def test_function_with_parameters():
    loss = losses.LossFunctionWrapper(losses.huber, name="mine", delta=0.1)
    restored = losses.LossFunctionWrapper.from_config(loss.get_config())
    assert float(restored(TRUE, PRED)) == float(loss(TRUE, PRED))


def test_targets_of_rank_one_meet_columns():
    values = losses.mean_squared_error(np.array([1.0, 2.0, 3.0]), np.array([[1.0], [2.0], [4.0]], "float32"))
    np.testing.assert_allclose(np.asarray(values), [0.0, 0.0, 1.0])


def test_whole_number_targets_of_other_types():
    labels = np.array([1, 0, 1])
    expected = float(losses.SparseCategoricalCrossentropy()(labels, PRED))
    for dtype in ("uint8", "int64", "float32"):
        assert float(losses.SparseCategoricalCrossentropy()(labels.astype(dtype), PRED)) == expected
    assert float(losses.SparseCategoricalCrossentropy()(labels[:, None], PRED)) == expected


def test_class_axis_elsewhere():
    random = np.random.default_rng(0)
    pred = random.random((2, 3, 5)).astype("float32")
    labels = random.integers(0, 3, (2, 5))
    moved = np.moveaxis(pred, 1, -1)
    np.testing.assert_allclose(
        np.asarray(losses.sparse_categorical_crossentropy(labels, pred, axis=1)),
        np.asarray(losses.sparse_categorical_crossentropy(labels, moved)),
        rtol=1e-5,
    )


@pytest.mark.parametrize("identifier", ["nonsense", 3, object()])
def test_unknown(identifier):
    with pytest.raises(ArgumentError, match="Could not interpret loss identifier"):
        keras.losses.get(identifier)


def test_axis_must_be_a_number():
    with pytest.raises(ArgumentError, match="`axis` must be of type `int`"):
        losses.categorical_crossentropy(TRUE, PRED, axis=True)


def test_short_names():
    assert losses.mse is losses.MSE is losses.mean_squared_error
    assert losses.mae is losses.mean_absolute_error
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        losses.nothing  # noqa: B018
