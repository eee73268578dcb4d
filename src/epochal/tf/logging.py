"""`tf.logging`: verbosity is accepted; Epochal prints nothing on its own."""

from __future__ import annotations

DEBUG, INFO, WARN, WARNING, ERROR, FATAL = 10, 20, 30, 30, 40, 50

_verbosity = {"level": WARN}


def set_verbosity(v: int) -> None:
    """Keeps the level, for `get_verbosity`."""
    _verbosity["level"] = v


def get_verbosity() -> int:
    """The level that was set."""
    return _verbosity["level"]
