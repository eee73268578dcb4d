"""Conversion, control flow and shapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from epochal.errors import ArgumentError, NotSupportedError
from epochal.ir import Symbol
from epochal.keras import settings
from epochal.tensor import Tensor, convert
from epochal.tensor import functions as F

fori_loop = F.fori_loop
while_loop = F.while_loop


def convert_to_tensor(x: Any, dtype: Any = None, sparse: Any = None, ragged: Any = None) -> Tensor:
    """`x` as a tensor."""
    if sparse or ragged:
        raise NotSupportedError("Sparse and ragged tensors are not supported.")
    return convert(x, dtype)


def convert_to_numpy(x: Any) -> np.ndarray:
    """`x` as an array of its own."""
    return np.array(x)


def is_tensor(x: Any) -> bool:
    """Whether `x` is a tensor."""
    return isinstance(x, Tensor)


def dtype(x: Any) -> str:
    """Name of an element type."""
    return settings.standardize_dtype(x.dtype)


def shape(x: Any) -> tuple[Any, ...]:
    """The shape; an unknown size as a symbolic integer, which other functions take."""
    tensor = convert(x)
    whole = None
    sizes: list[Any] = []
    for axis, size in enumerate(tensor.dimensions):
        if isinstance(size, Symbol):
            whole = F.shape(tensor) if whole is None else whole
            sizes.append(whole[axis])
        else:
            sizes.append(size)
    return tuple(sizes)


def stop_gradient(variable: Any) -> Tensor:
    """`variable`, taken as constant by gradients."""
    return F.stop_gradient(variable)


def scan(
    f: Callable[..., Any], init: Any, xs: Any = None, length: int | None = None, reverse: bool = False, unroll: Any = 1
) -> Any:
    """``carry, y = f(carry, x)`` along axis 0 of `xs`; the last carry and the stacked results."""
    return F.scan(f, init, xs, length=length, reverse=reverse)


def map(f: Callable[..., Any], xs: Any) -> Any:
    """`f` of each entry along axis 0 of `xs`, stacked."""
    return F.map_fn(f, xs)


def vectorized_map(function: Callable[..., Any], elements: Any) -> Any:
    """As `map`."""
    return F.map_fn(function, elements)


def slice(inputs: Any, start_indices: Any, shape: Any) -> Tensor:
    """A block of `inputs`: from `start_indices`, of size `shape`."""
    return F.slice(inputs, start_indices, shape)


def slice_update(inputs: Any, start_indices: Any, updates: Any) -> Tensor:
    """`inputs` with the block from `start_indices` on replaced by `updates`."""
    return F.slice_update(inputs, start_indices, updates)


def segment_sum(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Tensor:
    """Sums of the slices along axis 0 that share a number in `segment_ids`."""
    return F.segment_sum(data, segment_ids, num_segments)


def unstack(x: Any, num: int | None = None, axis: int = 0) -> list[Tensor]:
    """The slices along an axis."""
    parts = list(F.unstack(x, axis=axis))
    if num is not None and num != len(parts):
        raise ArgumentError(f"`num` must be the size of axis {axis}, {len(parts)}. Received: num={num}")
    return parts
