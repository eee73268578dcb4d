"""Reshaping, reordering, joining and cutting."""

from __future__ import annotations

import operator as python
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from epochal.errors import ArgumentError, NotSupportedError, ShapeError
from epochal.ir import Symbol, Value, is_static
from epochal.tensor import context as contexts
from epochal.tensor.convert import convert
from epochal.tensor.dispatch import apply, axis_of
from epochal.tensor.functions.elementwise import operands
from epochal.tensor.tensor import Tensor, eager

Size = int | Symbol


def size_of(entry: Any) -> Size:
    """One entry of a shape: an integer, or a symbol for an integer that a symbolic scalar holds.

    Raises:
        ArgumentError: It is neither.
    """
    if isinstance(entry, Symbol):
        return entry
    if entry is None:
        raise ArgumentError("A size of None is unknown. Use -1 for what is left, or shape(x)[axis] of another tensor.")
    if isinstance(entry, Tensor) and entry.data is None:
        if entry.ndim or not entry.dtype.is_integer:
            raise ArgumentError(f"A size must be an integer scalar. Received: {entry.type}")
        return _size_read(entry.value)  # type: ignore[arg-type]
    try:
        return python.index(entry)
    except TypeError:
        if isinstance(entry, (float, np.floating)) and float(entry).is_integer():
            return int(entry)
        raise ArgumentError(f"A size must be an integer. Received: {entry!r}") from None


def _size_read(scalar: Value) -> Size:
    """The size that a symbolic scalar holds: of ``shape(x)[axis]``, x's own, else a new symbol."""
    node, axis = scalar.node, 0
    while node.operator.name in ("reshape", "slice") and all(size == 1 for size in node.outputs[0].shape):
        axis += node.parameters["starts"][0] if node.operator.name == "slice" else 0
        node = node.inputs[0].node
    if node.operator.name == "shape_of" and 0 <= axis < node.inputs[0].type.rank:
        return node.inputs[0].shape[axis]
    return Symbol(origin=(scalar, None))


def sizes_of(shape: Any) -> tuple[Size, ...]:
    """A shape given as an integer, a sequence of sizes or an integer vector, possibly symbolic."""
    if isinstance(shape, Tensor) and shape.data is None:
        if shape.ndim == 0:
            return (size_of(shape),)
        length = shape.shape[0]
        if length is None:
            raise NotSupportedError("A shape held in a tensor of unknown length is not supported.")
        parts = [apply("slice", shape, starts=(axis,), limits=(axis + 1,)) for axis in range(length)]
        return tuple(size_of(apply("reshape", part, shape=())) for part in parts)
    if isinstance(shape, (Tensor, np.ndarray)) or hasattr(shape, "__epochal_tensor__"):
        return tuple(int(size) for size in np.atleast_1d(np.asarray(shape)))
    if isinstance(shape, Iterable):
        return tuple(size_of(entry) for entry in shape)
    return (size_of(shape),)


def shape(x: Any) -> Tensor:
    """Sizes of x as an int32 vector; numbers at once where they are known."""
    tensor = convert(x)
    context = contexts.current()
    if is_static(tensor.dimensions) and not (context is not None and context.symbolic_only):
        return eager(np.array(tensor.dimensions, np.int32))
    result: Tensor = apply("shape_of", tensor)
    return result


def reshape(x: Any, newshape: Any) -> Tensor:
    """The same elements, row by row, in another shape; one size may be -1: what is left."""
    tensor = convert(x)
    if isinstance(newshape, (list, tuple)) and sum(1 for size in newshape if size is None) == 1:
        newshape = [-1 if size is None else size for size in newshape]
    target = sizes_of(newshape)
    if target == tensor.dimensions:
        return tensor
    result: Tensor = apply("reshape", tensor, shape=target)
    return result


def ravel(x: Any) -> Tensor:
    """One axis with all elements, row by row."""
    return reshape(x, (-1,))


