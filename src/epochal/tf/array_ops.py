"""Making, shaping, joining and picking from tensors under TensorFlow's names."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from epochal import dtypes
from epochal.errors import ArgumentError, NotSupportedError, ShapeError
from epochal.tensor import Tensor, functions
from epochal.tf.conversion import axes, integers, pair, to_tensor
from epochal.tf.graph import current_graph, operation
from epochal.tf.shapes import TensorShape


@operation("Const")
def constant(value: Any, dtype: Any = None, shape: Any = None, verify_shape: bool = False) -> Tensor:
    """A tensor of fixed numbers.

    Args:
        value: Number, array or nested list.
        dtype: Element type; ``None``: float32 for Python floats, int32 for integers, an array's own.
        shape: If given, a single number fills it, and other values are reshaped to it.
        verify_shape: Whether `value` must have `shape` already.

    Raises:
        ShapeError: The value does not fit the shape.
    """
    tensor = to_tensor(value, dtype)
    if shape is None:
        return tensor
    wanted = integers(shape)
    if tensor.size == 1 and not verify_shape:
        return functions.broadcast_to(functions.reshape(tensor, ()), wanted)
    if verify_shape and tuple(tensor.shape) != tuple(wanted):
        raise ShapeError(f"Expected a value of shape {tuple(wanted)}. Received: shape {tensor.shape}")
    return functions.reshape(tensor, wanted)


@operation("Const")
def convert_to_tensor(value: Any, dtype: Any = None, dtype_hint: Any = None) -> Tensor:
    """`value` as a tensor."""
    return to_tensor(value, dtype, like=dtype_hint)


@operation("Identity")
def identity(input: Any) -> Tensor:
    """The same numbers as a new tensor; inside `control_dependencies` it waits for them."""
    tensor = to_tensor(input)
    graph = current_graph()
    return tensor if graph is None else graph.wrap(graph.copy_of(tensor))


@operation("StopGradient")
def stop_gradient(input: Any) -> Tensor:
    """The same numbers, constant for every gradient."""
    return functions.stop_gradient(to_tensor(input))


@operation("Zeros")
def zeros(shape: Any, dtype: Any = dtypes.float32) -> Tensor:
    """All 0 (False)."""
    return functions.zeros(integers(shape), dtype)


@operation("Ones")
def ones(shape: Any, dtype: Any = dtypes.float32) -> Tensor:
    """All 1 (True)."""
    return functions.ones(integers(shape), dtype)


@operation("ZerosLike")
def zeros_like(input: Any, dtype: Any = None) -> Tensor:
    """0 in the shape of `input`."""
    return functions.zeros_like(to_tensor(input), dtype)


@operation("OnesLike")
def ones_like(input: Any, dtype: Any = None) -> Tensor:
    """1 in the shape of `input`."""
    return functions.ones_like(to_tensor(input), dtype)


@operation("Fill")
def fill(dims: Any, value: Any) -> Tensor:
    """`value` in the shape `dims`."""
    return functions.broadcast_to(to_tensor(value), integers(dims))


@operation("Eye")
def eye(num_rows: int, num_columns: int | None = None, dtype: Any = dtypes.float32) -> Tensor:
    """The identity matrix."""
    return functions.eye(num_rows, num_columns, dtype=dtype)


@operation("Range")
def range(start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None) -> Tensor:
    """Numbers from `start` (or 0) up to `limit`, exclusive, `delta` apart."""
    if limit is None:
        start, limit = 0, start
    return functions.arange(start, limit, delta, dtype=dtype)


@operation("LinSpace")
def linspace(start: Any, stop: Any, num: int) -> Tensor:
    """`num` numbers evenly from `start` to `stop`, both included."""
    return functions.linspace(start, stop, num)


@operation("OneHot")
def one_hot(
    indices: Any, depth: int, on_value: Any = None, off_value: Any = None, axis: int | None = None, dtype: Any = None
) -> Tensor:
    """`on_value` (1) at the index and `off_value` (0) elsewhere, along a new axis of size `depth` (default: last)."""
    kind = dtypes.get(dtype if dtype is not None else dtypes.float32)
    hot = functions.one_hot(to_tensor(indices), int(depth), axis=-1 if axis is None else axis, dtype=kind)
    if on_value is None and off_value is None:
        return hot
    on = to_tensor(1 if on_value is None else on_value, kind)
    off = to_tensor(0 if off_value is None else off_value, kind)
    return functions.where(functions.cast(hot, "bool"), on, off)


@operation("Shape")
def shape(input: Any, out_type: Any = dtypes.int32) -> Tensor:
    """The shape as an integer vector, known when the graph runs."""
    return functions.cast(functions.shape(to_tensor(input)), dtypes.get(out_type))


@operation("Size")
def size(input: Any, out_type: Any = dtypes.int32) -> Tensor:
    """The number of elements."""
    return functions.cast(functions.prod(functions.shape(to_tensor(input))), dtypes.get(out_type))


@operation("Rank")
def rank(input: Any) -> Tensor:
    """The number of axes."""
    return to_tensor(np.int32(to_tensor(input).ndim))


@operation("Reshape")
def reshape(tensor: Any, shape: Any) -> Tensor:
    """The same elements in another shape; one dimension may be -1."""
    return functions.reshape(to_tensor(tensor), integers(shape))


@operation("ExpandDims")
def expand_dims(input: Any, axis: int | None = None, dim: int | None = None) -> Tensor:
    """A new axis of size 1 at `axis`."""
    chosen = axis if axis is not None else dim
    if chosen is None:
        raise ArgumentError("expand_dims needs an axis. Received: None")
    return functions.expand_dims(to_tensor(input), chosen)


@operation("Squeeze")
def squeeze(input: Any, axis: Any = None, squeeze_dims: Any = None) -> Tensor:
    """Without the axes of size 1 (all of them, or those named)."""
    return functions.squeeze(to_tensor(input), axis=axes(axis if axis is not None else squeeze_dims))


@operation("Transpose")
def transpose(a: Any, perm: Any = None, conjugate: bool = False) -> Tensor:
    """The axes in the order `perm` (reversed if ``None``)."""
    return functions.transpose(to_tensor(a), None if perm is None else integers(perm))


@operation("Concat")
def concat(values: Sequence[Any], axis: int) -> Tensor:
    """Joined along an axis they have."""
    tensors = [to_tensor(value) for value in values]
    for other in tensors[1:]:
        pair("Concat", tensors[0], other)
    return functions.concatenate(tensors, axis=int(axis))


@operation("Stack")
def stack(values: Sequence[Any], axis: int = 0) -> Tensor:
    """Joined along a new axis."""
    return functions.stack([to_tensor(value) for value in values], axis=axis)


def unstack(value: Any, num: int | None = None, axis: int = 0, name: str = "unstack") -> list[Tensor]:
    """The slices along an axis."""
    return list(functions.unstack(to_tensor(value), num, axis=axis))


def split(
    value: Any, num_or_size_splits: Any, axis: int = 0, num: int | None = None, name: str = "split"
) -> list[Tensor]:
    """Parts of equal size (a number), or of the given sizes (a list; one may be -1)."""
    tensor = to_tensor(value)
    if isinstance(num_or_size_splits, (int, np.integer)):
        return list(functions.split(tensor, int(num_or_size_splits), axis=axis))
    sizes = list(integers(num_or_size_splits))
    total = tensor.shape[axis]
    if -1 in sizes:
        if total is None:
            raise ShapeError("split: a size of -1 needs a known dimension.")
        sizes[sizes.index(-1)] = total - (sum(sizes) + 1)
    bounds = np.cumsum(sizes)[:-1].tolist()
    return list(functions.split(tensor, bounds, axis=axis))


@operation("Tile")
def tile(input: Any, multiples: Any) -> Tensor:
    """Repeated `multiples[i]` times along axis i."""
    return functions.tile(to_tensor(input), integers(multiples))


@operation("Reverse")
def reverse(tensor: Any, axis: Any) -> Tensor:
    """In reverse order along the axes."""
    return functions.flip(to_tensor(tensor), axis=axes(axis))


@operation("Pad")
def pad(tensor: Any, paddings: Any, mode: str = "CONSTANT", constant_values: Any = 0) -> Tensor:
    """With ``paddings[i] = (before, after)`` elements added to axis i: a constant, or what lies there mirrored.

    `mode` is ``"CONSTANT"``, ``"REFLECT"`` (the edge not repeated) or ``"SYMMETRIC"`` (repeated).
    """
    pairs = tuple((int(before), int(after)) for before, after in np.asarray(paddings))
    return functions.pad(
        to_tensor(tensor), pairs, mode.lower(), constant_values if mode.upper() == "CONSTANT" else None
    )


@operation("Slice")
def slice(input_: Any, begin: Any, size: Any) -> Tensor:
    """`size[i]` elements from `begin[i]` along axis i; a size of -1 means all that remain."""
    starts, sizes = integers(begin), integers(size)
    tensor = to_tensor(input_)
    key = tuple(_span(start, count) for start, count in zip(starts, sizes, strict=True))
    return tensor[key]


def _span(start: int, count: int) -> Any:
    return builtins.slice(start, None if count == -1 else start + count)


@operation("Gather")
def gather(
    params: Any, indices: Any, validate_indices: Any = None, axis: int | None = None, batch_dims: int = 0
) -> Tensor:
    """The slices of `params` along `axis` (default: `batch_dims`) that `indices` name."""
    axis = batch_dims if axis is None else axis
    tensor, picks = to_tensor(params), to_tensor(indices)
    if not batch_dims:
        return functions.take(tensor, picks, axis=axis)
    if batch_dims != 1 or axis not in (0, 1) or picks.ndim < 2:
        raise NotSupportedError(
            f"gather: batch_dims must be 0, or 1 along axis 1. Received: batch_dims={batch_dims}, axis={axis}"
        )
    # One flat table of all batch entries' rows; the entry's number selects its part.
    entries, count = functions.shape(tensor)[0], functions.shape(tensor)[1]
    starts = functions.arange(0, entries, dtype="int32") * count
    table = functions.reshape(tensor, (-1, *tensor.dimensions[2:]))
    places = functions.cast(picks, "int32") + functions.reshape(starts, (-1,) + (1,) * (picks.ndim - 1))
    return functions.take(table, places, axis=0)


@operation("BroadcastTo")
def broadcast_to(input: Any, shape: Any) -> Tensor:
    """Repeated to `shape` by NumPy's rule."""
    return functions.broadcast_to(to_tensor(input), integers(shape))


