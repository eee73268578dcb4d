"""What an engine is: the `Backend` and `Executable` protocols, and the lazy table of engines."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Protocol

from epochal.errors import ArgumentError
from epochal.ir import Array, Program


class Binding(Protocol):
    """An executable tied to argument and state arrays: what a training loop calls again and again.

    The arrays stay alive as long as the binding, are read and (the replaced states) written where they lie, and must
    not be moved. A binding belongs to one caller at a time.
    """

    def run(self, count: int = 1) -> list[Array]:
        """Runs the program `count` times in a row; state carries over from one run to the next.

        Returns:
            The results of the last run, as new arrays.

        Raises:
            ExecutionError: An operator failed, such as an index outside its axis.
        """
        ...


class Executable(Protocol):
    """A program compiled for one engine."""

    program: Program

    def __call__(
        self, arguments: Sequence[Array], state: Sequence[Array] = (), num_threads: int | None = None
    ) -> list[Array]:
        """One run. `state` arrays that the program replaces are written in place; results are new arrays."""
        ...

    def bind(self, arguments: Sequence[Array], state: Sequence[Array] = (), num_threads: int | None = None) -> Binding:
        """Checks the arrays once, so that `Binding.run` need not. Arrays must be C-contiguous and of the exact type."""
        ...

    def trim(self, kept: int) -> None:
        """Frees memory for intermediate values that no call uses, if it is more than `kept` bytes."""
        ...


class Backend(Protocol):
    """An engine.

    Attributes:
        name: How `epochal.config.set_backend` calls it.
        lowers: Names of the composite operators it takes as they are; the others are decomposed before.
    """

    name: str
    lowers: frozenset[str]

    def compile(self, program: Program) -> Executable:
        """Compiles a program whose shapes are static and whose composites outside `lowers` are decomposed."""
        ...


BACKENDS: dict[str, str] = {
    "native": "epochal.backends.native.backend",
    "reference": "epochal.backends.reference",
}


def get(name: str) -> Backend:
    """The engine of that name, loaded on first use.

    Raises:
        ArgumentError: There is none.
    """
    module = BACKENDS.get(name)
    if module is None:
        raise ArgumentError(f"Unknown backend: {name!r}. Expected one of {', '.join(sorted(BACKENDS))}.")
    backend: Backend = importlib.import_module(module).BACKEND
    return backend
