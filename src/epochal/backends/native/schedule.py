"""From a region's nodes to the launches that compute it."""

from __future__ import annotations

from collections.abc import Sequence

from epochal.backends.native.kernel import ALIASES, Launch
from epochal.ir import Node, Value

LOWERS: frozenset[str] = frozenset()
"""Composite operators that are not decomposed before they come here."""


def schedule(nodes: Sequence[Node], outputs: Sequence[Value]) -> list[Launch | Node]:
    """See `kernel`."""
    skipped = ALIASES | {"input", "constant"}
    return [node for node in nodes if node.operator.name not in skipped]
