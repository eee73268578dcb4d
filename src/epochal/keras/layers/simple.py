"""Small layers without weights."""

from __future__ import annotations

import types
from typing import Any

import numpy as np

from epochal import tree
from epochal.errors import ArgumentError
from epochal.keras.layers.layer import Layer
from epochal.keras.saving.registry import registered_object
from epochal.keras.saving.serialization import deserialize_keras_object, in_safe_mode, serialize_keras_object
from epochal.tensor import Tensor
from epochal.tensor import functions as F


class Identity(Layer):
    """The input as it is."""

    _keeps_dtype = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Any) -> Any:
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


class Rescaling(Layer):
    """``inputs * scale + offset``.

    Args:
        scale: Factor, a number or one a channel.
        offset: Summand, likewise.
        **kwargs: Of `Layer`.
    """

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = scale
        self.offset = offset
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Any) -> Tensor:
        x = F.cast(inputs, self.compute_dtype)
        scale, offset = (np.asarray(value, str(self.compute_dtype)) for value in (self.scale, self.offset))
        return F.add(F.multiply(x, scale), offset)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        named = {"scale": serialize_keras_object(self.scale), "offset": serialize_keras_object(self.offset)}
        return {**super().get_config(), **named}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        config = dict(config)
        for key in ("scale", "offset"):
            config[key] = deserialize_keras_object(config[key])
        return super().from_config(config)


class Masking(Layer):
    """Steps whose features all equal `mask_value` are skipped by the layers after it.

    Args:
        mask_value: The value.
        **kwargs: Of `Layer`.
    """

    _keeps_dtype = True

    def __init__(self, mask_value: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mask_value = mask_value
        self.supports_masking = True
        self.built = True

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Tensor:
        return F.any(F.not_equal(inputs, self.mask_value), axis=-1)

    def call(self, inputs: Any) -> Tensor:
        kept = F.any(F.not_equal(inputs, self.mask_value), axis=-1, keepdims=True)
        return F.multiply(inputs, F.cast(kept, inputs.dtype))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mask_value": self.mask_value}


class Lambda(Layer):
    """A Python function as a layer. Prefer a subclass of `Layer`: a file does not carry code unless it is told to.

    Args:
        function: Takes the inputs, and ``training`` and ``mask`` where it names them.
        output_shape: Shape of the output without the batch axis, or a function of the input's shape.
        mask: Mask of the output, or a function of the inputs and their mask.
        arguments: More keyword arguments of `function`.
        **kwargs: Of `Layer`.
    """

    def __init__(
        self, function: Any, output_shape: Any = None, mask: Any = None, arguments: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.arguments = arguments or {}
        self.function = function
        self._output_shape = output_shape
        self.mask = mask
        self.supports_masking = mask is not None
        self.built = True

    def call(self, inputs: Any, mask: Any = None, training: Any = None) -> Any:
        given = dict(self.arguments)
        names = getattr(getattr(self.function, "__code__", None), "co_varnames", ())
        if "mask" in names:
            given["mask"] = mask
        if "training" in names:
            given["training"] = training
        return self.function(inputs, **given)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        return self.mask(inputs, previous_mask) if callable(self.mask) else self.mask

    def get_config(self) -> dict[str, Any]:
        function: Any = serialize_keras_object(self.function)
        if isinstance(self.function, types.FunctionType) and self.function.__name__ == "<lambda>":
            function = {"class_name": "__lambda__", "config": function["config"]["value"]}
        config = {**super().get_config(), "function": function}
        if self._output_shape is not None:
            config["output_shape"] = serialize_keras_object(self._output_shape)
        return {**config, "arguments": serialize_keras_object(dict(self.arguments))}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        config = dict(config)
        function = config["function"]
        if isinstance(function, dict) and function.get("class_name") == "__lambda__" and in_safe_mode():
            raise ArgumentError(
                f"Requested the deserialization of the `Lambda` layer '{config.get('name')}', whose `function` is a "
                "Python "
                "lambda. Running code that a file carries is refused by default. If you trust the source of the file, "
                "pass `safe_mode=False` to the loading function, or call "
                "`keras.config.enable_unsafe_deserialization()`."
            )
        config["function"] = (
            registered_object(function) if isinstance(function, str) else deserialize_keras_object(function)
        )
        config["arguments"] = tree.map_structure(deserialize_keras_object, config.get("arguments") or {})
        if "output_shape" in config:
            config["output_shape"] = deserialize_keras_object(config["output_shape"])
        return super().from_config(config)
