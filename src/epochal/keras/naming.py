"""Names of layers and scopes: unique per class within the process, as Keras numbers them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_NOT_WORD = re.compile(r"\W+")
# Before a capital that follows a small letter, or that starts a word of its own.
_BOUNDARY = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=.)(?=[A-Z][a-z])")
_used: Counter[str] = Counter()
_scope: ContextVar[tuple[tuple[str, Any], ...]] = ContextVar("scope", default=())


def to_snake_case(name: str) -> str:
    """``"MaxPooling2D"`` -> ``"max_pooling2d"``, by Keras's rule."""
    return _BOUNDARY.sub("_", _NOT_WORD.sub("", name)).lower()


def unique_name(prefix: str) -> str:
    """`prefix`, then ``prefix_1``, ``prefix_2`` ..."""
    count = _used[prefix]
    _used[prefix] = count + 1
    return f"{prefix}_{count}" if count else prefix


def get_uid(prefix: str = "") -> int:
    """Counts up from 1 for each prefix."""
    _used[prefix] += 1
    return _used[prefix]


def reset_names() -> None:
    """Starts all numbering anew."""
    _used.clear()


def current_path() -> str:
    """The scopes entered and not yet left, joined by slashes."""
    return "/".join(name for name, _ in _scope.get())


@contextmanager
def name_scope(name: str, caller: Any = None, parents: str | None = None) -> Iterator[None]:
    """Names variables made inside ``name/...``; a caller does not nest in itself.

    Args:
        name: The scope.
        caller: What enters it.
        parents: Path that replaces the scopes entered so far, if given.
    """
    entered = _scope.get()
    if caller is not None and entered and entered[-1][1] is caller:
        yield
        return
    if parents is not None:
        entered = ((parents, None),) if parents else ()
    token = _scope.set((*entered, (name, caller)))
    try:
        yield
    finally:
        _scope.reset(token)
