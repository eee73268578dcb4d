"""One program for many lengths: an axis of the inputs is padded to a capacity, and how much of it counts is an operand.

A step that was traced at three sizes of an axis (the capacity, one less, and the least that is to be served) gives
three graphs that differ in nothing but what depends on that size. Walking them side by side tells, without guessing
from coincidences of sizes, which axes of which values grow with it and which constants do (the divisor of a mean). The
rewritten graph is that of the capacity with one more input, the `length`; along every axis that grows, elements beyond
the length's share hold anything at all, and wherever an operator would mix them with those that count, they are masked
(`padded_rules.py`, `padded_movement.py`). Masks are selections, never products: 0 times what lies there may be NaN.

What is not known to be exact raises `InexactError`, and a program of the exact size has to be compiled. A Python branch
on a threshold between the least size and the capacity makes the graphs differ, so it is noticed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from epochal import dtypes
from epochal.ir import Graph, Node, TensorType, Value, make_input, origin, with_inputs
from epochal.ir.key import parameter_key
from epochal.passes.decompose import Decompose
from epochal.passes.inline_calls import InlineCalls
from epochal.passes.padded_constants import RepeatedConstants, constant_of_length
from epochal.passes.padded_site import Context, Extent, InexactError, Site
from epochal.passes.pipeline import run_pipeline
from epochal.passes.rebuild import rebuild
from epochal.topi.inventory import BUILD

Rule = Callable[[Site], Sequence[Value]]

# Composites that have a rule of their own, so that engines still meet them as they are.
_KEPT = frozenset(
    {
        "softmax", "log_softmax", "logsumexp", "softplus", "gelu", "silu", "layer_norm", "batch_norm_training",
        "attention", "attention_gradient",
    }
)  # fmt: skip


@dataclass(frozen=True)
class PaddedGraph:
    """A graph for all lengths from the least of its sizes to the largest.

    Attributes:
        graph: Inputs as those of the graphs it was made from, then the length, int32 scalar.
        cuts: For each output, by axis, how many entries count: ``times * length + plus``.
    """

    graph: Graph
    cuts: tuple[dict[int, Extent], ...]


def padded_graph(graphs: Sequence[Graph], sizes: Sequence[int], rules: dict[str, Rule]) -> PaddedGraph:
    """The graph for every length, from the same step traced at three sizes.

    Args:
        graphs: Traced at these sizes.
        sizes: The capacity, one less, and the least length to serve.
        rules: How operators are rewritten; see `padded_rules.RULES`.

    Raises:
        InexactError: It cannot be had; the message says why.
    """
    graphs = _prepared(graphs)
    length = make_input(TensorType(dtypes.int32, ()), "length")
    context = Context(tuple(sizes), length)
    outputs = rewrite(graphs, context, rules)
    cuts = tuple(context.extents(values) for values in zip(*(graph.outputs for graph in graphs), strict=True))
    return PaddedGraph(Graph((*graphs[0].inputs, length), outputs), cuts)


def _prepared(graphs: Sequence[Graph]) -> list[Graph]:
    """The graphs with those composites written out for which there is no rule."""
    graphs = [run_pipeline(graph, (RepeatedConstants(), InlineCalls(), Decompose(_KEPT))) for graph in graphs]
    nodes = [graph.nodes() for graph in graphs]
    opened = [set[Node]() for _ in graphs]
    for beside in zip(*nodes, strict=False):
        # Who may attend to nothing attends to everything alike, and that must not be what lies beyond the length.
        masked = beside[0].operator.name.startswith("attention") and any(v.dtype.is_bool for v in beside[0].inputs[3:])
        if masked and len({node.inputs[1].shape for node in beside}) > 1:
            for chosen, node in zip(opened, beside, strict=True):
                chosen.add(node)
    return [_written_out(graph, chosen) if chosen else graph for graph, chosen in zip(graphs, opened, strict=True)]


def _written_out(graph: Graph, chosen: set[Node]) -> Graph:
    originals = {node.outputs[0]: node for node in chosen}

    def visit(node: Node, operands: tuple[Value, ...]) -> Sequence[Value] | None:
        if node.outputs[0] not in originals or node.operator.decompose is None:
            return None
        results = node.operator.decompose(BUILD, operands, **node.parameters)
        return results if isinstance(results, tuple) else (results,)

    return run_pipeline(rebuild(graph, visit), (Decompose(_KEPT),))


def rewrite(graphs: Sequence[Graph], context: Context, rules: dict[str, Rule]) -> list[Value]:
    """The rewritten outputs of the first of three graphs that stand side by side."""
    lists = [graph.nodes() for graph in graphs]
    if len({len(nodes) for nodes in lists}) > 1:
        raise InexactError("the step does something else at another size")
    numbers: list[dict[Value, int]] = [{}, {}, {}]
    mapping: dict[Value, Value] = {}
    for nodes in zip(*lists, strict=True):
        _check_beside(nodes, numbers)
        node = nodes[0]
        if node.operator.name == "input":
            mapping[node.outputs[0]] = node.outputs[0]
            continue
        operands = tuple(mapping[value] for value in node.inputs)
        with origin(node.origin):
            results = _rewritten(Site(nodes, operands, context), rules)
        mapping.update(zip(node.outputs, results, strict=True))
    wanted = [[known[value] for value in graph.outputs] for known, graph in zip(numbers, graphs, strict=True)]
    if wanted[0] != wanted[1] or wanted[0] != wanted[2]:
        raise InexactError("the step returns something else at another size")
    return [mapping[value] for value in graphs[0].outputs]


def _check_beside(nodes: Sequence[Node], numbers: list[dict[Value, int]]) -> None:
    """Raises unless the nodes are the same operator on the same operands; numbers their results."""
    wiring = {tuple(known[value] for value in node.inputs) for node, known in zip(nodes, numbers, strict=True)}
    if len({node.operator for node in nodes}) > 1 or len(wiring) > 1:
        raise InexactError(f"the step does something else at another size ({nodes[0].operator.name})")
    for node, known in zip(nodes, numbers, strict=True):
        for output in node.outputs:
            known[output] = len(known)


def _rewritten(site: Site, rules: dict[str, Rule]) -> Sequence[Value]:
    node = site.node
    if node.operator.name == "constant":
        return (constant_of_length(site),)
    same = _same_parameters(site.nodes)
    if not any(site.inputs) and not any(site.outputs) and same:
        return with_inputs(node, site.operands).outputs
    if "random" in node.operator.traits:
        raise InexactError("random numbers are drawn in another shape")
    rule = rules.get(node.operator.name)
    if rule is not None:
        return rule(site)
    if "elementwise" in node.operator.traits and same:
        return with_inputs(node, site.operands).outputs
    raise InexactError(f"{node.operator.name} is not known to be exact along a padded axis")


def _same_parameters(nodes: Sequence[Node]) -> bool:
    keys = [{name: parameter_key(value) for name, value in node.parameters.items()} for node in nodes]
    return keys[0] == keys[1] == keys[2]


def same(nodes: Sequence[Node], *names: str) -> None:
    """Raises unless these parameters are equal at all sizes."""
    for name in names:
        if len({parameter_key(node.parameters.get(name)) for node in nodes}) > 1:
            raise InexactError(f"{name} of {nodes[0].operator.name} depends on the size")


def lowest(dtype: np.dtype[Any]) -> Any:
    """The neutral element of a maximum."""
    return dtype.type(-np.inf) if dtype.kind == "f" else False if dtype.kind == "b" else np.iinfo(dtype).min
