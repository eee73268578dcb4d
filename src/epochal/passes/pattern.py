"""Patterns over nodes and the rules made of them: rewrites as data.

A pattern is ``op(name, *operands, **parameters)``. An operand is a pattern, a name that binds a value (the same name
twice must be the same value), a number that a constant must equal in every element, or `Number`, which binds such a
number. A parameter is a literal, or `Parameter`, which binds it. Operands of a commutative operator match in either
order. Constants are seen through broadcasts and reshapes.

    Rule(op("mul", "x", 1), "x")                      # x * 1 -> x
    Rule(op("neg", op("neg", "x")), "x")              # -(-x) -> x
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeAlias

from epochal.ir import Builder, Node, Value


@dataclass(frozen=True)
class Op:
    """An operator applied to operands; see `op`."""

    name: str
    operands: tuple[Operand, ...]
    parameters: tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Number:
    """Any constant whose elements are all one number; binds the number."""

    name: str


@dataclass(frozen=True)
class Parameter:
    """Any parameter; binds it."""

    name: str


Operand: TypeAlias = "Op | Number | str | float | bool"
Match: TypeAlias = dict[str, Any]
# What a rule puts in the root's place: a pattern of bound names, or a function (build, match) -> value or None.
Result: TypeAlias = "Op | str | float | bool | Callable[[Builder, Match], Value | None]"


def op(name: str, *operands: Operand, **parameters: Any) -> Op:
    return Op(name, operands, tuple(parameters.items()))


@dataclass(frozen=True)
class Rule:
    """Where `pattern` matches and `when` holds, its root is replaced by `result`.

    The match that `when` and a callable `result` receive holds the bound names, the root's value as ``"root"`` and as
    ``"opaque"`` the values whose making is not to be looked at.
    """

    pattern: Op
    result: Result
    when: Callable[[Match], bool] | None = None

    def apply(self, build: Builder, node: Node, opaque: Container[Value] = ()) -> Value | None:
        """The value that replaces the node's, or None where the rule does not apply."""
        match: Match = {}
        if not _match_node(self.pattern, node, match, opaque):
            return None
        match["root"], match["opaque"] = node.outputs[0], opaque
        if self.when is not None and not self.when(match):
            return None
        if isinstance(self.result, Op | str | int | float):
            return _build(build, self.result, match)
        return self.result(build, match)

    def __str__(self) -> str:
        result = self.result
        told = result.__name__.strip("_").replace("_", " ") if callable(result) else _told(result)
        return f"{_told(self.pattern)} -> {told}"


TALLY: ContextVar[Counter[str] | None] = ContextVar("tally", default=None)
"""Where `first_match` counts the rules that apply, while someone wants to know."""


def _told(operand: Operand) -> str:
    """A pattern as it is written in comments."""
    if isinstance(operand, Op):
        return f"{operand.name}({', '.join(map(_told, operand.operands))})"
    return operand.name if isinstance(operand, Number) else str(operand)


# By the root's operator: what its operands must be made by, and the rule.
Table: TypeAlias = Mapping[str, tuple[tuple[frozenset[str], Rule], ...]]

_NUMBER = "number"  # Stands for the operators that a constant is seen through.
_SEEN_THROUGH = frozenset({"constant", "broadcast", "reshape"})


def by_operator(rules: Iterable[Rule]) -> Table:
    """Rules by their root's operator, in order."""
    table: dict[str, list[tuple[frozenset[str], Rule]]] = {}
    for rule in rules:
        operands = [operand for operand in rule.pattern.operands if not isinstance(operand, str)]
        makers = frozenset(operand.name if isinstance(operand, Op) else _NUMBER for operand in operands)
        table.setdefault(rule.pattern.name, []).append((makers, rule))
    return {name: tuple(found) for name, found in table.items()}


def first_match(table: Table, build: Builder, node: Node, opaque: Container[Value] = ()) -> Value | None:
    """What the first rule that applies puts in the node's place."""
    rules = table.get(node.operator.name)
    if rules is None:
        return None
    makers = {value.node.operator.name for value in node.inputs}
    if not makers.isdisjoint(_SEEN_THROUGH):
        makers.add(_NUMBER)
    for needed, rule in rules:
        if needed <= makers:
            found = rule.apply(build, node, opaque)
            if found is not None:
                tally = TALLY.get()
                if tally is not None:
                    tally[str(rule)] += 1
                return found
    return None


def number_of(value: Value) -> float | int | bool | None:
    """The number that all elements of a constant are, seen through broadcasts and reshapes; None if not constant."""
    node = value.node
    while node.operator.name in ("broadcast", "reshape"):
        node = node.inputs[0].node
    if node.operator.name != "constant":
        return None
    array = node.parameters["value"]
    if array.size != 1:
        return None
    item = array.reshape(())
    found: float | int | bool = float(item) if node.outputs[0].dtype.is_floating else item.item()
    return found


def _same_number(expected: float | int | bool, found: float | int | bool) -> bool:
    """Equality that tells -0.0 from 0.0 where both are of a floating type; an integer pattern means +0."""
    if expected != found:
        return False
    return expected != 0 or not isinstance(found, float) or math.copysign(1, found) == math.copysign(1, expected)


def _match_node(pattern: Op, node: Node, match: Match, opaque: Container[Value]) -> bool:
    operator = node.operator
    if operator.name != pattern.name or len(node.inputs) != len(pattern.operands):
        return False
    for name, expected in pattern.parameters:
        if isinstance(expected, Parameter):
            if match.setdefault(expected.name, node.parameters[name]) != node.parameters[name]:
                return False
        elif node.parameters[name] != expected:
            return False
    if len(node.inputs) == 2 and "commutative" in operator.traits:
        saved = dict(match)
        if _match_operands(pattern.operands, node.inputs, match, opaque):
            return True
        match.clear()
        match.update(saved)
        return _match_operands(pattern.operands, node.inputs[::-1], match, opaque)
    return _match_operands(pattern.operands, node.inputs, match, opaque)


def _match_operands(
    patterns: tuple[Operand, ...], values: tuple[Value, ...], match: Match, opaque: Container[Value]
) -> bool:
    for pattern, value in zip(patterns, values, strict=True):
        if isinstance(pattern, str):
            if match.setdefault(pattern, value) is not value:
                return False
        elif isinstance(pattern, Op):
            if value in opaque or not _match_node(pattern, value.node, match, opaque):
                return False
        else:
            found = number_of(value)
            if found is None:
                return False
            if isinstance(pattern, Number):
                match[pattern.name] = found
            elif not _same_number(pattern, found):
                return False
    return True


def _build(build: Builder, result: Op | str | float | bool, match: Match) -> Value:
    """A result pattern with the bound values in place; numbers fill the root's shape."""
    if isinstance(result, str):
        bound: Value = match[result]
        return bound
    if isinstance(result, Op):
        operands = [
            _build(build, operand, match) if isinstance(operand, Op | str) else operand for operand in result.operands
        ]
        parameters = {
            name: match[value.name] if isinstance(value, Parameter) else value for name, value in result.parameters
        }
        built: Value = getattr(build, result.name)(*operands, **parameters)
        return built
    root: Value = match["root"]
    return build.broadcast_to(build.constant(result, root.dtype), root.shape)
