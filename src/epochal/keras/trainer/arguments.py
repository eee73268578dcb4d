"""What the arguments of `fit` and its kin mean."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from epochal import tree
from epochal.errors import ArgumentError
from epochal.keras import settings
from epochal.keras.trainer.data import ArrayData, BatchData, class_weights, is_batches, unpack
from epochal.tensor import context as contexts
from epochal.tensor import random


def at_once(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method that computes at once, even where the operations of a TensorFlow 1 graph are being recorded."""

    @functools.wraps(method)
    def run(*args: Any, **kwargs: Any) -> Any:
        if contexts.current() is None:
            return method(*args, **kwargs)
        with contexts.eagerly():
            return method(*args, **kwargs)

    return run


def draw_seed() -> int:
    """A seed from the global stream of random numbers."""
    key = np.asarray(random.draw_key(None))
    return int(key[0]) | int(key[1]) << 32


def layer_dtype(dtype: np.dtype[Any]) -> str:
    return settings.floatx() if np.issubdtype(dtype, np.floating) else dtype.name


def to_logs(results: Any) -> dict[str, Any]:
    """Results by name, sorted, as Python numbers."""
    if results is None:
        return {}
    if not isinstance(results, Mapping):
        results = {"loss": results}
    logs: dict[str, Any] = {}
    for name, value in sorted(results.items()):
        if isinstance(value, Mapping):
            logs.update(to_logs(value))
        else:
            logs[name] = float(value) if np.size(value) == 1 else np.asarray(value)
    return logs


def check_counts(**counts: Any) -> None:
    for name, value in counts.items():
        if value is None:
            continue
        if (
            isinstance(value, bool)
            or not isinstance(value, (int, np.integer))
            or value < (0 if name == "epochs" else 1)
        ):
            raise ArgumentError(f"`{name}` must be a positive integer. Received: {name}={value!r}")


def to_source(x: Any, y: Any, sample_weight: Any) -> Any:
    """Arrays or batches."""
    if not is_batches(x):
        return ArrayData(x, y, sample_weight)
    for name, value in (("y", y), ("sample_weight", sample_weight)):
        if value is not None:
            raise ArgumentError(f"When `x` yields batches, `{name}` must not be passed: it is part of the batches.")
    return BatchData(x)


def to_validation_source(validation_data: Any) -> Any:
    if is_batches(validation_data):
        return BatchData(validation_data)
    x, y, sample_weight = unpack(validation_data)
    return to_source(x, y, sample_weight)


def split_off(data: Any, fraction: float) -> tuple[Any, Any]:
    if not isinstance(data, ArrayData):
        raise ArgumentError("`validation_split` is only supported for arrays. Pass `validation_data` instead.")
    if not 0.0 < fraction < 1.0:
        raise ArgumentError(f"`validation_split` must be between 0 and 1. Received: {fraction}")
    return data.split(fraction)


def with_class_weight(data: ArrayData, class_weight: Mapping[int, float]) -> ArrayData:
    x, y, sample_weight = data.data
    if sample_weight is not None:
        raise ArgumentError("You cannot use `class_weight` and `sample_weight` at the same time.")
    return ArrayData(x, y, class_weights(y, class_weight))


def is_due(epoch: int, frequency: Any) -> bool:
    """Whether to validate after this epoch, the first being 1."""
    if isinstance(frequency, (list, tuple, set)):
        return epoch in frequency
    if isinstance(frequency, (int, np.integer)) and not isinstance(frequency, bool):
        return epoch % frequency == 0
    raise ArgumentError(
        f"Expected `validation_freq` to be a list or int. Received: validation_freq={frequency!r} "
        f"of the type {type(frequency).__name__}."
    )


def join_outputs(parts: list[Any]) -> Any:
    """Outputs of batches joined along the first axis, nested as each is."""
    leaves = [tree.flatten(part) for part in parts]
    joined = [column[0] if len(column) == 1 else np.concatenate(column) for column in zip(*leaves, strict=True)]
    return tree.pack_like(parts[0], joined)
