"""Memory for runs of a program: what it is for, and a refusal in words where it cannot be had."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from epochal import config
from epochal.backends.native.inplace import root
from epochal.backends.native.memory import MemoryPlan
from epochal.backends.native.program import Buffer, CallOut, Lowered, Step, Work
from epochal.errors import AllocationError
from epochal.ir import Value

TOLD_FROM = 1 << 28
"""Bytes of an arena from which on it is noted what they are for."""

_TOLD = 3


@dataclass(frozen=True, slots=True)
class Needs:
    """What a program needs memory for.

    Attributes:
        arena: Bytes for values between kernels.
        largest: The largest of them in words, if the arena is large.
    """

    arena: int
    largest: tuple[str, ...] = ()


def needs(lowered: Lowered, plan: MemoryPlan) -> Needs:
    """What a lowered program needs."""
    if plan.size < TOLD_FROM:
        return Needs(plan.size)
    makers: dict[Buffer, Value] = {}
    for step in lowered.steps:
        for value, buffer in _written(step):
            if buffer in plan.offsets:
                makers.setdefault(buffer, value)
    order = sorted(makers, key=lambda buffer: -buffer.size)
    return Needs(plan.size, tuple(_described(makers[buffer], buffer.size) for buffer in order[:_TOLD]))


def check(needed: Needs) -> None:
    """Raises where so much memory does not exist: the system would hand it out and kill the process that uses it.

    Raises:
        AllocationError: It does not exist.
    """
    if needed.arena >= TOLD_FROM:
        limit = config.memory_bytes()
        if limit is not None and needed.arena > limit:
            raise refusal(needed, f"there are {text(limit)}")


def refusal(needed: Needs, reason: str) -> AllocationError:
    """The error that says what memory was needed for."""
    largest = f" The largest are {'; '.join(needed.largest)}." if needed.largest else ""
    return AllocationError(
        f"Not enough memory: the program needs {needed.arena} bytes ({text(needed.arena)}) for values between its "
        f"operations; {reason}.{largest} Nothing was run. Smaller batches need less, and keras.RematScope keeps less "
        "of them for the backward pass."
    )


def text(count: float) -> str:
    """Bytes to read: ``"1.5 GiB"``."""
    for unit in ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB"):
        if count < 1024 or unit == "PiB":
            break
        count /= 1024
    return f"{count:.4g} {unit}"


def _written(step: Step) -> Iterator[tuple[Value, Buffer]]:
    values = step.launch.outputs if isinstance(step, Work) else step.node.outputs if isinstance(step, CallOut) else ()
    for value, place in zip(values, step.outputs if values else (), strict=True):  # type: ignore[union-attr]
        yield root(value), place.buffer


def _described(value: Value, size: int) -> str:
    where = f" of {value.node.origin}" if str(value.node.origin) else ""
    return f"{value.node.operator.name}{where}, {value.type}: {text(size)}"
