"""Training goes on where it was interrupted."""

import numpy as np
import pytest

from epochal import keras
from epochal.errors import ArgumentError


def made():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, activation="tanh"), keras.layers.Dense(1)])
    random = np.random.default_rng(1)
    model.set_weights([random.normal(size=weight.shape) for weight in model.get_weights()])
    model.compile(keras.optimizers.Adam(0.05), "mse")
    return model


X = np.random.default_rng(0).normal(size=(24, 3)).astype("float32")
Y = X[:, :1] * X[:, 1:2]


class Stop(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 3:
            raise RuntimeError("interrupted")


def test_the_same_as_without_interruption(tmp_path):
    whole, parts = made(), made()
    expected = whole.fit(X, Y, epochs=5, batch_size=8, shuffle=False, verbose=0).history["loss"]
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
    with pytest.raises(RuntimeError, match="interrupted"):
        parts.fit(X, Y, epochs=5, batch_size=8, shuffle=False, verbose=0, callbacks=[backup, Stop()])
    again = made()
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
    history = again.fit(X, Y, epochs=5, batch_size=8, shuffle=False, verbose=0, callbacks=[backup])
    assert history.epoch == [3, 4]
    np.testing.assert_array_equal(history.history["loss"], expected[3:])
    for one, other in zip(again.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert not (tmp_path / "backup").exists()
    assert again.fit(X, Y, epochs=1, verbose=0).epoch == [0]


def test_by_batches(tmp_path):
    model = made()
    backup = keras.callbacks.BackupAndRestore(tmp_path, save_freq=2, delete_checkpoint=False)
    model.fit(X, Y, epochs=2, batch_size=8, verbose=0, callbacks=[backup])
    assert (tmp_path / "training_metadata.json").exists()
    (tmp_path / "training_metadata.json").write_text("damaged")
    assert made().fit(X, Y, verbose=0, callbacks=[backup]).epoch == [0]


def test_wrong_arguments():
    with pytest.raises(ArgumentError, match="backup_dir"):
        keras.callbacks.BackupAndRestore("")
    with pytest.raises(ArgumentError, match="save_freq"):
        keras.callbacks.BackupAndRestore("x", save_freq="step")
