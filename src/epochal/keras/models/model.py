"""Models: layers that can be trained, summarised and saved; functional ones among them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from epochal import tree
from epochal.errors import ArgumentError, NotSupportedError, ShapeError
from epochal.ir import Symbol, make_input
from epochal.keras.layers.call import get_mask, set_mask
from epochal.keras.layers.input_layer import InputLayer
from epochal.keras.layers.layer import Layer
from epochal.keras.layers.shapes import is_shape
from epochal.keras.models import configuration, summary
from epochal.keras.models.network import Network
from epochal.keras.saving import archive, weights
from epochal.keras.saving.json import model_to_json
from epochal.keras.trainer.trainer import Trainer
from epochal.tensor import Tensor, convert
from epochal.tensor import context as contexts
from epochal.tensor import functions as F


class Model(Trainer, Layer):
    """A layer with training.

    Made of layers called on symbolic inputs, ``Model(inputs, outputs)``, or by a subclass that defines `call`.

    Args:
        *args: ``inputs`` and ``outputs``, symbolic tensors or nested ones; without them, a subclassed model.
        **kwargs: ``inputs``, ``outputs``, ``name`` and ``trainable``.

    Example:
        >>> from epochal import keras
        >>> inputs = keras.Input((3,))
        >>> model = keras.Model(inputs, keras.layers.Dense(1)(inputs))
        >>> model.count_params()
        4
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        if cls is Model and _is_functional(args, kwargs):
            return super().__new__(Functional)
        return super().__new__(cls, *args, **kwargs)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if _is_functional(args, kwargs) and not isinstance(self, Functional):
            # A subclass that hands inputs and outputs up is a functional model with methods of its own.
            self.__class__ = type(type(self).__name__, (type(self), Functional), {"__module__": type(self).__module__})
            Functional.__init__(self, *args, **kwargs)
            return
        if args:
            raise ArgumentError(
                f"{type(self).__name__}: Model takes `inputs` and `outputs`, or keywords alone. Received: {args}"
            )
        self._init_model(**kwargs)

    def _init_model(self, **kwargs: Any) -> None:
        Layer.__init__(self, **kwargs)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(
            f"Model {type(self).__name__} does not have a `call()` method implemented. Define `call(self, inputs)`."
        )

    def rematerialized_call(self, layer_call: Any, *args: Any, **kwargs: Any) -> Any:
        """`layer_call`, if its layers were made in a scope too: they recompute one by one, which keeps less."""
        if any(layer is not self and layer._remat_mode is not None for layer in self._flatten_layers()):
            return layer_call
        return super().rematerialized_call(layer_call, *args, **kwargs)

    # Layers ------------------------------------------------------------------------------------------------------

    @property
    def layers(self) -> list[Any]:
        """The layers directly inside."""
        return [layer for layer in self._layers if isinstance(layer, Layer)]

    @layers.setter
    def layers(self, value: Any) -> None:
        raise AttributeError("`Model.layers` attribute is reserved and should not be used. Please use another name.")

    def get_layer(self, name: str | None = None, index: int | None = None) -> Any:
        """The layer of that name or at that place.

        Raises:
            ArgumentError: There is none, or not one of `name` and `index` is given.
        """
        if (name is None) == (index is None):
            raise ArgumentError(f"Provide either a layer name or layer index. Received: index={index}, name={name}.")
        layers = self.layers
        if index is not None:
            if not -len(layers) <= index < len(layers):
                raise ArgumentError(
                    f"Was asked to retrieve layer at index {index} but model only has {len(layers)} layers."
                )
            return layers[index]
        for layer in layers:
            if layer.name == name:
                return layer
        raise ArgumentError(f"No such layer: {name}. Existing layers are: {[layer.name for layer in layers]}.")

    def build(self, input_shape: Any = None) -> None:
        """Makes the weights of a subclassed model, by a symbolic call on inputs of that shape.

        Raises:
            ArgumentError: The shape is unknown, or `call` takes more than shapes describe.
        """
        if input_shape is None:
            self.built = True
            return
        given = _map(lambda shape: Tensor(None, make_input(_input_type(shape, self.compute_dtype))), input_shape)
        positional = list(inspect.signature(self.call).parameters.values())
        required = [one for one in positional if one.default is one.empty and one.kind is one.POSITIONAL_OR_KEYWORD]
        arguments = given if isinstance(given, (list, tuple)) and len(required) > 1 else [given]
        self.built = True
        try:
            with contexts.Deferred():
                self.call(*arguments)
        except NotImplementedError:
            raise
        except TypeError as error:
            self.built = False
            raise ArgumentError(
                f"Model '{self.name}' ({type(self).__name__}) could not be built for the input shape {input_shape}: "
                f"{error}. "
                "Call it on data instead."
            ) from error

    # Description -------------------------------------------------------------------------------------------------

    def summary(
        self,
        line_length: int | None = None,
        positions: Any = None,
        print_fn: Callable[..., Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Any = None,
    ) -> None:
        """Prints a table of the layers, the shapes of their outputs and the numbers of their parameters.

        Args:
            line_length: Width.
            positions: Relative or absolute ends of the columns.
            print_fn: Takes the text in place of printing it.
            expand_nested: Whether to list the layers of models inside.
            show_trainable: Whether to say which layers are trained.
            layer_range: Patterns of the first and the last layer to list.
        """
        summary.print_summary(self, line_length, positions, print_fn, expand_nested, show_trainable, layer_range)

    @property
    def input_shape(self) -> Any:
        """Shape of the symbolic input, nested as it is."""
        return tree.map_structure(lambda tensor: tensor.shape, self.input)

    @property
    def output_shape(self) -> Any:
        """Shape of the symbolic output, nested as it is."""
        return tree.map_structure(lambda tensor: tensor.shape, self.output)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor; a subclass with some that are not plain data overrides it."""
        return Layer.get_config(self)

    # Files -------------------------------------------------------------------------------------------------------

    def save(self, filepath: Any, overwrite: bool = True, zipped: bool | None = None, **kwargs: Any) -> None:
        """Saves architecture, weights and compilation in one ``.keras`` file, which Keras reads too.

        Args:
            filepath: Where; ends in ``.keras``.
            overwrite: Whether to replace a file that is there.
            zipped: Only as one file.
            **kwargs: None are known.

        Raises:
            ArgumentError: Another ending.
        """
        archive.save_model(self, filepath, overwrite=overwrite, zipped=zipped, **kwargs)

    def save_weights(self, filepath: Any, overwrite: bool = True, max_shard_size: float | None = None) -> None:
        """Saves the weights in one ``.weights.h5`` file, which Keras reads too."""
        weights.save_weights(self, filepath, overwrite=overwrite, max_shard_size=max_shard_size)

    def load_weights(self, filepath: Any, skip_mismatch: bool = False, **kwargs: Any) -> None:
        """Loads weights that `save_weights` or `save` wrote, here or in Keras.

        Args:
            filepath: The file.
            skip_mismatch: Whether layers that do not fit are left as they are.
            **kwargs: None are known.

        Raises:
            FileFormatError: The file is damaged or is not of weights.
            ShapeError: A layer does not fit.
        """
        weights.load_weights(self, filepath, skip_mismatch=skip_mismatch, **kwargs)

    def to_json(self, **kwargs: Any) -> str:
        """The architecture as text; see `epochal.keras.models.model_from_json`."""
        return model_to_json(self, **kwargs)

    def export(self, filepath: Any, format: str = "tf_saved_model", **kwargs: Any) -> None:
        raise NotSupportedError(f"Exporting to {format!r} is not supported yet. Use `save` with a `.keras` path.")

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """The model of that configuration."""
        if {"layers", "input_layers", "output_layers"} <= set(config):
            return configuration.functional_from_config(
                cls if issubclass(cls, Functional) else Model, config, custom_objects
            )
        return super().from_config(config)


def _is_functional(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    return len(args) >= 2 or (len(args) == 1 and "outputs" in kwargs) or {"inputs", "outputs"} <= set(kwargs)


def _map(function: Callable[[Any], Any], shapes: Any) -> Any:
    if is_shape(shapes):
        return function(tuple(shapes))
    if isinstance(shapes, dict):
        return {key: _map(function, value) for key, value in shapes.items()}
    return type(shapes)(_map(function, item) for item in shapes)


def _input_type(shape: tuple[int | None, ...], dtype: str) -> Any:
    from_shape = [Symbol("batch" if axis == 0 else None) if size is None else size for axis, size in enumerate(shape)]
    return configuration.tensor_type(dtype, from_shape)


class Functional(Model):
    """A model made of layers called on symbolic inputs.

    Args:
        inputs: `Input` tensors, alone or nested in a list, tuple or dictionary.
        outputs: Tensors computed from them, likewise.
        name: Name.
        **kwargs: ``trainable``.
    """

    def __init__(self, inputs: Any = None, outputs: Any = None, name: str | None = None, **kwargs: Any) -> None:
        trainable = kwargs.pop("trainable", None)
        self._init_model(name=name, **kwargs)
        flat_inputs, flat_outputs = tree.flatten(inputs), tree.flatten(outputs)
        for tensor in (*flat_inputs, *flat_outputs):
            if not isinstance(tensor, Tensor) or not tensor.is_symbolic:
                raise ArgumentError(
                    "All `inputs` and `outputs` values of a functional model must be symbolic tensors, made by "
                    f"`keras.Input` and by calling layers on it. Received: {tensor!r} (of type {type(tensor).__name__})"
                )
        if len({id(tensor.value) for tensor in flat_inputs}) < len(flat_inputs):
            raise ArgumentError(f"Each input of a functional model may be given once. Received: inputs={inputs}")
        self._structures = (inputs, outputs)
        self._network = Network([t.value for t in flat_inputs], [t.value for t in flat_outputs])
        names = [layer.name for layer in self._network.layers]
        for layer_name in names:
            if names.count(layer_name) > 1:
                raise ArgumentError(
                    f'The name "{layer_name}" is used {names.count(layer_name)} times in the model. All layers of a '
                    "model "
                    "should have unique names."
                )
        self._layers[:] = self._network.layers
        self.built = True
        if trainable is not None:
            self.trainable = trainable

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("_structures", "_network"):
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)

    # What the model is made of -----------------------------------------------------------------------------------

    @property
    def layers(self) -> list[Any]:
        return list(self._layers)

    @property
    def input(self) -> Any:
        """The symbolic inputs, nested as given."""
        return self._structures[0]

    @property
    def output(self) -> Any:
        """The symbolic outputs, nested as given."""
        return self._structures[1]

    @property
    def inputs(self) -> list[Tensor]:
        """The symbolic inputs in a list."""
        return tree.flatten(self._structures[0])

    @property
    def outputs(self) -> list[Tensor]:
        """The symbolic outputs in a list."""
        return tree.flatten(self._structures[1])

    @property
    def input_names(self) -> list[str]:
        """Names of the input layers."""
        return [layer.name for layer in self._network.input_layers]

    @property
    def output_names(self) -> list[str]:
        """Names of the layers the outputs come from."""
        return [configuration.operation_name(self._network.history(value)[0]) for value in self._network.outputs]

    # Calling -----------------------------------------------------------------------------------------------------

    def build(self, input_shape: Any = None) -> None:
        """Nothing: a functional model is built when it is made."""
        self.built = True

    def get_build_config(self) -> dict[str, Any]:
        return {"input_shape": None}

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        tensors = self._fit(inputs)
        if mask is not None:
            for tensor, one in zip(tensors, tree.flatten(mask), strict=False):
                if one is not None and get_mask(tensor) is None:
                    set_mask(tensor, one)
        return tree.pack_like(self._structures[1], self._network.run(tensors, training))

    def _check_positional(self, args: tuple[Any, ...]) -> None:
        """Numbers in lists are taken too; `_fit` makes tensors of them."""

    def _check_inputs(self, first: Any) -> None:
        self._fit(first)

    def _fit(self, inputs: Any) -> list[Any]:
        """The inputs as tensors of the right types, in the order of the model's.

        Raises:
            ArgumentError: Their number or names differ.
            ShapeError: A shape differs.
        """
        layers = self._network.input_layers
        given = self._ordered(inputs)
        fitted = []
        for index, (value, layer) in enumerate(zip(given, layers, strict=True)):
            if value is None and layer.optional:
                fitted.append(None)
                continue
            if value is None:
                raise ArgumentError(f"Input {index} ('{layer.name}') of model '{self.name}' is None. Give it data.")
            tensor = convert(value)
            mask = get_mask(tensor)
            tensor = _fit_rank(tensor, layer)
            start = f"Input {index} with name '{layer.name}' of layer '{self.name}' ({type(self).__name__})"
            wanted, shape = layer.batch_shape, tensor.shape
            if len(wanted) != len(shape) or any(
                w is not None and s is not None and w != s for w, s in zip(wanted, shape, strict=True)
            ):
                raise ShapeError(
                    f"{start} is incompatible with the layer: expected shape={wanted}, found shape={shape}. Give the "
                    "model data of that shape, or make it for this one."
                )
            tensor = F.cast(tensor, layer.dtype) if tensor.dtype != layer.dtype else tensor
            if mask is not None:
                set_mask(tensor, mask)
            fitted.append(tensor)
        return fitted

    def _ordered(self, inputs: Any) -> list[Any]:
        structure, layers = self._structures[0], self._network.input_layers
        names = [layer.name for layer in layers]
        if isinstance(inputs, dict):
            keys = sorted(structure) if isinstance(structure, dict) else names
            keys = keys if all(key in inputs for key in keys) else names
            missing = [key for key in keys if key not in inputs]
            if missing:
                raise ArgumentError(
                    f"Missing data for input {missing} of model '{self.name}'. You passed a data dictionary with keys "
                    f"{list(inputs)}. Expected the following keys: {keys}"
                )
            return tree.flatten([inputs[key] for key in keys])
        if len(layers) == 1 and not isinstance(structure, (list, tuple, dict)) and not _holds_arrays(inputs):
            return [inputs]
        flat = tree.flatten(inputs)
        if len(flat) != len(layers):
            raise ArgumentError(
                f"Layer '{self.name}' ({type(self).__name__}) expects {len(layers)} input(s), named {names}, but it "
                "received "
                f"{len(flat)} input tensors. Pass a list of {len(layers)}, or a dictionary with these keys."
            )
        return flat

    def output_types(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        inputs = args[0] if args else kwargs["inputs"]
        results = self._network.infer(self._fit(inputs))
        return tree.pack_like(self._structures[1], [result.type for result in results])

    def compute_output_shape(self, input_shape: Any) -> Any:
        shapes = (
            [input_shape]
            if is_shape(input_shape)
            else self._ordered(input_shape)
            if isinstance(input_shape, dict)
            else list(input_shape)
        )
        layers = self._network.input_layers
        tensors = [
            Tensor(None, make_input(_input_type(tuple(shape), layer.dtype)))
            for shape, layer in zip(shapes, layers, strict=True)
        ]
        results = self._network.infer(tensors)
        return tree.pack_like(self._structures[1], [result.shape for result in results])

    # Configuration -----------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """The layers, how they are connected, inputs and outputs, as Keras writes them."""
        base = type(self)
        plain = base in (Functional, Model) or base.__init__ is Functional.__init__
        if not plain:
            return Layer.get_config(self)
        return configuration.functional_config(self)


def _holds_arrays(inputs: Any) -> bool:
    return isinstance(inputs, (list, tuple)) and any(
        isinstance(leaf, (Tensor, np.ndarray)) for leaf in tree.flatten(inputs)
    )


def _fit_rank(tensor: Any, layer: InputLayer) -> Any:
    """A last axis of size 1 added or removed where that is all that differs."""
    wanted, rank = layer.batch_shape, tensor.ndim
    if rank == len(wanted) - 1 and wanted[-1] == 1:
        return F.expand_dims(tensor, -1)
    if rank == len(wanted) + 1 and tensor.shape[-1] == 1:
        return F.squeeze(tensor, axis=-1)
    return tensor
