"""Python's operators on tensors and variables: a table from method to function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from epochal.tensor.convert import convert
from epochal.tensor.functions import contraction, elementwise
from epochal.tensor.indexing import get_item
from epochal.tensor.tensor import Tensor

_SIMPLE = (bool, int, float, np.ndarray, np.generic, list, tuple)


def _understood(value: Any) -> bool:
    return isinstance(value, (Tensor, *_SIMPLE)) or hasattr(value, "__epochal_tensor__")


def _partner(tensor: Any, other: Any) -> Any:
    """NumPy's floats take a float tensor's element type, as in TensorFlow, where `x * np.ones(3)` stays float32."""
    if isinstance(other, (np.ndarray, np.floating)) and other.dtype.kind == "f":
        kind = tensor.dtype
        return convert(other, kind) if kind.is_floating and other.dtype != kind.numpy else other
    return other


def _forward(function: Callable[[Any, Any], Tensor]) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        if other.__class__ is Tensor or _understood(other):
            return function(self, _partner(self, other))
        return NotImplemented

    method.__doc__ = function.__doc__
    return method


def _reflected(function: Callable[[Any, Any], Tensor]) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        if _understood(other):
            return function(_partner(self, other), self)
        return NotImplemented

    method.__doc__ = function.__doc__
    return method


def _equality(function: Callable[[Any, Any], Tensor], otherwise: bool) -> Callable[[Any, Any], Any]:
    """Comparison element by element; with something that is no array, plain (in)equality."""

    def method(self: Any, other: Any) -> Any:
        return function(self, other) if _understood(other) else otherwise

    return method


def _iterate(self: Any) -> Iterator[Tensor]:
    if self.shape and self.shape[0] is None:
        self._refuse(
            "a Python loop over it",
            "Its length is known only when the graph runs. Use tf.while_loop, tf.map_fn, keras.ops.scan or fori_loop; "
            "a loop over Python's range is unrolled.",
        )
    return (get_item(self, index) for index in range(len(self)))


def _unary(function: Callable[[Any], Tensor]) -> Callable[[Any], Tensor]:
    return lambda self: function(self)


_BINARY = {
    "add": elementwise.add,
    "sub": elementwise.subtract,
    "mul": elementwise.multiply,
    "truediv": elementwise.divide,
    "floordiv": elementwise.floor_divide,
    "mod": elementwise.mod,
    "pow": elementwise.power,
    "matmul": contraction.matmul,
    "and": elementwise.bitwise_and,
    "or": elementwise.bitwise_or,
    "xor": elementwise.bitwise_xor,
    "lshift": elementwise.left_shift,
    "rshift": elementwise.right_shift,
}
METHODS: dict[str, Callable[..., Any]] = {
    **{f"__{name}__": _forward(function) for name, function in _BINARY.items()},
    **{f"__r{name}__": _reflected(function) for name, function in _BINARY.items()},
    "__lt__": _forward(elementwise.less),
    "__le__": _forward(elementwise.less_equal),
    "__gt__": _forward(elementwise.greater),
    "__ge__": _forward(elementwise.greater_equal),
    "__eq__": _equality(elementwise.equal, otherwise=False),
    "__ne__": _equality(elementwise.not_equal, otherwise=True),
    "__hash__": lambda self: id(self) >> 4,  # `==` compares elements, so a dictionary tells tensors apart by identity
    "__neg__": _unary(elementwise.negative),
    "__pos__": _unary(convert),
    "__abs__": _unary(elementwise.absolute),
    "__invert__": _unary(elementwise.bitwise_not),
    "__round__": lambda self, decimals=0: elementwise.round(self, decimals),
    "__getitem__": get_item,
    "__iter__": _iterate,
}


def attach(cls: type) -> None:
    """Gives a class the operators."""
    for name, method in METHODS.items():
        setattr(cls, name, method)