@operation("Where")
def where(condition: Any, x: Any = None, y: Any = None) -> Tensor:
    """`x` where the condition holds, else `y`; without these the coordinates of what is true (eager execution).

    A condition of one axis chooses among rows of `x` and `y` too, as in TensorFlow 1.

    Raises:
        NotSupportedError: In a graph, without x and y: the result's shape depends on the data.
    """
    flags = to_tensor(condition)
    if x is None or y is None:
        if flags.data is None:
            raise NotSupportedError(
                "where without x and y in a graph is not supported: its result's shape depends on the data. Use "
                "tf.where(condition, x, y), or NumPy's argwhere on what is fetched."
            )
        return to_tensor(np.argwhere(flags.data))
    first, second = pair("Where", x, y)
    rows = flags.ndim == 1 and first.ndim > 1 and first.ndim == second.ndim and first.shape[0] == flags.shape[0]
    if rows and first.shape[-1] != flags.shape[0]:
        flags = functions.reshape(flags, (-1,) + (1,) * (first.ndim - 1))
    return functions.where(functions.cast(flags, dtypes.bool_), first, second)


def get_static_value(tensor: Any) -> Any:
    """The numbers of a tensor that does not depend on the graph, else ``None``."""
    found = to_tensor(tensor)
    return None if found.is_symbolic else found.numpy()


