"""Memory stays flat: predictions allocate nothing that stays, and a model takes its programs with it."""

import gc
from pathlib import Path

import numpy as np
import pytest

from epochal import keras

STATUS = Path("/proc/self/status")
pytestmark = pytest.mark.skipif(not STATUS.exists(), reason="reads /proc")


def resident_megabytes():
    gc.collect()
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def build():
    model = keras.Sequential(
        [
            keras.layers.Input((8,)),
            keras.layers.Dense(16, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def test_predictions():
    model = build()
    x = np.ones((1, 8), "float32")
    for _ in range(500):
        model.predict(x, verbose=0)
    before = resident_megabytes()
    for _ in range(10_000):
        model.predict(x, verbose=0)
    assert resident_megabytes() - before < 10


def test_build_train_delete():
    x = np.random.default_rng(0).normal(size=(40, 8)).astype("float32")
    y = np.arange(40) % 3

    def cycle():
        model = build()
        model.fit(x, y, batch_size=16, verbose=0)
        model.predict(x[:1], verbose=0)

    for _ in range(8):
        cycle()
    before = resident_megabytes()
    for index in range(40):
        cycle()
        if index % 8 == 0:
            gc.collect()  # so that no model like the next one lives, whose code it could share
    # 300 cycles may keep 10 MB.
    assert resident_megabytes() - before < 4
