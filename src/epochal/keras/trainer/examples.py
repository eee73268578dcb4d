"""Data that stands for a user's: of the right shapes and types, for programs that are looked at and not run."""

from __future__ import annotations

from typing import Any

import numpy as np

from epochal import tree
from epochal.errors import ArgumentError, EpochalError
from epochal.ir import Array
from epochal.keras import settings
from epochal.tensor import Tensor
from epochal.tensor import context as contexts
from epochal.tensor.trace import symbolic_input


def example_inputs(model: Any, x: Any, rows: int) -> Any:
    """Arrays for the inputs of a model: `x`, zeros of the shapes that `x` is, or zeros as the model's inputs are.

    Raises:
        ArgumentError: Neither is known.
    """
    if x is not None:
        return _arrays(x, settings.floatx())
    inputs = None
    if getattr(model, "built", False) or hasattr(model, "_structures"):
        inputs = getattr(model, "inputs", None)
    if not inputs:
        raise ArgumentError(
            f"Model '{model.name}' does not know the shape of its inputs. Pass `x`: arrays, or a shape such as "
            "(32, 28, 28, 1)."
        )
    zeros = [_zeros(_with_rows(tensor.shape, rows, model.name), tensor.dtype.numpy) for tensor in inputs]
    return zeros[0] if len(zeros) == 1 else zeros


def example_targets(model: Any, inputs: Any, y: Any) -> Any:
    """Arrays for the targets: `y`, zeros of the shapes that `y` is, or what the loss takes of the model's outputs.

    Raises:
        ArgumentError: No kind of targets that was tried fits.
    """
    if y is not None:
        return _arrays(y, settings.floatx())
    with contexts.Deferred():
        symbols = tree.map_structure(lambda leaf: symbolic_input(leaf.shape, leaf.dtype), inputs)
        outputs = model(symbols, training=False)
    whole = tree.map_structure(lambda leaf: _zeros(leaf.shape, leaf.dtype.numpy), outputs)
    classes = tree.map_structure(lambda leaf: _zeros(leaf.shape[:-1], np.int32), outputs)
    for targets in (classes, whole) if "sparse" in str(_loss_names(model)).lower() else (whole, classes):
        try:
            with contexts.Deferred():
                model._compile_loss(tree.map_structure(Tensor, targets), outputs, None)
        except EpochalError:
            continue
        return targets
    raise ArgumentError("The targets cannot be told from the loss. Pass `y`: arrays, or a shape such as (32,).")


def _loss_names(model: Any) -> list[str]:
    return [getattr(leaf, "name", getattr(leaf, "__name__", str(leaf))) for leaf in tree.flatten(model.loss)]


def _arrays(value: Any, dtype: str) -> Any:
    """Arrays stay, shapes become zeros."""
    if isinstance(value, dict):
        return {key: _arrays(item, dtype) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        if value and all(isinstance(size, (int, np.integer)) for size in value):
            return _zeros(tuple(value), np.dtype(dtype))
        return type(value)(_arrays(item, dtype) for item in value)
    return value


def _zeros(shape: Any, dtype: Any) -> Array:
    # One number seen everywhere: the programs are not run.
    return np.broadcast_to(np.zeros((), dtype), tuple(shape))


def _with_rows(shape: Any, rows: int, name: str) -> tuple[int, ...]:
    if any(size is None for size in shape[1:]):
        raise ArgumentError(
            f"Model '{name}' takes inputs of shape {tuple(shape)}, with unknown sizes. Pass `x`: arrays, or a shape."
        )
    return (rows if shape[0] is None else shape[0], *shape[1:])
