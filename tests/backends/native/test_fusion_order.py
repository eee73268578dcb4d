"""The order of items while edges are added and items united, against a search of the whole graph."""

import random

import pytest

from epochal.backends.native.fusion_order import ItemOrder


def reachable(edges, starts):
    seen, stack = set(), list(starts)
    while stack:
        item = stack.pop()
        if item not in seen:
            seen.add(item)
            stack.extend(edges[item])
    return seen


def consistent(order, edges):
    return all(order.is_before(item, other) for item, others in edges.items() for other in others)


@pytest.mark.parametrize("seed", range(20))
def test_it_answers_and_repairs_itself(seed):
    draw = random.Random(seed)
    edges = {}
    order = ItemOrder(lambda item: edges[item])
    for item in range(60):
        edges[item] = set(draw.sample(sorted(edges), min(len(edges), draw.randrange(3))))
        order.add_first(item)
        first, second = draw.sample(sorted(edges), 2) if len(edges) > 1 else (item, item)
        starts = edges[first] - {second}
        assert order.reaches(starts, second) == (second in reachable(edges, starts))
        if first == second:
            continue
        if draw.random() < 0.5 and first not in reachable(edges, [second]):
            order.put_before(first, [second])
            edges[first].add(second)
        earlier, later = (first, second) if order.is_before(first, second) else (second, first)
        between = edges[earlier] - {later}
        if draw.random() < 0.3 and later not in reachable(edges, between):
            order.unite(first, second, between)
            edges[first] = (edges[first] | edges.pop(second)) - {first, second}
            for others in edges.values():
                if second in others:
                    others.remove(second)
                    others.add(first)
        assert consistent(order, edges)


def test_there_is_always_room_behind_an_item():
    edges = {name: set() for name in "abcdef"}
    order = ItemOrder(lambda item: edges[item])
    for name in "fedcba":
        order.add_first(name)
    for _ in range(500):  # halves the same gaps over and over
        for name in "bcde":
            order.put_before(name, ["a"])
            order.put_before("a", [name])
    assert order.is_before("a", "e")
    assert order.is_before("e", "f")


def test_a_circle_is_refused():
    edges = {"a": {"b"}, "b": set()}
    order = ItemOrder(lambda item: edges[item])
    order.add_first("b")
    order.add_first("a")
    with pytest.raises(AssertionError, match="in a circle"):
        order.put_before("b", ["a"])
