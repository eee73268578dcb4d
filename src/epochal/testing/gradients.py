"""Gradients against central finite differences in float64, to any order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from epochal.autodiff import gradients
from epochal.ir import Array, Graph, Value, make_input, tensor_type
from epochal.topi.interpret import interpreter

_STEP = 1e-5
_RELATIVE = 2e-6
_ABSOLUTE = 1e-8


def check_gradient(
    function: Graph | Callable[..., Any],
    arrays: Sequence[Array],
    order: int = 2,
    differentiable: Sequence[int] | None = None,
    seed: int = 0,
) -> None:
    """Compares gradients with finite differences along random directions.

    With random cotangents c the gradient of sum(c * f(x)) along a direction v, one input at a time, must equal
    (L(x + h v) - L(x - h v)) / 2h. For the second order, the same is asked of the function that takes x and c to the
    gradients, and so on.

    Args:
        function: A graph, or what builds its outputs from its inputs.
        arrays: The inputs; floating point ones of float64.
        order: Highest order to check.
        differentiable: Positions of the inputs to differentiate by; ``None``: all floating point ones.
        seed: Of the cotangents and directions.

    Raises:
        AssertionError: A gradient differs.
    """
    if isinstance(function, Graph):
        graph = function
    else:
        inputs = [make_input(tensor_type(array.dtype, array.shape)) for array in arrays]
        built = function(*inputs)
        graph = Graph(inputs, built if isinstance(built, (tuple, list)) else (built,))
    chosen = range(len(arrays)) if differentiable is None else differentiable
    positions = [index for index in chosen if graph.inputs[index].dtype.is_floating]
    assert all(graph.inputs[index].dtype == "float64" for index in positions), "finite differences need float64"
    outputs = [output for output in graph.outputs if output.dtype.is_floating]
    rng = np.random.default_rng(seed)
    for degree in range(1, order + 1):
        if not positions or not outputs:
            return
        graph = Graph(graph.inputs, outputs)
        cotangents = [make_input(output.type) for output in outputs]
        found = gradients(outputs, [graph.inputs[index] for index in positions], cotangents)
        weights = [rng.standard_normal(output.shape) for output in outputs]  # type: ignore[arg-type]
        _compare(graph, cotangents, found, arrays, weights, positions, degree, rng)
        positions += range(len(graph.inputs), len(graph.inputs) + len(cotangents))
        graph = Graph((*graph.inputs, *cotangents), [])
        arrays = [*arrays, *weights]
        outputs = [value for value in found if value is not None]


def _compare(
    graph: Graph,
    cotangents: Sequence[Value],
    found: Sequence[Value | None],
    arrays: Sequence[Array],
    weights: Sequence[Array],
    positions: Sequence[int],
    degree: int,
    rng: np.random.Generator,
) -> None:
    """One order: the gradients `found` of a graph's outputs under cotangents, against differences of the outputs."""
    run = interpreter(graph)
    known = [value for value in found if value is not None]
    exact = iter(interpreter(Graph((*graph.inputs, *cotangents), known))([*arrays, *weights]))
    for position, value in zip(positions, found, strict=True):
        array = arrays[position]
        direction = rng.standard_normal(array.shape)
        products = [np.zeros(())] if value is None else next(exact) * direction
        slope = float(np.sum(products))
        ends = []
        for sign in (1.0, -1.0):
            moved = list(arrays)
            moved[position] = np.asarray(array + sign * _STEP * direction)
            ends.append(run(moved))
        differences = [weight * (high - low) for weight, high, low in zip(weights, *ends, strict=True)]
        numeric = sum(float(np.sum(difference)) for difference in differences) / (2 * _STEP)
        size = float(np.sum(np.abs(products))) + sum(float(np.sum(np.abs(d))) for d in differences) / (2 * _STEP)
        magnitude = sum(float(np.sum(np.abs(weight * high))) for weight, high in zip(weights, ends[0], strict=True))
        bound = _RELATIVE * size + _ABSOLUTE * (1.0 + magnitude)
        assert abs(slope - numeric) <= bound, (
            f"the gradient of order {degree} by input {position} is {slope!r} along a random direction; "
            f"finite differences say {numeric!r} (bound {bound:.1e})"
        )
