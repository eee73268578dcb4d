"""Which values are computed right where they are wanted: in a loop's carry, a state, a slice of a stacked result.

That memory may hold an input of the same graph (the old state), its rival: then no one may read the rival after the
value is computed, and the computing item itself only in step with it. Items are put in an order that allows as much
of this as can be.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Generic, Protocol, TypeAlias, TypeVar

from epochal.backends.native.kernel import ALIASES, CONTROL, Launch
from epochal.ir import Graph, Node, Value

ScheduleItem: TypeAlias = Launch | Node


class Target(Protocol):
    """A place that has a buffer."""

    @property
    def buffer(self) -> Hashable: ...


T = TypeVar("T", bound=Target)


def root(value: Value) -> Value:
    """The value whose memory `value` is."""
    while value.node.operator.name in ALIASES:
        value = value.node.inputs[0]
    return value


class Wishes(Generic[T]):
    """The targets of a graph's outputs (``None``: no wish)."""

    def __init__(
        self,
        graph: Graph,
        buffers: Mapping[Value, Hashable],
        targets: Sequence[T | None],
        apart: Callable[[Value, T], bool],
    ) -> None:
        """Args: the graph, where its inputs are, where its outputs should be, and whether an input's place and a
        target in one buffer do not touch."""
        rivals_of: dict[Hashable, list[Value]] = {}
        for value in graph.inputs:
            rivals_of.setdefault(buffers[value], []).append(value)
        returned = {root(output) for output in graph.outputs}
        self.targets: dict[Value, T] = {}
        self.rivals: dict[Value, list[Value]] = {}
        for output, target in zip(graph.outputs, targets, strict=True):
            value = root(output)
            if target is None or value in self.targets:
                continue
            rivals = [rival for rival in rivals_of.get(target.buffer, ()) if not apart(rival, target)]
            if not any(rival in returned for rival in rivals):
                self.targets[value] = target
                self.rivals[value] = rivals

    def ordered(self, items: Sequence[ScheduleItem]) -> list[ScheduleItem]:
        """`items` with those that replace a value after those that read it, where nothing else forbids that."""
        producers = _producers(items)
        readers: dict[Value, set[int]] = {}
        followers: list[set[int]] = [set() for _ in items]
        for index, item in enumerate(items):
            for value in map(root, item.inputs):
                readers.setdefault(value, set()).add(index)
                if value in producers:
                    followers[producers[value]].add(index)
        moved = False
        for value, rivals in self.rivals.items():
            producer = producers.get(value)
            if producer is None:
                continue
            late = {reader for rival in rivals for reader in readers.get(rival, ()) if reader > producer}
            if late and not _reaches(followers, producer, late):
                moved = True
                for reader in late:
                    followers[reader].add(producer)
        return [items[index] for index in _sorted(followers)] if moved else list(items)

    def granted(self, items: Sequence[ScheduleItem]) -> dict[Value, T]:
        """The values that may be computed at their targets, with `items` in this order."""
        producers = _producers(items)
        last_reads: dict[Value, int] = {}
        for index, item in enumerate(items):
            for value in item.inputs:
                last_reads[root(value)] = index
        direct: dict[Value, T] = {}
        for value, target in self.targets.items():
            producer = producers.get(value)
            if producer is None:
                continue
            last = {rival: last_reads.get(rival, -1) for rival in self.rivals[value]}
            if all(
                read < producer or (read == producer and _reads_in_step(items[producer], rival, value))
                for rival, read in last.items()
            ):
                direct[value] = target
        return direct


def _producers(items: Sequence[ScheduleItem]) -> dict[Value, int]:
    return {root(output): index for index, item in enumerate(items) for output in item.outputs}


def _reaches(followers: Sequence[set[int]], start: int, ends: set[int]) -> bool:
    """Whether any of `ends` must come after `start`."""
    seen, stack = {start}, [start]
    while stack:
        for follower in followers[stack.pop()]:
            if follower in ends:
                return True
            if follower not in seen:
                seen.add(follower)
                stack.append(follower)
    return False


def _sorted(followers: Sequence[set[int]]) -> list[int]:
    """A topological order, as close to the given one as can be."""
    waiting = [0] * len(followers)
    for after in followers:
        for follower in after:
            waiting[follower] += 1
    ready = [index for index, count in enumerate(waiting) if not count]
    result = []
    while ready:
        index = heapq.heappop(ready)
        result.append(index)
        for follower in followers[index]:
            waiting[follower] -= 1
            if not waiting[follower]:
                heapq.heappush(ready, follower)
    return result


def _reads_in_step(item: ScheduleItem, rival: Value, result: Value) -> bool:
    """Whether `item` may write `result` over its operand `rival`."""
    positions = [index for index, value in enumerate(item.inputs) if root(value) is rival]
    number = next(index for index, value in enumerate(item.outputs) if root(value) is result)
    if isinstance(item, Launch):
        return all((position, number) in item.kernel.inplace for position in positions)
    name = item.operator.name
    if name == "cond":
        return 0 not in positions  # each branch takes care of its own targets
    if name in CONTROL:
        # As the carry that ends as this result, and nothing else: the loop then simply starts from it.
        return positions == [item.parameters["constants"] + number] and (
            name == "while_loop" or number < item.parameters["carries"]
        )
    return False
