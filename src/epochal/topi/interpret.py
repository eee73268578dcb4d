"""Evaluation of a graph on arrays by the operators' references, node by node."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from epochal.ir import Array, Graph, Node, Value


def interpreter(graph: Graph) -> Callable[[Sequence[Array]], list[Array]]:
    """A function from the arrays of a graph's inputs to those of its outputs.

    The graph's shapes must be static. A value is freed after its last use. Results may share memory with the inputs
    and with one another, and must not be written to.
    """
    nodes = [node for node in graph.nodes() if node.operator.name != "input"]
    last: dict[Value, Node] = {}
    for node in nodes:
        last.update(dict.fromkeys(node.inputs, node))
        last.update(dict.fromkeys(node.outputs, node))
    kept = {*graph.outputs}
    dead: dict[Node, list[Value]] = {}
    for value, node in last.items():
        if value not in kept:
            dead.setdefault(node, []).append(value)
    steps = [(node, dead.get(node, [])) for node in nodes]

    def run(arrays: Sequence[Array]) -> list[Array]:
        environment: dict[Value, Array] = dict(zip(graph.inputs, arrays, strict=True))
        with np.errstate(all="ignore"):
            for node, freed in steps:
                result: Any = node.operator.reference(*[environment[value] for value in node.inputs], **node.parameters)
                results = result if isinstance(result, tuple) else (result,)
                for output, array in zip(node.outputs, results, strict=True):
                    environment[output] = np.asarray(array)
                for value in freed:
                    del environment[value]
        return [environment[value] for value in graph.outputs]

    return run


def interpret(graph: Graph, arrays: Sequence[Array]) -> list[Array]:
    """The outputs of a graph of static shapes on the arrays of its inputs."""
    return interpreter(graph)(arrays)
