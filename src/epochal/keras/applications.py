"""Keras's ready-made networks. None is here: their weights are downloads."""

from __future__ import annotations

from typing import Any

from epochal.errors import NotSupportedError


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    raise NotSupportedError(
        f"keras.applications.{name} is not supported by Epochal: ready-made networks and their weights are downloads. "
        "Build the network from layers; a model saved by Keras in a .keras file opens with "
        "keras.models.load_model(path)."
    )
