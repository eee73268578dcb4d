"""Class numbers to vectors."""

from __future__ import annotations

from typing import Any

from epochal.errors import ArgumentError
from epochal.keras.layers.layer import Layer
from epochal.keras.layers.sizes import positive
from epochal.tensor import Tensor
from epochal.tensor import functions as F


class CategoryEncoding(Layer):
    """Class numbers as vectors of `num_tokens` entries.

    Args:
        num_tokens: How many classes there are.
        output_mode: ``"one_hot"``: one vector a number; ``"multi_hot"``: one a sample, 1 where the number occurs;
            ``"count"``: how often it occurs.
        sparse: Not supported.
        **kwargs: Of `Layer`.
    """

    def __init__(
        self, num_tokens: int | None = None, output_mode: str = "multi_hot", sparse: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if output_mode == "binary":
            output_mode = "multi_hot"
        if output_mode not in ("one_hot", "multi_hot", "count"):
            raise ArgumentError(
                f"`output_mode` must be 'one_hot', 'multi_hot' or 'count'. Received: output_mode={output_mode!r}"
            )
        if sparse:
            raise ArgumentError("`sparse=True` of CategoryEncoding is not supported; vectors are dense.")
        self.num_tokens = positive(num_tokens, "num_tokens")
        self.output_mode = output_mode
        self.built = True

    def call(self, inputs: Any, count_weights: Any = None) -> Tensor:
        if count_weights is not None and self.output_mode != "count":
            raise ArgumentError(f"`count_weights` needs output_mode='count'. Received: {self.output_mode!r}")
        vectors = F.one_hot(F.cast(inputs, "int32"), self.num_tokens, dtype=self.compute_dtype)
        if self.output_mode == "one_hot":
            last = inputs.ndim > 1 and inputs.shape[-1] == 1
            return F.squeeze(vectors, axis=-2) if last else vectors
        if self.output_mode == "count" and count_weights is not None:
            vectors = F.multiply(vectors, F.expand_dims(F.cast(count_weights, self.compute_dtype), -1))
        if inputs.ndim < 2:
            return vectors
        return F.max(vectors, axis=-2) if self.output_mode == "multi_hot" else F.sum(vectors, axis=-2)

    def compute_output_shape(self, input_shape: Any, count_weights_shape: Any = None) -> tuple[int | None, ...]:
        shape = tuple(input_shape)
        if self.output_mode == "one_hot":
            shape = shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape
            return (*shape, self.num_tokens)
        return (*shape[:-1], self.num_tokens) if len(shape) > 1 else (*shape, self.num_tokens)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_tokens": self.num_tokens, "output_mode": self.output_mode}
