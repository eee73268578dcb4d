"""Preparing arrays, and fixing random numbers."""

from __future__ import annotations

import random as python_random
from typing import Any

import numpy as np

from epochal.errors import ArgumentError
from epochal.keras import settings
from epochal.tensor import Tensor, convert
from epochal.tensor import functions as F
from epochal.tensor import random as draws


def set_random_seed(seed: int) -> None:
    """Fixes the random numbers of Python, NumPy and Epochal.

    Raises:
        ArgumentError: Not an integer.
    """
    if not isinstance(seed, (int, np.integer)) or isinstance(seed, bool):
        raise ArgumentError(f"Expected `seed` argument to be an integer. Received: seed={seed} (of type {type(seed)})")
    python_random.seed(int(seed))
    np.random.seed(int(seed))
    draws.set_seed(int(seed))


def to_categorical(x: Any, num_classes: int | None = None) -> Any:
    """Class numbers to rows with a 1 at the class.

    Args:
        x: Integers.
        num_classes: Length of a row; by default the greatest class and one.

    Raises:
        ArgumentError: A class is not below `num_classes`, or negative.

    Example:
        >>> to_categorical([0, 2], num_classes=3)
        array([[1., 0., 0.],
               [0., 0., 1.]], dtype=float32)
    """
    if isinstance(x, Tensor):
        classes = x if num_classes is not None else convert(x.numpy())
        return F.one_hot(classes, int(num_classes or int(np.max(x.numpy())) + 1))
    classes = np.asarray(x, dtype="int64")
    shape = classes.shape
    if shape and shape[-1] == 1 and len(shape) > 1:
        shape = shape[:-1]
    classes = classes.reshape(-1)
    count = int(num_classes) if num_classes else int(classes.max()) + 1
    if classes.size and (classes.min() < 0 or classes.max() >= count):
        raise ArgumentError(
            f"Expected classes in [0, {count}). Received: {int(classes.min())} to {int(classes.max())}. "
            "Pass a larger `num_classes`."
        )
    rows = np.zeros((classes.size, count), settings.floatx())
    rows[np.arange(classes.size), classes] = 1
    return rows.reshape((*shape, count))


def normalize(x: Any, axis: int = -1, order: int = 2) -> Any:
    """Arrays scaled to norm one along `axis`."""
    if isinstance(x, Tensor):
        return F.divide(x, F.maximum(F.norm(x, axis=axis, keepdims=True), settings.epsilon()))
    norms = np.atleast_1d(np.linalg.norm(x, order, axis))
    norms[norms == 0] = 1
    return x / np.expand_dims(norms, axis)


def pad_sequences(
    sequences: Any,
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> np.ndarray:
    """Sequences of several lengths as one array.

    Args:
        sequences: Lists.
        maxlen: Length of a row; by default the greatest.
        dtype: Element type.
        padding: Where the filling goes: ``"pre"`` or ``"post"``.
        truncating: Where longer ones are cut: ``"pre"`` or ``"post"``.
        value: The filling.

    Raises:
        ArgumentError: A place is unknown, or a sequence is not one.
    """
    for name, place in (("padding", padding), ("truncating", truncating)):
        if place not in ("pre", "post"):
            raise ArgumentError(f"`{name}` must be 'pre' or 'post'. Received: {place!r}")
    if not all(hasattr(sequence, "__len__") for sequence in sequences):
        raise ArgumentError("`sequences` must be a list of iterables.")
    rows = [np.asarray(sequence, dtype) for sequence in sequences]
    length = max((len(row) for row in rows), default=0) if maxlen is None else maxlen
    inner = next((row.shape[1:] for row in rows if len(row)), ())
    result = np.full((len(rows), length, *inner), value, dtype)
    for index, row in enumerate(rows):
        if not len(row):
            continue
        if row.shape[1:] != inner:
            raise ArgumentError(f"Entries of sequence {index} have shape {row.shape[1:]}. Expected {inner}.")
        cut = row[max(len(row) - length, 0) :] if truncating == "pre" else row[:length]
        if padding == "post":
            result[index, : len(cut)] = cut
        else:
            result[index, length - len(cut) :] = cut
    return result


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """Inputs, targets and weights as the tuple that data sources yield."""
    if y is None:
        return (x,) if isinstance(x, (list, tuple)) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """Inputs, targets and weights of a batch.

    Raises:
        ArgumentError: A tuple of another length.
    """
    data = tuple(data) if isinstance(data, list) else data
    if not isinstance(data, tuple):
        return data, None, None
    if not 1 <= len(data) <= 3:
        raise ArgumentError(
            f"Data is expected to be in format `x`, `(x,)`, `(x, y)`, or `(x, y, sample_weight)`. Received: {data}"
        )
    return (*data, *(None,) * (3 - len(data)))  # type: ignore[return-value]
