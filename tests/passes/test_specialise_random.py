"""Random programs built while half of their inputs' dimensions are unknown, then specialised, compute the same."""

from __future__ import annotations

import numpy as np
import pytest

from epochal.errors import ShapeError
from epochal.ir import Graph, Symbol, Value, make_input
from epochal.ir.verify import verify
from epochal.passes.specialise import specialise
from epochal.testing import Tolerance, assert_close
from epochal.testing.programs import random_program
from epochal.topi.interpret import interpret
from epochal.topi.inventory import BUILD

BOUNDS = {"float32": Tolerance(1e-4, 1e-4), "float64": Tolerance(1e-9, 1e-9)}
CHUNK = 20


def unspecialised(graph: Graph, rng: np.random.Generator) -> Graph:
    """The graph built anew on inputs of which every other dimension is a symbol."""
    values: dict[Value, Value] = {}
    for value in graph.inputs:
        shape = tuple(Symbol() if rng.random() < 0.5 else size for size in value.shape)
        values[value] = make_input(value.type.with_shape(shape), value.node.parameters["name"])
    for node in graph.nodes():
        if node.outputs[0] not in values:
            operands = [values[value] for value in node.inputs]
            values.update(zip(node.outputs, BUILD.apply(node.operator, operands, node.parameters), strict=True))
    return Graph([values[value] for value in graph.inputs], [values[value] for value in graph.outputs])


@pytest.mark.parametrize("first", range(0, 100, CHUNK))
def test_specialised_programs_compute_the_same(first: int) -> None:
    done = 0
    for seed in range(first, first + CHUNK):
        case = random_program(seed)
        graph = case.program.graph
        try:
            symbolic = unspecialised(graph, np.random.default_rng(seed))
        except ShapeError as error:
            if "must have known sizes" not in str(error):  # what a convolution asks of its kernel
                raise
            continue
        done += 1
        static = specialise(symbolic, [value.type for value in graph.inputs])
        verify(static)
        assert [value.type for value in static.outputs] == [value.type for value in graph.outputs]
        found, expected = (interpret(one, case.arguments) for one in (static, graph))
        for value, one, other in zip(graph.outputs, found, expected, strict=True):
            assert_close(one, other, BOUNDS.get(value.dtype.name), f"random_program({seed}), specialised")
    assert done > CHUNK // 2
