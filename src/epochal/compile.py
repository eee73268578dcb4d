"""From a program to something that runs: the passes that suit an engine, then the engine."""

from __future__ import annotations

from epochal import config
from epochal.backends.base import Backend, Executable
from epochal.backends.base import get as get_backend
from epochal.ir import Program
from epochal.passes.account import PassAccount, run_accounted
from epochal.passes.pipeline import run_pipeline
from epochal.passes.pipelines import for_engine


def optimise(program: Program, lowered: frozenset[str] = frozenset()) -> Program:
    """The program after the passes for an engine that takes the composites `lowered` as they are."""
    return program.with_graph(run_pipeline(program.graph, for_engine(lowered)))


def optimise_accounted(program: Program, lowered: frozenset[str] = frozenset()) -> tuple[Program, list[PassAccount]]:
    """As `optimise`, with what each pass did."""
    graph, accounts = run_accounted(program.graph, for_engine(lowered))
    return program.with_graph(graph), accounts


def compile_program(program: Program, backend: str | Backend | None = None) -> Executable:
    """Compiles a program of static shapes.

    Args:
        program: Made by `epochal.passes.specialise` or by a trace.
        backend: An engine or its name; ``None``: the one that `epochal.config` chooses.

    Raises:
        ArgumentError: There is no engine of that name.
    """
    if backend is None or isinstance(backend, str):
        backend = get_backend(backend or config.backend())
    return backend.compile(optimise(program, backend.lowers))
