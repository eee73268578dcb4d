"""Square brackets on tensors: slices, integers, ``None``, ``...``, integer tensors and (eagerly) bool masks."""

from __future__ import annotations

import builtins
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from epochal.errors import ArgumentError, NotSupportedError
from epochal.tensor.convert import convert
from epochal.tensor.dispatch import apply
from epochal.tensor.functions.elementwise import add, multiply
from epochal.tensor.functions.indexing import as_indices, axis_size, wrapped
from epochal.tensor.functions.movement import expand_dims, flip, moveaxis, reshape, slice_axis, transpose
from epochal.tensor.tensor import Tensor, eager


@dataclass
class _Plan:
    """What an index asks for, axis by axis.

    Attributes:
        slices: Of each axis that is cut (an integer cuts one entry).
        picks: Of each axis that an integer tensor indexes.
        layout: Axes of the result: an axis of the operand, ``"new"``, or ``"picked"`` (those of the integer tensors).
    """

    slices: dict[int, builtins.slice]
    picks: dict[int, Tensor]
    layout: list[int | str]


def get_item(tensor: Any, index: Any) -> Tensor:
    """``tensor[index]``

    Raises:
        IndexError: Too many indices, or an integer outside its axis.
        NotSupportedError: A bool mask that is symbolic.
    """
    x = convert(tensor)
    plan = _plan(_expand(index if isinstance(index, tuple) else (index,), x.ndim), x.shape)
    for axis, entry in plan.slices.items():
        x = _sliced(x, axis, entry)
    kept = [axis for axis in plan.layout if isinstance(axis, int)]
    if not plan.picks:
        shape = tuple(1 if place == "new" else x.dimensions[place] for place in plan.layout)  # type: ignore[index]
        return x if plan.layout == list(range(x.ndim)) else reshape(x, shape)
    return _picked(x, plan, kept)


def _plan(entries: list[Any], shape: tuple[int | None, ...]) -> _Plan:
    plan = _Plan({}, {}, [])
    axis = 0
    places: list[int] = []  # in the index, of what NumPy counts as advanced: integer tensors, and integers beside them
    for place, entry in enumerate(entries):
        if entry is None:
            plan.layout.append("new")
            continue
        if isinstance(entry, builtins.slice):
            plan.slices[axis] = entry
            plan.layout.append(axis)
        else:
            if isinstance(entry, int):
                plan.slices[axis] = _single(entry, shape[axis], shape)
            else:
                plan.picks[axis] = entry
            if not places:
                plan.layout.append("picked")
            places.append(place)
        axis += 1
    if places and places[-1] - places[0] >= len(places):
        plan.layout.remove("picked")
        plan.layout.insert(0, "picked")
    if not plan.picks and places:
        plan.layout.remove("picked")
    return plan


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


def _picked(x: Tensor, plan: _Plan, kept: list[int]) -> Tensor:
    """Integer tensors broadcast against one another and together name entries of the axes they index."""
    axes = sorted(plan.picks)
    flat = _joined(x, [plan.picks[axis] for axis in axes], axes, max(pick.ndim for pick in plan.picks.values()))
    sizes = [x.dimensions[axis] for axis in kept]
    moved = transpose(x, [*axes, *kept, *(axis for axis in plan.slices if axis not in kept)])
    known = [x.shape[axis] for axis in axes]
    merged = reshape(moved, (-1 if None in known else math.prod(known), *sizes))  # type: ignore[arg-type]
    result: Tensor = apply("gather", merged, flat, axis=0)
    before = sum(1 for place in plan.layout[: plan.layout.index("picked")] if place != "new")
    if before:
        result = moveaxis(result, list(range(flat.ndim)), list(range(before, before + flat.ndim)))
    if "new" not in plan.layout:
        return result
    rest = iter(sizes)
    shape: list[Any] = []
    for place in plan.layout:
        shape += [1] if place == "new" else list(flat.dimensions) if place == "picked" else [next(rest)]
    return reshape(result, tuple(shape))


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
