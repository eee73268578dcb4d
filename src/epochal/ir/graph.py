"""Nodes, values and graphs. Nodes are frozen and have identity: merging equal ones is a pass's work."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from epochal.dtypes import DType
from epochal.ir.operator import Operator
from epochal.ir.types import Shape, TensorType

_serial = itertools.count()


class Value:
    """One result of a node. Equal only to itself."""

    __slots__ = ("index", "node", "type")

    def __init__(self, node: Node, index: int, type_: TensorType) -> None:
        self.node = node
        self.index = index
        self.type = type_

    @property
    def shape(self) -> Shape:
        return self.type.shape

    @property
    def dtype(self) -> DType:
        return self.type.dtype

    @property
    def operator(self) -> Operator:
        return self.node.operator

    def __repr__(self) -> str:
        return f"%{self.node.serial}{f'.{self.index}' if len(self.node.outputs) > 1 else ''}: {self.type}"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a node came from. Kept beside the node; never part of its meaning.

    Attributes:
        name: The name the user gave it.
        layer: The layer that made it.
        file: The user's source file.
        line: The line in it.
        phase: What part of a training step it is: ``"gradient"``, ``"update"``, ``"loss"``, ``"metrics"``, ``"data"``;
            empty for what a layer computes.
    """

    name: str = ""
    layer: str = ""
    file: str = ""
    line: int = 0
    phase: str = ""

    def backward(self) -> Origin:
        """The origin of this one's gradient."""
        return self if self.phase == "gradient" else replace(self, phase="gradient")

    def __str__(self) -> str:
        parts = [f"layer '{self.layer}'" if self.layer else "", f"'{self.name}'" if self.name else ""]
        parts += [f"{self.file}:{self.line}" if self.file else "", self.phase]
        return ", ".join(part for part in parts if part)


NOWHERE = Origin()


class Node:
    """An operator applied to values. Made by `epochal.ir.build` alone.

    Attributes:
        operator: The row.
        inputs: Operands.
        parameters: Keyword parameters, read only. Values are hashable, or arrays, or graphs.
        outputs: Results.
        origin: Where it came from.
        serial: Creation order, which is a topological order.
    """

    __slots__ = ("inputs", "operator", "origin", "outputs", "parameters", "serial")

    def __init__(
        self,
        operator: Operator,
        inputs: tuple[Value, ...],
        parameters: Mapping[str, Any],
        types: Sequence[TensorType],
        origin: Origin = NOWHERE,
    ) -> None:
        self.serial = next(_serial)
        self.operator = operator
        self.inputs = inputs
        self.parameters = MappingProxyType(dict(parameters))
        self.outputs = tuple(Value(self, index, type_) for index, type_ in enumerate(types))
        self.origin = origin

    def copy(self, inputs: tuple[Value, ...], parameters: MappingProxyType[str, Any]) -> Node:
        """The same node on operands of the same types; for `build.with_inputs`."""
        copied = Node.__new__(Node)
        copied.serial = next(_serial)
        copied.operator = self.operator
        copied.inputs = inputs
        copied.parameters = parameters
        copied.outputs = tuple([Value(copied, output.index, output.type) for output in self.outputs])
        copied.origin = self.origin
        return copied

    def __repr__(self) -> str:
        return f"<{self.operator.name} node {self.serial}>"


class Graph:
    """A closed graph: every leaf reachable from the outputs is an input or a constant.

    Attributes:
        inputs: Values of `input` nodes, in order.
        outputs: Results, in order; one may be an input, or stand twice.
    """

    __slots__ = ("_nodes", "inputs", "outputs")

    def __init__(self, inputs: Iterable[Value], outputs: Iterable[Value]) -> None:
        self.inputs = tuple(inputs)
        self.outputs = tuple(outputs)
        self._nodes: list[Node] | None = None

    def nodes(self) -> list[Node]:
        """The nodes that the outputs need and the inputs, operands before users, in creation order."""
        if self._nodes is None:
            self._nodes = topological([value.node for value in (*self.inputs, *self.outputs)])
        return self._nodes.copy()

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes())


def topological(roots: Iterable[Node]) -> list[Node]:
    """`roots` and all they need, operands first. Creation order is a topological order, so sorting suffices."""
    found: dict[int, Node] = {}
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node.serial not in found:
            found[node.serial] = node
            stack.extend(value.node for value in node.inputs)
    return [found[serial] for serial in sorted(found)]
