"""Losses of probabilities and classes."""

from __future__ import annotations

from typing import Any

from epochal.errors import ArgumentError
from epochal.keras.losses.loss import LossFunctionWrapper
from epochal.learn import losses
from epochal.tensor import Tensor, convert, functions


class _Configured(LossFunctionWrapper):
    """A loss whose configuration is its function's parameters."""

    def __init__(self, fn: Any, reduction: str | None, name: str, dtype: Any, **parameters: Any):
        super().__init__(fn, reduction, name, dtype, **parameters)
        for key, value in parameters.items():
            setattr(self, key, value)

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "reduction": self.reduction, **self._fn_kwargs}


class BinaryCrossentropy(_Configured):
    """Cross-entropy of yes-or-no targets.

    Args:
        from_logits: Predictions are logits and not probabilities.
        label_smoothing: Moves targets towards one half, by this fraction.
        axis: Averaged axis.
        reduction: See `Loss`.
        name: Name.
        dtype: Element type.
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "binary_crossentropy",
        dtype: Any = None,
    ):
        super().__init__(
            losses.binary_crossentropy,
            reduction,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class BinaryFocalCrossentropy(_Configured):
    """Binary cross-entropy that counts easy samples less."""

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "binary_focal_crossentropy",
        dtype: Any = None,
    ):
        super().__init__(
            losses.binary_focal_crossentropy,
            reduction,
            name,
            dtype,
            apply_class_balancing=apply_class_balancing,
            alpha=alpha,
            gamma=gamma,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class CategoricalCrossentropy(_Configured):
    """Cross-entropy of one-hot targets.

    Args:
        from_logits: Predictions are logits and not probabilities.
        label_smoothing: Spreads this fraction of each target over all classes.
        axis: Axis of the classes.
        reduction: See `Loss`.
        name: Name.
        dtype: Element type.
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_crossentropy",
        dtype: Any = None,
    ):
        super().__init__(
            losses.categorical_crossentropy,
            reduction,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class CategoricalFocalCrossentropy(_Configured):
    """Cross-entropy of one-hot targets that counts easy samples less."""

    def __init__(
        self,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_focal_crossentropy",
        dtype: Any = None,
    ):
        super().__init__(
            losses.categorical_focal_crossentropy,
            reduction,
            name,
            dtype,
            alpha=alpha,
            gamma=gamma,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class SparseCategoricalCrossentropy(_Configured):
    """Cross-entropy of targets that are numbers of classes.

    Args:
        from_logits: Predictions are logits and not probabilities.
        ignore_class: Samples of this class do not count.
        reduction: See `Loss`.
        axis: Axis of the classes.
        name: Name.
        dtype: Element type.

    Example:
        >>> loss = SparseCategoricalCrossentropy(reduction="sum")
        >>> round(float(loss([1, 0], [[0.0, 1.0], [0.5, 0.5]])), 4)
        0.6931
    """

    _keeps_integers = True

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ):
        super().__init__(
            losses.sparse_categorical_crossentropy,
            reduction,
            name,
            dtype,
            from_logits=from_logits,
            ignore_class=ignore_class,
            axis=axis,
        )

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        values: Tensor = super().call(y_true, y_pred)
        ignored = self._fn_kwargs["ignore_class"]
        if ignored is not None:
            # The mean is over the samples that count.
            labels = losses.drop_class_axis(convert(y_true), y_pred, self._fn_kwargs["axis"])
            values._keras_mask = functions.cast(labels, "int32") != ignored  # type: ignore[attr-defined]
        return values


class Dice(_Configured):
    """One minus the overlap of target and prediction over their mean size."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "dice",
        axis: Any = None,
        dtype: Any = None,
    ):
        super().__init__(losses.dice, reduction, name, dtype, axis=axis)


class Tversky(_Configured):
    """`Dice` with separate weights for both kinds of error."""

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str = "tversky",
        axis: Any = None,
        dtype: Any = None,
    ):
        super().__init__(losses.tversky, reduction, name, dtype, alpha=alpha, beta=beta, axis=axis)


class CategoricalGeneralizedCrossEntropy(_Configured):
    """Cross-entropy that wrong labels move less.

    Args:
        q: Between 0 (as cross-entropy) and 1 (as mean absolute error).
        reduction: See `Loss`.
        name: Name.
        dtype: Element type.

    Targets are class numbers.
    """

    _keeps_integers = True

    def __init__(
        self,
        q: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_generalized_cross_entropy",
        dtype: Any = None,
    ):
        if not 0 < q < 1:
            raise ArgumentError(f"q must be in the interval (0, 1). Received: q={q}")
        super().__init__(losses.categorical_generalized_cross_entropy, reduction, name, dtype, q=q)
