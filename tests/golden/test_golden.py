"""Six small models train as in real Keras 3, step by step, from the same weights (tests/figures/golden.py)."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from epochal import keras

FOLDER = Path(__file__).parents[1] / "figures"


@pytest.fixture(scope="module")
def golden():
    """The script that made the figures, its `keras` being ours."""
    spec = importlib.util.spec_from_file_location("figures_golden", FOLDER / "golden.py")
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get("keras")
    sys.modules["keras"] = keras
    try:
        spec.loader.exec_module(module)
    finally:
        if before is None:
            del sys.modules["keras"]
        else:
            sys.modules["keras"] = before
    return module


def build(golden, name):
    figures = dict(np.load(FOLDER / f"golden_{name}.npz"))
    layers, loss, x, y = getattr(golden, name)(np.random.default_rng(3))
    np.testing.assert_array_equal(x, figures["x"].astype(x.dtype))
    model = keras.Sequential(layers)
    model.set_weights([figures[f"weight_{index}"] for index in range(len(model.weights))])
    return model, loss, x, y, figures


CASES = [
    (name, optimizer) for name in ("linear", "logistic", "mlp", "cnn", "rnn", "lstm") for optimizer in ("sgd", "adam")
]


def check_predictions(golden, model, x, expected):
    np.testing.assert_allclose(model.predict(x[: golden.SHOWN], verbose=0), expected, rtol=5e-4, atol=2e-5)


@pytest.mark.parametrize(("name", "optimizer"), CASES)
def test_step_by_step(golden, name, optimizer):
    """Each of 30 losses to 1e-4, and the predictions after."""
    model, loss, x, y, figures = build(golden, name)
    model.compile(optimizer=golden.OPTIMIZERS[optimizer](), loss=loss)
    batches = [slice(step * golden.BATCH, (step + 1) * golden.BATCH) for step in range(golden.STEPS)]
    losses = [model.train_on_batch(x[rows], y[rows]) for rows in batches]
    np.testing.assert_allclose(losses, figures[f"{optimizer}_losses"], rtol=1e-4)
    check_predictions(golden, model, x, figures[f"{optimizer}_predictions"])


@pytest.mark.parametrize(("name", "optimizer"), CASES)
def test_whole_epoch(golden, name, optimizer):
    """The same 30 steps in one call of the program."""
    model, loss, x, y, figures = build(golden, name)
    model.compile(optimizer=golden.OPTIMIZERS[optimizer](), loss=loss)
    history = model.fit(x, y, batch_size=golden.BATCH, shuffle=False, verbose=0)
    np.testing.assert_allclose(history.history["loss"][0], figures[f"{optimizer}_losses"].mean(), rtol=1e-4)
    check_predictions(golden, model, x, figures[f"{optimizer}_predictions"])
