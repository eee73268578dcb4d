"""How large a box must be for what stands in it. All lengths are in CSS pixels."""

from __future__ import annotations

from dataclasses import dataclass

from epochal.visualization.picture import Box
from epochal.visualization.text_width import shorten, text_width

TITLE_SIZE, NAME_SIZE, ROW_SIZE = 13.0, 11.0, 11.5
HEADER, ROW, FOOT = 27.0, 18.0, 6.0
SIDE = 11.0  # empty on both sides of text
BETWEEN = 14.0  # between a title and a name, and between the two columns of rows
FRAME = 16.0  # around pictures inside
CAPTION = 20.0  # above a picture inside that has a title
LOOP = 22.0  # how far an arrow from a box to itself reaches out
LONGEST_TITLE, LONGEST_NAME, LONGEST_TEXT = 260.0, 200.0, 300.0


@dataclass(frozen=True)
class Texts:
    """The texts of a box as they are drawn, and the room they take.

    Attributes:
        title: Shortened if need be.
        name: Likewise.
        rows: Likewise.
        label_width: Width of the column of labels; 0 if no row has one.
        width: Width of a box that holds them.
        height: Its height.
    """

    title: str
    name: str
    rows: tuple[tuple[str, str], ...]
    label_width: float
    width: float
    height: float


def texts(box: Box) -> Texts:
    """Measures the texts of a box."""
    title = shorten(box.title, TITLE_SIZE, LONGEST_TITLE, bold=True)
    name = shorten(box.name, NAME_SIZE, LONGEST_NAME)
    rows = tuple((label, shorten(text, ROW_SIZE, LONGEST_TEXT)) for label, text in box.rows)
    header = text_width(title, TITLE_SIZE, bold=True)
    header += BETWEEN + text_width(name, NAME_SIZE) if name else 0.0
    labels = max((text_width(label, ROW_SIZE) for label, _ in rows), default=0.0)
    values = max((text_width(text, ROW_SIZE) for _, text in rows), default=0.0)
    columns = labels + (BETWEEN if labels else 0.0) + values
    width = round(max(header, columns) + 2 * SIDE)
    height = HEADER + (len(rows) * ROW + FOOT + 3 if rows else 0.0)
    return Texts(title, name, rows, labels, float(width), height)


def loop_room(box: Box) -> float:
    """What an arrow from a box to itself takes beside it."""
    return 0.0 if box.loop is None else LOOP + 10 + text_width(box.loop, NAME_SIZE)
