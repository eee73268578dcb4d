"""Movement of one array's elements: repeating, reordering and reinterpreting its axes."""

from __future__ import annotations

import operator as python
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from epochal import dtypes
from epochal.dtypes import DType
from epochal.errors import ArgumentError, ShapeError
from epochal.ir import (
    Array,
    Build,
    Dimension,
    Operator,
    Parameters,
    Sample,
    Shape,
    Symbol,
    TensorType,
    Value,
    is_static,
)
from epochal.topi._rules import check_axes, check_axis, check_dtype, check_shape, values

MOVEMENT = frozenset({"movement"})


def _broadcast_type(x: TensorType, *, shape: Any) -> TensorType:
    target = check_shape("broadcast", shape)
    if x.rank > len(target):
        raise ShapeError(f"broadcast: the shape must have at least the operand's axes. Received: {x} to {target}.")
    for size, wanted in zip(x.shape, target[len(target) - x.rank :], strict=True):
        if size != 1 and size != wanted and not isinstance(size, Symbol) and not isinstance(wanted, Symbol):
            raise ShapeError(f"broadcast: {x} does not broadcast to {target}: {size} is neither 1 nor {wanted}.")
    return x.with_shape(target)


def _broadcast_gradient(
    build: Build, inputs: Sequence[Value], outputs: Sequence[Value], cotangents: Sequence[Value | None], *, shape: Shape
) -> Sequence[Value | None]:
    """Sums over the axes that were new or of size 1."""
    x = inputs[0]
    new = len(shape) - x.type.rank
    repeated = [new + axis for axis, size in enumerate(x.shape) if size == 1 and shape[new + axis] != 1]
    axes = (*range(new), *repeated)
    total = build.sum(cotangents[0], axes=axes) if axes else cotangents[0]
    return [build.reshape(total, shape=x.shape) if repeated else total]


def _broadcast_samples() -> Iterable[Sample]:
    yield Sample((values((3,)),), {"shape": (2, 3)})
    yield Sample((values((2, 1, 3)),), {"shape": (4, 2, 5, 3)})
    yield Sample((values(()),), {"shape": (2, 3)})
    yield Sample((values((1, 1)),), {"shape": (1, 4)})
    yield Sample((values((1, 3)),), {"shape": (0, 3)})
    yield Sample((np.array([[1], [2]], np.int32),), {"shape": (2, 3)})
    yield Sample((np.array([True, False]),), {"shape": (3, 2)})


broadcast = Operator(
    name="broadcast",
    infer=_broadcast_type,
    reference=lambda x, *, shape: np.broadcast_to(x, shape),
    samples=_broadcast_samples,
    gradient=_broadcast_gradient,
    resolve=lambda types, parameters: {"shape": check_shape("broadcast", parameters["shape"])},
    traits=MOVEMENT,
    doc="x repeated to a shape by NumPy's rule.",
)


def _split(shape: Iterable[Dimension]) -> tuple[int, list[Symbol]]:
    """The product of the known sizes, and the unknown ones."""
    known, unknown = 1, []
    for size in shape:
        if isinstance(size, Symbol):
            unknown.append(size)
        else:
            known *= size
    return known, unknown


def _cancelled(x: TensorType, target: Shape) -> tuple[int, list[Symbol], int, list[Symbol]]:
    """Known elements of `x` and of `target`, each with the unknown sizes that the other does not have too."""
    known, unknown = _split(x.shape)
    room, wanted = _split(target)
    for symbol in tuple(wanted):
        if symbol in unknown:
            unknown.remove(symbol)
            wanted.remove(symbol)
    return known, unknown, room, wanted


def _quotient(x: TensorType, target: Shape, shown: Shape) -> Dimension:
    """What the elements of `x` leave for one more axis beside `target`; a new unknown if that is not known yet.

    Raises:
        ShapeError: All is known and it does not divide.
    """
    known, unknown, room, wanted = _cancelled(x, target)
    if unknown or wanted:
        return unknown[0] if len(unknown) == 1 and not wanted and known == room else Symbol()
    if room == 0 or known % room:
        raise ShapeError(f"reshape: {x} does not fit into {shown}: {known} elements are no multiple of {room}.")
    return known // room


def _reshape_shape(x: TensorType, shape: Any) -> Shape:
    """The target shape with its -1 worked out as far as possible."""
    entries = tuple(size if isinstance(size, Symbol) else python.index(size) for size in shape)
    free = [axis for axis, size in enumerate(entries) if not isinstance(size, Symbol) and size == -1]
    if len(free) > 1 or any(not isinstance(size, Symbol) and size < -1 for size in entries):
        raise ArgumentError(f"reshape: the shape must hold non-negative sizes and at most one -1. Received: {entries}")
    if free:
        before, after = entries[: free[0]], entries[free[0] + 1 :]
        return (*before, _quotient(x, before + after, entries), *after)
    known, unknown, room, wanted = _cancelled(x, entries)
    if not unknown and not wanted and known != room:
        raise ShapeError(
            f"reshape: {x} does not fit into {entries}: it has {known} elements, the shape has room for {room}."
        )
    return entries


def _resolve_reshape(types: Sequence[TensorType], parameters: Parameters) -> Parameters:
    shape = parameters["shape"]
    return {"shape": _reshape_shape(types[0], shape) if is_static(shape) else tuple(shape)}


