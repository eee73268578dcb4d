"""Order, eagerly and in graphs, against NumPy's."""

from __future__ import annotations

import numpy as np
import pytest

from epochal.errors import ArgumentError, NotSupportedError
from epochal.tensor import GradientTape, TensorSpec, convert, functions, trace

DATA = np.array([[3.0, 1.0, 2.0, 1.0], [0.5, 0.5, -1.0, 4.0], [2.0, 2.0, 2.0, -3.0]], np.float32)


def both(run, x=DATA):
    traced = trace(run, TensorSpec(x.shape, x.dtype))
    return np.asarray(run(convert(x))), np.asarray(traced(x))


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("descending", [False, True])
def test_sort(axis, descending):
    order = np.argsort(-DATA if descending else DATA, axis=axis, kind="stable")
    for found in both(lambda x: functions.argsort(x, axis, descending)):
        np.testing.assert_array_equal(found, order)
    for found in both(lambda x: functions.sort(x, axis, descending)):
        np.testing.assert_array_equal(found, np.take_along_axis(DATA, order, axis))


def test_top_k():
    for found in both(lambda x: functions.top_k(x, 2)[0]):
        np.testing.assert_array_equal(found, -np.sort(-DATA, axis=1)[:, :2])
    for found in both(lambda x: functions.top_k(x, 2)[1]):
        np.testing.assert_array_equal(found, [[0, 2], [3, 0], [0, 1]])
    with pytest.raises(ArgumentError, match=r"k=9 does not fit the last axis of shape \(3, 4\)"):
        functions.top_k(DATA, 9)


def test_the_gradient_goes_to_where_elements_came_from():
    x = convert(DATA)
    with GradientTape() as tape:
        tape.watch(x)
        y = functions.sum(functions.sort(x, 1) * np.arange(4, dtype=np.float32))
    np.testing.assert_array_equal(np.asarray(tape.gradient(y, x))[0], [3.0, 0.0, 2.0, 1.0])


def test_searchsorted_and_median():
    edges = np.array([1.0, 2.0, 2.0, 5.0], np.float32)
    for side in ("left", "right"):
        for found in both(lambda x, side=side: functions.searchsorted(edges, x, side)):
            np.testing.assert_array_equal(found, np.searchsorted(edges, DATA, side))
    for found in both(lambda x: functions.median(x, 1)):
        np.testing.assert_allclose(found, np.median(DATA, 1))
    for found in both(lambda x: functions.median(x, keepdims=True)):
        np.testing.assert_allclose(found, np.median(DATA, keepdims=True))


def test_what_depends_on_numbers_runs_eagerly_alone():
    rows, columns = functions.nonzero(DATA > 2)
    np.testing.assert_array_equal(np.stack([rows, columns]), np.nonzero(DATA > 2))
    values, places = functions.unique([3, 1, 3, 2, 1])
    assert values.tolist() == [3, 1, 2]
    assert places.tolist() == [0, 1, 0, 2, 1]
    mask = np.array([True, False, True, True])
    np.testing.assert_array_equal(functions.boolean_mask(DATA, mask, axis=1), DATA[:, mask])
    np.testing.assert_array_equal(functions.boolean_mask(DATA, DATA > 1), DATA[DATA > 1])
    with pytest.raises(NotSupportedError, match=r"nonzero of a symbolic tensor \(float32\[3,4\]\)"):
        trace(functions.nonzero, TensorSpec((3, 4)))
