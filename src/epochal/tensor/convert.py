"""Anything array-like to a tensor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from epochal import dtypes
from epochal.dtypes import DType
from epochal.errors import ArgumentError, DTypeError
from epochal.tensor.dispatch import apply, to_tensor
from epochal.tensor.tensor import Tensor, eager


def convert(value: Any, dtype: Any = None) -> Tensor:
    """`value` as a tensor of `dtype`.

    Args:
        value: A tensor, variable, array, Python scalar, or nested lists of these.
        dtype: Element type; ``None`` keeps what `value` has. Python floats are `config.floatx()`, integers int32.

    Raises:
        DTypeError, ShapeError: It is no rectangular array of numbers.
    """
    target = None if dtype is None else dtypes.get(dtype)
    if value.__class__ is Tensor:
        return value if target is None or value.dtype is target else cast(value, target)
    if isinstance(value, (list, tuple)) and _holds_tensors(value):
        return _stack([convert(item, target) for item in value])
    if isinstance(value, Mapping) or value is None:
        raise DTypeError(f"Expected an array or tensor. Received: {value!r}")
    if isinstance(value, (bool, int, float)) and target is not None:
        return _scalar(value, target)
    tensor = to_tensor(value)
    return tensor if target is None or tensor.dtype is target else cast(tensor, target)


def _scalar(value: Any, target: DType) -> Tensor:
    try:
        return eager(np.array(value, target.numpy))
    except OverflowError:
        if isinstance(value, float):
            raise ArgumentError(f"{value} is no {target.name}.") from None
        return eager(np.array(value).astype(target.numpy))


def cast(tensor: Tensor, dtype: DType) -> Tensor:
    """`tensor` with another element type; floats are cut off towards zero where integers are wanted."""
    if tensor.dtype is dtype:
        return tensor
    result: Tensor = apply("cast", tensor, dtype=dtype)
    return result


def _holds_tensors(value: Any) -> bool:
    return any(
        isinstance(item, Tensor)
        or hasattr(item, "__epochal_tensor__")
        or (isinstance(item, (list, tuple)) and _holds_tensors(item))
        for item in value
    )


def _stack(items: list[Tensor]) -> Tensor:
    if any(item.ndim != items[0].ndim for item in items):
        shapes = ", ".join(str(item.shape) for item in items)
        raise ArgumentError(f"Tensors stacked by a list must have one shape. Received: {shapes}")
    dtype = next((item.dtype for item in items if item.dtype.is_floating), items[0].dtype)
    rows = [apply("reshape", cast(item, dtype), shape=(1, *item.dimensions)) for item in items]
    result: Tensor = rows[0] if len(rows) == 1 else apply("concat", *rows, axis=0)
    return result


def constant(value: Any, dtype: Any = None, shape: tuple[int, ...] | None = None) -> Tensor:
    """A tensor of fixed numbers; with `shape`, a single number repeated or as many numbers laid out anew.

    Raises:
        ArgumentError: `value` is symbolic, or does not fill `shape`.
    """
    tensor = convert(value, dtype)
    if shape is None:
        return tensor
    if tensor.data is None:
        raise ArgumentError(f"A constant needs numbers. Received a symbolic tensor: {tensor.type}")
    if tensor.data.size == 1:
        return eager(np.full(shape, tensor.data.item(), tensor.data.dtype))
    if tensor.data.size != np.prod(shape, dtype=np.int64):
        raise ArgumentError(f"{tensor.data.size} numbers do not fill the shape {tuple(shape)}.")
    return eager(tensor.data.reshape(shape))
