"""Movement of parts of arrays: cutting out, padding, joining, and cutting and writing at a computed place."""

from __future__ import annotations

import operator as python
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from epochal.errors import ArgumentError, DTypeError, ShapeError
from epochal.ir import Array, Build, Dimension, Operator, Parameters, Sample, Shape, Symbol, TensorType, Value
from epochal.topi._rules import (
    axis_resolver,
    check_axis,
    check_entries,
    check_same_dtype,
    check_shape,
    full,
    merge,
    values,
)

MOVEMENT = frozenset({"movement"})


def _bounds(size: int, start: Any, limit: Any, stride: int) -> tuple[int, int, int]:
    """Start and limit as Python's slices read them: negative from the end, cut to the axis."""
    low, high, _ = slice(start, limit, stride).indices(size)
    return low, max(low, high), stride


def _slice_parameters(
    rank: int, starts: Any, limits: Any, strides: Any
) -> tuple[tuple[Any, ...], tuple[Any, ...], tuple[int, ...]]:
    starts = check_entries("slice", "starts", starts, rank)
    limits = check_entries("slice", "limits", limits, rank)
    strides = (1,) * rank if strides is None else check_entries("slice", "strides", strides, rank)
    if any(python.index(stride) < 1 for stride in strides):
        raise ArgumentError(f"slice: strides must be at least 1. Received: {strides}. Use reverse to turn an axis.")
    return starts, limits, strides


