"""Reductions in registers: what they start from, how an element is added, how lanes are combined at the end.

A float sum is a vector of running sums (one a lane) added in the order of the loop, then combined by a fixed tree:
the same bits wherever it runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from epochal.backends.native.elementwise import larger, smaller
from epochal.backends.native.emit import ARITHMETIC_KIND, Register, Writer
from epochal.backends.native.movement import Affine, Demand, Index, sizes
from epochal.dtypes import DType
from epochal.ir import Node

State = tuple[Register, ...]

POSITIONS = frozenset({"argmax", "argmin"})
AXES = frozenset({"sum", "prod", "max", "min", "any", "all"})
REDUCTIONS = AXES | POSITIONS
SPLITTABLE = AXES | {"dot_general"}


class Space(NamedTuple):
    """What a reduction runs over: the whole shape, and which of its axes vanish."""

    shape: tuple[int, ...]
    reduced: frozenset[int]


def space(node: Node) -> Space:
    """The space of a reduction, or of a product taken as one: batch, rows, columns, then the contracted axes."""
    name = node.operator.name
    if name == "dot_general":
        return _product_space(node)
    shape = sizes(node.inputs[0])
    if name in POSITIONS:
        return Space(shape, frozenset({int(node.parameters["axis"])}))
    return Space(shape, frozenset(int(axis) for axis in node.parameters["axes"]))


def _product_axes(node: Node) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    contract, batch = node.parameters["contract"], node.parameters["batch"]
    return tuple(contract[0]), tuple(contract[1]), tuple(batch[0]), tuple(batch[1])


def _product_space(node: Node) -> Space:
    left, right = sizes(node.inputs[0]), sizes(node.inputs[1])
    contract, _, _, _ = _product_axes(node)
    kept = sizes(node.outputs[0])
    shape = kept + tuple(left[axis] for axis in contract)
    assert len(right) + len(left) >= len(kept)
    return Space(shape, frozenset(range(len(kept), len(shape))))


def element_demands(node: Node, index: Index) -> list[Demand]:
    """What one element of a reduction's space is made of, at an index into the space."""
    if node.operator.name != "dot_general":
        return [Demand(node.inputs[0], index)]
    left_contract, right_contract, left_batch, right_batch = _product_axes(node)
    left, right = node.inputs
    kept = len(node.outputs[0].shape)
    batch, inner = index[: len(left_batch)], index[kept:]
    free = index[len(left_batch) : kept]
    rows = len(left.shape) - len(left_batch) - len(left_contract)
    first = _place(len(left.shape), (left_batch, batch), (left_contract, inner), free[:rows])
    second = _place(len(right.shape), (right_batch, batch), (right_contract, inner), free[rows:])
    return [Demand(left, first), Demand(right, second)]


def _place(rank: int, batch: tuple[tuple[int, ...], Index], inner: tuple[tuple[int, ...], Index], free: Index) -> Index:
    entries: dict[int, Affine] = dict(zip(batch[0], batch[1], strict=True))
    entries.update(zip(inner[0], inner[1], strict=True))
    rest = [axis for axis in range(rank) if axis not in entries]
    entries.update(zip(rest, free, strict=True))
    return tuple(entries[axis] for axis in range(rank))


