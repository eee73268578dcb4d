"""Keras's variable: a weight with a path, a regularizer and a constraint."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from epochal import tensor
from epochal.errors import ArgumentError
from epochal.keras import naming, settings
from epochal.tensor import context as contexts


class Variable(tensor.Variable):
    """A trainable or other weight.

    Args:
        initializer: A value, or a function ``(shape, dtype=)`` that returns one.
        shape: Needed when `initializer` is a function.
        dtype: Element type; by default `floatx` for a function, the value's own otherwise.
        trainable: Whether training changes it.
        autocast: Whether mixed precision may cast it.
        aggregation: How replicas would combine it; kept for its configuration.
        synchronization: As `aggregation`.
        name: Unique among its layer's weights.
        layout: How it is laid out over devices; only ``None``.

    Attributes:
        path: Scopes and name, as in ``"sequential/dense/kernel"``.
        regularizer: Penalty added to the model's loss, or ``None``.
        constraint: Projection applied after updates, or ``None``.
    """

    def __init__(
        self,
        initializer: Any,
        shape: Iterable[int] | None = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        aggregation: str | None = "none",
        synchronization: str = "auto",
        name: str | None = None,
        layout: Any = None,
        **kwargs: Any,
    ) -> None:
        if kwargs:
            raise ArgumentError(f"Unrecognized keyword arguments passed to Variable: {sorted(kwargs)}")
        if callable(initializer) and not hasattr(initializer, "dtype"):
            if shape is None:
                raise ArgumentError(
                    "When creating a Variable from an initializer, the `shape` argument should be specified. "
                    f"Received: initializer={initializer} and shape={shape}"
                )
            shape = tuple(int(size) for size in shape)
            with contexts.eagerly():
                initializer = _call_initializer(initializer, shape, settings.standardize_dtype(dtype))
        name = name or naming.unique_name("variable")
        if "/" in name:
            raise ArgumentError(
                f"Argument `name` must be a string and cannot contain character `/`. Received: name={name}"
            )
        super().__init__(initializer, dtype=dtype, trainable=trainable, name=name, shape=shape)
        parent = naming.current_path()
        self.path = f"{parent}/{name}" if parent else name
        self.autocast = autocast
        self.aggregation = aggregation
        self.synchronization = synchronization
        self.overwrite_with_gradient = False
        self.regularizer: Callable[[Any], Any] | None = None
        self.constraint: Callable[[Any], Any] | None = None

    def __repr__(self) -> str:
        value = np.array2string(self.data)
        return f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype.name}, value={value}>"


def _call_initializer(initializer: Callable[..., Any], shape: tuple[int, ...], dtype: str) -> Any:
    return initializer(shape, dtype=dtype)


def variable_path(variable: Any) -> str:
    """The path of a variable, or the name of one that has no path."""
    return getattr(variable, "path", None) or str(variable.name)
