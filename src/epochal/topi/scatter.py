"""Scatters that replace, or keep the larger or the smaller. `scatter_add` lies beside `gather` in `indexing`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from epochal import dtypes
from epochal.ir import Array, Build, Operator, Sample, TensorType, Value
from epochal.topi._rules import ANY, NUMBER, axis_resolver, full, values, widened
from epochal.topi.indexing import INDEXING, check_range, scatter_type


def _rows(x: Array, indices: Array, updates: Array, axis: int) -> tuple[Array, Array, Array]:
    """A copy of x; a view of it with the axis first; the updates, one entry an index."""
    result = np.array(x, order="C")
    moved = np.moveaxis(updates, range(axis, axis + indices.ndim), range(indices.ndim))
    return result, np.moveaxis(result, axis, 0), moved.reshape(indices.size, *moved.shape[indices.ndim :])


def _samples() -> Iterable[Sample]:
    yield Sample((values((5, 3)), np.array([4, 0, 0, 2], np.int32), values((4, 3), seed=1)), {"axis": 0})
    yield Sample((values((2, 4, 3)), np.array([[3, 1], [1, 0]], np.int64), values((2, 2, 2, 3), seed=1)), {"axis": 1})
    yield Sample((values((2, 4)), np.array(2, np.int32), values((2,), seed=1)), {"axis": -1})
    yield Sample((values((3, 2)), np.zeros((0,), np.int32), np.zeros((0, 2))), {"axis": 0})
    whole = np.arange(6, dtype=np.int32)
    yield Sample((whole, np.array([1, 3, 1], np.int32), np.array([5, 0, -7], np.int32)), {"axis": 0})


# --- scatter_set


def _set(x: Array, indices: Array, updates: Array, *, axis: int) -> Array:
    """One after another, so that the last of equal indices stays."""
    check_range("scatter_set", indices, x.shape[axis])
    result, along, rows = _rows(x, indices, updates, axis % x.ndim)
    _, firsts = np.unique(indices.ravel()[::-1], return_index=True)
    lasts = indices.size - 1 - firsts
    along[indices.ravel()[lasts].astype(np.int64)] = rows[lasts]
    return result


def _set_gradient(
    build: Build, inputs: Sequence[Value], outputs: Sequence[Value], cotangents: Sequence[Value | None], *, axis: int
) -> Sequence[Value | None]:
    """What was replaced gets nothing; neither does an update that a later one replaced."""
    x, indices, updates = inputs
    g = cotangents[0]
    axis = axis % len(x.shape)
    count = indices.type.size
    if not count:
        return [g, None, None]
    flat = build.reshape(indices, shape=(count,))
    turn = build.iota(shape=(count,), axis=0, dtype=dtypes.int32)
    none = build.broadcast(build.constant(-1, dtypes.int32), shape=(x.shape[axis],))
    latest = build.scatter_set(none, flat, turn, axis=0)
    stays = build.reshape(build.equal(build.gather(latest, flat, axis=0), turn), shape=indices.shape)
    sides = (axis, len(x.shape) - axis - 1)
    stays = build.reshape(stays, shape=(*(1,) * sides[0], *indices.shape, *(1,) * sides[1]))
    of_updates = build.gather(g, indices, axis=axis)
    nothing = full(build, 0.0, updates)
    return [
        build.scatter_set(g, indices, nothing, axis=axis),
        None,
        build.select(stays, of_updates, nothing),
    ]


def _set_samples() -> Iterable[Sample]:
    yield from _samples()
    yield Sample((np.array([True, False]), np.array([0], np.int32), np.array([False])), {"axis": 0})


scatter_set = Operator(
    name="scatter_set",
    infer=lambda x, indices, updates, *, axis: scatter_type("scatter_set", x, indices, updates, axis, ANY),
    reference=_set,
    samples=_set_samples,
    gradient=_set_gradient,
    resolve=axis_resolver("scatter_set"),
    traits=INDEXING,
    doc="x with what lies at indices replaced by updates (of gather's result's shape); the last of equals stays.",
)


# --- scatter_max and scatter_min


def _extreme_gradient(
    build: Build, inputs: Sequence[Value], outputs: Sequence[Value], cotangents: Sequence[Value | None], *, axis: int
) -> Sequence[Value | None]:
    """To the extreme; equals share."""
    x, indices, updates = inputs
    y, g = outputs[0], cotangents[0]
    assert g is not None
    of_x = build.cast(build.equal(x, y), dtype=x.dtype)
    of_updates = build.cast(build.equal(updates, build.gather(y, indices, axis=axis)), dtype=x.dtype)
    share = build.div(g, build.maximum(build.scatter_add(of_x, indices, of_updates, axis=axis), 1.0))
    return [build.mul(of_x, share), None, build.mul(of_updates, build.gather(share, indices, axis=axis))]


def _extreme(name: str, doc: str, function: Any) -> Operator:
    def infer(x: TensorType, indices: TensorType, updates: TensorType, *, axis: int) -> TensorType:
        return scatter_type(name, x, indices, updates, axis, NUMBER)

    def reference(x: Array, indices: Array, updates: Array, *, axis: int) -> Array:
        check_range(name, indices, x.shape[axis])
        result, along, rows = _rows(x, indices, updates, axis % x.ndim)
        function.at(along, indices.ravel().astype(np.int64), rows)
        return result

    row_reference: Callable[..., Array] = widened(reference)
    return Operator(
        name=name,
        infer=infer,
        reference=row_reference,
        samples=_samples,
        gradient=_extreme_gradient,
        resolve=axis_resolver(name),
        traits=INDEXING,
        doc=doc,
    )


scatter_max = _extreme(
    "scatter_max", "The larger of x and all updates (of gather's result's shape) at each index; NaN stays.", np.maximum
)
scatter_min = _extreme(
    "scatter_min", "The smaller of x and all updates (of gather's result's shape) at each index; NaN stays.", np.minimum
)
