"""Starting values of variables, as functions from a shape to a tensor.

Sources: Glorot and Bengio 2010 (`glorot`), He et al. 2015 (`he`), LeCun et al. 1998 (`lecun`), Saxe et al. 2014
(`orthogonal`). The variance-scaling family draws with variance ``scale / fan``, where the fan is the number of inputs
or outputs of one unit (or their mean) and a kernel's receptive field counts as a factor of both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from epochal import dtypes
from epochal.errors import ArgumentError, ShapeError
from epochal.tensor import Tensor, constant, random

# A standard normal cut at two deviations has this deviation; dividing by it restores unit variance.
TRUNCATED_DEVIATION = 0.87962566103423978


def compute_fans(shape: Sequence[int]) -> tuple[int, int]:
    """Inputs and outputs of one unit of a kernel ``[*window, inputs, outputs]``.

    Example:
        >>> compute_fans((3, 3, 8, 16))
        (72, 144)
    """
    if len(shape) == 0:
        return 1, 1
    if len(shape) == 1:
        return int(shape[0]), int(shape[0])
    field = math.prod(shape[:-2])
    return int(shape[-2] * field), int(shape[-1] * field)


def filled(shape: Sequence[int], value: Any, dtype: Any = "float32") -> Tensor:
    """Every element `value` (or `value` broadcast to the shape)."""
    return constant(np.broadcast_to(np.asarray(value, dtypes.get(dtype).numpy), tuple(shape)), dtype)


def uniform(shape: Sequence[int], low: float, high: float, dtype: Any = "float32", seed: Any = None) -> Tensor:
    """Uniform on [low, high)."""
    return random.uniform(tuple(shape), minval=low, maxval=high, dtype=dtype, seed=seed)


def normal(shape: Sequence[int], mean: float, deviation: float, dtype: Any = "float32", seed: Any = None) -> Tensor:
    """Normal."""
    return random.normal(tuple(shape), mean=mean, stddev=deviation, dtype=dtype, seed=seed)


def truncated_normal(
    shape: Sequence[int], mean: float, deviation: float, dtype: Any = "float32", seed: Any = None
) -> Tensor:
    """Normal, redrawn beyond two deviations from the mean."""
    return random.truncated_normal(tuple(shape), mean=mean, stddev=deviation, dtype=dtype, seed=seed)


def variance_scaling(
    shape: Sequence[int],
    scale: float = 1.0,
    mode: str = "fan_in",
    distribution: str = "truncated_normal",
    dtype: Any = "float32",
    seed: Any = None,
) -> Tensor:
    """Draws with variance ``scale / fan``.

    Args:
        shape: Shape of the kernel, ``[*window, inputs, outputs]``.
        scale: Positive factor.
        mode: ``"fan_in"``, ``"fan_out"`` or ``"fan_avg"``.
        distribution: ``"truncated_normal"``, ``"untruncated_normal"`` or ``"uniform"``.
        dtype: Element type.
        seed: An integer, a seed generator, or ``None`` for the global stream.

    Raises:
        ArgumentError: Unknown mode or distribution, or a scale that is not positive.
    """
    if scale <= 0:
        raise ArgumentError(f"`scale` must be positive. Received: {scale}")
    fan_in, fan_out = compute_fans(shape)
    fans = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}
    if mode not in fans:
        raise ArgumentError(f"Unknown `mode`: {mode!r}. Expected one of {', '.join(fans)}.")
    variance = scale / max(1.0, fans[mode])
    if distribution == "truncated_normal":
        return truncated_normal(shape, 0.0, math.sqrt(variance) / TRUNCATED_DEVIATION, dtype, seed)
    if distribution == "untruncated_normal":
        return normal(shape, 0.0, math.sqrt(variance), dtype, seed)
    if distribution == "uniform":
        limit = math.sqrt(3.0 * variance)
        return uniform(shape, -limit, limit, dtype, seed)
    raise ArgumentError(
        f"Unknown `distribution`: {distribution!r}. Expected truncated_normal, untruncated_normal or uniform."
    )


def orthogonal(shape: Sequence[int], gain: float = 1.0, dtype: Any = "float32", seed: Any = None) -> Tensor:
    """A random matrix with orthonormal rows or columns, whichever are fewer, times `gain`.

    Axes before the last are folded into one.

    Raises:
        ShapeError: Fewer than two axes.
    """
    if len(shape) < 2:
        raise ShapeError(f"An orthogonal initializer needs a shape of rank 2 or more. Received: {tuple(shape)}")
    rows, columns = math.prod(shape[:-1]), int(shape[-1])
    drawn = normal((max(rows, columns), min(rows, columns)), 0.0, 1.0, "float32", seed)
    q, r = np.linalg.qr(np.asarray(drawn, np.float64))
    # Fixing the signs of R's diagonal makes the distribution uniform over orthogonal matrices.
    q = q * np.sign(np.diagonal(r))
    if rows < columns:
        q = q.T
    return constant((gain * q).reshape(tuple(shape)).astype(dtypes.get(dtype).numpy), dtype)


def identity(shape: Sequence[int], gain: float = 1.0, dtype: Any = "float32") -> Tensor:
    """The identity matrix times `gain`.

    Raises:
        ShapeError: Not two axes.
    """
    if len(shape) != 2:
        raise ShapeError(f"An identity initializer makes matrices only. Received: shape={tuple(shape)}")
    return constant((gain * np.eye(*shape)).astype(dtypes.get(dtype).numpy), dtype)
