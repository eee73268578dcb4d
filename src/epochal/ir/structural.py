"""The two operators without operands, which every graph is made of: its inputs and its constants."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from epochal import dtypes
from epochal.ir.operator import Array, Operator, Sample
from epochal.ir.types import TensorType


def _input_type(*, type: TensorType, name: str) -> TensorType:
    return type


def _input_reference(*, type: TensorType, name: str) -> Array:
    raise AssertionError(f"input {name!r} has no value of its own")


def _no_samples() -> Iterable[Sample]:
    return ()


def _constant_type(*, value: Array) -> TensorType:
    return TensorType(dtypes.get(value.dtype), value.shape)


def _constant_reference(*, value: Array) -> Array:
    return value


def _constant_samples() -> Iterable[Sample]:
    yield Sample((), {"value": np.arange(6.0).reshape(2, 3)})
    yield Sample((), {"value": np.array(True)})


def freeze(value: Any, dtype: Any = None) -> Array:
    """A read-only contiguous copy of an array, fit to be a constant's value."""
    array = np.array(value, dtype=None if dtype is None else dtypes.get(dtype).numpy, order="C", copy=True)
    array.flags.writeable = False
    return array


def is_repeated(array: Array) -> bool:
    """Whether the elements of an array of two or more are equal, bit by bit: NaN and -0.0 too."""
    if array.size < 2:
        return False
    if not any(array.strides):
        return True
    if array[(0,) * array.ndim].tobytes() != array[(-1,) * array.ndim].tobytes():
        return False
    flat = np.ascontiguousarray(array).reshape(-1).view(np.dtype(f"u{array.itemsize}"))
    return bool(np.all(flat[:1024] == flat[0]) and np.all(flat == flat[0]))


input_ = Operator(
    name="input",
    infer=_input_type,
    reference=_input_reference,
    samples=_no_samples,
    no_gradient="zero",
    traits=frozenset({"leaf"}),
    doc="A value that the graph is given when it runs.",
)
constant = Operator(
    name="constant",
    infer=_constant_type,
    reference=_constant_reference,
    samples=_constant_samples,
    no_gradient="zero",
    traits=frozenset({"leaf"}),
    doc="A value fixed when the graph is built.",
)
