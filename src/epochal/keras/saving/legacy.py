"""Whole models in one HDF5 file, as Keras 2 wrote them and Keras 3 still does.

The architecture is JSON in the attribute ``model_config``; weights lie in ``model_weights``, a group a layer, in the
order of the attribute ``weight_names``.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from epochal.errors import ArgumentError, FileFormatError, ShapeError
from epochal.keras.saving import files
from epochal.keras.saving.json import from_text
from epochal.keras.saving.registry import maybe_scope
from epochal.keras.saving.serialization import deserialize_keras_object, loading, serialize_keras_object
from epochal.keras.saving.weights import Store, open_hdf5

KERAS_VERSION = "3.15.1"
_NEW_KEYS = ("module", "registered_name", "build_config", "compile_config")
_GONE = ("time_major", "implementation", "use_cudnn")


def save(model: Any, path: Path, overwrite: bool = True) -> None:
    """Saves a model with its optimizer's state.

    Raises:
        ArgumentError: The file is there and `overwrite` is false, or the model has no weights yet.
    """
    if not model.built:
        raise ArgumentError(f"Model '{model.name}' is not built. Call it on data, or `build` it, before saving it.")
    files.check_target(path, overwrite)
    config = json.dumps(_older(serialize_keras_object(model)))
    h5py = importlib.import_module("h5py")

    def write(file: Any) -> None:
        with h5py.File(file, "w") as root:
            root.attrs["keras_version"] = KERAS_VERSION
            root.attrs["backend"] = "tensorflow"
            root.attrs["model_config"] = config
            group = root.create_group("model_weights")
            group.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
            group.attrs["keras_version"] = KERAS_VERSION
            group.attrs["backend"] = "tensorflow"
            for layer in model.layers:
                _put(group.create_group(layer.name), _in_order(layer))
            _put(group.create_group("top_level_model_weights"), [(v.path, v) for v in _own(model)])
            if model.compiled:
                _write_training(root, model)

    files.write_whole(path, write)


def _write_training(root: Any, model: Any) -> None:
    config = dict(model.get_compile_config())
    optimizer = config.pop("optimizer", None)
    if isinstance(optimizer, dict):
        config["optimizer_config"] = {"class_name": optimizer["class_name"], "config": optimizer["config"]}
    root.attrs["training_config"] = json.dumps(config)
    if model.optimizer is not None and model.optimizer.built:
        named = [(f"{model.optimizer.name}/{index}", v) for index, v in enumerate(model.optimizer.variables)]
        _put(root.create_group("optimizer_weights"), named)


def _older(config: Any) -> Any:
    """A configuration without what Keras 2 did not have, for models and their layers."""
    registered = config.get("registered_name")  # "package>Name" of a class of the user's; Keras 2 had one name
    config = {key: value for key, value in config.items() if key not in _NEW_KEYS}
    if registered and ">" in registered:
        config["class_name"] = registered
    inner = config.get("config")
    if isinstance(inner, dict) and isinstance(inner.get("layers"), list):
        config["config"] = {**inner, "layers": [_older(layer) for layer in inner["layers"]]}
    return config


def _own(model: Any) -> list[Any]:
    return [*model._trainable_variables, *model._non_trainable_variables]


def _in_order(layer: Any) -> list[tuple[str, Any]]:
    return [(v.path, v) for v in (*layer.trainable_weights, *layer.non_trainable_weights)]


def _put(group: Any, named: list[tuple[str, Any]]) -> None:
    group.attrs["weight_names"] = [name.encode() for name, _ in named]
    for name, variable in named:
        group.create_dataset(name, data=variable.numpy())


def load(path: Path, custom_objects: Mapping[str, Any] | None, compile: bool, safe_mode: bool) -> Any:
    """The model in a file that Keras 2, Keras 3 or `save` wrote.

    Raises:
        FileFormatError: The file is damaged or holds no architecture.
    """
    source = f"The file {str(path)!r}"
    with open_hdf5(str(path), source) as root, maybe_scope(custom_objects), loading(safe_mode):
        text = root.attrs.get("model_config")
        if text is None:
            raise FileFormatError(f"{source} holds no model, only weights. Build the model and use `load_weights`.")
        model = deserialize_keras_object(_cleaned(from_text(text, f"model_config in {source}")))
        if not hasattr(model, "compile_from_config"):
            raise FileFormatError(f"{source} holds no model. Expected one. Received: {type(model).__name__}")
        _read(model, root, source)
        training = root.attrs.get("training_config") if compile else None
        if training is not None:
            _compile(model, from_text(training, f"training_config in {source}"), root, source)
    return model


def _cleaned(config: Any) -> Any:
    """A configuration without arguments that layers no longer have."""
    if isinstance(config, dict):
        return {key: _cleaned(value) for key, value in config.items() if key not in _GONE}
    return [_cleaned(value) for value in config] if isinstance(config, list) else config


def _compile(model: Any, config: dict[str, Any], root: Any, source: str) -> None:
    optimizer = config.pop("optimizer_config", None)
    known = ("loss", "loss_weights", "metrics", "weighted_metrics", "run_eagerly", "steps_per_execution", "jit_compile")
    config = {key: value for key, value in config.items() if key in known}
    model.compile_from_config({**config, "optimizer": optimizer or "rmsprop"})
    group = root.get("optimizer_weights")
    variables = model.optimizer.variables if model.optimizer.built else []
    if group is None or len(group.attrs.get("weight_names", ())) != len(variables):
        return  # another optimizer's state, such as Keras 2's: it starts anew
    _assign(group, [(v.name, v) for v in variables], source, "the optimizer")


def _read(model: Any, root: Any, source: str) -> None:
    groups = root.get("model_weights", root)
    named = [_text(name) for name in groups.attrs.get("layer_names", ())]
    holding = [name for name in named if len(groups[name].attrs.get("weight_names", ()))]
    layers = [layer for layer in model.layers if layer.weights]
    if len(holding) != len(layers):
        raise FileFormatError(
            f"{source} holds weights of {len(holding)} layers, but model '{model.name}' has {len(layers)} layers with "
            f"weights. Received: {holding}. Expected: {[layer.name for layer in layers]}."
        )
    for name, layer in zip(holding, layers, strict=True):
        _assign(groups[name], _in_order(layer), source, f"layer '{layer.name}'")
    if "top_level_model_weights" in groups and _own(model):
        _assign(groups["top_level_model_weights"], [(v.path, v) for v in _own(model)], source, f"model '{model.name}'")


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


def _assign(group: Any, targets: list[tuple[str, Any]], source: str, owner: str) -> None:
    names = [_text(name) for name in group.attrs.get("weight_names", ())]
    if len(names) != len(targets):
        raise FileFormatError(
            f"{source}: {owner} has {len(targets)} weights, but the file holds {len(names)}: {names}. Expected: "
            f"{[name for name, _ in targets]}."
        )
    limit = 64 + 16 * max((variable.size for _, variable in targets), default=0)
    store = Store(group, source, limit)
    values = [np.asarray(store[name]) for name in names]
    for (name, variable), value in zip(targets, values, strict=True):
        if tuple(variable.shape) != value.shape:
            raise ShapeError(
                f"{source}: weight '{name}' of {owner} has shape {tuple(variable.shape)}, but the file holds "
                f"{value.shape}."
            )
    for (_, variable), value in zip(targets, values, strict=True):
        variable.assign(value)


def load_weights(model: Any, path: Path) -> None:
    """Loads the weights alone, layer by layer in order.

    Raises:
        ArgumentError: The model has no weights yet.
        FileFormatError, ShapeError: They do not fit. Nothing has changed then.
    """
    if not model.built:
        raise ArgumentError(
            f"You are loading weights into model '{model.name}', which is not built. Call it on data, or `build` it, "
            "first."
        )
    source = f"The file {str(path)!r}"
    before = [(variable, variable.numpy()) for variable in model.weights]
    with open_hdf5(str(path), source) as root:
        try:
            _read(model, root, source)
        except BaseException:
            for variable, value in before:
                variable.assign(value)
            raise
