"""How a convolution sweeps one spatial axis: the same form for a convolution and for its data gradient.

Output i of a phase sums, over taps j, the input at ``i * stride + base + j * reach`` times the kernel's entry
``entry + j * skip``. A convolution is one phase; the data gradient of a convolution of stride s is s phases, one for
each residue of the position, each with its own taps, so that no zeros are inserted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Phase:
    """See the module. Output i lies at position ``first + i * spacing``; inputs outside ``[0, size)`` are zero."""

    first: int
    spacing: int
    count: int
    stride: int
    base: int
    size: int
    taps: int
    reach: int
    entry: int
    skip: int

    def position(self, output: int) -> int:
        """Where the first tap of an output reads."""
        return output * self.stride + self.base

    def valid(self, output: int, tap: int) -> bool:
        return 0 <= self.position(output) + tap * self.reach < self.size

    @property
    def inside(self) -> bool:
        """Whether no output reads outside the input."""
        ends = (0, self.count - 1)
        return all(self.valid(output, tap) for output in ends for tap in (0, self.taps - 1)) if self.taps else True


def forward_phases(size: int, count: int, taps: int, stride: int, dilation: int, before: int) -> list[Phase]:
    """A convolution along one axis: `count` outputs from `size` inputs after `before` zeros."""
    return [Phase(0, 1, count, stride, -before, size, taps, dilation, 0, 1)]


def backward_phases(size: int, count: int, taps: int, stride: int, dilation: int, before: int) -> list[Phase]:
    """Its data gradient: `size` results from the `count` cotangents."""
    phases = []
    step = stride // math.gcd(stride, dilation)
    for residue in range(min(stride, size)):
        outputs = len(range(residue, size, stride))
        first = next((tap for tap in range(min(taps, step)) if (residue + before - tap * dilation) % stride == 0), None)
        if first is None:
            phases.append(Phase(residue, stride, outputs, 1, 0, count, 0, 1, 0, 1))
            continue
        number = len(range(first, taps, step))
        last = first + (number - 1) * step
        base = (residue + before - last * dilation) // stride
        phases.append(Phase(residue, stride, outputs, 1, base, count, number, dilation * step // stride, last, -step))
    return phases


__all__ = ["Phase", "backward_phases", "forward_phases"]
