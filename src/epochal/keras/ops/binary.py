"""Functions of two tensors, with Keras's parameter names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from epochal.tensor import Tensor
from epochal.tensor import functions as F


def _named(function: Callable[[Any, Any], Tensor]) -> Callable[[Any, Any], Tensor]:
    def binary(x1: Any, x2: Any) -> Tensor:
        return function(x1, x2)

    binary.__name__ = binary.__qualname__ = function.__name__
    binary.__doc__ = function.__doc__
    return binary


add = _named(F.add)
arctan2 = _named(F.arctan2)
divide = _named(F.divide)
divide_no_nan = _named(F.divide_no_nan)
dot = _named(F.dot)
equal = _named(F.equal)
floor_divide = _named(F.floor_divide)
greater = _named(F.greater)
greater_equal = _named(F.greater_equal)
inner = _named(F.inner)
less = _named(F.less)
less_equal = _named(F.less_equal)
logaddexp = _named(F.logaddexp)
logical_and = _named(F.logical_and)
logical_or = _named(F.logical_or)
logical_xor = _named(F.logical_xor)
matmul = _named(F.matmul)
maximum = _named(F.maximum)
minimum = _named(F.minimum)
mod = _named(F.mod)
multiply = _named(F.multiply)
not_equal = _named(F.not_equal)
outer = _named(F.outer)
power = _named(F.power)
subtract = _named(F.subtract)
true_divide = _named(F.true_divide)
vdot = _named(F.vdot)


def where(condition: Any, x1: Any = None, x2: Any = None) -> Any:
    """x1 where the condition holds, else x2; of the condition alone, the places where it holds."""
    if x1 is None and x2 is None:
        return F.nonzero(condition)
    return F.where(condition, x1, x2)


def tensordot(x1: Any, x2: Any, axes: Any = 2) -> Tensor:
    """Sum of products over shared axes."""
    return F.tensordot(x1, x2, axes)


def clip(x: Any, x_min: Any, x_max: Any) -> Tensor:
    """x, but at least `x_min` and at most `x_max`."""
    return F.clip(x, x_min, x_max)


def stack(x: Any, axis: int = 0) -> Tensor:
    """Tensors of one shape joined along a new axis."""
    return F.stack(x, axis)
