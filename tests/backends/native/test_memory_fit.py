"""Buffers placed by size: none that live at once overlap, and little is wasted."""

import numpy as np
import pytest

from epochal.backends.native.memory_fit import fit_by_size


def most_live(sizes, lives):
    return max(sum(s for s, (a, b) in zip(sizes, lives, strict=True) if a <= t <= b) for t in range(200))


@pytest.mark.parametrize("seed", range(6))
def test_random_buffers(seed):
    rng = np.random.default_rng(seed)
    sizes = (64 * rng.integers(1, 400, 80)).tolist()
    first = rng.integers(0, 150, 80)
    lives = [(int(a), int(a + d)) for a, d in zip(first, rng.integers(0, 40, 80), strict=True)]
    offsets, size = fit_by_size(sizes, lives)
    for i in range(80):
        assert offsets[i] % 64 == 0
        for j in range(i):
            meet = lives[i][0] <= lives[j][1] and lives[j][0] <= lives[i][1]
            apart = offsets[i] + sizes[i] <= offsets[j] or offsets[j] + sizes[j] <= offsets[i]
            assert apart or not meet
    assert size == max(o + s for o, s in zip(offsets, sizes, strict=True))
    assert most_live(sizes, lives) <= size <= 1.3 * most_live(sizes, lives)


def test_nothing_and_nested_lives():
    assert fit_by_size([], []) == ([], 0)
    assert fit_by_size([64, 128, 64], [(0, 9), (1, 2), (3, 4)])[1] == 192
