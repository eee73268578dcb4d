"""Where in its rank a box stands: as near to its neighbours in the ranks beside it as the boxes' widths allow.

For one rank with the others held fixed this is a least-squares problem with minimal distances between neighbours,
which subtracting the distances turns into isotonic regression: pooling adjacent violators solves it exactly.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

_SWEEPS = 40


def place(
    orders: Sequence[Sequence[int]],
    links: Sequence[tuple[int, int, float]],
    extents: Sequence[tuple[float, float]],
    firm: Sequence[float],
    gap: float,
) -> list[float]:
    """The centre of each node.

    Args:
        orders: The nodes of each rank, from left to right.
        links: Pairs of nodes in neighbouring ranks, and how much they want to be straight.
        extents: How far each node reaches to the left and to the right of its centre.
        firm: How little each node gives way to others in its rank.
        gap: Distance between neighbours.
    """
    centres = [0.0] * len(extents)
    near: list[list[tuple[int, float]]] = [[] for _ in extents]
    for a, b, weight in links:
        near[a].append((b, weight))
        near[b].append((a, weight))
    rank = {node: index for index, row in enumerate(orders) for node in row}
    apart = [[extents[a][1] + gap + extents[b][0] for a, b in itertools.pairwise(row)] for row in orders]
    for row, distances in zip(orders, apart, strict=True):
        for node, centre in zip(row, settle([0.0] * len(row), [1.0] * len(row), distances), strict=True):
            centres[node] = centre
    for sweep in range(_SWEEPS):
        downwards = sweep % 2 == 0
        last = sweep >= _SWEEPS - 4
        for index in range(len(orders)) if downwards else reversed(range(len(orders))):
            wanted, weights = [], []
            for node in orders[index]:
                beside = [
                    (centres[other], weight)
                    for other, weight in near[node]
                    if last or (rank[other] < index) == downwards
                ]
                total = sum(weight for _, weight in beside)
                wanted.append(sum(x * weight for x, weight in beside) / total if total else centres[node])
                weights.append((total or 1e-2) * firm[node])
            for node, centre in zip(orders[index], settle(wanted, weights, apart[index]), strict=True):
                centres[node] = centre
    return centres


def settle(wanted: Sequence[float], weights: Sequence[float], apart: Sequence[float]) -> list[float]:
    """Places as near to the wanted ones as can be, in the least-squares sense.

    Args:
        wanted: From left to right.
        weights: Of the squared deviations; positive.
        apart: The least distance from each place to the next.

    Example:
        >>> settle([0.0, 0.0, 9.0], [1.0, 1.0, 1.0], [2.0, 2.0])
        [-1.0, 1.0, 9.0]
    """
    offsets = [0.0]
    for distance in apart:
        offsets.append(offsets[-1] + distance)
    blocks: list[tuple[float, float, int]] = []  # mean, weight, how many
    for x, weight, offset in zip(wanted, weights, offsets, strict=False):
        mean, total, count = x - offset, weight, 1
        while blocks and blocks[-1][0] >= mean:
            other, other_weight, other_count = blocks.pop()
            mean = (mean * total + other * other_weight) / (total + other_weight)
            total, count = total + other_weight, count + other_count
        blocks.append((mean, total, count))
    means = [mean for mean, _, count in blocks for _ in range(count)]
    return [mean + offset for mean, offset in zip(means, offsets, strict=False)]
