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


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("name", ["linear", "logistic", "mlp", "cnn", "rnn", "lstm"])
def test_trajectory(golden, name, optimizer):
    model, loss, x, y, figures = build(golden, name)
    model.compile(optimizer=golden.OPTIMIZERS[optimizer](), loss=loss)
    means = []
    record = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: means.append(logs["loss"]))
    model.fit(x, y, batch_size=golden.BATCH, shuffle=False, verbose=0, callbacks=[record])
    # Logs hold the mean of the epoch so far; the differences of the sums are the losses of the steps.
    sums = np.array(means, np.float64) * np.arange(1, golden.STEPS + 1)
    losses = np.diff(sums, prepend=0.0)
    expected = figures[f"{optimizer}_losses"]
    # The difference of two sums carries the rounding of the sums.
    np.testing.assert_allclose(losses, expected, rtol=1e-4, atol=2e-6 * np.abs(sums).max())
    np.testing.assert_allclose(
        model.predict(x[: golden.SHOWN], verbose=0), figures[f"{optimizer}_predictions"], rtol=1e-3, atol=1e-4
    )


@pytest.mark.parametrize("name", ["linear", "mlp", "cnn"])
def test_whole_epoch(golden, name):
    """The same without a callback: 30 steps in one call of the program."""
    model, loss, x, y, figures = build(golden, name)
    model.compile(optimizer=golden.OPTIMIZERS["adam"](), loss=loss)
    history = model.fit(x, y, batch_size=golden.BATCH, shuffle=False, verbose=0)
    np.testing.assert_allclose(history.history["loss"][0], figures["adam_losses"].mean(), rtol=1e-4)
    np.testing.assert_allclose(
        model.predict(x[: golden.SHOWN], verbose=0), figures["adam_predictions"], rtol=1e-3, atol=1e-4
    )
