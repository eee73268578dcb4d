"""The gradient check finds wrong gradients, and engines that differ are told apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from epochal.autodiff import BUILD
from epochal.ir import Program, Value
from epochal.testing import assert_close, check_gradient, run_program, sample_program
from epochal.topi.elementwise import exp, sin
from epochal.topi.inventory import INVENTORY

X = np.array([0.3, -0.7, 1.1])


def test_right_gradients_pass_to_third_order() -> None:
    check_gradient(lambda x, y: BUILD.mul(BUILD.exp(x), BUILD.sin(y)), [X, X[::-1].copy()], order=3)


def test_a_wrong_gradient_is_found() -> None:
    wrong = replace(sin, gradient=lambda build, inputs, outputs, cotangents: [build.mul(cotangents[0], outputs[0])])
    with pytest.raises(AssertionError, match=r"the gradient of order 1 by input 0 is .* finite differences say"):
        check_gradient(lambda x: BUILD.apply(wrong, [x], {})[0], [X])


def test_a_gradient_that_is_right_once_only_is_found() -> None:
    def gradient(build: object, inputs: list[Value], outputs: list[Value], cotangents: list[Value]) -> list[Value]:
        return [BUILD.mul(cotangents[0], BUILD.stop_gradient(outputs[0]))]

    wrong = replace(exp, gradient=gradient)
    check_gradient(lambda x: BUILD.apply(wrong, [x], {})[0], [X], order=1)
    with pytest.raises(AssertionError, match="the gradient of order 2"):
        check_gradient(lambda x: BUILD.apply(wrong, [x], {})[0], [X], order=2)


def test_close_arrays_and_others() -> None:
    assert_close(np.float32([1.0, np.nan, np.inf]), np.float32([1.000001, np.nan, np.inf]))
    with pytest.raises(AssertionError, match=r"y: 1 of 2 elements of float32\[2\] differ; first at \(1,\)"):
        assert_close(np.float32([1.0, 2.0]), np.float32([1.0, 2.1]), what="y")
    with pytest.raises(AssertionError, match="dtype int32, expected int64"):
        assert_close(np.zeros(2, np.int32), np.zeros(2, np.int64))
    with pytest.raises(AssertionError, match=r"shape \(2,\), expected \(3,\)"):
        assert_close(np.zeros(2), np.zeros(3))
    with pytest.raises(AssertionError, match="1 of 1"):
        assert_close(np.array([np.nan]), np.array([1.0]))


def test_a_sample_runs_as_a_program() -> None:
    operator = INVENTORY["add"]
    program, arrays = sample_program(operator, next(iter(operator.samples())), "float32")
    assert isinstance(program, Program)
    results, state = run_program(program, arrays)
    np.testing.assert_array_equal(results[0], arrays[0] + arrays[1])
    assert state == []
