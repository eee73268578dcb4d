"""How gradients become updates."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from epochal.keras.absent import OPTIMIZERS as ABSENT
from epochal.keras.absent import refuse
from epochal.keras.identifiers import unknown
from epochal.keras.optimizers import legacy, schedules
from epochal.keras.optimizers.adam import Adam, Adamax, AdamW, Nadam
from epochal.keras.optimizers.descent import SGD
from epochal.keras.optimizers.lamb import Lamb
from epochal.keras.optimizers.moments import Adadelta, Adagrad, Ftrl, Lion, RMSprop
from epochal.keras.optimizers.optimizer import Optimizer
from epochal.keras.saving.registry import registered_object
from epochal.keras.saving.serialization import deserialize_keras_object, serialize_keras_object

CLASSES: tuple[type[Optimizer], ...] = (
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    AdamW,
    Adamax,
    Ftrl,
    Lamb,
    Lion,
    Nadam,
    Optimizer,
    RMSprop,
)
OPTIMIZERS: dict[str, Any] = {
    **{entry.__name__: entry for entry in CLASSES},
    **{entry.__name__.lower(): entry for entry in CLASSES},
}


def get(identifier: Any) -> Any:
    """An optimizer from a name, a configuration, a class, an optimizer or ``None``.

    Raises:
        ArgumentError: It is none of these.
    """
    if identifier is None or isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, Mapping):
        return deserialize(dict(identifier))
    if isinstance(identifier, str):
        found = OPTIMIZERS.get(identifier) or OPTIMIZERS.get(identifier.lower()) or registered_object(identifier)
        if found is not None:
            return found()
    elif inspect.isclass(identifier) and issubclass(identifier, Optimizer):
        return identifier()
    names = (entry.__name__.lower() for entry in CLASSES if entry is not Optimizer)
    raise unknown(identifier, "optimizer", "an Optimizer", names)


def serialize(optimizer: Any) -> Any:
    """An optimizer as plain data."""
    return serialize_keras_object(optimizer)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The optimizer that `serialize` wrote."""
    if isinstance(config, Mapping) and str(config.get("class_name", "")).lower() in OPTIMIZERS:
        config = {**config, "class_name": OPTIMIZERS[str(config["class_name"]).lower()].__name__}
    return deserialize_keras_object(config, custom_objects=custom_objects, module_objects=OPTIMIZERS)


def __getattr__(name: str) -> Any:
    raise refuse("optimizers", name, ABSENT)


__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "deserialize",
    "get",
    "legacy",
    "schedules",
    "serialize",
]
