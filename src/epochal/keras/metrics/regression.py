"""Errors of numbers and of probabilities, as metrics."""

from __future__ import annotations

from typing import Any

from epochal.errors import ArgumentError, ShapeError
from epochal.keras.metrics.metric import Metric
from epochal.keras.metrics.reduction import Mean, MeanOfFunction
from epochal.learn import losses
from epochal.learn.losses import match_ranks
from epochal.tensor import Tensor, convert, functions


class MeanSquaredError(MeanOfFunction):
    """Mean of squared errors."""

    _direction = "down"

    def __init__(self, name: str | None = "mean_squared_error", dtype: Any = None) -> None:
        super().__init__(losses.mean_squared_error, name, dtype)


class RootMeanSquaredError(Mean):
    """Root of the mean of squared errors."""

    _direction = "down"

    def __init__(self, name: str | None = "root_mean_squared_error", dtype: Any = None) -> None:
        super().__init__(name, dtype)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_true, y_pred = match_ranks(convert(y_true, self.dtype), convert(y_pred, self.dtype))
        super().update_state(functions.square(y_pred - y_true), sample_weight)

    def result(self) -> Tensor:
        return functions.sqrt(super().result())


class MeanAbsoluteError(MeanOfFunction):
    """Mean of absolute errors."""

    _direction = "down"

    def __init__(self, name: str | None = "mean_absolute_error", dtype: Any = None) -> None:
        super().__init__(losses.mean_absolute_error, name, dtype)


class MeanAbsolutePercentageError(MeanOfFunction):
    """Mean of absolute errors in per cent of the target."""

    _direction = "down"

    def __init__(self, name: str | None = "mean_absolute_percentage_error", dtype: Any = None) -> None:
        super().__init__(losses.mean_absolute_percentage_error, name, dtype)


class MeanSquaredLogarithmicError(MeanOfFunction):
    """Mean of squared errors of logarithms."""

    _direction = "down"

    def __init__(self, name: str | None = "mean_squared_logarithmic_error", dtype: Any = None) -> None:
        super().__init__(losses.mean_squared_logarithmic_error, name, dtype)


class LogCoshError(MeanOfFunction):
    """Mean of the logarithm of the hyperbolic cosine of errors."""

    _direction = "down"

    def __init__(self, name: str | None = "logcosh", dtype: Any = None) -> None:
        super().__init__(losses.log_cosh, name, dtype)


class CosineSimilarity(MeanOfFunction):
    """Mean cosine of the angle between target and prediction."""

    _direction = "up"

    def __init__(self, name: str | None = "cosine_similarity", dtype: Any = None, axis: int = -1) -> None:
        super().__init__(_cosine, name, dtype, axis=axis)


