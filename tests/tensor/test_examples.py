"""The examples in the docstrings of the tensor layer."""

from __future__ import annotations

import doctest
import importlib

import pytest

NAMES = ["epochal"] + [f"epochal.tensor.{name}" for name in ("function", "tape", "trace", "variable")]


@pytest.mark.parametrize("name", NAMES)
def test_examples(name):
    outcome = doctest.testmod(importlib.import_module(name))
    assert outcome.attempted
    assert not outcome.failed
