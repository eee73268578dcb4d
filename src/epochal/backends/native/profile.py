"""Where the time of a program goes, record by record: run by a driver that reads the clock.

Ordinary runs pay nothing for it: the measuring driver is another function, with workers of its own, on an executable
of its own.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from epochal.backends.native import assemble, driver, peak, program, workers
from epochal.backends.native.executable import NativeExecutable, Workspace
from epochal.backends.native.inplace import ScheduleItem, root
from epochal.backends.native.kernel import Launch
from epochal.backends.native.operations import Share, members
from epochal.backends.native.peak import Peak
from epochal.backends.native.prepare import plain_schedule, prepare
from epochal.backends.native.program import CallOut, Copy, Label, Lowered, Step, Work
from epochal.backends.native.slabs import Cut
from epochal.ir import Array, Graph, Node, Origin, Program, Value

CONTEXT_TICKS = 9
ROW_WORDS = 4
BLOCKS = 8


@dataclass(frozen=True, slots=True)
class Record:
    """What one record of a program did during the runs that were measured.

    Attributes:
        kind: ``"kernel"``, ``"copy"`` or ``"call-out"`` (an operator that Python ran).
        nodes: What it computes, operands first; none for a copy.
        costs: Operations of each node.
        helps: For a kernel that only prepares or combines: what.
        origin: Where such a kernel comes from.
        types: Types of its results.
        bytes: Bytes of what it reads and writes, each buffer once a time.
        times: How often it ran, on the thread that ran it most often.
        worked: Seconds each thread worked on it.
        waited: Seconds each thread waited at the barrier before it.
        threads: How many threads it is cut for.
    """

    kind: str
    nodes: tuple[Node, ...]
    costs: tuple[float, ...]
    helps: str
    origin: Origin
    types: tuple[str, ...]
    bytes: float
    times: int
    worked: tuple[float, ...]
    waited: tuple[float, ...]
    threads: int

    @property
    def seconds(self) -> float:
        """How long it took: the slowest thread's time."""
        return max(self.worked)


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured.

    Attributes:
        records: In the order of the program.
        seconds: Of all runs that count together, from call to return.
        runs: How many of them: the quickest of `BLOCKS` blocks, because other programs only slow down.
        total: How often the program was run.
        threads: Threads of the program.
        arena_bytes: Memory of intermediate values.
        peak: What so many threads reach at most.
    """

    records: tuple[Record, ...]
    seconds: float
    runs: int
    total: int
    threads: int
    arena_bytes: int
    peak: Peak


def lowered_with_shares(source: Program) -> tuple[Lowered, dict[int, Share]]:
    """A program's steps, and by the identity of a launch or node of its schedules what that computes."""
    found: dict[int, Share] = {}
    kept: list[ScheduleItem] = []

    def schedule(graph: Graph, cut: Cut | None = None) -> Sequence[ScheduleItem]:
        items = plain_schedule(graph, cut)
        kept.extend(items)
        found.update((id(item), share) for item, share in zip(items, members(items, graph.inputs), strict=True))
        return items

    return program.lower(source, schedule), found


def measure(
    source: Program,
    arguments: Sequence[Array],
    state: Sequence[Array],
    seconds: float = 1.0,
    num_threads: int | None = None,
) -> Measured:
    """Runs a program some times and measures.

    Args:
        source: Optimised for this engine (`epochal.compile.optimise`).
        arguments: Its arguments, C-contiguous.
        state: Its states; written in place.
        seconds: About how long to measure.
        num_threads: At most so many threads.
    """
    prepared = prepare(source)
    lowered, shares = lowered_with_shares(prepared)
    executable = assemble.finish(prepared, lowered)
    session = _Session(executable, arguments, state, executable.threads(num_threads))
    try:
        session.run(1)
        one = session.run(1)
        runs = max(1, min(1000, int(seconds / max(one, 1e-7) / BLOCKS)))
        best = session.best(runs)
    finally:
        session.close()
    steps = [step for step in lowered.steps if not isinstance(step, Label)]
    kept = _kept(steps, executable.table.steps)
    records = session.records(kept, shares)
    done = 2 + BLOCKS * runs
    found = peak.measure(session.threads)
    return Measured(records, best, runs, done, session.threads, executable.arena_bytes, found)


def _kept(steps: Sequence[Step], recorded: Sequence[Step]) -> list[Step]:
    """The steps that have records: all but the copies that sharing has made idle."""
    remaining = iter(steps)
    kept = []
    for record in recorded:
        step = next(remaining)
        while isinstance(step, Copy) and step is not record:
            step = next(remaining)
        kept.append(step)
    return kept


