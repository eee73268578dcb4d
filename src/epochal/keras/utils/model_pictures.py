"""Pictures of models."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike
from typing import Any

from epochal.errors import ArgumentError
from epochal.ir import Node, Value
from epochal.keras.layers.input_layer import InputLayer
from epochal.keras.layers.layer import Layer
from epochal.keras.layers.rnn import RNN
from epochal.keras.models import configuration
from epochal.keras.models.model import Model
from epochal.keras.saving import operations
from epochal.tensor import Tensor
from epochal.visualization import Arrow, Box, Picture, dot, save, svg

# The module of a layer's class, in epochal.keras.layers -> the colour of its box.
_KINDS = {
    "input_layer": "input", "dense": "dense", "attention": "attention", "dot_attention": "attention",
    "category_encoding": "embedding", "embedding": "embedding",
    "convolution": "convolution", "separable": "convolution", "pooling": "pooling", "rnn": "recurrent",
    "simple_rnn": "recurrent", "lstm": "recurrent", "gru": "recurrent", "normalization": "normalization",
    "scaling": "normalization", "regularization": "regularization", "activation": "activation",
    "reshaping": "reshaping", "merging": "merging",
}  # fmt: skip
_STATES = {"LSTM": "h, c", "GRU": "h", "SimpleRNN": "h"}
_SILENT = ("constant", "variable_read")


@dataclass(frozen=True)
class _Shown:
    """What the boxes say; the arguments of `plot_model`."""

    shapes: bool
    dtype: bool
    names: bool
    activations: bool
    trainable: bool
    expand: bool
    direction: str


@dataclass(frozen=True)
class Drawing:
    """A picture that notebooks show.

    Attributes:
        picture: What it shows.
    """

    picture: Picture

    @property
    def svg(self) -> str:
        """The picture as an SVG document."""
        return svg(self.picture)

    def _repr_svg_(self) -> str:
        return self.svg


def plot_model(
    model: Any,
    to_file: str | PathLike[str] | None = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: float = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
    **kwargs: Any,
) -> Drawing:
    """Draws a model's layers and how they are connected.

    Args:
        model: The model.
        to_file: Where to, by its ending: ``.svg``, ``.html``, ``.dot``, or, with the extra ``plot`` installed,
            ``.png`` or ``.pdf``. ``None``: nowhere.
        show_shapes: Whether to show the shapes of inputs and outputs.
        show_dtype: Whether to show element types of outputs.
        show_layer_names: Whether to show the names of layers.
        rankdir: Where arrows lead: ``"TB"`` from top to bottom, ``"BT"``, ``"LR"`` or ``"RL"``.
        expand_nested: Whether to show what models and wrappers inside consist of.
        dpi: Dots an inch of a ``.png``.
        show_layer_activations: Whether to show activations.
        show_trainable: Whether to show which layers are trained.
        splines: No effect: arrows are curves.
        **kwargs: None are known.

    Returns:
        What a notebook shows as the picture.

    Raises:
        ArgumentError: No model, or an unknown argument, direction or ending.
        NotSupportedError: A format of the extra ``plot``, which is not installed.
    """
    if kwargs:
        raise ArgumentError(f"Unrecognized keyword arguments passed to `plot_model`: {sorted(kwargs)}.")
    shown = _Shown(
        show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable, expand_nested, rankdir
    )
    picture = _picture(_checked(model), shown, title=model.name)
    if to_file is not None:
        save(picture, to_file, dpi)
    return Drawing(picture)


def model_to_dot(
    model: Any,
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: float = 200,
    subgraph: bool = False,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
    **kwargs: Any,
) -> str:
    """The model's picture as text for Graphviz. The arguments are those of `plot_model`; `subgraph` has no effect."""
    if kwargs:
        raise ArgumentError(f"Unrecognized keyword arguments passed to `model_to_dot`: {sorted(kwargs)}.")
    shown = _Shown(
        show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable, expand_nested, rankdir
    )
    return dot(_picture(_checked(model), shown, title=model.name), dpi)


def _checked(model: Any) -> Any:
    if not isinstance(model, Model):
        raise ArgumentError(f"Expected a Keras model to draw. Received: {model!r} (of type {type(model).__name__})")
    return model


def _network_of(model: Any) -> Any:
    network = getattr(model, "_network", None)
    functional = getattr(model, "_functional", None)
    return functional._network if network is None and functional is not None else network


def _picture(model: Any, shown: _Shown, title: str = "") -> Picture:
    network = _network_of(model)
    if network is not None:
        return _network_picture(network, shown, title)
    # Layers that nothing was shown to yet: a Sequential's are in a row, those of other models may be anywhere.
    boxes = [_layer_box(layer, str(i), shown, [], ()) for i, layer in enumerate(model.layers)]
    in_a_row = hasattr(model, "_stack")
    arrows = [Arrow(a.key, b.key) for a, b in itertools.pairwise(boxes)] if in_a_row else []
    return Picture(boxes, arrows, title, shown.direction)


