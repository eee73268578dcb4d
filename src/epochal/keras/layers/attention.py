"""Products along named axes, and attention."""

from __future__ import annotations

import math
import re
from typing import Any

from epochal.errors import ArgumentError, NotSupportedError
from epochal.keras import activations, constraints, initializers, random, regularizers
from epochal.keras.layers.activation import Softmax
from epochal.keras.layers.call import get_mask
from epochal.keras.layers.dense import refuse_lora
from epochal.keras.layers.layer import Layer
from epochal.keras.layers.regularization import Dropout
from epochal.keras.layers.sizes import positive
from epochal.tensor import Tensor
from epochal.tensor import functions as F


class EinsumDense(Layer):
    """A densely connected layer of any number of axes, ``einsum(equation, inputs, kernel) + bias``.

    Args:
        equation: Such as ``"abc,cd->abd"``; ``...`` stands for leading axes.
        output_shape: Without the batch axis; ``None`` where it is the input's size.
        activation: Function, or its name.
        bias_axes: Labels of the output's axes that the bias has; ``None``: no bias.
        kernel_initializer: Start of the kernel.
        bias_initializer: Start of the bias.
        kernel_regularizer: Penalty on the kernel.
        bias_regularizer: Penalty on the bias.
        kernel_constraint: Projection of the kernel after updates.
        bias_constraint: Projection of the bias after updates.
        lora_rank: Not supported.
        lora_alpha: Not supported.
        gptq_unpacked_column_size: Not supported.
        quantization_config: Not supported.
        **kwargs: Of `Layer`.
    """

    def __init__(
        self,
        equation: str,
        output_shape: Any,
        activation: Any = None,
        bias_axes: str | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        gptq_unpacked_column_size: int | None = None,
        quantization_config: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        refuse_lora(lora_rank, quantization_config)
        self.equation = equation
        self.partial_output_shape = (output_shape,) if isinstance(output_shape, int) else tuple(output_shape)
        self.bias_axes = bias_axes
        self.activation = activations.get(activation)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.bias = None

    def _sizes(self, input_shape: Any) -> tuple[str, str, dict[str, int | None], tuple[int | None, ...]]:
        """Labels of kernel and output, sizes by label, and the whole output shape."""
        match = re.fullmatch(r"(\.\.\.)?([a-zA-Z]+),([a-zA-Z]+)->(\.\.\.)?([a-zA-Z]+)", self.equation.replace(" ", ""))
        if match is None:
            raise ArgumentError(
                f"Layer '{self.name}' (EinsumDense): invalid einsum equation '{self.equation}'. Expected the form "
                "'ab,bc->ac', '...ab,bc->...ac'."
            )
        _, given, kernel, _, output = match.groups()
        leading = len(input_shape) - len(given)
        sizes: dict[str, int | None] = dict(zip(given, input_shape[leading:], strict=True))
        named = output[1:] if not leading else output
        partial = self.partial_output_shape[-len(named) :] if named else ()
        pairs = zip(named[len(named) - len(partial) :], partial, strict=True)
        sizes.update({label: size for label, size in pairs if size is not None})
        shape = (*input_shape[:leading], *(sizes.get(label) for label in output))
        return kernel, output, sizes, shape

    def build(self, input_shape: Any) -> None:
        kernel, output, sizes, _ = self._sizes(input_shape)
        self.kernel = self.add_weight(
            name="kernel",
            shape=tuple(sizes[label] for label in kernel),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        if self.bias_axes:
            first = min(output.index(label) for label in self.bias_axes)
            self.bias = self.add_weight(
                name="bias",
                shape=tuple(sizes[label] if label in self.bias_axes else 1 for label in output[first:]),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def call(self, inputs: Any, training: Any = None) -> Tensor:
        outputs = F.einsum(self.equation, inputs, self._cast(self.kernel))
        if self.bias is not None:
            outputs = F.add(outputs, self._cast(self.bias))
        return self.activation(outputs)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return self._sizes(input_shape)[3]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "output_shape": self.partial_output_shape,
            "equation": self.equation,
            "activation": activations.serialize(self.activation),
            "bias_axes": self.bias_axes,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
            "quantization_config": None,
        }


class MultiHeadAttention(Layer):
    """Attention with several heads (Vaswani et al. 2017) over ``[batch, time, features]``.

    Args:
        num_heads: Number of heads.
        key_dim: Size of a head's queries and keys.
        value_dim: Size of a head's values; by default `key_dim`.
        dropout: Fraction of the attention weights that is dropped in training.
        use_bias: Whether the projections have biases.
        output_shape: Features of the output; by default those of the query.
        attention_axes: Only ``None``.
        sliding_window: Not supported.
        flash_attention: No effect.
        kernel_initializer: Start of the projections' kernels.
        bias_initializer: Start of their biases.
        kernel_regularizer: Penalty on the kernels.
        bias_regularizer: Penalty on the biases.
        activity_regularizer: Penalty on the projections' outputs.
        kernel_constraint: Projection of the kernels after updates.
        bias_constraint: Projection of the biases after updates.
        use_gate: Not supported.
        seed: Integer that fixes dropout.
        **kwargs: Of `Layer`.

    Call arguments: ``query``, ``value``, ``key`` (by default ``value``), masks of the three, ``attention_mask``
    (bool ``[batch, queries, keys]``), ``return_attention_scores``, ``training``, ``use_causal_mask``.
    """

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: Any = None,
        attention_axes: Any = None,
        sliding_window: int | None = None,
        flash_attention: Any = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if attention_axes not in (None, 1, (1,), [1]) or sliding_window is not None or use_gate:
            raise NotSupportedError(
                "`attention_axes`, `sliding_window` and `use_gate` of MultiHeadAttention are not supported."
            )
        self.supports_masking = True
        self.num_heads = positive(num_heads, "num_heads")
        self.key_dim = positive(key_dim, "key_dim")
        self.value_dim = positive(value_dim or key_dim, "value_dim")
        self.dropout = dropout
        self.use_bias = use_bias
        self.attention_axes = attention_axes
        self.seed = seed
        self._output_shape = output_shape
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)

    def build(self, query_shape: Any, value_shape: Any, key_shape: Any = None) -> None:
        key_shape = value_shape if key_shape is None else key_shape
        heads = self.num_heads
        features = self._output_shape or query_shape[-1]
        features = features if isinstance(features, int) else features[-1]
        projections = (
            ("query", query_shape, self.key_dim),
            ("key", key_shape, self.key_dim),
            ("value", value_shape, self.value_dim),
        )
        for name, shape, size in projections:
            dense = self._projection("abc,cde->abde", (None, heads, size), "de", name)
            setattr(self, f"{name}_dense", dense)
            dense.build(shape)
        self.output_dense = self._projection("abcd,cde->abe", (None, features), "e", "attention_output")
        self._softmax = Softmax(axis=-1, dtype=self.dtype_policy)
        self._dropout_layer = Dropout(self.dropout, seed=self.seed, dtype=self.dtype_policy)
        self.output_dense.build((query_shape[0], query_shape[1], heads, self.value_dim))

    def _projection(self, equation: str, shape: Any, bias_axes: str, name: str) -> EinsumDense:
        def fresh(initializer: Any) -> Any:
            # One object gives the same numbers each time; the projections must differ.
            return initializer.clone() if hasattr(initializer, "clone") else initializer

        return EinsumDense(
            equation,
            output_shape=shape,
            bias_axes=bias_axes if self.use_bias else None,
            kernel_initializer=fresh(self.kernel_initializer),
            bias_initializer=fresh(self.bias_initializer),
            kernel_regularizer=self.kernel_regularizer,
            bias_regularizer=self.bias_regularizer,
            activity_regularizer=self.activity_regularizer,
            kernel_constraint=self.kernel_constraint,
            bias_constraint=self.bias_constraint,
            dtype=self.dtype_policy,
            name=name,
        )

    def call(
        self,
        query: Any,
        value: Any,
        key: Any = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: Any = None,
        use_causal_mask: bool = False,
    ) -> Any:
        key = value if key is None else key
        scale = 1.0 / math.sqrt(self.key_dim)
        if not return_attention_scores:
            mask = self._mask(query, key, query_mask, value_mask, key_mask, attention_mask, False)
            projected = self.query_dense(query), self.key_dense(key), self.value_dense(value)
            given: dict[str, Any] = {"mask": mask, "scale": scale, "is_causal": use_causal_mask}
            if self.dropout and training:
                given.update(kept=self._kept(query, key, mask), rate=self.dropout)
            return self.output_dense(F.dot_product_attention(*projected, **given))
        mask = self._mask(query, key, query_mask, value_mask, key_mask, attention_mask, use_causal_mask)
        q = F.multiply(self.query_dense(query), scale)
        scores = F.einsum("bqhd,bkhd->bhqk", q, self.key_dense(key))
        weights = self._softmax(scores, mask=None if mask is None else F.expand_dims(mask, 1))
        dropped = self._dropout_layer(weights, training=training) if self.dropout else weights
        mixed = F.einsum("bhqk,bkhd->bqhd", dropped, self.value_dense(value))
        outputs = self.output_dense(mixed)
        return (outputs, weights) if return_attention_scores else outputs

    def _mask(
        self, query: Any, key: Any, query_mask: Any, value_mask: Any, key_mask: Any, given: Any, causal: bool
    ) -> Tensor | None:
        """All masks in one, bool ``[batch, queries, keys]``."""
        parts = []
        if given is not None:
            parts.append(F.cast(given, "bool"))
        if query_mask is not None:
            parts.append(F.expand_dims(query_mask, -1))
        parts += [F.expand_dims(mask, 1) for mask in (value_mask, key_mask) if mask is not None]
        if causal:
            rows, columns = query.shape[1], key.shape[1]
            parts.append(F.expand_dims(F.greater_equal(F.expand_dims(F.arange(rows), 1), F.arange(columns)), 0))
        mask = None
        for part in parts:
            mask = part if mask is None else F.logical_and(mask, part)
        if mask is None:
            return None
        return F.broadcast_to(mask, (query.dimensions[0], query.shape[1], key.shape[1]))

    def _kept(self, query: Any, key: Any, mask: Tensor | None) -> Tensor:
        """The attention weights that dropout keeps, bool ``[batch, heads, queries, keys]``; none that a mask hides."""
        sizes = (query.dimensions[0], self.num_heads, query.dimensions[1], key.dimensions[1])
        draw = random.uniform(sizes, dtype="float32", seed=self._dropout_layer.seed_generator)
        kept = F.greater_equal(draw, self.dropout)
        return kept if mask is None else F.logical_and(kept, F.expand_dims(mask, 1))

    def compute_mask(self, query: Any, previous_mask: Any) -> Any:
        return get_mask(query)

    def compute_output_shape(self, query_shape: Any, value_shape: Any, key_shape: Any = None) -> tuple[int | None, ...]:
        features = self._output_shape
        if features is None:
            return tuple(query_shape)
        return (*query_shape[:-1], features) if isinstance(features, int) else (*query_shape[:-1], *features)

    def output_types(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        types = super().output_types(args, {key: x for key, x in kwargs.items() if key != "return_attention_scores"})
        if not kwargs.get("return_attention_scores"):
            return types
        given = dict(zip(("query", "value", "key"), args, strict=False), **kwargs)
        query, key = given["query"], given.get("key") if given.get("key") is not None else given["value"]
        shape = (query.dimensions[0], self.num_heads, query.dimensions[1], key.dimensions[1])
        return types, types.with_shape(shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "key_dim": self.key_dim,
            "value_dim": self.value_dim,
            "dropout": self.dropout,
            "use_bias": self.use_bias,
            "use_gate": False,
            "output_shape": self._output_shape,
            "attention_axes": self.attention_axes,
            "sliding_window": None,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
            "seed": self.seed,
        }
