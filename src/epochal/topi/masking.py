"""Picking by a mask. How many are picked is known only when the program runs, so the result has a size given before."""

from __future__ import annotations

import operator as python
from collections.abc import Iterable, Sequence

import numpy as np

from epochal import dtypes
from epochal.errors import ArgumentError, DTypeError, ShapeError
from epochal.ir import Array, Build, Operator, Sample, TensorType, Value
from epochal.topi._rules import full, merge, values

TRAITS = frozenset({"composite", "indexing"})


def _check(name: str, mask: TensorType, size: int) -> int:
    if not mask.dtype.is_bool:
        raise DTypeError(f"{name}: the mask must be bool. Received: {mask}. Compare it with something first.")
    try:
        count = python.index(size)
    except TypeError:
        count = -1
    if count < 0:
        raise ArgumentError(f"{name}: size must be a non-negative integer. Received: {size!r}")
    return count


# --- mask_positions


def _positions_type(mask: TensorType, *, size: int) -> tuple[TensorType, TensorType]:
    count = _check("mask_positions", mask, size)
    return TensorType(dtypes.int32, (count,)), TensorType(dtypes.int32, ())


def _positions(mask: Array, *, size: int) -> tuple[Array, Array]:
    found = np.flatnonzero(mask)
    result = np.zeros(size, np.int32)
    result[: min(size, found.size)] = found[:size]
    return result, np.asarray(found.size, np.int32)


def _positions_decomposition(build: Build, inputs: Sequence[Value], *, size: int) -> tuple[Value, Value]:
    """The running count of true elements says where each goes; one place more takes what is left over."""
    total = inputs[0].type.size
    flat = build.cast(build.reshape(inputs[0], shape=(total,)), dtype=dtypes.int32)
    count = build.sum(flat, axes=(0,))
    turn = build.sub(build.cumulative_sum(flat, axis=0, reverse=False, exclusive=False), 1)
    last = build.broadcast(build.constant(size, dtypes.int32), shape=(total,))
    picked = build.logical_and(build.greater(flat, 0), build.less(turn, size))
    target = build.select(picked, turn, last)
    places = build.iota(shape=(total,), axis=0, dtype=dtypes.int32)
    empty = build.broadcast(build.constant(0, dtypes.int32), shape=(size + 1,))
    gathered = build.scatter_add(empty, target, build.mul(places, build.cast(picked, dtype=dtypes.int32)), axis=0)
    return build.slice(gathered, starts=(0,), limits=(size,)), count


def _masks() -> Iterable[tuple[Array, int]]:
    mask = np.array([[True, False, True], [False, True, True]])
    yield mask, 4
    yield mask, 6
    yield mask, 2
    yield np.zeros(3, np.bool_), 2
    yield mask[0], 0


def _positions_samples() -> Iterable[Sample]:
    for mask, size in _masks():
        yield Sample((mask,), {"size": size})


mask_positions = Operator(
    name="mask_positions",
    infer=_positions_type,
    reference=_positions,
    samples=_positions_samples,
    no_gradient="zero",
    decompose=_positions_decomposition,
    traits=TRAITS,
    doc="Places of the first `size` true elements in the flattened mask, padded with 0; and how many are true in all.",
)


# --- boolean_mask


def _mask_type(x: TensorType, mask: TensorType, *, size: int, value: float = 0.0) -> tuple[TensorType, TensorType]:
    count = _check("boolean_mask", mask, size)
    if not 1 <= mask.rank <= x.rank:
        raise ShapeError(f"boolean_mask: the mask's axes must be the first axes of x, {x}. Received: {mask}.")
    for axis in range(mask.rank):
        merge("boolean_mask", f"axes {axis} of {x} and {mask}", x.shape[axis], mask.shape[axis])
    return x.with_shape((count, *x.shape[mask.rank :])), TensorType(dtypes.int32, ())


def _mask(x: Array, mask: Array, *, size: int, value: float = 0.0) -> tuple[Array, Array]:
    picked = x[mask]
    result = np.full((size, *x.shape[mask.ndim :]), value, x.dtype)
    result[: min(size, len(picked))] = picked[:size]
    return result, np.asarray(len(picked), np.int32)


def _filled_rows(build: Build, count: Value, like: Value) -> Value:
    """Whether a row of the result was picked, repeated over the row."""
    turn = build.iota(shape=like.shape, axis=0, dtype=dtypes.int32)
    result: Value = build.less(turn, count)
    return result


def _merged(mask: Value, x: Value) -> tuple[int, ...]:
    rest: list[int] = [size for size in x.shape[len(mask.shape) :] if isinstance(size, int)]
    return (mask.type.size, *rest)


def _mask_decomposition(build: Build, inputs: Sequence[Value], *, size: int, value: float = 0.0) -> tuple[Value, Value]:
    x, mask = inputs
    positions, count = build.mask_positions(mask, size=size)
    if mask.type.size:
        found = build.gather(build.reshape(x, shape=_merged(mask, x)), positions, axis=0)
    else:
        found = build.broadcast(build.constant(0, x.dtype), shape=(size, *x.shape[len(mask.shape) :]))
    padding = build.broadcast(build.constant(value, x.dtype), shape=found.shape)
    return build.select(_filled_rows(build, count, found), found, padding), count


def _mask_gradient(
    build: Build,
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    cotangents: Sequence[Value | None],
    *,
    size: int,
    value: float = 0.0,
) -> Sequence[Value | None]:
    """What was picked goes back; the padding gets nothing."""
    x, mask = inputs
    g = cotangents[0]
    if g is None or not mask.type.size or not g.type.size:
        return [None, None]
    positions, count = build.mask_positions(mask, size=size)
    picked = build.select(_filled_rows(build, count, g), g, full(build, 0.0, g))
    base = build.broadcast(build.constant(0.0, x.dtype), shape=_merged(mask, x))
    return [build.reshape(build.scatter_add(base, positions, picked, axis=0), shape=x.shape), None]


def _mask_samples() -> Iterable[Sample]:
    for mask, size in _masks():
        yield Sample((values((*mask.shape, 2)), mask), {"size": size, "value": 0.5})
    yield Sample((values((2, 3)), next(iter(_masks()))[0]), {"size": 5})
    yield Sample((np.arange(3, dtype=np.int32), np.array([True, False, True])), {"size": 3, "value": -1})


boolean_mask = Operator(
    name="boolean_mask",
    infer=_mask_type,
    reference=_mask,
    samples=_mask_samples,
    gradient=_mask_gradient,
    decompose=_mask_decomposition,
    traits=TRAITS,
    doc="The first `size` slices of x where the mask over its first axes is true, then `value`; and how many are true.",
)
