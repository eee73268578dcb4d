"""Gather and scatter-add: any axis, duplicates, and indices outside."""

from __future__ import annotations

import numpy as np
import pytest

from epochal.errors import ExecutionError
from epochal.topi.inventory import INVENTORY

gather, scatter_add = INVENTORY["gather"].reference, INVENTORY["scatter_add"].reference


def test_gather_along_each_axis() -> None:
    x = np.arange(24.0).reshape(2, 3, 4)
    indices = np.array([[1, 0], [1, 1]])
    for axis in range(3):
        np.testing.assert_array_equal(gather(x, indices, axis=axis), np.take(x, indices, axis))


def test_equal_indices_add() -> None:
    x = np.zeros((3, 2))
    updates = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    result = scatter_add(x, np.array([2, 0, 2]), updates, axis=0)
    np.testing.assert_array_equal(result, [[3.0, 4.0], [0.0, 0.0], [6.0, 8.0]])
    result = scatter_add(np.zeros((2, 3)), np.array([2, 0, 2]), np.ones((2, 3)), axis=1)
    np.testing.assert_array_equal(result, [[1.0, 0.0, 2.0]] * 2)


def test_half_precision_updates_add_in_single() -> None:
    updates = np.full((4096, 1), 1.0, np.float16)
    result = scatter_add(np.zeros((2, 1), np.float16), np.zeros(4096, np.int32), updates, axis=0)
    np.testing.assert_array_equal(result, np.array([[4096.0], [0.0]], np.float16))


@pytest.mark.parametrize("index", [3, -1, 2**31 - 1])
def test_an_index_outside_its_axis_fails(index: int) -> None:
    message = rf"an index must lie in \[0, 3\), the size of its axis. Received: {index}"
    with pytest.raises(ExecutionError, match="gather: " + message):
        gather(np.zeros((3, 2)), np.array([0, index], np.int32), axis=0)
    with pytest.raises(ExecutionError, match="scatter_add: " + message):
        scatter_add(np.zeros((3, 2)), np.array([index], np.int32), np.zeros((1, 2)), axis=0)


def test_nothing_is_gathered_from_nothing() -> None:
    assert gather(np.zeros((0, 2)), np.zeros(0, np.int32), axis=0).shape == (0, 2)
    with pytest.raises(ExecutionError):
        gather(np.zeros((0, 2)), np.zeros(1, np.int32), axis=0)
