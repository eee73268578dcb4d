"""Movement and placement against NumPy's own functions, and parameters as they resolve."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from epochal.ir import Graph, Value
from epochal.topi.interpret import interpret
from epochal.topi.inventory import BUILD, INVENTORY

X = np.arange(24.0).reshape(2, 3, 4)


def evaluate(value: Value) -> Any:
    return interpret(Graph((), [value]), [])[0]


def test_reshape_fills_in_what_is_left() -> None:
    value = BUILD.reshape(BUILD.constant(X), shape=(4, -1))
    assert value.node.parameters["shape"] == (4, 6)
    np.testing.assert_array_equal(evaluate(value), X.reshape(4, 6))
    assert BUILD.reshape(BUILD.constant(np.zeros((0, 3))), shape=(-1, 3)).shape == (0, 3)


@pytest.mark.parametrize(
    ("starts", "limits", "strides"),
    [
        ((0, 0, 0), (None, None, None), None),
        ((1, 0, -2), (None, 2, None), (1, 1, 1)),
        ((0, -2, 1), (2, -1, 4), (1, 1, 2)),
        ((0, 0, 0), (99, 3, 4), (2, 2, 3)),
        ((0, 2, 0), (2, 1, 4), (1, 1, 1)),
        ((-99, 0, 0), (-1, None, 1), (1, 3, 1)),
    ],
)
def test_slice_reads_as_pythons(starts: Any, limits: Any, strides: Any) -> None:
    value = BUILD.slice(BUILD.constant(X), starts=starts, limits=limits, strides=strides)
    expected = X[tuple(slice(*entry) for entry in zip(starts, limits, strides or (1, 1, 1), strict=True))]
    np.testing.assert_array_equal(evaluate(value), expected)
    assert value.shape == expected.shape
    for start, limit, size in zip(
        value.node.parameters["starts"], value.node.parameters["limits"], X.shape, strict=True
    ):
        assert 0 <= start <= limit <= size or start == limit


def test_pad_in_all_its_ways() -> None:
    x = np.arange(1.0, 4.0)
    pad = INVENTORY["pad"].reference
    np.testing.assert_array_equal(pad(x, low=(1,), high=(2,), interior=(0,), value=9.0), [9, 1, 2, 3, 9, 9])
    np.testing.assert_array_equal(pad(x, low=(0,), high=(0,), interior=(1,), value=0.0), [1, 0, 2, 0, 3])
    np.testing.assert_array_equal(pad(x, low=(-1,), high=(1,), interior=(1,), value=0.0), [0, 2, 0, 3, 0])
    np.testing.assert_array_equal(pad(x, low=(-2,), high=(-1,), interior=(0,), value=0.0), [])


def test_concat_transpose_reverse_iota() -> None:
    reference = {name: row.reference for name, row in INVENTORY.items()}
    np.testing.assert_array_equal(reference["concat"](X, X[:, :1], axis=1), np.concatenate([X, X[:, :1]], 1))
    np.testing.assert_array_equal(reference["transpose"](X, permutation=(2, 0, 1)), X.transpose(2, 0, 1))
    np.testing.assert_array_equal(reference["reverse"](X, axes=(0, 2)), X[::-1, :, ::-1])
    iota = BUILD.iota(shape=(2, 3), axis=-1, dtype="int32")
    np.testing.assert_array_equal(evaluate(iota), [[0, 1, 2], [0, 1, 2]])
    np.testing.assert_array_equal(evaluate(BUILD.shape_of(BUILD.constant(X))), np.array([2, 3, 4], np.int32))


@pytest.mark.parametrize(("start", "first"), [(0, 0), (2, 2), (7, 3), (-3, 0)])
def test_dynamic_places_are_moved_inside(start: int, first: int) -> None:
    x, update = np.arange(6.0), np.array([-1.0, -2.0, -3.0])
    starts = np.array([start], np.int32)
    part = INVENTORY["dynamic_slice"].reference(x, starts, sizes=(3,))
    np.testing.assert_array_equal(part, x[first : first + 3])
    expected = x.copy()
    expected[first : first + 3] = update
    np.testing.assert_array_equal(INVENTORY["dynamic_update"].reference(x, update, starts), expected)
