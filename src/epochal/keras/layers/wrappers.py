"""Layers around a layer."""

from __future__ import annotations

from typing import Any

from epochal import tree
from epochal.errors import ArgumentError, ShapeError
from epochal.keras.layers.input_spec import InputSpec
from epochal.keras.layers.layer import Layer
from epochal.keras.saving.serialization import deserialize_keras_object, serialize_keras_object
from epochal.tensor import functions as F


class Wrapper(Layer):
    """Base of layers that hold one layer.

    Args:
        layer: The layer.
        **kwargs: Of `Layer`.
    """

    def __init__(self, layer: Any, **kwargs: Any) -> None:
        if not isinstance(layer, Layer):
            raise ArgumentError(
                f"{type(self).__name__} expects a layer. Received: {layer!r} of type {type(layer).__name__}"
            )
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, input_shape: Any = None) -> None:
        if not self.layer.built:
            self.layer.build(input_shape)
            self.layer.built = True

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "layer": serialize_keras_object(self.layer)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        config = dict(config)
        config["layer"] = deserialize_keras_object(config["layer"], custom_objects=custom_objects)
        return super().from_config(config)


class TimeDistributed(Wrapper):
    """A layer applied to each step of ``[batch, time, ...]`` by itself.

    Args:
        layer: The layer.
        **kwargs: Of `Layer`.
    """

    def __init__(self, layer: Any, **kwargs: Any) -> None:
        super().__init__(layer, **kwargs)
        self.supports_masking = True

    def _step_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        if len(input_shape) < 3:
            raise ShapeError(
                f"Layer '{self.name}' (TimeDistributed): inputs need three axes or more, (batch, time, ...). "
                f"Received: input_shape={tuple(input_shape)}"
            )
        return (input_shape[0], *input_shape[2:])

    def build(self, input_shape: Any) -> None:
        super().build(self._step_shape(input_shape))

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        batch, time = inputs.dimensions[:2]
        if not isinstance(time, int):
            raise ShapeError(f"Layer '{self.name}' (TimeDistributed): the number of steps must be known.")
        merged = F.reshape(inputs, (-1, *inputs.dimensions[2:]))
        flags = {"training": training} if self.layer.has_training_argument else {}
        outputs = self.layer(merged, **flags)
        return tree.map_structure(lambda y: F.reshape(y, (batch, time, *y.dimensions[1:])), outputs)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        inner = self.layer.compute_output_shape(self._step_shape(input_shape))
        return (inner[0], input_shape[1], *inner[1:])


class Bidirectional(Layer):
    """A recurrent layer run forwards and backwards, the outputs joined.

    Args:
        layer: A recurrent layer.
        merge_mode: ``"concat"``, ``"sum"``, ``"mul"``, ``"ave"``, or ``None`` for both outputs in a list.
        weights: Starting weights.
        backward_layer: The layer that runs backwards; by default a copy of `layer`.
        **kwargs: Of `Layer`.
    """

    def __init__(
        self,
        layer: Any,
        merge_mode: str | None = "concat",
        weights: Any = None,
        backward_layer: Any = None,
        **kwargs: Any,
    ) -> None:
        if not isinstance(layer, Layer):
            raise ArgumentError(
                "Please initialize `Bidirectional` layer with a `keras.layers.Layer` instance. "
                f"Received: {layer!r} of type {type(layer).__name__}"
            )
        if merge_mode not in ("sum", "mul", "ave", "concat", None):
            raise ArgumentError(
                f"Invalid merge mode. Received: {merge_mode}. "
                "Merge mode should be one of {'sum', 'mul', 'ave', 'concat', None}"
            )
        super().__init__(**kwargs)
        if weights is not None:
            self._initial_weights = weights
        config = layer.get_config()
        self.forward_layer = type(layer).from_config(
            {**config, "name": "forward_" + layer.name.removeprefix("forward_")}
        )
        if backward_layer is None:
            turned = {
                "go_backwards": not config["go_backwards"],
                "name": "backward_" + layer.name.removeprefix("forward_"),
            }
            self.backward_layer = type(layer).from_config({**config, **turned})
        else:
            self.backward_layer = backward_layer
        if self.forward_layer.go_backwards == self.backward_layer.go_backwards:
            raise ArgumentError(
                "Forward layer and backward layer should have different `go_backwards` value. "
                f"Received: go_backwards={self.forward_layer.go_backwards} for both"
            )
        self.merge_mode = merge_mode
        self.return_sequences = self.forward_layer.return_sequences
        self.return_state = self.forward_layer.return_state
        self.supports_masking = True
        self.input_spec = InputSpec(ndim=3)

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        for layer in (self.forward_layer, self.backward_layer):
            if not layer.built:
                layer.build(sequences_shape)

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: Any = None) -> Any:
        states: list[Any] = [None, None]
        if initial_state is not None:
            half = len(initial_state) // 2
            states = [list(initial_state[:half]), list(initial_state[half:])]
        results = [
            layer(sequences, initial_state=state, mask=mask, training=training)
            for layer, state in zip((self.forward_layer, self.backward_layer), states, strict=True)
        ]
        ends: list[Any] = []
        if self.return_state:
            ends = [*results[0][1:], *results[1][1:]]
            results = [result[0] for result in results]
        forward, backward = results
        if self.return_sequences:
            backward = F.flip(backward, axis=1)
        output = self._merge(forward, backward)
        if not self.return_state:
            return output
        return [*(output if isinstance(output, list) else [output]), *ends]

    def _merge(self, forward: Any, backward: Any) -> Any:
        if self.merge_mode == "concat":
            return F.concatenate([forward, backward], axis=-1)
        if self.merge_mode == "sum":
            return F.add(forward, backward)
        if self.merge_mode == "ave":
            return F.divide(F.add(forward, backward), 2.0)
        return F.multiply(forward, backward) if self.merge_mode == "mul" else [forward, backward]

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        mask = tree.flatten(previous_mask)[0] if self.return_sequences else None
        outputs = [mask, mask] if self.merge_mode is None else [mask]
        if self.return_state:
            outputs += [None] * (2 * len(tree.flatten(self.forward_layer.state_size)))
        return outputs if len(outputs) > 1 else outputs[0]

    def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:
        one = self.forward_layer.compute_output_shape(sequences_shape)
        states = list(one[1:]) if self.return_state else []
        shape = one[0] if self.return_state else one
        if self.merge_mode == "concat":
            other = self.backward_layer.compute_output_shape(sequences_shape)
            width = (other[0] if self.return_state else other)[-1]
            shape = (*shape[:-1], shape[-1] + width)
        shapes = [shape, shape] if self.merge_mode is None else [shape]
        shapes += [*states, *states]
        return shapes if len(shapes) > 1 else shapes[0]

    def reset_state(self) -> None:
        """Zeroes the states that stateful layers kept."""
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    reset_states = reset_state

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "merge_mode": self.merge_mode,
            "layer": serialize_keras_object(self.forward_layer),
            "backward_layer": serialize_keras_object(self.backward_layer),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        config = dict(config)
        for key in ("layer", "backward_layer"):
            config[key] = deserialize_keras_object(config[key], custom_objects=custom_objects)
        return super().from_config(config)
