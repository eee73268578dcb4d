"""An order in which the items of a region can run, kept while fusion changes them.

Asking whether one item runs after another is a search from the one to the other. With an order at hand the search
leaves out all that comes after its goal, and most questions are answered without any. The order is repaired where
fusion adds an edge against it, as in Pearce and Kelly, "A dynamic topological sort algorithm for directed acyclic
graphs" (2006): what must follow is moved right behind.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from typing import Generic, TypeVar

Item = TypeVar("Item")


class ItemOrder(Generic[Item]):
    """Items at numbers that grow along every edge.

    Args:
        successors: The items that read what an item stores.
    """

    def __init__(self, successors: Callable[[Item], Iterable[Item]]) -> None:
        self._successors = successors
        self._at: dict[Item, float] = {}
        self._numbers: list[float] = []  # sorted; those of items that have gone or moved may stay
        self._first = 0.0

    def add_first(self, item: Item) -> None:
        """A new item, before all others: fusion goes from results to inputs."""
        self._first -= 1.0
        self._at[item] = self._first
        self._numbers.insert(0, self._first)

    def has(self, item: Item) -> bool:
        """Whether it is one of the items."""
        return item in self._at

    def replace(self, item: Item, other: Item) -> None:
        """`other` stands where the item has stood."""
        self._at[other] = self._at.pop(item)

    def remove(self, item: Item) -> None:
        """The item has become a part of another one."""
        del self._at[item]

    def reaches(self, starts: Iterable[Item], goal: Item) -> bool:
        """Whether the goal is one of the starts or runs after one of them."""
        return self._following(starts, goal) is None

    def put_before(self, item: Item, starts: Iterable[Item]) -> None:
        """Makes `starts`, from which no path leads to the item, follow it."""
        following = self._following(starts, item)
        assert following is not None, "the items of a region depend on one another in a circle"
        if following:
            moved = sorted(following, key=self._at.__getitem__)
            for other, number in zip(moved, self._room(item, len(moved)), strict=True):
                self._at[other] = number
                insort(self._numbers, number)

    def unite(self, first: Item, second: Item, starts: Iterable[Item]) -> None:
        """`second` becomes a part of `first`; `starts` are what the earlier of the two leads to, but the other."""
        later = max(first, second, key=self._at.__getitem__)
        self.put_before(later, starts)
        self._at[first] = self._at[later]
        self.remove(second)

    def is_before(self, first: Item, second: Item) -> bool:
        """Whether one item comes first in the order (which says nothing of a path between them)."""
        return self._at[first] < self._at[second]

    def _following(self, starts: Iterable[Item], goal: Item) -> set[Item] | None:
        """What runs after the starts, them included, but stands before the goal; ``None`` if the goal is among it."""
        at, successors = self._at, self._successors
        end = at[goal]
        seen: set[Item] = set()
        waiting: list[tuple[float, int, Item]] = []

        def meet(items: Iterable[Item]) -> bool:
            for item in items:
                if item is goal:
                    return True
                if item not in seen and at[item] < end:
                    seen.add(item)
                    heappush(waiting, (-at[item], len(seen), item))
            return False

        if meet(starts):
            return None
        while waiting:
            # What stands closest to the goal first: where there is a path it is found after a few steps.
            if meet(successors(heappop(waiting)[2])):
                return None
        return seen

    def _room(self, item: Item, count: int) -> list[float]:
        """Numbers right behind an item's."""
        for _ in range(2):
            number = self._at[item]
            place = bisect_right(self._numbers, number)
            step = (self._numbers[place] - number if place < len(self._numbers) else 1.0) / (count + 1)
            room = [number + step * (index + 1) for index in range(count)]
            if all(low < high for low, high in zip([number, *room], [*room, number + step * (count + 1)], strict=True)):
                return room
            self._renumber()  # the gaps have become too small for floating point numbers
        raise AssertionError("no room between whole numbers")

    def _renumber(self) -> None:
        ordered = sorted(self._at, key=self._at.__getitem__)
        self._at = {item: self._first + index for index, item in enumerate(ordered)}
        self._numbers = list(self._at.values())
