"""The losses of `compile`, matched to outputs when the first batch comes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from epochal import tree
from epochal.errors import ArgumentError, EpochalError
from epochal.keras import losses as keras_losses
from epochal.keras.losses.loss import Loss, LossFunctionWrapper
from epochal.keras.metrics.reduction import Mean
from epochal.keras.trainer.outputs import by_name, match, match_weights, output_names, spread
from epochal.tensor import Tensor


@dataclass(frozen=True)
class _Term:
    """One summand of the loss.

    Attributes:
        output: Which output.
        loss: The loss.
        weight: Its factor, or ``None``.
        name: What its part is called in logs.
        classes: How many classes there are, if targets are their numbers.
    """

    output: int
    loss: Loss
    weight: float | None
    name: str
    classes: int | None


class CompiledLoss:
    """The sum of the losses of all outputs.

    Args:
        loss: A loss for all outputs, or one an output by list or name (``None``: that output has none); a list for a
            single output is summed.
        loss_weights: Factors, likewise.
        names: The model's names for its outputs.
    """

    def __init__(self, loss: Any, loss_weights: Any, names: Any) -> None:
        if loss_weights is not None and not isinstance(loss_weights, (list, tuple, dict, float, int)):
            raise ArgumentError(
                "Expected `loss_weights` argument to be a float (single output case) or a list, tuple, or dict "
                f"(multiple output case). Received instead: loss_weights={loss_weights!r}"
            )
        for leaf in tree.flatten(loss):
            check_loss(leaf)
        self._loss = loss
        self._weights = loss_weights
        self._names = names
        self.terms: list[_Term] | None = None
        self.metrics: list[Mean] = []

    def build(self, y_true: list[Any], y_pred: list[Any], names: list[str | None]) -> None:
        """Matches losses to outputs."""
        if len(names) == 1 and isinstance(self._loss, (list, tuple)) and len(self._loss) != 1:
            losses = list(self._loss)
            weights = list(self._weights) if isinstance(self._weights, (list, tuple)) else [self._weights] * len(losses)
            if len(weights) != len(losses):
                raise ArgumentError(
                    "`loss_weights` must match the number of losses, "
                    f"got {len(losses)} losses and {len(weights)} weights."
                )
            outputs = [0] * len(losses)
        else:
            # The only output may be called anything.
            own_names = list(self._loss) if _names_single(self._loss, names) else names
            losses = spread(self._loss, own_names, "`loss`")
            weights = spread(self._weights, own_names, "`loss_weights`")
            outputs = list(range(len(names)))
        terms = []
        for output, identifier, weight in zip(outputs, losses, weights, strict=True):
            if identifier is not None and y_true[output] is None:
                raise ArgumentError(f"Output {names[output] or output} has a loss but no target. Pass a target for it.")
            if identifier is not None:
                loss = resolve_loss(identifier, y_true[output], y_pred[output])
                classes = None
                if isinstance(loss, keras_losses.SparseCategoricalCrossentropy):
                    classes = y_pred[output].shape[loss._fn_kwargs["axis"]]
                terms.append(_Term(output, loss, weight, str(names[output] or loss.name), classes))
        self.terms = terms
        self.metrics = [Mean(name=f"{term.name}_loss") for term in terms] if len(terms) > 1 else []

    def __call__(self, y: Any, y_pred: Any, sample_weight: Any = None) -> Tensor | None:
        """The weighted sum; each part is also added to its metric where there are several."""
        names = output_names(y_pred, self._names)
        predictions = by_name(y_pred, names)
        targets = self._match_targets(y, y_pred, names)
        weights = match_weights(sample_weight, y_pred, names)
        if self.terms is None:
            self.build(targets, predictions, names)
        total: Tensor | None = None
        for index, term in enumerate(self.terms or ()):
            value = self._evaluate(term, targets[term.output], predictions[term.output], weights[term.output])
            if self.metrics:
                self.metrics[index].update_state(value, sample_weight=float(predictions[term.output].shape[0]))
            if term.weight is not None:
                value = value * float(term.weight)
            total = value if total is None else total + value
        return total

    def _evaluate(self, term: _Term, y_true: Any, y_pred: Any, weight: Any) -> Tensor:
        try:
            return term.loss(y_true, y_pred, weight)
        except EpochalError as error:
            raise type(error)(f"Output '{term.name}', loss '{term.loss.name}': {error}") from error

    def check_targets(self, y: Any) -> None:
        """Checks the numbers in targets, once losses are matched to outputs.

        Args:
            y: The targets, arrays.

        Raises:
            ArgumentError: A class number that no output stands for, or a NaN that a loss of ours would spread.
        """
        leaves = tree.flatten(y)
        for term in self.terms or ():
            if len(leaves) <= term.output:
                continue
            labels = leaves[term.output] if not isinstance(y, dict) else y.get(term.name)
            if isinstance(labels, np.ndarray):
                _check_numbers(term, labels)

    def _match_targets(self, y: Any, y_pred: Any, names: list[str | None]) -> list[Any]:
        if isinstance(self._loss, (list, tuple)) and len(self._loss) == len(names) and not isinstance(y, dict):
            # Outputs without a loss may have no target.
            wanted = [index for index, loss in enumerate(self._loss) if loss is not None]
            leaves = tree.flatten(y)
            if len(leaves) == len(wanted) < len(names):
                targets: list[Any] = [None] * len(names)
                for index, leaf in zip(wanted, leaves, strict=True):
                    targets[index] = leaf
                return targets
        return match(y, y_pred, names, "y")


def _check_numbers(term: _Term, labels: np.ndarray[Any, Any]) -> None:
    own = type(term.loss).__module__.startswith("epochal.") and (
        not isinstance(term.loss, LossFunctionWrapper) or term.loss.fn.__module__.startswith("epochal.")
    )
    if own and labels.dtype.kind == "f" and np.isnan(labels).any():
        first = int(np.argwhere(np.isnan(labels))[0][0])
        raise ArgumentError(
            f"Output '{term.name}': the targets contain NaN ({int(np.isnan(labels).sum())} of {labels.size} values, "
            f"the first in sample {first}). Expected numbers. Remove these samples or fill the gaps; a NaN would turn "
            "the loss and all weights into NaN."
        )
    if term.classes is None or not labels.size:
        return
    ignored = term.loss._fn_kwargs["ignore_class"]  # type: ignore[attr-defined]
    counted = labels if ignored is None else labels[labels != ignored]
    if counted.size and not (counted.min() >= 0 and counted.max() < term.classes):
        raise ArgumentError(
            f"Output '{term.name}': class numbers outside the model's output, which has {term.classes} classes. "
            f"Expected labels from 0 to {term.classes - 1}. Received labels from {counted.min()} to {counted.max()}. "
            "Renumber the labels from 0, or give the last layer as many units as there are classes."
        )


def _names_single(loss: Any, names: list[str | None]) -> bool:
    return isinstance(loss, dict) and len(loss) == 1 and names == [None]


def check_loss(identifier: Any) -> None:
    """Checks a loss's name when `compile` is called, and not when training begins."""
    if isinstance(identifier, str) and identifier.lower() in ("crossentropy", "ce"):
        return
    keras_losses.get(identifier)


