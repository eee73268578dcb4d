"""Losses of numbers."""

from __future__ import annotations

from typing import Any

from epochal.keras.losses.loss import LossFunctionWrapper
from epochal.learn import losses


class _Plain(LossFunctionWrapper):
    """A loss whose function takes no parameters."""

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "reduction": self.reduction}


class MeanSquaredError(_Plain):
    """``mean((y_true - y_pred)^2)``."""

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "mean_squared_error", dtype: Any = None
    ):
        super().__init__(losses.mean_squared_error, reduction, name, dtype)


class MeanAbsoluteError(_Plain):
    """``mean(|y_true - y_pred|)``."""

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "mean_absolute_error", dtype: Any = None
    ):
        super().__init__(losses.mean_absolute_error, reduction, name, dtype)


class MeanAbsolutePercentageError(_Plain):
    """``100 mean(|(y_true - y_pred) / y_true|)``."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "mean_absolute_percentage_error",
        dtype: Any = None,
    ):
        super().__init__(losses.mean_absolute_percentage_error, reduction, name, dtype)


class MeanSquaredLogarithmicError(_Plain):
    """``mean((log(1 + y_true) - log(1 + y_pred))^2)``."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "mean_squared_logarithmic_error",
        dtype: Any = None,
    ):
        super().__init__(losses.mean_squared_logarithmic_error, reduction, name, dtype)


class LogCosh(_Plain):
    """``mean(log(cosh(y_pred - y_true)))``."""

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str = "log_cosh", dtype: Any = None):
        super().__init__(losses.log_cosh, reduction, name, dtype)


class Poisson(_Plain):
    """``mean(y_pred - y_true log(y_pred))``."""

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str = "poisson", dtype: Any = None):
        super().__init__(losses.poisson, reduction, name, dtype)


class KLDivergence(_Plain):
    """``sum(y_true log(y_true / y_pred))``."""

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str = "kl_divergence", dtype: Any = None):
        super().__init__(losses.kl_divergence, reduction, name, dtype)


class Huber(LossFunctionWrapper):
    """Quadratic up to `delta`, linear beyond."""

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str = "huber_loss",
        dtype: Any = None,
    ):
        super().__init__(losses.huber, reduction, name, dtype, delta=delta)
        self.delta = delta

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "reduction": self.reduction, "delta": self.delta}


class CosineSimilarity(LossFunctionWrapper):
    """Minus the cosine of the angle between target and prediction."""

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "cosine_similarity",
        dtype: Any = None,
    ):
        super().__init__(losses.cosine_similarity, reduction, name, dtype, axis=axis)
        self.axis = axis

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "reduction": self.reduction, "axis": self.axis}


class Hinge(_Plain):
    """``mean(max(1 - y_true y_pred, 0))``."""

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str = "hinge", dtype: Any = None):
        super().__init__(losses.hinge, reduction, name, dtype)


class SquaredHinge(_Plain):
    """``mean(max(1 - y_true y_pred, 0)^2)``."""

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str = "squared_hinge", dtype: Any = None):
        super().__init__(losses.squared_hinge, reduction, name, dtype)


class CategoricalHinge(_Plain):
    """``max(max((1 - y_true) y_pred) - sum(y_true y_pred) + 1, 0)``."""

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "categorical_hinge", dtype: Any = None
    ):
        super().__init__(losses.categorical_hinge, reduction, name, dtype)