class Reducer:
    """One reduction.

    Attributes:
        node: The reduction.
        dtype: Element type of what is reduced.
    """

    def __init__(self, node: Node) -> None:
        self.node = node
        self.name = node.operator.name
        self.dtype: DType = node.inputs[0].dtype
        self.kind = ARITHMETIC_KIND[self.dtype.name]

    def start(self, writer: Writer, lanes: int) -> State:
        """The state before the first element."""
        element = writer.constant(identity_of(self.name, self.dtype), self.kind, lanes)
        if self.name in POSITIONS:
            return element, writer.constant(-1, "i64", lanes)
        return (element,)

    def add(
        self, writer: Writer, state: State, elements: Sequence[Register], position: Register | None,
        mask: Register | None,
    ) -> State:  # fmt: skip
        """The state with one more element a lane; those outside `mask` do not count."""
        lanes = state[0].lanes
        if self.name in POSITIONS:
            assert position is not None
            value, where = writer.splat(elements[0], lanes), writer.splat(position, lanes)
            return self._better(writer, state, (value, where), mask, ties=False)
        if self.name == "dot_general":
            left, right = elements
            if self.dtype.is_floating:
                total = writer.fma(writer.splat(left, lanes), writer.splat(right, lanes), state[0])
            elif self.dtype.is_bool:
                total = writer.binary("or", state[0], writer.binary("and", left, right))
            else:
                total = writer.binary("add", state[0], writer.binary("mul", left, right))
        else:
            total = self.combine(writer, state, (writer.splat(elements[0], lanes),))[0]
        return (total if mask is None else writer.select(mask, total, state[0]),)

    def combine(self, writer: Writer, left: State, right: State) -> State:
        """Both states' elements, those of `left` first."""
        if self.name in POSITIONS:
            return self._better(writer, left, right, None, ties=True)
        a, b = left[0], right[0]
        floating = self.dtype.is_floating
        if self.name in ("sum", "dot_general"):
            if self.dtype.is_bool:
                return (writer.binary("or", a, b),)
            return (writer.binary("fadd" if floating else "add", a, b),)
        if self.name == "prod":
            return (writer.binary("fmul" if floating else "mul", a, b),)
        if self.name in ("any", "all"):
            return (writer.binary("or" if self.name == "any" else "and", a, b),)
        return ((larger if self.name == "max" else smaller)(writer, a, b, self.dtype),)

    def finish(self, writer: Writer, state: State) -> State:
        """The state of one lane from that of all, as a fixed tree."""
        while state[0].lanes > 1:
            half = state[0].lanes // 2
            low = tuple(writer.halves(part, range(half)) for part in state)
            high = tuple(writer.halves(part, range(half, 2 * half)) for part in state)
            state = self.combine(writer, low, high)
        return state

    def result(self, writer: Writer, state: State) -> Register:
        """The reduction's result in arithmetic form."""
        if self.name not in POSITIONS:
            return state[0]
        dtype = self.node.outputs[0].dtype
        kind = ARITHMETIC_KIND[dtype.name]
        if dtype.is_floating:
            return writer.convert("sitofp", state[1], kind)
        return state[1] if kind == "i64" else writer.convert("trunc", state[1], kind)

    def _better(self, writer: Writer, state: State, new: State, mask: Register | None, ties: bool) -> State:
        """The better of two candidates; NaN is best; of equals the first, which is `state`'s unless `ties`.

        A position of -1 is no candidate at all.
        """
        value, where = new
        kept, place = state
        lanes = kept.lanes
        largest = self.name == "argmax"
        nothing = writer.constant(-1, "i64", lanes)
        if self.dtype.is_floating:
            ahead = writer.compare("ogt" if largest else "olt", value, kept)
            broken, was = writer.compare("uno", value, value), writer.compare("uno", kept, kept)
            flip = writer.constant(True, "i1", lanes)
            ahead = writer.binary("or", ahead, writer.binary("and", broken, writer.binary("xor", was, flip)))
            same = writer.binary("or", writer.compare("oeq", value, kept), writer.binary("and", broken, was))
        else:
            sign = "s" if self.dtype.kind == "int" else "u"
            ahead = writer.compare(sign + ("gt" if largest else "lt"), value, kept)
            same = writer.compare("eq", value, kept)
        if ties:
            earlier = writer.binary("and", same, writer.compare("ult", where, place))
            ahead = writer.binary("or", ahead, earlier)
            ahead = writer.binary("and", ahead, writer.compare("ne", where, nothing))
        ahead = writer.binary("or", ahead, writer.compare("eq", place, nothing))
        if mask is not None:
            ahead = writer.binary("and", ahead, mask)
        return writer.select(ahead, value, kept), writer.select(ahead, where, place)


def position_form(node: Node, index: Index) -> Affine | None:
    """Along its axis, which element a search for a position looks at."""
    if node.operator.name not in POSITIONS:
        return None
    return index[int(node.parameters["axis"])]


def identity_of(name: str, dtype: DType) -> float | int:
    """What a reduction starts from."""
    if name in ("sum", "dot_general", "any"):
        return 0
    if name in ("prod", "all"):
        return 1
    largest = name in ("max", "argmax")
    if dtype.is_floating:
        return float("-inf") if largest else float("inf")
    if dtype.is_bool:
        return int(not largest)
    bits: int = dtype.itemsize * 8
    if dtype.kind == "uint":
        return 0 if largest else (1 << bits) - 1
    return -(1 << (bits - 1)) if largest else (1 << (bits - 1)) - 1
