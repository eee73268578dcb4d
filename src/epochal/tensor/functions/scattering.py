"""Placing elements: replacing, keeping the larger or the smaller, and picking by a mask into a fixed size."""

from __future__ import annotations

from typing import Any

from epochal import dtypes
from epochal.tensor.convert import cast, convert
from epochal.tensor.dispatch import apply, axis_of
from epochal.tensor.functions.indexing import as_indices
from epochal.tensor.tensor import Tensor


def _scatter(name: str, x: Any, indices: Any, updates: Any, axis: int) -> Tensor:
    tensor = convert(x)
    place = axis_of(axis, tensor.ndim)
    result: Tensor = apply(name, tensor, as_indices(indices), convert(updates, tensor.dtype), axis=place)
    return result


def scatter_set(x: Any, indices: Any, updates: Any, axis: int = 0) -> Tensor:
    """x with the slices at `indices` along `axis` replaced by `updates` (of gather's result's shape).

    Of equal indices the last stays.
    """
    return _scatter("scatter_set", x, indices, updates, axis)


def scatter_max(x: Any, indices: Any, updates: Any, axis: int = 0) -> Tensor:
    """The larger of x and all `updates` (of gather's result's shape) at `indices` along `axis`."""
    return _scatter("scatter_max", x, indices, updates, axis)


def scatter_min(x: Any, indices: Any, updates: Any, axis: int = 0) -> Tensor:
    """The smaller of x and all `updates` (of gather's result's shape) at `indices` along `axis`."""
    return _scatter("scatter_min", x, indices, updates, axis)


def boolean_mask_to_size(x: Any, mask: Any, size: int, fill_value: Any = 0) -> tuple[Tensor, Tensor]:
    """The first `size` slices of x where `mask`, over its first axes, is true; `fill_value` where there are fewer.

    Unlike `boolean_mask` it works in compiled functions, where a shape cannot depend on numbers.

    Returns:
        [size, *rest], and how many elements of the mask are true (int32, may be more than `size`).
    """
    tensor = convert(x)
    found, count = apply("boolean_mask", tensor, cast(convert(mask), dtypes.bool_), size=int(size), value=fill_value)
    return found, count


def mask_positions(mask: Any, size: int) -> tuple[Tensor, Tensor]:
    """Places of the first `size` true elements of the flattened mask, filled up with 0; and how many are true."""
    positions, count = apply("mask_positions", cast(convert(mask), dtypes.bool_), size=int(size))
    return positions, count
