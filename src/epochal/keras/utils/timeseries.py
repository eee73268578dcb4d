"""Windows of a long series as batches."""

from __future__ import annotations

from typing import Any

import numpy as np

from epochal.errors import ArgumentError
from epochal.keras.utils.py_dataset import PyDataset


class Windows(PyDataset):
    """Batches of windows, and of what belongs to each."""

    def __init__(self, data: Any, targets: Any, places: Any, starts: Any, batch_size: int | None) -> None:
        super().__init__()
        self._data = data
        self._targets = targets
        self._places = places
        self._starts = starts
        self._size = batch_size

    @property
    def num_batches(self) -> int:
        return len(self._starts) if self._size is None else -(-len(self._starts) // self._size)

    def __getitem__(self, index: int) -> Any:
        if not 0 <= index < len(self):
            raise IndexError(f"There are {len(self)} batches. Received: {index}")
        chosen: Any = index if self._size is None else slice(index * self._size, (index + 1) * self._size)
        starts = self._starts[chosen]
        windows = self._data[np.asarray(starts)[..., None] + self._places]
        return windows if self._targets is None else (windows, self._targets[starts])


def timeseries_dataset_from_array(
    data: Any,
    targets: Any,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
    format: str | None = None,
) -> Windows:
    """Windows of a series, for `fit`, `evaluate` and `predict`.

    Args:
        data: ``[time, ...]``.
        targets: What belongs to the window that begins at each time, or ``None``.
        sequence_length: Steps of a window.
        sequence_stride: Steps from the begin of one window to that of the next.
        sampling_rate: Steps from one entry of a window to the next.
        batch_size: Windows of a batch; ``None``: windows one by one.
        shuffle: Whether windows come in random order.
        seed: Integer that fixes it.
        start_index: First step that is used.
        end_index: Step after the last one that is used.
        format: No effect.

    Raises:
        ArgumentError: A number is not positive, or a window is longer than the data.

    Example:
        >>> windows = timeseries_dataset_from_array(np.arange(5), np.arange(5) * 10, 3, batch_size=2)
        >>> [x.tolist() for x in windows[0]]
        [[[0, 1, 2], [1, 2, 3]], [0, 10]]
    """
    for name, value in (
        ("sequence_length", sequence_length),
        ("sequence_stride", sequence_stride),
        ("sampling_rate", sampling_rate),
        ("batch_size", 1 if batch_size is None else batch_size),
    ):
        if value < 1:
            raise ArgumentError(f"`{name}` must be higher than 0. Received: {name}={value}")
    used = slice(start_index, end_index)
    data = np.asarray(data)[used]
    count = len(data) - (sequence_length - 1) * sampling_rate
    if count < 1:
        raise ArgumentError(
            f"A window of {sequence_length} steps at distance {sampling_rate} is longer than the data. "
            f"Received: {len(data)} steps."
        )
    if targets is not None:
        targets = np.asarray(targets)[used]
        count = min(count, len(targets))
    starts = np.arange(0, count, sequence_stride)
    if shuffle:
        np.random.RandomState(seed).shuffle(starts)
    return Windows(data, targets, np.arange(sequence_length) * sampling_rate, starts, batch_size)
