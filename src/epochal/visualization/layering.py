"""Ranks and orders: which row of a picture each box stands in, and where in the row, so that few arrows cross.

K. Sugiyama, S. Tagawa, M. Toda, "Methods for visual understanding of hierarchical system structures" (1981): longest
paths for ranks, places held open in the ranks that a long arrow passes, barycentres for orders.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass

_SWEEPS = 12


@dataclass(frozen=True)
class Layers:
    """A graph whose arrows all lead from one rank to the next.

    Attributes:
        rank: Of each node: the given ones, then those that stand for arrows passing through.
        orders: The nodes of each rank, from left to right.
        paths: For each given arrow the nodes it goes through, from its upper end to its lower one.
        turned: For each given arrow, whether it points up.
    """

    rank: list[int]
    orders: list[list[int]]
    paths: list[list[int]]
    turned: list[bool]


def layers(count: int, arrows: Sequence[tuple[int, int]]) -> Layers:
    """Ranks and orders the nodes ``0 ... count - 1``; no arrow may lead from a node to itself."""
    turned = _turned(count, arrows)
    down = [(b, a) if back else (a, b) for (a, b), back in zip(arrows, turned, strict=True)]
    rank = _ranks(count, down)
    paths = []
    for a, b in down:
        between = range(len(rank), len(rank) + rank[b] - rank[a] - 1)
        rank.extend(range(rank[a] + 1, rank[b]))
        paths.append([a, *between, b])
    links = [pair for path in paths for pair in itertools.pairwise(path)]
    return Layers(rank, _orders(rank, links), paths, turned)


def _turned(count: int, arrows: Sequence[tuple[int, int]]) -> list[bool]:
    """Which arrows to turn round so that no cycle is left: those that lead back into the path being walked."""
    leaving: list[list[int]] = [[] for _ in range(count)]
    for index, (a, _) in enumerate(arrows):
        leaving[a].append(index)
    turned = [False] * len(arrows)
    state = [0] * count  # 1: on the path, 2: left
    for start in range(count):
        stack = [(start, iter(leaving[start]))] if not state[start] else []
        state[start] = state[start] or 1
        while stack:
            node, remaining = stack[-1]
            index = next(remaining, -1)
            if index < 0:
                stack.pop()
                state[node] = 2
                continue
            target = arrows[index][1]
            turned[index] = state[target] == 1
            if not state[target]:
                state[target] = 1
                stack.append((target, iter(leaving[target])))
    return turned


def _ranks(count: int, arrows: Sequence[tuple[int, int]]) -> list[int]:
    """The longest way from a source; then what no long arrow would hold back comes down to its first user."""
    above: list[list[int]] = [[] for _ in range(count)]
    below: list[list[int]] = [[] for _ in range(count)]
    for a, b in arrows:
        above[b].append(a)
        below[a].append(b)
    waiting = [len(sources) for sources in above]
    order = [node for node in range(count) if not waiting[node]]
    rank = [0] * count
    for node in order:
        for target in below[node]:
            rank[target] = max(rank[target], rank[node] + 1)
            waiting[target] -= 1
            if not waiting[target]:
                order.append(target)
    free = [False] * count
    for node in order:
        free[node] = len(below[node]) >= len(above[node]) and all(free[source] for source in above[node])
    for node in reversed(order):
        if below[node] and (free[node] or len(below[node]) > len(above[node])):
            rank[node] = min(rank[target] for target in below[node]) - 1
    return rank


def _orders(rank: Sequence[int], links: Sequence[tuple[int, int]]) -> list[list[int]]:
    orders: list[list[int]] = [[] for _ in range(max(rank, default=-1) + 1)]
    for node, row in enumerate(rank):
        orders[row].append(node)
    above: list[list[int]] = [[] for _ in rank]
    below: list[list[int]] = [[] for _ in rank]
    for a, b in links:
        above[b].append(a)
        below[a].append(b)
    best, fewest = [list(row) for row in orders], _crossings(orders, below)
    for sweep in range(_SWEEPS):
        if not fewest:
            break
        downwards = sweep % 2 == 0
        _sweep(orders, above if downwards else below, downwards)
        _exchange(orders, above, below)
        crossings = _crossings(orders, below)
        if crossings < fewest:
            best, fewest = [list(row) for row in orders], crossings
    return best


def _sweep(orders: list[list[int]], neighbours: list[list[int]], downwards: bool) -> None:
    """Sorts each rank by the mean place of its nodes' neighbours in the rank before; nodes without stay."""
    for row in orders if downwards else reversed(orders):
        place = {other: index for rank in orders for index, other in enumerate(rank)}
        centre = {}
        for index, node in enumerate(row):
            others = neighbours[node]
            centre[node] = sum(place[other] for other in others) / len(others) if others else index
        row.sort(key=centre.__getitem__)


def _exchange(orders: list[list[int]], above: list[list[int]], below: list[list[int]]) -> None:
    """Exchanges neighbours in a rank where that leaves fewer crossings."""
    place = {node: index for row in orders for index, node in enumerate(row)}
    for row in orders:
        for index in range(len(row) - 1):
            a, b = row[index], row[index + 1]
            kept = swapped = 0
            for near in (above, below):
                left, right = [place[x] for x in near[a]], [place[x] for x in near[b]]
                kept += sum(x > y for x in left for y in right)
                swapped += sum(x < y for x in left for y in right)
            if swapped < kept:
                row[index], row[index + 1] = b, a
                place[a], place[b] = index + 1, index


def _crossings(orders: Sequence[Sequence[int]], below: Sequence[Sequence[int]]) -> int:
    """How many pairs of links between neighbouring ranks cross: inversions of the lower ends."""
    total = 0
    for upper, lower in itertools.pairwise(orders):
        place = {node: index for index, node in enumerate(lower)}
        seen: list[int] = []
        for node in upper:
            ends = sorted(place[other] for other in below[node])
            total += sum(len(seen) - bisect_right(seen, end) for end in ends)
            for end in ends:
                insort(seen, end)
    return total
