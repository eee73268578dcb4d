"""Where a sliding window (of a convolution or a pooling) lies: padding, sizes and the strided views of its entries."""

from __future__ import annotations

import itertools
import operator as python
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from epochal.errors import ArgumentError, ShapeError
from epochal.ir import Array, Dimension, Shape, Symbol

Pairs: TypeAlias = tuple[tuple[int, int], ...]


def positive(name: str, what: str, value: Any, count: int) -> tuple[int, ...]:
    """`value` as `count` integers of at least 1; one integer stands for all.

    Raises:
        ArgumentError: It has another length or an entry below 1.
    """
    entries = tuple(value) if isinstance(value, Iterable) else (value,) * count
    try:
        numbers = tuple(python.index(entry) for entry in entries)
    except TypeError:
        numbers = (0,)
    if len(numbers) != count or min(numbers, default=1) < 1:
        raise ArgumentError(
            f"{name}: {what} must be {count} integers of at least 1, one a spatial axis. Received: {value!r}"
        )
    return numbers


@dataclass(frozen=True, slots=True)
class Geometry:
    """A window of `sizes` entries that moves by `strides`, its entries `dilations` apart.

    Attributes:
        name: The operator, for messages.
        sizes: Entries of the window along each spatial axis.
        strides: Steps from one window to the next.
        dilations: Steps from one entry to the next.
        padding: Pairs of (before, after), or "valid", "same" or "causal".
    """

    name: str
    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    padding: Any

    @property
    def spans(self) -> tuple[int, ...]:
        """Extent of the window, first to last entry."""
        return tuple((size - 1) * step + 1 for size, step in zip(self.sizes, self.dilations, strict=True))

    def pairs(self, space: Shape) -> tuple[tuple[int, int] | None, ...]:
        """The padding of each spatial axis; ``None`` where it depends on a size that is not known.

        "same" makes ceil(size / stride) windows and puts the odd element after (TensorFlow's rule).

        Raises:
            ArgumentError: The padding is none of the words and no pairs of non-negative integers.
        """
        if self.padding == "valid":
            return ((0, 0),) * len(space)
        if self.padding == "causal" and len(space) == 1:
            return ((self.spans[0] - 1, 0),)
        if self.padding == "same":
            axes = zip(space, self.spans, self.strides, strict=True)
            return tuple(None if isinstance(size, Symbol) else _same(size, span, step) for size, span, step in axes)
        try:
            pairs = tuple((python.index(before), python.index(after)) for before, after in self.padding)
        except (TypeError, ValueError):
            pairs = ()
        if len(pairs) != len(space) or any(min(pair) < 0 for pair in pairs):
            raise ArgumentError(
                f'{self.name}: padding must be "valid", "same", "causal" (one spatial axis) or {len(space)} pairs '
                f"(before, after) of non-negative integers. Received: {self.padding!r}"
            )
        return pairs

    def resolved(self, space: tuple[int, ...]) -> Pairs:
        """The padding of each spatial axis of known sizes."""
        pairs = self.pairs(space)
        return tuple(pair for pair in pairs if pair is not None)

    def windows(self, space: Shape) -> Shape:
        """How many windows fit along each spatial axis.

        Raises:
            ShapeError: Not one fits.
        """
        counts: list[Dimension] = []
        for axis, (size, pair, span, stride) in enumerate(
            zip(space, self.pairs(space), self.spans, self.strides, strict=True)
        ):
            if isinstance(size, Symbol):
                unchanged = stride == 1 and (self.padding == "same" or (pair is not None and sum(pair) == span - 1))
                counts.append(size if unchanged else Symbol())
                continue
            assert pair is not None
            room = size + sum(pair) - span
            if room < 0 and size > 0:
                raise ShapeError(
                    f"{self.name}: a window of {span} does not fit spatial axis {axis} of size {size} with padding "
                    f'{pair}. Use padding="same", a larger input or a smaller window.'
                )
            counts.append(room // stride + 1 if size > 0 and room >= 0 else 0)
        return tuple(counts)

    def entries(self) -> Iterator[tuple[int, ...]]:
        """Positions within the window, row by row."""
        return itertools.product(*map(range, self.sizes))

    def view(self, padded: Array, entry: tuple[int, ...], counts: Sequence[int]) -> Array:
        """What one entry of all windows sees of a padded array [N, *space, C]: [N, *counts, C]."""
        places = zip(entry, self.dilations, self.strides, counts, strict=True)
        cuts = (
            slice(at * gap, at * gap + (count - 1) * step + 1 if count else at * gap, step)
            for at, gap, step, count in places
        )
        return padded[(slice(None), *cuts)]


def _same(size: int, span: int, stride: int) -> tuple[int, int]:
    total = max((-(-size // stride) - 1) * stride + span - size, 0)
    return total // 2, total - total // 2
