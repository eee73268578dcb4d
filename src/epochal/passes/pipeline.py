"""Running passes one after another, sub-graphs included."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from epochal.errors import VerificationError
from epochal.ir import Graph
from epochal.ir.verify import verify
from epochal.passes.rebuild import map_subgraphs


class Pass(Protocol):
    """A rewrite of a graph of static shapes that keeps its inputs, and the meaning and types of its outputs.

    Passes are frozen dataclasses, their fields what may be chosen about them.
    """

    def run(self, graph: Graph) -> Graph:
        """The rewritten graph; `graph` itself where nothing is to be done. Need not look into sub-graphs."""
        ...


def run_pass(one: Pass, graph: Graph) -> Graph:
    """A pass over a graph, after it ran over the sub-graphs of its control operators."""
    return one.run(map_subgraphs(graph, lambda inner: run_pass(one, inner)))


def run_pipeline(graph: Graph, passes: Sequence[Pass], check: bool = False) -> Graph:
    """The graph after all passes.

    Args:
        graph: A graph of static shapes.
        passes: Run in this order.
        check: Whether to verify the graph after each pass (tests do).

    Raises:
        VerificationError: A pass broke an invariant; the message names it. Only with `check`.
    """
    for one in passes:
        before = graph
        graph = run_pass(one, graph)
        if check and graph is not before:
            try:
                verify(graph)
            except VerificationError as error:
                raise VerificationError(f"After {one}: {error}") from error
            if [value.type for value in before.outputs] != [value.type for value in graph.outputs]:
                raise VerificationError(f"{one} changed the types of the results.")
    return graph
