"""Architectures as JSON text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from epochal.errors import FileFormatError
from epochal.keras.saving.serialization import deserialize_keras_object, serialize_keras_object


def to_text(config: Any) -> str:
    """Plain data as Keras writes it."""
    return json.dumps(config)


def from_text(text: str | bytes, source: str) -> Any:
    """Plain data from text.

    Raises:
        FileFormatError: It is no JSON, or nested too deeply.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FileFormatError(
            f"{source} is not valid JSON: {error}. The file is damaged or not a Keras model."
        ) from None


def model_to_json(model: Any, **kwargs: Any) -> str:
    """A model's architecture; keyword arguments are `json.dumps`'s."""
    return json.dumps(serialize_keras_object(model), **kwargs)


def model_from_json(json_string: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The model that `to_json` described, with new weights.

    Raises:
        FileFormatError: The text is no JSON.
        ArgumentError: It names a class that is not known.
    """
    config = from_text(json_string, "The text")
    return deserialize_keras_object(config, custom_objects=custom_objects)
