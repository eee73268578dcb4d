"""Orders: sorting, the largest elements, and places in a sorted sequence. NaN is larger than any number."""

from __future__ import annotations

import operator as python
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from epochal import dtypes
from epochal.dtypes import DType
from epochal.errors import ArgumentError, ShapeError
from epochal.ir import Array, Build, Operator, Parameters, Sample, Symbol, TensorType, Value
from epochal.topi._rules import NUMBER, check_axis, check_dtype, check_same_dtype, full, merge, values

_HALVES = (dtypes.float16.numpy, dtypes.bfloat16.numpy)


def order(x: Array, axis: int, descending: bool) -> Array:
    """Indices that sort `x` along an axis; equal elements keep their order, whichever way it is sorted."""
    x = x.astype(np.float32) if x.dtype in _HALVES else x
    if not descending:
        return np.asarray(np.argsort(x, axis, kind="stable"))
    return np.asarray(x.shape[axis] - 1 - np.flip(np.argsort(np.flip(x, axis), axis, kind="stable"), axis))


def _sort_type(x: TensorType, *, axis: int, descending: bool = False) -> TensorType:
    check_dtype("sort", x, NUMBER)
    check_axis("sort", axis, x.rank)
    return x


def _sort(x: Array, *, axis: int, descending: bool = False) -> Array:
    return np.take_along_axis(x, order(x, axis, descending), axis)


def _sort_gradient(
    build: Build,
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    cotangents: Sequence[Value | None],
    *,
    axis: int,
    descending: bool,
) -> Sequence[Value | None]:
    """Each element's cotangent back to where it came from."""
    x = inputs[0]
    places = build.argsort(x, axis=axis, descending=descending, dtype=dtypes.int32)
    return [build.scatter_add_along_axis(full(build, 0.0, x), places, cotangents[0], axis=axis)]


def _sort_resolve(types: Sequence[TensorType], parameters: Parameters) -> Parameters:
    axis = check_axis("sort", parameters["axis"], types[0].rank)
    return {"axis": axis, "descending": bool(parameters.get("descending", False))}


def _sort_samples() -> Iterable[Sample]:
    yield Sample((values((3, 5)),), {"axis": 1})
    yield Sample((values((4, 3, 2), seed=1),), {"axis": 0, "descending": True})
    yield Sample((np.array([3, 1, 2, 3, -1], np.int32),), {"axis": -1, "descending": True})
    yield Sample((np.array([[np.nan, 1.0, -np.inf], [np.inf, np.nan, 0.0]]),), {"axis": 1}, differentiable=())
    yield Sample((np.zeros((2, 0)),), {"axis": 1})


sort = Operator(
    name="sort",
    infer=_sort_type,
    reference=_sort,
    samples=_sort_samples,
    gradient=_sort_gradient,
    resolve=_sort_resolve,
    doc="Elements in increasing (or descending) order along an axis; NaN is larger than any number.",
)


def _argsort_type(x: TensorType, *, axis: int, descending: bool = False, dtype: DType = dtypes.int32) -> TensorType:
    check_dtype("argsort", x, NUMBER)
    check_axis("argsort", axis, x.rank)
    result = TensorType(dtypes.get(dtype), x.shape)
    check_dtype("argsort", result, "integers")
    return result


def _argsort(x: Array, *, axis: int, descending: bool = False, dtype: DType = dtypes.int32) -> Array:
    return order(x, axis, descending).astype(dtype.numpy)


def _argsort_resolve(types: Sequence[TensorType], parameters: Parameters) -> Parameters:
    return {**_sort_resolve(types, parameters), "dtype": dtypes.get(parameters.get("dtype", dtypes.int32))}


def _argsort_samples() -> Iterable[Sample]:
    yield Sample((values((3, 5)),), {"axis": 1})
    yield Sample((values((4, 3, 2), seed=1),), {"axis": 0, "descending": True, "dtype": dtypes.int64})
    yield Sample((np.array([3, 1, 2, 3, 1], np.int32),), {"axis": 0, "descending": True})
    yield Sample((np.array([[np.nan, 1.0, np.nan], [1.0, 1.0, 0.0]]),), {"axis": 1})


argsort = Operator(
    name="argsort",
    infer=_argsort_type,
    reference=_argsort,
    samples=_argsort_samples,
    no_gradient="zero",
    resolve=_argsort_resolve,
    doc="Indices that sort an axis; of equals the first comes first, also in descending order.",
)


