"""The same weights for every engine, so that their outputs can be compared.

A Keras names its layers by class and in the order of their creation (``conv2d``, ``conv2d_1``), and the PyTorch models
create theirs in that order too: so weights travel as lists of layers by class.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ByKind = dict[str, list[list[NDArray[Any]]]]


def layers_by_kind(model: Any) -> dict[str, list[Any]]:
    """The layers of a Keras model that have weights, by class, in the order of their creation."""
    found: dict[str, list[Any]] = {}
    for layer in sorted(model.layers, key=_creation):
        if layer.weights:
            found.setdefault(type(layer).__name__, []).append(layer)
    return found


def _creation(layer: Any) -> int:
    """The number at the end of a name such as ``dense_3``, 0 without one; ``conv2d`` ends in a digit, too."""
    match = re.search(r"_(\d+)$", layer.name)
    return int(match[1]) if match else 0


def made(model: Any) -> ByKind:
    """The weights of a new Keras model, constants such as biases replaced so that a mistake in one shows."""
    generator = np.random.default_rng(7)

    def varied(kind: str, index: int, array: NDArray[Any]) -> NDArray[Any]:
        if kind == "BatchNormalization" and index in (0, 3):  # scale and variance: positive
            return generator.uniform(0.7, 1.3, array.shape).astype("float32")
        if array.ndim == 1 or (kind == "MultiHeadAttention" and array.ndim == 2):
            return (array + generator.normal(0, 0.05, array.shape)).astype("float32")
        return array

    return {
        kind: [[varied(kind, i, array) for i, array in enumerate(layer.get_weights())] for layer in layers]
        for kind, layers in layers_by_kind(model).items()
    }


def save(path: Path, weights: ByKind) -> None:
    """Writes them as one file."""
    arrays = {
        f"{kind}/{layer}/{index}": array
        for kind, layers in weights.items()
        for layer, given in enumerate(layers)
        for index, array in enumerate(given)
    }
    np.savez(path, **arrays)


def load(path: Path) -> ByKind:
    """Reads what `save` wrote."""
    found: dict[str, dict[int, dict[int, NDArray[Any]]]] = {}
    with np.load(path) as arrays:
        for name in arrays.files:
            kind, layer, index = name.split("/")
            found.setdefault(kind, {}).setdefault(int(layer), {})[int(index)] = arrays[name]
    return {kind: [_in_order(arrays) for arrays in _in_order(layers)] for kind, layers in found.items()}


def _in_order(items: dict[int, Any]) -> list[Any]:
    return [items[index] for index in sorted(items)]


def set_keras(model: Any, weights: ByKind) -> None:
    """Gives them to a Keras model."""
    for kind, layers in layers_by_kind(model).items():
        for layer, arrays in zip(layers, weights[kind], strict=True):
            layer.set_weights(arrays)


def consume(weights: ByKind) -> dict[str, Iterator[list[NDArray[Any]]]]:
    """One iterator a class of layers."""
    return {kind: iter(layers) for kind, layers in weights.items()}
