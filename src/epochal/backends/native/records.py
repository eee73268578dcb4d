"""From steps to the driver's table: record words, slots of argument pointers, loop patches, and barriers.

A barrier stands before a record only if, since the last one, another thread may have written what it touches or read
what it writes. Serial records all run on thread 0 and need none among themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from epochal.backends.native import driver
from epochal.backends.native.kernel import Target
from epochal.backends.native.memory import MemoryPlan
from epochal.backends.native.program import (
    CallOut,
    Copy,
    Jump,
    JumpIfFalse,
    Label,
    LoopBegin,
    LoopEnd,
    Lowered,
    Place,
    Step,
    Work,
    buffers_of,
)
from epochal.backends.native.workers import aligned
from epochal.ir import Array

BASE_ABSOLUTE = 0
BASE_ARENA = 1
BASE_FIRST = 2
"""Bases of pointers: nothing, the arena, then the arguments and the states."""

PARALLEL_NANOSECONDS = 3000.0
"""Work below this is not worth the barrier around it."""

COPY_BYTES_PER_NANOSECOND = 10.0

_Range: TypeAlias = tuple[int, int, int]
"""Space, start, end."""

_RangesOf: TypeAlias = Callable[[Step], tuple[list[_Range], list[_Range]]]


@dataclass(frozen=True, slots=True)
class Table:
    """A program as the driver runs it.

    Attributes:
        records: The table; addresses of kernels in place.
        patches: Memory that loop records point into.
        bases: For each slot, which base its pointer starts from.
        offsets: For each slot, bytes from there.
        counters: Loop counters a frame needs.
        scratch: Bytes of scratch a thread needs.
        steps: The step of each record but the last.
        calls: Call-outs, by status - 1, with their first slot.
        cost: Nanoseconds on one core.
        parallel: Whether more than one thread could help.
    """

    records: Array
    patches: Array
    bases: Array
    offsets: Array
    counters: int
    scratch: int
    steps: tuple[Step, ...]
    calls: tuple[tuple[CallOut, int], ...]
    cost: float
    parallel: bool


def build(lowered: Lowered, plan: MemoryPlan, addresses: Mapping[str, int], arguments: int) -> Table:
    """The table of a program.

    Args:
        lowered: Its steps.
        plan: Where its buffers lie.
        addresses: Machine code by kernel key.
        arguments: How many arguments stand before the states.
    """
    return _Builder(lowered, plan, addresses, arguments).build()


class _Builder:
    def __init__(self, lowered: Lowered, plan: MemoryPlan, addresses: Mapping[str, int], arguments: int) -> None:
        self.lowered = lowered
        self.plan = plan
        self.addresses = addresses
        self.arguments = arguments
        self.steps = [step for step in lowered.steps if not self._is_idle(step)]
        self.bases: list[int] = []
        self.offsets: list[int] = []
        self.moving: dict[int, list[tuple[int, int]]] = {}  # loop to (slot, stride)
        self.calls: list[tuple[CallOut, int]] = []

    def build(self) -> Table:
        parallel = [is_parallel(step) for step in self.steps]
        barriers = _Barriers(self.steps, parallel, self._ranges).find()
        targets = self._targets()
        rows: list[list[int]] = []
        loop_rows: list[tuple[int, int]] = []  # row, loop
        for index, step in enumerate(self.steps):
            if isinstance(step, Label):
                continue
            flags = driver.FLAG_BARRIER if index in barriers else 0
            if parallel[index]:
                flags |= driver.FLAG_PARALLEL
            if isinstance(step, LoopEnd):
                loop_rows.append((len(rows), step.loop.serial))
            row = self._row(step, targets)
            rows.append([row[0] | flags, *row[1:], *[0] * (driver.RECORD_WORDS - len(row))])
        rows.append([driver.KIND_END] + [0] * (driver.RECORD_WORDS - 1))
        records = aligned(len(rows) * driver.RECORD_WORDS, np.int64).reshape(len(rows), driver.RECORD_WORDS)
        records[...] = np.array(rows, dtype=np.int64)
        patches = self._patches(records, loop_rows)
        work = [step for step in self.steps if isinstance(step, Work)]
        return Table(
            records=records,
            patches=patches,
            bases=np.array(self.bases, dtype=np.intp),
            offsets=np.array(self.offsets, dtype=np.int64),
            counters=self.lowered.loops,
            scratch=max((step.kernel.scratch for step in work), default=0),
            steps=tuple(_without_emitter(step) for step in self.steps if not isinstance(step, Label)),
            calls=tuple(self.calls),
            cost=_total_cost(self.steps),
            parallel=any(parallel),
        )

    def _is_idle(self, step: Step) -> bool:
        """A copy that sharing has made a copy onto itself, or of nothing."""
        if not isinstance(step, Copy):
            return False
        return step.size == 0 or self._located(step.source) == self._located(step.destination)

    def _located(self, place: Place) -> tuple[int, int, object]:
        base, offset = self._pointer(place)
        return base, offset, place.strides

    def _pointer(self, place: Place) -> tuple[int, int]:
        buffer = place.buffer
        if buffer.kind == "arena":
            return BASE_ARENA, self.plan.offsets[buffer] + place.offset
        if buffer.kind == "constant":
            assert buffer.value is not None
            return BASE_ABSOLUTE, buffer.value.ctypes.data + place.offset
        first = BASE_FIRST + (self.arguments if buffer.kind == "state" else 0)
        return first + buffer.index, place.offset

    def _slots(self, places: Iterable[Place]) -> int:
        """Adds slots; the number of the first."""
        first = len(self.bases)
        for place in places:
            base, offset = self._pointer(place)
            for loop, stride in place.strides:
                self.moving.setdefault(loop.serial, []).append((len(self.bases), stride))
            self.bases.append(base)
            self.offsets.append(offset)
        return first

    def _targets(self) -> dict[Label, int]:
        """Labels to numbers of records."""
        targets: dict[Label, int] = {}
        number = 0
        for step in self.steps:
            if isinstance(step, Label):
                targets[step] = number
            else:
                number += 1
        return targets

    def _row(self, step: Step, targets: Mapping[Label, int]) -> list[int]:
        if isinstance(step, Work):
            slot = self._slots((*step.inputs, *step.outputs))
            return [driver.KIND_KERNEL, self.addresses[step.kernel.key], slot, step.kernel.pieces]
        if isinstance(step, Copy):
            return [driver.KIND_COPY, 0, self._slots((step.destination, step.source)), step.size]
        if isinstance(step, CallOut):
            self.calls.append((step, self._slots((*step.inputs, *step.outputs))))
            return [driver.KIND_STOP, len(self.calls)]
        if isinstance(step, JumpIfFalse):
            return [driver.KIND_JUMP_IF_FALSE, targets[step.label], self._slots((step.predicate,))]
        if isinstance(step, Jump):
            return [driver.KIND_JUMP, targets[step.label]]
        if isinstance(step, LoopBegin):
            limit = 1 if step.loop.limit is None else step.loop.limit
            return [driver.KIND_LOOP_BEGIN, step.loop.serial, limit, targets[step.exit]]
        assert isinstance(step, LoopEnd)
        if step.loop.limit is None:
            return [driver.KIND_JUMP, targets[step.top]]
        return [driver.KIND_LOOP_END, step.loop.serial, step.loop.limit, targets[step.top]]

    def _patches(self, records: Array, loop_rows: Sequence[tuple[int, int]]) -> Array:
        pairs = [pair for _, loop in loop_rows for pair in self.moving.get(loop, ())]
        patches = aligned(max(1, 2 * len(pairs)), np.int64)
        if pairs:
            patches[:] = np.array(pairs, dtype=np.int64).reshape(-1)
        position = 0
        for row, loop in loop_rows:
            count = len(self.moving.get(loop, ()))
            if records[row, 0] & 255 == driver.KIND_LOOP_END:
                records[row, 4] = patches.ctypes.data + 16 * position
                records[row, 5] = count
            position += count
        return patches

    def _ranges(self, step: Step) -> tuple[list[_Range], list[_Range]]:
        """Memory that a step reads and writes. What no one writes does not matter."""
        reads: list[_Range] = []
        writes: list[_Range] = []
        for place, written in buffers_of(step):
            buffer = place.buffer
            if buffer.kind == "arena":
                start = self.plan.offsets[buffer]
                found = (-1, start, start + max(1, buffer.size))
            elif buffer.kind == "state":
                found = (buffer.index, 0, max(1, buffer.size))
            else:
                continue
            (writes if written else reads).append(found)
        return reads, writes


def _without_emitter(step: Step) -> Step:
    """The step without what wrote its code, which may hold much memory and is not needed any more."""
    if not isinstance(step, Work):
        return step
    launch = step.launch
    return replace(step, launch=replace(launch, kernel=replace(launch.kernel, emit=_emitted)))


def _emitted(target: Target) -> str:  # noqa: ARG001 - the signature of an emitter
    raise AssertionError("this kernel has been emitted already")


def is_parallel(step: Step) -> bool:
    """Whether threads share a step."""
    if isinstance(step, Work):
        return step.kernel.pieces > 1 and step.kernel.cost >= PARALLEL_NANOSECONDS
    return isinstance(step, Copy) and step.size >= PARALLEL_NANOSECONDS * COPY_BYTES_PER_NANOSECOND


def _total_cost(steps: Sequence[Step]) -> float:
    """Nanoseconds on one core; a loop without a limit counts as if it ran ten times."""
    total, times = 0.0, [1.0]
    for step in steps:
        if isinstance(step, Work):
            total += step.kernel.cost * times[-1]
        elif isinstance(step, Copy):
            total += step.size / COPY_BYTES_PER_NANOSECOND * times[-1]
        elif isinstance(step, LoopBegin):
            times.append(times[-1] * (10 if step.loop.limit is None else step.loop.limit))
        elif isinstance(step, LoopEnd):
            times.pop()
    return total


class _Barriers:
    """Finds the steps that need a barrier before them."""

    def __init__(self, steps: Sequence[Step], parallel: Sequence[bool], ranges: _RangesOf) -> None:
        self.steps = steps
        # Every thread reads a predicate, so it counts as parallel.
        self.everywhere = [flag or isinstance(step, JumpIfFalse) for step, flag in zip(steps, parallel, strict=True)]
        self.loud = {index for index, everywhere in enumerate(self.everywhere) if everywhere}
        self.accesses = [ranges(step) for step in steps]
        self.arriving: dict[object, set[int]] = {}  # label to the steps that may have run since the last barrier
        self.found: set[int] = set()

    def find(self) -> set[int]:
        """Walks the steps until what arrives at the labels along backward jumps changes nothing any more."""
        if not any(self.everywhere):
            return set()
        while True:
            before = {label: set(steps) for label, steps in self.arriving.items()}, set(self.found)
            self._walk()
            if before == (self.arriving, self.found):
                return self.found

    def _walk(self) -> None:
        pending = set(self.arriving.get("start", ()))
        for index, step in enumerate(self.steps):
            if isinstance(step, Label):
                pending |= self.arriving.get(step, set())
                continue
            if index in self.found or self._conflicts(index, pending):
                self.found.add(index)
                pending = set()
            if isinstance(step, CallOut):
                pending = set()  # all return to Python and start anew
                continue
            reads, writes = self.accesses[index]
            if reads or writes:
                pending.add(index)
            if isinstance(step, JumpIfFalse):
                self._arrive(step.label, pending)
            elif isinstance(step, Jump):
                self._arrive(step.label, pending)
                pending = set()
            elif isinstance(step, LoopBegin):
                self._arrive(step.exit, pending)
            elif isinstance(step, LoopEnd):
                self._arrive(step.top, pending)
                if step.loop.limit is None:
                    pending = set()
        self._arrive("start", pending)

    def _arrive(self, label: object, pending: set[int]) -> None:
        self.arriving.setdefault(label, set()).update(pending)

    def _conflicts(self, index: int, pending: set[int]) -> bool:
        reads, writes = self.accesses[index]
        if not (reads or writes):
            return False
        # Serial records follow one another on thread 0 anyway.
        for other in pending if self.everywhere[index] else pending & self.loud:
            other_reads, other_writes = self.accesses[other]
            if _overlap(writes, other_writes) or _overlap(reads, other_writes) or _overlap(writes, other_reads):
                return True
        return False


def _overlap(left: Sequence[_Range], right: Sequence[_Range]) -> bool:
    return any(a[0] == b[0] and a[1] < b[2] and b[1] < a[2] for a in left for b in right)
