"""Nested structures."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, namedtuple

import pytest

from epochal import tree
from epochal.errors import ArgumentError

Point = namedtuple("Point", "x y")
NESTED = {"b": [1, (2, None)], "a": Point(3, {"z": 4})}


def test_flatten_walks_sorted_keys_and_none_is_a_leaf():
    assert tree.flatten(NESTED) == [3, 4, 1, 2, None]
    assert tree.flatten(5) == [5]
    assert tree.flatten([]) == []
    assert tree.flatten({1: "a", "x": "b"}) == ["a", "b"]
    assert [tree.is_nested(one) for one in ((), {}, [1], 1, "text", None)] == [True, True, True, False, False, False]


def test_unflatten_restores_types_and_order():
    leaves, structure = tree.flatten_with_structure(NESTED)
    found = tree.unflatten(structure, leaves)
    assert found == NESTED
    assert list(found) == ["b", "a"]
    assert isinstance(found["a"], Point)
    assert isinstance(found["b"][1], tuple)
    ordered = tree.pack_like(OrderedDict(b=1, a=2), [5, 6])
    assert list(ordered.items()) == [("b", 6), ("a", 5)]
    assert isinstance(ordered, OrderedDict)
    assert tree.map_structure(str, defaultdict(int, k=1)) == {"k": "1"}


def test_structures_compare_and_hash():
    one, other = tree.structure({"a": 1, "b": [2]}), tree.structure({"b": [5], "a": None})
    assert one == other
    assert hash(one) == hash(other)
    assert one != tree.structure({"a": 1, "b": (2,)})
    assert repr(tree.structure([1, (2,)])) == "[*, (*)]"


def test_map_structure():
    assert tree.map_structure(lambda x, y: x + y, [1, {"k": 2}], [10, {"k": 20}]) == [11, {"k": 22}]
    assert tree.map_structure(lambda x, y: x + y, [1, 2], (10, 20)) == [11, 22]


def test_paths():
    assert tree.flatten_with_path(NESTED)[:2] == [(("a", 0), 3), (("a", 1, "z"), 4)]


def test_errors():
    structure = tree.structure([1, 2])
    with pytest.raises(ArgumentError, match="Too few leaves"):
        tree.unflatten(structure, [1])
    with pytest.raises(ArgumentError, match="Too many leaves"):
        tree.unflatten(structure, [1, 2, 3])
    with pytest.raises(ArgumentError, match=r"structures differ: \[\*, \*\] and \[\*\]"):
        tree.map_structure(max, [1, 2], [1])
