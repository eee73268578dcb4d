"""Batches from outside: kinds of batches met before run the steps they had, and nothing is missed by that."""

import numpy as np
import pytest

from epochal import keras
from epochal.errors import ArgumentError
from epochal.keras.trainer.programs import Programs


@pytest.fixture
def compiled(monkeypatch):
    """What `Programs.batch` was asked for."""
    asked = []
    original = Programs.batch

    def batch(self, key, data, function):
        asked.append(data.leaves[0].shape)
        return original(self, key, data, function)

    monkeypatch.setattr(Programs, "batch", batch)
    return asked


def classifier(optimizer="sgd"):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, activation="softmax")])
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def batches(*sizes, seed=0):
    draw = np.random.default_rng(seed)
    return [(draw.normal(size=(n, 3)).astype("float32"), draw.integers(0, 4, n).astype("int32")) for n in sizes]


def test_a_step_is_looked_up_once_a_kind(compiled):
    model, other = classifier(), classifier()
    other.set_weights(model.get_weights())
    given = batches(8, 8, 5, 8, 5, 8)
    model.fit(iter(given), verbose=0)
    assert len(compiled) <= 4  # when it is met, and to be kept
    for x, y in given:
        other.train_on_batch(x, y)
    for ours, theirs in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_settings_changed_between_epochs_count():
    layers = [keras.Input((3,)), keras.layers.Dense(3), keras.layers.Dense(4, activation="softmax")]
    model = keras.Sequential(layers)
    model.compile(keras.optimizers.SGD(0.5), "sparse_categorical_crossentropy")
    weights = [model.get_weights()[0]]

    class Change(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            weights.append(self.model.get_weights()[0])
            self.model.layers[0].trainable = False

    class Twice(keras.utils.PyDataset):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            return batches(8, 8)[index]

    model.fit(Twice(), epochs=2, verbose=0, callbacks=[Change()])
    assert not np.array_equal(weights[0], weights[1])
    np.testing.assert_array_equal(weights[1], weights[2])


def test_wrong_labels_are_found_in_every_batch():
    model = classifier()
    given = batches(8, 8, 8)
    given[2][1][3] = 9
    with pytest.raises(ArgumentError, match="class numbers outside"):
        model.fit(iter(given), verbose=0)


def test_compiling_anew_within_an_epoch_counts():
    model = classifier(keras.optimizers.SGD(0.1))

    class Anew(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 1:
                self.model.compile(keras.optimizers.SGD(0.0), "sparse_categorical_crossentropy")
                self.before = self.model.get_weights()[0]

    watcher = Anew()
    model.fit(iter(batches(8, 8, 8, 8)), verbose=0, callbacks=[watcher])
    np.testing.assert_array_equal(model.get_weights()[0], watcher.before)
    assert model.optimizer.learning_rate == 0.0
