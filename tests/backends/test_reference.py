"""The reference engine: order, state in place, checks."""

from __future__ import annotations

import numpy as np
import pytest

from epochal.autodiff import BUILD
from epochal.backends import base
from epochal.errors import ArgumentError, DTypeError, ExecutionError, ShapeError
from epochal.ir import Graph, Program, make_input, tensor_type
from epochal.topi.interpret import interpret

F = np.float32


def _program(swap: bool = False) -> Program:
    """y = x + a; a' = y, or with `swap` a' = b, b' = a."""
    x, a, b = (make_input(tensor_type("float32", (2,)), name) for name in "xab")
    y = BUILD.add(x, a)
    states = [b, a] if swap else [y]
    return Program(Graph([x, a, b], [y, *states]), ("x",), ("y",), ("a", "b"), (0, 1) if swap else (0,))


def test_state_is_replaced_in_place_run_after_run() -> None:
    executable = base.get("reference").compile(_program())
    x, a, b = np.ones(2, F), np.zeros(2, F), np.zeros(2, F)
    binding = executable.bind([x], [a, b])
    (y,) = binding.run(3)
    np.testing.assert_array_equal(y, [3.0, 3.0])
    np.testing.assert_array_equal(a, [3.0, 3.0])
    np.testing.assert_array_equal(b, [0.0, 0.0])
    a[:] = 10.0
    np.testing.assert_array_equal(binding.run()[0], [11.0, 11.0])
    assert y[0] == 3.0


def test_states_exchange() -> None:
    executable = base.get("reference").compile(_program(swap=True))
    a, b = np.array([1.0, 2.0], F), np.array([3.0, 4.0], F)
    (y,) = executable([np.zeros(2, F)], [a, b], num_threads=2)
    np.testing.assert_array_equal(a, [3.0, 4.0])
    np.testing.assert_array_equal(b, [1.0, 2.0])
    np.testing.assert_array_equal(y, [1.0, 2.0])


def test_results_never_share_memory() -> None:
    x = make_input(tensor_type("float32", (2, 3)), "x")
    reshaped = BUILD.reshape(x, shape=(6,))
    program = Program(Graph([x], [x, reshaped, reshaped]), ("x",), ("a", "b", "c"))
    array = np.zeros((2, 3), F)
    results = base.get("reference").compile(program)([array])
    for result in results:
        result += 1.0
    assert all(np.all(result == 1.0) for result in results)
    assert np.all(array == 0.0)


def test_an_error_leaves_state_as_it_was() -> None:
    i, a = make_input(tensor_type("int32", ()), "i"), make_input(tensor_type("float32", (2,)), "a")
    program = Program(Graph([i, a], [BUILD.gather(a, i, axis=0), BUILD.neg(a)]), ("i",), ("y",), ("a",), (0,))
    executable = base.get("reference").compile(program)
    state = np.array([1.0, 2.0], F)
    with pytest.raises(ExecutionError, match=r"an index must lie in \[0, 2\)"):
        executable([np.array(2, np.int32)], [state])
    np.testing.assert_array_equal(state, [1.0, 2.0])


def test_wrong_arrays_are_refused() -> None:
    executable = base.get("reference").compile(_program())
    x, state = np.zeros(2, F), [np.zeros(2, F), np.zeros(2, F)]
    with pytest.raises(ArgumentError, match=r"takes 1 arguments \(x: float32\[2\]\). Received: 0"):
        executable([], state)
    with pytest.raises(DTypeError, match=r"argument 'x' must be an array of float32\[2\]. Received: float64"):
        executable([np.zeros(2)], state)
    with pytest.raises(ShapeError, match=r"argument 'x' must be an array of float32\[2\]. Received shape: \(3,\)"):
        executable([np.zeros(3, F)], state)
    with pytest.raises(ArgumentError, match=r"num_threads must be a positive integer. Received: 0"):
        executable([x], state, num_threads=0)
    state[0].flags.writeable = False
    with pytest.raises(ArgumentError, match="State 'a' is replaced by the program and must be writable"):
        executable([x], state)


def test_an_unknown_engine() -> None:
    with pytest.raises(ArgumentError, match=r"Unknown backend: 'cuda'. Expected one of native, reference"):
        base.get("cuda")


def test_a_deep_graph_does_not_recurse_and_frees_what_is_dead() -> None:
    x = make_input(tensor_type("float32", (1000,)), "x")
    y = x
    for _ in range(5000):
        y = BUILD.add(y, x)
    (result,) = interpret(Graph([x], [y]), [np.ones(1000, F)])
    assert result[0] == 5001.0
