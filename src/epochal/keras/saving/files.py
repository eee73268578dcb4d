"""Writing files whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from epochal.errors import ArgumentError


def check_target(path: Path, overwrite: bool) -> None:
    """Refuses to replace a file where that is not wanted.

    Raises:
        ArgumentError: The file is there and `overwrite` is false, or its folder is not.
    """
    if path.exists() and not overwrite:
        raise ArgumentError(
            f"The file {str(path)!r} exists already and `overwrite=False`. Expected a new path, or overwrite=True."
        )
    if not path.parent.exists():
        raise ArgumentError(
            f"The folder {str(path.parent)!r} does not exist. Create it before saving to {str(path)!r}."
        )


def write_whole(path: Path, write: Callable[[Any], None]) -> None:
    """Writes next to `path` and renames, so that there is never half a file under that name."""
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)  # mkstemp made it private
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
