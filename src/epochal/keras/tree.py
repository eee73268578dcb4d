"""Keras's ``tree`` module: nested lists, tuples and dictionaries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from epochal.tree import assert_same_structure as _assert_same_structure
from epochal.tree import flatten as _flatten
from epochal.tree import flatten_with_path as _flatten_with_path
from epochal.tree import is_nested as _is_nested
from epochal.tree import map_structure as _map_structure
from epochal.tree import pack_like as _pack_like


def is_nested(structure: Any) -> bool:
    """Whether `structure` is a list, tuple or dictionary."""
    return _is_nested(structure)


def flatten(structure: Any) -> list[Any]:
    """The leaves, in order."""
    return _flatten(structure)


def flatten_with_path(structure: Any) -> list[tuple[Any, Any]]:
    """The leaves, each with the keys that lead to it."""
    return _flatten_with_path(structure)


def map_structure(func: Callable[..., Any], *structures: Any, none_is_leaf: bool = True) -> Any:
    """`func` of each leaf, or of the leaves at one place of several structures; ``None`` too, or as it is."""
    if none_is_leaf:
        return _map_structure(func, *structures)
    return _map_structure(lambda *leaves: None if leaves[0] is None else func(*leaves), *structures)


def assert_same_structure(a: Any, b: Any, check_types: bool = True) -> None:
    """Checks that two values are nested the same way.

    Raises:
        ArgumentError: They are not.
    """
    _assert_same_structure(a, b)


def pack_sequence_as(structure: Any, flat_sequence: Any) -> Any:
    """The leaves nested as `structure` is."""
    return _pack_like(structure, list(flat_sequence))


def lists_to_tuples(structure: Any) -> Any:
    """`structure` with tuples in place of lists."""
    if isinstance(structure, dict):
        return {key: lists_to_tuples(value) for key, value in structure.items()}
    if isinstance(structure, (list, tuple)):
        return tuple(lists_to_tuples(value) for value in structure)
    return structure


def map_shape_structure(func: Callable[[Any], Any], structure: Any) -> Any:
    """`func` of each shape, where tuples of integers are leaves."""
    if isinstance(structure, (list, tuple)) and all(size is None or isinstance(size, int) for size in structure):
        return func(tuple(structure))
    if isinstance(structure, dict):
        return {key: map_shape_structure(func, value) for key, value in structure.items()}
    return type(structure)(map_shape_structure(func, value) for value in structure)


__all__ = [
    "assert_same_structure",
    "flatten",
    "flatten_with_path",
    "is_nested",
    "lists_to_tuples",
    "map_shape_structure",
    "map_structure",
    "pack_sequence_as",
]
