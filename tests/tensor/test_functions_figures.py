"""Functions of tensors against what real Keras computes (tests/figures/tensor_functions.py made the figures)."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from epochal import dtypes
from epochal.tensor import Tensor, TensorSpec, functions, trace
from epochal.tensor.promotion import result_dtype

FIGURES = Path(__file__).parents[1] / "figures"
_spec = importlib.util.spec_from_file_location("tensor_cases", FIGURES / "tensor_cases.py")
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
CASES = _module.CASES
with np.load(FIGURES / "tensor_functions.npz") as _file:
    KEPT = {name: _file[name] for name in _file.files}

KNOWN = [index for index in range(len(CASES)) if f"{index}.0" in KEPT]
# Ours keep the element type where Keras on TensorFlow changes it or the other way round, and why.
DTYPE_DIFFERS = {"bincount"}


def expected(index):
    found = []
    while f"{index}.{len(found)}" in KEPT:
        found.append(KEPT[f"{index}.{len(found)}"])
    return found


def outcome_of(index, arguments):
    name, _, _, keywords = CASES[index]
    if name == "moments":
        keywords = {"axis": keywords["axes"]}
    outcome = getattr(functions, name)(*arguments, **keywords)
    return list(outcome) if isinstance(outcome, (list, tuple)) else [outcome]


def compare(index, results):
    name = CASES[index][0]
    wanted = expected(index)
    assert len(results) == len(wanted)
    for result, kept in zip(results, wanted, strict=True):
        assert result.shape == kept.shape
        assert name in DTYPE_DIFFERS or result.dtype == kept.dtype
        half = kept.dtype == np.float16
        np.testing.assert_allclose(
            np.asarray(result).astype(np.float64),
            kept.astype(np.float64),
            rtol=4e-3 if half else 2e-5,
            atol=2e-3 if half else 2e-6,
        )


@pytest.mark.parametrize("index", KNOWN, ids=lambda index: f"{CASES[index][0]}-{index}")
def test_eager_as_keras(index):
    compare(index, outcome_of(index, CASES[index][2]))


@pytest.mark.parametrize("index", KNOWN[::3], ids=lambda index: f"{CASES[index][0]}-{index}")
def test_traced_as_keras(index):
    name, _, arguments, _ = CASES[index]
    if name in ("bincount", "arange", "linspace", "full") or name == "repeat":
        pytest.skip("needs numbers")
    places = [place for place, one in enumerate(arguments) if isinstance(one, np.ndarray)]

    def run(*arrays):
        given = list(arguments)
        for place, array in zip(places, arrays, strict=True):
            given[place] = array
        return list(outcome_of(index, given))

    traced = trace(run, *(TensorSpec(arguments[place].shape, arguments[place].dtype) for place in places))
    results = traced.compiled("reference")([arguments[place] for place in places], [])
    compare(index, [Tensor(result) for result in results])


def test_promotion_as_keras():
    weak = {"int": int, "float": float}
    names = [str(name) for name in KEPT["names"]]
    for row, first in enumerate(names):
        for column, second in enumerate(names):
            if "uint64" in (first, second):
                continue  # Keras on TensorFlow narrows uint64; here it stays
            kept = str(KEPT["promotion"][row, column])
            assert result_dtype(weak.get(first, first), weak.get(second, second)) == kept, (first, second)


def test_promotion_of_uint64():
    assert result_dtype("uint64", "uint64") is dtypes.uint64
    assert result_dtype("uint64", "int8") is dtypes.float32
    assert result_dtype("uint64", "float16") is dtypes.float16
    assert result_dtype("int8", "uint64", "bfloat16") is dtypes.bfloat16
    assert result_dtype() is dtypes.float32
    assert result_dtype(True, 3) is dtypes.int32
    assert result_dtype(np.ones(2), 1.0) is dtypes.float64
    assert result_dtype([1, 2.5], np.int8(1)) is dtypes.float32
