"""One program on several engines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from epochal.compile import compile_program
from epochal.ir import Array, Program
from epochal.testing.tolerances import Tolerance, assert_close


def run_program(
    program: Program,
    arguments: Sequence[Array],
    state: Sequence[Array] = (),
    backend: str = "reference",
    num_threads: int | None = None,
    count: int = 1,
) -> tuple[list[Array], list[Array]]:
    """Results and state after `count` runs on one engine; the arrays given are not changed."""
    arguments = [np.array(array, order="C") for array in arguments]
    after = [np.array(array, order="C") for array in state]
    binding = compile_program(program, backend).bind(arguments, after, num_threads)
    return binding.run(count), after


def compare_backends(
    program: Program,
    arguments: Sequence[Array],
    state: Sequence[Array] = (),
    backends: Sequence[str] = ("native", "reference"),
    bound: Tolerance | None = None,
    num_threads: int | None = None,
    count: int = 1,
) -> list[Array]:
    """Compares results and state of engines with those of the last one named.

    Args:
        program: Of static shapes.
        arguments: Its arguments.
        state: Its state before; not changed.
        backends: Names of engines.
        bound: How far floating point results may differ; ``None``: by their element type.
        num_threads: Threads of each engine.
        count: Runs in a row.

    Returns:
        The results of the last engine.

    Raises:
        AssertionError: Two engines differ.
    """
    *others, judge = backends
    expected, expected_state = run_program(program, arguments, state, judge, num_threads, count)
    for backend in others:
        actual, actual_state = run_program(program, arguments, state, backend, num_threads, count)
        for name, one, other in zip(program.results, actual, expected, strict=True):
            assert_close(one, other, bound, f"result {name!r} of {backend}")
        for name, one, other in zip(program.states, actual_state, expected_state, strict=True):
            assert_close(one, other, bound, f"state {name!r} after {backend}")
    return expected
