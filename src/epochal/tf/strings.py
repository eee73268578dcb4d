"""`tf.strings`: refused by name. There are no tensors of text."""

from __future__ import annotations

from typing import NoReturn

from epochal.tf.refused import MissingNameError


def __getattr__(name: str) -> NoReturn:
    if name.startswith("__"):
        raise AttributeError(name)
    raise MissingNameError(f"tf.strings.{name} is not supported: Epochal has no tensors of text. Use Python's strings.")
