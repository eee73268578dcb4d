"""The reference engine: runs each operator's NumPy definition, node by node. It says what a program means."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from epochal.backends.arrays import check_arrays
from epochal.config import check_num_threads
from epochal.ir import Array, Program
from epochal.topi.interpret import interpreter
from epochal.topi.inventory import OPERATORS


class ReferenceBinding:
    """An executable tied to arrays. See `backends.base.Binding`."""

    def __init__(self, executable: ReferenceExecutable, arguments: Sequence[Array], state: Sequence[Array]) -> None:
        self._executable = executable
        self._arguments = tuple(arguments)
        self._state = tuple(state)

    def run(self, count: int = 1) -> list[Array]:
        """Runs the program `count` times in a row; returns the results of the last run."""
        results: list[Array] = []
        for _ in range(count):
            results = self._executable.step(self._arguments, self._state)
        return results


class ReferenceExecutable:
    """A program ready to run. See `backends.base.Executable`."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._run = interpreter(program.graph)

    def __call__(
        self, arguments: Sequence[Array], state: Sequence[Array] = (), num_threads: int | None = None
    ) -> list[Array]:
        """One run. Threads are NumPy's own affair."""
        return self.bind(arguments, state, num_threads).run()

    def bind(
        self, arguments: Sequence[Array], state: Sequence[Array] = (), num_threads: int | None = None
    ) -> ReferenceBinding:
        """Checks the arrays once and ties the program to them."""
        if num_threads is not None:
            check_num_threads(num_threads)
        check_arrays(self.program, arguments, state)
        return ReferenceBinding(self, arguments, state)

    def trim(self, kept: int) -> None:
        """Nothing is kept from one run to the next."""

    def step(self, arguments: Sequence[Array], state: Sequence[Array]) -> list[Array]:
        """One run on checked arrays. State is replaced only after all is computed, so that an error changes nothing."""
        program = self.program
        outputs = self._run((*arguments, *state))
        # Outputs may be views of one another, of the arguments or of the state.
        copies = [np.array(output, order="C", copy=True) for output in outputs]
        for index, new in zip(program.replaced, copies[len(program.results) :], strict=True):
            np.copyto(state[index], new, casting="no")
        return copies[: len(program.results)]


class ReferenceBackend:
    """See `backends.base.Backend`. Composites have references of their own, so none need be decomposed."""

    name = "reference"
    lowers = frozenset(operator.name for operator in OPERATORS if "composite" in operator.traits)

    def compile(self, program: Program) -> ReferenceExecutable:
        """Orders the program's nodes; nothing is translated."""
        return ReferenceExecutable(program)


BACKEND = ReferenceBackend()
