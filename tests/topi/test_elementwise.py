"""Values at the edges: NaN, infinities, halves, integers by zero, ties."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from epochal import dtypes
from epochal.autodiff import BUILD, gradients
from epochal.ir import Graph, Value, make_input, tensor_type
from epochal.topi.interpret import interpret
from epochal.topi.inventory import INVENTORY

NAN, INF = np.nan, np.inf


def run(name: str, *arrays: Any, **parameters: Any) -> np.ndarray[Any, Any]:
    result: np.ndarray[Any, Any] = INVENTORY[name].reference(*map(np.asarray, arrays), **parameters)
    return result


def slopes(function: Any, *arrays: Any) -> list[np.ndarray[Any, Any]]:
    """Gradients of the sum of a function's result."""
    inputs = [make_input(tensor_type(np.asarray(array).dtype, np.shape(array))) for array in arrays]
    found = gradients([function(*inputs)], inputs)
    assert all(isinstance(value, Value) for value in found)
    return interpret(Graph(inputs, found), list(map(np.asarray, arrays)))


@pytest.mark.parametrize(
    ("name", "x", "expected"),
    [
        ("round", [0.5, 1.5, 2.5, -0.5, -1.5, 2.6], [0.0, 2.0, 2.0, -0.0, -2.0, 3.0]),
        ("sign", [NAN, -3.0, 0.0, 2.0], [NAN, -1.0, 0.0, 1.0]),
        ("relu", [NAN, -1.0, 0.0, 2.0, -INF, INF], [NAN, 0.0, 0.0, 2.0, 0.0, INF]),
        ("sigmoid", [-1000.0, 0.0, 1000.0, NAN, INF, -INF], [0.0, 0.5, 1.0, NAN, 1.0, 0.0]),
        ("is_finite", [1.0, NAN, INF], [True, False, False]),
        ("is_nan", [1.0, NAN, INF], [False, True, False]),
        ("erf", [0.0, INF, -INF, 0.5], [0.0, 1.0, -1.0, math.erf(0.5)]),
        ("erfc", [0.0, INF, 10.0], [1.0, 0.0, math.erfc(10.0)]),
        ("log", [0.0, -1.0, INF], [-INF, NAN, INF]),
        ("log1p", [1e-20, -1.0], [1e-20, -INF]),
        ("expm1", [1e-20, -INF], [1e-20, -1.0]),
        ("rsqrt", [4.0, 0.0, INF], [0.5, INF, 0.0]),
        ("reciprocal", [4.0, 0.0, -0.0], [0.25, INF, -INF]),
        ("floor", [-0.5, 1.9], [-1.0, 1.0]),
        ("ceil", [-0.5, 1.1], [-0.0, 2.0]),
    ],
)
def test_unary_edges(name: str, x: list[float], expected: list[Any]) -> None:
    np.testing.assert_array_equal(run(name, np.array(x)), np.array(expected))


@pytest.mark.parametrize(
    ("name", "x", "y", "expected"),
    [
        ("maximum", [NAN, 1.0, 0.0], [1.0, NAN, 2.0], [NAN, NAN, 2.0]),
        ("minimum", [NAN, 1.0, 0.0], [1.0, NAN, 2.0], [NAN, NAN, 0.0]),
        ("rem", [5.0, -5.0, 5.0, -5.0, 1.0], [3.0, 3.0, -3.0, -3.0, 0.0], [2.0, 1.0, -1.0, -2.0, NAN]),
        ("floor_div", [5.0, -5.0, 1.0, 0.0], [3.0, 3.0, 0.0, 0.0], [1.0, -2.0, INF, NAN]),
        ("pow", [0.0, -2.0, -2.0, 0.0], [0.0, 3.0, 0.5, -1.0], [1.0, -8.0, NAN, INF]),
        ("atan2", [0.0, 1.0, -1.0], [-1.0, 0.0, 0.0], [math.pi, math.pi / 2, -math.pi / 2]),
        ("div", [1.0, -1.0, 0.0], [0.0, 0.0, 0.0], [INF, -INF, NAN]),
    ],
)
def test_binary_edges(name: str, x: list[float], y: list[float], expected: list[float]) -> None:
    np.testing.assert_array_equal(run(name, np.array(x), np.array(y)), np.array(expected))


