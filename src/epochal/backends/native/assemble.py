"""Puts the parts together: program, schedule, memory, machine code, table."""

from __future__ import annotations

from collections.abc import Sequence

from epochal.backends.native import engine, memory, program, records, room
from epochal.backends.native.executable import NativeExecutable
from epochal.backends.native.program import Lowered, Step, Work
from epochal.backends.native.slabs import Schedule
from epochal.ir import Program


def assemble(source: Program, schedule: Schedule) -> NativeExecutable:
    """Compiles a program of static shapes."""
    return finish(source, program.lower(source, schedule))


def finish(source: Program, lowered: Lowered) -> NativeExecutable:
    """The executable of a program that has been lowered."""
    plan = memory.plan(lowered)
    codes = _load(lowered.steps)
    addresses = {key: code.address for key, code in codes.items()}
    table = records.build(lowered, plan, addresses, len(source.arguments))
    results = [(place, plan.offsets.get(place.buffer, 0)) for place in lowered.results]
    return NativeExecutable(source, table, results, room.needs(lowered, plan), list(codes.values()))


def _load(steps: Sequence[Step]) -> dict[str, engine.Code]:
    """Machine code of every kernel, by key."""
    return engine.load_all({step.kernel.key: step.kernel for step in steps if isinstance(step, Work)}.values())
