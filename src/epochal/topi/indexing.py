"""Operators that address elements by integer operands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from epochal.errors import DTypeError, ExecutionError, ShapeError
from epochal.ir import Array, Build, Operator, Sample, Shape, TensorType, Value
from epochal.topi._rules import (
    NUMBER,
    axis_resolver,
    check_axis,
    check_dtype,
    check_same_dtype,
    full,
    merge,
    values,
    widened,
)

INDEXING = frozenset({"indexing"})


def _gathered(name: str, x: TensorType, indices: TensorType, axis: int) -> Shape:
    if not indices.dtype.is_integer:
        raise DTypeError(f"{name}: indices must be integers. Received: {indices}. Cast them to int32 first.")
    where = check_axis(name, axis, x.rank)
    return x.shape[:where] + indices.shape + x.shape[where + 1 :]


def check_range(name: str, indices: Array, size: int) -> None:
    """Raises ExecutionError if an index lies outside [0, size)."""
    if indices.size and not (indices.min() >= 0 and indices.max() < size):
        wrong = indices[(indices < 0) | (indices >= size)]
        raise ExecutionError(
            f"{name}: an index must lie in [0, {size}), the size of its axis. Received: {wrong.ravel()[0]}."
        )


def _gather(x: Array, indices: Array, *, axis: int) -> Array:
    check_range("gather", indices, x.shape[axis])
    return np.take(x, indices.astype(np.int64), axis)


def _gather_gradient(
    build: Build, inputs: Sequence[Value], outputs: Sequence[Value], cotangents: Sequence[Value | None], *, axis: int
) -> Sequence[Value | None]:
    x, indices = inputs
    return [build.scatter_add(full(build, 0.0, x), indices, cotangents[0], axis=axis), None]


def _gather_samples() -> Iterable[Sample]:
    yield Sample((values((5, 3)), np.array([4, 0, 0, 2], np.int32)), {"axis": 0})
    yield Sample((values((2, 4, 3)), np.array([[3, 1], [1, 0]], np.int64)), {"axis": 1})
    yield Sample((values((2, 4)), np.array(2, np.int32)), {"axis": -1})
    yield Sample((values((6,)), np.array([5, 5, 1], np.uint8)), {"axis": 0})
    yield Sample((values((3, 2)), np.zeros((0,), np.int32)), {"axis": 0})
    yield Sample((np.arange(6, dtype=np.int32), np.array([1, 3], np.int32)), {"axis": 0})
    yield Sample((np.array([True, False]), np.array([1, 1, 0], np.int32)), {"axis": 0})


gather = Operator(
    name="gather",
    infer=lambda x, indices, *, axis: x.with_shape(_gathered("gather", x, indices, axis)),
    reference=_gather,
    samples=_gather_samples,
    gradient=_gather_gradient,
    resolve=axis_resolver("gather"),
    traits=INDEXING,
    doc="Slices of x at indices along an axis: x.shape[:axis] + indices.shape + x.shape[axis + 1:].",
)


def scatter_type(
    name: str, x: TensorType, indices: TensorType, updates: TensorType, axis: int, takes: str = NUMBER
) -> TensorType:
    """The type rule of a scatter: updates have the shape of gather's result; the result is like x."""
    check_dtype(name, x, takes)
    check_same_dtype(name, x, updates)
    shape = _gathered(name, x, indices, axis)
    if updates.rank != len(shape):
        raise ShapeError(f"{name}: updates must have shape {shape} for {x} at {indices}. Received: {updates}.")
    for first, second in zip(updates.shape, shape, strict=True):
        merge(name, f"{updates} are no updates of shape {shape}: sizes", first, second)
    return x


def _scatter_add(x: Array, indices: Array, updates: Array, *, axis: int) -> Array:
    """Adds row by row in the order of the indices (`numpy.add.at` is unbuffered)."""
    where = axis % x.ndim
    check_range("scatter_add", indices, x.shape[where])
    result = np.array(x, order="C")
    moved = np.moveaxis(updates, range(where, where + indices.ndim), range(indices.ndim))
    rows = moved.reshape(indices.size, *moved.shape[indices.ndim :])
    np.add.at(np.moveaxis(result, where, 0), indices.ravel().astype(np.int64), rows)
    return result


def _scatter_gradient(
    build: Build, inputs: Sequence[Value], outputs: Sequence[Value], cotangents: Sequence[Value | None], *, axis: int
) -> Sequence[Value | None]:
    g = cotangents[0]
    return [g, None, build.gather(g, inputs[1], axis=axis)]


def _scatter_samples() -> Iterable[Sample]:
    yield Sample((values((5, 3)), np.array([4, 0, 0, 2], np.int32), values((4, 3), seed=1)), {"axis": 0})
    yield Sample((values((2, 4, 3)), np.array([[3, 1], [1, 0]], np.int64), values((2, 2, 2, 3), seed=1)), {"axis": 1})
    yield Sample((values((2, 4)), np.array(2, np.int32), values((2,), seed=1)), {"axis": -1})
    yield Sample((values((3, 2)), np.zeros((0,), np.int32), np.zeros((0, 2))), {"axis": 0})
    whole = np.arange(6, dtype=np.int32)
    yield Sample((whole, np.array([1, 3, 1], np.int32), np.array([5, 6, 7], np.int32)), {"axis": 0})


scatter_add = Operator(
    name="scatter_add",
    infer=lambda x, indices, updates, *, axis: scatter_type("scatter_add", x, indices, updates, axis),
    reference=widened(_scatter_add),
    samples=_scatter_samples,
    gradient=_scatter_gradient,
    resolve=axis_resolver("scatter_add"),
    traits=INDEXING,
    doc="x with updates (of gather's result's shape) added at indices; equal indices add in their order.",
)
