"""Denormal numbers are zero in compiled programs, on every thread, and stay what they are for the caller."""

import platform

import numpy as np
import pytest

from epochal import dtypes
from epochal.compile import compile_program
from epochal.ir import Graph, Program, TensorType, make_input
from epochal.topi.inventory import BUILD

FLUSHES = ("x86_64", "amd64", "aarch64", "arm64")


@pytest.mark.skipif(platform.machine().lower() not in FLUSHES, reason="no such mode of this processor is known")
@pytest.mark.parametrize("threads", [1, 2])
def test_a_decaying_moment_ends_at_zero(threads):
    moment = make_input(TensorType(dtypes.float32, (400, 500)))
    program = Program(Graph((moment,), (BUILD.mul(moment, 0.9),)), ("moment",), ("after",))
    start = np.full((400, 500), np.finfo(np.float32).tiny, np.float32)
    (after,) = compile_program(program, "native")([start], num_threads=threads)
    np.testing.assert_array_equal(after, 0)
    assert (start * np.float32(0.9)).min() > 0, "the caller's mode is as it was"
