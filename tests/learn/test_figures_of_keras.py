"""Losses, metrics, optimizers and schedules compute what real Keras 3 computes (tests/figures/training.py)."""

import json
from pathlib import Path

import numpy as np
import pytest

from epochal.keras import losses, metrics, optimizers
from epochal.keras.optimizers import schedules
from epochal.tensor import Variable, convert

FIGURES = dict(np.load(Path(__file__).parents[1] / "figures" / "training.npz"))
CASES = json.loads(str(FIGURES["cases"]))


def cases(kind):
    return [pytest.param(index, *case, id=f"{case[0]}-{index}") for index, case in enumerate(CASES[kind])]


def close(ours, expected, rtol=2e-5, atol=2e-6):
    np.testing.assert_allclose(np.asarray(ours), expected, rtol=rtol, atol=atol)


@pytest.mark.parametrize(("index", "name", "arguments", "inputs"), cases("losses"))
def test_loss(index, name, arguments, inputs):
    true, pred = FIGURES[f"{inputs}_true"], FIGURES[f"{inputs}_pred"]
    make = getattr(losses, name)
    mean, total = FIGURES[f"loss_{index}"]
    close(make(**arguments)(true, pred), mean)
    close(make(reduction="sum", **arguments)(true, pred), total)
    if f"loss_{index}_weighted" in FIGURES:
        weight = FIGURES["weight"]
        mean, weighted = FIGURES[f"loss_{index}_weighted"]
        close(make(**arguments)(true, pred, weight), mean)
        close(make(reduction="mean_with_sample_weight", **arguments)(true, pred, weight), weighted)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("index", "name", "arguments", "inputs"), cases("metrics"))
def test_metric(index, name, arguments, inputs, weighted):
    true, pred = FIGURES[f"{inputs}_true"], FIGURES[f"{inputs}_pred"]
    metric = getattr(metrics, name)(**arguments)
    for _ in range(2):  # the second time after a reset
        for rows in (slice(0, 8), slice(8, 12)):
            given = (pred[rows],) if name in ("Mean", "Sum") else (true[rows], pred[rows])
            weight = FIGURES["weight"][rows]
            if name.endswith("IoU") and inputs in ("equal", "binary"):
                weight = np.repeat(weight[:, None], 5, axis=1)
            metric.update_state(*given, sample_weight=weight if weighted else None)
        # Keras sorts predictions into buckets between thresholds, we compare them: a few land beside.
        close(metric.result(), FIGURES[f"metric_{index}" + ("_weighted" if weighted else "")], 1e-4, 1e-5)
        metric.reset_state()


@pytest.mark.parametrize(("index", "name", "arguments"), cases("optimizers"))
def test_optimizer(index, name, arguments):
    optimizer = getattr(optimizers, name)(**arguments)
    variables = [Variable(FIGURES[f"start_{part}"], name=f"v{part}") for part in range(2)]
    for step in range(6):
        gradients = [convert(FIGURES[f"gradients_{part}"][step]) for part in range(2)]
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
    optimizer.finalize_variable_values(variables)
    assert int(optimizer.iterations) == 6 // arguments.get("gradient_accumulation_steps", 1)
    close(np.concatenate([np.ravel(variable.numpy()) for variable in variables]), FIGURES[f"optimizer_{index}"])


@pytest.mark.parametrize(("index", "name", "arguments"), cases("schedules"))
def test_schedule(index, name, arguments):
    schedule = getattr(schedules, name)(**arguments)
    close([float(schedule(int(step))) for step in FIGURES["steps"]], FIGURES[f"schedule_{index}"])
    restored = schedules.deserialize(schedules.serialize(schedule))
    assert restored.get_config() == schedule.get_config()
