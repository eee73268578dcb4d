"""Python's operators on tensors and variables of a graph, by TensorFlow's rule for element types.

Numbers and NumPy arrays take the tensor's element type (so ``x * np.ones(3)`` stays float32); two tensors must agree.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from epochal.tensor import Tensor, functions
from epochal.tensor.operators import METHODS
from epochal.tf.conversion import holds_tensor, pair

_SIMPLE = (bool, int, float, np.ndarray, np.generic, list, tuple)


def _divide(x: Tensor, y: Tensor) -> Tensor:
    """``x / y``; integers are divided as float64, as in TensorFlow."""
    if not x.dtype.is_floating:
        x, y = functions.cast(x, "float64"), functions.cast(y, "float64")
    return functions.divide(x, y)


_BINARY: dict[str, tuple[str, Callable[[Tensor, Tensor], Tensor]]] = {
    "add": ("Add", functions.add),
    "sub": ("Sub", functions.subtract),
    "mul": ("Mul", functions.multiply),
    "truediv": ("RealDiv", _divide),
    "floordiv": ("FloorDiv", functions.floor_divide),
    "mod": ("FloorMod", functions.mod),
    "pow": ("Pow", functions.power),
    "matmul": ("MatMul", functions.matmul),
}
_COMPARISONS = {
    "lt": ("Less", functions.less),
    "le": ("LessEqual", functions.less_equal),
    "gt": ("Greater", functions.greater),
    "ge": ("GreaterEqual", functions.greater_equal),
}


def _understood(value: Any) -> bool:
    return isinstance(value, _SIMPLE) or holds_tensor(value)


def _forward(kind: str, function: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        return function(*pair(kind, self, other)) if _understood(other) else NotImplemented

    return method


def _reflected(kind: str, function: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        return function(*pair(kind, other, self)) if _understood(other) else NotImplemented

    return method


def attach(cls: type) -> None:
    """Gives a class the operators."""
    for name, method in METHODS.items():
        setattr(cls, name, method)
    for name, (kind, function) in {**_BINARY, **_COMPARISONS}.items():
        setattr(cls, f"__{name}__", _forward(kind, function))
    for name, (kind, function) in _BINARY.items():
        setattr(cls, f"__r{name}__", _reflected(kind, function))
