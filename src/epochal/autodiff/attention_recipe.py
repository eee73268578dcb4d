"""Puts attention that was found in a program (`epochal.autodiff.attention`) in the composite's terms."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from epochal.ir import Array, Build, Graph, Node, Value
from epochal.topi.interpret import interpret
from epochal.topi.subgraph import needed_nodes

SURELY_HIDES = -1e8
"""A bias below this hides whatever it is added to."""

LARGEST_CONSTANT = 1 << 22
"""Elements of a mask that is evaluated to see what it is."""


@dataclass(frozen=True)
class Extra:
    """A bias or mask over the weights' axes.

    Attributes:
        value: What is repeated.
        shape: Its shape with an axis for each current axis, of size 1 where it is repeated.
        order: For each axis of the weights, which of those axes it is.
        factor: What a bias is multiplied by. If it is made from a bool, that is the bias where it is False.
    """

    value: Value
    shape: tuple[int, ...]
    order: tuple[int, ...]
    factor: float = 1.0


@dataclass(frozen=True)
class Axes:
    """Which axis is which.

    Attributes:
        side: Which operand of the second product the weights are.
        weights: The weights' batch axes, then those of queries and keys.
        query_side: Which operand of the first product the query is.
        operands: Batch, length and size axes of query, key and value.
    """

    side: int
    weights: tuple[int, ...]
    query_side: int
    operands: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]

    @property
    def count(self) -> int:
        """Batch axes."""
        return len(self.weights) - 2


def axes_of(node: Node, side: int, product: Node, order: Sequence[int], softmax_axis: int) -> Axes | None:
    """The axes of weights that are operand `side` of `node` and made from `product`, if they fit together."""
    summed, batches = node.parameters["contract"], node.parameters["batch"]
    first = product.parameters["batch"]
    batch, count = batches[side], len(first[0])
    if summed[side] != (softmax_axis,) or len(batch) != count or len(order) != count + 2:
        return None
    (query,) = set(range(count + 2)) - {*batch, softmax_axis}
    places = [order[axis] for axis in batch]
    if any(place >= count for place in places):
        return None
    query_side = 0 if order[query] == count else 1

    def part(which: int) -> tuple[int, ...]:
        mine = tuple(first[which][place] for place in places)
        (size,) = product.parameters["contract"][which]
        (length,) = set(range(count + 2)) - {*mine, size}
        return (*mine, length, size)

    (along,) = summed[1 - side]
    (width,) = set(range(count + 2)) - {*batches[1 - side], along}
    value = (*batches[1 - side], along, width)
    return Axes(side, (*batch, query, softmax_axis), query_side, (part(query_side), part(1 - query_side), value))


def told(extra: Extra, weights: Sequence[int], lengths: tuple[int, int]) -> str:
    """What a mask, or a bias, says that depends on constants alone.

    Args:
        extra: The mask or bias.
        weights: The weights' axes: batch axes, then queries and keys.
        lengths: Queries and keys.

    Returns:
        ``"causal"``: that a query sees nothing that comes after it; ``"nothing"``: nothing; otherwise ``""``.
    """
    queries, keys = lengths
    sizes = [extra.shape[extra.order[axis]] for axis in weights]
    if queries * keys > LARGEST_CONSTANT or any(size != 1 for size in sizes[:-2]):
        return ""
    array = constant_of(extra.value)
    if array is None:
        return ""
    array = array.reshape(extra.shape).transpose([extra.order[axis] for axis in weights]).reshape(sizes[-2:])
    whole = np.broadcast_to(array, lengths)
    before = np.tril(np.ones(lengths, np.bool_))
    if whole.dtype == np.bool_:
        return "nothing" if whole.all() else "causal" if np.array_equal(whole, before) else ""
    scaled = whole.astype(np.float64) * extra.factor
    if not scaled.any():
        return "nothing"
    return "causal" if not scaled[before].any() and (scaled[~before] <= SURELY_HIDES).all() else ""


def constant_of(value: Value) -> Array | None:
    """A value that depends on constants alone, and is not drawn at random."""
    nodes = needed_nodes([value], lambda _: False)
    for node in nodes:
        plain = node.inputs or node.operator.name in ("constant", "iota")
        if not plain or node.outputs[0].type.size > LARGEST_CONSTANT or "control" in node.operator.traits:
            return None
        if "random" in node.operator.traits:
            return None
    return interpret(Graph((), (value,)), [])[0]


def conjuncts(extra: Extra) -> list[Extra]:
    """The parts that a mask is the conjunction of."""
    value, rank = extra.value, len(extra.shape)
    if value.operator.name != "logical_and":
        return [extra]
    found: list[Extra] = []
    for operand in value.node.inputs:
        while operand.operator.name == "broadcast":
            (operand,) = operand.node.inputs
        shape: tuple[int, ...] = tuple(operand.shape)  # type: ignore[arg-type]
        # The mask's own leading axes may have been added by a broadcast.
        found += conjuncts(Extra(operand, (1,) * (rank - len(shape)) + shape, extra.order))
    return found


@dataclass(frozen=True)
class Recipe:
    """How to compute the attention that was found from leaves like those that were found.

    Attributes:
        axes: Which axis is which.
        result: What is to be computed: its shape counts.
        scale: Of the products.
        causal: Whether queries see nothing that comes after them.
        grown: What the weights are multiplied by after the softmax.
        biases, masks, kept: The extra leaves: added to the scores; what is seen; what weights are kept.
        merged: See `is_merged`.
    """

    axes: Axes
    result: Value
    scale: float
    causal: bool
    grown: float
    biases: tuple[Extra, ...]
    masks: tuple[Extra, ...]
    kept: tuple[Extra, ...]
    merged: bool

    @property
    def leaves(self) -> list[Value]:
        """Of the extra operands."""
        return [extra.value for extra in (*self.biases, *self.masks, *self.kept)]

    def make(self, build: Build, leaves: Sequence[Value]) -> Value:
        """See `Written`."""
        operands = [self._operand(build, x, axes) for x, axes in zip(leaves, self.axes.operands, strict=False)]
        extras = iter(leaves[3:])
        dtype = leaves[0].dtype
        bias: Value | None = None
        for extra in self.biases:
            term = next(extras)
            if term.dtype.is_bool:
                zero, added = build.constant(0.0, dtype), build.constant(extra.factor, dtype)
                term = build.select(term, zero, added)
            elif extra.factor != 1.0:
                term = build.mul(term, extra.factor)
            placed = self._placed(build, extra, term)
            bias = placed if bias is None else build.add(bias, placed)
        mask, kept = (self._all(build, chosen, extras) for chosen in (self.masks, self.kept))
        operands += [self._extra(build, value) for value in (bias, mask, kept) if value is not None]
        rate: float | None = None
        if kept is not None:
            rate = max(0.0, 1.0 - 1.0 / self.grown)
        y = build.attention(*operands, scale=self.scale, causal=self.causal, rate=rate)[0]
        left = self.grown if rate is None else self.grown * (1.0 - rate)
        if abs(left - 1.0) > 1e-6:
            y = build.mul(y, left)
        return self._result(build, y)

    def _all(self, build: Build, chosen: Sequence[Extra], values: Iterator[Value]) -> Value | None:
        """The conjunction of masks."""
        found: Value | None = None
        for extra in chosen:
            placed = self._placed(build, extra, next(values))
            found = placed if found is None else build.logical_and(found, placed)
        return found

    def _placed(self, build: Build, extra: Extra, value: Value) -> Value:
        """An extra operand with its axes in the order batch, queries, keys."""
        return transposed(build, shaped(build, value, extra.shape), [extra.order[axis] for axis in self.axes.weights])

    def _operand(self, build: Build, value: Value, axes: tuple[int, ...]) -> Value:
        """Query, key or value as the composite takes it."""
        *batch, length, size = axes
        if self.merged:
            order = (*batch, length, size)
        else:
            order = (*batch[:-1], length, batch[-1], size)
        shape: tuple[int, ...] = tuple(value.shape)  # type: ignore[arg-type]
        heads = 1 if self.merged else shape[batch[-1]]
        outer = math.prod(shape[axis] for axis in (batch if self.merged else batch[:-1]))
        return shaped(build, transposed(build, value, order), (outer, shape[length], heads, shape[size]))

    def _extra(self, build: Build, value: Value) -> Value:
        """An extra operand as the composite takes it: [batch, heads, T, S]."""
        sizes: list[int] = [*value.shape]  # type: ignore[list-item]
        count = self.axes.count
        full = [self._size(index) for index in range(count)]
        outer = count if self.merged else count - 1
        if any(size != 1 for size in sizes[:outer]) and sizes[:outer] != full[:outer]:
            sizes = [*full[:outer], *sizes[outer:]]
            value = build.broadcast(value, shape=tuple(sizes))
        heads = 1 if self.merged else sizes[count - 1]
        return shaped(build, value, (math.prod(sizes[:outer]), heads, *sizes[count:]))

    def _size(self, index: int) -> int:
        """The size of a batch axis: the result begins with them."""
        size = self.result.shape[index]
        assert isinstance(size, int)
        return size

    def _result(self, build: Build, y: Value) -> Value:
        """The composite's result, [batch, T, heads, width], with its axes as the program has them."""
        count, side = self.axes.count, self.axes.side
        shape: list[int] = [*self.result.shape]  # type: ignore[list-item]
        batch = shape[:count]
        queries, width = (shape[count], shape[count + 1]) if side == 0 else (shape[count + 1], shape[count])
        if self.merged:
            y = shaped(build, y, (*batch, queries, width))
            order = [*range(count), count, count + 1]
        else:
            y = shaped(build, y, (*batch[:-1], queries, batch[-1], width))
            order = [*range(count - 1), count, count - 1, count + 1]
        if side == 1:
            order[-2:] = order[:-3:-1]
        return transposed(build, y, order)


