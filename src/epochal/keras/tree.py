"""Keras's ``tree`` module: nested lists, tuples and dictionaries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from epochal.tree import assert_same_structure as _assert_same_structure
from epochal.tree import flatten, flatten_with_path, is_nested, map_structure
from epochal.tree import pack_like as _pack_like


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