# --- top_k


def _top_type(x: TensorType, *, k: int) -> tuple[TensorType, TensorType]:
    check_dtype("top_k", x, NUMBER)
    if not x.shape:
        raise ShapeError("top_k needs an axis to choose from. Received a scalar.")
    try:
        count = python.index(k)
    except TypeError:
        raise ArgumentError(f"top_k: k must be an integer. Received: {k!r}") from None
    size = x.shape[-1]
    if count < 0 or (not isinstance(size, Symbol) and count > size):
        raise ArgumentError(f"top_k: k must lie in [0, {size}], the size of the last axis of {x}. Received: {k}")
    shape = (*x.shape[:-1], count)
    return x.with_shape(shape), TensorType(dtypes.int32, shape)


def _top(x: Array, *, k: int) -> tuple[Array, Array]:
    places = order(x, -1, descending=True)[..., :k]
    return np.take_along_axis(x, places, -1), places.astype(np.int32)


def _top_gradient(
    build: Build, inputs: Sequence[Value], outputs: Sequence[Value], cotangents: Sequence[Value | None], *, k: int
) -> Sequence[Value | None]:
    if cotangents[0] is None:
        return [None]
    x = inputs[0]
    return [build.scatter_add_along_axis(full(build, 0.0, x), outputs[1], cotangents[0], axis=len(x.shape) - 1)]


def _top_samples() -> Iterable[Sample]:
    yield Sample((values((3, 5)),), {"k": 2})
    yield Sample((values((2, 2, 4), seed=1),), {"k": 4})
    yield Sample((np.array([3, 1, 3, 2], np.int32),), {"k": 3})
    yield Sample((np.array([[0.0, np.nan, 2.0]]),), {"k": 2}, differentiable=())
    yield Sample((values((2, 3)),), {"k": 0})


top_k = Operator(
    name="top_k",
    infer=_top_type,
    reference=_top,
    samples=_top_samples,
    gradient=_top_gradient,
    doc="The k largest elements of the last axis in descending order, and their indices; of equals the first.",
)


# --- searchsorted


def _search_type(x: TensorType, y: TensorType, *, side: str = "left") -> TensorType:
    name = "searchsorted"
    check_dtype(name, x, NUMBER)
    check_same_dtype(name, x, y)
    if side not in ("left", "right"):
        raise ArgumentError(f'searchsorted: side must be "left" or "right". Received: {side!r}')
    if x.rank == 1:
        return TensorType(dtypes.int32, y.shape)
    if x.rank != y.rank or x.rank == 0:
        raise ShapeError(f"searchsorted: the sequences must be one vector, or one for each row. Received: {x} and {y}.")
    batch = [merge(name, f"axes {axis} of {x} and {y}", x.shape[axis], y.shape[axis]) for axis in range(x.rank - 1)]
    return TensorType(dtypes.int32, (*batch, y.shape[-1]))


def _search(x: Array, y: Array, *, side: Any = "left") -> Array:
    if x.dtype in _HALVES:
        x, y = x.astype(np.float32), y.astype(np.float32)
    if x.ndim == 1:
        return np.asarray(np.searchsorted(x, y, side)).astype(np.int32)
    rows = zip(x.reshape(-1, x.shape[-1]), y.reshape(-1, y.shape[-1]), strict=True)
    found = [np.searchsorted(sequence, wanted, side) for sequence, wanted in rows]
    return np.asarray(found, dtype=np.int32).reshape(y.shape)


def _search_samples() -> Iterable[Sample]:
    sequence = np.array([-1.5, 0.0, 0.5, 0.5, 2.0])
    wanted = np.array([[-3.0, 0.5, 5.0], [0.25, 2.0, -1.5]])
    yield Sample((sequence, wanted), {"side": "left"})
    yield Sample((sequence, wanted), {"side": "right"})
    yield Sample((np.stack([sequence, sequence + 1.0]), wanted))
    yield Sample((np.array([1, 3, 3], np.int32), np.array(3, np.int32)), {"side": "right"})


searchsorted = Operator(
    name="searchsorted",
    infer=_search_type,
    reference=_search,
    samples=_search_samples,
    no_gradient="zero",
    resolve=lambda types, parameters: {"side": parameters.get("side", "left")},
    doc="Where each y would be put into the sorted x (a vector, or one a row): before (left) or after equals.",
)
