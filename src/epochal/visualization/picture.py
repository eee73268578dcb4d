"""What a picture shows: boxes with a title and rows of text, and arrows between them.

Anything that can say which boxes and arrows it consists of can be drawn: a model, a graph, a network of one's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from epochal.errors import ArgumentError

DIRECTIONS = ("TB", "BT", "LR", "RL")


@dataclass(frozen=True)
class Box:
    """A box.

    Attributes:
        key: Unique in its picture; arrows name it.
        title: What it is, in bold.
        name: What it is called, beside the title; may be empty.
        rows: Pairs of a label and a text, below the title.
        kind: Chooses the colour; see `svg.COLOURS`. Kinds that have none are grey.
        loop: A label of an arrow from the box to itself; ``None``: there is no such arrow.
        inside: Pictures drawn within the box, side by side.
    """

    key: str
    title: str
    name: str = ""
    rows: tuple[tuple[str, str], ...] = ()
    kind: str = "plain"
    loop: str | None = None
    inside: tuple[Picture, ...] = ()


@dataclass(frozen=True)
class Arrow:
    """An arrow from one box to another; equal ones are drawn side by side."""

    source: str
    target: str


@dataclass(frozen=True)
class Picture:
    """Boxes and arrows.

    Attributes:
        boxes: In an order that says which comes first where nothing else decides.
        arrows: Between the boxes.
        title: What it shows; may be empty.
        direction: Where arrows go: ``"TB"`` top to bottom, ``"BT"``, ``"LR"`` left to right, ``"RL"``.

    Raises:
        ArgumentError: Two boxes have one key, an arrow ends at no box, or the direction is unknown.
    """

    boxes: Sequence[Box]
    arrows: Sequence[Arrow] = field(default=())
    title: str = ""
    direction: str = "TB"

    def __post_init__(self) -> None:
        keys = {box.key for box in self.boxes}
        if len(keys) < len(self.boxes):
            raise ArgumentError("The boxes of a picture must have different keys.")
        for arrow in self.arrows:
            if arrow.source not in keys or arrow.target not in keys:
                raise ArgumentError(f"An arrow must join two boxes of the picture. Received: {arrow}")
        if self.direction not in DIRECTIONS:
            raise ArgumentError(f"The direction of a picture must be one of {DIRECTIONS}. Received: {self.direction!r}")
