"""The metrics of `compile`, matched to outputs when the first batch comes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from epochal import tree
from epochal.errors import ArgumentError
from epochal.keras import metrics as keras_metrics
from epochal.keras.metrics.metric import Metric
from epochal.keras.metrics.reduction import MeanMetricWrapper
from epochal.keras.trainer.compiled_loss import is_binary_or_sparse
from epochal.keras.trainer.outputs import by_name, match, match_weights, output_names, spread

_ACCURACY = ("accuracy", "acc")


class CompiledMetrics:
    """All metrics of `compile`; looks like one metric whose result is a dictionary.

    Args:
        metrics: A metric or list of them for a single output; otherwise lists by output, in order or by name.
        weighted_metrics: Likewise; these see sample weights.
        names: The model's names for its outputs.
    """

    name = "compile_metrics"

    def __init__(self, metrics: Any, weighted_metrics: Any, names: Any) -> None:
        for argument, value in (("metrics", metrics), ("weighted_metrics", weighted_metrics)):
            if value is not None and not isinstance(value, (list, tuple, Mapping)):
                raise ArgumentError(
                    f"Expected `{argument}` argument to be a list, tuple, or dict. "
                    f"Received instead: {argument}={value!r} of type {type(value).__name__}"
                )
            for leaf in tree.flatten(value):
                if not (isinstance(leaf, str) and leaf.lower() in _ACCURACY):
                    keras_metrics.get(leaf)
        self._given = (metrics, weighted_metrics)
        self._names = names
        self.built = False
        # (output, metric, prefix of its name, whether it sees weights)
        self._entries: list[tuple[int, Metric, str, bool]] = []

    @property
    def metrics(self) -> list[Metric]:
        """The single metrics; none before the first batch."""
        return [metric for _, metric, _, _ in self._entries]

    @property
    def variables(self) -> list[Any]:
        return [variable for metric in self.metrics for variable in metric.variables]

    def build(self, y_true: list[Any], y_pred: list[Any], names: list[str | None]) -> None:
        """Matches metrics to outputs."""
        entries = []
        for given, weighted in zip(self._given, (False, True), strict=True):
            argument = "`weighted_metrics`" if weighted else "`metrics`"
            for output, metrics in enumerate(_by_output(given, names, argument)):
                prefix = "" if len(names) == 1 or names[output] is None else f"{names[output]}_"
                for identifier in tree.flatten(metrics):
                    if identifier is not None:
                        metric = resolve_metric(identifier, y_true[output], y_pred[output])
                        entries.append((output, metric, prefix, weighted))
        self._entries = entries
        self.built = True

    def update_state(self, y: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch."""
        names = output_names(y_pred, self._names)
        predictions = by_name(y_pred, names)
        targets = _targets(y, y_pred, names)
        weights = match_weights(sample_weight, y_pred, names)
        if not self.built:
            self.build(targets, predictions, names)
        for output, metric, _, weighted in self._entries:
            if targets[output] is None:
                raise ArgumentError(f"Metric {metric.name!r} belongs to an output that has no target.")
            metric.update_state(
                targets[output], predictions[output], sample_weight=weights[output] if weighted else None
            )

    def reset_state(self) -> None:
        """Forgets all batches."""
        for metric in self.metrics:
            metric.reset_state()

    def result(self) -> dict[str, Any]:
        """Results by name; a name that comes again gets a number, that of a weighted metric the word."""
        results: dict[str, Any] = {}
        counts: dict[str, int] = {}
        for _, metric, prefix, weighted in self._entries:
            name = f"{prefix}{metric.name}"
            if name in counts and weighted:
                name = f"{prefix}weighted_{metric.name}"
            seen = counts.get(name, 0)
            counts[name] = seen + 1
            results[f"{name}_{seen}" if seen else name] = metric.result()
        return results


def _by_output(given: Any, names: list[str | None], argument: str) -> list[Any]:
    if not given:
        return [None] * len(names)
    if len(names) == 1:
        return [tree.flatten(given)]
    return spread(given, names, argument)


def _targets(y: Any, y_pred: Any, names: list[str | None]) -> list[Any]:
    leaves = tree.flatten(y)
    if len(leaves) < len(names) and not isinstance(y, Mapping):
        # Outputs without a loss may have no target; the first ones have.
        return leaves + [None] * (len(names) - len(leaves))
    return match(y, y_pred, names, "y")


def resolve_metric(identifier: Any, y_true: Any, y_pred: Any) -> Metric:
    """A metric from what `compile` was given; ``"accuracy"`` is the kind that fits the shapes."""
    if isinstance(identifier, str) and identifier.lower() in _ACCURACY:
        binary, sparse = is_binary_or_sparse(y_true, y_pred)
        if binary:
            return keras_metrics.BinaryAccuracy(name=identifier)
        if sparse:
            return keras_metrics.SparseCategoricalAccuracy(name=identifier)
        return keras_metrics.CategoricalAccuracy(name=identifier)
    found = keras_metrics.get(identifier)
    if not isinstance(found, Metric):
        name = identifier if isinstance(identifier, str) else getattr(found, "__name__", type(found).__name__)
        return MeanMetricWrapper(found, name=name)
    if isinstance(identifier, str):
        found.name = identifier
    return found
