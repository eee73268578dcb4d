"""Each row of the inventory, and its gradients to second order, on the native engine against the reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from epochal.autodiff import BUILD, gradients
from epochal.ir import Graph, Operator, Program, Sample, Value, make_input
from epochal.testing import all_samples, compare_backends, sample_graph, sample_program
from epochal.testing.tolerances import tolerance

SAMPLES = list(all_samples())
DIFFERENTIABLE = [
    entry for entry in SAMPLES if entry[1].gradient is not None and entry[2].differentiable in (None, (1, 3))
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("operator", "sample"), [pytest.param(*rest, id=name) for name, *rest in SAMPLES])
def test_row(operator: Operator, sample: Sample, dtype: str) -> None:
    program, arrays = sample_program(operator, sample, dtype)
    compare_backends(program, arrays)


def _slopes(outputs: list[Value], inputs: list[Value], cotangents: list[Value]) -> list[Value]:
    found = gradients(outputs, inputs, cotangents)
    return [value for value in found if value is not None]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("operator", "sample"), [pytest.param(*rest, id=name) for name, *rest in DIFFERENTIABLE])
def test_gradients_of_row(operator: Operator, sample: Sample, dtype: str) -> None:
    """The gradients, and the gradients of their sum."""
    graph, arrays = sample_graph(operator, sample, dtype, BUILD)
    outputs = [value for value in graph.outputs if value.dtype.is_floating]
    inputs = [value for value in graph.inputs if value.dtype.is_floating]
    random = np.random.default_rng(0)
    cotangents = [make_input(value.type) for value in outputs]
    weights: list[Any] = [np.asarray(random.standard_normal(v.shape), v.dtype.numpy) for v in outputs]
    first = _slopes(outputs, inputs, cotangents)
    given = [make_input(value.type) for value in first]
    weights += [np.asarray(random.standard_normal(v.shape), v.dtype.numpy) for v in first]
    second = _slopes(first, [*inputs, *cotangents], given)
    whole = Graph((*graph.inputs, *cotangents, *given), (*first, *second))
    arguments = tuple(f"x{index}" for index in range(len(whole.inputs)))
    program = Program(whole, arguments, tuple(f"y{index}" for index in range(len(whole.outputs))))
    bound = tolerance(inputs[0].dtype) * 10.0 if inputs else None
    compare_backends(program, [*arrays, *weights], bound=bound)
