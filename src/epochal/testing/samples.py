"""The inventory's samples as graphs and programs of any element type."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from epochal import dtypes
from epochal.ir import Array, Builder, Graph, Operator, Program, Sample, make_input, tensor_type
from epochal.topi.control_samples import retyped
from epochal.topi.inventory import BUILD, OPERATORS


def all_samples() -> Iterator[tuple[str, Operator, Sample]]:
    """Every sample of every operator, with a name for it such as ``"conv-3"``."""
    for operator in OPERATORS:
        for index, sample in enumerate(operator.samples()):
            yield f"{operator.name}-{index}", operator, sample


def sample_arrays(sample: Sample, dtype: Any) -> list[Array]:
    """The arguments of a sample, floating point ones as `dtype`."""
    target = dtypes.get(dtype).numpy
    with np.errstate(all="ignore"):
        return [array.astype(target) if array.dtype == np.float64 else array for array in sample.arguments]


def sample_graph(operator: Operator, sample: Sample, dtype: Any, build: Builder = BUILD) -> tuple[Graph, list[Array]]:
    """A graph of one operator on a sample's arguments as inputs, and the arrays for them."""
    arrays = sample_arrays(sample, dtype)
    parameters = {
        name: retyped(value, dtypes.get(dtype)) if isinstance(value, Graph) else value
        for name, value in sample.parameters.items()
    }
    if operator.name == "constant":
        return Graph((), [build.constant(**parameters)]), arrays
    inputs = [make_input(tensor_type(array.dtype, array.shape), f"x{index}") for index, array in enumerate(arrays)]
    return Graph(inputs, build.apply(operator, inputs, parameters)), arrays


def sample_program(operator: Operator, sample: Sample, dtype: Any) -> tuple[Program, list[Array]]:
    """`sample_graph` as a program without state."""
    graph, arrays = sample_graph(operator, sample, dtype)
    arguments = tuple(f"x{index}" for index in range(len(graph.inputs)))
    return Program(graph, arguments, tuple(f"y{index}" for index in range(len(graph.outputs)))), arrays
