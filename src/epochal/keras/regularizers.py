"""Penalties on weights and outputs that are added to the loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from epochal.errors import ArgumentError, ShapeError
from epochal.keras.identifiers import interpret
from epochal.keras.saving.serialization import deserialize_keras_object, serialize_keras_object
from epochal.tensor import Tensor, convert
from epochal.tensor import functions as F


class Regularizer:
    """A function from a tensor to a scalar penalty."""

    def __call__(self, x: Any) -> Tensor:
        return convert(0.0)

    def get_config(self) -> dict[str, Any]:
        raise NotImplementedError(f"{self} does not implement get_config()")

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        return cls(**config)


def _factor(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        raise ArgumentError(
            f"Invalid value for argument {name}: expected a non-negative float. Received: {name}={value}"
        )
    if not value >= 0 or value == float("inf"):
        raise ArgumentError(
            f"Invalid value for argument {name}: expected a non-negative float. Received: {name}={value}"
        )
    return float(value)


class L1L2(Regularizer):
    """``l1 * sum(abs(x)) + l2 * sum(x^2)``."""

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1 = _factor(0.0 if l1 is None else l1, "l1")
        self.l2 = _factor(0.0 if l2 is None else l2, "l2")

    def __call__(self, x: Any) -> Tensor:
        x = convert(x)
        penalty = None
        if self.l1:
            penalty = F.multiply(F.sum(F.absolute(x)), self.l1)
        if self.l2:
            squares = F.multiply(F.sum(F.square(x)), self.l2)
            penalty = squares if penalty is None else F.add(penalty, squares)
        return F.cast(convert(0.0), x.dtype) if penalty is None else penalty

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1, "l2": self.l2}


class L1(Regularizer):
    """``l1 * sum(abs(x))``."""

    def __init__(self, l1: float = 0.01) -> None:
        self.l1 = _factor(0.01 if l1 is None else l1, "l1")

    def __call__(self, x: Any) -> Tensor:
        return F.multiply(F.sum(F.absolute(x)), self.l1)

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1}


class L2(Regularizer):
    """``l2 * sum(x^2)``."""

    def __init__(self, l2: float = 0.01) -> None:
        self.l2 = _factor(0.01 if l2 is None else l2, "l2")

    def __call__(self, x: Any) -> Tensor:
        return F.multiply(F.sum(F.square(x)), self.l2)

    def get_config(self) -> dict[str, Any]:
        return {"l2": self.l2}


class OrthogonalRegularizer(Regularizer):
    """Penalises the cosines between the rows (or columns) of a matrix, averaged over the pairs."""

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        self.factor = _factor(factor, "factor")
        if mode not in ("rows", "columns"):
            raise ArgumentError(
                f"Invalid value for argument mode. Expected one of {{'rows', 'columns'}}. Received: mode={mode}"
            )
        self.mode = mode

    def __call__(self, x: Any) -> Tensor:
        x = convert(x)
        if x.ndim != 2:
            raise ShapeError(f"Inputs to OrthogonalRegularizer must have rank 2. Received: inputs.shape={x.shape}")
        axis = 1 if self.mode == "rows" else 0
        norms = F.sqrt(F.maximum(F.sum(F.square(x), axis=axis, keepdims=True), 1e-12))
        unit = F.divide(x, norms)
        product = F.matmul(unit, F.transpose(unit)) if axis else F.matmul(F.transpose(unit), unit)
        size = x.shape[1 - axis]
        off_diagonal = F.multiply(product, F.subtract(1.0, F.eye(size, dtype=x.dtype)))
        pairs = size * (size - 1) / 2
        return F.divide(F.multiply(F.sum(F.absolute(off_diagonal)), 0.5 * self.factor), pairs)

    def get_config(self) -> dict[str, Any]:
        return {"factor": self.factor, "mode": self.mode}


l1 = L1
l2 = L2
l1_l2 = L1L2
orthogonal_regularizer = OrthogonalRegularizer
REGULARIZERS: dict[str, Any] = {
    "L1": L1,
    "L2": L2,
    "L1L2": L1L2,
    "OrthogonalRegularizer": OrthogonalRegularizer,
    "l1": L1,
    "l2": L2,
    "l1_l2": L1L2,
    "L1_L2": L1L2,
    "orthogonal_regularizer": OrthogonalRegularizer,
}


def get(identifier: Any) -> Callable[..., Any] | None:
    """A regularizer from a name, a configuration, a class, a function or ``None``.

    Raises:
        ArgumentError: It is none of these.
    """
    return interpret(identifier, "regularizer", "a Regularizer, a function", REGULARIZERS, deserialize)


def serialize(regularizer: Any) -> Any:
    """A regularizer as plain data."""
    return serialize_keras_object(regularizer)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The regularizer that `serialize` wrote."""
    return deserialize_keras_object(config, custom_objects=custom_objects, module_objects=REGULARIZERS)
