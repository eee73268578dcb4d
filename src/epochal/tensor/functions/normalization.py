"""Normalisation, and the losses that are operators of their own for accuracy and speed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from epochal import dtypes
from epochal.errors import ArgumentError, ShapeError
from epochal.tensor.convert import cast, convert
from epochal.tensor.dispatch import apply, axis_of
from epochal.tensor.functions.creation import ones, zeros
from epochal.tensor.functions.elementwise import (
    add,
    as_float,
    divide,
    maximum,
    multiply,
    operands,
    rsqrt,
    square,
    subtract,
)
from epochal.tensor.functions.movement import moveaxis, reshape
from epochal.tensor.functions.reduction import axes_of
from epochal.tensor.functions.reduction import sum as _sum
from epochal.tensor.tensor import Tensor


def layer_norm(
    x: Any, gamma: Any = None, beta: Any = None, axis: int | Iterable[int] = -1, epsilon: float = 1e-3
) -> Tensor:
    """(x - mean) / sqrt(variance + epsilon) * gamma + beta, over `axis` of each sample by itself.

    Args:
        x: Tensor.
        gamma: Of the shape of the normalised axes; ``None``: ones.
        beta: Of the shape of the normalised axes; ``None``: zeros.
        axis: Which axes.
        epsilon: Added to the variance.
    """
    tensor = as_float(x)
    axes = axes_of(axis, tensor.ndim)
    last = tuple(range(tensor.ndim - len(axes), tensor.ndim))
    moved = tensor if axes == last else moveaxis(tensor, axes, last)
    sizes = moved.dimensions[moved.ndim - len(axes) :]
    scale = ones(sizes, tensor.dtype) if gamma is None else reshape(convert(gamma, tensor.dtype), sizes)
    offset = zeros(sizes, tensor.dtype) if beta is None else reshape(convert(beta, tensor.dtype), sizes)
    result = apply("layer_norm", moved, scale, offset, axes=last, epsilon=float(epsilon))[0]
    return result if axes == last else moveaxis(result, last, axes)


def _channel(parameter: Any, x: Tensor, axis: int, name: str) -> Tensor:
    """A parameter of one number a channel, shaped to broadcast against x."""
    tensor = convert(parameter, x.dtype)
    if tensor.ndim != 1 or (x.shape[axis] is not None and tensor.shape[0] not in (None, x.shape[axis])):
        raise ShapeError(
            f"{name} must hold one number for each entry of axis {axis} of shape {x.shape}. "
            f"Received shape: {tensor.shape}"
        )
    return reshape(tensor, tuple(tensor.dimensions[0] if place == axis else 1 for place in range(x.ndim)))


def batch_norm(
    x: Any, mean: Any, variance: Any, gamma: Any = None, beta: Any = None, axis: int = -1, epsilon: float = 1e-3
) -> Tensor:
    """(x - mean) / sqrt(variance + epsilon) * gamma + beta with given statistics, one number a channel."""
    tensor = as_float(x)
    place = axis_of(axis, tensor.ndim)
    scale = rsqrt(add(convert(variance, tensor.dtype), epsilon))
    if gamma is not None:
        scale = multiply(scale, convert(gamma, tensor.dtype))
    offset = multiply(scale, convert(mean, tensor.dtype))
    offset = multiply(offset, -1.0) if beta is None else subtract(convert(beta, tensor.dtype), offset)
    scaled = multiply(tensor, _channel(scale, tensor, place, "mean, variance and gamma"))
    return add(scaled, _channel(offset, tensor, place, "beta"))


def batch_norm_training(
    x: Any, gamma: Any = None, beta: Any = None, axis: int = -1, epsilon: float = 1e-3
) -> tuple[Tensor, Tensor, Tensor]:
    """Normalisation with the batch's own statistics, one channel at a time.

    Returns:
        The result, and the mean and biased variance of each channel.
    """
    tensor = as_float(x)
    place = axis_of(axis, tensor.ndim)
    moved = tensor if place == tensor.ndim - 1 else moveaxis(tensor, place, -1)
    sizes = moved.dimensions[-1:]
    scale = ones(sizes, tensor.dtype) if gamma is None else convert(gamma, tensor.dtype)
    offset = zeros(sizes, tensor.dtype) if beta is None else convert(beta, tensor.dtype)
    y, mean, variance = apply("batch_norm_training", moved, scale, offset, epsilon=float(epsilon))
    return (y if moved is tensor else moveaxis(y, -1, place)), mean, variance


def rms_norm(x: Any, gamma: Any = None, axis: int | Iterable[int] = -1, epsilon: float = 1e-6) -> Tensor:
    """x over the root of its mean square along `axis`, times gamma."""
    tensor = as_float(x)
    axes = axes_of(axis, tensor.ndim)
    total = _sum(square(tensor), axes, keepdims=True)
    count = 1
    for place in axes:
        if tensor.shape[place] is None:
            raise ShapeError(f"rms_norm needs known sizes along axis {axis}. Received shape: {tensor.shape}")
        count *= tensor.shape[place]  # type: ignore[operator]
    result = multiply(tensor, rsqrt(add(divide(total, count), epsilon)))
    return result if gamma is None else multiply(result, convert(gamma, tensor.dtype))


def normalize(x: Any, axis: int | Iterable[int] = -1, epsilon: float = 1e-12) -> Tensor:
    """x over its Euclidean length along `axis`; lengths squared below `epsilon` count as that."""
    tensor = as_float(x)
    return multiply(tensor, rsqrt(maximum(_sum(square(tensor), axis, keepdims=True), epsilon)))


def softmax_cross_entropy(logits: Any, labels: Any) -> Tensor:
    """-sum(labels * log_softmax(logits)) along the last axis; labels are probabilities of the same shape."""
    logits, labels = operands(as_float(logits), as_float(labels))
    result: Tensor = apply("softmax_cross_entropy", logits, labels)
    return result


def sparse_softmax_cross_entropy(logits: Any, labels: Any) -> Tensor:
    """-log_softmax(logits) at the class that `labels` names, along the last axis."""
    classes = convert(labels)
    if not classes.dtype.is_integer:
        if classes.dtype.is_bool:
            raise ArgumentError("Class labels must be integers. Received bools.")
        classes = cast(classes, dtypes.int64)
    result: Tensor = apply("sparse_softmax_cross_entropy", as_float(logits), classes)
    return result


def sigmoid_cross_entropy(logits: Any, labels: Any) -> Tensor:
    """Cross-entropy of sigmoid(logits), element by element: max(z, 0) - z * labels + log(1 + exp(-abs(z)))."""
    logits, labels = operands(as_float(logits), as_float(labels))
    result: Tensor = apply("sigmoid_cross_entropy", logits, labels)
    return result
