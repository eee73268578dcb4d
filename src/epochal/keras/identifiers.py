"""What a name, a configuration or an object stands for: one rule for losses, metrics, initializers and their like."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from epochal.errors import ArgumentError
from epochal.keras.saving.registry import registered_object


def interpret(
    identifier: Any,
    kind: str,
    expected: str,
    table: Mapping[str, Any],
    deserialize: Callable[[dict[str, Any]], Any],
) -> Any:
    """The object that `identifier` stands for; ``None`` for ``None``.

    Args:
        identifier: A name in `table` or registered, a configuration, a class, which is made, or anything callable.
        kind: For messages, such as ``"loss"``.
        expected: For messages: what else would do.
        table: Name -> class or function.
        deserialize: Makes an object of a configuration.

    Raises:
        ArgumentError: It is none of these.
    """
    if identifier is None:
        return None
    found = identifier
    if isinstance(identifier, Mapping):
        found = deserialize(dict(identifier))
    elif isinstance(identifier, str):
        found = table.get(identifier) or registered_object(identifier)
    if inspect.isclass(found):
        found = found()
    if callable(found):
        return found
    raise unknown(identifier, kind, expected, table)


def unknown(identifier: Any, kind: str, expected: str, names: Iterable[str]) -> ArgumentError:
    """The error for an identifier that stands for nothing, with the nearest name if one is near."""
    known = sorted(names)
    near = difflib.get_close_matches(str(identifier), known, n=1)
    guess = f" Did you mean {near[0]!r}?" if near else ""
    return ArgumentError(
        f"Could not interpret {kind} identifier: {identifier!r}.{guess} Expected {expected}, or one of "
        f"{', '.join(known)}."
    )
