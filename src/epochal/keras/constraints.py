"""Projections that a weight is put through after each update."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from epochal.keras import settings
from epochal.keras.identifiers import interpret
from epochal.keras.saving.serialization import deserialize_keras_object, serialize_keras_object
from epochal.tensor import Tensor, convert
from epochal.tensor import functions as F


class Constraint:
    """A function from a weight to the weight that replaces it."""

    def __call__(self, w: Any) -> Any:
        return w

    def get_config(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        return cls(**config)


def _norms(w: Tensor, axis: Any) -> Tensor:
    return F.sqrt(F.sum(F.square(w), axis=axis, keepdims=True))


class MaxNorm(Constraint):
    """Scales down vectors along `axis` whose Euclidean norm exceeds `max_value`."""

    def __init__(self, max_value: float = 2, axis: Any = 0) -> None:
        self.max_value = max_value
        self.axis = axis

    def __call__(self, w: Any) -> Tensor:
        w = convert(w)
        norms = _norms(w, self.axis)
        return F.multiply(w, F.divide(F.clip(norms, 0.0, self.max_value), F.add(norms, settings.epsilon())))

    def get_config(self) -> dict[str, Any]:
        return {"max_value": self.max_value, "axis": self.axis}


class NonNeg(Constraint):
    """Replaces negative weights by zero."""

    def __call__(self, w: Any) -> Tensor:
        w = convert(w)
        return F.maximum(w, 0.0)


class UnitNorm(Constraint):
    """Scales vectors along `axis` to Euclidean norm one."""

    def __init__(self, axis: Any = 0) -> None:
        self.axis = axis

    def __call__(self, w: Any) -> Tensor:
        w = convert(w)
        return F.divide(w, F.add(_norms(w, self.axis), settings.epsilon()))

    def get_config(self) -> dict[str, Any]:
        return {"axis": self.axis}


class MinMaxNorm(Constraint):
    """Moves the norms of vectors along `axis` towards [min_value, max_value], at `rate` (1: all the way)."""

    def __init__(self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: Any = 0) -> None:
        self.min_value = min_value
        self.max_value = max_value
        self.rate = rate
        self.axis = axis

    def __call__(self, w: Any) -> Tensor:
        w = convert(w)
        norms = _norms(w, self.axis)
        clipped = F.clip(norms, self.min_value, self.max_value)
        desired = F.add(F.multiply(clipped, self.rate), F.multiply(norms, 1.0 - self.rate))
        return F.multiply(w, F.divide(desired, F.add(norms, settings.epsilon())))

    def get_config(self) -> dict[str, Any]:
        return {"min_value": self.min_value, "max_value": self.max_value, "rate": self.rate, "axis": self.axis}


max_norm = MaxNorm
non_neg = NonNeg
unit_norm = UnitNorm
min_max_norm = MinMaxNorm
CONSTRAINTS: dict[str, Any] = {
    "MaxNorm": MaxNorm,
    "NonNeg": NonNeg,
    "UnitNorm": UnitNorm,
    "MinMaxNorm": MinMaxNorm,
    "max_norm": MaxNorm,
    "non_neg": NonNeg,
    "unit_norm": UnitNorm,
    "min_max_norm": MinMaxNorm,
}


def get(identifier: Any) -> Callable[..., Any] | None:
    """A constraint from a name, a configuration, a class, a function or ``None``.

    Raises:
        ArgumentError: It is none of these.
    """
    return interpret(identifier, "constraint", "a Constraint, a function", CONSTRAINTS, deserialize)


def serialize(constraint: Any) -> Any:
    """A constraint as plain data."""
    return serialize_keras_object(constraint)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The constraint that `serialize` wrote."""
    return deserialize_keras_object(config, custom_objects=custom_objects, module_objects=CONSTRAINTS)
