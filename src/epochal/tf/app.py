"""`tf.app`: `run` calls a script's `main` with what the flags left of the command line."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from epochal.tf import flags

__all__ = ["flags", "run"]


def run(main: Callable[[list[str]], Any] | None = None, argv: Sequence[str] | None = None) -> None:
    """Reads the flags, calls ``main(argv)`` and ends the process with its result."""
    rest = flags.FLAGS(list(argv if argv is not None else sys.argv), known_only=True)
    function = main if main is not None else sys.modules["__main__"].main  # type: ignore[attr-defined]
    sys.exit(function(rest))
