"""`tf.compat.v2`: the names of `epochal.tf`, which offers both versions at once."""

import importlib
from typing import Any


def __getattr__(name: str) -> Any:
    return getattr(importlib.import_module("epochal.tf"), name)


def __dir__() -> list[str]:
    return dir(importlib.import_module("epochal.tf"))
