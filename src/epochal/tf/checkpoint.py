"""`tf.train.Checkpoint`: the variables of objects (models, optimizers, modules) to and from files, in eager execution.

The files are those of `epochal.tf.saver`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from epochal.errors import ArgumentError
from epochal.tf.errors import InvalidArgumentError
from epochal.tf.saver import checkpoint_file, get_checkpoint_state, note_latest, read_arrays, write_arrays
from epochal.tf.variables import Variable, make_variable


def _variables(owner: Any) -> list[Any]:
    if isinstance(owner, Variable):
        return [owner]
    if isinstance(owner, (list, tuple)):
        return [variable for part in owner for variable in _variables(part)]
    if isinstance(owner, dict):
        return [variable for part in owner.values() for variable in _variables(part)]
    found = getattr(owner, "weights", None)
    if found is None:
        found = getattr(owner, "variables", None)
    if callable(found):
        found = found()
    if found is None:
        raise ArgumentError(f"A Checkpoint holds variables, models, optimizers and modules. Received: {owner!r}")
    return list(found)


class Checkpoint:
    """Objects whose variables are saved together, each under the name it is given here.

    The objects' variables must exist when they are saved or restored: call a model once, and build an optimizer (or
    take a step), before `restore`.
    """

    def __init__(self, root: Any = None, **kwargs: Any) -> None:
        self._objects = {**({} if root is None else {"root": root}), **kwargs}
        for name, value in self._objects.items():
            setattr(self, name, value)
        self.save_counter = make_variable(np.int64(0), trainable=False, name="save_counter")

    def _named(self) -> dict[str, Any]:
        found = {
            f"{name}/{index}": variable
            for name, owner in self._objects.items()
            for index, variable in enumerate(_variables(owner))
        }
        return {**found, "save_counter/0": self.save_counter}

    def write(self, file_prefix: Any, options: Any = None) -> str:
        """Writes the variables under exactly this prefix, and returns it."""
        arrays = {name: np.array(variable.numpy()) for name, variable in self._named().items()}
        write_arrays(checkpoint_file(os.fspath(file_prefix)), arrays)
        return os.fspath(file_prefix)

    def save(self, file_prefix: Any, options: Any = None) -> str:
        """Writes the variables under the prefix and a number, which it returns, and notes it as the latest."""
        self.save_counter.assign_add(1)
        prefix = self.write(f"{os.fspath(file_prefix)}-{int(self.save_counter.numpy())}")
        state = get_checkpoint_state(Path(prefix).parent)
        before = [] if state is None else state.all_model_checkpoint_paths
        note_latest(prefix, [*(path for path in before if path != prefix), prefix], None)
        return prefix

    def read(self, save_path: Any, options: Any = None) -> _Status:
        """See `restore`."""
        return self.restore(save_path)

    def restore(self, save_path: Any, options: Any = None) -> _Status:
        """Gives the variables the values of a file, all or (if it raises) none; ``None`` changes nothing.

        Raises:
            ArgumentError: There is no such file.
            FileFormatError: It is damaged.
            NotFoundError: A variable is not in it.
            InvalidArgumentError: A variable has another shape there.
        """
        if save_path is None:
            return _Status()
        file = checkpoint_file(os.fspath(save_path))
        if not file.exists():
            raise ArgumentError(f"The passed save_path is not a valid checkpoint: {save_path}.")
        named = self._named()
        arrays = read_arrays(file, list(named))
        for name, variable in named.items():
            if arrays[name].shape != tuple(variable.shape):
                raise InvalidArgumentError(
                    None,
                    None,
                    f"Variable {name} has shape {tuple(variable.shape)}, but the checkpoint holds "
                    f"{arrays[name].shape}.",
                )
        for name, variable in named.items():
            variable.assign(arrays[name])
        return _Status()


class _Status:
    """What `restore` returns: it has restored everything already."""

    def assert_consumed(self) -> _Status:
        return self

    def assert_existing_objects_matched(self) -> _Status:
        return self

    def assert_nontrivial_match(self) -> _Status:
        return self

    def expect_partial(self) -> _Status:
        return self


class CheckpointManager:
    """Saves a checkpoint into a folder again and again, and keeps the latest ones."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        directory: Any,
        max_to_keep: int | None,
        keep_checkpoint_every_n_hours: float | None = None,
        checkpoint_name: str = "ckpt",
        **others: Any,
    ) -> None:
        self.checkpoint = checkpoint
        self.directory = os.fspath(directory)
        self._max_to_keep = max_to_keep or 0
        self._prefix = str(Path(directory) / checkpoint_name)

    @property
    def checkpoints(self) -> list[str]:
        """Those kept, oldest first."""
        state = get_checkpoint_state(self.directory)
        return [] if state is None else state.all_model_checkpoint_paths

    @property
    def latest_checkpoint(self) -> str | None:
        kept = self.checkpoints
        return kept[-1] if kept else None

    def save(self, checkpoint_number: Any = None, check_interval: bool = True, options: Any = None) -> str:
        """Saves, and deletes what is too old."""
        prefix = self.checkpoint.save(self._prefix)
        kept = self.checkpoints
        while self._max_to_keep and len(kept) > self._max_to_keep:
            checkpoint_file(kept.pop(0)).unlink(missing_ok=True)
        note_latest(prefix, kept, None)
        return prefix

    def restore_or_initialize(self) -> str | None:
        """Restores the latest, if there is one, and returns its prefix."""
        latest = self.latest_checkpoint
        self.checkpoint.restore(latest)
        return latest