def transpose(x: Any, axes: Sequence[int] | None = None) -> Tensor:
    """Axis i of the result is axis axes[i] of x; ``None``: all axes in reverse order."""
    tensor = convert(x)
    if axes is None:
        order = tuple(reversed(range(tensor.ndim)))
    else:
        if len(axes) != tensor.ndim:
            raise ArgumentError(f"axes must name each of {tensor.ndim} axes once. Received: {tuple(axes)}")
        order = tuple(axis_of(axis, tensor.ndim) for axis in axes)
    if order == tuple(range(tensor.ndim)):
        return tensor
    result: Tensor = apply("transpose", tensor, permutation=order)
    return result


def swapaxes(x: Any, axis1: int, axis2: int) -> Tensor:
    """Two axes exchanged."""
    tensor = convert(x)
    order = list(range(tensor.ndim))
    one, other = axis_of(axis1, tensor.ndim), axis_of(axis2, tensor.ndim)
    order[one], order[other] = other, one
    return transpose(tensor, order)


def moveaxis(x: Any, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """Axes moved to other places, the others in their order."""
    tensor = convert(x)
    sources = [axis_of(axis, tensor.ndim) for axis in ((source,) if isinstance(source, int) else source)]
    targets = [axis_of(axis, tensor.ndim) for axis in ((destination,) if isinstance(destination, int) else destination)]
    if len(sources) != len(targets):
        raise ArgumentError(f"As many sources as destinations are needed. Received: {source} and {destination}")
    order = [axis for axis in range(tensor.ndim) if axis not in sources]
    for target, axis in sorted(zip(targets, sources, strict=True)):
        order.insert(target, axis)
    return transpose(tensor, order)


def expand_dims(x: Any, axis: int | Iterable[int]) -> Tensor:
    """Axes of size 1 put in so that they stand at `axis` of the result."""
    tensor = convert(x)
    given = tuple(axis) if isinstance(axis, Iterable) else (axis,)
    rank = tensor.ndim + len(given)
    places = {axis_of(one, rank) for one in given}
    if len(places) != len(given):
        raise ArgumentError(f"An axis stands twice in {given}.")
    rest = iter(tensor.dimensions)
    return reshape(tensor, tuple(1 if place in places else next(rest) for place in range(rank)))


def squeeze(x: Any, axis: int | Iterable[int] | None = None) -> Tensor:
    """Axes of size 1 taken out; ``None``: all of them.

    Raises:
        ShapeError: An axis named has another size.
    """
    tensor = convert(x)
    sizes = tensor.dimensions
    if axis is None:
        places = {place for place, size in enumerate(sizes) if size == 1}
    else:
        given = tuple(axis) if isinstance(axis, Iterable) else (axis,)
        places = {axis_of(one, tensor.ndim) for one in given}
        for place in places:
            if not isinstance(sizes[place], Symbol) and sizes[place] != 1:
                raise ShapeError(f"Cannot squeeze axis {place} of shape {tensor.shape}: its size is not 1.")
    return reshape(tensor, tuple(size for place, size in enumerate(sizes) if place not in places))


def broadcast_to(x: Any, shape: Any) -> Tensor:
    """x repeated to a shape by NumPy's rule; -1 keeps the size of that axis."""
    tensor = convert(x)
    target = sizes_of(shape)
    lead = len(target) - tensor.ndim
    target = tuple(
        tensor.dimensions[place - lead] if not isinstance(size, Symbol) and size == -1 and place >= lead else size
        for place, size in enumerate(target)
    )
    if target == tensor.dimensions:
        return tensor
    result: Tensor = apply("broadcast", tensor, shape=target)
    return result


def concatenate(xs: Sequence[Any], axis: int = 0) -> Tensor:
    """Tensors joined along an axis; they meet in one element type."""
    if not isinstance(xs, (list, tuple)) or not xs:
        raise ArgumentError(f"concatenate needs a list of one tensor or more. Received: {xs!r}")
    tensors = operands(*xs)
    if len(tensors) == 1:
        return tensors[0]
    if tensors[0].ndim == 0:
        raise ShapeError("Scalars cannot be concatenated. Use stack.")
    result: Tensor = apply("concat", *tensors, axis=axis_of(axis, tensors[0].ndim))
    return result


def stack(xs: Sequence[Any], axis: int = 0) -> Tensor:
    """Tensors of one shape joined along a new axis."""
    tensors = operands(*xs)
    if not tensors:
        raise ArgumentError("stack needs one tensor or more.")
    place = axis_of(axis, tensors[0].ndim + 1)
    for tensor in tensors[1:]:
        if tensor.ndim != tensors[0].ndim:
            shapes = ", ".join(str(one.shape) for one in tensors)
            raise ShapeError(f"stack needs tensors of one shape. Received: {shapes}")
    return concatenate([expand_dims(tensor, place) for tensor in tensors], place)


def unstack(x: Any, num: int | None = None, axis: int = 0) -> list[Tensor]:
    """The slices along an axis, which disappears."""
    tensor = convert(x)
    place = axis_of(axis, tensor.ndim)
    count = tensor.shape[place] if num is None else num
    if count is None:
        raise ArgumentError(f"The size of axis {axis} of shape {tensor.shape} is not known; give num.")
    if tensor.shape[place] not in (None, count):
        raise ShapeError(f"num={count} but axis {axis} of shape {tensor.shape} has another size.")
    return [squeeze(slice_axis(tensor, place, index, index + 1), place) for index in range(count)]


def slice_axis(x: Tensor, axis: int, start: int, limit: int | None, stride: int = 1) -> Tensor:
    """Elements start, start + stride ... below limit of one axis."""
    rank = x.ndim
    result: Tensor = apply(
        "slice",
        x,
        starts=tuple(start if place == axis else 0 for place in range(rank)),
        limits=tuple(limit if place == axis else None for place in range(rank)),
        strides=tuple(stride if place == axis else 1 for place in range(rank)),
    )
    return result


def slice(x: Any, start_indices: Any, shape: Any) -> Tensor:
    """A block of x: from `start_indices`, of size `shape` (-1: all that follows).

    Start indices held in a symbolic tensor are cut into range, so that the block lies within x.
    """
    tensor = convert(x)
    if isinstance(start_indices, Tensor) and start_indices.data is None:
        sizes = sizes_of(shape)
        result: Tensor = apply("dynamic_slice", tensor, start_indices, sizes=sizes)
        return result
    starts = [size_of(start) for start in (start_indices if isinstance(start_indices, Iterable) else (start_indices,))]
    counts = sizes_of(shape)
    if any(isinstance(start, Symbol) for start in starts):
        parts = [reshape(convert(start, "int32"), (1,)) for start in start_indices]
        return apply("dynamic_slice", tensor, concatenate(parts), sizes=counts)
    limits = []
    for axis, (start, count) in enumerate(zip(starts, counts, strict=True)):
        size = tensor.dimensions[axis]
        if isinstance(start, int) and isinstance(count, int) and isinstance(size, int) and start + count > size:
            raise ShapeError(f"The block {tuple(starts)} + {counts} does not lie within shape {tensor.shape}.")
        limits.append(None if count == -1 or count is size else start + count)  # type: ignore[operator]
    return apply("slice", tensor, starts=tuple(starts), limits=tuple(limits), strides=(1,) * tensor.ndim)


def slice_update(x: Any, start_indices: Any, updates: Any) -> Tensor:
    """x with a block replaced by `updates`; start indices are cut into range."""
    tensor = convert(x)
    result: Tensor = apply("dynamic_update", tensor, convert(updates, tensor.dtype), convert(start_indices, "int32"))
    return result


def split(x: Any, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Tensor]:
    """Pieces along an axis.

    Args:
        x: Tensor.
        indices_or_sections: How many equal pieces, or where to cut.
        axis: Which axis.

    Raises:
        ShapeError: The axis does not divide into so many equal pieces, or its size is not known.
    """
    tensor = convert(x)
    place = axis_of(axis, tensor.ndim)
    size = tensor.shape[place]
    if isinstance(indices_or_sections, (int, np.integer)):
        sections = int(indices_or_sections)
        if size is None:
            raise ShapeError(f"Cannot split axis {axis} of shape {tensor.shape}: its size is not known.")
        if sections < 1 or size % sections:
            raise ShapeError(f"Axis {axis} of shape {tensor.shape} does not divide into {sections} equal pieces.")
        cuts: list[int | None] = list(range(0, size, size // sections)) if size else [0] * sections
    else:
        cuts = [0, *(int(cut) for cut in indices_or_sections)]
    ends = [*cuts[1:], None]
    return [slice_axis(tensor, place, start, end) for start, end in zip(cuts, ends, strict=True)]  # type: ignore[arg-type]


def split_sizes(x: Any, sizes: Sequence[int], axis: int = 0) -> list[Tensor]:
    """Pieces of the given sizes along an axis (one may be -1: what is left)."""
    tensor = convert(x)
    place = axis_of(axis, tensor.ndim)
    counts = [int(size) for size in sizes]
    total = tensor.shape[place]
    if -1 in counts:
        if total is None:
            raise ShapeError(f"Cannot split axis {axis} of shape {tensor.shape}: its size is not known.")
        counts[counts.index(-1)] = total - sum(counts) - 1
    if total is not None and sum(counts) != total:
        raise ShapeError(f"Pieces of sizes {tuple(sizes)} do not make up axis {axis} of shape {tensor.shape}.")
    ends = np.cumsum(counts).tolist()
    return [slice_axis(tensor, place, end - count, end) for count, end in zip(counts, ends, strict=True)]


def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> Tensor:
    """Elements put around x.

    Args:
        x: Tensor.
        pad_width: Per axis how many (before, after); one pair or number for all axes.
        mode: ``"constant"``, ``"reflect"`` (mirrored at the edge element) or ``"symmetric"`` (beside it).
        constant_values: The number for mode ``"constant"``; ``None``: 0.
    """
    tensor = convert(x)
    widths = _pad_widths(pad_width, tensor.ndim)
    if mode == "constant":
        value = 0 if constant_values is None else constant_values
        value = value.item() if hasattr(value, "item") else value
        low, high = tuple(low for low, _ in widths), tuple(high for _, high in widths)
        result: Tensor = apply("pad", tensor, low=low, high=high, interior=(0,) * tensor.ndim, value=value)
        return result
    if mode not in ("reflect", "symmetric"):
        raise ArgumentError(f"Unknown mode: {mode!r}. Expected 'constant', 'reflect' or 'symmetric'.")
    inset = 1 if mode == "reflect" else 0
    for axis, (before, after) in enumerate(widths):
        if before or after:
            tensor = _mirror(tensor, axis, before, after, inset)
    return tensor


def _pad_widths(pad_width: Any, rank: int) -> list[tuple[int, int]]:
    widths = np.asarray(pad_width)
    if widths.size and (widths.dtype.kind not in "iu" or (widths < 0).any()):
        raise ArgumentError(f"pad_width must hold non-negative integers. Received: {pad_width!r}")
    try:
        return [(int(low), int(high)) for low, high in np.broadcast_to(widths, (rank, 2))]
    except ValueError:
        raise ArgumentError(
            f"pad_width must be a (before, after) pair for each of {rank} axes. Received: {pad_width!r}"
        ) from None


def _mirror(x: Tensor, axis: int, low: int, high: int, inset: int) -> Tensor:
    size = x.shape[axis]
    if size is None or builtin_max(low, high) + inset > size:
        raise ShapeError(f"Axis {axis} of shape {x.shape} is too short (or unknown) to be mirrored by {(low, high)}.")
    parts = [x]
    if low:
        parts.insert(0, flip(slice_axis(x, axis, inset, inset + low), axis))
    if high:
        parts.append(flip(slice_axis(x, axis, size - inset - high, size - inset), axis))
    return concatenate(parts, axis)


builtin_max = max


def flip(x: Any, axis: int | Iterable[int] | None = None) -> Tensor:
    """Order along axes turned round; ``None``: along all."""
    tensor = convert(x)
    given = range(tensor.ndim) if axis is None else axis if isinstance(axis, Iterable) else (axis,)
    result: Tensor = apply("reverse", tensor, axes=tuple(axis_of(one, tensor.ndim) for one in given))
    return result


def roll(x: Any, shift: int | Sequence[int], axis: int | Sequence[int] | None = None) -> Tensor:
    """Elements moved along axes, those that fall off coming in again at the other end."""
    tensor = convert(x)
    if axis is None:
        return reshape(roll(ravel(tensor), shift, 0), tensor.dimensions)
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    shifts = (shift,) * len(axes) if isinstance(shift, int) else tuple(shift)
    for one, places in zip(axes, shifts, strict=True):
        place = axis_of(one, tensor.ndim)
        size = tensor.shape[place]
        if size is None:
            tensor = concatenate(
                [slice_axis(tensor, place, -places, None), slice_axis(tensor, place, 0, -places)], place
            )
        elif size and places % size:
            cut = size - places % size
            tensor = concatenate([slice_axis(tensor, place, cut, None), slice_axis(tensor, place, 0, cut)], place)
    return tensor


def tile(x: Any, repeats: Any) -> Tensor:
    """x put beside itself `repeats[i]` times along each axis."""
    tensor = convert(x)
    counts = sizes_of(repeats)
    rank = builtin_max(tensor.ndim, len(counts))
    counts = (1,) * (rank - len(counts)) + counts
    sizes: tuple[Any, ...] = (1,) * (rank - tensor.ndim) + tensor.dimensions
    apart = tuple(part for size in sizes for part in (1, size))
    wide = tuple(part for count, size in zip(counts, sizes, strict=True) for part in (count, size))
    joined = tuple(_product(count, size) for count, size in zip(counts, sizes, strict=True))
    return reshape(broadcast_to(reshape(tensor, apart), wide), _one_unknown(joined))


def _product(count: Any, size: Any) -> Any:
    if isinstance(count, Symbol) or isinstance(size, Symbol):
        return size if count == 1 else count if size == 1 else -1
    return count * size


def _one_unknown(sizes: tuple[Any, ...]) -> tuple[Any, ...]:
    if sum(1 for size in sizes if not isinstance(size, Symbol) and size == -1) > 1:
        raise NotSupportedError(
            "Repeating two axes of unknown size at once is not supported. Repeat one after the other."
        )
    return sizes


def repeat(x: Any, repeats: Any, axis: int | None = None) -> Tensor:
    """Each element `repeats` times (a number, or one for each element), one after the other.

    Raises:
        NotSupportedError: `repeats` is symbolic.
    """
    tensor = convert(x)
    if axis is None:
        tensor, axis = ravel(tensor), 0
    place = axis_of(axis, tensor.ndim)
    if isinstance(repeats, Tensor) and repeats.data is None:
        raise NotSupportedError("repeat with a symbolic number of repeats is not supported.")
    counts = np.atleast_1d(np.asarray(repeats))
    if counts.size > 1:
        size = tensor.shape[place]
        if size is None:
            raise ShapeError(f"One number of repeats an element needs a known size. Received shape: {tensor.shape}")
        indices = np.repeat(np.arange(size, dtype=np.int32), counts)
        result: Tensor = apply("gather", tensor, eager(indices), axis=place)
        return result
    count, sizes = int(counts[0]), tensor.dimensions
    wide = broadcast_to(expand_dims(tensor, place + 1), (*sizes[: place + 1], count, *sizes[place + 1 :]))
    return reshape(wide, (*sizes[:place], _product(count, sizes[place]), *sizes[place + 1 :]))


def meshgrid(*xs: Any, indexing: str = "xy") -> list[Tensor]:
    """Vectors repeated along one another's axes, so that together they list a grid's points."""
    if indexing not in ("xy", "ij"):
        raise ArgumentError(f"indexing must be 'xy' or 'ij'. Received: {indexing!r}")
    vectors = [ravel(x) for x in xs]
    swap = indexing == "xy" and len(vectors) > 1
    shapes = [vector.dimensions[0] for vector in vectors]
    if swap:
        shapes[:2] = shapes[1::-1]
    result = []
    for index, vector in enumerate(vectors):
        place = 1 - index if swap and index < 2 else index
        apart = tuple(vector.dimensions[0] if axis == place else 1 for axis in range(len(vectors)))
        result.append(broadcast_to(reshape(vector, apart), tuple(shapes)))
    return result
