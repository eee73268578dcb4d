"""The examples in docstrings of what learning is made of."""

import doctest
import importlib

import pytest

MODULES = [
    "epochal.learn.initializers",
    "epochal.learn.losses",
    "epochal.learn.metrics",
    "epochal.learn.optimizers",
    "epochal.learn.schedules",
    "epochal.keras.losses.crossentropy",
    "epochal.keras.metrics.reduction",
    "epochal.keras.optimizers.adam",
    "epochal.keras.trainer.trainer",
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    outcome = doctest.testmod(importlib.import_module(name))
    assert outcome.attempted > 0
    assert outcome.failed == 0
