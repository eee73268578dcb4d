"""Reductions: empty ones, NaN, ties, and products with zeros."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from epochal import dtypes
from epochal.autodiff import BUILD, gradients
from epochal.errors import ShapeError
from epochal.ir import Graph, Value, make_input, tensor_type
from epochal.testing import check_gradient
from epochal.topi.interpret import interpret
from epochal.topi.inventory import INVENTORY


def run(name: str, x: Any, **parameters: Any) -> Any:
    return INVENTORY[name].reference(np.asarray(x), **parameters)


def slope(function: Any, x: Any) -> Any:
    value = make_input(tensor_type("float64", np.shape(x)))
    (found,) = gradients([function(value)], [value])
    assert isinstance(found, Value)
    return interpret(Graph([value], [found]), [np.asarray(x, np.float64)])[0]


def test_of_nothing() -> None:
    empty = np.zeros((2, 0))
    np.testing.assert_array_equal(run("sum", empty, axes=(1,)), [0.0, 0.0])
    np.testing.assert_array_equal(run("prod", empty, axes=(1,)), [1.0, 1.0])
    np.testing.assert_array_equal(run("any", empty > 0, axes=(1,)), [False, False])
    np.testing.assert_array_equal(run("all", empty > 0, axes=(1,)), [True, True])
    for name in ("max", "min"):
        with pytest.raises(ShapeError, match=rf"{name} of no elements has no value. Received: float64\[2,0\]"):
            getattr(BUILD, name)(BUILD.constant(empty), axes=(1,))
    with pytest.raises(ShapeError, match="argmax of no elements has no value"):
        BUILD.argmax(BUILD.constant(empty), axis=1)


def test_integers_keep_their_type() -> None:
    x = np.array([100, 100, 100], np.int8)
    assert run("sum", x, axes=(0,)).dtype == np.int8
    assert run("sum", x, axes=(0,)) == np.int8(44)
    assert run("cumulative_sum", x, axis=0).dtype == np.int8


def test_half_precision_accumulates_in_single() -> None:
    x = np.full(4096, 1.0, np.float16)
    assert run("sum", x, axes=(0,)) == 4096.0
    x = np.full(600, 1.0).astype(dtypes.bfloat16.numpy)
    assert float(run("sum", x, axes=(0,))) == 600.0


def test_first_of_equals_and_nan_wins() -> None:
    assert run("argmax", [1.0, 3.0, 3.0], axis=0) == 1
    assert run("argmin", [1.0, 0.0, 0.0], axis=0) == 1
    assert run("argmax", [1.0, np.nan, 3.0], axis=0) == 1
    assert np.isnan(run("max", [1.0, np.nan], axes=(0,)))
    assert run("argmax", [1.0, 2.0], axis=0, dtype=dtypes.int32).dtype == np.int32


def test_ties_share_the_gradient() -> None:
    np.testing.assert_array_equal(slope(lambda x: BUILD.max(x, axes=(0,)), [1.0, 3.0, 3.0]), [0.0, 0.5, 0.5])
    np.testing.assert_array_equal(slope(lambda x: BUILD.min(x, axes=(0,)), [1.0, 1.0, 3.0]), [0.5, 0.5, 0.0])


@pytest.mark.parametrize("x", [[2.0, 0.0, 3.0], [0.0, 0.0, 3.0, 5.0, 7.0], [4.0]])
def test_product_with_zeros(x: list[float]) -> None:
    others = [np.prod(x[:i] + x[i + 1 :]) for i in range(len(x))]
    np.testing.assert_array_equal(slope(lambda v: BUILD.prod(v, axes=(0,)), x), others)
    check_gradient(lambda v: BUILD.prod(v, axes=(0,)), [np.array(x)], order=3)


@pytest.mark.parametrize(
    ("reverse", "exclusive", "expected"),
    [
        (False, False, [1, 3, 6]),
        (False, True, [0, 1, 3]),
        (True, False, [6, 5, 3]),
        (True, True, [5, 3, 0]),
    ],
)
def test_cumulative_sum(reverse: bool, exclusive: bool, expected: list[int]) -> None:
    result = run("cumulative_sum", np.array([1.0, 2.0, 3.0]), axis=0, reverse=reverse, exclusive=exclusive)
    np.testing.assert_array_equal(result, expected)


def test_axes_resolve_to_increasing_ones() -> None:
    x = BUILD.constant(np.zeros((2, 3, 4)))
    assert BUILD.sum(x, axes=(-1, 0)).node.parameters["axes"] == (0, 2)
    assert BUILD.sum(x, axes=None).node.parameters["axes"] == (0, 1, 2)
    assert BUILD.sum(x, axes=1).node.parameters["axes"] == (1,)
