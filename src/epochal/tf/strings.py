"""`tf.strings`: refused by name. There are no tensors of text."""

from __future__ import annotations

from typing import NoReturn

from epochal.errors import NotSupportedError


def __getattr__(name: str) -> NoReturn:
    if name.startswith("__"):
        raise AttributeError(name)
    raise NotSupportedError(
        f"tf.strings.{name} is not supported: Epochal has no tensors of text. Use Python's strings."
    )
