"""Each row on its samples: types as the rule says, half precision near double, gradients to second order."""

from __future__ import annotations

import numpy as np
import pytest

from epochal.autodiff import BUILD
from epochal.ir import Operator, Sample, TensorType
from epochal.testing import all_samples, check_gradient, sample_graph
from epochal.topi.interpret import interpret

SAMPLES = list(all_samples())
DIFFERENTIABLE = [entry for entry in SAMPLES if entry[1].gradient is not None and entry[2].differentiable != ()]
# Samples without special values of operators whose result has the operands' type.
ROUNDED = [
    entry
    for entry in SAMPLES
    if entry[1].name != "cast"
    and "leaf" not in entry[1].traits
    and "random" not in entry[1].traits
    and all(np.all(np.isfinite(array)) for array in entry[2].arguments)
]
FLOATS = ("float32", "float64", "float16", "bfloat16")


def _parametrize(entries: list[tuple[str, Operator, Sample]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("operator", "sample"), [pytest.param(*rest, id=name) for name, *rest in entries])


@_parametrize(SAMPLES)
def test_the_reference_gives_what_the_type_rule_says(operator: Operator, sample: Sample) -> None:
    for dtype in FLOATS:
        graph, arrays = sample_graph(operator, sample, dtype)
        before = [array.copy() for array in arrays]
        for value, array in zip(graph.outputs, interpret(graph, arrays), strict=True):
            assert isinstance(array, np.ndarray)
            assert TensorType(value.dtype, array.shape) == value.type
            assert array.dtype == value.dtype.numpy
        for array, copy in zip(arrays, before, strict=True):
            assert array.tobytes() == copy.tobytes(), "the reference changed its operand"


@_parametrize(SAMPLES)
def test_resolving_twice_changes_nothing(operator: Operator, sample: Sample) -> None:
    graph, _ = sample_graph(operator, sample, "float32")
    node = graph.outputs[0].node
    if operator.resolve is not None:
        types = [value.type for value in node.inputs]
        assert dict(operator.resolve(types, node.parameters)) == dict(node.parameters)


@_parametrize(ROUNDED)
def test_single_and_half_precision_are_near_double(operator: Operator, sample: Sample) -> None:
    graph, arrays = sample_graph(operator, sample, "float64")
    exact = interpret(graph, arrays)
    for dtype, bound in (("float32", 1e-5), ("float16", 1e-2)):
        graph, rounded = sample_graph(operator, sample, dtype)
        if any(value.dtype == "bool" or "arg" in operator.name for value in graph.outputs):
            continue
        if dtype == "float16" and operator.name in ("rem", "floor_div", "floor", "ceil", "round"):
            continue  # rounding an operand may cross a step
        for result, expected in zip(interpret(graph, rounded), exact, strict=True):
            scale = max(
                1.0,
                *(float(np.max(np.abs(x.astype(np.float64)), initial=0.0)) for x in (np.nan_to_num(expected), *arrays)),
            )
            difference = np.abs(result.astype(np.float64) - expected)
            assert np.all((difference <= bound * scale) | np.isnan(expected)), dtype


@_parametrize(DIFFERENTIABLE)
def test_gradient_to_second_order(operator: Operator, sample: Sample) -> None:
    graph, arrays = sample_graph(operator, sample, "float64", BUILD)
    check_gradient(graph, arrays, 2, sample.differentiable)
