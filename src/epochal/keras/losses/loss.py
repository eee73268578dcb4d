"""The base of all losses, and the loss made of a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from epochal.errors import ArgumentError
from epochal.keras import dtype_policies
from epochal.keras.naming import to_snake_case
from epochal.keras.saving.serialization import deserialize_keras_object, serialize_keras_object
from epochal.learn import losses
from epochal.tensor import Tensor, convert

REDUCTIONS = ("sum_over_batch_size", "sum", None, "none", "mean", "mean_with_sample_weight")


class Loss:
    """A number to be made small, from targets and predictions. Subclasses define `call`.

    Args:
        name: Name.
        reduction: How the values of the samples become one: ``"sum_over_batch_size"`` (their mean), ``"mean"`` (the
            same), ``"mean_with_sample_weight"`` (divided by the sum of the weights), ``"sum"``, or ``"none"``.
        dtype: Element type in which it is computed.
    """

    #: Whether whole-number targets are handed to `call` as they are and not as floats.
    _keeps_integers = False

    def __init__(self, name: str | None = None, reduction: str | None = "sum_over_batch_size", dtype: Any = None):
        if reduction not in REDUCTIONS:
            raise ArgumentError(
                "Invalid value for argument `reduction`. "
                f"Expected one of {', '.join(map(repr, REDUCTIONS))}. Received: reduction={reduction!r}"
            )
        self.name = name or to_snake_case(type(self).__name__)
        self.reduction = reduction
        self._dtype_policy = None if dtype is None else dtype_policies.get(dtype)

    @property
    def dtype(self) -> str:
        policy = self._dtype_policy or dtype_policies.get(None)
        return policy.variable_dtype if self._dtype_policy is None else policy.compute_dtype

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Tensor:
        """The loss of a batch, weighted and reduced."""
        mask = getattr(y_pred, "_keras_mask", None)
        y_pred = _convert_each(y_pred, self.dtype)
        if not (self._keeps_integers and convert(y_true).dtype.is_integer):
            y_true = _convert_each(y_true, self.dtype)
        values = self.call(y_true, y_pred)
        own_mask = getattr(values, "_keras_mask", None)
        if mask is not None and own_mask is not None:
            mask = mask & own_mask
        elif mask is None:
            mask = own_mask
        return losses.reduce_weighted(convert(values, self.dtype), sample_weight, mask, self.reduction)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """One value a sample."""
        raise NotImplementedError(f"{type(self).__name__} must define call(y_true, y_pred).")

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "reduction": self.reduction}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


def _convert_each(value: Any, dtype: str) -> Any:
    if isinstance(value, dict):
        return {key: _convert_each(item, dtype) for key, item in value.items()}
    if isinstance(value, (list, tuple)) and value and all(hasattr(item, "dtype") for item in value):
        return type(value)(_convert_each(item, dtype) for item in value)
    return convert(value, dtype)


class LossFunctionWrapper(Loss):
    """The loss that a function ``fn(y_true, y_pred, **kwargs)`` computes."""

    def __init__(
        self,
        fn: Callable[..., Any],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ):
        super().__init__(name or getattr(fn, "__name__", None), reduction, dtype)
        self.fn = fn
        self._fn_kwargs = kwargs

    def call(self, y_true: Any, y_pred: Any) -> Any:
        if not isinstance(y_true, (dict, list, tuple)) and not isinstance(y_pred, (dict, list, tuple)):
            y_true, y_pred = losses.match_ranks(y_true, y_pred)
        return self.fn(y_true, y_pred, **self._fn_kwargs)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config["fn"] = serialize_keras_object(self.fn)
        config.update({key: serialize_keras_object(value) for key, value in self._fn_kwargs.items()})
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        if "fn" in config:
            config = {key: deserialize_keras_object(value) for key, value in config.items()}
        return cls(**config)
