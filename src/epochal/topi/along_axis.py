"""Picking and placing by an index for each element: along one axis, the other axes' places being the index's own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from epochal import dtypes
from epochal.errors import DTypeError, ShapeError
from epochal.ir import Array, Build, Operator, Sample, TensorType, Value
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
from epochal.topi.indexing import check_range

TRAITS = frozenset({"composite", "indexing"})


def _taken(name: str, x: TensorType, indices: TensorType, axis: int) -> TensorType:
    """The result's type: that of the indices, of x's elements."""
    if not indices.dtype.is_integer:
        raise DTypeError(f"{name}: indices must be integers. Received: {indices}. Cast them to int32 first.")
    where = check_axis(name, axis, x.rank)
    if indices.rank != x.rank:
        raise ShapeError(f"{name}: indices must have as many axes as x, {x}. Received: {indices}.")
    shape = list(indices.shape)
    for other in range(x.rank):
        if other != where:
            shape[other] = merge(name, f"axes {other} of {x} and {indices}", x.shape[other], indices.shape[other])
    return x.with_shape(shape)


def _flat_indices(build: Build, x: Value, indices: Value, axis: int) -> Value:
    """Each index as a place in the flattened x; an index outside its axis becomes -1."""
    total = x.type.size
    kind = dtypes.int32 if total < 2**31 else dtypes.int64
    picked = indices if indices.dtype is kind else build.cast(indices, dtype=kind)
    size = x.shape[axis]
    stride, flat = 1, build.constant(0, kind)
    for other in range(len(x.shape) - 1, -1, -1):
        place = picked if other == axis else build.iota(shape=indices.shape, axis=other, dtype=kind)
        flat = build.add(flat, build.mul(place, stride))
        length = x.shape[other]
        assert isinstance(length, int)
        stride *= length
    inside = build.logical_and(build.greater_equal(picked, 0), build.less(picked, size))
    outside = build.broadcast(build.constant(-1, kind), shape=indices.shape)
    result: Value = build.select(inside, flat, outside)
    return result


def _take(x: Array, indices: Array, *, axis: int) -> Array:
    check_range("take_along_axis", indices, x.shape[axis])
    return np.take_along_axis(x, indices.astype(np.int64), axis)


def _take_decomposition(build: Build, inputs: Sequence[Value], *, axis: int) -> Value:
    x, indices = inputs
    flat = build.reshape(x, shape=(x.type.size,))
    result: Value = build.gather(flat, _flat_indices(build, x, indices, axis % len(x.shape)), axis=0)
    return result


def _take_gradient(
    build: Build, inputs: Sequence[Value], outputs: Sequence[Value], cotangents: Sequence[Value | None], *, axis: int
) -> Sequence[Value | None]:
    x, indices = inputs
    return [build.scatter_add_along_axis(full(build, 0.0, x), indices, cotangents[0], axis=axis), None]


def _take_samples() -> Iterable[Sample]:
    yield Sample((values((2, 4)), np.array([[3, 0, 3], [1, 1, 2]], np.int32)), {"axis": 1})
    yield Sample((values((3, 2, 2)), np.array([[[2, 0], [1, 1]]], np.int64)), {"axis": 0})
    yield Sample((values((5,)), np.array([4, 4, 0], np.uint8)), {"axis": -1})
    yield Sample((np.array([[True, False]]), np.array([[1, 1, 0]], np.int32)), {"axis": 1})
    yield Sample((values((2, 3)), np.zeros((2, 0), np.int32)), {"axis": 1})


take_along_axis = Operator(
    name="take_along_axis",
    infer=lambda x, indices, *, axis: _taken("take_along_axis", x, indices, axis),
    reference=_take,
    samples=_take_samples,
    gradient=_take_gradient,
    resolve=axis_resolver("take_along_axis"),
    decompose=_take_decomposition,
    traits=TRAITS,
    doc="For each index the element of x that it names along an axis; of the indices' shape.",
)


def _scatter_type(x: TensorType, indices: TensorType, updates: TensorType, *, axis: int) -> TensorType:
    name = "scatter_add_along_axis"
    check_dtype(name, x, NUMBER)
    check_same_dtype(name, x, updates)
    expected = _taken(name, x, indices, axis)
    if updates.rank != x.rank:
        raise ShapeError(f"{name}: updates must have the indices' shape, {expected.shape}. Received: {updates}.")
    for first, second in zip(updates.shape, expected.shape, strict=True):
        merge(name, f"{updates} are no updates of shape {expected.shape}: sizes", first, second)
    return x


def _scatter_add(x: Array, indices: Array, updates: Array, *, axis: int) -> Array:
    check_range("scatter_add_along_axis", indices, x.shape[axis])
    places: list[Array] = list(np.indices(indices.shape, sparse=True))
    places[axis] = indices.astype(np.int64)
    result = np.array(x, order="C")
    np.add.at(result, tuple(places), updates)
    return result


def _scatter_decomposition(build: Build, inputs: Sequence[Value], *, axis: int) -> Value:
    x, indices, updates = inputs
    flat = build.reshape(x, shape=(x.type.size,))
    places = _flat_indices(build, x, indices, axis % len(x.shape))
    result: Value = build.reshape(build.scatter_add(flat, places, updates, axis=0), shape=x.shape)
    return result


def _scatter_gradient(
    build: Build, inputs: Sequence[Value], outputs: Sequence[Value], cotangents: Sequence[Value | None], *, axis: int
) -> Sequence[Value | None]:
    g = cotangents[0]
    return [g, None, build.take_along_axis(g, inputs[1], axis=axis)]


def _scatter_samples() -> Iterable[Sample]:
    columns = np.array([[3, 0, 3], [1, 1, 2]], np.int32)
    yield Sample((values((2, 4)), columns, values((2, 3), seed=1)), {"axis": 1})
    yield Sample((values((3, 2, 2)), np.array([[[2, 0], [1, 1]]], np.int64), values((1, 2, 2), seed=1)), {"axis": 0})
    yield Sample(
        (np.arange(5, dtype=np.int32), np.array([4, 4, 0], np.uint8), np.array([1, 2, 3], np.int32)), {"axis": -1}
    )
    yield Sample((values((2, 3)), np.zeros((2, 0), np.int32), np.zeros((2, 0))), {"axis": 1})


scatter_add_along_axis = Operator(
    name="scatter_add_along_axis",
    infer=_scatter_type,
    reference=widened(_scatter_add),
    samples=_scatter_samples,
    gradient=_scatter_gradient,
    resolve=axis_resolver("scatter_add_along_axis"),
    decompose=_scatter_decomposition,
    traits=TRAITS,
    doc="x with updates (of the indices' shape) added at indices along an axis; equal indices add in their order.",
)
