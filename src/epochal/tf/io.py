"""`tf.io`: files as bytes. Decoding of images and records is not here; use Pillow, NumPy or Keras's utilities."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from epochal.tf import gfile
from epochal.tf.errors import NotFoundError
from epochal.tf.refused import MissingNameError

__all__ = ["gfile", "read_file", "write_file"]


def read_file(filename: Any, name: str | None = None) -> bytes:
    """What a file holds.

    Raises:
        NotFoundError: There is none.
    """
    try:
        return Path(filename).read_bytes()
    except FileNotFoundError as error:
        raise NotFoundError(None, None, f"{filename}; {error.strerror}") from None


def write_file(filename: Any, contents: bytes | str, name: str | None = None) -> None:
    """Writes a file."""
    path = Path(filename)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(contents.encode() if isinstance(contents, str) else contents)


def __getattr__(name: str) -> Any:
    if name.startswith(("decode_", "encode_", "parse_", "TF", "Fixed", "VarLen", "serialize_", "FixedLen")):
        raise MissingNameError(f"tf.io.{name} is not supported. Read the file with Pillow or NumPy instead.")
    raise AttributeError(f"module 'tensorflow.io' has no attribute {name!r} in Epochal yet")
