"""Names for what kernels compute: layers, parts of a step, operators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

UNKNOWN = "(between layers)"


def label(origin: Any, model: str) -> tuple[str, str]:
    """Layer and phase of where a node comes from.

    Args:
        origin: The node's.
        model: The model's name, left out of the layer's.
    """
    phase = {"gradient": "backward", "": "forward"}.get(origin.phase, origin.phase)
    layer = origin.layer
    if model and layer.startswith(f"{model}/"):
        layer = layer[len(model) + 1 :]
    if not layer:
        known = origin.name or origin.phase
        return (f"({known})" if known else UNKNOWN), (phase if known else "other")
    return layer, phase


def is_layer(node: Any) -> bool:
    """Whether a node is what a layer computes, or its gradient."""
    return bool(node.origin.layer) and node.origin.phase in ("", "gradient")


def part_of(layer: str, phase: str) -> str:
    """Both in one: what a layer computes has its name alone."""
    suffix = {"backward": " gradient", "update": " update"}.get(phase, "")
    return layer + suffix


def work_of(nodes: Sequence[Any], costs: Sequence[float], helps: str, kind: str) -> str:
    """The operators of a kernel, the costliest first."""
    if helps:
        return helps
    if kind == "copy":
        return "copy"
    totals: dict[str, float] = {}
    for node, cost in zip(nodes, costs, strict=True):
        totals[node.operator.name] = totals.get(node.operator.name, 0.0) + cost
    order = sorted(totals, key=lambda name: -totals[name])
    shown = " + ".join(order[:3]) or "moves data"
    more = f" + {len(order) - 3} more" if len(order) > 3 else ""
    return ("in Python: " if kind == "call-out" else "") + shown + more
