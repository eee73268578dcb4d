"""Attention that a program writes out, put in the composite's terms; and in single precision where it has half.

Engines that have a kernel for attention need no memory for its scores. The gradient has been taken of the composite
before (`epochal.autodiff.reverse`), so that the two share what the forward pass computes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from epochal import dtypes
from epochal.autodiff.attention import find
from epochal.autodiff.attention_recipe import Extra, conjuncts, told
from epochal.ir import Graph, Node, Value
from epochal.passes.rebuild import on_operands, rebuild
from epochal.topi.attention import extras_of
from epochal.topi.inventory import BUILD

_COMPOSITES = frozenset({"attention", "attention_gradient"})
_HALF = (dtypes.float16, dtypes.bfloat16)


@dataclass(frozen=True)
class Attention:
    """Runs before composites are decomposed."""

    def run(self, graph: Graph) -> Graph:
        names = {node.operator.name for node in graph.nodes()}
        if "dot_general" not in names and names.isdisjoint(_COMPOSITES):
            return graph
        wanted = set(graph.outputs)
        uses = Counter(value for node in graph.nodes() for value in node.inputs)

        def visit(node: Node, operands: tuple[Value, ...]) -> Sequence[Value] | None:
            if node.operator.name in _COMPOSITES:
                return _widened(on_operands(node, operands))
            if node.operator.name != "dot_general":
                return None
            before = find(node, wanted)
            # Probabilities that something else wants are there already.
            if before is None or uses[before.probabilities] > 1:
                return None
            written = find(on_operands(node, operands), wanted)
            assert written is not None, "attention that is none any more once its operands are rewritten"
            result = written.make(BUILD, written.leaves)
            return (result,)

        return rebuild(graph, visit)


def _without_causal_mask(node: Node) -> Node:
    """The node; where its mask depends on constants and hides what comes after, the parameter says so instead."""
    rate, end = node.parameters["rate"], -4 if node.operator.name == "attention_gradient" else None
    others = node.inputs[3:end]
    mask = extras_of(others, rate).mask
    if mask is None:
        return node
    lengths = node.inputs[0].shape[1], node.inputs[1].shape[1]
    sizes: tuple[int, ...] = tuple(mask.shape)
    causal, left = node.parameters["causal"], None
    for part in conjuncts(Extra(mask, sizes, (0, 1, 2, 3))):
        what = told(part, (0, 1, 2, 3), lengths)  # type: ignore[arg-type]
        causal = causal or what == "causal"
        if not what:
            value = part.value if part.value.shape == part.shape else BUILD.reshape(part.value, shape=part.shape)
            left = value if left is None else BUILD.logical_and(left, value)
    if causal == node.parameters["causal"] and left is not None:
        return node
    replaced = [left if value is mask else value for value in node.inputs]
    operands = [value for value in replaced if value is not None]
    made: Value = getattr(BUILD, node.operator.name)(*operands, **{**node.parameters, "causal": causal})[0]
    return made.node


def _widened(node: Node) -> Sequence[Value]:
    """The node's results; if its operands have half precision, their attention in single precision, rounded."""
    node = _without_causal_mask(node)
    if node.inputs[0].dtype not in _HALF:
        return node.outputs
    operands = [BUILD.cast(x, dtype=dtypes.float32) if x.dtype in _HALF else x for x in node.inputs]
    results = getattr(BUILD, node.operator.name)(*operands, **node.parameters)
    pairs = zip(results, node.outputs, strict=True)
    return [new if new.dtype is old.dtype else BUILD.cast(new, dtype=old.dtype) for new, old in pairs]
