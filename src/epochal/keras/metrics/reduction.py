"""Means and sums over batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from epochal.keras.metrics.metric import Metric
from epochal.keras.saving.serialization import deserialize_keras_object, serialize_keras_object
from epochal.learn import losses, metrics
from epochal.tensor import Tensor, convert, functions


class Sum(Metric):
    """The weighted sum of values."""

    def __init__(self, name: str | None = "sum", dtype: Any = None) -> None:
        super().__init__(dtype, name)
        self.total = self.add_variable((), name="total")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        values, _ = metrics.weighted_samples(convert(values, self.dtype), sample_weight, functions.sum)
        self.total.assign(self.total + functions.sum(values))

    def result(self) -> Tensor:
        return self.total.value


class Mean(Metric):
    """The weighted mean of values; each sample counts once, whatever its further axes.

    Example:
        >>> mean = Mean()
        >>> mean.update_state([1.0, 3.0])
        >>> mean.update_state([5.0], sample_weight=[2.0])
        >>> float(mean.result())
        3.5
    """

    def __init__(self, name: str | None = "mean", dtype: Any = None) -> None:
        super().__init__(dtype, name)
        self.total = self.add_variable((), name="total")
        self.count = self.add_variable((), name="count")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        values, weight = metrics.weighted_samples(convert(values, self.dtype), sample_weight, functions.mean)
        self.total.assign(self.total + functions.sum(values))
        if weight is not None:
            count: Any = functions.sum(weight)
        else:
            count = float(values.shape[0]) if values.shape else 1.0
        self.count.assign(self.count + count)

    def result(self) -> Tensor:
        return metrics.divide_no_nan(self.total.value, self.count.value)


class MeanMetricWrapper(Mean):
    """The mean of what a function ``fn(y_true, y_pred, **kwargs)`` gives for each sample."""

    def __init__(self, fn: Callable[..., Any], name: str | None = None, dtype: Any = None, **kwargs: Any) -> None:
        super().__init__(name or getattr(fn, "__name__", None), dtype)
        self._fn = fn
        self._fn_kwargs = kwargs
        # Losses are the functions most often given, and they are better when smaller.
        if self._direction is None and hasattr(losses, getattr(fn, "__name__", "")):
            self._direction = "down"

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        mask = getattr(y_pred, "_keras_mask", None)
        values = self._fn(y_true, y_pred, **self._fn_kwargs)
        if mask is not None:
            mask = functions.cast(mask, self.dtype)
            if sample_weight is not None:
                mask, weight = losses.match_ranks(mask, convert(sample_weight, self.dtype))
                mask = mask * weight
            sample_weight = mask
        super().update_state(values, sample_weight)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config["fn"] = serialize_keras_object(self._fn)
        config.update({key: serialize_keras_object(value) for key, value in self._fn_kwargs.items()})
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        if "fn" in config:
            config = {key: deserialize_keras_object(value) for key, value in config.items()}
        return cls(**config)


class MeanOfFunction(MeanMetricWrapper):
    """A `MeanMetricWrapper` whose configuration is its function's parameters, which become attributes."""

    def __init__(self, fn: Callable[..., Any], name: str | None, dtype: Any, **kwargs: Any) -> None:
        super().__init__(fn, name, dtype, **kwargs)
        for key, value in kwargs.items():
            setattr(self, key, value)

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "dtype": self.dtype, **self._fn_kwargs}
