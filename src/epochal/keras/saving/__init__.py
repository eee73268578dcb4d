"""Saving models, and objects as plain data. Members load on first use, so that what saves need not import models."""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "CustomObjectScope": "registry",
    "custom_object_scope": "registry",
    "get_custom_objects": "registry",
    "get_registered_name": "registry",
    "get_registered_object": "registry",
    "register_keras_serializable": "registry",
    "deserialize_keras_object": "serialization",
    "serialize_keras_object": "serialization",
    "load_model": "archive",
    "save_model": "archive",
    "load_weights": "weights",
    "save_weights": "weights",
}

__all__ = [
    "CustomObjectScope",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "load_model",
    "load_weights",
    "register_keras_serializable",
    "save_model",
    "save_weights",
    "serialize_keras_object",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
