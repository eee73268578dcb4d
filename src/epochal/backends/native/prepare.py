"""What this engine does to a program before it is lowered, and its schedules."""

from __future__ import annotations

from epochal.backends.native.inplace import ScheduleItem
from epochal.backends.native.pool_fusion import fuse_pools
from epochal.backends.native.schedule import schedule
from epochal.backends.native.slabs import Cut
from epochal.ir import Graph, Program


def prepare(program: Program) -> Program:
    """The program after this engine's own rewrites."""
    return program.with_graph(fuse_pools(program.graph))


def plain_schedule(graph: Graph, cut: Cut | None = None) -> list[ScheduleItem]:
    """The schedule of a region, made anew (`remembered` looks it up)."""
    return schedule(graph.nodes(), graph.outputs, cut, graph.inputs[: cut.fixed] if cut else ())