def _reshape_samples() -> Iterable[Sample]:
    yield Sample((values((2, 6)),), {"shape": (3, -1)})
    yield Sample((values((2, 3, 4)),), {"shape": (24,)})
    yield Sample((values((1,)),), {"shape": ()})
    yield Sample((values(()),), {"shape": (1, 1)})
    yield Sample((np.zeros((0, 3)),), {"shape": (3, 0)})
    yield Sample((np.arange(6, dtype=np.int32),), {"shape": (2, 3)})


reshape = Operator(
    name="reshape",
    infer=lambda x, *, shape: x.with_shape(_reshape_shape(x, shape)),
    reference=lambda x, *, shape: np.reshape(x, shape),
    samples=_reshape_samples,
    gradient=lambda build, inputs, outputs, cotangents, *, shape: [build.reshape(cotangents[0], shape=inputs[0].shape)],
    resolve=_resolve_reshape,
    traits=MOVEMENT,
    doc="The same elements, row by row, in another shape; one size may be -1: what is left.",
)


def _transpose_type(x: TensorType, *, permutation: Any) -> TensorType:
    order = tuple(check_axis("transpose", axis, x.rank) for axis in permutation)
    if sorted(order) != list(range(x.rank)):
        raise ArgumentError(
            f"transpose: the permutation must hold each axis of {x} once. Received: {tuple(permutation)}"
        )
    return x.with_shape(x.shape[axis] for axis in order)


def _resolve_transpose(types: Sequence[TensorType], parameters: Parameters) -> Parameters:
    order = parameters["permutation"]
    return {"permutation": tuple(check_axis("transpose", axis, types[0].rank) for axis in order)}


def _transpose_gradient(
    build: Build,
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    cotangents: Sequence[Value | None],
    *,
    permutation: tuple[int, ...],
) -> Sequence[Value | None]:
    inverse = tuple(sorted(range(len(permutation)), key=permutation.__getitem__))
    return [build.transpose(cotangents[0], permutation=inverse)]


def _transpose_samples() -> Iterable[Sample]:
    yield Sample((values((2, 3)),), {"permutation": (1, 0)})
    yield Sample((values((2, 3, 4)),), {"permutation": (2, 0, 1)})
    yield Sample((values((2, 1, 3, 2)),), {"permutation": (0, -1, 1, 2)})
    yield Sample((values(()),), {"permutation": ()})
    yield Sample((np.arange(6, dtype=np.int32).reshape(2, 3),), {"permutation": (1, 0)})


transpose = Operator(
    name="transpose",
    infer=_transpose_type,
    reference=lambda x, *, permutation: np.transpose(x, permutation),
    samples=_transpose_samples,
    gradient=_transpose_gradient,
    resolve=_resolve_transpose,
    traits=MOVEMENT,
    doc="Axis i of the result is axis permutation[i] of x.",
)


def _reverse_type(x: TensorType, *, axes: Any) -> TensorType:
    check_axes("reverse", axes, x.rank)
    return x


def _reverse_samples() -> Iterable[Sample]:
    yield Sample((values((2, 3)),), {"axes": (1,)})
    yield Sample((values((2, 3, 2)),), {"axes": (0, -1)})
    yield Sample((np.arange(4, dtype=np.int32),), {"axes": (0,)})


reverse = Operator(
    name="reverse",
    infer=_reverse_type,
    reference=lambda x, *, axes: np.flip(x, axes),
    samples=_reverse_samples,
    gradient=lambda build, inputs, outputs, cotangents, *, axes: [build.reverse(cotangents[0], axes=axes)],
    resolve=lambda types, parameters: {"axes": check_axes("reverse", parameters["axes"], types[0].rank)},
    traits=MOVEMENT,
    doc="Order along axes turned round.",
)


def _iota_type(*, shape: Any, axis: int, dtype: DType) -> TensorType:
    result = TensorType(dtypes.get(dtype), check_shape("iota", shape))
    check_axis("iota", axis, result.rank)
    check_dtype("iota", result, "numbers")
    return result


def _iota(*, shape: tuple[int, ...], axis: int, dtype: DType) -> Array:
    along = tuple(size if index == axis % len(shape) else 1 for index, size in enumerate(shape))
    return np.broadcast_to(np.arange(shape[axis]).astype(dtypes.get(dtype).numpy).reshape(along), shape)


def _resolve_iota(types: Sequence[TensorType], parameters: Parameters) -> Parameters:
    shape = check_shape("iota", parameters["shape"])
    axis = check_axis("iota", parameters["axis"], len(shape))
    return {"shape": shape, "axis": axis, "dtype": dtypes.get(parameters["dtype"])}


def _iota_samples() -> Iterable[Sample]:
    yield Sample((), {"shape": (5,), "axis": 0, "dtype": dtypes.int32})
    yield Sample((), {"shape": (2, 3, 2), "axis": 1, "dtype": dtypes.float32})
    yield Sample((), {"shape": (2, 3), "axis": 1, "dtype": dtypes.int64})


iota = Operator(
    name="iota",
    infer=_iota_type,
    reference=_iota,
    samples=_iota_samples,
    no_gradient="zero",
    resolve=_resolve_iota,
    traits=frozenset({"leaf"}),
    doc="0, 1, 2 ... along one axis.",
)


def _shape_of(x: Array) -> Array:
    return np.array(x.shape, np.int32)


def _shape_of_samples() -> Iterable[Sample]:
    yield Sample((values((2, 3)),))
    yield Sample((values(()),))


shape_of = Operator(
    name="shape_of",
    infer=lambda x: TensorType(dtypes.int32, (x.rank,)),
    reference=_shape_of,
    samples=_shape_of_samples,
    no_gradient="zero",
    doc="Sizes of x, as int32[rank].",
)
