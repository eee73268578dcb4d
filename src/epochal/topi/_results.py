"""What rows of several results and rows with long decompositions share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from epochal import dtypes
from epochal.ir import Array, Build, Value
from epochal.topi.subgraph import extract, inputs_like

_HALVES = (dtypes.float16.numpy, dtypes.bfloat16.numpy)


def widened_results(function: Callable[..., tuple[Any, ...]]) -> Callable[..., tuple[Array, ...]]:
    """A reference of several results that computes float16 and bfloat16 in float32 and is silent about NaN and inf.

    Floating point results of half precision operands are rounded to their type once.
    """

    def reference(*arrays: Array, **parameters: Any) -> tuple[Array, ...]:
        half = next((array.dtype for array in arrays if array.dtype in _HALVES), None)
        wide = [array.astype(np.float32) if array.dtype in _HALVES else array for array in arrays]
        with np.errstate(all="ignore"):
            results = [np.asarray(result) for result in function(*wide, **parameters)]
        if half is None:
            return tuple(results)
        return tuple(result.astype(half) if result.dtype == np.float32 else result for result in results)

    reference.__name__ = reference.__qualname__ = getattr(function, "__name__", "reference")
    return reference


def gradient_of_decomposition(
    decompose: Callable[..., Any],
    build: Build,
    inputs: Sequence[Value],
    cotangents: Sequence[Value | None],
    **parameters: Any,
) -> list[Value | None]:
    """The gradient of a composite, taken from its decomposition on fresh inputs.

    Fresh, because an operand may depend on another (a residual on what it was computed from), and here each counts
    for itself.
    """
    arguments = inputs_like(inputs)
    found = decompose(build, arguments, **parameters)
    results = found if isinstance(found, tuple) else (found,)
    active = [index for index, cotangent in enumerate(cotangents) if cotangent is not None]
    received = [cotangent for cotangent in cotangents if cotangent is not None]
    given = inputs_like(received)
    wanted = build.differentiate([results[index] for index in active], arguments, given)
    alive = [index for index, value in enumerate(wanted) if value is not None]
    graph = extract(build, arguments + given, [value for value in wanted if value is not None])
    gradients: list[Value | None] = [None] * len(inputs)
    for index, value in zip(alive, build.evaluate(graph, [*inputs, *received]), strict=True):
        gradients[index] = value
    return gradients
