"""How wide a text will be, without asking a font: an upper bound for the usual sans-serif faces.

The widths are those of DejaVu Sans, the widest of the faces that browsers take for `sans-serif`; boxes measured with
it hold their text in Helvetica, Arial, Segoe UI, San Francisco and Roboto too.
"""

from __future__ import annotations

import unicodedata

# Hundredths of the font's size, for the characters from space to tilde.
_REGULAR = (
    32, 40, 46, 84, 64, 95, 78, 27, 39, 39, 50, 84, 32, 36, 32, 34, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 34, 34, 84,
    84, 84, 53, 100, 68, 69, 70, 77, 63, 58, 77, 75, 29, 29, 66, 56, 86, 75, 79, 60, 79, 69, 63, 61, 73, 68, 99, 69, 61,
    69, 39, 34, 39, 84, 50, 50, 61, 63, 55, 63, 62, 35, 63, 63, 28, 28, 58, 28, 97, 63, 61, 63, 63, 41, 52, 39, 63, 59,
    82, 59, 59, 52, 64, 34, 64, 84,
)  # fmt: skip
_BOLD = (
    35, 46, 52, 84, 70, 100, 87, 31, 46, 46, 52, 84, 38, 42, 38, 37, 70, 70, 70, 70, 70, 70, 70, 70, 70, 70, 40, 40, 84,
    84, 84, 58, 100, 77, 76, 73, 83, 68, 68, 82, 84, 37, 37, 77, 64, 100, 84, 85, 73, 85, 77, 72, 68, 81, 77, 110, 77,
    72, 73, 46, 37, 46, 84, 50, 50, 67, 72, 59, 72, 68, 44, 72, 71, 34, 34, 67, 34, 104, 71, 69, 72, 72, 49, 60, 48, 71,
    65, 92, 65, 65, 58, 71, 37, 71, 84,
)  # fmt: skip


def text_width(text: str, size: float, bold: bool = False) -> float:
    """Width of a line of text in the unit of `size`, the font's size."""
    table = _BOLD if bold else _REGULAR
    return size * sum(_width(character, table) for character in text) / 100


def _width(character: str, table: tuple[int, ...]) -> int:
    code = ord(character)
    if 32 <= code < 127:
        return table[code - 32]
    if unicodedata.combining(character):
        return 0
    return 100 if unicodedata.east_asian_width(character) in "WFA" else 88


def shorten(text: str, size: float, width: float, bold: bool = False) -> str:
    """`text`, its middle replaced by an ellipsis if it is wider than `width`."""
    if text_width(text, size, bold) <= width:
        return text
    kept = len(text) - 1
    while kept > 2 and text_width(_cut(text, kept), size, bold) > width:
        kept -= 1
    return _cut(text, kept)


def _cut(text: str, kept: int) -> str:
    tail = kept // 3
    return f"{text[: kept - tail]}…{text[len(text) - tail :]}"
