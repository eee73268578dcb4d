"""The densely connected layer."""

from __future__ import annotations

from typing import Any

from epochal.errors import NotSupportedError
from epochal.keras import activations, constraints, initializers, regularizers
from epochal.keras.layers.input_spec import InputSpec
from epochal.keras.layers.layer import Layer
from epochal.keras.layers.sizes import positive
from epochal.tensor import Tensor
from epochal.tensor import functions as F


class Dense(Layer):
    """``activation(inputs @ kernel + bias)`` over the last axis.

    Args:
        units: Size of the output's last axis.
        activation: Function, or its name; ``None``: none.
        use_bias: Whether there is a bias.
        kernel_initializer: Start of the kernel ``[inputs, units]``.
        bias_initializer: Start of the bias ``[units]``.
        kernel_regularizer: Penalty on the kernel.
        bias_regularizer: Penalty on the bias.
        activity_regularizer: Penalty on the output.
        kernel_constraint: Projection of the kernel after updates.
        bias_constraint: Projection of the bias after updates.
        lora_rank: Not supported.
        lora_alpha: Not supported.
        quantization_config: Not supported.
        **kwargs: Of `Layer`.
    """

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        quantization_config: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        refuse_lora(lora_rank, quantization_config)
        self.units = positive(units, "units")
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.input_spec = InputSpec(min_ndim=2)
        self.supports_masking = True
        self.bias = None

    def build(self, input_shape: Any) -> None:
        self.kernel = self.add_weight(
            name="kernel",
            shape=(input_shape[-1], self.units),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(self.units,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
        self.input_spec = InputSpec(min_ndim=2, axes={-1: input_shape[-1]})

    def call(self, inputs: Any, training: Any = None) -> Tensor:
        outputs = F.matmul(inputs, self._cast(self.kernel))
        if self.bias is not None:
            outputs = F.add(outputs, self._cast(self.bias))
        return self.activation(outputs)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
            "quantization_config": None,
        }


def refuse_lora(lora_rank: Any, quantization_config: Any) -> None:
    """Raises for Keras's low-rank and quantised variants of a layer."""
    if lora_rank is not None or quantization_config is not None:
        raise NotSupportedError("`lora_rank` and `quantization_config` are not supported. Leave them at None.")
