"""Pictures of graphs: of the compiler's, and of TensorFlow 1's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np

from epochal.dtypes import DType
from epochal.errors import ArgumentError
from epochal.ir import Graph, Node, Operator, Program, Value
from epochal.ir.graph import topological
from epochal.visualization.picture import Arrow, Box, Picture

# The first trait that an operator has chooses its colour.
_KINDS = (
    ("contraction", "dense"), ("window", "pooling"), ("reduction", "pooling"), ("random", "regularization"),
    ("control", "model"), ("composite", "normalization"), ("indexing", "embedding"), ("movement", "reshaping"),
    ("elementwise", "activation"),
)  # fmt: skip
_STATES = ("variable_read", "variable_assign")
_SHOWN_ELEMENTS = 6
_HIDDEN = ("name", "call", "state", "type", "value")
_CARRIERS = ("broadcast", "cast")  # what may stand between a scalar constant and its user


class NamedOperation(Protocol):
    """An operation of a graph under construction, such as TensorFlow's."""

    name: str
    type: str
    node: Node | None
    control_inputs: Sequence[NamedOperation]


class NamedOperations(Protocol):
    """A graph under construction, such as `tf.Graph`."""

    def get_operations(self) -> Iterable[NamedOperation]: ...


def graph_picture(
    graph: Graph | Program | NamedOperations, title: str = "", direction: str = "TB", show_types: bool = True
) -> Picture:
    """The picture of a graph: a box for each operation, scalar constants in the boxes of those that use them.

    Args:
        graph: A graph, a program, or what has `get_operations`, such as a `tf.Graph`.
        title: Above it.
        direction: Where arrows lead.
        show_types: Whether boxes say of what type and shape their results are.

    Raises:
        ArgumentError: It is no graph.
    """
    if isinstance(graph, Program):
        names = [*graph.arguments, *graph.states]
        given = {value.node.serial: name for value, name in zip(graph.graph.inputs, names, strict=False)}
        results = [*graph.results, *(f"new {graph.states[index]}" for index in graph.replaced)]
        return _Drawn(given, {}, direction, show_types).picture(
            graph.graph.nodes(), graph.graph.outputs, results, title
        )
    if isinstance(graph, Graph):
        results = [str(index) for index in range(len(graph.outputs))]
        return _Drawn({}, {}, direction, show_types).picture(graph.nodes(), graph.outputs, results, title)
    if not hasattr(graph, "get_operations"):
        raise ArgumentError(f"Expected a graph to draw. Received: {graph!r} (of type {type(graph).__name__})")
    return _named_picture(list(graph.get_operations()), title, direction, show_types)


def _named_picture(found: list[NamedOperation], title: str, direction: str, show_types: bool) -> Picture:
    names = {one.node.serial: one.name for one in found if one.node is not None}
    types = {one.node.serial: one.type for one in found if one.node is not None}
    nodes = topological([one.node for one in found if one.node is not None])
    drawn = _Drawn(names, types, direction, show_types).picture(nodes, (), (), title)
    boxes, arrows = list(drawn.boxes), list(drawn.arrows)
    keys = {one.name: one.name if one.node is None else str(one.node.serial) for one in found}
    boxes += [Box(one.name, one.type, one.name, kind="merging") for one in found if one.node is None]
    known = {box.key for box in boxes}
    for one in found:
        for before in one.control_inputs:
            ends = keys.get(before.name, ""), keys[one.name]
            if known.issuperset(ends) and ends[0] != ends[1]:
                arrows.append(Arrow(*ends))
    joined = {end for arrow in arrows for end in (arrow.source, arrow.target)}
    nodeless = {one.name for one in found if one.node is None}
    boxes = [box for box in boxes if box.key in joined or box.key not in nodeless]
    return Picture(boxes, list(dict.fromkeys(arrows)), title, direction)


class _Drawn:
    """What is common to the boxes of one picture."""

    def __init__(self, names: dict[int, str], types: dict[int, str], direction: str, show_types: bool) -> None:
        self.names = names
        self.types = types
        self.direction = direction
        self.show_types = show_types

    def picture(self, nodes: list[Node], outputs: Sequence[Value], results: Sequence[str], title: str) -> Picture:
        said: dict[int, list[str]] = {}
        for value, result in zip(outputs, results, strict=True):
            said.setdefault(value.node.serial, []).append(result)
        shown = [node for node in nodes if node.serial in said or self._scalar(node) is None]
        known = {node.serial for node in shown}
        boxes = [self._box(node, said.get(node.serial, []), known) for node in shown]
        arrows = [
            Arrow(str(value.node.serial), str(node.serial))
            for node in shown
            for value in node.inputs
            if value.node.serial in known
        ]
        return Picture(boxes, arrows, title, self.direction)

    def _scalar(self, node: Node) -> Any:
        """The scalar constant that a node is or repeats, if its users show it in its place; otherwise ``None``."""
        while node.operator.name in _CARRIERS and node.serial not in self.names:
            node = node.inputs[0].node
        if node.serial not in self.names and node.operator.name == "constant" and node.outputs[0].shape == ():
            return node.parameters["value"]
        return None

    def _box(self, node: Node, results: list[str], known: set[int]) -> Box:
        operator = node.operator
        rows = []
        for position, value in enumerate(node.inputs):
            if value.node.serial not in known:
                rows.append((f"operand {position + 1}", _text(self._scalar(value.node))))
        graphs = {key: value for key, value in node.parameters.items() if isinstance(value, Graph)}
        for key, value in sorted(node.parameters.items()):
            if key not in graphs and key not in _HIDDEN and value is not None:
                rows.append((key, _text(value)))
        if operator.name == "constant":
            rows.append(("value", _text(node.parameters["value"])))
        if self.show_types:
            rows += [("type" if not index else "", str(value.type)) for index, value in enumerate(node.outputs)]
        rows += [("result", result) for result in results]
        inside = tuple(
            _Drawn({}, {}, self.direction, self.show_types).picture(
                inner.nodes(), inner.outputs, [str(index) for index in range(len(inner.outputs))], key.replace("_", " ")
            )
            for key, inner in graphs.items()
        )
        named = node.parameters.get("name") or getattr(node.parameters.get("state"), "name", None)
        name = self.names.get(node.serial) or node.origin.name or str(named or "")
        return Box(
            str(node.serial),
            self.types.get(node.serial, operator.name),
            name,
            tuple(rows),
            _kind(operator),
            None,
            inside,
        )


def _kind(operator: Operator) -> str:
    if operator.name in ("input", "constant"):
        return "input"
    if operator.name in _STATES:
        return "recurrent"
    if operator.name.startswith("conv"):
        return "convolution"
    return next((kind for trait, kind in _KINDS if trait in operator.traits), "plain")


def _text(value: Any) -> str:
    if isinstance(value, np.ndarray):
        flat = [
            f"{item:g}" if isinstance(item, float) else str(item)
            for item in value.reshape(-1)[:_SHOWN_ELEMENTS].tolist()
        ]
        more = ", …" if value.size > _SHOWN_ELEMENTS else ""
        return flat[0] if value.shape == () else f"[{', '.join(flat)}{more}]"
    if isinstance(value, DType):
        return value.name
    if isinstance(value, (tuple, list)):
        inside = ", ".join(map(_text, value))
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    return str(value)
