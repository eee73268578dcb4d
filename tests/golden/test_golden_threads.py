"""The networks and programs of the figures: the same bits for 1 to 3 threads, and memory that comes back."""

import gc
from pathlib import Path

import numpy as np
import pytest

from epochal import keras
from epochal.backends.native import executable

NETWORKS = ("gru", "bidirectional", "depthwise", "transformer")
STATUS = Path("/proc/self/status")


def start(scripts, name):
    script, figures = scripts("golden_networks"), scripts.figures("golden_networks")
    model, loss, x, y = getattr(script, name)()
    model.set_weights([figures[f"{name}_weight_{index}"] for index in range(len(model.weights))])
    model.compile(keras.optimizers.AdamW(0.01, global_clipnorm=1.0), loss, metrics=["accuracy"])
    return model, x, y


@pytest.mark.parametrize("name", NETWORKS)
def test_threads_do_not_change_bits(scripts, name, monkeypatch):
    monkeypatch.setattr(executable, "SMALL_NANOSECONDS", 0.0)  # or these would run on one
    results = []
    for threads in (1, 2, 3):
        model, x, y = start(scripts, name)
        history = model.fit(x, y, batch_size=80, epochs=2, shuffle=False, verbose=0, num_threads=threads).history
        predictions = model.predict(x, batch_size=100, verbose=0, num_threads=threads)
        scores = model.evaluate(x, y, verbose=0, num_threads=threads)
        results.append((history, scores, predictions.tobytes(), [w.tobytes() for w in model.get_weights()]))
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("name", ["custom_step", "layer_with_state", "three_inputs"])
def test_threads_do_not_change_programs(scripts, name, monkeypatch):
    monkeypatch.setattr(executable, "SMALL_NANOSECONDS", 0.0)
    script, figures = scripts("golden_programs"), scripts.figures("golden_programs")
    results = []
    for threads in (1, 2, 3):
        model, train, _ = getattr(script, name)()
        model.set_weights([figures[f"{name}/start/{index}"] for index in range(len(model.get_weights()))])
        fit = model.fit
        monkeypatch.setattr(type(model), "fit", lambda self, *a, fit=fit, n=threads, **k: fit(*a, num_threads=n, **k))
        results.append((train().history, [weight.tobytes() for weight in model.get_weights()]))
        monkeypatch.undo()
        monkeypatch.setattr(executable, "SMALL_NANOSECONDS", 0.0)
    assert results[0] == results[1] == results[2]


@pytest.mark.skipif(not STATUS.exists(), reason="reads /proc")
def test_memory_comes_back(scripts):
    def resident_megabytes():
        gc.collect()
        line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024

    def cycle():
        for name in NETWORKS:
            model, x, y = start(scripts, name)
            model.fit(x, y, batch_size=40, verbose=0)
            model.predict(x[:3], verbose=0)
        del model
        gc.collect()  # so that the next one compiles anew

    for _ in range(4):
        cycle()
    before = resident_megabytes()
    for _ in range(8):
        cycle()
    assert resident_megabytes() - before < 6


def test_fits_of_many_sizes_do_not_pile_up(scripts):
    model, x, y = start(scripts, "gru")
    for rows in np.random.default_rng(0).permutation(np.arange(60, 240, 4)):
        model.fit(x[:rows], y[:rows], batch_size=4, verbose=0)
        model.evaluate(x[:rows], y[:rows], batch_size=4, verbose=0)
    assert len(model._programs._steps) <= 8