def resolve_loss(identifier: Any, y_true: Any, y_pred: Any) -> Loss:
    """A loss from what `compile` was given; ``"crossentropy"`` is the kind that fits the shapes."""
    if isinstance(identifier, str) and identifier.lower() in ("crossentropy", "ce"):
        binary, sparse = is_binary_or_sparse(y_true, y_pred)
        kind = "binary" if binary else "sparse_categorical" if sparse else "categorical"
        found = keras_losses.get(f"{kind}_crossentropy")
    else:
        found = keras_losses.get(identifier)
    if isinstance(found, Loss):
        return found
    if identifier in _CLASSES_OF_FUNCTIONS:
        # Whole-number labels stay whole numbers; the class knows.
        return _CLASSES_OF_FUNCTIONS[identifier](name=identifier if isinstance(identifier, str) else None)
    name = identifier if isinstance(identifier, str) else getattr(found, "__name__", type(found).__name__)
    return LossFunctionWrapper(found, name=name)


_CLASSES_OF_FUNCTIONS: dict[Any, Any] = {
    "sparse_categorical_crossentropy": keras_losses.SparseCategoricalCrossentropy,
    keras_losses.sparse_categorical_crossentropy: keras_losses.SparseCategoricalCrossentropy,
}


def is_binary_or_sparse(y_true: Any, y_pred: Any) -> tuple[bool, bool]:
    """Whether targets and predictions look like one yes-or-no, and whether targets are numbers of classes."""
    binary = y_pred.shape[-1] == 1
    sparse = len(y_true.shape) < len(y_pred.shape) or (y_true.shape[-1] == 1 and y_pred.shape[-1] > 1)
    return binary, sparse
