"""Order, and what depends on it."""

from __future__ import annotations

from typing import Any

import numpy as np

from epochal import dtypes
from epochal.errors import ArgumentError, NotSupportedError
from epochal.tensor.convert import cast, convert
from epochal.tensor.dispatch import apply, axis_of
from epochal.tensor.functions.elementwise import multiply, operands
from epochal.tensor.functions.movement import expand_dims, ravel, slice_axis
from epochal.tensor.tensor import Tensor, eager


def _ordered(x: Any, axis: int | None) -> tuple[Tensor, int]:
    tensor = convert(x)
    if tensor.dtype is dtypes.bool_:
        tensor = cast(tensor, dtypes.int32)
    if axis is None:
        return ravel(tensor), 0
    return tensor, axis_of(axis, tensor.ndim)


def argsort(x: Any, axis: int | None = -1, descending: bool = False) -> Tensor:
    """Indices that sort x along `axis`, equal elements in their order; ``None``: of the flattened tensor."""
    tensor, place = _ordered(x, axis)
    result: Tensor = apply("argsort", tensor, axis=place, descending=bool(descending), dtype=dtypes.int32)
    return result


def sort(x: Any, axis: int | None = -1, descending: bool = False) -> Tensor:
    """x in order along `axis`; NaN is larger than any number; ``None``: of the flattened tensor."""
    tensor, place = _ordered(x, axis)
    result: Tensor = apply("sort", tensor, axis=place, descending=bool(descending))
    return cast(result, dtypes.bool_) if convert(x).dtype is dtypes.bool_ else result


def top_k(x: Any, k: int, sorted: bool = True) -> tuple[Tensor, Tensor]:  # noqa: ARG001
    """The k largest elements along the last axis, largest first, and their indices; of equals the first.

    Raises:
        ArgumentError: The axis has fewer.
    """
    tensor = convert(x)
    if not tensor.ndim or (tensor.shape[-1] is not None and not 0 <= k <= tensor.shape[-1]):
        raise ArgumentError(f"top_k: k={k} does not fit the last axis of shape {tensor.shape}.")
    found, places = apply("top_k", tensor, k=int(k))
    return found, places


def searchsorted(sorted_sequence: Any, values: Any, side: str = "left") -> Tensor:
    """Where `values` belong in a sorted vector: before equal elements (left) or after them (right).

    A sequence of more axes holds a sorted vector for each row of `values`.
    """
    if side not in ("left", "right"):
        raise ArgumentError(f"side must be 'left' or 'right'. Received: {side!r}")
    sequence, wanted = operands(sorted_sequence, values)
    result: Tensor = apply("searchsorted", sequence, wanted, side=side)
    return result


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
