"""A program: a closed graph whose inputs are arguments and state, and whose outputs are results and new state.

State is what outlives a run and is replaced in place: variables, optimizer slots, the learning rate, random
counters, metric sums, the step counter.
"""

from __future__ import annotations

from dataclasses import dataclass

from epochal.ir.graph import Graph, Value
from epochal.ir.types import TensorType


@dataclass(frozen=True, eq=False, slots=True)
class Program:
    """A graph with named arguments, results and state.

    Attributes:
        graph: ``inputs`` are the arguments, then every state; ``outputs`` the results, then the new values of the
            replaced states in the order of `replaced`.
        arguments: Names of the arguments, for messages.
        results: Names of the results.
        states: Names of the states.
        replaced: Which states get a new value: increasing indices into `states`.
    """

    graph: Graph
    arguments: tuple[str, ...] = ()
    results: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    replaced: tuple[int, ...] = ()

    @property
    def argument_values(self) -> tuple[Value, ...]:
        return self.graph.inputs[: len(self.arguments)]

    @property
    def state_values(self) -> tuple[Value, ...]:
        return self.graph.inputs[len(self.arguments) :]

    @property
    def result_values(self) -> tuple[Value, ...]:
        return self.graph.outputs[: len(self.results)]

    @property
    def new_state_values(self) -> tuple[Value, ...]:
        return self.graph.outputs[len(self.results) :]

    @property
    def argument_types(self) -> tuple[TensorType, ...]:
        return tuple(value.type for value in self.argument_values)

    @property
    def state_types(self) -> tuple[TensorType, ...]:
        return tuple(value.type for value in self.state_values)

    def with_graph(self, graph: Graph) -> Program:
        """The same program around a rewritten graph."""
        return Program(graph, self.arguments, self.results, self.states, self.replaced)
