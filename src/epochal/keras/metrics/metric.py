"""The base of all metrics: state that batches are added to, and a result read from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from epochal import dtypes
from epochal.errors import ArgumentError
from epochal.keras import dtype_policies
from epochal.keras.naming import to_snake_case
from epochal.tensor import Variable, current

_FILL = {None: 0.0, "zeros": 0.0, "Zeros": 0.0, "zero": 0.0, "ones": 1.0, "Ones": 1.0, "one": 1.0}


class Metric:
    """A measure of success over many batches.

    Subclasses make variables in `__init__` with `add_variable`, add a batch to them in `update_state` and compute the
    measure from them in `result`. All three run inside compiled programs too, so they are written with tensors.

    Args:
        dtype: Element type of the state.
        name: Name.
    """

    _direction: str | None = None

    def __init__(self, dtype: Any = None, name: str | None = None) -> None:
        self._variables: list[Variable] = []
        self._metrics: list[Metric] = []
        self.name = name or to_snake_case(type(self).__name__)
        policy = dtype_policies.get(dtype)
        self._dtype = policy.variable_dtype if dtype is None else policy.compute_dtype

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Metric):
            _track(self._metrics, value)
        elif isinstance(value, Variable):
            _track(self._variables, value)
        elif isinstance(value, (list, tuple)) and name not in ("_variables", "_metrics"):
            for item in value:
                if isinstance(item, Metric):
                    _track(self._metrics, item)
                elif isinstance(item, Variable):
                    _track(self._variables, item)
        super().__setattr__(name, value)

    @property
    def dtype(self) -> str:
        return self._dtype

    @property
    def variables(self) -> list[Variable]:
        """Its state, and that of the metrics it holds."""
        return [*self._variables, *(variable for metric in self._metrics for variable in metric.variables)]

    def add_variable(
        self,
        shape: Sequence[int] = (),
        initializer: Any = None,
        dtype: Any = None,
        aggregation: str = "sum",
        name: str | None = None,
    ) -> Variable:
        """A new part of the state.

        Args:
            shape: Its shape.
            initializer: ``"zeros"`` (default), ``"ones"``, or a function ``initializer(shape, dtype=...)``.
            dtype: Element type; that of the metric by default.
            aggregation: How replicas would be joined; one process needs none.
            name: Name.
        """
        dtype = dtypes.get(self.dtype if dtype is None else dtype).name
        if callable(initializer):
            initial = np.asarray(initializer(tuple(shape), dtype=dtype))
        elif initializer in _FILL:
            initial = np.full(tuple(shape), _FILL[initializer], dtypes.get(dtype).numpy)
        else:
            raise ArgumentError(
                f"Metric {self.name!r}: initializer must be 'zeros', 'ones' or a function of (shape, dtype). "
                f"Received: {initializer!r}"
            )
        variable = Variable(initial, dtype=dtype, trainable=False, name=f"{self.name}/{name or 'variable'}")
        _track(self._variables, variable)
        return variable

    def add_weight(
        self, shape: Sequence[int] = (), initializer: Any = None, dtype: Any = None, name: str | None = None
    ) -> Variable:
        """An older name of `add_variable`; a leading string is taken for the name, as older programs write."""
        if isinstance(shape, str):
            shape, name = (), shape
        return self.add_variable(shape=shape, initializer=initializer, dtype=dtype, name=name)

    def reset_state(self) -> None:
        """Forgets all batches."""
        eager = current() is None
        for variable in self.variables:
            if eager:
                variable.data.fill(0)
            else:
                variable.assign(np.zeros(variable.shape, variable.dtype.numpy))

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Adds a batch."""
        raise NotImplementedError(f"{type(self).__name__} must define update_state.")

    def result(self) -> Any:
        """The measure over all batches so far: a scalar tensor, or a dictionary of them."""
        raise NotImplementedError(f"{type(self).__name__} must define result.")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.update_state(*args, **kwargs)
        return self.result()

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


def _track(known: list[Any], new: Any) -> None:
    if not any(item is new for item in known):
        known.append(new)
