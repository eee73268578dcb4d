"""`tf.train.Saver`: variables to and from files.

A checkpoint is one file, ``<prefix>.npz``: a zip archive of arrays by variable name (NumPy's format, nothing in it is
ever executed), written beside its place and then moved there, so that a file is either whole or not there. A text file
``checkpoint`` in the same folder names the latest ones, as TensorFlow's does. Files of TensorFlow itself are not read.
"""

from __future__ import annotations

import io
import json
import os
import tempfile
import time
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from epochal import dtypes
from epochal.errors import ArgumentError, FileFormatError, NotSupportedError
from epochal.ir import Array
from epochal.tf.errors import FailedPreconditionError, InvalidArgumentError, NotFoundError
from epochal.tf.variables import global_variables

_TYPES = "__dtypes__.json"  # element types that NumPy's format has no name for
_KEYS = ("model_checkpoint_path", "all_model_checkpoint_paths")


def checkpoint_file(prefix: str) -> Path:
    """The file of a checkpoint."""
    return Path(f"{prefix}.npz")


def write_arrays(path: Path, arrays: Mapping[str, Array]) -> None:
    """Writes arrays by name, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
                types = {name: array.dtype.name for name, array in arrays.items() if array.dtype.kind == "V"}
                archive.writestr(_TYPES, json.dumps(types))
                for name, array in arrays.items():
                    buffer = io.BytesIO()
                    plain = array.view(np.uint16) if name in types else array
                    np.lib.format.write_array(buffer, plain, allow_pickle=False)
                    archive.writestr(f"{name}.npy", buffer.getvalue())
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_arrays(path: Path, names: Sequence[str] | None = None) -> dict[str, Array]:
    """The arrays of a file.

    Args:
        path: The file.
        names: Which; ``None``: all.

    Raises:
        FileFormatError: It is damaged, cut off, or of another format.
        NotFoundError: A name is not in it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            present = {entry.removesuffix(".npy") for entry in archive.namelist() if entry.endswith(".npy")}
            types = json.loads(archive.read(_TYPES)) if _TYPES in archive.namelist() else {}
            wanted = sorted(present) if names is None else list(names)
            missing = [name for name in wanted if name not in present]
            if missing:
                raise NotFoundError(
                    None,
                    None,
                    f"Key {missing[0]} not found in checkpoint {path}. It holds: "
                    f"{', '.join(sorted(present)) or 'nothing'}.",
                )
            found = {}
            for name in wanted:
                array = np.lib.format.read_array(io.BytesIO(archive.read(f"{name}.npy")), allow_pickle=False)
                found[name] = array.view(dtypes.get(types[name]).numpy) if name in types else array
            return found
    except (zipfile.BadZipFile, EOFError, ValueError, OSError, KeyError) as error:
        if isinstance(error, (NotFoundError, FileFormatError)):
            raise
        raise FileFormatError(
            f"Cannot read the checkpoint {path}: it is damaged, cut off or not a checkpoint of Epochal ({error}). "
            f"Restore from an older one, or save it again."
        ) from None


