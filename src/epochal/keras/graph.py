"""Functional models as graphs: a layer called on symbolic tensors is a node, beside the operations on them.

A `layer_call` node never reaches a pass or an engine: a functional model calls the layer anew on the tensors it is
given, be they eager or those of a trace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

from epochal import tree
from epochal.errors import NotSupportedError
from epochal.ir import Graph, Node, Operator, Sample, Symbol, TensorType, Value, make_input, tensor_type
from epochal.tensor import Tensor
from epochal.tensor.dispatch import apply
from epochal.topi.inventory import BUILD


class Slot:
    """Stands in the arguments of a call for the node's input of that index."""

    __slots__ = ("index",)

    def __init__(self, index: int) -> None:
        self.index = index

    def __repr__(self) -> str:
        return f"<{self.index}>"


class Call:
    """What a `layer_call` node holds.

    Attributes:
        layer: The layer called.
        args: Positional arguments, tensors replaced by slots.
        kwargs: Keyword arguments, likewise.
        types: Types of the results.
        structure: How the results are nested.
    """

    __slots__ = ("args", "kwargs", "layer", "structure", "types")

    def __init__(
        self, layer: Any, args: Any, kwargs: Any, types: tuple[TensorType, ...], structure: tree.Structure
    ) -> None:
        self.layer = layer
        self.args = args
        self.kwargs = kwargs
        self.types = types
        self.structure = structure

    def fill(self, inputs: Sequence[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments, `inputs` in place of the slots."""

        def value(leaf: Any) -> Any:
            return inputs[leaf.index] if leaf.__class__ is Slot else leaf

        return tree.map_structure(value, self.args), tree.map_structure(value, self.kwargs)


class _SymbolicTensor(type):
    """Makes ``isinstance(x, KerasTensor)`` true for symbolic tensors."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor) and instance.is_symbolic


class KerasTensor(metaclass=_SymbolicTensor):
    """A symbolic tensor, as `keras.Input` and the layers called on it return.

    Args:
        shape: ``None`` stands for an unknown size.
        dtype: Element type.
        sparse: Not supported.
        ragged: Not supported.
        record_history: No effect.
        name: No effect.
        **kwargs: No effect.
    """

    def __new__(
        cls,
        shape: Any,
        dtype: Any = "float32",
        sparse: bool = False,
        ragged: bool = False,
        record_history: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> Any:
        return Tensor(None, make_input(tensor_type(dtype, [Symbol() if size is None else size for size in shape])))


def _call_type(*_: TensorType, call: Call) -> tuple[TensorType, ...]:
    return call.types


def _no_reference(*_: Any, call: Call) -> NoReturn:
    raise NotSupportedError(
        f"The output of layer '{call.layer.name}' on a symbolic input has no value. Make a Model of it and call that."
    )


def _no_samples() -> Iterable[Sample]:
    return ()


LAYER_CALL = Operator(
    name="layer_call",
    infer=_call_type,
    reference=_no_reference,
    samples=_no_samples,
    no_gradient="Make a Model of the layers and differentiate its output.",
    doc="A layer called on the symbolic tensors of a functional model.",
)


def record_call(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any], outputs: Any) -> tuple[Node | None, Any]:
    """Adds the node of a call to the graph.

    Args:
        layer: The layer.
        args: Its arguments.
        kwargs: Its keyword arguments.
        outputs: Types of the results, nested as the results are.

    Returns:
        The node and its results, symbolic tensors.
    """
    inputs: list[Value] = []

    def slot(leaf: Any) -> Any:
        if isinstance(leaf, Tensor) and leaf.is_symbolic:
            inputs.append(leaf.value)
            return Slot(len(inputs) - 1)
        return leaf

    args, kwargs = tree.map_structure(slot, args), tree.map_structure(slot, kwargs)
    types, structure = tree.flatten_with_structure(outputs)
    call = Call(layer, args, kwargs, tuple(types), structure)
    values = BUILD.apply(LAYER_CALL, inputs, {"call": call})
    return values[0].node, tree.unflatten(structure, [Tensor(None, value) for value in values])


def call_of(node: Node) -> Call | None:
    """What a `layer_call` node holds; ``None`` for the node of an operation."""
    return node.parameters["call"] if node.operator is LAYER_CALL else None


def tensors_of(node: Node) -> Any:
    """The results of a node as tensors, nested as its layer returned them."""
    tensors = [Tensor(None, value) for value in node.outputs]
    call = call_of(node)
    return tree.unflatten(call.structure, tensors) if call is not None else tensors[0]


def run(
    nodes: Sequence[Node], known: dict[Value, Any], training: Any = None, layers: dict[int, Any] | None = None
) -> None:
    """Carries out `nodes`, operands first, on other tensors than those they were built of.

    Args:
        nodes: In an order where operands come first.
        known: Tensors for the values that no node in `nodes` computes; the results are added to it.
        training: Training flag of the model; given, it takes the place of one that a layer was called with.
        layers: By the identity of a layer, one to call in its place.
    """

    def call_layer(call: Call, inputs: Sequence[Any]) -> list[Any]:
        args, kwargs = call.fill(inputs)
        layer = call.layer if layers is None else layers.get(id(call.layer), call.layer)
        if training is not None and layer.has_training_argument:
            kwargs["training"] = training
        return tree.flatten(layer(*args, **kwargs))

    _walk(nodes, known, call_layer)


def infer(nodes: Sequence[Node], known: dict[Value, Any]) -> None:
    """As `run`, with symbolic tensors in `known`: gives the results' types and calls no layer."""

    def type_of(call: Call, inputs: Sequence[Any]) -> list[Any]:
        args, kwargs = call.fill(inputs)
        types = tree.flatten(call.layer.output_types(args, kwargs))
        return [Tensor(None, make_input(type_)) for type_ in types]

    _walk(nodes, known, type_of)


def _walk(
    nodes: Sequence[Node], known: dict[Value, Any], call_layer: Callable[[Call, Sequence[Any]], list[Any]]
) -> None:
    sizes: dict[Symbol, Any] = {}
    for value, tensor in known.items():
        _bind(value, tensor, sizes)
    for node in nodes:
        if node.outputs[0] in known:
            continue
        call = call_of(node)
        operands = [known[value] for value in node.inputs]
        results = _apply(node, operands, sizes) if call is None else call_layer(call, operands)
        for value, tensor in zip(node.outputs, results, strict=True):
            known[value] = tensor
            _bind(value, tensor, sizes)


def _apply(node: Node, operands: list[Any], sizes: dict[Symbol, Any]) -> list[Any]:
    name = node.operator.name
    if name == "variable_read":
        return [node.parameters["state"].value]
    if name == "constant":
        return [Tensor(node.parameters["value"])]
    parameters = {key: _specialise(value, sizes) for key, value in node.parameters.items()}
    results = apply(node.operator, *operands, **parameters)
    return list(results) if isinstance(results, tuple) else [results]


def _bind(value: Value, tensor: Any, sizes: dict[Symbol, Any]) -> None:
    pairs = zip(value.shape, tensor.dimensions, strict=True)
    sizes.update({symbol: size for symbol, size in pairs if isinstance(symbol, Symbol)})


def _specialise(parameter: Any, sizes: dict[Symbol, Any]) -> Any:
    """A parameter, its unknown sizes replaced by what they turned out to be."""
    if isinstance(parameter, Symbol):
        return sizes.get(parameter, parameter)
    if isinstance(parameter, tuple):
        return tuple(_specialise(item, sizes) for item in parameter)
    if isinstance(parameter, Graph) and any(not value.type.is_static for value in parameter.inputs):
        raise NotSupportedError(
            "Control flow on tensors of unknown shape between the layers of a functional model is not supported. "
            "Put it into a layer's call method."
        )
    return parameter
