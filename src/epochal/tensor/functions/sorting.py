"""Order, and what depends on it.

Eagerly NumPy sorts. In a graph an element's place is the number of elements before it, found by comparing all pairs
along the axis: quadratic in its size, and the same on every engine.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from epochal import dtypes
from epochal.errors import ArgumentError, NotSupportedError
from epochal.tensor.convert import cast, convert
from epochal.tensor.dispatch import apply, axis_of
from epochal.tensor.functions.creation import iota
from epochal.tensor.functions.elementwise import equal, greater, less, logical_and, logical_or, multiply
from epochal.tensor.functions.indexing import take_along_axis
from epochal.tensor.functions.movement import expand_dims, ravel, slice_axis
from epochal.tensor.tensor import Tensor, eager

# Above this size along the axis, comparing all pairs costs more than anyone expects of a sort.
LARGEST = 4096


def _places(x: Tensor, axis: int, descending: bool) -> Tensor:
    """How many elements along an axis come before each in stable order."""
    size = x.dimensions[axis]
    own, other = expand_dims(x, axis + 1), expand_dims(x, axis)
    along = tuple(size if place == axis else 1 for place in range(x.ndim + 1))
    across = tuple(size if place == axis + 1 else 1 for place in range(x.ndim + 1))
    earlier = less(iota(across, axis + 1), iota(along, axis))
    ahead = greater(other, own) if descending else less(other, own)
    before = logical_or(ahead, logical_and(equal(other, own), earlier))
    result: Tensor = apply("sum", cast(before, dtypes.int32), axes=(axis + 1,))
    return result


def _order(x: Tensor, axis: int, descending: bool) -> Tensor:
    if x.data is not None:
        if not descending:
            return eager(np.argsort(x.data, axis=axis, kind="stable").astype(np.int32))
        turned = np.flip(np.argsort(np.flip(x.data, axis), axis=axis, kind="stable"), axis)
        return eager((x.data.shape[axis] - 1 - turned).astype(np.int32))
    size = x.shape[axis]
    if size is None or size > LARGEST:
        raise NotSupportedError(
            f"Sorting axis {axis} of a symbolic tensor of shape {x.shape} is not supported: its size must be known "
            f"and at most {LARGEST}."
        )
    places = expand_dims(_places(x, axis, descending), axis)
    wanted = iota(tuple(size if place == axis else 1 for place in range(x.ndim + 1)), axis)
    index = iota(tuple(size if place == axis + 1 else 1 for place in range(x.ndim + 1)), axis + 1)
    hits = cast(equal(places, wanted), dtypes.int32)
    result: Tensor = apply("sum", multiply(hits, index), axes=(axis + 1,))
    return result


def argsort(x: Any, axis: int | None = -1, descending: bool = False) -> Tensor:
    """Indices that sort x along `axis`, equal elements in their order; ``None``: of the flattened tensor."""
    tensor = convert(x)
    if axis is None:
        tensor, axis = ravel(tensor), 0
    return _order(tensor, axis_of(axis, tensor.ndim), descending)


def sort(x: Any, axis: int = -1, descending: bool = False) -> Tensor:
    """x in order along `axis`."""
    tensor = convert(x)
    place = axis_of(axis, tensor.ndim)
    return take_along_axis(tensor, _order(tensor, place, descending), place)


def top_k(x: Any, k: int, sorted: bool = True) -> tuple[Tensor, Tensor]:  # noqa: ARG001
    """The k largest elements along the last axis, largest first, and their indices; of equals the first.

    Raises:
        ArgumentError: The axis has fewer.
    """
    tensor = convert(x)
    if not tensor.ndim or (tensor.shape[-1] is not None and not 0 <= k <= tensor.shape[-1]):
        raise ArgumentError(f"top_k: k={k} does not fit the last axis of shape {tensor.shape}.")
    last = tensor.ndim - 1
    order = slice_axis(_order(tensor, last, descending=True), last, 0, k)
    return take_along_axis(tensor, order, last), order


def searchsorted(sorted_sequence: Any, values: Any, side: str = "left") -> Tensor:
    """Where `values` belong in a sorted vector: before equal elements (left) or after them (right)."""
    if side not in ("left", "right"):
        raise ArgumentError(f"side must be 'left' or 'right'. Received: {side!r}")
    vector, wanted = convert(sorted_sequence), convert(values)
    edges = expand_dims(vector, tuple(range(wanted.ndim)))
    below = less(edges, expand_dims(wanted, -1)) if side == "left" else less(expand_dims(wanted, -1), edges)
    count: Tensor = apply("sum", cast(below, dtypes.int32), axes=(wanted.ndim,))
    return count if side == "left" else apply("sub", vector.shape[0], count)


def median(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The middle element in order, or the mean of the middle two."""
    tensor = convert(x)
    if not tensor.dtype.is_floating:
        tensor = cast(tensor, dtypes.float32)
    if axis is None:
        flat = median(ravel(tensor), 0)
        return expand_dims(flat, tuple(range(tensor.ndim))) if keepdims else flat
    place = axis_of(axis, tensor.ndim)
    ordered = sort(tensor, place)
    size = ordered.shape[place]
    if not size:
        raise ArgumentError(f"median needs a known, non-empty axis. Received shape: {tensor.shape}")
    middle = slice_axis(ordered, place, (size - 1) // 2, size // 2 + 1)
    total = apply("sum", middle, axes=(place,))
    result = total if size % 2 else multiply(total, 0.5)
    return expand_dims(result, place) if keepdims else result


def _numbers(x: Any, name: str) -> np.ndarray[Any, Any]:
    tensor = convert(x)
    if tensor.data is None:
        raise NotSupportedError(
            f"{name} of a symbolic tensor ({tensor.type}) is not supported: the result's size depends on the numbers."
        )
    return tensor.data


def nonzero(x: Any) -> tuple[Tensor, ...]:
    """Indices of the elements that are not zero, one tensor an axis; eager only."""
    return tuple(eager(place.astype(np.int32)) for place in np.nonzero(_numbers(x, "nonzero")))


def unique(x: Any) -> tuple[Tensor, Tensor]:
    """The different elements in order of first occurrence, and for each element its place among them; eager only."""
    data = _numbers(x, "unique").reshape(-1)
    _, first, inverse = np.unique(data, return_index=True, return_inverse=True)
    by_occurrence = np.argsort(first)
    places = np.empty_like(by_occurrence)
    places[by_occurrence] = np.arange(len(first))
    return eager(data[np.sort(first)]), eager(places[inverse].astype(np.int32))


def boolean_mask(x: Any, mask: Any, axis: int = 0) -> Tensor:
    """The entries of x along `axis` (and the axes after it that the mask covers) where `mask` is true; eager only."""
    flags = _numbers(mask, "boolean_mask").astype(bool)
    tensor = convert(x)
    place = axis_of(axis, tensor.ndim)
    merged = tensor.dimensions[:place] + (flags.size,) + tensor.dimensions[place + flags.ndim :]
    flat = apply("reshape", tensor, shape=merged)
    result: Tensor = apply("gather", flat, eager(np.flatnonzero(flags).astype(np.int32)), axis=place)
    return result
