"""Three hundred random programs: optimised against as written, and the native engine against the reference."""

from __future__ import annotations

import numpy as np
import pytest

from epochal.compile import compile_program
from epochal.ir import Array
from epochal.passes.pipeline import run_pipeline
from epochal.passes.pipelines import for_engine
from epochal.testing import Tolerance, assert_close
from epochal.testing.programs import MAKERS, RandomProgram, random_program
from epochal.topi.interpret import interpret

PROGRAMS = 300
CHUNK = 20
# Programs chain up to twenty operators, and half of them gradients of those: errors add up.
BOUNDS = {
    "float32": Tolerance(1e-4, 1e-4),
    "float64": Tolerance(1e-9, 1e-9),
}


def check(case: RandomProgram, received: list[Array], what: str) -> None:
    """Compares with the reference of the program as it was written."""
    compare(case, received, interpret(case.program.graph, case.arguments), what)


def compare(case: RandomProgram, received: list[Array], expected: list[Array], what: str) -> None:
    program = case.program
    for name, value, one, other in zip(program.results, program.result_values, received, expected, strict=True):
        described = f"{what}: result {name!r} of random_program({case.seed}), drawn {case.operators}"
        assert np.all(np.isfinite(other.astype(np.float64))), described
        assert_close(one, other, BOUNDS.get(value.dtype.name), described)


@pytest.mark.parametrize("first", range(0, PROGRAMS, CHUNK))
def test_optimised_programs_compute_the_same(first: int) -> None:
    for seed in range(first, first + CHUNK):
        case = random_program(seed)
        graph = run_pipeline(case.program.graph, for_engine(frozenset()), check=True)
        check(case, interpret(graph, case.arguments), "optimised")


@pytest.mark.parametrize("first", range(0, PROGRAMS, CHUNK))
def test_native_against_reference(first: int) -> None:
    for seed in range(first, first + CHUNK):
        case = random_program(seed)
        executable = compile_program(case.program, "native")
        check(case, executable(case.arguments), "native")


@pytest.mark.parametrize("first", range(0, 100, CHUNK))
def test_states_are_replaced_at_once(first: int) -> None:
    """Three runs in a row; new states are often old ones, so memory that is written too early is seen."""
    for seed in range(first, first + CHUNK):
        case = random_program(seed, states=True)
        found = []
        for backend in ("native", "reference"):
            state = [array.copy() for array in case.state]
            results = compile_program(case.program, backend).bind(case.arguments, state).run(3)
            found.append((results, state))
        compare(case, found[0][0], found[1][0], "native, third run")
        for index, (one, other) in enumerate(zip(found[0][1], found[1][1], strict=True)):
            np.testing.assert_array_equal(one, other, err_msg=f"state {index} of random_program({seed}, states=True)")


@pytest.mark.parametrize("first", range(0, 40, 10))
def test_large_programs_for_any_number_of_threads(first: int) -> None:
    """Against the reference, and with the same bits for one, two and three threads."""
    for seed in range(first, first + 10):
        case = random_program(seed, large=True)
        executable = compile_program(case.program, "native")
        alone = executable(case.arguments, num_threads=1)
        check(case, alone, "native, large")
        for threads in (2, 3):
            for one, other in zip(alone, executable(case.arguments, num_threads=threads), strict=True):
                assert one.tobytes() == other.tobytes(), f"random_program({seed}, large=True), {threads} threads"


def test_every_operator_can_be_drawn() -> None:
    drawn = {name for seed in range(PROGRAMS) for name in random_program(seed).operators}
    assert set(MAKERS) <= drawn


def test_a_seed_fixes_the_program() -> None:
    one, other = random_program(7), random_program(7)
    assert one.operators == other.operators
    for first, second in zip(one.arguments, other.arguments, strict=True):
        np.testing.assert_array_equal(first, second)
