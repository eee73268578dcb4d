"""Sums and other reductions over segments: rows that share an id."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from epochal.errors import ArgumentError
from epochal.tensor import Tensor, functions
from epochal.tf.conversion import to_tensor
from epochal.tf.graph import operation


def _count(num_segments: Any) -> int:
    tensor = to_tensor(num_segments)
    if tensor.data is None:
        raise ArgumentError("num_segments must be a number that is known when the graph is built.")
    return int(tensor.data)


def _lowest(dtype: Any) -> Any:
    return np.finfo(dtype.numpy).min if dtype.numpy.kind == "f" else np.iinfo(dtype.numpy).min


def _highest(dtype: Any) -> Any:
    return np.finfo(dtype.numpy).max if dtype.numpy.kind == "f" else np.iinfo(dtype.numpy).max


def _filled(data: Tensor, ids: Tensor, segments: int, value: Any) -> tuple[Tensor, Tensor]:
    """A base of `segments` rows, and the rows of `data` with one axis for all that `ids` span."""
    rest = data.dimensions[ids.ndim :]
    rows = functions.reshape(data, (-1, *rest)) if ids.ndim != 1 else data
    return functions.full((segments, *rest), value, dtype=data.dtype), rows


@operation("UnsortedSegmentSum")
def unsorted_segment_sum(data: Any, segment_ids: Any, num_segments: Any) -> Tensor:
    """``result[i]``: the sum of the rows with id i."""
    values, ids = to_tensor(data), to_tensor(segment_ids)
    base, rows = _filled(values, ids, _count(num_segments), 0)
    return functions.scatter_add(base, functions.ravel(ids), rows)


@operation("UnsortedSegmentMean")
def unsorted_segment_mean(data: Any, segment_ids: Any, num_segments: Any) -> Tensor:
    """``result[i]``: the mean of the rows with id i; 0 if there are none."""
    values = to_tensor(data)
    total = unsorted_segment_sum(values, segment_ids, num_segments)
    count = unsorted_segment_sum(functions.ones_like(values), segment_ids, num_segments)
    return functions.divide_no_nan(total, count)


@operation("UnsortedSegmentMax")
def unsorted_segment_max(data: Any, segment_ids: Any, num_segments: Any) -> Tensor:
    """``result[i]``: the largest of the rows with id i; the lowest number there is if there are none."""
    values, ids = to_tensor(data), to_tensor(segment_ids)
    base, rows = _filled(values, ids, _count(num_segments), _lowest(values.dtype))
    return functions.scatter_max(base, functions.ravel(ids), rows)


@operation("UnsortedSegmentMin")
def unsorted_segment_min(data: Any, segment_ids: Any, num_segments: Any) -> Tensor:
    """``result[i]``: the smallest of the rows with id i; the highest number there is if there are none."""
    values, ids = to_tensor(data), to_tensor(segment_ids)
    base, rows = _filled(values, ids, _count(num_segments), _highest(values.dtype))
    return functions.scatter_min(base, functions.ravel(ids), rows)


def _sorted(kind: str, function: Callable[..., Tensor], empty: bool) -> Callable[..., Tensor]:
    @operation(kind)
    def apply(data: Any, segment_ids: Any) -> Tensor:
        ids = to_tensor(segment_ids)
        if ids.data is None:
            raise ArgumentError(
                f"{kind} needs segment_ids that are known when the graph is built, since their number shapes the "
                f"result. Use tf.math.unsorted_segment_{kind[7:].lower()} with num_segments."
            )
        if ids.data.size and (np.diff(ids.data) < 0).any():
            raise ArgumentError(f"{kind}: segment_ids must be sorted. Received: {ids.data.tolist()}")
        count = int(ids.data.max(initial=-1)) + 1
        result = function(data, ids, count)
        if not empty:
            return result
        present = np.isin(np.arange(count), ids.data).reshape((-1,) + (1,) * (result.ndim - 1))
        return functions.where(present, result, functions.zeros_like(result))

    apply.__doc__ = f"The {kind[7:].lower()} of the rows of each segment; `segment_ids` are sorted."
    return apply


segment_sum = _sorted("SegmentSum", unsorted_segment_sum, False)
segment_mean = _sorted("SegmentMean", unsorted_segment_mean, False)
segment_max = _sorted("SegmentMax", unsorted_segment_max, True)
segment_min = _sorted("SegmentMin", unsorted_segment_min, True)


@operation("Bincount")
def bincount(
    arr: Any, weights: Any = None, minlength: Any = None, maxlength: Any = None, dtype: Any = "int32"
) -> Tensor:
    """How often each number from 0 occurs (or the sum of its weights).

    Raises:
        ArgumentError: In a graph: `maxlength` (or `minlength`) is needed, since it shapes the result.
    """
    values = to_tensor(arr)
    if values.data is None and minlength is None:
        raise ArgumentError("bincount in a graph needs minlength: the result then has exactly that length.")
    flat = functions.ravel(values)
    length = int(minlength or 0)
    if flat.data is not None:
        length = max(length, int(flat.data.max(initial=-1)) + 1)
    if maxlength is not None:
        length = min(length, int(maxlength))
    ones = functions.ones_like(flat, dtype) if weights is None else functions.ravel(to_tensor(weights))
    kept = functions.less(flat, length)
    amounts = functions.where(kept, ones, functions.zeros_like(ones))
    return functions.scatter_add(functions.zeros((length,), ones.dtype), functions.where(kept, flat, 0), amounts)
