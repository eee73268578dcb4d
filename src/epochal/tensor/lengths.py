"""Which sizes of an axis share a program: the first two have their own, later ones are padded to a capacity.

Who always brings the same shapes never meets this, and a partial last batch is the second size. A third size says that
there will be more: from then on programs are made for capacities (`epochal.passes.padded_axis`). A capacity is 3 or 5
times a power of two and holds a quarter more than the size it is made for, so that growing sizes do not need a new one
at once; there is a smaller one as well where a quarter of the first would do.

Capacities are no powers of two for a reason: a step divides by a number of elements, and it multiplies by the
reciprocal where that is a power of two, so the steps traced at two such sizes would not be alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import RLock
from typing import Any

Shapes = tuple[tuple[int, ...], ...]
Place = tuple[tuple[int, int], ...]
"""Pairs of an argument and its axis."""

Make = Callable[[Sequence[Shapes], Sequence[int], Place], Any]

SMALLEST_CAPACITY = 48
_LEAST = 3
_MOST_SEEN = 32
_MOST_KEYS = 32


@dataclass
class _Family:
    """Shapes that differ in one size alone, which may stand at several places."""

    place: Place
    sizes: set[int] = field(default_factory=set)
    programs: dict[int, Any] = field(default_factory=dict)
    least: int = _LEAST
    failed: set[int] = field(default_factory=set)
    refused: bool = False


@dataclass
class _Known:
    exact: list[Shapes] = field(default_factory=list)
    families: dict[Any, _Family] = field(default_factory=dict)


class Lengths:
    """The families of shapes met so far.

    Args:
        exact: How many sizes of a family have programs of their own.
    """

    def __init__(self, exact: int = 2) -> None:
        self._exact = exact
        self._lock = RLock()
        self._known: dict[Any, _Known] = {}

    def program(self, key: Any, shapes: Shapes, make: Make) -> Any:
        """A program for these shapes and others of their family; ``None``: there should be an exact one.

        Args:
            key: What else programs depend on.
            shapes: Of the arguments; not met before.
            make: Makes the program for a family, from its shapes at three sizes, these sizes, and where they stand.
                Raises where there is none.
        """
        with self._lock:
            return self._program(key, shapes, make)

    def _program(self, key: Any, shapes: Shapes, make: Make) -> Any:
        if key not in self._known and len(self._known) >= _MOST_KEYS:
            self._known.pop(next(iter(self._known)))
        known = self._known.setdefault(key, _Known())
        for seen in known.exact:
            place = _differing(seen, shapes)
            if place:
                family = known.families.setdefault((place, _at(shapes, place, -1)), _Family(place))
                family.sizes |= {_size(seen, place), _size(shapes, place)}
        for (place, rest), family in known.families.items():
            if not family.refused and len(family.sizes) > self._exact and rest == _at(shapes, place, -1):
                found = _of_family(family, shapes, make)
                if found is not None:
                    return found
        if len(known.exact) < _MOST_SEEN:
            known.exact.append(shapes)
        return None


def _differing(one: Shapes, other: Shapes) -> Place:
    """Where two shapes differ, if it is one size that changed into another."""
    if [len(shape) for shape in one] != [len(shape) for shape in other]:
        return ()
    place = tuple(
        (index, axis)
        for index, (first, second) in enumerate(zip(one, other, strict=True))
        for axis, (old, new) in enumerate(zip(first, second, strict=True))
        if old != new
    )
    changes = {(one[index][axis], other[index][axis]) for index, axis in place}
    return place if len(changes) == 1 else ()


def _size(shapes: Shapes, place: Place) -> int:
    index, axis = place[0]
    return shapes[index][axis]


def _at(shapes: Shapes, place: Place, size: int) -> Shapes | None:
    """The shapes with another size at those places; ``None`` where these have not one size there now."""
    if any(index >= len(shapes) or axis >= len(shapes[index]) for index, axis in place):
        return None
    if len({shapes[index][axis] for index, axis in place}) > 1:
        return None
    return tuple(
        tuple(size if (index, axis) in place else old for axis, old in enumerate(shape))
        for index, shape in enumerate(shapes)
    )


def _of_family(family: _Family, shapes: Shapes, make: Make) -> Any | None:
    size = _size(shapes, family.place)
    if size < family.least:
        return None
    fitting = [capacity for capacity in family.programs if capacity >= size]
    if fitting and (min(fitting) <= 4 * size or len(family.programs) > 1 or min(fitting) == SMALLEST_CAPACITY):
        return family.programs[min(fitting)]
    capacity = _capacity(size)
    if capacity in family.failed:
        return None
    leasts = [_LEAST] if family.programs else dict.fromkeys((_LEAST, _odd(min(size, *family.sizes))))
    for least in leasts:
        sizes = (capacity, capacity - 1, family.least if family.programs else least)
        try:
            program = make([_at(shapes, family.place, each) or shapes for each in sizes], sizes, family.place)
        except Exception:  # noqa: BLE001 - InexactError, or what the step raises at that size; an exact program will do
            continue
        family.least = sizes[2]
        family.programs[capacity] = program
        return program if size >= family.least else None
    family.failed.add(capacity)
    family.refused = not family.programs
    return None


def _capacity(size: int) -> int:
    """48, 80, 96, 160, 192 ...: the first that holds a quarter more than `size`."""
    capacity = SMALLEST_CAPACITY
    while 4 * capacity < 5 * size:
        capacity = capacity * 5 // 3 if capacity % 5 else capacity * 6 // 5
    return capacity


def _odd(size: int) -> int:
    """The largest size up to this one that is no power of two."""
    size = max(size, _LEAST)
    return size - 1 if size & (size - 1) == 0 else size
