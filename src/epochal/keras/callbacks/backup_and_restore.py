"""Training that goes on where an interruption left it."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from typing import Any

from epochal.errors import ArgumentError
from epochal.keras.callbacks.callback import Callback, Logs
from epochal.keras.saving.weights import read_weights, write_weights


class BackupAndRestore(Callback):
    """Keeps weights, optimizer and the number of finished epochs in a folder, and begins a later `fit` from there.

    Args:
        backup_dir: The folder.
        save_freq: ``"epoch"``, or a number of batches (then the epoch that was interrupted begins anew).
        double_checkpoint: Accepted; a backup is replaced only when the new one is complete.
        delete_checkpoint: Whether the backup goes when training has ended.
    """

    def __init__(
        self,
        backup_dir: Any,
        save_freq: str | int = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        super().__init__()
        if not backup_dir:
            raise ArgumentError("Empty `backup_dir` argument passed. Expected the path of a folder.")
        if save_freq != "epoch" and (isinstance(save_freq, bool) or not isinstance(save_freq, int) or save_freq < 1):
            raise ArgumentError(
                f"Invalid value for argument `save_freq`. Expected 'epoch' or a positive integer. Received: {save_freq}"
            )
        self.backup_dir = os.fspath(backup_dir)
        self.save_freq = save_freq
        self.double_checkpoint = double_checkpoint
        self.delete_checkpoint = delete_checkpoint
        self.every_batch = save_freq != "epoch"
        self._epoch = 0
        self._batches = 0

    @property
    def _note(self) -> Path:
        return Path(self.backup_dir) / "training_metadata.json"

    def _written(self) -> dict[str, Any] | None:
        try:
            note: dict[str, Any] = json.loads(self._note.read_text())
        except (OSError, ValueError):
            return None
        return note if (Path(self.backup_dir) / str(note.get("weights"))).is_file() else None

    def on_train_begin(self, logs: Logs = None) -> None:
        note = self._written()
        if note is None:
            return
        if not self.model.built:
            warnings.warn(
                "BackupAndRestore cannot restore a model whose weights are not made yet. Begin the model with an "
                "Input, or call it once before `fit`.",
                stacklevel=2,
            )
            return
        optimizer = self.model.optimizer
        if optimizer is not None and not optimizer.built:
            optimizer.build(self.model.trainable_variables)
        path = Path(self.backup_dir) / note["weights"]
        with path.open("rb") as file:
            read_weights(self.model, file, str(path), with_optimizer=True)
        self.model.begin_at_epoch(int(note["epoch"]))

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._epoch = epoch
        self._batches = 0

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._batches += 1
        if self.save_freq != "epoch" and self._batches % int(self.save_freq) == 0:
            self._save(self._epoch)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if self.save_freq == "epoch":
            self._save(epoch + 1)

    def _save(self, epoch: int) -> None:
        """The note that names the weights is replaced at once, after the weights are complete."""
        folder = Path(self.backup_dir)
        folder.mkdir(parents=True, exist_ok=True)
        before = self._written()
        second = before is not None and before["weights"] == "first.weights.h5"
        name = "second.weights.h5" if second else "first.weights.h5"
        with (folder / name).open("wb") as file:
            write_weights(self.model, file, with_optimizer=True)
        fresh = self._note.with_suffix(".new")
        fresh.write_text(json.dumps({"epoch": epoch, "weights": name}))
        fresh.replace(self._note)

    def on_train_end(self, logs: Logs = None) -> None:
        if self.delete_checkpoint:
            folder = Path(self.backup_dir)
            for name in (self._note.name, "first.weights.h5", "second.weights.h5"):
                (folder / name).unlink(missing_ok=True)
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
