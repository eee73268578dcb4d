"""A grey-scale image as the bytes of a PNG file (ISO/IEC 15948), for pages that must stand alone."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
from numpy.typing import NDArray


def encode(image: NDArray[np.uint8]) -> bytes:
    """PNG of an image of shape (height, width), uint8: 0 is black.

    Raises:
        ValueError: If the image is not two-dimensional uint8.
    """
    if image.ndim != 2 or image.dtype != np.uint8:
        raise ValueError(f"Expected a (height, width) uint8 image. Received: {image.dtype} of shape {image.shape}")
    height, width = image.shape
    rows = np.zeros((height, width + 1), np.uint8)  # each row starts with its filter: 0, none
    rows[:, 1:] = image
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, content) for name, content in chunks)


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def data_uri(image: NDArray[np.uint8]) -> str:
    """The PNG as the ``src`` of an HTML image."""
    return "data:image/png;base64," + base64.b64encode(encode(image)).decode()
