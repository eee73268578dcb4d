"""References of long composites by their own decomposition: their formula is written once.

What checks such a formula is the row whose gradient it is: finite differences of that row's NumPy reference.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from epochal import dtypes
from epochal.ir import Array, Builder, Graph, Operator, TensorType, make_input
from epochal.topi import contraction, control, elementwise, elementwise_binary, movement, placement, reduction
from epochal.topi.interpret import interpret

_ROWS: tuple[Operator, ...] = (
    elementwise.neg, elementwise.square, elementwise.exp, elementwise.tanh, elementwise.sigmoid, elementwise.cast,
    elementwise_binary.add, elementwise_binary.sub, elementwise_binary.mul, elementwise_binary.div,
    elementwise_binary.greater, elementwise_binary.less_equal, elementwise_binary.logical_and,
    elementwise_binary.select,
    movement.broadcast, movement.reshape, movement.transpose, movement.iota,
    placement.slice_, placement.concat,
    reduction.sum_, reduction.max_,
    contraction.dot_general,
    control.scan,
)  # fmt: skip
_build = Builder({row.name: row for row in _ROWS})


def reference_by_decomposition(decompose: Callable[..., Any]) -> Callable[..., tuple[Array, ...]]:
    """A reference of several results that evaluates the row's decomposition by the references of what it is made of."""

    def reference(*arrays: Array, **parameters: Any) -> tuple[Array, ...]:
        inputs = [make_input(TensorType(dtypes.get(array.dtype), array.shape)) for array in arrays]
        graph = Graph(inputs, decompose(_build, inputs, **parameters))
        with np.errstate(all="ignore"):
            return tuple(interpret(graph, arrays))

    return reference
