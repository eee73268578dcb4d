"""Normalisation by groups of channels."""

from __future__ import annotations

from typing import Any

from epochal.errors import ArgumentError
from epochal.tensor.convert import convert
from epochal.tensor.dispatch import apply, axis_of
from epochal.tensor.functions.creation import ones, zeros
from epochal.tensor.functions.elementwise import as_float
from epochal.tensor.functions.movement import moveaxis
from epochal.tensor.tensor import Tensor


def group_norm(
    x: Any, groups: int, gamma: Any = None, beta: Any = None, axis: int = -1, epsilon: float = 1e-3
) -> Tensor:
    """(x - mean) / sqrt(variance + epsilon) * gamma + beta, of each sample by groups of its channels.

    Args:
        x: [batch, ..., channels], or the channels at `axis`.
        groups: Into how many groups of equal size the channels fall; -1: one a channel.
        gamma: One number a channel; ``None``: ones.
        beta: One number a channel; ``None``: zeros.
        axis: Of the channels.
        epsilon: Added to the variance.
    """
    tensor = as_float(x)
    place = axis_of(axis, tensor.ndim)
    moved = tensor if place == tensor.ndim - 1 else moveaxis(tensor, place, -1)
    channels = moved.shape[-1]
    if channels is None:
        raise ArgumentError(f"group_norm needs a known number of channels. Received shape: {tensor.shape}")
    scale = ones((channels,), tensor.dtype) if gamma is None else convert(gamma, tensor.dtype)
    offset = zeros((channels,), tensor.dtype) if beta is None else convert(beta, tensor.dtype)
    count = channels if groups == -1 else int(groups)
    result: Tensor = apply("group_norm", moved, scale, offset, groups=count, epsilon=float(epsilon))[0]
    return result if moved is tensor else moveaxis(result, -1, place)
