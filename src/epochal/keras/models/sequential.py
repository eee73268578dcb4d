"""A stack of layers."""

from __future__ import annotations

from typing import Any

from epochal.errors import ArgumentError
from epochal.keras.layers.input_layer import InputLayer
from epochal.keras.layers.layer import Layer
from epochal.keras.layers.shapes import is_shape
from epochal.keras.models.model import Functional, Model
from epochal.keras.saving.serialization import deserialize_keras_object, serialize_keras_object
from epochal.tensor import Tensor
from epochal.tensor import context as contexts


class Sequential(Model):
    """Layers one after another, each with one input and one output.

    The shape of the input is known from an `Input` that comes first, from the first layer's ``input_shape`` or
    ``input_dim``, from `build`, or else from the first data.

    Args:
        layers: The layers.
        trainable: Whether training changes them.
        name: Name.

    Example:
        >>> from epochal import keras
        >>> model = keras.Sequential([keras.layers.Dense(8, activation="relu", input_dim=4), keras.layers.Dense(1)])
        >>> model.output_shape
        (None, 1)
    """

    def __init__(self, layers: Any = None, trainable: bool = True, name: str | None = None) -> None:
        self._init_model(trainable=trainable, name=name)
        self._made: Functional | None = None
        self._top: Tensor | None = None  # the symbolic output of the stack, once the shape of its input is known
        self._stack: list[Any] = []
        if layers is not None:
            for layer in layers if isinstance(layers, (list, tuple)) else [layers]:
                self._push(layer)
            self._maybe_rebuild()

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("_made", "_top", "_stack"):
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)

    @property
    def _functional(self) -> Functional | None:
        """The stack as a graph of layers; ``None`` before the shape of its input is known."""
        if self._made is None and self._top is not None:
            with contexts.eagerly():
                self._made = Functional(self._stack[0].output, self._top, name=self.name)
        return self._made

    # The stack ---------------------------------------------------------------------------------------------------

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Puts a layer on top.

        Raises:
            ArgumentError: It is no layer, or has the name of another.
        """
        before, top = list(self._stack), self._top
        try:
            self._push(layer)
            if rebuild and top is not None and len(self._stack) == len(before) + 1:
                self._forget_programs()
                with contexts.eagerly():
                    self._top = self._stack[-1](top)
                self._made = None
            elif rebuild:
                self._maybe_rebuild()
        except BaseException:
            self._stack[:] = before
            self._layers[:] = self.layers
            self._top = top
            self.built = self.built or top is not None
            raise

    def _push(self, layer: Any) -> None:
        origin = getattr(layer, "value", None)
        if isinstance(layer, Tensor) and layer.is_symbolic and origin is not None:
            call = origin.node.parameters.get("call")
            layer = call.layer if call is not None and isinstance(call.layer, InputLayer) else layer
        if not isinstance(layer, Layer):
            raise ArgumentError(
                f"Only instances of `keras.Layer` can be added to a Sequential model. Received: {layer} "
                f"(of type {type(layer)})"
            )
        if any(layer.name == other.name for other in self._stack):
            raise ArgumentError(
                "All layers added to a Sequential model should have unique names. "
                f"Name '{layer.name}' is already the name of a layer in this model. "
                "Update the `name` argument to pass a unique name."
            )
        if isinstance(layer, InputLayer) and self._stack:
            if isinstance(self._stack[0], InputLayer):
                raise ArgumentError(
                    f"Sequential model '{self.name}' has already been configured to use input shape "
                    f"{self._stack[0].batch_shape}. You cannot add a different Input layer to it."
                )
            raise ArgumentError(f"An Input must come first in a Sequential model. '{self.name}' has layers already.")
        if not self._stack and not isinstance(layer, InputLayer):
            shape = getattr(layer, "_input_shape_arg", None)
            if shape is not None:
                self._stack.append(InputLayer(batch_shape=shape))
            elif isinstance(layer, Functional) or (isinstance(layer, Sequential) and layer._functional is not None):
                first = layer.inputs[0]
                self._stack.append(InputLayer(batch_shape=first.shape, dtype=first.dtype.name))
        self._stack.append(layer)
        self._layers[:] = self.layers

    def pop(self, rebuild: bool = True) -> Any:
        """Takes the top layer off and returns it.

        Raises:
            ArgumentError: There is none.
        """
        if not self.layers:
            raise ArgumentError(f"There are no layers in Sequential model '{self.name}' to pop.")
        layer = self._stack.pop()
        self._layers[:] = self.layers
        self._made = self._top = None
        self.built = False
        if rebuild:
            self._maybe_rebuild()
        return layer

    def _maybe_rebuild(self) -> None:
        self._forget_programs()
        self._made = self._top = None
        self.built = False
        if self._stack and isinstance(self._stack[0], InputLayer) and len(self._stack) > 1:
            self.build(self._stack[0].batch_shape)

    @property
    def layers(self) -> list[Any]:
        """The layers, without the input's."""
        stack = self._stack
        return list(stack[1:] if stack and isinstance(stack[0], InputLayer) else stack)

    # Building and calling ----------------------------------------------------------------------------------------

    def build(self, input_shape: Any = None) -> None:
        """Makes the weights, for inputs of that shape (with the batch axis).

        Raises:
            ArgumentError: The shape is neither given nor known.
        """
        if not is_shape(input_shape):
            if input_shape is not None and not isinstance(input_shape, dict) and len(input_shape) == 1:
                input_shape = tuple(input_shape[0])
            elif self._stack and isinstance(self._stack[0], InputLayer):
                input_shape = self._stack[0].batch_shape
            else:
                raise ArgumentError(
                    f"Sequential model '{self.name}' needs the shape of its input to be built: one shape with the "
                    "batch "
                    f"axis, such as (None, 4). Received: {input_shape}"
                )
        if not self._stack:
            raise ArgumentError(
                f"Sequential model '{self.name}' cannot be built because it has no layers. Call `model.add(layer)`."
            )
        if not isinstance(self._stack[0], InputLayer):
            first = self._stack[0]
            dtype = "int32" if type(first).__name__ == "Embedding" else None
            self._stack.insert(0, InputLayer(batch_shape=tuple(input_shape), dtype=dtype))
        with contexts.eagerly():
            x = self._stack[0].output
            for layer in self._stack[1:]:
                x = layer(x)
            self._made, self._top = None, x
        self.built = True

    def get_build_config(self) -> dict[str, Any] | None:
        if self._stack and isinstance(self._stack[0], InputLayer):
            return {"input_shape": self._stack[0].batch_shape}
        return None

    def build_from_config(self, config: Any) -> None:
        if not self.built and config and config.get("input_shape") is not None:
            self.build(tuple(config["input_shape"]))

    def _maybe_build(self, arguments: dict[str, Any]) -> None:
        if self._functional is not None or not self._stack:
            return
        x = next(iter(arguments.values()))
        if isinstance(x, Tensor):
            # The batch size of the first data says nothing about the next.
            self.build((None, *x.shape[1:]))

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        if self._functional is None:
            raise ArgumentError(
                f"Sequential model '{self.name}' has no layers to call. Add some with `model.add(layer)`."
            )
        return self._functional.call(inputs, training=training, mask=mask)

    def _check_positional(self, args: tuple[Any, ...]) -> None:
        if self._functional is None:
            super()._check_positional(args)

    def _check_inputs(self, first: Any) -> None:
        if self._functional is not None:
            try:
                self._functional._check_inputs(first)
            except ArgumentError:
                raise
            except ValueError as error:
                raise type(error)(str(error).replace("(Functional)", "(Sequential)")) from None

    def output_types(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self._functional is None:
            raise ArgumentError(
                f"Sequential model '{self.name}' has no layers to call. Add some with `model.add(layer)`."
            )
        return self._functional.output_types(args, kwargs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of the output for the shape of the input."""
        if self._functional is not None:
            return self._functional.compute_output_shape(input_shape)
        for layer in self.layers:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    # Symbolic inputs and outputs ---------------------------------------------------------------------------------

    def _built_functional(self, what: str) -> Functional:
        if self._functional is None:
            raise AttributeError(f"Sequential model '{self.name}' has no defined {what} yet.")
        return self._functional

    @property
    def input(self) -> Any:
        """The symbolic input."""
        return self._built_functional("input").input

    @property
    def output(self) -> Any:
        """The symbolic output."""
        return self._built_functional("output").output

    @property
    def inputs(self) -> list[Tensor]:
        """The symbolic input in a list."""
        return self._built_functional("inputs").inputs

    @property
    def outputs(self) -> list[Tensor]:
        """The symbolic output in a list."""
        return self._built_functional("outputs").outputs

    @property
    def input_names(self) -> list[str]:
        return self._built_functional("inputs").input_names

    @property
    def output_names(self) -> list[str]:
        return self._built_functional("outputs").output_names

    # Configuration -----------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """The layers and the shape of the input."""
        config = {key: value for key, value in Layer.get_config(self).items() if key in ("name", "trainable", "dtype")}
        config["layers"] = [serialize_keras_object(layer) for layer in self._stack]
        if self._functional is not None:
            config["build_input_shape"] = self._stack[0].batch_shape
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """The model of that configuration."""
        if "layers" not in config:
            return cls(**config)
        model = cls(name=config.get("name"))
        for layer_config in config["layers"]:
            layer = deserialize_keras_object(layer_config, custom_objects=custom_objects)
            model.add(layer, rebuild=False)
        shape = config.get("build_input_shape")
        model._maybe_rebuild()
        if model._functional is None and shape is not None and is_shape(shape):
            model.build(tuple(shape))
        if config.get("trainable") is False:
            model.trainable = False
        return model
