"""The native engine: compiles programs to machine code for the processor at hand."""

from __future__ import annotations

from collections.abc import Sequence

from epochal import config
from epochal.backends.native.assemble import assemble
from epochal.backends.native.executable import NativeExecutable
from epochal.backends.native.explain import Plan, plan
from epochal.backends.native.prepare import plain_schedule, prepare
from epochal.backends.native.profile import Measured, measure
from epochal.backends.native.remembered import remembered
from epochal.backends.native.schedule import LOWERS
from epochal.ir import Array, Program

_RECALL = remembered(plain_schedule)


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
        return assemble(prepare(program), _RECALL)

    def profile(
        self,
        program: Program,
        arguments: Sequence[Array],
        state: Sequence[Array],
        seconds: float = 1.0,
        num_threads: int | None = None,
    ) -> Measured:
        """Runs a program some times and says where its time goes; see `profile.measure`."""
        return measure(program, arguments, state, seconds, num_threads)

    def explain(self, program: Program, num_threads: int | None = None) -> Plan:
        """How a program would run; see `explain.plan`."""
        return plan(program, config.num_threads() if num_threads is None else config.check_num_threads(num_threads))


BACKEND = NativeBackend()
