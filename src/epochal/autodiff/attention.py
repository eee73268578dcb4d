"""Finds attention in programs that write it out: a softmax of products that weighs values in another product.

    dot(dropout(softmax(mask(scale * dot(q, k) + bias))), v)

The axes may lie in any order and there may be any number of batch axes. Scales, biases, masks (by selecting, or by
adding large negative numbers) and dropout may stand in any sensible order between the two products, in any number. A
mask or bias that depends on constants alone and hides exactly what comes after is told as causality.

Gradients are taken of what is found here (`gradients`), and `epochal.passes.attention` puts the composite in its place.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from epochal.autodiff.attention_recipe import (
    SURELY_HIDES,
    Extra,
    Recipe,
    axes_of,
    conjuncts,
    is_merged,
    told,
)
from epochal.ir import Build, Node, Value

HIDES = -1e4
"""A score below this, selected in the place of others, hides them."""

DEEPEST = 12
"""Operators that are looked through between a sum and its products."""


@dataclass(frozen=True)
class Written:
    """Attention that was found.

    Attributes:
        probabilities: The softmax's result.
        leaves: What it is computed from: query, key and value, then what biases and masks are made from.
        make: The same from other leaves, by the composite.
    """

    probabilities: Value
    leaves: tuple[Value, ...]
    make: Callable[[Build, Sequence[Value]], Value]


@dataclass
class _Chain:
    """What stands between the two products."""

    softmax_axis: int = -1
    scale: float = 1.0
    fill: float | None = None
    grown: float = 1.0
    biases: list[Extra] = field(default_factory=list)
    masks: list[Extra] = field(default_factory=list)
    kept: list[Extra] = field(default_factory=list)


def find(node: Node, opaque: Container[Value] = ()) -> Written | None:
    """The attention whose last product a node is, or ``None``.

    Args:
        node: Of static types.
        opaque: Values that are never looked through.
    """
    if node.operator.name != "dot_general" or not _is_single(node):
        return None
    for side in (0, 1):
        weights = node.inputs[side]
        if weights.type.rank < 2 or not weights.type.is_static or not _may_be_weights(weights):
            continue
        found = _Finder(opaque).find(node, side)
        if found is not None:
            return found
    return None


def _is_single(node: Node) -> bool:
    """Whether a product sums over one axis, and has one free axis an operand."""
    (summed, _), batch = node.parameters["contract"], node.parameters["batch"][0]
    return len(summed) == 1 and all(value.type.rank == len(batch) + 2 for value in node.inputs)


def _may_be_weights(value: Value) -> bool:
    """A quick look."""
    for _ in range(DEEPEST):
        name = value.operator.name
        if name in ("softmax", "div"):
            return True
        if name == "select":
            value = value.node.inputs[1]
        elif name in ("mul", "transpose"):
            following = [x for x in value.node.inputs if number_of(x) is None and not _is_bit(x)]
            if len(following) != 1:
                return False
            (value,) = following
        else:
            return False
    return False


def number_of(value: Value) -> float | None:
    """The number that all elements of a constant are, seen through broadcasts and reshapes."""
    node = value.node
    while node.operator.name in ("broadcast", "reshape"):
        node = node.inputs[0].node
    if node.operator.name != "constant" or node.outputs[0].dtype.is_bool:
        return None
    array = np.asarray(node.parameters["value"])
    return float(array.reshape(-1)[0]) if array.size == 1 else None


def _stripped(value: Value, *names: str) -> Value:
    """What a value repeats."""
    while value.operator.name in ("broadcast", "reshape", *names):
        (value,) = value.node.inputs
    return value


def _softmax_of(value: Value) -> tuple[Value, int] | None:
    """The operand and the axis of a softmax, or of exp(x) / sum(exp(x))."""
    node = value.node
    if node.operator.name == "softmax":
        return node.inputs[0], node.parameters["axis"] % value.type.rank
    if node.operator.name != "div" or node.inputs[0].operator.name != "exp":
        return None
    powers, total = node.inputs[0], _stripped(node.inputs[1])
    if total.operator.name != "sum" or total.node.inputs[0] is not powers or len(total.node.parameters["axes"]) != 1:
        return None
    axis = total.node.parameters["axes"][0]
    if not _keeps(node.inputs[1], axis):
        return None
    x = powers.node.inputs[0]
    if x.operator.name == "sub":
        y, peak = x.node.inputs[0], _stripped(x.node.inputs[1], "stop_gradient")
        of_y = peak.operator.name == "max" and peak.node.inputs[0] is y and peak.node.parameters["axes"] == (axis,)
        if of_y and _keeps(x.node.inputs[1], axis):
            x = y
    return x, axis


def _keeps(total: Value, axis: int) -> bool:
    """Whether a total over an axis is repeated along just that axis."""
    while total.operator.name == "stop_gradient":
        (total,) = total.node.inputs
    if total.operator.name != "broadcast":
        return False
    kept = tuple(1 if index == axis else size for index, size in enumerate(total.shape))
    return total.node.inputs[0].shape == kept


class _Finder:
    """Walks from the weights back to the first product. `order`: the current axis of each axis of the weights."""

    def __init__(self, opaque: Container[Value]) -> None:
        self.opaque = opaque
        self.chain = _Chain()
        self.order: tuple[int, ...] = ()
        self.probabilities: Value | None = None

    def find(self, node: Node, side: int) -> Written | None:
        weights = node.inputs[side]
        self.order = tuple(range(weights.type.rank))
        scores = self._from_weights(weights)
        product = None if scores is None else self._from_scores(scores)
        if product is None or not _is_single(product):
            return None
        return self._written(node, side, product)

    def _step(self, value: Value) -> Value | None:
        """A transpose or a number looked through; ``None`` if the value is neither."""
        name, operands = value.operator.name, value.node.inputs
        if name == "transpose":
            permutation = value.node.parameters["permutation"]
            self.order = tuple(permutation[axis] for axis in self.order)
            return operands[0]
        if name in ("mul", "div"):
            for index in (1, 0) if name == "mul" else (1,):
                number = number_of(operands[index])
                if number is not None and number > 0:
                    factor = number if name == "mul" else 1.0 / number
                    self.chain.grown *= factor
                    self.chain.scale *= factor
                    return operands[1 - index]
        return None

    def _extra(self, value: Value, factor: float = 1.0) -> Extra:
        """What a value of the current shape repeats, if it does."""
        rank = value.type.rank
        while value.operator.name == "broadcast":
            (value,) = value.node.inputs
        sizes: tuple[int, ...] = tuple(value.shape)  # type: ignore[arg-type]
        return Extra(value, (1,) * (rank - len(sizes)) + sizes, self.order, factor)

    def _from_weights(self, value: Value) -> Value | None:
        """The softmax's operand."""
        for _ in range(DEEPEST):
            if value in self.opaque:
                return None
            found = _softmax_of(value)
            if found is not None:
                inner, axis = found
                self.probabilities = value
                self.chain.softmax_axis = self.order.index(axis)
                self.chain.scale = 1.0
                return inner
            stepped = self._step(value)
            name, operands = value.operator.name, value.node.inputs
            if stepped is not None:
                value = stepped
            elif name == "select" and number_of(operands[2]) == 0:
                self.chain.kept.append(self._extra(operands[0]))
                value = operands[1]
            elif name == "mul" and any(_is_bit(operand) for operand in operands):
                index = 0 if _is_bit(operands[0]) else 1
                repeated = self._extra(operands[index])
                self.chain.kept.append(replace(repeated, value=repeated.value.node.inputs[0]))
                value = operands[1 - index]
            else:
                return None
        return None

    def _from_scores(self, value: Value) -> Node | None:
        """The first product."""
        chain, grown = self.chain, self.chain.grown
        for _ in range(DEEPEST):
            if value in self.opaque:
                return None
            name, operands = value.operator.name, value.node.inputs
            if name == "dot_general":
                chain.grown = grown
                return value.node
            stepped = self._step(value)
            if stepped is not None:
                value = stepped
            elif name in ("add", "sub"):
                inner = next((i for i in ((0, 1) if name == "add" else (0,)) if _leads(operands[i])), None)
                if inner is None:
                    return None
                sign = -chain.scale if name == "sub" else chain.scale
                chain.biases.append(self._extra(operands[1 - inner], sign))
                value = operands[inner]
            elif name == "select":
                following = self._hidden(operands)
                if following is None:
                    return None
                value = following
            else:
                return None
        return None

    def _hidden(self, operands: Sequence[Value]) -> Value | None:
        """A mask that puts a number in the place of scores, or adds one to them; what it is applied to."""
        chain = self.chain
        seen, x, other = operands
        number = number_of(other)
        if number is not None and -math.inf < number <= HIDES and not chain.biases and chain.fill in (None, number):
            chain.fill = number
            chain.masks.append(self._extra(seen))
            return x
        if number is None and other.operator.name == "add" and x in other.node.inputs:
            added = other.node.inputs[1 if other.node.inputs[0] is x else 0]
            number = number_of(added)
        elif number != -math.inf:
            number = None
        if number is None:
            return None
        chain.biases.append(self._extra(seen, number * chain.scale))
        return x

    def _written(self, node: Node, side: int, product: Node) -> Written | None:
        chain = self.chain
        axes = axes_of(node, side, product, self.order, chain.softmax_axis)
        if axes is None:
            return None
        sizes: tuple[int, ...] = tuple(node.inputs[side].shape)  # type: ignore[arg-type]
        lengths = sizes[axes.weights[-2]], sizes[axes.weights[-1]]
        causal, masks, biases = False, [], []
        for mask in (part for whole in chain.masks for part in conjuncts(whole)):
            what = told(mask, axes.weights, lengths)
            causal = causal or what == "causal"
            masks += [mask] if not what else []
        for bias in chain.biases:
            # Where a query sees nothing the program adds a number to all scores, so that they count after all.
            lone = len(chain.biases) == 1 and not masks
            surely = not bias.value.dtype.is_bool or (lone and bias.factor <= SURELY_HIDES)
            what = told(bias, axes.weights, lengths) if surely else ""
            causal = causal or what == "causal"
            biases += [bias] if not what else []
        operands = product.inputs[axes.query_side], product.inputs[1 - axes.query_side], node.inputs[1 - side]
        recipe = Recipe(
            axes, node.outputs[0], chain.scale, causal, chain.grown,
            tuple(biases), tuple(masks), tuple(chain.kept), is_merged(axes, operands),
        )  # fmt: skip
        assert self.probabilities is not None
        return Written(self.probabilities, (*operands, *recipe.leaves), recipe.make)


def _is_bit(value: Value) -> bool:
    """Whether a value is 1 or 0: a bool in another type, repeated."""
    while value.operator.name == "broadcast":
        (value,) = value.node.inputs
    return value.operator.name == "cast" and value.node.inputs[0].dtype.is_bool


def _leads(value: Value) -> bool:
    """Whether a value is a product on which little is done."""
    for _ in range(DEEPEST):
        name, operands = value.operator.name, value.node.inputs
        if name == "dot_general":
            return True
        if name == "transpose":
            value = operands[0]
        elif name == "select":
            value = operands[1]
        elif name in ("mul", "add", "sub", "div"):
            following = [operand for operand in operands if number_of(operand) is None]
            leading = [operand for operand in following if operand.operator.name not in ("broadcast", "constant")]
            if not leading:
                return False
            value = leading[0]
        else:
            return False
    return False


__all__ = ["Written", "find"]
