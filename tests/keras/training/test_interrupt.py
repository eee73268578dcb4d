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
    stopped = threading.Event()

    def press() -> None:
        """Ctrl-C, and again should Python lose one, as it may where an exception cannot be raised."""
        while not stopped.wait(0.5):
            os.kill(os.getpid(), signal.SIGINT)

    def train() -> None:
        try:
            model.fit(x, y, batch_size=2, epochs=10**6, verbose=0)
        finally:
            stopped.set()

    finger = threading.Thread(target=press)
    finger.start()
    with pytest.raises(KeyboardInterrupt):
        train()
    finger.join()
    assert int(model.optimizer.iterations) > 32
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
    done = int(model.optimizer.iterations)
    model.fit(x, y, batch_size=2, verbose=0)
    assert int(model.optimizer.iterations) == done + 32
