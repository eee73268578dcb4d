"""Places for buffers, the largest or longest first: closer to the least memory than an order of time, but slower.

For buffers of unequal sizes that live for unequal times ("greedy by size": Pisarchyk and Lee, "Efficient Memory
Management for Deep Neural Net Inference", 2020).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from epochal.ir import Array


def fit_by_size(sizes: Sequence[int], lives: Sequence[tuple[int, int]]) -> tuple[list[int], int]:
    """Offsets, and the size of the arena.

    Args:
        sizes: Bytes of each buffer.
        lives: First and last step of each; those whose steps meet must not overlap.
    """
    size, first, last = np.array(sizes, np.int64), *np.array(lives, np.int64).reshape(len(sizes), 2).T
    orders = (-size, -size * (last - first + 1), first - last)  # the largest, the most of space and time, the longest
    fits = [_fit(np.lexsort((-size, weight)), size, first, last) for weight in orders]
    offsets, total = min(fits, key=lambda found: found[1])
    return offsets.tolist(), total


def _fit(order: Array, size: Array, first: Array, last: Array) -> tuple[Array, int]:
    """Places buffers in this order, each as low as it can be."""
    count = len(order)
    size, first, last = size[order], first[order], last[order]
    starts = np.zeros(count, np.int64)
    for number in range(count):
        meets = (first[:number] <= last[number]) & (last[:number] >= first[number])
        starts[number] = _lowest(starts[:number][meets], size[:number][meets], int(size[number]))
    offsets = np.empty(count, np.int64)
    offsets[order] = starts
    return offsets, int((starts + size).max()) if count else 0


def _lowest(starts: Array, sizes: Array, need: int) -> int:
    """The lowest place for `need` bytes beside buffers that lie at `starts`."""
    if not len(starts):
        return 0
    order = np.argsort(starts, kind="stable")
    starts = starts[order]
    ends = np.maximum.accumulate(starts + sizes[order])
    gaps = starts - np.concatenate(([0], ends[:-1]))
    fitting = np.flatnonzero(gaps >= need)
    if not len(fitting):
        return int(ends[-1])
    number = fitting[0]
    return int(ends[number - 1]) if number else 0
