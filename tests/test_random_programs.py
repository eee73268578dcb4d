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
    expected = interpret(case.program.graph, case.arguments)
    for name, value, one, other in zip(
        case.program.results, case.program.graph.outputs, received, expected, strict=True
    ):
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


def test_every_operator_can_be_drawn() -> None:
    drawn = {name for seed in range(PROGRAMS) for name in random_program(seed).operators}
    assert set(MAKERS) <= drawn


def test_a_seed_fixes_the_program() -> None:
    one, other = random_program(7), random_program(7)
    assert one.operators == other.operators
    for first, second in zip(one.arguments, other.arguments, strict=True):
        np.testing.assert_array_equal(first, second)
