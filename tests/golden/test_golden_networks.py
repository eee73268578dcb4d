"""A GRU, a bidirectional LSTM with masks, a separable network and a transformer block train as in real Keras 3."""

import numpy as np
import pytest

CASES = [(name, kind) for name in ("gru", "bidirectional", "depthwise", "transformer") for kind in ("sgd", "adam")]

# In float32 Keras strays from the same training in float64 by 1.6e-4 there (ours by 5e-6): a ReLU's operand near zero.
BOUNDS = {("depthwise", "adam"): 3e-4}


def start(scripts, name, kind):
    script, figures = scripts("golden_networks"), scripts.figures("golden_networks")
    model, loss, x, y = getattr(script, name)()
    model.set_weights([figures[f"{name}_weight_{index}"] for index in range(len(model.weights))])
    model.compile(script.OPTIMIZERS[kind](), loss)
    return script, model, x, y, figures[f"{name}_{kind}_losses"], figures[f"{name}_{kind}_predictions"]


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_step_by_step(scripts, name, kind):
    """Each of 30 losses to 1e-4, and the predictions after."""
    bound = BOUNDS.get((name, kind), 1e-4)
    script, model, x, y, losses, predictions = start(scripts, name, kind)
    batches = [slice(step * script.BATCH, (step + 1) * script.BATCH) for step in range(script.STEPS)]
    np.testing.assert_allclose([model.train_on_batch(x[rows], y[rows]) for rows in batches], losses, rtol=bound)
    np.testing.assert_allclose(model.predict(x[: script.SHOWN], verbose=0), predictions, rtol=5e-4, atol=5e-5)


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_whole_epoch(scripts, name, kind):
    """The same 30 steps in one call of the program."""
    script, model, x, y, losses, predictions = start(scripts, name, kind)
    history = model.fit(x, y, batch_size=script.BATCH, shuffle=False, verbose=0)
    np.testing.assert_allclose(history.history["loss"][0], losses.mean(), rtol=1e-4)
    np.testing.assert_allclose(model.predict(x[: script.SHOWN], verbose=0), predictions, rtol=5e-4, atol=5e-5)
