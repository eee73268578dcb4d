"""Vectors looked up by number."""

from __future__ import annotations

from typing import Any

from epochal.keras import constraints, initializers, regularizers
from epochal.keras.layers.dense import refuse_lora
from epochal.keras.layers.layer import Layer
from epochal.keras.layers.sizes import positive
from epochal.tensor import Tensor
from epochal.tensor import functions as F


class Embedding(Layer):
    """A learnt vector for each integer.

    Args:
        input_dim: Integers are in [0, input_dim).
        output_dim: Length of a vector.
        embeddings_initializer: Start of the table ``[input_dim, output_dim]``.
        embeddings_regularizer: Penalty on the table.
        embeddings_constraint: Projection of the table after updates.
        mask_zero: Whether 0 is padding, which layers after it skip.
        weights: The table to start from.
        lora_rank: Not supported.
        lora_alpha: Not supported.
        quantization_config: Not supported.
        **kwargs: Of `Layer`.

    Raises:
        ExecutionError: When called: an integer outside [0, input_dim).
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        quantization_config: Any = None,
        **kwargs: Any,
    ) -> None:
        length = kwargs.pop("input_length", None)
        if length is not None and "input_shape" not in kwargs:
            kwargs["input_shape"] = (length,) if isinstance(length, int) else tuple(length)
        super().__init__(**kwargs)
        refuse_lora(lora_rank, quantization_config)
        self.input_dim = positive(input_dim, "input_dim")
        self.output_dim = positive(output_dim, "output_dim")
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self.mask_zero = mask_zero
        self.supports_masking = mask_zero
        self.autocast = False
        if weights is not None:
            self.build()
            self.set_weights(weights if isinstance(weights, list) and len(weights) == 1 else [weights])

    def build(self, input_shape: Any = None) -> None:
        if self.built:
            return
        self.embeddings = self.add_weight(
            name="embeddings",
            shape=(self.input_dim, self.output_dim),
            initializer=self.embeddings_initializer,
            regularizer=self.embeddings_regularizer,
            constraint=self.embeddings_constraint,
        )

    def call(self, inputs: Any) -> Tensor:
        if not inputs.dtype.is_integer:
            inputs = F.cast(inputs, "int32")
        return self._cast(F.gather(self.embeddings, inputs, axis=0))

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        return F.not_equal(inputs, 0) if self.mask_zero else None

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return (*input_shape, self.output_dim)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "input_dim": self.input_dim,
            "output_dim": self.output_dim,
            "embeddings_initializer": initializers.serialize(self.embeddings_initializer),
            "embeddings_regularizer": regularizers.serialize(self.embeddings_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "embeddings_constraint": constraints.serialize(self.embeddings_constraint),
            "mask_zero": self.mask_zero,
            "quantization_config": None,
        }
