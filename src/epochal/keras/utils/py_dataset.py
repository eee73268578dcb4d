"""The base of data sets that make their batches in Python."""

from __future__ import annotations

from typing import Any


class PyDataset:
    """A sequence of batches. Subclasses define `__getitem__` (batch by number) and `__len__` or `num_batches`.

    Args:
        workers: No effect: batches are made one after another.
        use_multiprocessing: No effect.
        max_queue_size: No effect.
    """

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10) -> None:
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(
            f"{type(self).__name__} must define __getitem__, which returns the batch of a number."
        )

    @property
    def num_batches(self) -> int:
        """How many batches one pass has."""
        if type(self).__len__ is PyDataset.__len__:
            raise NotImplementedError(f"{type(self).__name__} must define __len__ or num_batches.")
        return len(self)

    def __len__(self) -> int:
        return self.num_batches

    def on_epoch_begin(self) -> None:
        """Called before each pass."""

    def on_epoch_end(self) -> None:
        """Called after each pass."""


Sequence = PyDataset
