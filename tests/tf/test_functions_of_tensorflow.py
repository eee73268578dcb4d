"""TensorFlow's functions, in a graph and eagerly, against what the real ones gave (tests/figures/tf_functions.py)."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from epochal import tf
from epochal.tensor import Tensor

FIGURES = Path(__file__).resolve().parents[1] / "figures"
SPEC = importlib.util.spec_from_file_location("tf_cases", FIGURES / "tf_cases.py")
CASES = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(CASES)
EXPECTED = np.load(FIGURES / "tf_functions.npz")
GRAPH_ONLY = ("gradient at zero", "gradients", "losses", "schedules", "confusion_matrix")
# Where rounding is amplified (a matrix's inverse, lgamma near its zeros).
LOOSE = ("linalg", "lgamma", "digamma", "reduce_prod", "gradients", "lrn")


def check(name, arrays):
    count = sum(key.rpartition("/")[0] == name for key in EXPECTED.files)
    assert len(arrays) == count
    tolerance = 2e-4 if name in LOOSE else 1e-5
    for index, array in enumerate(arrays):
        wanted = EXPECTED[f"{name}/{index}"]
        assert np.shape(array) == wanted.shape, (name, index)
        assert np.asarray(array).dtype == wanted.dtype, (name, index)
        np.testing.assert_allclose(array, wanted, rtol=tolerance, atol=tolerance, err_msg=f"{name} {index}")


def listed(result):
    return list(result) if isinstance(result, (list, tuple)) else [result]


@pytest.mark.parametrize("name", CASES.CASES)
def test_in_a_graph(name):
    with tf.Graph().as_default(), tf.Session() as session:
        check(name, session.run(listed(CASES.CASES[name](tf))))


@pytest.mark.parametrize("name", [name for name in CASES.CASES if name not in GRAPH_ONLY])
def test_eagerly(name):
    results = listed(CASES.CASES[name](tf))
    assert all(isinstance(result, Tensor) for result in results)
    check(name, [result.numpy() for result in results])
