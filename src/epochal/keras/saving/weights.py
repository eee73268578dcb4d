"""Weights in HDF5 files, in Keras 3's layout.

Each layer is a group named after the attribute or the place in a list that holds it, with its own variables as
``vars/0``, ``vars/1`` ... below.
"""

from __future__ import annotations

import importlib
import io
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from epochal import dtypes
from epochal.errors import ArgumentError, FileFormatError, NotSupportedError, ShapeError
from epochal.keras.layers.layer import Layer
from epochal.keras.layers.state import LayerState
from epochal.keras.naming import to_snake_case
from epochal.keras.saving import files

# What no layer or model of a program's own adds to the ones we have: not part of the layout.
_INTERNAL: dict[str, frozenset[str]] = {}
_WITH_LAYERS = ("Sequential", "Functional")


def _hdf5() -> Any:
    return importlib.import_module("h5py")


def _internal_names(layer: Any) -> frozenset[str]:
    """Attributes that every layer (or model) has."""
    kind = "model" if hasattr(layer, "compile") else "layer"
    if kind not in _INTERNAL:
        plain = Layer(name="reference")
        base = {
            name
            for cls in type(layer).__mro__
            if cls.__module__.startswith("epochal.keras.models")
            for name in vars(cls)
        }
        trainer = {name for cls in type(layer).__mro__ if ".trainer" in cls.__module__ for name in vars(cls)}
        own = ("_made", "_top", "_stack", "_network", "_structures")
        _INTERNAL[kind] = frozenset({*dir(plain), *base, *trainer, *own})
    return _INTERNAL[kind]


def _is_saved(value: Any) -> bool:
    metric = all(hasattr(value, name) for name in ("update_state", "result")) and not isinstance(value, type)
    return isinstance(value, LayerState) or metric


def _children(layer: Any) -> Iterator[tuple[str, Any]]:
    """The places in which a layer holds others, in the order of the layout."""
    if _has_layer_list(layer):
        yield "layers", layer.layers
    internal = _internal_names(layer)
    for name in sorted(dir(layer), key=lambda name: (name.startswith("_"), name)):
        if name.startswith("__") or name in internal:
            continue
        try:
            value = getattr(layer, name)
        except Exception:  # noqa: BLE001 - a property of the program's that does not work yet holds no layer
            continue
        if _is_saved(value) or isinstance(value, (list, tuple, dict, set)):
            yield name, value


def _has_layer_list(layer: Any) -> bool:
    return any(
        cls.__name__ in _WITH_LAYERS and cls.__module__.startswith("epochal.keras") for cls in type(layer).__mro__
    )


def walk(layer: Any, path: str = "", visited: set[int] | None = None) -> Iterator[tuple[str, Any]]:
    """Everything with variables of its own, each once, with its place in the file."""
    visited = set() if visited is None else visited
    if id(layer) in visited:
        return
    visited.add(id(layer))
    yield path, layer
    if not isinstance(layer, LayerState):
        return
    for name, child in _children(layer):
        place = f"{path}/{name}" if path else name
        if _is_saved(child):
            yield from walk(child, place, visited)
            continue
        used: dict[str, int] = {}
        for item in list(child.values() if isinstance(child, dict) else child):
            if _is_saved(item):
                stem = to_snake_case(type(item).__name__)
                used[stem] = used.get(stem, -1) + 1
                yield from walk(item, f"{place}/{stem}_{used[stem]}" if used[stem] else f"{place}/{stem}", visited)


class _Written(dict[str, Any]):
    """What `save_own_variables` writes into."""


def _own_variables(one: Any) -> dict[str, Any]:
    store = _Written()
    if hasattr(one, "save_own_variables"):
        one.save_own_variables(store)
    else:
        store.update({str(index): variable.numpy() for index, variable in enumerate(one.variables)})
    return store


