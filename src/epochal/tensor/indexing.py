"""Square brackets on tensors: slices, integers, ``None``, ``...``, integer tensors and (eagerly) bool masks."""

from __future__ import annotations

import builtins
import itertools
from typing import Any

import numpy as np

from epochal.errors import ArgumentError, NotSupportedError
from epochal.tensor.convert import convert
from epochal.tensor.dispatch import apply
from epochal.tensor.functions.elementwise import add, multiply
from epochal.tensor.functions.indexing import as_indices, axis_size, wrapped
from epochal.tensor.functions.movement import expand_dims, flip, moveaxis, reshape, slice_axis
from epochal.tensor.tensor import Tensor, eager


def get_item(tensor: Any, index: Any) -> Tensor:
    """``tensor[index]``

    Raises:
        IndexError: Too many indices, or an integer outside its axis.
        NotSupportedError: A bool mask that is symbolic.
    """
    x = convert(tensor)
    entries = _expand(index if isinstance(index, tuple) else (index,), x.ndim)
    advanced: list[tuple[int, Tensor]] = []
    axis = 0
    squeezed: list[int] = []
    added: list[int] = []
    plain: list[tuple[int, builtins.slice]] = []
    for entry in entries:
        if entry is None:
            added.append(axis)
        elif isinstance(entry, builtins.slice):
            plain.append((axis, entry))
            axis += 1
        elif isinstance(entry, int):
            plain.append((axis, _single(entry, x.shape[axis], x.shape)))
            squeezed.append(axis)
            axis += 1
        else:
            advanced.append((axis, entry))
            axis += 1
    for place, entry in plain:
        x = _sliced(x, place, entry)
    if advanced:
        return _advanced(x, advanced, squeezed, added)
    return _axes(x, squeezed, added)


def _expand(entries: tuple[Any, ...], rank: int) -> list[Any]:
    """One entry an axis, and ``None`` for new ones: the ellipsis spelled out, masks turned into integers."""
    given: list[Any] = []
    for entry in entries:
        given.extend(_normal(entry))
    used = sum(1 for entry in given if entry is not None and entry is not Ellipsis)
    if used > rank:
        raise IndexError(f"Too many indices for a tensor of {rank} axes: {used}.")
    if sum(1 for entry in given if entry is Ellipsis) > 1:
        raise IndexError("An index can have only one ellipsis (...).")
    if not any(entry is Ellipsis for entry in given):
        given.append(Ellipsis)
    place = next(position for position, entry in enumerate(given) if entry is Ellipsis)
    return [*given[:place], *[builtins.slice(None)] * (rank - used), *given[place + 1 :]]


def _normal(entry: Any) -> list[Any]:
    if entry is None or entry is Ellipsis:
        return [entry]
    if isinstance(entry, builtins.slice):
        return [builtins.slice(*(_bound(part) for part in (entry.start, entry.stop, entry.step)))]
    if isinstance(entry, (bool, np.bool_)):
        raise NotSupportedError("Indexing with a single bool is not supported.")
    if isinstance(entry, (int, np.integer)):
        return [int(entry)]
    tensor = convert(entry)
    if tensor.dtype.is_bool:
        if tensor.data is None:
            raise NotSupportedError(
                "A symbolic bool mask is not supported as an index: the size of the result depends on the numbers. "
                "Use where(mask, x, other)."
            )
        return [eager(place.astype(np.int32)) for place in np.nonzero(tensor.data)]
    if not tensor.dtype.is_integer:
        raise IndexError(f"A tensor is indexed by integers, slices, None, ... or a mask. Received: {tensor.type}")
    if tensor.data is not None and not tensor.ndim:
        return [int(tensor.data)]
    return [tensor]


def _bound(part: Any) -> Any:
    if isinstance(part, Tensor) and part.data is None:
        raise NotSupportedError(
            "A slice with a symbolic bound has no known size. Use functions.slice with a known size (tf.slice)."
        )
    return None if part is None else int(part)


