"""Ctrl-C at any call of `fit`, compilation included: weights are those after some whole step, and training goes on."""

import random
import signal
import sys

import numpy as np
import pytest

from epochal import keras
from epochal.backends.native.cache import ObjectCache
from epochal.backends.native.engine import Engine
from epochal.backends.native.kernel import Kernel

X = np.random.default_rng(0).normal(size=(24, 4)).astype("float32")
Y = (X[:, :1] > 0).astype("float32")
STEPS = 6


class Stop(KeyboardInterrupt):
    """Ctrl-C, told from a person's."""


def stopped_at(run, number):
    """Raises `Stop` at so many calls into `run`; whether it came to that, and the calls made."""
    calls = 0

    def count(frame, event, argument):
        nonlocal calls
        calls += event in ("call", "c_call")
        # Python cannot raise what happens in a finalizer, and prints it.
        if calls >= number and frame.f_code.co_name not in ("__del__", "_free", "<lambda>", "<genexpr>"):
            sys.setprofile(None)
            raise Stop

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        run()
    except Stop:
        return True, calls
    finally:
        sys.setprofile(before)
    return False, calls


def make(built):
    keras.utils.set_random_seed(1)
    layers = [keras.Input((4,))] if built else []
    layers += [keras.layers.Dense(5, activation="relu"), keras.layers.BatchNormalization(), keras.layers.Dense(1)]
    model = keras.Sequential(layers)
    model.compile("adam", "mse", metrics=["mae"])
    return model


def fit(model):
    model.fit(X, Y, batch_size=8, epochs=2, verbose=0, shuffle=False, validation_data=(X, Y))


def state(model):
    return [variable.numpy() for variable in (*model.variables, *model.optimizer.variables)]


def states_after_steps():
    model = make(True)
    model.optimizer.build(model.trainable_variables)
    states = [state(model)]
    for step in range(STEPS):
        rows = slice(8 * (step % 3), 8 * (step % 3) + 8)
        model.train_on_batch(X[rows], Y[rows])
        states.append(state(model))
    return states


@pytest.mark.parametrize("built", [True, False])
def test_stopped_anywhere(built):
    expected = states_after_steps()
    kept = make(built)
    whole, calls = stopped_at(lambda: fit(kept), sys.maxsize)
    assert not whole
    draw = random.Random(7)
    points = [draw.randrange(1, 3000) for _ in range(12)] + [draw.randrange(1, calls) for _ in range(12)]
    met = 0
    for point in points:
        model = make(built)
        stopped, _ = stopped_at(lambda model=model: fit(model), point)
        if not stopped:  # what was compiled before was found
            continue
        done = int(model.optimizer.iterations)
        if done:
            for ours, theirs in zip(state(model), expected[done], strict=True):
                np.testing.assert_allclose(ours, theirs, atol=1e-6)
        fit(model)
        met += 1
        assert int(model.optimizer.iterations) == done + STEPS
        if not done:
            for ours, theirs in zip(state(model), state(kept), strict=True):
                np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert met >= 12


def test_stopped_while_code_is_made(tmp_path):
    text = "define void @kernel(ptr %a, i64 %b, i64 %c, ptr %d, ptr %e) #0 {\n  ret void\n}\n"

    def interrupt(target):
        raise KeyboardInterrupt

    kernels = [Kernel(f"stopped {index}", lambda target: text, 1, 1.0) for index in range(20)]
    engine = Engine(ObjectCache(tmp_path))
    interval = sys.getswitchinterval()
    with pytest.raises(KeyboardInterrupt):
        engine.load_all([*kernels[:15], Kernel("stopped", interrupt, 1, 1.0), *kernels[15:]])
    assert sys.getswitchinterval() == interval
    assert len(engine.load_all(kernels)) == 20
    assert len(Engine(ObjectCache(tmp_path)).load_all(kernels)) == 20


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="signals of POSIX")
def test_stopped_in_the_part_of_a_step_that_python_computes(monkeypatch):
    """Sorting is a call-out: it comes between the statistics of a normalisation and the update of weights."""

    class Sorted(keras.layers.Layer):
        def call(self, x):
            return keras.ops.sort(x, axis=-1)

    def build():
        keras.utils.set_random_seed(1)
        inputs = keras.Input((4,))
        x = keras.layers.BatchNormalization()(inputs)
        model = keras.Model(inputs, keras.layers.Dense(1)(Sorted()(x)))
        model.compile("sgd", "mse")
        return model

    model, other = build(), build()
    model.train_on_batch(X, Y)
    other.train_on_batch(X, Y)
    other.train_on_batch(X, Y)
    argsort, pressed = np.argsort, []

    def press(*arguments, **keywords):
        if not pressed:
            pressed.append(True)
            signal.raise_signal(signal.SIGINT)
        return argsort(*arguments, **keywords)

    with monkeypatch.context() as patch:
        patch.setattr(np, "argsort", press)
        with pytest.raises(KeyboardInterrupt):
            model.train_on_batch(X, Y)
    assert pressed
    for ours, theirs in zip(state(model), state(other), strict=True):
        np.testing.assert_array_equal(ours, theirs)