def write_weights(model: Any, file: Any, with_optimizer: bool = False) -> None:
    """Writes the weights into an open binary file."""
    h5py = _hdf5()
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as root:
        for path, one in walk(model):
            _put(root, path, one, one.name)
        optimizer = getattr(model, "optimizer", None)
        if with_optimizer and optimizer is not None and optimizer.built:
            _put(root, "optimizer", optimizer, optimizer.name)
    file.write(buffer.getbuffer())


def _put(root: Any, path: str, one: Any, name: str) -> None:
    group = root.create_group(f"{path}/vars" if path else "vars")
    group.attrs["name"] = name
    for key, value in _own_variables(one).items():
        array = np.asarray(value)
        if array.dtype == dtypes.bfloat16.numpy:
            dataset = group.create_dataset(key, data=array.view(np.uint16))
            dataset.attrs["dtype"] = "bfloat16"
        else:
            group.create_dataset(key, data=array)


class Store:
    """The variables of one group of a file, checked before they are read."""

    def __init__(self, group: Any, source: str, limit: int) -> None:
        self.group = group
        self.source = source
        self.limit = limit

    def keys(self) -> list[str]:
        return list(self.group.keys()) if self.group is not None else []

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.keys())

    def __contains__(self, key: object) -> bool:
        return key in self.keys()

    def __getitem__(self, key: str) -> np.ndarray:
        h5py = _hdf5()
        parts = key.split("/")
        for depth in range(1, len(parts)):
            if not isinstance(self.group.get("/".join(parts[:depth]), getlink=True), h5py.HardLink):
                raise FileFormatError(
                    f"{self.source}: '{self.group.name}/{key}' is missing or a link. The file is damaged."
                )
        link = self.group.get(key, getlink=True)
        if link is None:
            raise FileFormatError(
                f"{self.source}: variable '{key}' of '{self.group.name}' is missing. The file is damaged."
            )
        dataset = self.group.get(key) if isinstance(link, h5py.HardLink) else None
        if not isinstance(dataset, h5py.Dataset) or dataset.is_virtual or dataset.external:
            raise FileFormatError(
                f"{self.source}: '{self.group.name}/{key}' is no plain array (a link, or data outside the file). "
                "Expected the numbers of a weight."
            )
        if dataset.dtype.kind not in "fiub" or dataset.size * dataset.dtype.itemsize > self.limit:
            raise FileFormatError(
                f"{self.source}: '{self.group.name}/{key}' holds {dataset.dtype} of shape {dataset.shape}, which no "
                "weight of this model has."
            )
        array = dataset[()]
        if dataset.attrs.get("dtype") == "bfloat16":
            array = np.asarray(array, np.uint16).view(dtypes.bfloat16.numpy)
        return np.asarray(array)


def open_hdf5(content: Any, source: str) -> Any:
    h5py = _hdf5()
    try:
        return h5py.File(content, "r")
    except (OSError, ValueError, RuntimeError) as error:
        raise FileFormatError(
            f"{source} is not a readable HDF5 file: {error}. It is truncated, damaged or of another format."
        ) from None


def _group(root: Any, path: str) -> Any:
    """A group reached over hard links alone, or ``None``."""
    h5py = _hdf5()
    group = root
    for part in path.split("/"):
        if not isinstance(group.get(part, getlink=True), h5py.HardLink):
            return None
        group = group.get(part)
        if not isinstance(group, h5py.Group):
            return None
    return group


def read_weights(
    model: Any, content: Any, source: str, skip_mismatch: bool = False, with_optimizer: bool = False
) -> None:
    """Reads the weights of `model` from a path or an open file. Nothing changes unless everything fits.

    Raises:
        FileFormatError: The file is damaged or lacks a layer.
        ShapeError: A layer does not fit.
    """
    with open_hdf5(content, source) as root:
        try:
            _read(model, root, source, skip_mismatch, with_optimizer)
        except (OSError, RuntimeError, KeyError) as error:
            if isinstance(error, FileFormatError):
                raise
            raise FileFormatError(f"{source} is damaged: {error}") from None