def is_merged(axes: Axes, operands: Sequence[Value]) -> bool:
    """Whether all batch axes become one, the composite's first, and there is one head.

    So it is where operands lie in memory with their lengths behind all batch axes: nothing need be moved then.
    Otherwise the last batch axis becomes the heads.
    """
    if axes.count < 2:
        return True
    plain = tuple(range(axes.count + 2))
    return not any(
        places[:-1] != plain[:-1] or value.operator.name == "transpose"
        for value, places in zip(operands, axes.operands, strict=True)
    )


def shaped(build: Build, value: Value, shape: Sequence[int]) -> Value:
    """A reshape, if need be."""
    result: Value = value if value.shape == tuple(shape) else build.reshape(value, shape=tuple(shape))
    return result


def transposed(build: Build, value: Value, order: Sequence[int]) -> Value:
    """A transpose, if need be; two are one, and none if they undo each other."""
    if tuple(order) == tuple(range(len(order))):
        return value
    if value.operator.name == "transpose":
        before = value.node.parameters["permutation"]
        return transposed(build, value.node.inputs[0], [before[axis] for axis in order])
    result: Value = build.transpose(value, permutation=tuple(order))
    return result


__all__ = ["SURELY_HIDES", "Axes", "Extra", "Recipe", "axes_of", "conjuncts", "is_merged", "told", "transposed"]
