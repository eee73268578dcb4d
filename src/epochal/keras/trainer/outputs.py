"""Which target, loss, weight and metric belongs to which output of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from epochal import tree
from epochal.errors import ArgumentError


def output_names(y_pred: Any, names: Sequence[str] | None) -> list[str | None]:
    """A name for each output, in the order of `tree.flatten`.

    Args:
        y_pred: The model's outputs.
        names: The model's own names for them, if it has any.
    """
    leaves = tree.flatten(y_pred)
    if isinstance(y_pred, Mapping) and len(y_pred) == len(leaves):
        return sorted(y_pred)
    if names is not None and len(names) == len(leaves):
        return list(names)
    return [None] * len(leaves)


def match(value: Any, y_pred: Any, names: Sequence[str | None], what: str) -> list[Any]:
    """One entry an output from targets or weights nested as the outputs, or keyed by their names.

    Raises:
        ArgumentError: They do not match.
    """
    if isinstance(value, Mapping) and not isinstance(y_pred, Mapping):
        unknown = sorted(set(value) - set(names))
        if unknown or any(name is None for name in names):
            raise ArgumentError(
                f"{what} has keys {sorted(value)}, but the model's outputs are called {list(names)}. "
                "Expected the names of outputs as keys."
            )
        return [value.get(name) for name in names]
    if isinstance(value, Mapping) and isinstance(y_pred, Mapping) and len(names) == len(y_pred):
        unknown = sorted(set(value) - set(y_pred))
        if unknown:
            raise ArgumentError(
                f"{what} has keys {sorted(value)}, but the model's outputs are called {sorted(y_pred)}."
            )
        return [value.get(name) for name in names]
    leaves = tree.flatten(value)
    if len(leaves) != len(names):
        raise ArgumentError(
            f"{what} and outputs have different structures. Expected {len(names)} entries, one for each output"
            f"{_listed(names)}. Received {len(leaves)}: {tree.structure(value)!r}"
        )
    return leaves


def _listed(names: Sequence[str | None]) -> str:
    return "" if any(name is None for name in names) else f" ({', '.join(map(str, names))})"


def spread(configured: Any, names: Sequence[str | None], what: str) -> list[Any]:
    """One entry an output from losses, weights or metrics given by list or by name.

    Raises:
        ArgumentError: A name that no output has, or a list of another length.
    """
    count = len(names)
    if isinstance(configured, Mapping):
        unknown = sorted(set(configured) - set(names))
        if unknown:
            raise ArgumentError(
                f"{what} names {unknown}, which no output is called. Expected some of {list(names)}. "
                "Give output layers these names, or use the names they have."
            )
        return [configured.get(name) for name in names]
    if isinstance(configured, (list, tuple)):
        if len(configured) != count:
            raise ArgumentError(
                f"{what} has {len(configured)} entries. Expected {count}, one for each output{_listed(names)}. "
                f"Received: {configured}"
            )
        return list(configured)
    return [configured] * count


def by_name(y_pred: Any, names: Sequence[str | None]) -> list[Any]:
    """The outputs in the order of their names."""
    if isinstance(y_pred, dict) and len(y_pred) == len(names):
        return [y_pred[name] for name in names]
    return tree.flatten(y_pred)


def match_weights(sample_weight: Any, y_pred: Any, names: Sequence[str | None]) -> list[Any]:
    """Sample weights an output; one array serves all."""
    if sample_weight is None:
        return [None] * len(names)
    if not tree.is_nested(sample_weight):
        return [sample_weight] * len(names)
    return match(sample_weight, y_pred, names, "sample_weight")
