"""Every optimizer trains a small network as in real Keras 3, step by step and in one call."""

import numpy as np
import pytest

NAMES = [
    "sgd",
    "sgd_momentum",
    "sgd_nesterov",
    "sgd_clipnorm",
    "sgd_clipvalue",
    "sgd_global_clipnorm",
    "sgd_weight_decay",
    "sgd_schedule",
    "sgd_averaged",
    "rmsprop",
    "rmsprop_momentum",
    "rmsprop_centered",
    "adam",
    "adam_amsgrad",
    "adam_schedule",
    "adam_accumulation",
    "adamw",
    "adamw_global_clipnorm",
    "adagrad",
    "adadelta",
    "adamax",
    "nadam",
    "ftrl",
    "lion",
]


def test_no_case_is_left_out(scripts):
    assert list(scripts("golden_optimizers").CASES) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_optimizer(scripts, name):
    script, figures = scripts("golden_optimizers"), scripts.figures("golden_optimizers")
    x, y = script.data()
    for at_once in (False, True):
        model = script.network()
        model.set_weights([figures[f"weight_{index}"] for index in range(len(model.weights))])
        model.compile(script.CASES[name](), script.loss())
        expected = figures[f"{name}_losses"]
        if at_once:
            history = model.fit(x, y, batch_size=script.BATCH, shuffle=False, verbose=0)
            np.testing.assert_allclose(history.history["loss"][0], expected.mean(), rtol=1e-4)
        else:
            batches = [slice(step * script.BATCH, (step + 1) * script.BATCH) for step in range(script.STEPS)]
            losses = [model.train_on_batch(x[rows], y[rows]) for rows in batches]
            np.testing.assert_allclose(losses, expected, rtol=1e-4)
        if at_once and "averaged" in name:
            continue  # `fit` ends by putting the averages in place, single batches do not
        predictions = model.predict(x[: script.SHOWN], verbose=0)
        np.testing.assert_allclose(predictions, figures[f"{name}_predictions"], rtol=5e-4, atol=5e-5)
