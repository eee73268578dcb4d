"""How indices travel through operators that move elements, as algebra on affine forms.

A fused loop is written from its results backwards: to have element i of a result, an operator asks its operands for
certain elements. For the operators here which elements is an affine function of the loops' counters (`Atom`s), plus
integers read from memory (the start of a dynamic slice, the index of a gather), under conditions (padding and
concatenation have places where an operand isn't read). Nothing here writes code: planning asks the same questions
as emission.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

from epochal.ir import Node, Value

_numbers = itertools.count()


class Atom:
    """A loop counter: runs over [0, size). Has identity."""

    __slots__ = ("number", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        self.number = next(_numbers)

    def __lt__(self, other: Atom) -> bool:
        return self.number < other.number

    def __repr__(self) -> str:
        return f"a{self.number}[{self.size}]"


class Affine(NamedTuple):
    """``const`` plus counters and dynamic integers times coefficients."""

    const: int = 0
    terms: tuple[tuple[Atom, int], ...] = ()
    dynamic: tuple[tuple[Dynamic, int], ...] = ()

    def plus(self, other: Affine, factor: int = 1) -> Affine:
        if not other.terms and not other.dynamic:
            return self._replace(const=self.const + factor * other.const)
        terms = dict(self.terms)
        for atom, coefficient in other.terms:
            terms[atom] = terms.get(atom, 0) + factor * coefficient
        dynamic = dict(self.dynamic)
        for source, coefficient in other.dynamic:
            dynamic[source] = dynamic.get(source, 0) + factor * coefficient
        return Affine(
            self.const + factor * other.const,
            tuple(sorted((item for item in terms.items() if item[1]), key=lambda item: item[0].number)),
            tuple(item for item in dynamic.items() if item[1]),
        )

    def shifted(self, amount: int) -> Affine:
        return self._replace(const=self.const + amount) if amount else self

    def times(self, factor: int) -> Affine:
        return ZERO.plus(self, factor) if factor != 1 else self

    def bounds(self) -> tuple[int, int]:
        """Smallest and largest value."""
        low = high = self.const
        for atom, coefficient in self.terms:
            span = coefficient * (atom.size - 1)
            low, high = low + min(span, 0), high + max(span, 0)
        for source, coefficient in self.dynamic:
            ends = (source.low * coefficient, source.high * coefficient)
            low, high = low + min(ends), high + max(ends)
        return low, high


ZERO = Affine()
Index = tuple[Affine, ...]


class Condition(NamedTuple):
    """``low <= affine < high``, and `affine` a multiple of `step`."""

    affine: Affine
    low: int
    high: int
    step: int = 1


Guard = tuple[Condition, ...]


class Dynamic(NamedTuple):
    """An integer known only when the kernel runs, within [low, high].

    `kind` is ``"clamped"`` (element `place` of `value`, moved into the range), ``"checked"`` (the same, but outside
    the range is an error) or ``"quotient"`` (`place` has one entry, divided by `step`; exact where it is used).
    """

    kind: str
    value: Value | None
    place: Index
    low: int
    high: int
    step: int = 1
    guard: Guard = ()


class NotAffineError(Exception):
    """An index that no affine form describes: the operator can't be fused here."""


class Demand(NamedTuple):
    """The element of `value` at index `place`, needed where `guard` holds."""

    value: Value
    place: Index
    guard: Guard = ()


def sizes(value: Value) -> tuple[int, ...]:
    """The static shape of a value."""
    return tuple(value.shape)  # type: ignore[arg-type]


def dense_strides(shape: Sequence[int]) -> tuple[int, ...]:
    """Elements a step along each axis of a row-major buffer."""
    strides, step = [], 1
    for size in reversed(shape):
        strides.append(step)
        step *= size
    return tuple(reversed(strides))


def linear(index: Index, shape: Sequence[int]) -> Affine:
    """The position in a row-major buffer."""
    total = ZERO
    for entry, stride, size in zip(index, dense_strides(shape), shape, strict=True):
        if size != 1:
            total = total.plus(entry, stride)
    return total


