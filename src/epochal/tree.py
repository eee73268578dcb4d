"""Nested structures: lists, tuples, named tuples and dictionaries of leaves, as Keras and TensorFlow nest them.

`None` is a leaf. Dictionaries are walked in the order of their sorted keys (of insertion, where keys do not compare),
so that two with the same keys have the same structure.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from epochal.errors import ArgumentError


class Leaf:
    """The structure of a single leaf."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "*"


LEAF = Leaf()


class Branch:
    """The structure of a container: its type, its keys if it is a mapping, and its children's structures.

    Hashable, and equal to the structure of anything nested the same way.
    """

    __slots__ = ("children", "keys", "order", "type")

    def __init__(
        self, type_: type, keys: tuple[Any, ...] | None, children: tuple[Structure, ...], order: tuple[Any, ...] = ()
    ) -> None:
        self.type = type_
        self.keys = keys
        self.children = children
        self.order = order  # of insertion; mappings that differ in it alone are nested the same way

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Branch) and (self.type, self.keys, self.children) == (
            other.type,
            other.keys,
            other.children,
        )

    def __hash__(self) -> int:
        return hash((self.type, self.keys, self.children))

    def __repr__(self) -> str:
        if self.keys is not None:
            inside = ", ".join(f"{key!r}: {child!r}" for key, child in zip(self.keys, self.children, strict=True))
            return f"{{{inside}}}"
        inside = ", ".join(map(repr, self.children))
        return f"[{inside}]" if issubclass(self.type, list) else f"({inside})"


Structure = Leaf | Branch


def is_nested(value: Any) -> bool:
    """Whether `value` is a container, not a leaf."""
    return isinstance(value, (list, tuple, Mapping))


def _keys(mapping: Mapping[Any, Any]) -> list[Any]:
    try:
        return sorted(mapping)
    except TypeError:
        return list(mapping)


def flatten(value: Any) -> list[Any]:
    """The leaves, in order."""
    leaves: list[Any] = []
    _collect(value, leaves)
    return leaves


def _collect(value: Any, leaves: list[Any]) -> None:
    if isinstance(value, (list, tuple)):
        for item in value:
            _collect(item, leaves)
    elif isinstance(value, Mapping):
        for key in _keys(value):
            _collect(value[key], leaves)
    else:
        leaves.append(value)


def flatten_with_structure(value: Any) -> tuple[list[Any], Structure]:
    """The leaves, and the structure that `unflatten` puts them back into."""
    leaves: list[Any] = []
    return leaves, _walk(value, leaves)


def _walk(value: Any, leaves: list[Any]) -> Structure:
    if isinstance(value, (list, tuple)):
        return Branch(type(value), None, tuple(_walk(item, leaves) for item in value))
    if isinstance(value, Mapping):
        keys = _keys(value)
        return Branch(type(value), tuple(keys), tuple(_walk(value[key], leaves) for key in keys), tuple(value))
    leaves.append(value)
    return LEAF


def structure(value: Any) -> Structure:
    """How `value` is nested."""
    return flatten_with_structure(value)[1]


def unflatten(structure_: Structure, leaves: Sequence[Any]) -> Any:
    """`leaves` nested as `structure_` says.

    Raises:
        ArgumentError: There are too few leaves or too many.
    """
    remaining = iter(leaves)
    try:
        result = _build(structure_, remaining)
    except StopIteration:
        raise ArgumentError(f"Too few leaves for the structure {structure_!r}: {len(leaves)}.") from None
    if next(remaining, remaining) is not remaining:
        raise ArgumentError(f"Too many leaves for the structure {structure_!r}: {len(leaves)}.")
    return result


def _build(node: Structure, leaves: Iterator[Any]) -> Any:
    if not isinstance(node, Branch):
        return next(leaves)
    children = []
    for child in node.children:  # not a generator: a StopIteration must get out
        children.append(_build(child, leaves))  # noqa: PERF401
    if node.keys is not None:
        found = dict(zip(node.keys, children, strict=True))
        return _mapping(node.type, [(key, found[key]) for key in node.order])
    if hasattr(node.type, "_fields"):
        return node.type(*children)
    return node.type(children)


def _mapping(type_: type, pairs: list[tuple[Any, Any]]) -> Any:
    """A dictionary of the type if that is built from pairs, else a plain one (a `defaultdict` is not)."""
    plain = issubclass(type_, dict) and type_.__init__ in (dict.__init__, OrderedDict.__init__)
    return type_(pairs) if plain else dict(pairs)


def pack_like(like: Any, leaves: Sequence[Any]) -> Any:
    """`leaves` nested as `like` is."""
    return unflatten(structure(like), leaves)


def map_structure(function: Callable[..., Any], first: Any, *rest: Any) -> Any:
    """`function` of each leaf (and of the leaves at the same place of `rest`), nested as `first`.

    Raises:
        ArgumentError: The structures differ.
    """
    leaves, node = flatten_with_structure(first)
    columns = [leaves]
    for other in rest:
        assert_same_structure(first, other)
        columns.append(flatten(other))
    return unflatten(node, [function(*row) for row in zip(*columns, strict=True)])


def assert_same_structure(first: Any, second: Any) -> None:
    """Checks that two values are nested the same way (a list stands for a tuple of the same length and the other way).

    Raises:
        ArgumentError: They are not.
    """
    left, right = structure(first), structure(second)
    if not _similar(left, right):
        raise ArgumentError(f"The structures differ: {left!r} and {right!r}.")


def _similar(left: Structure, right: Structure) -> bool:
    if not isinstance(left, Branch) or not isinstance(right, Branch):
        return left is right
    if left.keys != right.keys or len(left.children) != len(right.children):
        return False
    return all(_similar(one, other) for one, other in zip(left.children, right.children, strict=True))


def flatten_with_path(value: Any) -> list[tuple[tuple[Any, ...], Any]]:
    """The leaves, each with its path: the keys and indices that lead to it."""
    found: list[tuple[tuple[Any, ...], Any]] = []
    _collect_paths(value, (), found)
    return found


def _collect_paths(value: Any, path: tuple[Any, ...], found: list[tuple[tuple[Any, ...], Any]]) -> None:
    if isinstance(value, Mapping):
        for key in _keys(value):
            _collect_paths(value[key], (*path, key), found)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            _collect_paths(item, (*path, index), found)
    else:
        found.append((path, value))