def _cosine(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
    return -losses.cosine_similarity(y_true, y_pred, axis)


class Poisson(MeanOfFunction):
    """Mean Poisson loss."""

    _direction = "down"

    def __init__(self, name: str | None = "poisson", dtype: Any = None) -> None:
        super().__init__(losses.poisson, name, dtype)


class KLDivergence(MeanOfFunction):
    """Mean Kullback-Leibler divergence."""

    _direction = "down"

    def __init__(self, name: str | None = "kl_divergence", dtype: Any = None) -> None:
        super().__init__(losses.kl_divergence, name, dtype)


class Hinge(MeanOfFunction):
    """Mean hinge loss."""

    _direction = "down"

    def __init__(self, name: str | None = "hinge", dtype: Any = None) -> None:
        super().__init__(losses.hinge, name, dtype)


class SquaredHinge(MeanOfFunction):
    """Mean squared hinge loss."""

    _direction = "down"

    def __init__(self, name: str | None = "squared_hinge", dtype: Any = None) -> None:
        super().__init__(losses.squared_hinge, name, dtype)


class CategoricalHinge(MeanOfFunction):
    """Mean categorical hinge loss."""

    _direction = "down"

    def __init__(self, name: str | None = "categorical_hinge", dtype: Any = None) -> None:
        super().__init__(losses.categorical_hinge, name, dtype)


class BinaryCrossentropy(MeanOfFunction):
    """Mean binary cross-entropy."""

    _direction = "down"

    def __init__(
        self,
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ) -> None:
        super().__init__(
            losses.binary_crossentropy, name, dtype, from_logits=from_logits, label_smoothing=label_smoothing
        )


class CategoricalCrossentropy(MeanOfFunction):
    """Mean cross-entropy of one-hot targets."""

    _direction = "down"

    def __init__(
        self,
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ) -> None:
        super().__init__(
            losses.categorical_crossentropy,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class SparseCategoricalCrossentropy(MeanOfFunction):
    """Mean cross-entropy of targets that are numbers of classes."""

    _direction = "down"

    def __init__(
        self,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        super().__init__(
            losses.sparse_categorical_crossentropy,
            name,
            dtype,
            from_logits=from_logits,
            ignore_class=ignore_class,
            axis=axis,
        )


class R2Score(Metric):
    """The coefficient of determination: 1 minus the squared error over that of the mean.

    Args:
        class_aggregation: ``"uniform_average"``, ``"variance_weighted_average"``, or ``None`` for one score an output.
        num_regressors: Predictors, for the adjusted score; 0 for the plain one.
        name: Name.
        dtype: Element type.
    """

    _direction = "up"

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = "r2_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        if class_aggregation not in (None, "uniform_average", "variance_weighted_average"):
            raise ArgumentError(
                "Invalid value for argument `class_aggregation`. Expected None, 'uniform_average' or "
                f"'variance_weighted_average'. Received: class_aggregation={class_aggregation!r}"
            )
        if num_regressors < 0:
            raise ArgumentError(
                "Invalid value for argument `num_regressors`. Expected a value >= 0. "
                f"Received: num_regressors={num_regressors}"
            )
        self.class_aggregation = class_aggregation
        self.num_regressors = num_regressors
        self.num_samples = self.add_variable((), name="num_samples")
        self._built = False

    def _build(self, shape: tuple[int | None, ...]) -> None:
        if len(shape) != 2:
            raise ShapeError(
                f"R2Score expects 2D inputs with shape (batch_size, output_dim). Received: y_pred.shape={shape}."
            )
        self.squared_sum = self.add_variable(shape[1:], name="squared_sum")  # type: ignore[arg-type]
        self.sum = self.add_variable(shape[1:], name="sum")  # type: ignore[arg-type]
        self.total_mse = self.add_variable(shape[1:], name="residual")  # type: ignore[arg-type]
        self.count = self.add_variable(shape[1:], name="count")  # type: ignore[arg-type]
        self._built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_true, y_pred = match_ranks(convert(y_true, self.dtype), convert(y_pred, self.dtype))
        if not self._built:
            self._build(y_pred.shape)
        weight = convert(1.0 if sample_weight is None else sample_weight, self.dtype)
        if len(weight.shape) == 1:
            weight = functions.expand_dims(weight, 1)
        weight = functions.broadcast_to(weight, y_true.shape)
        self.sum.assign(self.sum + functions.sum(y_true * weight, axis=0))
        self.squared_sum.assign(self.squared_sum + functions.sum(y_true * y_true * weight, axis=0))
        self.total_mse.assign(self.total_mse + functions.sum(functions.square(y_true - y_pred) * weight, axis=0))
        self.count.assign(self.count + functions.sum(weight, axis=0))
        self.num_samples.assign(self.num_samples + float(y_true.shape[0] * y_true.shape[1]))

    def result(self) -> Tensor:
        mean = self.sum / self.count
        total = self.squared_sum - self.sum * mean
        score = 1.0 - self.total_mse / total
        score = functions.where(functions.absolute(score) == float("inf"), 0.0, score)
        if self.class_aggregation == "uniform_average":
            score = functions.mean(score)
        elif self.class_aggregation == "variance_weighted_average":
            score = functions.sum(total * score) / functions.sum(total)
        if self.num_regressors:
            n = self.num_samples.value
            score = 1.0 - (1.0 - score) * (n - 1.0) / (n - float(self.num_regressors) - 1.0)
        return score

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "class_aggregation": self.class_aggregation,
            "num_regressors": self.num_regressors,
        }
