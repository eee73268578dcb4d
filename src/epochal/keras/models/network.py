"""The part of the symbolic graph between a functional model's inputs and outputs, in Keras's order.

Keras lists the layers of a model by depth (the longest way to an output), and layers of one depth in the order in
which a walk back from the outputs meets them. Files number layers in that order, so it is part of the format.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from epochal.errors import ArgumentError
from epochal.ir import Node, Value
from epochal.keras import graph
from epochal.keras.layers.input_layer import InputLayer
from epochal.keras.layers.layer import Layer

_SILENT = ("constant", "variable_read")


class Network:
    """What a functional model consists of.

    Attributes:
        inputs: Values the model is given.
        outputs: Values it returns.
        input_layers: The layer of each input.
        nodes: What is carried out, operands first.
        operations: Layers, and the nodes of plain operations, in Keras's order.
        layers: The layers among them.
        nodes_of: For each layer, its nodes here in the order of its calls.
    """

    def __init__(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> None:
        self.inputs = tuple(inputs)
        self.outputs = tuple(outputs)
        self.input_layers = [_input_layer(value) for value in inputs]
        self._layer_of_input = dict(zip(self.inputs, self.input_layers, strict=True))
        order, first_met = self._visit()
        self.depths = self._depths(order)
        met = {id(operation): index for index, operation in enumerate(first_met)}
        operations = list(first_met)
        for layer in self.input_layers:
            if id(layer) not in met:  # an input that no output needs
                met[id(layer)] = -1
                self.depths[id(layer)] = 0
                operations.append(layer)
        self.operations = sorted(operations, key=lambda one: (-self.depths[id(one)], met[id(one)]))
        self.layers = [operation for operation in self.operations if isinstance(operation, Layer)]
        self.nodes = sorted((node for node in order if self._runs(node)), key=lambda node: node.serial)
        self.nodes_of: dict[int, list[Node]] = {}
        for node in sorted(order, key=lambda node: node.serial):
            self.nodes_of.setdefault(id(self._operation(node)), []).append(node)

    def _runs(self, node: Node) -> bool:
        return all(value not in self._layer_of_input for value in node.outputs)

    def _operation(self, node: Node) -> Any:
        """The layer of a node, the input layer where the model begins, or a plain operation's node itself."""
        for value in node.outputs:
            if value in self._layer_of_input:
                return self._layer_of_input[value]
        call = graph.call_of(node)
        return node if call is None else call.layer

    def _visit(self) -> tuple[list[Node], list[Any]]:
        """Nodes with operands first, and operations in the order a depth-first walk from the outputs meets them."""
        finished: set[int] = set()
        order: list[Node] = []
        met: list[Any] = []
        known: set[int] = set()
        for output in self.outputs:
            stack: list[tuple[Node, Iterator[Value]]] = []
            if output.node.serial not in finished:
                stack.append(self._enter(output.node, met, known, finished))
            while stack:
                node, remaining = stack[-1]
                value = next(remaining, None)
                if value is None:
                    stack.pop()
                    order.append(node)
                elif value.node.serial not in finished:
                    stack.append(self._enter(value.node, met, known, finished))
        return order, met

    def _enter(self, node: Node, met: list[Any], known: set[int], finished: set[int]) -> tuple[Node, Iterator[Value]]:
        finished.add(node.serial)
        operation = self._operation(node)
        begins = isinstance(operation, InputLayer) and not self._runs(node)
        if isinstance(operation, InputLayer) and not begins:
            raise ArgumentError(
                f"Disconnected graph: the outputs depend on the input '{operation.name}' of shape "
                f"{operation.batch_shape}, which is not connected to `inputs`. Pass it among the inputs. Received "
                "inputs: "
                f"{[layer.name for layer in self.input_layers]}"
            )
        if node.operator.name == "input":
            raise ArgumentError(
                "The outputs of a functional model must be computed from `keras.Input` tensors. "
                f"Received a symbolic tensor of another origin: {node.outputs[0].type}"
            )
        if id(operation) not in known and node.operator.name not in _SILENT:
            known.add(id(operation))
            met.append(operation)
        return node, iter(() if begins else node.inputs)

    def _depths(self, order: list[Node]) -> dict[int, int]:
        nodes: dict[int, int] = {}
        operations: dict[int, int] = {}
        for node in reversed(order):
            operation = self._operation(node)
            depth = max(nodes.get(node.serial, 0), operations.get(id(operation), 0))
            nodes[node.serial] = operations[id(operation)] = depth
            if self._runs(node):
                for value in node.inputs:
                    other = value.node.serial
                    nodes[other] = max(nodes.get(other, 0), depth + 1)
        return operations

    def history(self, value: Value) -> tuple[Any, int, int]:
        """Where a value comes from: operation, which of its calls here, and which of its results."""
        layer = self._layer_of_input.get(value)
        if layer is not None:
            return layer, 0, 0
        operation = self._operation(value.node)
        nodes = self.nodes_of.get(id(operation), [value.node])
        return operation, next(i for i, node in enumerate(nodes) if node is value.node), value.index

    def run(self, tensors: Sequence[Any], training: Any = None) -> list[Any]:
        """The outputs for these inputs."""
        known = dict(zip(self.inputs, tensors, strict=True))
        graph.run(self.nodes, known, training)
        return [known[value] for value in self.outputs]

    def infer(self, tensors: Sequence[Any]) -> list[Any]:
        """Symbolic outputs of the right types for these symbolic inputs."""
        known = dict(zip(self.inputs, tensors, strict=True))
        graph.infer(self.nodes, known)
        return [known[value] for value in self.outputs]


def _input_layer(value: Value) -> InputLayer:
    """The layer of an input; a new one where a model begins in the middle of another."""
    call = graph.call_of(value.node)
    if call is not None and isinstance(call.layer, InputLayer):
        return call.layer
    shape = tuple(size if isinstance(size, int) else None for size in value.shape)
    return InputLayer(batch_shape=shape, dtype=value.dtype.name)
