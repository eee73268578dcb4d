"""Graphs as text: stable enough to be compared in tests, readable enough to be shown.

```
graph(%x: float32[2,3], %y: float32[2,3])
  %0 = add(%x, %y) : float32[2,3]
  %1 = sum(%0, axes=(1,)) : float32[2]
  return %1
```
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from epochal.dtypes import DType
from epochal.ir.graph import Graph, Node, Value
from epochal.ir.operator import Array
from epochal.ir.program import Program
from epochal.ir.types import TensorType

_SHOWN_ELEMENTS = 8


def print_graph(graph: Graph, name: str = "graph", indent: str = "") -> str:
    """The text of a graph.

    Values are numbered in creation order; inputs have their names where they have one; scalar constants stand where
    they are used. Graphs that differ only in identity and origins print alike.
    """
    names = _input_names(graph.inputs)
    heading = ", ".join(f"{names[value]}: {value.type}" for value in graph.inputs)
    lines = [f"{indent}{name}({heading})"]
    count = 0
    for node in graph.nodes():
        if node.outputs[0] in names:
            continue
        if node.operator.name == "constant" and node.outputs[0].shape == ():
            names[node.outputs[0]] = _scalar(node.parameters["value"], node.outputs[0].type)
            continue
        for output in node.outputs:
            names[output] = f"%{count}"
            count += 1
        lines.extend(_print_node(node, names, indent + "  "))
    lines.append(f"{indent}  return {', '.join(names[value] for value in graph.outputs)}")
    return "\n".join(lines)


def print_program(program: Program) -> str:
    """The text of a program: which inputs are state and which outputs replace it, then its graph."""
    replaced = ", ".join(program.states[index] for index in program.replaced)
    lines = [
        f"program arguments({', '.join(program.arguments)}) states({', '.join(program.states)}) "
        f"results({', '.join(program.results)}) replaced({replaced})",
        print_graph(program.graph),
    ]
    return "\n".join(lines)


def _input_names(inputs: Iterable[Value]) -> dict[Value, str]:
    names: dict[Value, str] = {}
    taken: set[str] = set()
    for index, value in enumerate(inputs):
        name = str(value.node.parameters.get("name") or f"in{index}").replace(" ", "_")
        if name in taken or name.isdigit():
            name = f"{name}_{index}"
        taken.add(name)
        names[value] = f"%{name}"
    return names


def _print_node(node: Node, names: dict[Value, str], indent: str) -> list[str]:
    results = ", ".join(names[value] for value in node.outputs)
    types = ", ".join(str(value.type) for value in node.outputs)
    graphs = {key: value for key, value in node.parameters.items() if isinstance(value, Graph)}
    plain = {key: value for key, value in node.parameters.items() if key not in graphs}
    arguments = [names.get(value, "%?") for value in node.inputs]
    arguments += [f"{key}={_parameter(value)}" for key, value in sorted(plain.items())]
    lines = [f"{indent}{results} = {node.operator.name}({', '.join(arguments)}) : {types}"]
    lines.extend(print_graph(graph, key, indent + "  ") for key, graph in graphs.items())
    return lines


def _scalar(value: Array, type_: TensorType) -> str:
    text = repr(value.item()) if type_.dtype.kind != "float" else repr(float(value))
    return text if type_.dtype.name in ("float32", "bool") else f"{text}:{type_.dtype.name}"


def _parameter(value: Any) -> str:
    if isinstance(value, np.ndarray):
        flat = [item.item() for item in value.reshape(-1)[:_SHOWN_ELEMENTS]]
        more = ", ..." if value.size > _SHOWN_ELEMENTS else ""
        return f"[{', '.join(map(repr, flat))}{more}]"
    if isinstance(value, DType):
        return value.name
    if isinstance(value, (tuple, list)):
        inside = ", ".join(map(_parameter, value))
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    return repr(value) if isinstance(value, (int, float, str, bool)) or value is None else str(value)
