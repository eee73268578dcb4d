"""What the compiler makes of a program, in numbers: kernels, memory, schedule. Nothing is compiled or run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from epochal.backends.native import memory, records
from epochal.backends.native.driver import FLAG_BARRIER
from epochal.backends.native.executable import SMALL_NANOSECONDS
from epochal.backends.native.inplace import root
from epochal.backends.native.operations import Share
from epochal.backends.native.prepare import prepare
from epochal.backends.native.profile import lowered_with_shares, traffic
from epochal.backends.native.program import Buffer, CallOut, Copy, Lowered, Step, Work
from epochal.ir import Node, Origin, Program, Value


@dataclass(frozen=True, slots=True)
class LaunchPlan:
    """One kernel of the plan.

    Attributes:
        nodes: What it computes, operands first.
        costs: Operations of each.
        helps: For a kernel that only prepares or combines: what.
        origin: Where such a kernel comes from.
        types: Types of its results.
        estimate: Estimated nanoseconds on one core.
        pieces: Independent pieces of work.
        parallel: Whether threads share it.
        bytes: Read and written.
        kind: ``"kernel"`` or ``"call-out"`` (Python runs the operator).
        method: The kind of kernel.
    """

    nodes: tuple[Node, ...]
    costs: tuple[float, ...]
    helps: str
    origin: Origin
    types: tuple[str, ...]
    estimate: float
    pieces: int
    parallel: bool
    bytes: float
    kind: str
    method: str


@dataclass(frozen=True, slots=True)
class BufferPlan:
    """A stretch of the arena.

    Attributes:
        type: Type of the value in it.
        node: What makes the value; ``None`` for one that kernels hand one another.
        bytes: Its size.
        steps: For how many of the program's steps it is kept.
    """

    type: str
    node: Node | None
    bytes: int
    steps: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A program as it would run.

    Attributes:
        launches: The kernels, in order; those in loops once.
        prepared: Operators that the engine's own rewrites made, and how many.
        kernels: Different kernels, each compiled once.
        records: Steps of the driver.
        barriers: Steps before which threads meet.
        copies: Copies of memory among the steps.
        threads: How many threads the program would use, of those asked for.
        estimate: Nanoseconds on one core.
        arena: Bytes of the arena.
        unshared: Bytes if every value had memory of its own.
        live: The most bytes that are needed at one time: no plan can do with less.
        taken_over: Values computed in the memory of an operand that nothing reads any more.
        in_place: States whose new value is computed where the old one lies.
        copied: States whose new value is copied there.
        buffers: The largest stretches of the arena.
        state: Bytes of the program's state.
        scratch: Bytes of scratch memory a thread.
    """

    launches: tuple[LaunchPlan, ...]
    prepared: dict[str, int]
    kernels: int
    records: int
    barriers: int
    copies: int
    threads: int
    estimate: float
    arena: int
    unshared: int
    live: int
    taken_over: int
    in_place: int
    copied: int
    buffers: tuple[BufferPlan, ...]
    state: int
    scratch: int


def plan(source: Program, threads: int, largest: int = 8) -> Plan:
    """The plan of a program that `epochal.compile.optimise` has been through.

    Args:
        source: The program.
        threads: Threads it may use.
        largest: How many buffers to tell.
    """
    prepared = prepare(source)
    lowered, shares = lowered_with_shares(prepared)
    placed = memory.plan(lowered)
    work = [step for step in lowered.steps if isinstance(step, Work)]
    addresses = {step.kernel.key: 0 for step in work}
    table = records.build(lowered, placed, addresses, len(source.arguments))
    lives, owners = memory.lives_and_owners(lowered)
    parallel = threads > 1 and table.parallel and table.cost >= SMALL_NANOSECONDS
    copies = [step for step in table.steps if isinstance(step, Copy)]
    copied = sum(step.destination.buffer.kind == "state" for step in copies)
    return Plan(
        launches=tuple(_launch(step, shares) for step in lowered.steps if isinstance(step, (Work, CallOut))),
        prepared=_made(source, prepared),
        kernels=len(addresses),
        records=len(table.steps),
        barriers=int(((table.records[:, 0] & FLAG_BARRIER) != 0).sum()),
        copies=len(copies),
        threads=threads if parallel else 1,
        estimate=table.cost,
        arena=placed.size,
        unshared=sum(buffer.size for buffer in lives),
        live=memory.most_live(lives, owners),
        taken_over=len(owners),
        in_place=len(source.replaced) - copied,
        copied=copied,
        buffers=_largest(lowered, lives, owners, largest),
        state=sum(value.type.bytes for value in source.state_values),
        scratch=table.scratch,
    )


def _launch(step: Work | CallOut, shares: dict[int, Share]) -> LaunchPlan:
    item = step.launch if isinstance(step, Work) else step.node
    share = shares[id(item)]
    types = tuple(str(value.type) for value in item.outputs)
    told = (share.nodes, share.costs(), share.helps, share.origin, types)
    moved = traffic(item, share.nodes)
    if isinstance(step, Work):
        return LaunchPlan(
            *told, step.kernel.cost, step.kernel.pieces, records.is_parallel(step), moved, "kernel", step.kernel.kind
        )
    return LaunchPlan(*told, 0.0, 1, False, moved, "call-out", "NumPy")


def _made(before: Program, after: Program) -> dict[str, int]:
    """Operators that are there only since the engine's own rewrites."""
    counts = [Counter(node.operator.name for node in one.graph.nodes()) for one in (before, after)]
    return dict(counts[1] - counts[0])


def _largest(
    lowered: Lowered, lives: dict[Buffer, list[int]], owners: dict[Buffer, Buffer], count: int
) -> tuple[BufferPlan, ...]:
    makers: dict[Buffer, tuple[str, Node]] = {}
    for step in lowered.steps:
        for value, buffer in _written(step):
            makers.setdefault(buffer, (str(value.type), value.node))
    order = sorted((buffer for buffer in lives if buffer not in owners), key=lambda buffer: -buffer.size)
    found = []
    for buffer in order[:count]:
        type_, node = makers.get(buffer, ("copy", None))
        first, last = lives[buffer]
        real = None if node is None or node.operator.name == "input" else node
        found.append(BufferPlan(type_, real, buffer.size, last - first + 1))
    return tuple(found)


def _written(step: Step) -> Sequence[tuple[Value, Buffer]]:
    if isinstance(step, Work):
        return [(root(value), place.buffer) for value, place in zip(step.launch.outputs, step.outputs, strict=True)]
    if isinstance(step, CallOut):
        return [(root(value), place.buffer) for value, place in zip(step.node.outputs, step.outputs, strict=True)]
    return []