def divide(form: Affine, step: int) -> tuple[Affine, Affine]:
    """Quotient and remainder of an affine form, both affine.

    Raises:
        NotAffineError: They are not.
    """
    if step == 1:
        return form, ZERO
    high = Affine(0, tuple((a, c // step) for a, c in form.terms if c % step == 0),
                  tuple((d, c // step) for d, c in form.dynamic if c % step == 0))  # fmt: skip
    low = Affine(0, tuple(item for item in form.terms if item[1] % step), tuple(i for i in form.dynamic if i[1] % step))
    whole, rest = divmod(form.const, step)
    low = low.shifted(rest)
    least, most = low.bounds()
    if least < 0 or most >= step:
        raise NotAffineError
    return high.shifted(whole), low


def reshape_index(index: Index, shape: Sequence[int], operand: Sequence[int]) -> Index:
    """Index into an operand of the same elements in shape `operand`, from the index into `shape`.

    Raises:
        NotAffineError: A counter would have to be divided.
    """
    result: list[Affine] = [ZERO] * len(operand)
    i, j = len(shape) - 1, len(operand) - 1
    while i >= 0 or j >= 0:
        # One block: axes of both shapes with the same product.
        first, second = i, j
        left = shape[i] if i >= 0 else 1
        right = operand[j] if j >= 0 else 1
        i, j = i - 1, j - 1
        while left != right:
            if left < right:
                left *= shape[i]
                i -= 1
            else:
                right *= operand[j]
                j -= 1
        axes, targets = range(max(i, -1) + 1, first + 1), range(max(j, -1) + 1, second + 1)
        if len(axes) == 1 and len(targets) == 1:
            result[targets[0]] = index[axes[0]]
            continue
        form = linear(tuple(index[axis] for axis in axes), [shape[axis] for axis in axes])
        for target in reversed(targets):
            if operand[target] == 1:
                continue
            if all(operand[earlier] == 1 for earlier in targets if earlier < target):
                result[target] = form
                break
            form, result[target] = divide(form, operand[target])
    return tuple(result)


def _always(condition: Condition) -> bool:
    least, most = condition.affine.bounds()
    return condition.low <= least and most < condition.high and condition.step == 1


def _never(condition: Condition) -> bool:
    least, most = condition.affine.bounds()
    return most < condition.low or least >= condition.high


def guarded(guard: Guard, *conditions: Condition) -> Guard | None:
    """`guard` and the conditions that are not always true; ``None`` if one never is."""
    if any(_never(condition) for condition in conditions):
        return None
    new = tuple(c for c in conditions if not _always(c) and c not in guard)
    return guard + new


def operand_demands(node: Node, index: Index, guard: Guard) -> list[Demand | None]:
    """What a moving operator asks of its operands; ``None``: nothing of that one, ever.

    Raises:
        NotAffineError: A counter would have to be divided.
    """
    return _RULES[node.operator.name](node, index, guard)


def moves(name: str) -> bool:
    """Whether an operator only moves elements."""
    return name in _RULES


def _parameter(node: Node, name: str) -> Any:
    return node.parameters[name]


def _same(node: Node, index: Index, guard: Guard) -> list[Demand | None]:
    return [Demand(node.inputs[0], index, guard)]


def _broadcast(node: Node, index: Index, guard: Guard) -> list[Demand | None]:
    operand = node.inputs[0]
    shape = sizes(operand)
    tail = index[len(index) - len(shape) :]
    return [
        Demand(operand, tuple(ZERO if size == 1 else entry for size, entry in zip(shape, tail, strict=True)), guard)
    ]


def _reshape(node: Node, index: Index, guard: Guard) -> list[Demand | None]:
    operand = node.inputs[0]
    return [Demand(operand, reshape_index(index, sizes(node.outputs[0]), sizes(operand)), guard)]


def _transpose(node: Node, index: Index, guard: Guard) -> list[Demand | None]:
    result = [ZERO] * len(index)
    for entry, axis in zip(index, _parameter(node, "permutation"), strict=True):
        result[axis] = entry
    return [Demand(node.inputs[0], tuple(result), guard)]


def _reverse(node: Node, index: Index, guard: Guard) -> list[Demand | None]:
    axes, shape = _parameter(node, "axes"), sizes(node.inputs[0])
    turned = tuple(
        Affine(shape[axis] - 1).plus(entry, -1) if axis in axes else entry for axis, entry in enumerate(index)
    )
    return [Demand(node.inputs[0], turned, guard)]


def _slice(node: Node, index: Index, guard: Guard) -> list[Demand | None]:
    strides = node.parameters.get("strides") or (1,) * len(index)
    starts = _parameter(node, "starts")
    moved = tuple(
        entry.times(stride).shifted(start) for entry, start, stride in zip(index, starts, strides, strict=True)
    )
    return [Demand(node.inputs[0], moved, guard)]


def _pad(node: Node, index: Index, guard: Guard) -> list[Demand | None]:
    operand = node.inputs[0]
    interior = node.parameters.get("interior") or (0,) * len(index)
    result: list[Affine] = []
    inside: Guard | None = guard
    for entry, low, between, size in zip(index, _parameter(node, "low"), interior, sizes(operand), strict=True):
        step = between + 1
        form = entry.shifted(-low)
        condition = Condition(form, 0, (size - 1) * step + 1 if size else 0, step if size > 1 else 1)
        inside = None if inside is None else guarded(inside, condition)
        if inside is None:
            return [None]
        if size == 1:
            form = ZERO
        elif step > 1:
            form = Affine(0, (), ((Dynamic("quotient", None, (form,), 0, size - 1, step, inside), 1),))
        result.append(form)
    return [Demand(operand, tuple(result), inside or ())]


def _concat(node: Node, index: Index, guard: Guard) -> list[Demand | None]:
    axis = _parameter(node, "axis")
    demands: list[Demand | None] = []
    offset = 0
    for operand in node.inputs:
        size = sizes(operand)[axis]
        form = index[axis].shifted(-offset)
        inside = guarded(guard, Condition(form, 0, size))
        entry = ZERO if size == 1 else form
        moved = (*index[:axis], entry, *index[axis + 1 :])
        demands.append(None if inside is None else Demand(operand, moved, inside))
        offset += size
    return demands


def _starts(starts: Value, part: Sequence[int], whole: Sequence[int]) -> list[Affine]:
    """Where a part begins along each axis."""
    result = []
    for axis, (size, room) in enumerate(zip(part, whole, strict=True)):
        if size == room:
            result.append(ZERO)
        else:
            source = Dynamic("clamped", starts, (Affine(axis),), 0, room - size)
            result.append(Affine(0, (), ((source, 1),)))
    return result


def _dynamic_slice(node: Node, index: Index, guard: Guard) -> list[Demand | None]:
    operand, starts = node.inputs
    begins = _starts(starts, sizes(node.outputs[0]), sizes(operand))
    return [Demand(operand, tuple(entry.plus(begin) for entry, begin in zip(index, begins, strict=True)), guard), None]


def _dynamic_update(node: Node, index: Index, guard: Guard) -> list[Demand | None]:
    whole, part, starts = node.inputs
    begins = _starts(starts, sizes(part), sizes(whole))
    moved = tuple(entry.plus(begin, -1) for entry, begin in zip(index, begins, strict=True))
    conditions = [Condition(form, 0, size) for form, size in zip(moved, sizes(part), strict=True)]
    inside = guarded(guard, *conditions)
    entries = tuple(ZERO if size == 1 else form for form, size in zip(moved, sizes(part), strict=True))
    return [Demand(whole, index, guard), None if inside is None else Demand(part, entries, inside), None]


def _gather(node: Node, index: Index, guard: Guard) -> list[Demand | None]:
    operand, indices = node.inputs
    axis, rank = _parameter(node, "axis"), len(indices.shape)
    where = index[axis : axis + rank]
    size = sizes(operand)[axis]
    source = Dynamic("checked", indices, where, 0, size - 1, 1, guard)
    entry = Affine(0, (), ((source, 1),))
    return [Demand(operand, (*index[:axis], entry, *index[axis + rank :]), guard), None]


_RULES = {
    "stop_gradient": _same,
    "broadcast": _broadcast,
    "reshape": _reshape,
    "transpose": _transpose,
    "reverse": _reverse,
    "slice": _slice,
    "pad": _pad,
    "concat": _concat,
    "dynamic_slice": _dynamic_slice,
    "dynamic_update": _dynamic_update,
    "gather": _gather,
}


def dynamics(demand: Demand) -> list[Dynamic]:
    """The dynamic integers an index or guard holds, innermost first."""
    if not demand.guard and not any(form.dynamic for form in demand.place):
        return []
    found: dict[Dynamic, None] = {}

    def visit(form: Affine) -> None:
        for source, _ in form.dynamic:
            for inner in source.place:
                visit(inner)
            for condition in source.guard:
                visit(condition.affine)
            found[source] = None

    for form in demand.place:
        visit(form)
    for condition in demand.guard:
        visit(condition.affine)
    return list(found)
