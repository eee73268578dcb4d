"""Where Keras up to 2.3 kept the functions of `keras.backend`."""

from __future__ import annotations

from typing import Any

from epochal.keras import backend


def __getattr__(name: str) -> Any:
    return getattr(backend, name)
