"""Sorting and its kin at ties and NaN; cumulative extremes; scatters of equal indices; masks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from epochal.autodiff import BUILD, gradients
from epochal.errors import ExecutionError
from epochal.ir import Graph, make_input, tensor_type
from epochal.topi.interpret import interpret
from epochal.topi.inventory import INVENTORY

NAN, INF = np.nan, np.inf


def run(name: str, *arrays: Any, **parameters: Any) -> Any:
    return INVENTORY[name].reference(*map(np.asarray, arrays), **parameters)


def slope(name: str, x: Any, g: Any, **parameters: Any) -> Any:
    """The gradient by the first operand of the first result."""
    value = make_input(tensor_type("float64", np.shape(x)))
    made = getattr(BUILD, name)(value, **parameters)
    output = made[0] if isinstance(made, tuple) else made
    (found,) = gradients([output], [value], [BUILD.constant(np.asarray(g))])
    assert found is not None
    return interpret(Graph([value], [found]), [np.asarray(x)])[0]


def test_equals_keep_their_order_both_ways() -> None:
    x = np.array([1.0, 3.0, 1.0, 3.0])
    np.testing.assert_array_equal(run("argsort", x, axis=0), [0, 2, 1, 3])
    np.testing.assert_array_equal(run("argsort", x, axis=0, descending=True), [1, 3, 0, 2])
    np.testing.assert_array_equal(run("top_k", x, k=3)[1], [1, 3, 0])


def test_nan_is_larger_than_any_number() -> None:
    x = np.array([NAN, INF, -1.0])
    np.testing.assert_array_equal(run("sort", x, axis=0), [-1.0, INF, NAN])
    np.testing.assert_array_equal(run("sort", x, axis=0, descending=True), [NAN, INF, -1.0])
    half = np.array([2.0, NAN, 1.0], np.float16)
    np.testing.assert_array_equal(run("argsort", half, axis=0), [2, 0, 1])


def test_unsigned_integers_sort_downwards() -> None:
    np.testing.assert_array_equal(run("sort", np.uint8([3, 0, 255]), axis=0, descending=True), [255, 3, 0])


def test_cumulative_extremes_and_their_gradients() -> None:
    x = np.array([1.0, 3.0, 2.0, 3.0, 5.0])
    np.testing.assert_array_equal(run("cumulative_max", x, axis=0), [1.0, 3.0, 3.0, 3.0, 5.0])
    np.testing.assert_array_equal(run("cumulative_min", x, axis=0, reverse=True), [1.0, 2.0, 2.0, 3.0, 5.0])
    g = np.array([1.0, 10.0, 100.0, 1000.0, 10000.0])
    np.testing.assert_array_equal(slope("cumulative_max", x, g, axis=0), [1.0, 110.0, 0.0, 1000.0, 10000.0])
    np.testing.assert_array_equal(run("cumulative_max", [1.0, NAN, 2.0], axis=0), [1.0, NAN, NAN])


def test_gradient_of_a_product_with_zeros() -> None:
    x = np.array([2.0, 0.0, 3.0, 0.0])
    np.testing.assert_array_equal(slope("cumulative_prod", x, np.ones(4), axis=0), [1.0, 8.0, 0.0, 0.0])


def test_the_last_of_equal_indices_stays_and_alone_has_a_gradient() -> None:
    x, indices, updates = np.zeros(3), np.array([2, 0, 2]), np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(run("scatter_set", x, indices, updates, axis=0), [2.0, 0.0, 3.0])
    inputs = [make_input(tensor_type(array.dtype, array.shape)) for array in (x, indices, updates)]
    output = BUILD.scatter_set(*inputs, axis=0)
    found = gradients([output], [inputs[0], inputs[2]], [BUILD.constant(np.array([1.0, 10.0, 100.0]))])
    of_x, of_updates = interpret(Graph(inputs, [value for value in found if value is not None]), [x, indices, updates])
    np.testing.assert_array_equal(of_x, [0.0, 10.0, 0.0])
    np.testing.assert_array_equal(of_updates, [0.0, 1.0, 100.0])


def test_extreme_scatters_share_the_gradient_of_equals() -> None:
    x, indices, updates = np.array([1.0, 5.0]), np.array([0, 0, 1]), np.array([4.0, 4.0, 5.0])
    np.testing.assert_array_equal(run("scatter_max", x, indices, updates, axis=0), [4.0, 5.0])
    np.testing.assert_array_equal(run("scatter_min", x, indices, updates, axis=0), [1.0, 5.0])
    inputs = [make_input(tensor_type(array.dtype, array.shape)) for array in (x, indices, updates)]
    found = gradients([BUILD.scatter_max(*inputs, axis=0)], [inputs[0], inputs[2]])
    of_x, of_updates = interpret(Graph(inputs, [value for value in found if value is not None]), [x, indices, updates])
    np.testing.assert_array_equal(of_x, [0.0, 0.5])
    np.testing.assert_array_equal(of_updates, [0.5, 0.5, 0.5])


@pytest.mark.parametrize("name", ["scatter_set", "scatter_max", "scatter_min"])
def test_an_index_outside_fails(name: str) -> None:
    with pytest.raises(ExecutionError, match=rf"{name}: an index must lie in \[0, 2\).* Received: 2"):
        run(name, np.zeros(2), np.array([2]), np.zeros(1), axis=0)


def test_an_index_outside_its_axis_along_which_it_is_taken_fails() -> None:
    with pytest.raises(ExecutionError, match=r"take_along_axis: an index must lie in \[0, 2\).* Received: -1"):
        run("take_along_axis", np.zeros((2, 2)), np.array([[0], [-1]]), axis=1)


def test_masks() -> None:
    x = np.arange(6.0).reshape(2, 3)
    mask = x % 2 == 1
    found, count = run("boolean_mask", x, mask, size=2)
    np.testing.assert_array_equal(found, [1.0, 3.0])
    assert count == 3
    found, count = run("boolean_mask", x, mask[:, 0], size=3, value=-1.0)
    np.testing.assert_array_equal(found, [[3.0, 4.0, 5.0], [-1.0] * 3, [-1.0] * 3])
    np.testing.assert_array_equal(run("mask_positions", mask, size=4)[0], [1, 3, 5, 0])


def test_bits() -> None:
    x = np.array([1.0, -0.0], np.float32)
    np.testing.assert_array_equal(run("bitcast", x, dtype=tensor_type("uint32").dtype), [0x3F800000, 0x80000000])
    halves = run("bitcast", x, dtype=tensor_type("uint16").dtype)
    np.testing.assert_array_equal(halves, [[0, 0x3F80], [0, 0x8000]])
    np.testing.assert_array_equal(run("bitcast", halves, dtype=tensor_type("float32").dtype), x)
