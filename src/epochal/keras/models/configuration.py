"""Functional models as plain data, in Keras's form, and back."""

from __future__ import annotations

from collections import Counter
from typing import Any

from epochal import tree
from epochal.errors import ArgumentError, FileFormatError
from epochal.ir import Node, Value, tensor_type
from epochal.keras import graph
from epochal.keras.layers.input_layer import InputLayer
from epochal.keras.layers.layer import Layer
from epochal.keras.saving import operations
from epochal.keras.saving.serialization import deserialize_keras_object, loading, serialize_keras_object
from epochal.tensor import Tensor

__all__ = ["functional_config", "functional_from_config", "operation_name", "operation_names", "tensor_type"]


def operation_name(operation: Any) -> str:
    """Name of a layer, or the stem of a plain operation's name."""
    return operation.name if isinstance(operation, Layer) else operations.base_name(operation)


def operation_names(network: Any) -> dict[int, str]:
    """A name for each operation of a network that no other has."""
    names: dict[int, str] = {id(layer): layer.name for layer in network.layers}
    used = set(names.values())
    counts: Counter[str] = Counter()
    for operation in network.operations:
        if isinstance(operation, Layer):
            continue
        stem = name = operations.base_name(operation)
        while name in used:
            counts[stem] += 1
            name = f"{stem}_{counts[stem]}"
        used.add(name)
        names[id(operation)] = name
    return names


def _constant(node: Node) -> Any:
    value = node.parameters["value"]
    return value.item() if value.ndim == 0 else serialize_keras_object(value)


def functional_config(model: Any) -> dict[str, Any]:
    """The configuration of a functional model."""
    network = model._network
    names = operation_names(network)

    def history(value: Value) -> list[Any]:
        operation, node, index = network.history(value)
        return [names[id(operation)], node, index]

    def described(value: Value) -> Any:
        if value.operator.name == "constant":
            return _constant(value.node)
        shape = [size if isinstance(size, int) else None for size in value.shape]
        config = {"shape": shape, "dtype": value.dtype.name, "keras_history": history(value)}
        return {"class_name": "__keras_tensor__", "config": config}

    def filled(structure: Any, node: Node) -> Any:
        if isinstance(structure, graph.Slot):
            return described(node.inputs[structure.index])
        if isinstance(structure, dict):
            return {key: filled(value, node) for key, value in structure.items()}
        if isinstance(structure, (list, tuple)):
            return [filled(value, node) for value in structure]
        return serialize_keras_object(structure)

    layers = []
    for operation in network.operations:
        if isinstance(operation, Layer):
            config = serialize_keras_object(operation)
            calls = [] if isinstance(operation, InputLayer) else network.nodes_of[id(operation)]
            inbound = [
                {"args": filled(graph.call_of(node).args, node), "kwargs": filled(graph.call_of(node).kwargs, node)}
                for node in calls
            ]
        else:
            written = operations.write(operation)
            config = {
                "module": written.module,
                "class_name": written.class_name,
                "config": {"name": names[id(operation)], **written.config},
                "registered_name": written.class_name,
            }
            inbound = [{"args": written.arguments([described(value) for value in operation.inputs]), "kwargs": {}}]
        layers.append({**config, "name": names[id(operation)], "inbound_nodes": inbound})
    inputs, outputs = model._structures
    return {
        "name": model.name,
        "trainable": model._trainable,
        "layers": layers,
        "input_layers": _nested(inputs, history),
        "output_layers": _nested(outputs, lambda value: _counted_from_creation(network, history(value), value)),
    }


def _counted_from_creation(network: Any, history: list[Any], value: Value) -> list[Any]:
    """The origin of an output: Keras counts the making of a functional model as its first call, but only here."""
    name, call, index = history
    return [name, call + hasattr(network.history(value)[0], "_network"), index]


def _nested(structure: Any, history: Any) -> Any:
    """Origins of tensors nested as the tensors are."""
    if isinstance(structure, Tensor):
        return history(structure.value)
    if isinstance(structure, dict):
        return {key: _nested(value, history) for key, value in structure.items()}
    return [_nested(value, history) for value in structure]


def functional_from_config(cls: Any, config: dict[str, Any], custom_objects: Any = None) -> Any:
    """The functional model of a configuration.

    Raises:
        FileFormatError: Its parts do not fit one another.
    """
    with loading():
        builder = _Builder(config, custom_objects)
        builder.build()
        inputs = builder.nested(config["input_layers"])
        outputs = builder.nested(config["output_layers"], counted_from_creation=True)
    given = {key: value for key, value in config.items() if key not in ("layers", "input_layers", "output_layers")}
    trainable = given.pop("trainable", None)
    given.pop("dtype", None)
    model = cls(inputs=inputs, outputs=outputs, **given)
    if trainable is False:
        model.trainable = False
    return model


