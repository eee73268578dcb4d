"""The record of a training."""

from __future__ import annotations

from typing import Any

from epochal.keras.callbacks.callback import Callback, Logs


class History(Callback):
    """What `fit` returns.

    Attributes:
        history: For each result, its value at the end of each epoch.
        epoch: The numbers of the epochs.
    """

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []

    def on_train_begin(self, logs: Logs = None) -> None:
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
        self.model.history = self
