"""The native engine: compiles programs to machine code for the processor at hand."""

from __future__ import annotations

from epochal.backends.native.assemble import assemble
from epochal.backends.native.executable import NativeExecutable
from epochal.backends.native.inplace import ScheduleItem
from epochal.backends.native.pool_fusion import fuse_pools
from epochal.backends.native.remembered import remembered
from epochal.backends.native.schedule import LOWERS, schedule
from epochal.ir import Graph, Program


def _schedule(graph: Graph) -> list[ScheduleItem]:
    return schedule(graph.nodes(), graph.outputs)


_RECALL = remembered(_schedule)


class NativeBackend:
    """See `epochal.backends.base.Backend`.

    Attributes:
        name: ``"native"``.
        lowers: Composite operators that kernels exist for.
    """

    name = "native"
    lowers = LOWERS

    def compile(self, program: Program) -> NativeExecutable:
        """Machine code for a program of static shapes."""
        return assemble(program.with_graph(fuse_pools(program.graph)), _RECALL)


BACKEND = NativeBackend()