class Saver:
    """Saves and restores variables.

    Example:
        >>> import tempfile
        >>> from epochal import tf
        >>> with tf.Graph().as_default(), tf.Session() as session, tempfile.TemporaryDirectory() as folder:
        ...     v = tf.Variable(3.0, name="v")
        ...     saver = tf.train.Saver()
        ...     session.run(tf.global_variables_initializer())
        ...     path = saver.save(session, f"{folder}/model.ckpt")
        ...     v.load(0.0, session)
        ...     saver.restore(session, path)
        ...     float(session.run(v))
        3.0
    """

    def __init__(
        self,
        var_list: Any = None,
        reshape: bool = False,
        sharded: bool = False,
        max_to_keep: int | None = 5,
        keep_checkpoint_every_n_hours: float = 10000.0,
        name: str | None = None,
        restore_sequentially: bool = False,
        saver_def: Any = None,
        builder: Any = None,
        defer_build: bool = False,
        allow_empty: bool = False,
        write_version: Any = None,
        pad_step_number: bool = False,
        save_relative_paths: bool = False,
        filename: str | None = None,
    ) -> None:
        """A saver.

        Args:
            var_list: Variables, or a dict from names in the file to variables; default: the graph's global ones.
            reshape: Whether a saved array of another shape but as many elements fits.
            sharded: Means nothing here, as do all arguments not named below.
            max_to_keep: How many checkpoints to keep; older ones are deleted. ``None`` or 0: all.
            keep_checkpoint_every_n_hours: Checkpoints this far apart are kept for good.
            name: See `sharded`.
            restore_sequentially: See `sharded`.
            saver_def: See `sharded`.
            builder: See `sharded`.
            defer_build: Whether to find the variables at the first use.
            allow_empty: Whether there may be no variables.
            write_version: See `sharded`.
            pad_step_number: Whether steps in file names have eight digits.
            save_relative_paths: See `sharded`.
            filename: See `sharded`.

        Raises:
            ArgumentError: There are no variables, or two of one name.
        """
        self._given = var_list
        self._reshape, self._allow_empty, self._pad = reshape, allow_empty, pad_step_number
        self._max_to_keep = max_to_keep or 0
        self._every_seconds = keep_checkpoint_every_n_hours * 3600.0
        self._next_kept = time.time() + self._every_seconds
        self._saved: list[tuple[str, float]] = []
        self._variables: dict[str, Any] | None = None if defer_build else self._find()

    def _find(self) -> dict[str, Any]:
        given = self._given if self._given is not None else global_variables()
        if isinstance(given, Mapping):
            found = dict(given)
        else:
            found = {}
            for variable in given:
                name = getattr(variable, "path", None) or variable.name.split(":")[0]
                if name in found and found[name] is not variable:
                    raise ArgumentError(f"At least two variables have the same name: {name}. Pass a dict of names.")
                found[name] = variable
        if not found and not self._allow_empty:
            raise ArgumentError("No variables to save. Make the variables before the Saver.")
        return found

    @property
    def last_checkpoints(self) -> list[str]:
        """The checkpoints kept, oldest first."""
        return [path for path, _ in self._saved]

    def save(
        self,
        sess: Any,
        save_path: Any,
        global_step: Any = None,
        latest_filename: str | None = None,
        meta_graph_suffix: str = "meta",
        write_meta_graph: bool = True,
        write_state: bool = True,
        strip_default_attrs: bool = False,
        save_debug_info: bool = False,
    ) -> str:
        """Writes the variables' values in a session.

        Args:
            sess: The session.
            save_path: Prefix of the file's name.
            global_step: A number (or variable) that is added to the prefix.
            latest_filename: Of the text file that names the latest checkpoints; default ``"checkpoint"``.
            meta_graph_suffix: Means nothing here: programs are not written, only variables.
            write_meta_graph: See `meta_graph_suffix`.
            write_state: Whether to write that text file.
            strip_default_attrs: See `meta_graph_suffix`.
            save_debug_info: See `meta_graph_suffix`.

        Returns:
            The prefix of the checkpoint, for `restore`.

        Raises:
            FailedPreconditionError: A variable has no value yet.
        """
        self._variables = variables = self._variables if self._variables is not None else self._find()
        prefix = os.fspath(save_path)
        if global_step is not None:
            step = global_step if isinstance(global_step, (int, np.integer)) else int(sess.run(global_step))
            prefix = f"{prefix}-{step:08d}" if self._pad else f"{prefix}-{step}"
        arrays = {}
        for name, variable in variables.items():
            value = sess.value_of(variable)
            if value is None:
                raise FailedPreconditionError(
                    None, None, f"Attempting to use uninitialized value {name}. Run the initializer before saving."
                )
            arrays[name] = value
        write_arrays(checkpoint_file(prefix), arrays)
        self._keep(prefix)
        if write_state:
            note_latest(prefix, self.last_checkpoints, latest_filename)
        return prefix

    def _keep(self, prefix: str) -> None:
        self._saved = [entry for entry in self._saved if entry[0] != prefix] + [(prefix, time.time())]
        while self._max_to_keep and len(self._saved) > self._max_to_keep:
            path, when = self._saved.pop(0)
            if when > self._next_kept:
                self._next_kept += self._every_seconds
            else:
                checkpoint_file(path).unlink(missing_ok=True)

    def restore(self, sess: Any, save_path: Any) -> None:
        """Gives the variables the values of a checkpoint: all of them, or, if it raises, none.

        Raises:
            ArgumentError: There is no such checkpoint.
            FileFormatError: The file is damaged or cut off.
            NotFoundError: A variable is not in it.
            InvalidArgumentError: A variable has another shape there.
        """
        if save_path is None:
            raise ArgumentError("Can't load save_path when it is None.")
        self._variables = variables = self._variables if self._variables is not None else self._find()
        prefix = os.fspath(save_path)
        if not checkpoint_file(prefix).exists():
            note = ""
            if Path(f"{prefix}.index").exists():
                note = " It is TensorFlow's own format, which Epochal does not read."
            raise ArgumentError(f"The passed save_path is not a valid checkpoint: {prefix}.{note}")
        arrays = read_arrays(checkpoint_file(prefix), list(variables))
        for name, variable in variables.items():
            arrays[name] = self._fitting(name, arrays[name], variable)
        for name, variable in variables.items():
            sess.load(variable, arrays[name])

    def _fitting(self, name: str, array: Array, variable: Any) -> Array:
        shape = tuple(variable.shape)
        if array.shape != shape and not (self._reshape and array.size == int(np.prod(shape))):
            raise InvalidArgumentError(
                None, None, f"Variable {name} has shape {shape}, but the checkpoint holds shape {array.shape}."
            )
        wanted = variable.dtype.numpy
        if array.dtype != wanted:
            raise InvalidArgumentError(
                None, None, f"Variable {name} has dtype {wanted}, but the checkpoint holds {array.dtype}."
            )
        return array.reshape(shape)

    def recover_last_checkpoints(self, checkpoint_paths: Sequence[str]) -> None:
        """Counts checkpoints of an earlier process among those kept."""
        self._saved = [(path, time.time()) for path in checkpoint_paths if checkpoint_exists(path)]


