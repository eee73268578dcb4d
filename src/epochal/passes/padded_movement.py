"""How operators that move elements are rewritten along a padded axis, so that those that count stay the first ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from epochal import dtypes
from epochal.ir import Value
from epochal.passes.padded_site import Extent, InexactError, Site
from epochal.topi.inventory import BUILD


def _as_it_is(site: Site) -> Sequence[Value]:
    """Shapes in parameters are those of the capacity."""
    return site.copy(*site.operands)


def _transpose(site: Site) -> Sequence[Value]:
    if len(set(site.parameter("permutation"))) > 1:
        raise InexactError("a permutation depends on the size")
    return site.copy(*site.operands)


def _iota(site: Site) -> Sequence[Value]:
    if len(set(site.parameter("axis"))) > 1:
        raise InexactError("an axis depends on the size")
    return site.copy()


def _groups(one: Sequence[Any], other: Sequence[Any]) -> list[tuple[list[int], list[int]]]:
    """Runs of axes of two shapes of as many elements that hold the same elements."""
    groups = []
    i = j = 0
    while i < len(one) or j < len(other):
        left, right = [i] if i < len(one) else [], [j] if j < len(other) else []
        i, j = i + len(left), j + len(right)
        products = [int(np.prod([one[k] for k in left])), int(np.prod([other[k] for k in right]))]
        while products[0] != products[1]:
            if products[0] < products[1]:
                products[0] *= one[i]
                left.append(i)
                i += 1
            else:
                products[1] *= other[j]
                right.append(j)
                j += 1
        groups.append((left, right))
    return groups


def _leading(axes: Sequence[int], shape: Sequence[Any], extents: dict[int, Extent]) -> tuple[int, int] | None:
    """How many elements of a run of axes count: those before the padded axis must be 1. ``None``: none is padded."""
    padded = [axis for axis in axes if axis in extents]
    if not padded:
        return None
    before = [shape[axis] for axis in axes if axis < padded[0]]
    if len(padded) > 1 or any(size != 1 for size in before):
        raise InexactError("a reshape merges a padded axis with one before it")
    rest = int(np.prod([shape[axis] for axis in axes if axis > padded[0]]))
    times, plus = extents[padded[0]]
    return times * rest, plus * rest


def _reshape(site: Site) -> Sequence[Value]:
    before, after = site.node.inputs[0].shape, site.node.outputs[0].shape
    if 0 in before:
        raise InexactError("a reshape of nothing")
    for left, right in _groups(before, after):
        if _leading(left, before, site.inputs[0]) != _leading(right, after, site.outputs[0]):
            raise InexactError("a reshape splits a padded axis")
    return site.copy(*site.operands)


def _concat(site: Site) -> Sequence[Value]:
    axis = site.node.parameters["axis"]
    if len(set(site.parameter("axis"))) > 1 or any(axis in extents for extents in site.inputs[:-1]):
        raise InexactError("something is joined to the end of a padded axis")
    return site.copy(*site.operands)


def _reverse(site: Site) -> Sequence[Value]:
    """Along a padded axis by its indices, counted back from the length."""
    if len(set(site.parameter("axes"))) > 1:
        raise InexactError("an axis depends on the size")
    value = site.operands[0]
    plain = tuple(axis for axis in site.node.parameters["axes"] if axis not in site.inputs[0])
    if plain:
        value = BUILD.reverse(value, axes=plain)
    for axis in site.node.parameters["axes"]:
        if axis in site.inputs[0]:
            size = value.shape[axis]
            places = BUILD.iota(shape=(size,), axis=0, dtype=dtypes.int32)
            last = BUILD.sub(site.context.count(site.inputs[0][axis]), 1)
            back = BUILD.maximum(BUILD.sub(BUILD.broadcast_to(last, (size,)), places), 0)
            value = BUILD.gather(value, back, axis=axis)
    return (value,)


# --- parts


def _offset(given: Sequence[int], sizes: Sequence[Any]) -> int | None:
    """What is constant about positions counted from the end; ``None``: nothing."""
    offsets = {place - size for place, size in zip(given, sizes, strict=True)}
    return offsets.pop() if len(offsets) == 1 else None


def _slice(site: Site) -> Sequence[Value]:
    """What begins at a fixed place stays; what lies at the end is cut out at a place computed from the length."""
    if any(len(set(steps)) > 1 for steps in zip(*site.parameter("strides"), strict=True)):
        raise InexactError("the strides of a slice depend on the size")
    starts: list[Any] = list(site.node.parameters["starts"])
    moved = False
    for axis in range(len(starts)):
        first, limit = (tuple(each[axis] for each in site.parameter(name)) for name in ("starts", "limits"))
        if axis not in site.inputs[0]:
            if len(set(first)) > 1 or len(set(limit)) > 1:
                raise InexactError("a slice depends on the size")
            continue
        sizes = [node.inputs[0].shape[axis] for node in site.nodes]
        if site.node.parameters["strides"][axis] != 1:
            raise InexactError("a slice with steps along a padded axis")
        fixed, to_end = len(set(first)) == 1, _offset(limit, sizes) is not None
        if fixed and (to_end or len(set(limit)) == 1):
            continue
        offset = _offset(first, sizes)
        if offset is None or not to_end:
            raise InexactError("a slice of a padded axis whose place is not known")
        starts[axis] = BUILD.add(site.context.count(site.inputs[0][axis]), offset)
        moved = True
    if not moved:
        return site.copy(*site.operands)
    if any(step != 1 for step in site.node.parameters["strides"]):
        raise InexactError("a slice with steps at the end of a padded axis")
    part = BUILD.dynamic_slice(site.operands[0], _vector(starts), sizes=site.node.outputs[0].shape)
    return (part,)


def _vector(entries: Sequence[Any]) -> Value:
    """int32 [rank] from whole numbers and scalars."""
    parts = [
        BUILD.reshape(entry, shape=(1,)) if isinstance(entry, Value) else BUILD.constant([entry], dtypes.int32)
        for entry in entries
    ]
    result: Value = parts[0] if len(parts) == 1 else BUILD.concat(*parts, axis=0)
    return result


def _pad(site: Site) -> Sequence[Value]:
    """Entries after the axis follow those that count: those in between become the padding's value first."""
    node = site.node
    if len({repr(value) for value in site.parameter("value")}) > 1 or len(set(site.parameter("interior"))) > 1:
        raise InexactError("a padding depends on the size")
    low, high = list(node.parameters["low"]), list(node.parameters["high"])
    moved: dict[int, Any] = {}
    for axis in range(len(low)):
        before, after = (tuple(each[axis] for each in site.parameter(name)) for name in ("low", "high"))
        if axis in site.inputs[0]:
            if len(set(before)) > 1 or len(set(after)) > 1 or node.parameters["interior"][axis]:
                raise InexactError("a padding of a padded axis depends on the size")
        elif axis in site.outputs[0] and len(set(before)) > 1:
            sizes = [each.outputs[0].shape[axis] for each in site.nodes]
            offset = _offset(before, sizes)
            if offset is None or node.parameters["interior"][axis]:
                raise InexactError("a padding to a place that is not known")
            moved[axis] = BUILD.add(site.context.count(site.outputs[0][axis]), offset)
            low[axis] = high[axis] = 0
    value = node.parameters["value"]
    operand = site.masked(0, value, [axis for axis in site.inputs[0] if high[axis] > 0])
    if not moved:
        return site.copy(operand)
    operand = BUILD.pad(operand, low=tuple(low), high=tuple(high), interior=node.parameters["interior"], value=value)
    room = BUILD.broadcast_to(BUILD.constant(value, operand.dtype), node.outputs[0].shape)
    return (BUILD.dynamic_update(room, operand, _vector([moved.get(axis, 0) for axis in range(len(low))])),)


def _dynamic(site: Site) -> Sequence[Value]:
    """Padded axes must be taken whole."""
    part = site.outputs[0] if site.node.operator.name == "dynamic_slice" else site.inputs[1]
    if part != site.inputs[0] or site.inputs[-1]:
        raise InexactError("a part of a padded axis whose place is computed")
    sizes = site.node.outputs[0].shape if site.node.operator.name == "dynamic_slice" else site.operands[1].shape
    if any(sizes[axis] != site.operands[0].shape[axis] for axis in part):
        raise InexactError("a part of a padded axis whose place is computed")
    return site.copy(*site.operands)


MOVEMENT_RULES: dict[str, Callable[[Site], Sequence[Value]]] = {
    "broadcast": _as_it_is,
    "transpose": _transpose,
    "reshape": _reshape,
    "iota": _iota,
    "concat": _concat,
    "reverse": _reverse,
    "slice": _slice,
    "pad": _pad,
    "dynamic_slice": _dynamic,
    "dynamic_update": _dynamic,
}
