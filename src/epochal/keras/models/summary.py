"""The table of a model's layers."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from epochal.errors import ArgumentError
from epochal.keras.layers.layer import Layer
from epochal.keras.models import configuration
from epochal.keras.saving import operations
from epochal.tensor import Tensor


def memory_size(count: float) -> str:
    """Bytes in the largest unit that leaves a number of at least 1."""
    if not count:
        return "0.00 B"
    units = ("B", "KB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB")
    unit = min(int(math.log(abs(count), 1024)), len(units) - 1)
    return f"{count / 1024**unit:.2f} {units[unit]}"


def count_elements(variables: Any) -> int:
    """Elements of variables together, each counted once."""
    return sum(math.prod(variable.shape) for variable in {id(v): v for v in variables}.values())


def _bytes(variables: Any) -> int:
    distinct = {id(v): v for v in variables}.values()
    return sum(math.prod(variable.shape) * variable.dtype.itemsize for variable in distinct)


def _shape_text(shape: Any) -> str:
    shapes = shape if isinstance(shape, list) else [shape]
    texts = ["(" + ", ".join(str(size) for size in one) + ")" for one in shapes]
    return ", ".join(texts)


def _output_shape(layer: Any) -> str:
    nodes = getattr(layer, "_inbound_nodes", None)
    if isinstance(layer, Layer) and not nodes and hasattr(layer, "_functional") and layer._functional is not None:
        return _shape_text([tensor.shape for tensor in layer.outputs])
    if not nodes:
        return _shape_text(layer._output_shapes) if layer._output_shapes else "?"
    shapes: dict[tuple[Any, ...], None] = {}
    for node in nodes:
        for value in node.outputs:
            shapes[Tensor(None, value).shape] = None
    return _shape_text(list(shapes))


def _params_text(layer: Any) -> str:
    if not layer.built:
        return "0 (unbuilt)"
    return f"{count_elements(layer.weights):,}"


class _Row:
    """One line of the table, and the layers inside."""

    def __init__(self, name: str, shape: str, params: str, connected: str, trainable: str, depth: int) -> None:
        self.cells = (name, shape, params, connected, trainable)
        self.depth = depth


def _rows(model: Any, expand_nested: bool, layer_range: Any, depth: int = 0) -> list[_Row]:
    network = getattr(model, "_network", None)
    rows = []
    names = configuration.operation_names(network) if network is not None else {}
    listed = network.operations if network is not None else model.layers
    if layer_range is not None and not depth:
        listed = _in_range(listed, layer_range, names)
    for one in listed:
        if isinstance(one, Layer):
            name = f"{one.name} ({type(one).__name__})"
            trainable = "-" if not one.weights else ("Y" if one.trainable else "N")
            row = _Row(name, _output_shape(one), _params_text(one), _connections(network, one, names), trainable, depth)
        else:
            name = f"{names[id(one)]} ({operations.class_name(one)})"
            shape = _shape_text(Tensor(None, one.outputs[0]).shape)
            row = _Row(name, shape, "0", _connections(network, one, names), "-", depth)
        rows.append(row)
        if expand_nested and isinstance(one, Layer) and hasattr(one, "layers"):
            rows += _rows(one, True, None, depth + 1)
    return rows


def _in_range(listed: list[Any], layer_range: Any, names: dict[int, str]) -> list[Any]:
    if len(layer_range) != 2 or not all(isinstance(part, str) for part in layer_range):
        raise ArgumentError(f"layer_range must be two patterns of layer names. Received: {layer_range}")
    all_names = [one.name if isinstance(one, Layer) else names[id(one)] for one in listed]
    ends = [[i for i, name in enumerate(all_names) if re.match(pattern, name)] for pattern in layer_range]
    if not ends[0] or not ends[1]:
        raise ArgumentError(f"Passed layer names do not match the layers of the model. Received: {layer_range}")
    first, last = min(ends[0]), max(ends[1])
    first, last = min(first, last), max(first, last)
    return listed[first : last + 1]


def _connections(network: Any, operation: Any, names: dict[int, str]) -> str:
    if network is None:
        return "-"
    found: dict[str, None] = {}
    for node in network.nodes_of.get(id(operation), []):
        if node not in network.nodes:
            continue
        for value in node.inputs:
            if value.operator.name in ("constant", "variable_read"):
                continue
            source, call, index = network.history(value)
            found[f"{names[id(source)]}[{call}][{index}]"] = None
    return ", ".join(found) or "-"


def _is_line(model: Any) -> bool:
    """Whether the layers stand in one line, so that connections need no column."""
    network = getattr(model, "_network", None)
    if network is None:
        return True
    plain = all(isinstance(operation, Layer) for operation in network.operations)
    single = all(len(network.nodes_of.get(id(operation), [])) <= 1 for operation in network.operations)
    one_input = all(len({id(value) for value in node.inputs}) <= 1 for node in network.nodes)
    users = [value for node in network.nodes for value in set(node.inputs)]
    return plain and single and one_input and len(users) == len(set(users)) and len(network.inputs) <= 1


def print_summary(
    model: Any,
    line_length: int | None = None,
    positions: Any = None,
    print_fn: Callable[..., Any] | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Any = None,
) -> None:
    """Prints the table; see `Model.summary`."""
    line = _is_line(model)
    columns = ["Layer (type)", "Output Shape", "Param #"]
    shares = list(positions or ([0.425, 0.7375, 0.9375] if line else [0.28, 0.53, 0.69, 0.94]))
    if not line:
        columns.append("Connected to")
    if show_trainable:
        columns.append("Trainable")
        if positions is None:
            shares = [*(share * 0.87 for share in shares), shares[-1]]
    if len(shares) < len(columns):
        raise ArgumentError(
            f"`positions` must hold an end for each of the {len(columns)} columns. Received: {positions}"
        )
    text = _render(model, columns, shares, line_length, line, show_trainable, _rows(model, expand_nested, layer_range))
    if print_fn is None:
        print(text)
    else:
        print_fn(text)


def _render(
    model: Any,
    columns: list[str],
    shares: list[float],
    length: int | None,
    line: bool,
    trainable: bool,
    rows: list[_Row],
) -> str:
    width = length or 80
    table = _Table(columns, shares, width)
    for row in rows:
        cells = [row.cells[0] if not row.depth else "    " * row.depth + "└ " + row.cells[0], *row.cells[1:3]]
        if not line:
            cells.append(row.cells[3])
        if trainable:
            cells.append(row.cells[4])
        table.add(cells)
    trained, other = model.trainable_weights, model.non_trainable_weights
    optimizer = getattr(model, "optimizer", None)
    slots = optimizer.variables if getattr(model, "compiled", False) and optimizer and optimizer.built else []
    everything = [*model.weights, *slots]
    lines = [f'Model: "{model.name}"', table.text()]
    for label, variables in (
        ("Total", everything),
        ("Trainable", trained),
        ("Non-trainable", other),
        ("Optimizer", slots),
    ):
        if label != "Optimizer" or variables:
            lines.append(f" {label} params: {count_elements(variables):,} ({memory_size(_bytes(variables))})")
    return "\n".join(lines)


class _Table:
    """Text in ruled columns, cells broken at spaces."""

    def __init__(self, columns: list[str], shares: list[float], width: int) -> None:
        self.columns = columns
        ends = [share if share > 1 else share * width for share in shares]
        inner = [round(end - start) for start, end in zip([0, *ends[:-1]], ends, strict=True)]
        self.widths = [max(one - 3, 3) for one in inner[: len(columns)]]
        self.rows: list[list[str]] = []

    def add(self, cells: list[str]) -> None:
        self.rows.append(cells)

    def text(self) -> str:
        heavy = ("┏━┳━┓", "┃", "┡━╇━┩")
        lines = [self._rule(heavy[0]), *self._cells(self.columns, heavy[1]), self._rule(heavy[2])]
        for index, row in enumerate(self.rows):
            if index:
                lines.append(self._rule("├─┼─┤"))
            lines += self._cells(row, "│")
        lines.append(self._rule("└─┴─┘"))
        return "\n".join(lines)

    def _rule(self, marks: str) -> str:
        left, fill, cross, _, right = marks
        return left + cross.join(fill * (width + 2) for width in self.widths) + right

    def _cells(self, cells: list[str], bar: str) -> list[str]:
        broken = [_wrap(cell, width) for cell, width in zip(cells, self.widths, strict=True)]
        lines = []
        for index in range(max(map(len, broken))):
            parts = []
            for column, (texts, width) in enumerate(zip(broken, self.widths, strict=True)):
                text = texts[index] if index < len(texts) else ""
                numbers = self.columns[column] == "Param #"
                parts.append(f" {text:>{width}} " if numbers else f" {text:<{width}} ")
            lines.append(bar + bar.join(parts) + bar)
        return lines


def _wrap(text: str, width: int) -> list[str]:
    """Lines of at most `width`, broken at spaces; a longer word is cut."""
    lines, current = [], ""
    indent = len(text) - len(text.lstrip(" "))
    for word in text.strip().split(" "):
        word = word if len(word) <= width else word[: width - 1] + "…"
        candidate = f"{current} {word}" if current else " " * indent + word
        if len(candidate) > width and current:
            lines.append(current)
            candidate = word
        current = candidate
    return [*lines, current]


__all__ = ["count_elements", "memory_size", "print_summary"]