@pytest.mark.parametrize(
    ("name", "x", "y", "expected"),
    [
        ("floor_div", [7, -7, 7, -7, 5], [2, 2, -2, -2, 0], [3, -4, -4, 3, 0]),
        ("rem", [7, -7, 7, -7, 5], [2, 2, -2, -2, 0], [1, 1, -1, -1, 0]),
        ("pow", [2, -2, 1, -1, 5, 0, -1], [10, 3, -5, -5, -1, 0, -4], [1024, -8, 1, -1, 0, 1, 1]),
        ("shift_left", [1, 1, -1, 3], [3, 40, 2, -1], [8, 0, -4, 0]),
        ("shift_right", [16, -16, -1, 8], [2, 2, 40, 50], [4, -4, -1, 0]),
        ("add", [2**31 - 1], [1], [-(2**31)]),
    ],
)
def test_integer_edges(name: str, x: list[int], y: list[int], expected: list[int]) -> None:
    result = run(name, np.array(x, np.int32), np.array(y, np.int32))
    np.testing.assert_array_equal(result, np.array(expected, np.int32))
    assert result.dtype == np.int32


def test_unsigned_integers_wrap() -> None:
    np.testing.assert_array_equal(run("neg", np.array([1, 0], np.uint8)), np.array([255, 0], np.uint8))
    np.testing.assert_array_equal(run("sub", np.uint8([1]), np.uint8([2])), np.uint8([255]))


def test_half_precision_is_rounded_once() -> None:
    """sqrt(2)**2 - 2 vanishes in float32's digits, not in float16's: each operator rounds its own result."""
    x = np.array([3.0], np.float16)
    assert run("log1p", x).dtype == np.float16
    np.testing.assert_array_equal(run("log1p", x), np.log1p(np.float32([3.0])).astype(np.float16))
    wide = run("cast", np.array([1.0 + 2.0**-8]), dtype=dtypes.bfloat16)
    assert wide.dtype == dtypes.bfloat16.numpy


def test_casts_go_towards_zero() -> None:
    np.testing.assert_array_equal(run("cast", [1.9, -1.9, 0.0], dtype=dtypes.int32), [1, -1, 0])
    np.testing.assert_array_equal(run("cast", [0.0, -0.0, 0.1, NAN], dtype=dtypes.bool_), [False, False, True, True])


def test_clamp_with_crossed_bounds_is_the_upper_one() -> None:
    np.testing.assert_array_equal(run("clamp", [0.0, 5.0, NAN], 3.0, 1.0), [1.0, 1.0, NAN])


def test_kinks() -> None:
    np.testing.assert_array_equal(slopes(BUILD.relu, [-1.0, 0.0, 1.0])[0], [0.0, 0.0, 1.0])
    np.testing.assert_array_equal(slopes(BUILD.abs, [-1.0, 0.0, 1.0])[0], [-1.0, 0.0, 1.0])
    for operator in (BUILD.maximum, BUILD.minimum):
        x, y = slopes(operator, [1.0, 2.0], [1.0, 2.0])
        np.testing.assert_array_equal(x, [1.0, 1.0])
        np.testing.assert_array_equal(y, [0.0, 0.0])


def test_pow_at_zero() -> None:
    """x**0 and x**2 have the slopes 0 at 0; what does not exist is not NaN for the exponent."""
    x, y = slopes(BUILD.pow, np.array([0.0, 0.0, -2.0]), np.array([0.0, 2.0, 3.0]))
    np.testing.assert_array_equal(x, [0.0, 0.0, 12.0])
    np.testing.assert_array_equal(y, [0.0, 0.0, 0.0])


def test_select_does_not_leak_nan_of_the_other_branch() -> None:
    x = np.array([-1.0, 4.0])

    def safe_root(x: Value) -> Value:
        positive = BUILD.greater(x, 0.0)
        one = BUILD.broadcast_to(BUILD.constant(1.0, x.dtype), x.shape)
        result: Value = BUILD.select(positive, BUILD.sqrt(BUILD.select(positive, x, one)), one)
        return result

    np.testing.assert_array_equal(slopes(safe_root, x)[0], [0.0, 0.25])


def test_stop_gradient() -> None:
    x = make_input(tensor_type("float32", (3,)))
    assert gradients([BUILD.stop_gradient(x)], [x]) == [None]
    assert gradients([BUILD.floor(x)], [x]) == [None]