class _Builder:
    """Makes the layers of a configuration and calls them as soon as what they are called on is there."""

    def __init__(self, config: dict[str, Any], custom_objects: Any) -> None:
        self.results: dict[tuple[str, int], list[Any]] = {}
        self.made: dict[str, Any] = {}
        self.pending: list[tuple[str, int, dict[str, Any]]] = []
        for entry in config["layers"]:
            name = entry.get("name") or entry["config"].get("name")
            if operations.is_operation(entry):
                self.made[name] = operations.reader(entry)
            else:
                layer = deserialize_keras_object(
                    {key: value for key, value in entry.items() if key not in ("name", "inbound_nodes")},
                    custom_objects=custom_objects,
                )
                if isinstance(layer, Layer) and layer.name != name:
                    layer._name = name
                self.made[name] = layer
                if isinstance(layer, InputLayer):
                    self.results[name, 0] = [layer.output]
            for index, node in enumerate(entry.get("inbound_nodes") or ()):
                self.pending.append((name, index, _modern(node)))

    def build(self) -> None:
        while self.pending:
            waiting = []
            for name, index, node in self.pending:
                ready = (index == 0 or (name, index - 1) in self.results) and self._is_ready(node)
                if ready:
                    args = self._fill(node["args"])
                    kwargs = self._fill(node["kwargs"])
                    # What Keras notes of a layer's default is no decision of the user's; see `_settled`.
                    self.results[name, index] = tree.flatten(
                        self.made[name](*args, **_settled(self.made[name], kwargs))
                    )
                else:
                    waiting.append((name, index, node))
            if len(waiting) == len(self.pending):
                names = sorted({name for name, _, _ in waiting})
                raise FileFormatError(
                    f"The functional model's configuration is damaged: the inputs of {names} are computed by no "
                    "layer in it."
                )
            self.pending = waiting

    def _is_ready(self, node: Any) -> bool:
        if _is_tensor(node):
            name, index, _ = node["config"]["keras_history"]
            return (name, index) in self.results
        if isinstance(node, dict):
            return all(self._is_ready(value) for value in node.values())
        return all(self._is_ready(value) for value in node) if isinstance(node, (list, tuple)) else True

    def _fill(self, value: Any) -> Any:
        if _is_tensor(value):
            return self.tensor(value["config"]["keras_history"])
        if isinstance(value, dict) and "class_name" in value and "config" in value:
            return deserialize_keras_object(value)
        if isinstance(value, dict):
            return {key: self._fill(item) for key, item in value.items()}
        return [self._fill(item) for item in value] if isinstance(value, (list, tuple)) else value

    def tensor(self, history: Any) -> Any:
        """The tensor that `history` (operation, call, result) names."""
        try:
            name, index, place = history
            return self.results[name, index][place]
        except (KeyError, IndexError, TypeError, ValueError):
            raise FileFormatError(
                f"The functional model's configuration is damaged: no tensor comes from {history!r}."
            ) from None

    def nested(self, value: Any, counted_from_creation: bool = False) -> Any:
        """Tensors nested as the origins in `input_layers` or `output_layers` are."""
        if isinstance(value, dict):
            return {key: self.nested(item, counted_from_creation) for key, item in value.items()}
        if len(value) == 3 and isinstance(value[0], str) and isinstance(value[1], int):
            name, call, index = value
            earlier = counted_from_creation and call > 0 and hasattr(self.made.get(name), "_network")
            return self.tensor([name, call - earlier, index])
        return [self.nested(item, counted_from_creation) for item in value]


def _is_tensor(value: Any) -> bool:
    return isinstance(value, dict) and value.get("class_name") == "__keras_tensor__"


def _settled(layer: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Arguments of a call without a training flag of false, which is what Keras writes where none was given."""
    if not isinstance(layer, Layer):
        return kwargs
    dropped = {"training"} if kwargs.get("training") is False else set()
    dropped |= {"mask"} if kwargs.get("mask", ...) is None else set()
    return {key: value for key, value in kwargs.items() if key not in dropped}


def _modern(node: Any) -> dict[str, Any]:
    """A call in today's form; older files list ``[name, call, result, keywords]`` for each tensor."""
    if isinstance(node, dict):
        return {"args": node.get("args", []), "kwargs": node.get("kwargs", {})}
    if not isinstance(node, (list, tuple)):
        raise ArgumentError(f"Unknown form of a call in a functional model's configuration: {node!r}")
    entries = [node] if node and isinstance(node[0], str) else node
    tensors = [{"class_name": "__keras_tensor__", "config": {"keras_history": list(entry[:3])}} for entry in entries]
    kwargs = entries[0][3] if len(entries[0]) > 3 else {}
    return {"args": [tensors[0] if len(tensors) == 1 else tensors], "kwargs": kwargs}
