"""Picking and placing elements by integer tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from epochal import dtypes
from epochal.errors import ArgumentError, NotSupportedError, ShapeError
from epochal.ir import Symbol
from epochal.tensor.convert import cast, convert
from epochal.tensor.dispatch import apply, axis_of
from epochal.tensor.functions.creation import full_like, iota, ones_like, zeros
from epochal.tensor.functions.elementwise import add, greater, less, multiply, where
from epochal.tensor.functions.movement import broadcast_to, expand_dims, ravel, reshape, shape, slice_axis
from epochal.tensor.tensor import Tensor, eager


def as_indices(indices: Any) -> Tensor:
    """Integers as a tensor that can be an index."""
    tensor = convert(indices)
    if tensor.dtype.is_integer:
        return tensor
    if tensor.dtype.is_floating and tensor.data is not None and not tensor.data.size:
        return cast(tensor, dtypes.int32)
    raise ArgumentError(f"Indices must be integers. Received: {tensor.type}")


def wrapped(indices: Tensor, size: Any) -> Tensor:
    """Indices counted from the front, negative ones having counted from the end."""
    if indices.dtype.kind == "uint":
        return indices
    if indices.data is not None and isinstance(size, int):
        data = indices.data
        return indices if not data.size or data.min() >= 0 else eager(np.where(data < 0, data + size, data))
    count = size if isinstance(size, int) else cast(size, indices.dtype)
    return where(less(indices, 0), add(indices, count), indices)


def axis_size(x: Tensor, axis: int) -> Any:
    """A size: an integer, or a symbolic scalar where it is not known yet."""
    size = x.dimensions[axis]
    if not isinstance(size, Symbol):
        return size
    return reshape(slice_axis(shape(x), 0, axis, axis + 1), ())


def gather(x: Any, indices: Any, axis: int = 0) -> Tensor:
    """Slices of x along `axis`: result shape x.shape[:axis] + indices.shape + x.shape[axis + 1:].

    Raises:
        ExecutionError: When run, if an index is outside [0, size).
    """
    tensor = convert(x)
    result: Tensor = apply("gather", tensor, as_indices(indices), axis=axis_of(axis, tensor.ndim))
    return result


def take(x: Any, indices: Any, axis: int | None = None) -> Tensor:
    """`gather`, where negative indices count from the end; without axis, from the flattened tensor."""
    tensor = convert(x)
    if axis is None:
        tensor, axis = ravel(tensor), 0
    place = axis_of(axis, tensor.ndim)
    picks = as_indices(indices)
    result: Tensor = apply("gather", tensor, wrapped(picks, axis_size(tensor, place)), axis=place)
    return result


def take_along_axis(x: Any, indices: Any, axis: int | None = None) -> Tensor:
    """For each place of `indices`, the element of x that it names along `axis`; along the others its own place."""
    tensor, picks = convert(x), as_indices(indices)
    if axis is None:
        return take(ravel(tensor), ravel(picks), 0)
    place = axis_of(axis, tensor.ndim)
    if picks.ndim != tensor.ndim:
        raise ShapeError(f"take_along_axis needs as many axes. Received shapes: {tensor.shape} and {picks.shape}")
    picks = wrapped(picks, axis_size(tensor, place))
    sizes = tuple(
        size if current == place or picks.dimensions[current] != 1 else tensor.dimensions[current]
        for current, size in enumerate(picks.dimensions)
    )
    index = broadcast_to(cast(picks, dtypes.int32), sizes)
    flat: Any = None
    for current in range(tensor.ndim):
        position = index if current == place else _positions(tensor, index, current)
        size = axis_size(tensor, current)
        flat = position if flat is None else add(multiply(flat, size), position)
    result: Tensor = apply("gather", ravel(tensor), flat, axis=0)
    return result


def _positions(x: Tensor, index: Tensor, axis: int) -> Tensor:
    """Where along an axis each place of `index` is; 0 where x has but one."""
    if x.dimensions[axis] == 1:
        return full_like(index, 0)
    return iota(index.dimensions, axis, dtypes.int32)


def gather_nd(x: Any, indices: Any, batch_dims: int = 0) -> Tensor:
    """Elements or slices of x at the coordinates that the last axis of `indices` holds."""
    tensor, picks = convert(x), as_indices(indices)
    if batch_dims:
        raise NotSupportedError("gather_nd with batch_dims is not supported yet.")
    depth = picks.shape[-1]
    if depth is None or depth > tensor.ndim:
        raise ShapeError(f"gather_nd: indices of shape {picks.shape} do not fit shape {tensor.shape}.")
    flat = flat_index(
        tensor,
        [reshape(slice_axis(picks, picks.ndim - 1, axis, axis + 1), picks.dimensions[:-1]) for axis in range(depth)],
    )
    merged = reshape(tensor, (-1, *tensor.dimensions[depth:]))
    result: Tensor = apply("gather", merged, flat, axis=0)
    return result


def flat_index(x: Tensor, coordinates: list[Tensor]) -> Tensor:
    """Coordinates along the first axes of x as one index into those axes merged."""
    flat = coordinates[0]
    for axis, coordinate in enumerate(coordinates[1:], 1):
        flat = add(multiply(flat, axis_size(x, axis)), coordinate)
    return flat


def scatter_add(x: Any, indices: Any, updates: Any, axis: int = 0) -> Tensor:
    """x with `updates` (of the shape of gather's result) added at `indices` along `axis`; duplicates add up."""
    tensor = convert(x)
    result: Tensor = apply(
        "scatter_add", tensor, as_indices(indices), convert(updates, tensor.dtype), axis=axis_of(axis, tensor.ndim)
    )
    return result


def _scattered(shape_: tuple[Any, ...], indices: Tensor, updates: Tensor) -> Tensor:
    """`updates` added up into zeros at coordinates held in the last axis of `indices`."""
    depth = indices.shape[-1]
    if depth is None or depth > len(shape_):
        raise ShapeError(f"Coordinates of shape {indices.shape} do not fit the shape {shape_}.")
    base = zeros(shape_, updates.dtype)
    picks = [
        reshape(slice_axis(indices, indices.ndim - 1, axis, axis + 1), indices.dimensions[:-1]) for axis in range(depth)
    ]
    merged = reshape(base, (-1, *shape_[depth:]))
    return reshape(scatter_add(merged, flat_index(base, picks), updates), shape_)


def scatter(indices: Any, values: Any, shape: Any) -> Tensor:
    """Zeros of `shape` with `values` added at the coordinates that the last axis of `indices` holds."""
    return _scattered(tuple(int(size) for size in shape), as_indices(indices), convert(values))


def scatter_nd_update(x: Any, indices: Any, updates: Any) -> Tensor:
    """x with the places that the last axis of `indices` names replaced by `updates` (names must not repeat)."""
    tensor, picks = convert(x), as_indices(indices)
    values = convert(updates, tensor.dtype)
    hits = _scattered(tensor.dimensions, picks, ones_like(values, dtypes.int32))
    wide = tensor if tensor.dtype.is_floating or tensor.dtype.is_integer else cast(tensor, dtypes.int32)
    placed = _scattered(tensor.dimensions, picks, cast(values, wide.dtype))
    return cast(where(greater(hits, 0), placed, wide), tensor.dtype)


def in_top_k(targets: Any, predictions: Any, k: int) -> Tensor:
    """Whether the target class of each row is among the k largest predictions."""
    classes, scores = as_indices(targets), convert(predictions)
    if scores.ndim != classes.ndim + 1:
        raise ShapeError(f"in_top_k: targets of shape {classes.shape} do not fit predictions of shape {scores.shape}.")
    own = take_along_axis(scores, expand_dims(classes, -1), -1)
    above = cast(greater(scores, own), dtypes.int32)
    return less(apply("sum", above, axes=(scores.ndim - 1,)), k)


def segment_sum(data: Any, segment_ids: Any, num_segments: int | None = None) -> Tensor:
    """Sums of the slices of `data` along axis 0 that share a number in `segment_ids`."""
    tensor, segments = convert(data), as_indices(segment_ids)
    if num_segments is None:
        if segments.data is None:
            raise ArgumentError("segment_sum of symbolic segment_ids needs num_segments.")
        num_segments = int(segments.data.max(initial=-1)) + 1
    return scatter_add(zeros((num_segments, *tensor.dimensions[1:]), tensor.dtype), segments, tensor)


def bincount(x: Any, minlength: int = 0, weights: Any = None) -> Tensor:
    """How often each integer occurs (or the sum of its weights); the length is known only in eager execution."""
    values = as_indices(x)
    if values.data is None:
        raise NotSupportedError("bincount of a symbolic tensor is not supported: its length depends on the numbers.")
    counts = np.bincount(
        values.data.reshape(-1), None if weights is None else np.asarray(weights).reshape(-1), minlength
    )
    return eager(counts.astype(np.int32) if weights is None else counts.astype(convert(weights).dtype.numpy))


def sequence_mask(lengths: Any, size: int) -> Tensor:
    """A row for each length: true at its first places, false after."""
    tensor = as_indices(lengths)
    steps = broadcast_to(iota((size,), 0, tensor.dtype), (*tensor.dimensions, size))
    return less(steps, expand_dims(tensor, -1))
