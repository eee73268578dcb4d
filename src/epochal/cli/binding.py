"""Binds the names `tensorflow` and `keras` to Epochal for the rest of the process."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import types
from collections.abc import Sequence

# A longer prefix wins.
ALIASES = {
    "tensorflow.keras": "epochal.keras",
    "tensorflow": "epochal.tf",
    "keras": "epochal.keras",
}


class _Loader(importlib.abc.Loader):
    """Hands the import machinery a module that already exists under another name."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.spec: importlib.machinery.ModuleSpec | None = None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        module = importlib.import_module(self.target)
        self.spec = module.__spec__
        return module

    def exec_module(self, module: types.ModuleType) -> None:
        module.__spec__ = self.spec  # the import machinery put the alias's there


class AliasFinder(importlib.abc.MetaPathFinder):
    """Finds ``keras.layers`` as ``epochal.keras.layers``, and so on."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        real = real_name(name)
        if real is None:
            return None
        try:
            found = importlib.util.find_spec(real)
        except ModuleNotFoundError:
            found = None
        if found is None:
            raise ModuleNotFoundError(f"No module named {name!r}: Epochal has no {real!r} yet.", name=name)
        return importlib.machinery.ModuleSpec(
            name, _Loader(real), is_package=found.submodule_search_locations is not None
        )


def real_name(name: str) -> str | None:
    """The module of Epochal that stands for a module of TensorFlow or Keras; ``None`` for any other name."""
    for alias, real in ALIASES.items():
        if name == alias or name.startswith(alias + "."):
            return real + name[len(alias) :]
    return None


def bind() -> None:
    """From here on ``import tensorflow`` and ``import keras`` give Epochal, installed or not."""
    if any(isinstance(finder, AliasFinder) for finder in sys.meta_path):
        return
    for name in [name for name in sys.modules if real_name(name) is not None]:
        del sys.modules[name]
    sys.meta_path.insert(0, AliasFinder())