def _single(place: int, size: int | None, shape: tuple[int | None, ...]) -> builtins.slice:
    if size is not None and not -size <= place < size:
        raise IndexError(f"Index {place} is outside an axis of size {size} of shape {shape}.")
    return builtins.slice(place, None if place == -1 else place + 1)


def _sliced(x: Tensor, axis: int, entry: builtins.slice) -> Tensor:
    start, stop, step = entry.start, entry.stop, 1 if entry.step is None else entry.step
    if step == 0:
        raise ArgumentError("A slice's step must not be 0.")
    if start is None and stop is None and step == 1:
        return x
    if step > 0:
        return slice_axis(x, axis, 0 if start is None else start, stop, step)
    size = x.shape[axis]
    if size is None:
        if start is not None or stop is not None:
            raise NotSupportedError(f"A slice from the end ({entry}) of an axis of unknown size is not supported.")
        return slice_axis(flip(x, axis), axis, 0, None, -step)
    first, last, _ = entry.indices(size)
    # From `first` down to `last` is, seen from the other end, from size - 1 - first up to size - 1 - last.
    return slice_axis(flip(x, axis), axis, size - 1 - first, max(size - 1 - last, size - 1 - first), -step)


def _axes(x: Tensor, squeezed: list[int], added: list[int]) -> Tensor:
    """Axes of integers taken out and new ones put in (before the axis of x that each of `added` names)."""
    if not squeezed and not added:
        return x
    shape: list[Any] = []
    for axis, size in enumerate((*x.dimensions, None)):
        shape += [1] * added.count(axis)
        if size is not None and axis not in squeezed:
            shape.append(size)
    return reshape(x, tuple(shape))


def _advanced(x: Tensor, advanced: list[tuple[int, Tensor]], squeezed: list[int], added: list[int]) -> Tensor:
    """Integer tensors broadcast against one another; integers beside them count as such, as in NumPy."""
    picks = dict(advanced)
    adjacent_axes = sorted([*picks, *squeezed])
    apart = any(later - earlier > 1 for earlier, later in itertools.pairwise(adjacent_axes))
    apart = apart or any(adjacent_axes[0] < place <= adjacent_axes[-1] for place in added)
    rank = max(pick.ndim for pick in picks.values())
    order = [*sorted(picks)]
    flat = _joined(x, [picks[axis] for axis in order], order, rank)
    rest = [axis for axis in range(x.ndim) if axis not in picks]
    moved = moveaxis(x, order, list(range(len(order)))) if order != list(range(len(order))) else x
    merged = reshape(moved, (-1, *moved.dimensions[len(order) :])) if len(order) > 1 else moved
    result: Tensor = apply("gather", merged, flat, axis=0)
    # Axes now: those of the indices, then the rest; the sliced-out integers among the rest have size 1.
    first = 0 if apart else sum(1 for axis in rest if axis < adjacent_axes[0])
    result = moveaxis(result, list(range(flat.ndim)), list(range(first, first + flat.ndim))) if first else result
    shape: list[Any] = []
    for position, axis in enumerate((*rest, x.ndim)):
        if position == first:
            shape += list(flat.dimensions)
        shape += [1] * sum(1 for place in added if _before(place, axis, rest[position - 1] if position else -1))
        if axis < x.ndim and axis not in squeezed:
            shape.append(x.dimensions[axis])
    return reshape(result, tuple(shape))


def _before(place: int, axis: int, previous: int) -> bool:
    return previous < place <= axis


def _joined(x: Tensor, picks: list[Tensor], axes: list[int], rank: int) -> Tensor:
    """One index into the axes merged."""
    flat: Tensor | None = None
    for axis, pick in zip(axes, picks, strict=True):
        size = axis_size(x, axis)
        index = wrapped(as_indices(pick), size)
        if index.data is not None and isinstance(size, int) and index.data.size and index.data.max() >= size:
            raise IndexError(f"Index {int(index.data.max())} is outside an axis of size {size} of shape {x.shape}.")
        index = index if index.ndim == rank else expand_dims(index, tuple(range(rank - index.ndim)))
        flat = index if flat is None else add(multiply(flat, size), index)
    assert flat is not None
    return flat
