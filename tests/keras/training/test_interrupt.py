"""Ctrl-C while the program runs."""

import os
import signal
import threading

import numpy as np
import pytest

from epochal import keras


def test_interrupt_during_an_epoch():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
    y = x[:, :1]
    model.fit(x, y, batch_size=2, verbose=0)
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, y, batch_size=2, epochs=10**7, verbose=0)
    timer.join()
    assert int(model.optimizer.iterations) > 32
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
    done = int(model.optimizer.iterations)
    model.fit(x, y, batch_size=2, verbose=0)
    assert int(model.optimizer.iterations) == done + 32
