"""The loop over batches: as many steps inside the program as fit between two looks at the clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from epochal.ir import Array
from epochal.learn.step import Step
from epochal.tensor import Variable

RETURN_SECONDS = 0.12
"""How long the program may run before Python gets control for progress and interrupts."""


class Pace:
    """How many steps to run at once, learned from how long steps take."""

    __slots__ = ("_count", "_seconds")

    def __init__(self) -> None:
        self._seconds = 0.0
        self._count = 1

    def count(self, remaining: int) -> int:
        """Steps to run now."""
        if not self._seconds:
            return 1
        # A first step is slower than those that follow, so the count grows at most tenfold at a time.
        wanted = min(int(RETURN_SECONDS / self._seconds), 10 * self._count)
        return max(1, min(wanted, remaining))

    def note(self, count: int, seconds: float) -> None:
        """`count` steps took so long."""
        self._count = max(count, self._count)
        self._seconds = max(seconds / count, 1e-9)


class RowLoop:
    """Batches of rows of data sets that lie in memory.

    Args:
        arrays: The data sets, C-contiguous, each ``[n, ...]``.
        rows: How many of their first rows count; the others are never looked at.
        batch_size: Rows of a batch; the last one of a pass may be smaller.
        counter: The counter of both programs.
        whole: Makes the program of a full batch.
        rest: Makes the program of the last, smaller batch.
        shuffled: Whether the programs take an order of rows.
        pace: How many steps to run at once.
        num_threads: Threads.
    """

    def __init__(
        self,
        arrays: Sequence[Array],
        rows: int,
        batch_size: int,
        counter: Variable,
        whole: Callable[[], Step],
        rest: Callable[[], Step],
        shuffled: bool,
        pace: Pace,
        num_threads: int | None = None,
    ) -> None:
        self._rows = rows
        self.full = rows // batch_size
        self.steps = -(-rows // batch_size)
        self.position = 0
        self._counter = counter.data
        self._pace = pace
        self._order = np.arange(arrays[0].shape[0], dtype=np.int32) if shuffled else None
        arguments = list(arrays) if self._order is None else [*arrays, self._order]
        # Both are made before anything runs, so that data that do not fit change nothing.
        steps = [whole() if self.full else None, rest() if self.steps > self.full else None]
        self.pack = next(step for step in steps if step is not None).pack
        self._steps = steps
        self._bindings = [None if step is None else step.bind(arguments, num_threads) for step in steps]

    def start(self, order: Array | None = None) -> None:
        """Begins a pass, in this order of rows (or as they lie)."""
        self.position = 0
        if self._order is not None:
            self._order[: self._rows] = np.arange(self._rows, dtype=np.int32) if order is None else order

    def advance(self, limit: int) -> tuple[int, list[Array]]:
        """Runs up to `limit` steps of this pass, returning after `RETURN_SECONDS` at the latest.

        Returns:
            How many were run, and the leaves of the last one's results.
        """
        if self.position < self.full:
            which, count = 0, self._pace.count(min(limit, self.full - self.position))
        else:
            which, count = 1, 1
        step = self._steps[which]
        assert step is not None
        self._counter[...] = self.position  # another loop of the model may have run since
        began = time.perf_counter()
        results = step.run_bound(self._bindings[which], count)
        self._pace.note(count, time.perf_counter() - began)
        self.position += count
        return count, results
