"""What the rows share: checks of element types and axes with their messages, and wrappers of NumPy references."""

from __future__ import annotations

import operator as python
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from epochal import dtypes
from epochal.dtypes import DType
from epochal.errors import ArgumentError, DTypeError, ShapeError
from epochal.ir import Array, Build, Dimension, Operator, Parameters, Sample, Symbol, TensorType, Value

NOTHING: frozenset[str] = frozenset()

# What an operator takes, and how to say so.
FLOAT = "floating point values"
NUMBER = "numbers"
SIGNED = "floating point values or integers"
INTEGER = "integers"
BOOL = "bool values"
ANY = "values of any element type"

_TAKES: dict[str, Callable[[DType], bool]] = {
    FLOAT: lambda dtype: dtype.is_floating,
    NUMBER: lambda dtype: not dtype.is_bool,
    SIGNED: lambda dtype: not dtype.is_bool,
    INTEGER: lambda dtype: dtype.is_integer,
    BOOL: lambda dtype: dtype.is_bool,
    ANY: lambda dtype: True,
}
_HALVES = (dtypes.float16.numpy, dtypes.bfloat16.numpy)
_FLOAT32 = np.dtype(np.float32)


def check_dtype(name: str, type_: TensorType, takes: str) -> None:
    """Raises DTypeError unless the operand's element type is one that `name` takes."""
    if not _TAKES[takes](type_.dtype):
        raise DTypeError(f"{name} takes {takes}. Received: {type_}. Cast the operand to another dtype first.")


def check_same_dtype(name: str, *types: TensorType) -> None:
    """Raises DTypeError unless all operands have one element type."""
    if any(type_.dtype is not types[0].dtype for type_ in types):
        received = ", ".join(map(str, types))
        raise DTypeError(
            f"{name} takes operands of one dtype. Received: {received}. Cast them to a common dtype first."
        )


def check_rank(name: str, what: str, type_: TensorType, rank: int) -> None:
    """Raises ShapeError unless the operand has `rank` axes."""
    if type_.rank != rank:
        raise ShapeError(f"{name}: {what} must have {rank} axes. Received: {type_}.")


def merge(name: str, what: str, first: Dimension, second: Dimension) -> Dimension:
    """The size of an axis that two operands share: a known one if either is known.

    Raises:
        ShapeError: Both are known and differ.
    """
    if isinstance(first, Symbol):
        return first if isinstance(second, Symbol) else second
    if not isinstance(second, Symbol) and first != second:
        raise ShapeError(f"{name}: {what} differ: {first} and {second}.")
    return first


def check_axis(name: str, axis: Any, rank: int) -> int:
    """`axis` counted from the front.

    Raises:
        ArgumentError: It is not an integer or lies outside [-rank, rank).
    """
    try:
        number = python.index(axis)
    except TypeError:
        raise ArgumentError(f"{name}: axis must be an integer. Received: {axis!r}") from None
    if not -rank <= number < rank:
        if rank == 0:
            raise ArgumentError(f"{name}: the operand is a scalar and has no axis. Received: axis {number}")
        raise ArgumentError(f"{name}: axis must lie in [{-rank}, {rank}) for {rank} axes. Received: {number}")
    return number % rank


def check_axes(name: str, axes: Any, rank: int) -> tuple[int, ...]:
    """Axes counted from the front, in increasing order; ``None`` means all, an integer that one.

    Raises:
        ArgumentError: One lies outside [-rank, rank) or stands twice.
    """
    if axes is None:
        return tuple(range(rank))
    if not isinstance(axes, Iterable):
        axes = (axes,)
    found = sorted(check_axis(name, axis, rank) for axis in axes)
    if len(set(found)) != len(found):
        raise ArgumentError(f"{name}: an axis stands twice in axes. Received: {tuple(axes)}")
    return tuple(found)


def check_entries(name: str, what: str, value: Any, rank: int) -> tuple[Any, ...]:
    """`value` as a tuple with one entry an axis.

    Raises:
        ArgumentError: It has another length.
    """
    entries = tuple(value) if isinstance(value, Iterable) else (value,)
    if len(entries) != rank:
        raise ArgumentError(f"{name}: {what} must have {rank} entries, one an axis. Received: {value!r}")
    return entries


def check_shape(name: str, shape: Any) -> tuple[Dimension, ...]:
    """`shape` as a tuple of sizes and symbols.

    Raises:
        ArgumentError: An entry is negative or no integer.
    """
    result: list[Dimension] = []
    for dimension in shape:
        if isinstance(dimension, Symbol):
            result.append(dimension)
            continue
        try:
            size = python.index(dimension)
        except TypeError:
            size = -1
        if size < 0:
            raise ArgumentError(f"{name}: sizes in shape must be non-negative integers. Received: {tuple(shape)}")
        result.append(size)
    return tuple(result)


def axes_resolver(name: str) -> Callable[[Sequence[TensorType], Parameters], Parameters]:
    """Resolves `axes` against the first operand's rank."""

    def resolve(types: Sequence[TensorType], parameters: Parameters) -> Parameters:
        return {**parameters, "axes": check_axes(name, parameters.get("axes"), types[0].rank)}

    return resolve


def axis_resolver(name: str) -> Callable[[Sequence[TensorType], Parameters], Parameters]:
    """Resolves `axis` against the first operand's rank."""

    def resolve(types: Sequence[TensorType], parameters: Parameters) -> Parameters:
        return {**parameters, "axis": check_axis(name, parameters["axis"], types[0].rank)}

    return resolve


def widened(function: Callable[..., Any]) -> Callable[..., Array]:
    """A reference that computes float16 and bfloat16 in float32, is silent about NaN and inf, and returns an array.

    The result of half precision operands is rounded to their type once; results of another kind (bool, integers)
    stay what they are.
    """

    def reference(*arrays: Array, **parameters: Any) -> Array:
        half = next((array.dtype for array in arrays if array.dtype in _HALVES), None)
        with np.errstate(all="ignore"):
            if half is None:
                return np.asarray(function(*arrays, **parameters))
            wide = [array.astype(_FLOAT32) if array.dtype == half else array for array in arrays]
            result = np.asarray(function(*wide, **parameters))
            return result.astype(half) if result.dtype == _FLOAT32 else result

    reference.__name__ = reference.__qualname__ = getattr(function, "__name__", "reference")
    return reference


def full(build: Build, value: float, like: Value) -> Value:
    """A constant of `like`'s type, all of whose elements are `value`. Shapes must be static."""
    result: Value = build.broadcast(build.constant(value, like.dtype), shape=like.shape)
    return result


def values(shape: Sequence[int], low: float = -2.0, high: float = 2.0, seed: int = 0) -> Array:
    """Float64 samples spread over [low, high): none close to another, to those of other seeds or to the middle."""
    size = int(np.prod(shape, dtype=np.int64))
    steps = np.random.default_rng(seed + 7919 * size).permutation(size)
    offset = 0.35 + 0.13 * (seed % 4)
    return np.asarray(low + (high - low) * (steps + offset) / max(size, 1)).reshape(shape)


__all__ = [
    "ANY", "BOOL", "FLOAT", "INTEGER", "NOTHING", "NUMBER", "SIGNED", "Operator", "Sample",
    "axes_resolver", "axis_resolver", "check_axes", "check_axis", "check_dtype", "check_entries", "check_rank",
    "check_same_dtype", "check_shape", "full", "merge", "values", "widened",
]  # fmt: skip
