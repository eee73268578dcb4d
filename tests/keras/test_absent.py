"""What Keras has and we have not is said where it is asked for; sample data sets come from files."""

import importlib

import numpy as np
import pytest

from epochal import keras
from epochal.errors import ArgumentError, FileFormatError, NotSupportedError


@pytest.mark.parametrize(
    ("module", "name", "message"),
    [
        ("layers", "RandomFlip", "What exists for images: Rescaling"),
        ("layers", "TextVectorization", "What exists for integers: Embedding"),
        ("layers", "ConvLSTM2D", "TimeDistributed"),
        ("callbacks", "TensorBoard", "Use CSVLogger"),
        ("optimizers", "Muon", "Use AdamW"),
        ("applications", "ResNet50", "load_model"),
    ],
)
def test_names_say_what_to_use(module, name, message):
    with pytest.raises(NotSupportedError, match=message):
        getattr(getattr(keras, module), name)
    with pytest.raises(NotSupportedError, match=f"keras.{module}.{name} is not supported by Epochal"):
        exec(f"from epochal.keras.{module} import {name}")


@pytest.mark.parametrize("module", ["layers", "callbacks", "optimizers"])
def test_names_that_nothing_has(module):
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        getattr(getattr(keras, module), "Nonsense")  # noqa: B009
    assert not hasattr(importlib.import_module(f"epochal.keras.{module}"), "__wrapped__")


def test_data_sets_are_not_downloaded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"downloads nothing.*x_train, y_train, x_test, y_test"):
        keras.datasets.mnist.load_data()
    home = tmp_path / ".keras" / "datasets"
    home.mkdir(parents=True)
    arrays = {"x_train": np.zeros((3, 2, 2)), "y_train": np.arange(3), "x_test": np.ones((1, 2, 2)), "y_test": [4]}
    np.savez(home / "mnist.npz", **arrays)
    np.savez(tmp_path / "own.npz", **arrays)
    for found in (keras.datasets.mnist.load_data(), keras.datasets.cifar10.load_data(tmp_path / "own.npz")):
        (_, labels), (images, _) = found
        assert labels.tolist() == [0, 1, 2]
        assert images.shape == (1, 2, 2)
    with pytest.raises(FileFormatError, match="Expected also"):
        keras.datasets.boston_housing.load_data(tmp_path / "own.npz")
    with pytest.raises(ArgumentError, match="label_mode"):
        keras.datasets.cifar100.load_data("middle")


def test_rows_of_houses_are_split(tmp_path):
    np.savez(tmp_path / "houses.npz", x=np.arange(10.0)[:, None], y=np.arange(10.0))
    (x, y), (x_test, y_test) = keras.datasets.boston_housing.load_data(tmp_path / "houses.npz", test_split=0.3)
    assert len(x) == 7
    np.testing.assert_array_equal(np.sort(np.concatenate([y, y_test])), np.arange(10))
    np.testing.assert_array_equal(np.concatenate([x, x_test])[:, 0], np.concatenate([y, y_test]))


def test_words_of_reviews(tmp_path):
    def lists(*rows):
        result = np.empty(len(rows), object)
        result[:] = rows
        return result

    np.savez(
        tmp_path / "imdb.npz",
        x_train=lists([1, 2, 9], [3]),
        y_train=np.array([0, 1]),
        x_test=lists([5, 4], [1, 1, 1, 1]),
        y_test=np.array([1, 0]),
    )
    (x, y), (x_test, _) = keras.datasets.imdb.load_data(tmp_path / "imdb.npz", num_words=10, maxlen=5)
    assert sorted(zip(x.tolist(), y.tolist(), strict=True)) == [([1, 4, 5, 2], 0), ([1, 6], 1)]
    assert x_test.tolist() == [[1, 8, 7]]
