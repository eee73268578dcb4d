"""From steps to the driver's table: record words, slots of argument pointers, loop patches, and barriers.

A barrier stands before a record only if, since the last one, another thread may have written what it touches or read
what it writes. Serial records all run on thread 0 and need none among themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias

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

COPY_UNIT = 64
"""Bytes that a copy is cut into, where it is not cut by rows."""


class _Range(NamedTuple):
    """Memory that a step touches.

    Attributes:
        space: The arena (-1) or the number of a state.
        start, end: Of all that it may touch, over all iterations.
        rows, block: If a piece touches its own rows alone: how many there are, and how many a piece has.
        period, phase: Rows repeat after so many bytes, and begin where a position leaves that remainder.
    """

    space: int
    start: int
    end: int
    rows: int = 0
    block: int = 0
    period: int = 1
    phase: int = 0


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
        parallel, barriers = self._spread()
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

    def _spread(self) -> tuple[list[bool], set[int]]:
        """Which steps all threads take part in, and which need a barrier before them.

        What is cut by rows in a loop is spread if the loop's step is worth it, or if it then runs without a barrier.
        """
        parallel = [is_parallel(step) for step in self.steps]
        loops = _loops_of_slabs(self.steps)
        spread, doubtful = list(parallel), []
        for loop in loops:
            if loop.cost * loop.times >= PARALLEL_NANOSECONDS:
                for index in loop.members:
                    spread[index] = True
                if loop.cost < PARALLEL_NANOSECONDS:
                    doubtful.append(loop)
        barriers = _Barriers(self.steps, spread, self._ranges).find()
        broken = [loop for loop in doubtful if any(loop.begin < index < loop.end for index in barriers)]
        if broken:
            for loop in broken:
                for index in loop.members:
                    spread[index] = parallel[index]
            barriers = _Barriers(self.steps, spread, self._ranges).find()
        return spread, barriers

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
            unit = COPY_UNIT if step.cut is None else step.size // step.cut.rows * step.cut.block
            return [driver.KIND_COPY, unit, self._slots((step.destination, step.source)), step.size]
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
        for number, (place, written) in enumerate(buffers_of(step)):
            buffer = place.buffer
            if buffer.kind == "arena":
                start = self.plan.offsets[buffer]
                found = _Range(-1, start, start + max(1, buffer.size))
            elif buffer.kind == "state":
                start = 0
                found = _Range(buffer.index, 0, max(1, buffer.size))
            else:
                continue
            rows, block, period = _rows_of(step, number)
            if rows and not any(stride % period for _, stride in place.strides):
                phase = (start + place.offset) % period
                found = found._replace(rows=rows, block=block, period=period, phase=phase)
            (writes if written else reads).append(found)
        return reads, writes


def _rows_of(step: Step, number: int) -> tuple[int, int, int]:
    """Rows, rows a piece, and bytes of an operand (as `buffers_of` counts them) that a step cuts by rows; else 0."""
    if isinstance(step, Work):
        slabs = step.kernel.slabs
        if slabs is not None and number in slabs.operands:
            values = (*step.launch.inputs, *step.launch.outputs)
            return slabs.rows, slabs.block, values[number].type.bytes
    elif isinstance(step, Copy) and step.cut is not None:
        return step.cut.rows, step.cut.block, step.size
    return 0, 0, 1


@dataclass(frozen=True, slots=True)
class _SlabLoop:
    """Steps right inside one loop that are cut by the same rows: where, which, and what they cost an iteration."""

    begin: int
    end: int
    times: float
    members: tuple[int, ...]
    cost: float


def _loops_of_slabs(steps: Sequence[Step]) -> list[_SlabLoop]:
    open_loops: list[tuple[int, list[int]]] = []
    found = []
    for index, step in enumerate(steps):
        if isinstance(step, LoopBegin):
            open_loops.append((index, []))
        elif isinstance(step, LoopEnd):
            begin, members = open_loops.pop()
            times = 10.0 if step.loop.limit is None else float(step.loop.limit)
            cost = sum(_cost(steps[member]) for member in members)
            found.append(_SlabLoop(begin, index, times, tuple(members), cost))
        elif open_loops and _is_cut(step):
            open_loops[-1][1].append(index)
    return found


def _is_cut(step: Step) -> bool:
    if isinstance(step, Work):
        return step.kernel.slabs is not None
    return isinstance(step, Copy) and step.cut is not None


def _cost(step: Step) -> float:
    """Nanoseconds on one core."""
    if isinstance(step, Work):
        return step.kernel.cost
    return step.size / COPY_BYTES_PER_NANOSECOND if isinstance(step, Copy) else 0.0


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
        total += _cost(step) * times[-1]
        if isinstance(step, LoopBegin):
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
        self.ends = {step.loop.serial: index for index, step in enumerate(steps) if isinstance(step, LoopEnd)}
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
            if index in self.found or any(self._conflicts(later, pending) for later in self._ahead(index)):
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

    def _ahead(self, index: int) -> Iterable[int]:
        """The steps that a barrier before this one is for: a loop waits once, not in every iteration."""
        step = self.steps[index]
        if not isinstance(step, LoopBegin):
            return (index,)
        return range(index + 1, self.ends[step.loop.serial])

    def _arrive(self, label: object, pending: set[int]) -> None:
        self.arriving.setdefault(label, set()).update(pending)

    def _conflicts(self, index: int, pending: set[int]) -> bool:
        reads, writes = self.accesses[index]
        if not (reads or writes):
            return False
        # Serial records follow one another on thread 0 anyway.
        for other in pending if self.everywhere[index] else pending & self.loud:
            other_reads, other_writes = self.accesses[other]
            both = self.everywhere[index] and self.everywhere[other]  # else rows are not shared out
            if (
                _meet(writes, other_writes, both)
                or _meet(reads, other_writes, both)
                or _meet(writes, other_reads, both)
            ):
                return True
        return False


def _meet(left: Sequence[_Range], right: Sequence[_Range], both: bool) -> bool:
    """Whether two threads may touch the same memory. `both`: each has its own pieces of either step."""
    return any(
        a.space == b.space and a.start < b.end and b.start < a.end and not (both and _apart(a, b))
        for a in left
        for b in right
    )


def _apart(a: _Range, b: _Range) -> bool:
    """Whether a piece of one touches only what the same piece of the other does, of all that the other's touch."""
    return a.rows > 0 and a[3:] == b[3:]
