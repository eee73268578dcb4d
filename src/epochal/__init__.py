"""TensorFlow and Keras programs, compiled whole and trained fast on an ordinary computer.

``epochal.keras`` and ``epochal.tf`` are the two interfaces; both load on first use.
"""

from __future__ import annotations

import importlib
import platform
from typing import TYPE_CHECKING, Any

from epochal import config
from epochal.config import set_backend, set_num_threads, set_winograd

if TYPE_CHECKING:
    from epochal import keras, tf
    from epochal.learn.profile_function import profile

__version__ = "0.1.0"

__all__ = ["__version__", "info", "keras", "profile", "set_backend", "set_num_threads", "set_winograd", "tf"]

_LAZY = ("keras", "tf", "tensor", "tree")


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return importlib.import_module(f"epochal.{name}")
    if name == "profile":
        return importlib.import_module("epochal.learn.profile_function").profile
    raise AttributeError(f"module 'epochal' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY, "profile"})


def info() -> dict[str, Any]:
    """What runs here: versions, the engine, threads and where compiled code is kept.

    Example:
        >>> import epochal
        >>> sorted(epochal.info())
        ['backend', 'cache', 'cores', 'epochal', 'machine', 'num_threads', 'python']
    """
    return {
        "epochal": __version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "backend": config.backend(),
        "cores": config.available_cores(),
        "num_threads": config.num_threads(),
        "cache": None if config.cache_folder() is None else str(config.cache_folder()),
    }
