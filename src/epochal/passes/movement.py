"""Movement that need not happen: what cancels, merges or can wait until less has to be moved.

No rule changes an element, save that the sum of n equal elements becomes a product (rounded once, not n times), and
that a sum of arrays padded with zeros, which are joined instead, would have made 0.0 of -0.0, and that updates which
lie transposed are added at equal indices in the order in which they lie.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from epochal import dtypes
from epochal.ir import Builder, Graph, Node, Shape, TensorType, Value, broadcast_shapes
from epochal.passes.rebuild import RewritingBuilder, on_operands, rebuild
from epochal.topi.inventory import BUILD

_EXACT = {1: 127, 2: 256}  # Counts up to here are exact in every type of that many bytes.

Rewrite = Callable[[Builder, Node], Value | None]


def _is(value: Value, name: str) -> bool:
    return value.operator.name == name


def _sizes(value: Value) -> tuple[int, ...]:
    """The shape of a value, which is static."""
    return tuple(size for size in value.shape if isinstance(size, int))


def _size(shape: Shape) -> int:
    """The number of elements."""
    return TensorType(dtypes.bool_, shape).size


def _scalar_source(value: Value) -> Value | None:
    """What a value repeats, if it is one element repeated."""
    if _is(value, "broadcast") and _size(value.node.inputs[0].shape) == 1:
        return value.node.inputs[0]
    return None


def _of_scalar(build: Builder, node: Node) -> Value | None:
    """Moving one repeated element is repeating it to another shape."""
    source = _scalar_source(node.inputs[0])
    if source is None:
        return None
    scalar = source if source.shape == () else build.reshape(source, shape=())
    return build.broadcast_to(scalar, node.outputs[0].shape)


def _broadcast(build: Builder, node: Node) -> Value | None:
    (x,) = node.inputs
    if x.shape == node.outputs[0].shape:  # broadcast to its own shape -> x
        return x
    if _is(x, "broadcast"):  # broadcast of broadcast -> broadcast
        return build.broadcast_to(x.node.inputs[0], node.outputs[0].shape)
    if _is(x, "reshape") and _size(x.shape) == 1 and x.node.inputs[0].shape == ():
        return build.broadcast_to(x.node.inputs[0], node.outputs[0].shape)
    return None


def _reshape(build: Builder, node: Node) -> Value | None:
    (x,) = node.inputs
    shape = node.outputs[0].shape
    if x.shape == shape:  # to its own shape -> x
        return x
    if _is(x, "reshape"):  # reshape of reshape -> reshape
        source = x.node.inputs[0]
        return source if source.shape == shape else _value(build.reshape(source, shape=shape))
    if _is(x, "broadcast"):
        # A vector repeated in front, reshaped in front, is that vector repeated in front.
        source = x.node.inputs[0]
        if _size(source.shape) == 1 or (source.type.rank == 1 and shape[-1:] == source.shape):
            return _of_scalar(build, node) or build.broadcast_to(source, shape)
    return None


def _value(value: Value) -> Value:
    return value


def _transpose(build: Builder, node: Node) -> Value | None:
    (x,) = node.inputs
    permutation: tuple[int, ...] = node.parameters["permutation"]
    if permutation == tuple(range(len(permutation))):  # no axis moves -> x
        return x
    if _is(x, "transpose"):  # transpose of transpose -> transpose
        inner = x.node.parameters["permutation"]
        return _value(build.transpose(x.node.inputs[0], permutation=tuple(inner[axis] for axis in permutation)))
    moved = [axis for axis in permutation if x.shape[axis] != 1]
    if moved == sorted(moved):  # only axes of size 1 move -> reshape
        return _value(build.reshape(x, shape=node.outputs[0].shape))
    if _is(x, "gather"):
        table, indices = x.node.inputs
        turned = _turned_indices(build, indices, permutation, x.node.parameters["axis"])
        if turned is not None:  # rows picked, then put in another order -> rows picked in that order
            return _value(build.gather(table, turned, axis=0))
    return _of_scalar(build, node)


def _turned_indices(build: Builder, indices: Value, permutation: Sequence[int], axis: int) -> Value | None:
    """The indices transposed as `permutation` transposes what they pick along axis 0, if it moves no other axes."""
    rank = indices.type.rank
    if axis != 0 or tuple(permutation[rank:]) != tuple(range(rank, len(permutation))):
        return None
    return _value(build.transpose(indices, permutation=tuple(permutation[:rank])))


def _scatter_add(build: Builder, node: Node) -> Value | None:
    """Updates in another order than the indices were in -> the indices in that order."""
    x, indices, updates = node.inputs
    if not _is(updates, "transpose"):
        return None
    permutation = updates.node.parameters["permutation"]
    back = sorted(range(len(permutation)), key=permutation.__getitem__)
    turned = _turned_indices(build, indices, back, node.parameters["axis"])
    return None if turned is None else _value(build.scatter_add(x, turned, updates.node.inputs[0], axis=0))


def _reverse(build: Builder, node: Node) -> Value | None:
    (x,) = node.inputs
    axes = node.parameters["axes"]
    if all(isinstance(x.shape[axis], int) and _size((x.shape[axis],)) <= 1 for axis in axes):
        return x
    if _is(x, "reverse") and set(x.node.parameters["axes"]) == set(axes):  # twice -> x
        return x.node.inputs[0]
    return _of_scalar(build, node)


def _slice(build: Builder, node: Node) -> Value | None:
    (x,) = node.inputs
    starts, limits, strides = (node.parameters[name] for name in ("starts", "limits", "strides"))
    if x.shape == node.outputs[0].shape:  # all of it -> x
        return x
    if _is(x, "slice"):  # slice of slice -> slice
        inner = x.node.parameters
        ends = [
            start + max(size - 1, 0) * stride
            for start, size, stride in zip(starts, _sizes(node.outputs[0]), strides, strict=True)
        ]
        if 0 in node.outputs[0].shape:
            return None
        return _value(
            build.slice(
                x.node.inputs[0],
                starts=tuple(
                    a + b * step for a, b, step in zip(inner["starts"], starts, inner["strides"], strict=True)
                ),
                limits=tuple(
                    a + end * step + 1 for a, end, step in zip(inner["starts"], ends, inner["strides"], strict=True)
                ),
                strides=tuple(a * b for a, b in zip(inner["strides"], strides, strict=True)),
            )
        )
    if _is(x, "concat"):
        return _slice_of_concat(build, node, starts, limits, strides)
    return _of_scalar(build, node)


def _slice_of_concat(
    build: Builder, node: Node, starts: Sequence[int], limits: Sequence[int], strides: Sequence[int]
) -> Value | None:
    """A slice that lies within one operand is a slice of that operand."""
    join = node.inputs[0].node
    axis, offset = join.parameters["axis"], 0
    for operand in join.inputs:
        size = _size((operand.shape[axis],))
        if offset <= starts[axis] and limits[axis] <= offset + size:
            low, high = list(starts), list(limits)
            low[axis] -= offset
            high[axis] -= offset
            return _value(build.slice(operand, starts=tuple(low), limits=tuple(high), strides=tuple(strides)))
        offset += size
    return None


def _pad(build: Builder, node: Node) -> Value | None:
    (x,) = node.inputs
    low, high, interior = (node.parameters[name] for name in ("low", "high", "interior"))
    if not any(low) and not any(high) and not any(interior):  # nothing added or cut -> x
        return x
    if all(a <= 0 and b <= 0 and c == 0 for a, b, c in zip(low, high, interior, strict=True)):  # a crop -> slice
        return _value(
            build.slice(
                x,
                starts=tuple(-a for a in low),
                limits=tuple(_size((size,)) + b for size, b in zip(x.shape, high, strict=True)),
                strides=(1,) * len(low),
            )
        )
    return None


def _concat(build: Builder, node: Node) -> Value | None:
    axis = node.parameters["axis"]
    operands = [value for value in node.inputs if value.shape[axis] != 0] or list(node.inputs[:1])
    if len(operands) == 1:  # of one -> x
        return operands[0]
    flat: list[Value] = []
    for value in operands:  # concat of concat -> concat
        nested = _is(value, "concat") and value.node.parameters["axis"] == axis
        flat.extend(value.node.inputs if nested else (value,))
    return None if len(flat) == len(node.inputs) else _value(build.concat(*flat, axis=axis))


def _reduction(build: Builder, node: Node) -> Value | None:
    (x,) = node.inputs
    axes = node.parameters["axes"]
    if all(x.shape[axis] == 1 for axis in axes):  # of single elements -> reshape
        if _is_truth(node) or x.dtype is node.outputs[0].dtype:
            return x if not axes else _value(build.reshape(x, shape=node.outputs[0].shape))
        return None
    if _is(x, "transpose"):
        return _of_transpose(build, node)
    if not _is(x, "broadcast") or 0 in x.shape:
        return None
    return _reduced_broadcast(build, node, x.node.inputs[0], x.shape, axes)


def _of_transpose(build: Builder, node: Node) -> Value | None:
    """Reducing a transpose over axes whose rest is in order again: the operand over where those axes were."""
    (x,) = node.inputs
    axes = node.parameters["axes"]
    permutation = x.node.parameters["permutation"]
    left = [permutation[axis] for axis in range(len(permutation)) if axis not in axes]
    if left != sorted(left):
        return None
    before = tuple(sorted(permutation[axis] for axis in axes))
    return _value(getattr(build, node.operator.name)(x.node.inputs[0], axes=before))


def _add(build: Builder, node: Node) -> Value | None:
    """Sums of arrays padded with zeros to lie side by side, as gradients of slices do -> their concat, padded."""
    for value, other in (node.inputs, node.inputs[::-1]):
        if not _is_zero_pad(value):
            continue
        joined = _side_by_side(build, value, other)
        if joined is not None:
            return joined
        if _is(other, "add"):  # p + (q + x) -> (p + q) + x, where p and q are never both nonzero
            for near, far in (other.node.inputs, other.node.inputs[::-1]):
                joined = _side_by_side(build, value, near)
                if joined is not None:
                    return _value(build.add(far, joined))
    return None


def _is_zero_pad(value: Value) -> bool:
    parameters = value.node.parameters
    return (
        _is(value, "pad")
        and parameters["value"] == 0
        and not any(parameters["interior"])
        and min((*parameters["low"], *parameters["high"], 0)) == 0
    )


def _side_by_side(build: Builder, one: Value, other: Value) -> Value | None:
    """The sum of two arrays padded with zeros, if what they pad adjoins along one axis."""
    if not (_is_zero_pad(one) and _is_zero_pad(other)):
        return None
    first, second = sorted((one, other), key=lambda value: tuple(value.node.parameters["low"]))
    low, high = first.node.parameters["low"], second.node.parameters["high"]
    shifts = [b - a for a, b in zip(low, second.node.parameters["low"], strict=True)]
    moved = [axis for axis, shift in enumerate(shifts) if shift]
    parts = [value.node.inputs[0] for value in (first, second)]
    if len(moved) != 1 or shifts[moved[0]] != _sizes(parts[0])[moved[0]]:
        return None
    if any(a != b and axis != moved[0] for axis, (a, b) in enumerate(zip(*map(_sizes, parts), strict=True))):
        return None
    joined = build.concat(*parts, axis=moved[0])
    return _value(build.pad(joined, low=low, high=high, interior=(0,) * len(low), value=0.0))


def _is_truth(node: Node) -> bool:
    return node.operator.name in ("any", "all")


def _reduced_broadcast(build: Builder, node: Node, source: Value, shape: Shape, axes: Sequence[int]) -> Value | None:
    """Reducing repeated elements: max, min, any and all of equal elements are one of them, their sum a product."""
    new = len(shape) - source.type.rank
    repeated = [axis for axis in axes if axis < new or source.shape[axis - new] != shape[axis]]
    count = _size(tuple(shape[axis] for axis in repeated))
    if not repeated or node.operator.name == "prod" or count > _EXACT.get(source.dtype.itemsize, count):
        return None
    # What is left to reduce, on the source with its unit axes along the repeated axes taken away.
    kept = [axis for axis in range(source.type.rank) if axis + new not in repeated]
    narrow = build.reshape(source, shape=tuple(source.shape[axis] for axis in kept))
    left = tuple(index for index, axis in enumerate(kept) if axis + new in axes)
    reduced: Value = getattr(build, node.operator.name)(narrow, axes=left) if left else narrow
    if node.operator.name == "sum":
        reduced = build.mul(reduced, count)
    return build.broadcast_to(reduced, node.outputs[0].shape)


def elementwise_of_broadcasts(build: Builder, node: Node) -> Value | None:
    """Operands that all repeat something smaller: compute the small thing, then repeat it."""
    shape = node.outputs[0].shape
    if not shape or not all(_is(value, "broadcast") for value in node.inputs):
        return None
    sources = [value.node.inputs[0] for value in node.inputs]
    small = broadcast_shapes(*(source.shape for source in sources))
    if _size(small) >= _size(shape):
        return None
    result = build.apply(node.operator, sources, node.parameters)[0]
    return build.broadcast_to(result, shape)


TABLE: Mapping[str, Rewrite] = {
    "broadcast": _broadcast,
    "reshape": _reshape,
    "transpose": _transpose,
    "reverse": _reverse,
    "slice": _slice,
    "pad": _pad,
    "concat": _concat,
    "add": _add,
    "scatter_add": _scatter_add,
    "sum": _reduction,
    "prod": _reduction,
    "max": _reduction,
    "min": _reduction,
    "any": _reduction,
    "all": _reduction,
}


@dataclass(frozen=True)
class Movement:
    """Applies `TABLE`, and computes elementwise operators before a broadcast rather than after it."""

    def run(self, graph: Graph) -> Graph:
        build = RewritingBuilder(BUILD, _rewrite)

        def visit(node: Node, operands: tuple[Value, ...]) -> Sequence[Value] | None:
            if node.operator.name not in TABLE and "elementwise" not in node.operator.traits:
                return None
            node = on_operands(node, operands)
            return _rewrite(build, node) or node.outputs

        return rebuild(graph, visit)


def _rewrite(build: Builder, node: Node) -> Sequence[Value] | None:
    rule = TABLE.get(node.operator.name)
    found = None if rule is None else rule(build, node)
    if found is None and "elementwise" in node.operator.traits:
        found = elementwise_of_broadcasts(build, node)
    return None if found is None else (found,)
