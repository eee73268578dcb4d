"""The ``.keras`` file: a zip archive of ``metadata.json``, ``config.json`` and ``model.weights.h5``."""

from __future__ import annotations

import datetime
import io
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from epochal.errors import ArgumentError, FileFormatError, NotSupportedError
from epochal.keras.saving import files, legacy, weights
from epochal.keras.saving.json import from_text, to_text
from epochal.keras.saving.registry import maybe_scope
from epochal.keras.saving.serialization import deserialize_keras_object, loading, serialize_keras_object

KERAS_VERSION = "3.15.1"  # whose form of the file this is
_METADATA, _CONFIG, _WEIGHTS = "metadata.json", "config.json", "model.weights.h5"
_LARGEST_CONFIG = 256 * 2**20


def save_model(model: Any, filepath: Any, overwrite: bool = True, zipped: bool | None = None, **kwargs: Any) -> None:
    """Saves a model; see `Model.save`.

    Raises:
        ArgumentError: The path does not end in ``.keras``, or the file is there and `overwrite` is false.
    """
    if kwargs.pop("save_format", "keras") not in ("keras", "h5", None):
        raise NotSupportedError("Only the `.keras` and `.h5` formats are supported.")
    kwargs.pop("include_optimizer", None)
    if kwargs:
        raise ArgumentError(f"The following argument(s) are not supported: {sorted(kwargs)}")
    path = Path(filepath)
    if path.suffix in (".h5", ".hdf5"):
        legacy.save(model, path, overwrite)
        return
    if path.suffix != ".keras":
        raise ArgumentError(
            "Invalid filepath extension for saving. Please add either a `.keras` extension for the native Keras format "
            "(recommended) or a `.h5` extension. "
            f"Received: filepath={filepath}."
        )
    if zipped is False:
        raise NotSupportedError("Saving as a folder (`zipped=False`) is not supported.")
    files.check_target(path, overwrite)
    config = serialize_keras_object(model)
    date = datetime.datetime.now().astimezone().strftime("%Y-%m-%d@%H:%M:%S")
    metadata = {"keras_version": KERAS_VERSION, "date_saved": date}
    numbers = io.BytesIO()
    weights.write_weights(model, numbers, with_optimizer=True)

    def write(file: Any) -> None:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(_METADATA, to_text(metadata))
            archive.writestr(_CONFIG, to_text(config))
            archive.writestr(_WEIGHTS, numbers.getbuffer())

    files.write_whole(path, write)


def load_model(
    filepath: Any,
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """The model in a ``.keras`` file, made here or by Keras.

    Args:
        filepath: The file.
        custom_objects: Classes and functions of the program that the file names.
        compile: Whether to compile it as it was.
        safe_mode: Whether to refuse Python code in the file (`Lambda` layers). Turn it off only for files you trust.

    Raises:
        ArgumentError: There is no such file, or it names a class that is not known.
        FileFormatError: The file is truncated, damaged or of another format.
    """
    path = Path(filepath)
    if not path.is_file():
        raise ArgumentError(
            f"File not found: filepath={path!s}. Please ensure the file is an accessible `.keras` zip file."
        )
    source = f"The file {str(path)!r}"
    if path.suffix in (".h5", ".hdf5"):
        return legacy.load(path, custom_objects, compile, safe_mode)
    with _open(path, source) as archive:
        config = from_text(_member(archive, _CONFIG, source), f"{_CONFIG} in {source}")
        if not isinstance(config, dict) or "class_name" not in config:
            raise FileFormatError(
                f"{source}: {_CONFIG} does not describe a model. Expected an object with `class_name`."
            )
        metadata = from_text(_member(archive, _METADATA, source), f"{_METADATA} in {source}")
        compilation = config.pop("compile_config", None)
        with maybe_scope(custom_objects), loading(safe_mode):
            model = _described(config, source)
            if compile and compilation:
                model.compile_from_config(compilation)
        numbers = io.BytesIO(_member(archive, _WEIGHTS, source))
        weights.read_weights(model, numbers, f"{_WEIGHTS} in {source}", with_optimizer=compile)
    del metadata
    return model


def _described(config: dict[str, Any], source: str) -> Any:
    try:
        model = deserialize_keras_object(config)
    except (KeyError, IndexError, AttributeError, RecursionError) as error:
        raise FileFormatError(
            f"{source}: {_CONFIG} is damaged: {type(error).__name__} {error} while the model was made from it."
        ) from error
    if not hasattr(model, "compile_from_config"):
        raise FileFormatError(f"{source} holds no model. Expected one. Received: {type(model).__name__}")
    return model


def _open(path: Path, source: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, EOFError, ValueError) as error:
        raise FileFormatError(
            f"{source} is not a readable `.keras` file: {error}. Expected a zip archive with {_METADATA}, {_CONFIG} "
            "and "
            f"{_WEIGHTS}; it is truncated or of another format."
        ) from None


def _member(archive: zipfile.ZipFile, name: str, source: str) -> bytes:
    try:
        info = archive.getinfo(name)
    except KeyError:
        raise FileFormatError(
            f"{source} holds no {name}. Expected {_METADATA}, {_CONFIG} and {_WEIGHTS}. "
            f"Received: {sorted(archive.namelist())[:10]}"
        ) from None
    if name != _WEIGHTS and info.file_size > _LARGEST_CONFIG:
        raise FileFormatError(f"{source}: {name} is {info.file_size} bytes large, more than any model's configuration.")
    if info.file_size > max(1, info.compress_size) * 1100:
        raise FileFormatError(f"{source}: {name} would unpack to {info.file_size} bytes from {info.compress_size}.")
    try:
        return archive.read(info)
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError, RuntimeError, zlib.error) as error:
        raise FileFormatError(f"{source}: {name} is damaged: {error}") from None


def load_weights_of_archive(model: Any, path: Path, skip_mismatch: bool = False) -> None:
    """Loads the weights alone of a ``.keras`` file into `model`."""
    source = f"The file {str(path)!r}"
    with _open(path, source) as archive:
        numbers = io.BytesIO(_member(archive, _WEIGHTS, source))
    weights.read_weights(model, numbers, f"{_WEIGHTS} in {source}", skip_mismatch)