class CheckpointState:
    """What the text file of a folder says.

    Attributes:
        model_checkpoint_path: The latest.
        all_model_checkpoint_paths: All kept, oldest first.
    """

    def __init__(self, latest: str, every: Sequence[str]) -> None:
        self.model_checkpoint_path = latest
        self.all_model_checkpoint_paths = list(every)


def note_latest(latest: str, every: Sequence[str], filename: str | None) -> None:
    """Notes the latest checkpoint, and all that are kept, in the text file of its folder."""
    folder = Path(latest).parent
    lines = [f"{_KEYS[0]}: {json.dumps(Path(latest).name)}"]
    lines += [f"{_KEYS[1]}: {json.dumps(os.path.relpath(path, folder))}" for path in every]
    target = folder / (filename or "checkpoint")
    handle, temporary = tempfile.mkstemp(prefix=".checkpoint.", dir=folder)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    os.replace(temporary, target)


def get_checkpoint_state(checkpoint_dir: Any, latest_filename: str | None = None) -> CheckpointState | None:
    """What was saved in a folder; ``None`` if nothing was."""
    folder = Path(checkpoint_dir)
    try:
        text = (folder / (latest_filename or "checkpoint")).read_text(encoding="utf-8")
    except OSError:
        return None
    found: dict[str, list[str]] = {key: [] for key in _KEYS}
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip() in found:
            try:
                found[key.strip()].append(str(folder / json.loads(value)))
            except json.JSONDecodeError:
                return None
    latest, every = (found[key] for key in _KEYS)
    return CheckpointState(latest[0], every) if latest else None


def latest_checkpoint(checkpoint_dir: Any, latest_filename: str | None = None) -> str | None:
    """The prefix of the latest checkpoint in a folder; ``None`` if there is none."""
    state = get_checkpoint_state(checkpoint_dir, latest_filename)
    if state is None or not checkpoint_exists(state.model_checkpoint_path):
        return None
    return state.model_checkpoint_path


def checkpoint_exists(checkpoint_prefix: Any) -> bool:
    """Whether there is a checkpoint of that prefix."""
    return checkpoint_file(os.fspath(checkpoint_prefix)).exists()


def _prefix_of(path: Any) -> str:
    found = latest_checkpoint(path) if Path(path).is_dir() else os.fspath(path)
    if found is None or not checkpoint_exists(found):
        raise ArgumentError(f"Couldn't find a checkpoint at {path}.")
    return found


def list_variables(ckpt_dir_or_file: Any) -> list[tuple[str, list[int]]]:
    """Names and shapes in a checkpoint."""
    arrays = read_arrays(checkpoint_file(_prefix_of(ckpt_dir_or_file)))
    return [(name, list(array.shape)) for name, array in arrays.items()]


def load_variable(ckpt_dir_or_file: Any, name: str) -> Array:
    """One array of a checkpoint."""
    return read_arrays(checkpoint_file(_prefix_of(ckpt_dir_or_file)), [name])[name]


def import_meta_graph(*arguments: Any, **options: Any) -> Any:
    """Not supported: checkpoints hold variables, not programs.

    Raises:
        NotSupportedError: Always.
    """
    raise NotSupportedError(
        "tf.train.import_meta_graph is not supported: a checkpoint holds variables, not the graph. Build the graph "
        "with the same code, make a tf.train.Saver() and call restore."
    )
