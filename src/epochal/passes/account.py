"""What each pass does to a graph: for people who look at a compiled program."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from epochal.ir import Graph
from epochal.passes.pattern import TALLY
from epochal.passes.pipeline import Pass, run_pass


@dataclass(frozen=True)
class PassAccount:
    """What a pass did.

    Attributes:
        name: The pass.
        before: Nodes before it, those of sub-graphs included, constants and inputs not.
        after: Nodes after it.
        fewer: Operators of which there are fewer now, and by how many.
        more: Operators of which there are more now.
        rules: Rewrites by rule, where the pass consists of rules.
    """

    name: str
    before: int
    after: int
    fewer: dict[str, int]
    more: dict[str, int]
    rules: dict[str, int]

    @property
    def changed(self) -> bool:
        """Whether it did anything that can be seen."""
        return bool(self.fewer or self.more or self.rules)


def run_accounted(graph: Graph, passes: Sequence[Pass]) -> tuple[Graph, list[PassAccount]]:
    """The graph after all passes, and what each did."""
    accounts = []
    counts = count_operators(graph)
    for one in passes:
        rules: Counter[str] = Counter()
        token = TALLY.set(rules)
        try:
            graph = run_pass(one, graph)
        finally:
            TALLY.reset(token)
        now = count_operators(graph)
        accounts.append(
            PassAccount(
                type(one).__name__,
                counts.total(),
                now.total(),
                dict((counts - now).most_common()),
                dict((now - counts).most_common()),
                dict(rules.most_common()),
            )
        )
        counts = now
    return graph, accounts


def count_operators(graph: Graph) -> Counter[str]:
    """Nodes by operator, those of sub-graphs included."""
    found: Counter[str] = Counter()
    stack = [graph]
    while stack:
        for node in stack.pop().nodes():
            if node.operator.name not in ("input", "constant"):
                found[node.operator.name] += 1
            stack.extend(value for value in node.parameters.values() if isinstance(value, Graph))
    return found
