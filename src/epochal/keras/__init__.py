"""Keras's interface. Modules load on first use."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from epochal.keras import (
        activations,
        applications,
        backend,
        callbacks,
        config,
        constraints,
        datasets,
        dtype_policies,
        initializers,
        layers,
        losses,
        metrics,
        mixed_precision,
        models,
        ops,
        optimizers,
        random,
        regularizers,
        saving,
        tree,
        utils,
    )
    from epochal.keras.dtype_policies import DTypePolicy
    from epochal.keras.graph import KerasTensor
    from epochal.keras.initializers import Initializer
    from epochal.keras.layers import Input, InputSpec, Layer
    from epochal.keras.layers.remat import RematScope, remat
    from epochal.keras.losses import Loss
    from epochal.keras.metrics import Metric
    from epochal.keras.models import Functional, Model, Sequential
    from epochal.keras.naming import name_scope
    from epochal.keras.optimizers import Optimizer
    from epochal.keras.regularizers import Regularizer
    from epochal.keras.variable import Variable

__version__ = "3.15.1"  # the version of Keras whose interface this is

_MODULES = frozenset(
    {
        "activations", "applications", "backend", "callbacks", "config", "constraints", "datasets",
        "dtype_policies", "initializers", "layers", "losses", "metrics", "mixed_precision", "models", "ops",
        "optimizers", "preprocessing", "random", "regularizers", "saving", "tree", "utils",
    }
)  # fmt: skip
_HOMES = {
    "DTypePolicy": "dtype_policies",
    "FloatDTypePolicy": "dtype_policies",
    "Functional": "models",
    "Initializer": "initializers",
    "Input": "layers",
    "InputSpec": "layers",
    "KerasTensor": "graph",
    "Layer": "layers",
    "Loss": "losses",
    "Metric": "metrics",
    "Model": "models",
    "Optimizer": "optimizers",
    "RematScope": "layers.remat",
    "Regularizer": "regularizers",
    "Sequential": "models",
    "Variable": "variable",
    "name_scope": "naming",
    "remat": "layers.remat",
}

__all__ = [
    "DTypePolicy",
    "Functional",
    "Initializer",
    "Input",
    "InputSpec",
    "KerasTensor",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "Optimizer",
    "Regularizer",
    "RematScope",
    "Sequential",
    "Variable",
    "activations",
    "applications",
    "backend",
    "callbacks",
    "config",
    "constraints",
    "datasets",
    "dtype_policies",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "mixed_precision",
    "models",
    "name_scope",
    "ops",
    "optimizers",
    "random",
    "regularizers",
    "remat",
    "saving",
    "tree",
    "utils",
    "version",
]


def version() -> str:
    """The version of Keras whose interface this is."""
    return __version__


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES, *_HOMES})