def _network_picture(network: Any, shown: _Shown, title: str) -> Picture:
    names = configuration.operation_names(network)
    keys = {id(operation): str(index) for index, operation in enumerate(network.operations)}
    boxes, arrows = [], []
    for operation in network.operations:
        key = keys[id(operation)]
        calls = [node for node in network.nodes_of.get(id(operation), []) if node in network.nodes]
        if isinstance(operation, Layer):
            inputs = [value.node for value in network.inputs if network.history(value)[0] is operation]
            boxes.append(_layer_box(operation, key, shown, calls or inputs, _pictures_inside(operation, shown)))
        else:
            boxes.append(_operation_box(operation, key, names[id(operation)], shown))
        for node in calls:
            arrows += [Arrow(keys[id(network.history(value)[0])], key) for value in _operands(node)]
    return Picture(boxes, arrows, title, shown.direction)


def _operands(node: Node) -> Iterator[Value]:
    return (value for value in node.inputs if value.operator.name not in _SILENT)


def _layer_box(layer: Any, key: str, shown: _Shown, calls: list[Node], inside: tuple[Picture, ...]) -> Box:
    title = type(layer).__name__
    if inner := _wrapped(layer):
        title += f" ({type(inner[0]).__name__})"
    rows: list[tuple[str, str]] = []
    activation = getattr(layer, "activation", None)
    if shown.activations and activation is not None:
        rows.append(("activation", getattr(activation, "__name__", type(activation).__name__)))
    if shown.trainable and layer.weights:
        rows.append(("trainable", "yes" if layer.trainable else "no"))
    rows += _type_rows(calls, shown, with_inputs=not isinstance(layer, InputLayer))
    return Box(
        key,
        title,
        layer.name if shown.names else "",
        tuple(rows),
        _kind(layer),
        None if inside else _loop(layer),
        inside,
    )


def _operation_box(node: Node, key: str, name: str, shown: _Shown) -> Box:
    rows = tuple(_type_rows([node], shown, with_inputs=True))
    return Box(key, operations.class_name(node), name if shown.names else "", rows)


def _type_rows(calls: list[Node], shown: _Shown, with_inputs: bool) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    outputs = [value for node in calls for value in node.outputs]
    if shown.dtype and outputs:
        rows.append(("dtype", ", ".join(dict.fromkeys(value.dtype.name for value in outputs))))
    if shown.shapes:
        if with_inputs:
            rows += _shape_rows("input", [[*_operands(node)] for node in calls])
        rows += _shape_rows("output", [list(node.outputs) for node in calls])
    return rows


def _shape_rows(label: str, calls: list[list[Value]]) -> list[tuple[str, str]]:
    """One row a tensor; calls after the first only where their shapes differ."""
    different = dict.fromkeys(tuple(_shape(value) for value in values) for values in calls)
    texts = [text for shapes in different for text in shapes]
    return [(label if not index else "", text) for index, text in enumerate(texts)]


def _shape(value: Value) -> str:
    return "(" + ", ".join(map(str, Tensor(None, value).shape)) + ("," if len(value.shape) == 1 else "") + ")"


def _wrapped(layer: Any) -> list[Any]:
    """The layers within a wrapper."""
    forward = getattr(layer, "forward_layer", None)
    inner = (
        [forward, getattr(layer, "backward_layer", None)] if forward is not None else [getattr(layer, "layer", None)]
    )
    return [one for one in inner if isinstance(one, Layer)]


def _pictures_inside(layer: Any, shown: _Shown) -> tuple[Picture, ...]:
    if not shown.expand:
        return ()
    if isinstance(layer, Model):
        inside = _picture(layer, shown)
        return (inside,) if inside.boxes else ()
    boxes = [
        _layer_box(one, str(index), shown, [], _pictures_inside(one, shown))
        for index, one in enumerate(_wrapped(layer))
    ]
    return (Picture(boxes, (), "", shown.direction),) if boxes else ()


def _kind(layer: Any) -> str:
    if isinstance(layer, Model):
        return "model"
    for inner in _wrapped(layer):
        return _kind(inner)
    modules = (one.__module__ for one in type(layer).__mro__)
    names = (module.rpartition(".")[2] for module in modules if module.startswith("epochal.keras.layers."))
    return _KINDS.get(next(names, ""), "plain")


def _loop(layer: Any) -> str | None:
    """The state that a recurrent layer hands from each step to the next."""
    inner = _wrapped(layer)
    recurrent = inner[0] if inner else layer
    return _STATES.get(type(recurrent).__name__, "state") if isinstance(recurrent, RNN) else None