def _read(model: Any, root: Any, source: str, skip_mismatch: bool, with_optimizer: bool) -> None:
    places = list(walk(model))
    # Room for the file's numbers in any type, with a margin; a declared size beyond it is a trap.
    limit = 64 + 16 * max((v.size for v in model.variables), default=0)
    variables = [*model.weights]
    optimizer = getattr(model, "optimizer", None) if with_optimizer else None
    if optimizer is not None and optimizer.built and "optimizer" in root:
        variables += optimizer.variables
    before = [(variable, variable.numpy()) for variable in variables]
    try:
        for path, one in places:
            _take(
                one,
                Store(_group(root, f"{path}/vars" if path else "vars"), source, limit),
                source,
                path,
                skip_mismatch,
            )
        if optimizer is not None and optimizer.built and "optimizer" in root:
            _take(optimizer, Store(_group(root, "optimizer/vars"), source, limit), source, "optimizer", True)
    except BaseException:
        for variable, value in before:
            variable.assign(value)
        raise


def _take(one: Any, store: Store, source: str, path: str, skip_mismatch: bool) -> None:
    needed = len(_own_variables(one))
    if needed and store.group is None:
        message = (
            f"{source} has no weights for layer '{one.name}' ({type(one).__name__}) at '{path}'. Expected {needed} "
            "variables. The file belongs to another architecture."
        )
        if not skip_mismatch:
            raise FileFormatError(message)
        warnings.warn(message, stacklevel=4)
        return
    if not needed and not len(store):
        return
    try:
        if hasattr(one, "load_own_variables"):
            one.load_own_variables(store)
        else:
            for index, variable in enumerate(one.variables):
                variable.assign(store[str(index)])
    except (ShapeError, ArgumentError) as error:
        if isinstance(error, FileFormatError) or not skip_mismatch:
            raise type(error)(f"{error} (reading '{path}' of {source})") from None
        warnings.warn(f"Layer '{one.name}' is left as it is: {error}", stacklevel=4)


def save_weights(model: Any, filepath: Any, overwrite: bool = True, max_shard_size: float | None = None) -> None:
    """Saves a model's weights.

    Raises:
        ArgumentError: The path does not end in ``.weights.h5``, or the model has no weights yet.
    """
    path = Path(filepath)
    if max_shard_size is not None:
        raise NotSupportedError("Weights in several files (`max_shard_size`) are not supported.")
    if not path.name.endswith(".weights.h5"):
        raise ArgumentError(f"The filename must end in `.weights.h5`. Received: filepath={filepath}")
    if not model.built:
        raise ArgumentError(
            f"Model '{model.name}' has no weights to save: it is not built. Call it on data, or `build` it, first."
        )
    files.check_target(path, overwrite)
    files.write_whole(path, lambda file: write_weights(model, file))


def load_weights(model: Any, filepath: Any, skip_mismatch: bool = False, **kwargs: Any) -> None:
    """Loads a model's weights; see `Model.load_weights`."""
    if kwargs:
        raise ArgumentError(f"Invalid keyword arguments: {sorted(kwargs)}")
    path = Path(filepath)
    if not path.is_file():
        raise ArgumentError(f"File not found: filepath={path!s}. Expected a file of weights.")
    if path.suffix == ".keras":
        archive = importlib.import_module("epochal.keras.saving.archive")
        archive.load_weights_of_archive(model, path, skip_mismatch)
        return
    if path.suffix in (".h5", ".hdf5") and not path.name.endswith(".weights.h5"):
        importlib.import_module("epochal.keras.saving.legacy").load_weights(model, path)
        return
    if not path.name.endswith(".weights.h5"):
        raise ArgumentError(
            f"File format not supported: filepath={filepath}. Expected a `.weights.h5` or `.keras` file."
        )
    if not model.built:
        raise ArgumentError(
            f"You are loading weights into model '{model.name}', which is not built and so has none. Call it on "
            "data, or "
            "`build` it, first."
        )
    read_weights(model, str(path), f"The file {str(path)!r}", skip_mismatch)
