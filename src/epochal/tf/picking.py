"""Picking, ordering and placing: top-k, sorting, masks, coordinates."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np

from epochal import dtypes
from epochal.errors import ArgumentError, NotSupportedError
from epochal.tensor import Tensor, functions
from epochal.tf.conversion import integers, to_tensor
from epochal.tf.graph import operation

TopK = namedtuple("TopK", ("values", "indices"))
TopK.__doc__ = "The largest elements along the last axis and where they are."


def top_k(input: Any, k: int = 1, sorted: bool = True, index_type: Any = None, name: str | None = None) -> TopK:
    """The `k` largest elements along the last axis, largest first, and their indices."""
    values, indices = functions.top_k(to_tensor(input), int(k))
    return TopK(values, functions.cast(indices, dtypes.get(index_type or "int32")))


def _descending(direction: str) -> bool:
    if direction not in ("ASCENDING", "DESCENDING"):
        raise ArgumentError(f"direction must be 'ASCENDING' or 'DESCENDING'. Received: {direction!r}")
    return direction == "DESCENDING"


@operation("Sort")
def sort(values: Any, axis: int = -1, direction: str = "ASCENDING") -> Tensor:
    """The elements in order along `axis`."""
    return functions.sort(to_tensor(values), axis, _descending(direction))


@operation("ArgSort")
def argsort(values: Any, axis: int = -1, direction: str = "ASCENDING", stable: bool = False) -> Tensor:
    """The indices that put the elements in order along `axis`."""
    return functions.argsort(to_tensor(values), axis, _descending(direction))


@operation("SearchSorted")
def searchsorted(sorted_sequence: Any, values: Any, side: str = "left", out_type: Any = dtypes.int32) -> Tensor:
    """Where `values` belong in a sorted sequence."""
    found = functions.searchsorted(to_tensor(sorted_sequence), to_tensor(values), side)
    return functions.cast(found, dtypes.get(out_type))


@operation("GatherNd")
def gather_nd(params: Any, indices: Any, batch_dims: int = 0) -> Tensor:
    """The elements or slices at the coordinates that the last axis of `indices` holds."""
    return functions.gather_nd(to_tensor(params), to_tensor(indices), batch_dims)


@operation("ScatterNd")
def scatter_nd(indices: Any, updates: Any, shape: Any) -> Tensor:
    """`updates` at the coordinates `indices` of a tensor of 0; equal coordinates add up."""
    return functions.scatter(to_tensor(indices), to_tensor(updates), integers(shape))


@operation("TensorScatterUpdate")
def tensor_scatter_nd_update(tensor: Any, indices: Any, updates: Any) -> Tensor:
    """`tensor` with `updates` in place at the coordinates `indices`."""
    base = to_tensor(tensor)
    return functions.scatter_nd_update(base, to_tensor(indices), to_tensor(updates, like=base.dtype))


@operation("TensorScatterAdd")
def tensor_scatter_nd_add(tensor: Any, indices: Any, updates: Any) -> Tensor:
    """`tensor` with `updates` added at the coordinates `indices`."""
    base = to_tensor(tensor)
    placed = functions.scatter(to_tensor(indices), to_tensor(updates, like=base.dtype), base.dimensions)
    return base + placed


@operation("SequenceMask")
def sequence_mask(lengths: Any, maxlen: Any = None, dtype: Any = dtypes.bool_) -> Tensor:
    """``mask[..., j]``: whether j is below the length."""
    counts = to_tensor(lengths)
    if maxlen is None:
        if counts.data is None:
            raise ArgumentError("sequence_mask in a graph needs maxlen: it shapes the result.")
        maxlen = int(counts.data.max(initial=0))
    places = functions.arange(0, maxlen, dtype=counts.dtype)
    return functions.cast(functions.less(places, functions.expand_dims(counts, -1)), dtypes.get(dtype))


@operation("BooleanMask")
def boolean_mask(tensor: Any, mask: Any, axis: int = 0) -> Tensor:
    """The slices where `mask` is true; the mask must be known when the graph is built."""
    flags = to_tensor(mask)
    if flags.data is None:
        raise NotSupportedError(
            "boolean_mask with a mask that is known only when the graph runs is not supported: it shapes the result. "
            "Use tf.where(mask, x, 0) and weights instead."
        )
    return functions.boolean_mask(to_tensor(tensor), flags, axis)


def unique(x: Any, out_idx: Any = dtypes.int32, name: str | None = None) -> tuple[Tensor, Tensor]:
    """The distinct elements in order of first occurrence, and where in them each element is (eager execution)."""
    tensor = to_tensor(x)
    if tensor.data is None:
        raise NotSupportedError(
            "tf.unique in a graph is not supported: its result's shape depends on the data. Use NumPy's unique on what "
            "is fed."
        )
    values, places = functions.unique(tensor)
    return values, functions.cast(places, dtypes.get(out_idx))


def dynamic_partition(data: Any, partitions: Any, num_partitions: int, name: str | None = None) -> list[Tensor]:
    """The rows of `data` by their number in `partitions` (which must be known when the graph is built)."""
    numbers = to_tensor(partitions)
    if numbers.data is None:
        raise NotSupportedError("dynamic_partition in a graph is not supported: its shapes depend on the data.")
    rows = to_tensor(data)
    return [functions.boolean_mask(rows, numbers.data == part) for part in range(num_partitions)]


def meshgrid(*args: Any, indexing: str = "xy", name: str | None = None) -> list[Tensor]:
    """Coordinates of a grid over the vectors given."""
    return list(functions.meshgrid(*[to_tensor(arg) for arg in args], indexing=indexing))


@operation("Roll")
def roll(input: Any, shift: Any, axis: Any) -> Tensor:
    """The elements moved along an axis, those beyond the end at the start."""
    return functions.roll(to_tensor(input), shift, axis)


@operation("Repeat")
def repeat(input: Any, repeats: Any, axis: int | None = None) -> Tensor:
    """Each element several times in a row."""
    counts = repeats if isinstance(repeats, (int, np.integer)) else np.asarray(repeats)
    return functions.repeat(to_tensor(input), counts, axis)


@operation("Diag")
def diag(diagonal: Any) -> Tensor:
    """The square matrix with a vector on its diagonal, 0 elsewhere."""
    return functions.diag(to_tensor(diagonal))


@operation("DiagPart")
def diag_part(input: Any) -> Tensor:
    """The diagonal of a matrix."""
    return functions.diagonal(to_tensor(input))


@operation("Trace")
def trace(x: Any) -> Tensor:
    """The sum of the diagonal of the last two axes."""
    return functions.sum(functions.diagonal(to_tensor(x)), axis=-1)