def static_shape(tensor: Any) -> TensorShape:
    """The shape as far as it is known."""
    return TensorShape(to_tensor(tensor).shape)


def depth_to_space(input: Any, block_size: int, data_format: str = "NHWC", name: str | None = None) -> Tensor:
    """Channels laid out as blocks of pixels: [n, height b, width b, channels / b^2]."""
    tensor, b = to_tensor(input), int(block_size)
    n, height, width, channels = tensor.dimensions
    if data_format != "NHWC" or not isinstance(channels, int) or channels % (b * b):
        raise ShapeError(f"depth_to_space: {tensor.shape} has no multiple of {b * b} channels last.")
    parts = functions.reshape(tensor, (n, height, width, b, b, channels // (b * b)))
    return functions.reshape(
        functions.transpose(parts, (0, 1, 3, 2, 4, 5)), (n, height * b, width * b, channels // (b * b))
    )


def space_to_depth(input: Any, block_size: int, data_format: str = "NHWC", name: str | None = None) -> Tensor:
    """Blocks of pixels as channels: [n, height / b, width / b, channels b^2]."""
    tensor, b = to_tensor(input), int(block_size)
    n, height, width, channels = tensor.dimensions
    known = isinstance(height, int) and isinstance(width, int)
    if data_format != "NHWC" or not known or height % b or width % b:
        raise ShapeError(f"space_to_depth: height and width of {tensor.shape} are no multiples of {b}.")
    parts = functions.reshape(tensor, (n, height // b, b, width // b, b, channels))
    return functions.reshape(
        functions.transpose(parts, (0, 1, 3, 2, 4, 5)), (n, height // b, width // b, channels * b * b)
    )


def ensure_shape(x: Any, shape: Any, name: str | None = None) -> Tensor:
    """`x` itself, if its shape, as far as it is known, is compatible with `shape`."""
    tensor = to_tensor(x)
    TensorShape(tensor.shape).merge_with(TensorShape(shape))
    return tensor


def dimension_value(dimension: Any) -> int | None:
    """A dimension as an int, or ``None``."""
    return None if dimension is None else int(dimension)


def broadcast_static_shape(shape_x: Any, shape_y: Any) -> TensorShape:
    """The shape of two shapes broadcast."""
    return TensorShape(np.broadcast_shapes(tuple(shape_x), tuple(shape_y)))
