"""From programs to executables."""

from __future__ import annotations

import numpy as np
import pytest

from epochal.compile import compile_program, optimise
from epochal.errors import ArgumentError
from epochal.ir import Graph, Program, make_input, tensor_type
from epochal.ir.verify import verify_program
from epochal.topi.inventory import BUILD


def counter() -> Program:
    """Adds x to a total, and tells the square of the total before."""
    x, total = make_input(tensor_type("float32", (2,)), "x"), make_input(tensor_type("float32", (2,)), "total")
    graph = Graph([x, total], [BUILD.mul(total, total), BUILD.add(BUILD.mul(x, 1.0), total)])
    return Program(graph, ("x",), ("y",), ("total",), (0,))


def test_the_pipeline_keeps_the_program_around_the_graph() -> None:
    program = optimise(counter())
    verify_program(program)
    assert (program.arguments, program.results, program.states, program.replaced) == (("x",), ("y",), ("total",), (0,))
    assert [node.operator.name for node in program.graph.nodes()] == ["input", "input", "square", "add"]


def test_composites_that_an_engine_lowers_stay() -> None:
    x = make_input(tensor_type("float32", (2, 3)), "x")
    program = Program(Graph([x], [BUILD.softmax(x, axis=1)]), ("x",), ("y",))
    names = [node.operator.name for node in optimise(program, frozenset({"softmax"})).graph.nodes()]
    assert names == ["input", "softmax"]
    assert "softmax" not in [node.operator.name for node in optimise(program).graph.nodes()]


@pytest.mark.parametrize("backend", ["reference", "native", None])
def test_state_carries_over(backend: str | None) -> None:
    executable = compile_program(counter(), backend)
    total = np.array([1, 2], np.float32)
    binding = executable.bind([np.array([10, 20], np.float32)], [total])
    (result,) = binding.run(3)
    np.testing.assert_array_equal(total, [31, 62])
    np.testing.assert_array_equal(result, [21**2, 42**2])


def test_an_unknown_engine() -> None:
    with pytest.raises(ArgumentError, match=r"Unknown backend: 'cuda'\. Expected one of native, reference"):
        compile_program(counter(), "cuda")