def _slice_size(size: Dimension, start: Any, limit: Any, stride: int) -> Dimension:
    if not isinstance(size, Symbol):
        low, high, _ = _bounds(size, start, limit, stride)
        return -(-(high - low) // stride)
    start = 0 if start is None else start
    if start == 0 and limit is None and stride == 1:
        return size
    single = start == -1 if limit is None else limit - start == 1 and (start < 0) == (limit < 0)
    return 1 if single else Symbol()


def _slice_type(x: TensorType, *, starts: Any, limits: Any, strides: Any = None) -> TensorType:
    entries = zip(x.shape, *_slice_parameters(x.rank, starts, limits, strides), strict=True)
    return x.with_shape(_slice_size(*entry) for entry in entries)


def _resolve_slice(types: Sequence[TensorType], parameters: Parameters) -> Parameters:
    given = _slice_parameters(types[0].rank, parameters["starts"], parameters["limits"], parameters.get("strides"))
    entries = [_bounds(*entry) for entry in zip(types[0].shape, *given, strict=True)]  # type: ignore[arg-type]
    return {
        name: tuple(entry[index] for entry in entries) for index, name in enumerate(("starts", "limits", "strides"))
    }


def _slice(x: Array, *, starts: Any, limits: Any, strides: Any = None) -> Array:
    strides = strides or (None,) * x.ndim
    return x[tuple(slice(*entry) for entry in zip(starts, limits, strides, strict=True))]


def _slice_gradient(
    build: Build,
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    cotangents: Sequence[Value | None],
    *,
    starts: tuple[int, ...],
    limits: tuple[int, ...],
    strides: tuple[int, ...],
) -> Sequence[Value | None]:
    """Pads with what was cut off; where nothing was left, a zero."""
    x, g = inputs[0], cotangents[0]
    assert g is not None
    if g.type.size == 0:
        return [None]
    spans = [start + (size - 1) * stride + 1 for start, size, stride in zip(starts, g.shape, strides, strict=True)]  # type: ignore[operator]
    high = tuple(size - span for size, span in zip(x.shape, spans, strict=True))  # type: ignore[operator]
    return [build.pad(g, low=starts, high=high, interior=tuple(stride - 1 for stride in strides), value=0.0)]


def _slice_samples() -> Iterable[Sample]:
    yield Sample((values((4, 5)),), {"starts": (1, 0), "limits": (3, 5), "strides": (1, 1)})
    yield Sample((values((6, 5)),), {"starts": (1, -4), "limits": (None, -1), "strides": (2, 3)})
    yield Sample((values((3, 2)),), {"starts": (-1, 0), "limits": (None, None)})
    yield Sample((values((3, 2)),), {"starts": (2, 0), "limits": (2, None), "strides": (1, 1)})
    yield Sample((np.arange(10, dtype=np.int32),), {"starts": (2,), "limits": (9,), "strides": (3,)})
    yield Sample((values(()),), {"starts": (), "limits": ()})


slice_ = Operator(
    name="slice",
    infer=_slice_type,
    reference=_slice,
    samples=_slice_samples,
    gradient=_slice_gradient,
    resolve=_resolve_slice,
    traits=MOVEMENT,
    doc="Elements starts, starts + strides ... below limits (None: the end) of each axis, read as Python's slices.",
)


def _pad_parameters(rank: int, low: Any, high: Any, interior: Any) -> list[tuple[int, int, int]]:
    low = check_entries("pad", "low", low, rank)
    high = check_entries("pad", "high", high, rank)
    interior = (0,) * rank if interior is None else check_entries("pad", "interior", interior, rank)
    if any(python.index(count) < 0 for count in interior):
        raise ArgumentError(f"pad: interior must be non-negative. Received: {interior}")
    return list(zip(low, high, interior, strict=True))


def _spread(size: int, interior: int) -> int:
    """Size of an axis with `interior` elements put between neighbours."""
    return size + max(size - 1, 0) * interior


def _pad_type(x: TensorType, *, low: Any, high: Any, interior: Any = None, value: Any = 0.0) -> TensorType:
    shape: list[Dimension] = []
    for size, (before, after, between) in zip(x.shape, _pad_parameters(x.rank, low, high, interior), strict=True):
        if isinstance(size, Symbol):
            shape.append(size if before == after == between == 0 else Symbol())
            continue
        shape.append(before + _spread(size, between) + after)
        if python.index(shape[-1]) < 0:  # type: ignore[arg-type]
            raise ShapeError(f"pad: cropping {(before, after)} leaves less than nothing of an axis of {x}.")
    return x.with_shape(shape)


def _resolve_pad(types: Sequence[TensorType], parameters: Parameters) -> Parameters:
    given = _pad_parameters(types[0].rank, parameters["low"], parameters["high"], parameters.get("interior"))
    names = enumerate(("low", "high", "interior"))
    return {
        **{name: tuple(entry[index] for entry in given) for index, name in names},
        "value": parameters.get("value", 0.0),
    }


def _pad(x: Array, *, low: Any, high: Any, interior: Any = None, value: Any = 0.0) -> Array:
    interior = interior or (0,) * x.ndim
    spread = [_spread(size, between) for size, between in zip(x.shape, interior, strict=True)]
    room = [max(before, 0) + size + max(after, 0) for before, size, after in zip(low, spread, high, strict=True)]
    result = np.full(room, value, x.dtype)
    where = zip(low, spread, interior, strict=True)
    result[tuple(slice(max(a, 0), max(a, 0) + size, between + 1) for a, size, between in where)] = x
    crop = zip(room, low, high, strict=True)
    return result[tuple(slice(max(-before, 0), size - max(-after, 0)) for size, before, after in crop)]


def _pad_gradient(
    build: Build,
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    cotangents: Sequence[Value | None],
    *,
    low: tuple[int, ...],
    high: tuple[int, ...],
    interior: tuple[int, ...],
    value: Any,
) -> Sequence[Value | None]:
    """Crops what was added, pads what was cropped with zeros, then keeps every (interior + 1)th."""
    x = inputs[0]
    if x.type.size == 0:
        return [None]
    inverse = {"low": tuple(-size for size in low), "high": tuple(-size for size in high)}
    g = build.pad(cotangents[0], **inverse, interior=(0,) * len(low), value=0.0)
    strides = tuple(between + 1 for between in interior)
    return [build.slice(g, starts=(0,) * len(low), limits=g.shape, strides=strides)]


def _pad_samples() -> Iterable[Sample]:
    yield Sample((values((2, 3)),), {"low": (1, 0), "high": (0, 2), "interior": (0, 0), "value": 0.5})
    yield Sample((values((2, 3)),), {"low": (0, 1), "high": (1, 0), "interior": (2, 1), "value": 0.0})
    yield Sample((values((4, 5)),), {"low": (-1, 2), "high": (1, -3)})
    yield Sample((values((3, 4)),), {"low": (-2, -1), "high": (0, -1), "interior": (1, 1)})
    yield Sample((np.zeros((0, 2)),), {"low": (1, 0), "high": (1, 0), "interior": (1, 0), "value": 3.0})
    yield Sample((np.arange(3, dtype=np.int32),), {"low": (1,), "high": (1,), "interior": (1,), "value": -1})
    yield Sample((values(()),), {"low": (), "high": ()})


pad = Operator(
    name="pad",
    infer=_pad_type,
    reference=_pad,
    samples=_pad_samples,
    gradient=_pad_gradient,
    resolve=_resolve_pad,
    traits=MOVEMENT,
    doc="`value` put before, after and between the elements of each axis; a negative low or high crops.",
)


def _concat_type(*types: TensorType, axis: int) -> TensorType:
    if not types:
        raise ArgumentError("concat needs at least one operand.")
    check_same_dtype("concat", *types)
    where = check_axis("concat", axis, types[0].rank)
    shape: list[Dimension] = list(types[0].shape)
    total: Dimension = 0
    for type_ in types:
        listed = ", ".join(map(str, types))
        if type_.rank != len(shape):
            raise ShapeError(f"concat: operands must have the same number of axes. Received: {listed}.")
        for index, size in enumerate(type_.shape):
            if index != where:
                shape[index] = merge("concat", f"axes {index} of {listed}", shape[index], size)
        size = type_.shape[where]
        total = Symbol() if isinstance(size, Symbol) or isinstance(total, Symbol) else total + size
    shape[where] = types[0].shape[where] if len(types) == 1 else total
    return types[0].with_shape(shape)


def _concat_gradient(
    build: Build, inputs: Sequence[Value], outputs: Sequence[Value], cotangents: Sequence[Value | None], *, axis: int
) -> Sequence[Value | None]:
    shape = outputs[0].shape
    gradients, start = [], 0
    for value in inputs:
        size = value.shape[axis]
        assert isinstance(size, int)
        starts = tuple(start if index == axis else 0 for index in range(len(shape)))
        limits = tuple(start + size if index == axis else full_size for index, full_size in enumerate(shape))
        gradients.append(build.slice(cotangents[0], starts=starts, limits=limits))
        start += size
    return gradients


def _concat_samples() -> Iterable[Sample]:
    yield Sample((values((2, 3)), values((1, 3), seed=1)), {"axis": 0})
    yield Sample((values((2, 1)), values((2, 3), seed=1), values((2, 2), seed=2)), {"axis": -1})
    yield Sample((values((2, 3)), np.zeros((2, 0))), {"axis": 1})
    yield Sample((values((2, 3)),), {"axis": 1})
    yield Sample((np.arange(3, dtype=np.int32), np.arange(2, dtype=np.int32)), {"axis": 0})


concat = Operator(
    name="concat",
    infer=_concat_type,
    reference=lambda *arrays, axis: np.concatenate(arrays, axis),
    samples=_concat_samples,
    gradient=_concat_gradient,
    resolve=axis_resolver("concat"),
    traits=MOVEMENT,
    doc="Operands joined along an axis.",
)


def _check_starts(name: str, x: TensorType, starts: TensorType) -> None:
    if not starts.dtype.is_integer:
        raise DTypeError(f"{name}: starts must be integers. Received: {starts}.")
    if starts.rank != 1 or (not isinstance(starts.shape[0], Symbol) and starts.shape[0] != x.rank):
        raise ShapeError(f"{name}: starts must be a vector of {x.rank} integers for {x}. Received: {starts}.")


def _check_fits(name: str, x: TensorType, part: Shape) -> None:
    if len(part) != x.rank or any(
        not isinstance(size, Symbol) and not isinstance(room, Symbol) and size > room
        for size, room in zip(part, x.shape, strict=False)
    ):
        raise ShapeError(f"{name}: a part of shape {part} does not fit into {x}.")


def _place(room: Sequence[int], sizes: Sequence[int], starts: Array) -> tuple[slice, ...]:
    """The part's place, moved inside where it would stick out."""
    place = []
    for total, size, start in zip(room, sizes, starts.tolist(), strict=True):
        first = min(max(start, 0), total - size)
        place.append(slice(first, first + size))
    return tuple(place)


def _dynamic_slice_type(x: TensorType, starts: TensorType, *, sizes: Any) -> TensorType:
    _check_starts("dynamic_slice", x, starts)
    shape = check_shape("dynamic_slice", sizes)
    _check_fits("dynamic_slice", x, shape)
    return x.with_shape(shape)


def _dynamic_slice_gradient(
    build: Build, inputs: Sequence[Value], outputs: Sequence[Value], cotangents: Sequence[Value | None], *, sizes: Shape
) -> Sequence[Value | None]:
    return [build.dynamic_update(full(build, 0.0, inputs[0]), cotangents[0], inputs[1]), None]


def _dynamic_slice_samples() -> Iterable[Sample]:
    yield Sample((values((4, 5)), np.array([1, 2], np.int32)), {"sizes": (2, 3)})
    yield Sample((values((4, 5)), np.array([3, -7], np.int32)), {"sizes": (2, 3)})
    yield Sample((values((6,)), np.array([4], np.int64)), {"sizes": (1,)})
    yield Sample((np.arange(6, dtype=np.int32), np.array([9], np.int32)), {"sizes": (2,)})
    yield Sample((values(()), np.zeros(0, np.int32)), {"sizes": ()})


dynamic_slice = Operator(
    name="dynamic_slice",
    infer=_dynamic_slice_type,
    reference=lambda x, starts, *, sizes: x[_place(x.shape, sizes, starts)],
    samples=_dynamic_slice_samples,
    gradient=_dynamic_slice_gradient,
    resolve=lambda types, parameters: {"sizes": check_shape("dynamic_slice", parameters["sizes"])},
    traits=MOVEMENT,
    doc="A part of given sizes that begins at starts, moved inside x where it would stick out.",
)


def _dynamic_update_type(x: TensorType, update: TensorType, starts: TensorType) -> TensorType:
    check_same_dtype("dynamic_update", x, update)
    _check_starts("dynamic_update", x, starts)
    _check_fits("dynamic_update", x, update.shape)
    return x


def _dynamic_update(x: Array, update: Array, starts: Array) -> Array:
    result = np.array(x)
    result[_place(x.shape, update.shape, starts)] = update
    return result


def _dynamic_update_gradient(
    build: Build, inputs: Sequence[Value], outputs: Sequence[Value], cotangents: Sequence[Value | None]
) -> Sequence[Value | None]:
    _, update, starts = inputs
    g = cotangents[0]
    return [
        build.dynamic_update(g, full(build, 0.0, update), starts),
        build.dynamic_slice(g, starts, sizes=update.shape),
        None,
    ]


def _dynamic_update_samples() -> Iterable[Sample]:
    yield Sample((values((4, 5)), values((2, 3), seed=1), np.array([1, 2], np.int32)))
    yield Sample((values((4, 5)), values((2, 3), seed=1), np.array([9, -1], np.int32)))
    yield Sample((np.arange(6, dtype=np.int32), np.array([-1], np.int32), np.array([2], np.int64)))
    yield Sample((values(()), values((), seed=1), np.zeros(0, np.int32)))


dynamic_update = Operator(
    name="dynamic_update",
    infer=_dynamic_update_type,
    reference=_dynamic_update,
    samples=_dynamic_update_samples,
    gradient=_dynamic_update_gradient,
    traits=MOVEMENT,
    doc="x with a part that begins at starts replaced, moved inside x where it would stick out.",
)
