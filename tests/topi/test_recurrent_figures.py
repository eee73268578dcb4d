"""Recurrent layers, attention and group normalisation with their gradients, on both engines, against real Keras."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pytest

from epochal.autodiff import BUILD, gradients
from epochal.ir import Graph, Program, make_input, tensor_type
from epochal.testing import compare_backends

with np.load(pathlib.Path(__file__).parents[1] / "figures" / "recurrent.npz") as _file:
    FIGURES = dict(_file)
NAMES = sorted({name.split("/")[0] for name in FIGURES})
MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 0, 1, 1, 0]], bool)
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "lstm": ("lstm", {}),
    "gru": ("gru", {}),
    "gru-before": ("gru", {"reset_after": False}),
    "simple_rnn": ("simple_rnn", {}),
    "attention": ("attention", {}),
    "group_norm": ("group_norm", {"groups": 2, "epsilon": 1e-3}),
}


def numbered(name: str, kind: str) -> list[Any]:
    found = []
    while f"{name}/{kind}{len(found)}" in FIGURES:
        found.append(FIGURES[f"{name}/{kind}{len(found)}"])
    return found


def case(name: str) -> tuple[str, dict[str, Any], Any]:
    """Operator, parameters, and the mask or None."""
    base = next(base for base in sorted(CALLS, key=len, reverse=True) if name.startswith(base))
    operator, parameters = CALLS[base]
    if operator == "attention":
        return operator, {"causal": "causal" in name}, FIGURES.get(f"{name}/mask")
    if operator == "group_norm":
        return operator, parameters, None
    return operator, {**parameters, "reverse": "backwards" in name}, MASK if "masked" in name else None


@pytest.mark.parametrize("name", NAMES)
def test_against_keras(name: str) -> None:
    operator, parameters, mask = case(name)
    arrays, weights = numbered(name, "operand"), numbered(name, "weight")
    inputs = [make_input(tensor_type(array.dtype, array.shape)) for array in arrays]
    masks = [] if mask is None else [make_input(tensor_type("bool", mask.shape))]
    outputs = getattr(BUILD, operator)(*inputs, *masks, **parameters)[: len(weights)]
    found = gradients(outputs, inputs, [BUILD.constant(weight) for weight in weights])
    graph = Graph((*inputs, *masks), (*outputs, *found))
    arguments = tuple(f"x{index}" for index in range(len(graph.inputs)))
    program = Program(graph, arguments, tuple(f"y{index}" for index in range(len(graph.outputs))))
    results = compare_backends(program, [*arrays, *([] if mask is None else [mask])])
    expected = numbered(name, "result")
    if mask is MASK:  # Keras repeats its last result where there is no step, which is not the state before the first.
        results[0], expected[0] = results[0] * mask[..., None], expected[0] * mask[..., None]
    for result, kept in zip(results, [*expected, *numbered(name, "slope")], strict=True):
        np.testing.assert_allclose(result, kept, rtol=2e-4, atol=2e-5)