class _Session:
    """A workspace, run by the driver that measures."""

    def __init__(
        self, executable: NativeExecutable, arguments: Sequence[Array], state: Sequence[Array], threads: int
    ) -> None:
        self.threads = threads
        self._executable = executable
        self._arguments, self._state = arguments, state  # must stay alive
        self._runtime = workers.Runtime(ticking=True)
        self._pool = workers.Pool()
        self._workspace = Workspace(executable, threads)
        self._workspace.point(executable, arguments, state)
        self._workspace._launch = self._runtime.launch
        self._clock = ctypes.CFUNCTYPE(ctypes.c_int64)(self._runtime.code.addresses["ticks"])
        records = len(executable.table.records)
        self._ticks = workers.aligned(threads * records * ROW_WORDS, np.int64).reshape(threads, records, ROW_WORDS)
        self._called: dict[int, float] = {}
        context = self._workspace._context
        context[CONTEXT_TICKS] = self._ticks.ctypes.data
        context[CONTEXT_TICKS + 1] = records * ROW_WORDS * 8
        self._team = self._pool.take(threads - 1, self._runtime)
        first = driver.CONTEXT_MAILBOXES
        context[first : first + len(self._team)] = [worker.address for worker in self._team]
        self._call = self._workspace._call
        self._workspace._call = self._timed_call  # type: ignore[method-assign]
        self.clear()

    def clear(self) -> None:
        self._ticks[...] = 0
        self._called.clear()
        self._span = [0.0, 0.0]  # seconds and ticks

    def run(self, count: int) -> float:
        """Runs the program; seconds."""
        workspace = self._workspace
        if workspace._stale:
            workspace._aim()
        ticks, start = self._clock(), time.perf_counter()
        status = self._runtime.launch(workspace._address, count)
        if status:
            workspace._go_on(status)
        seconds = time.perf_counter() - start
        self._span = [self._span[0] + seconds, self._span[1] + self._clock() - ticks]
        return seconds

    def best(self, count: int) -> float:
        """Runs some blocks of `count` runs; the seconds of the quickest, whose figures stay."""
        found: tuple[float, Array, dict[int, float], list[float]] | None = None
        for _ in range(BLOCKS):
            self.clear()
            seconds = self.run(count)
            if found is None or seconds < found[0]:
                found = seconds, self._ticks.copy(), self._called.copy(), self._span
        assert found is not None
        self._ticks[...], self._called, self._span = found[1:]
        return found[0]

    def _timed_call(self, step: CallOut, slot: int) -> None:
        start = time.perf_counter()
        self._call(step, slot)
        self._called[id(step)] = self._called.get(id(step), 0.0) + time.perf_counter() - start

    def close(self) -> None:
        self._pool.give_back(self._team)
        self._pool.close(self._runtime)

    def records(self, steps: Sequence[Step], shares: dict[int, Share]) -> tuple[Record, ...]:
        """What each step did."""
        second = self._span[0] / max(self._span[1], 1.0)
        flags = self._executable.table.records[:, 0]
        found = []
        for number, step in enumerate(steps):
            row = self._ticks[:, number]
            waited = tuple((row[:, 0] * second).tolist())
            worked = tuple((row[:, 1] * second).tolist())
            times = int(row[:, 2].max())
            if isinstance(step, CallOut):
                recorded = self._executable.table.steps[number]
                worked = (self._called.get(id(recorded), 0.0), *[0.0] * (self.threads - 1))
            cut = self.threads if flags[number] & driver.FLAG_PARALLEL else 1
            found.append(_record(step, shares, times, worked, waited, cut))
        return tuple(found)


def _record(
    step: Step,
    shares: dict[int, Share],
    times: int,
    worked: tuple[float, ...],
    waited: tuple[float, ...],
    threads: int,
) -> Record:
    def made(kind: str, item: Launch | Node | None, size: float) -> Record:
        share = Share() if item is None else shares[id(item)]
        types = () if item is None else tuple(str(value.type) for value in item.outputs)
        return Record(
            kind, share.nodes, share.costs(), share.helps, share.origin, types, size, times, worked, waited, threads
        )

    if isinstance(step, Work):
        return made("kernel", step.launch, traffic(step.launch, shares[id(step.launch)].nodes))
    if isinstance(step, CallOut):
        return made("call-out", step.node, traffic(step.node, (step.node,)))
    if isinstance(step, Copy):
        return made("copy", None, 2.0 * step.size)
    return made("jump", None, 0.0)


_PICKING = frozenset({"gather", "dynamic_slice", "slice"})


def traffic(item: Launch | Node, nodes: Sequence[Node]) -> float:
    """Bytes of what an item reads and writes, each value once; of what it only picks from, as much as it picks."""
    written = {root(value): float(value.type.bytes) for value in item.outputs}
    read: dict[Value, float] = {}
    for value in map(root, item.inputs):
        users = [node for node in nodes if any(root(operand) is value for operand in node.inputs)]
        size = float(value.type.bytes)
        if users and all(node.operator.name in _PICKING and root(node.inputs[0]) is value for node in users):
            size = min(size, sum(float(node.outputs[0].type.bytes) for node in users))
        if value not in written:
            read[value] = size
    return sum(written.values()) + sum(read.values())
