"""Attention without projections: by dot products (Luong et al. 2015) and by sums (Bahdanau et al. 2015)."""

from __future__ import annotations

from typing import Any

from epochal.errors import ArgumentError
from epochal.keras import random
from epochal.keras.layers.layer import Layer
from epochal.tensor import Tensor
from epochal.tensor import functions as F


class Attention(Layer):
    """Mixes values by how well their keys fit a query: ``softmax(query @ key^T) @ value``.

    Args:
        use_scale: Whether scores are multiplied by a weight.
        score_mode: ``"dot"``, or ``"concat"``: the sum over features of ``tanh(query + key)``.
        dropout: Fraction of the attention weights that is dropped in training.
        seed: Integer that fixes dropout.
        **kwargs: Of `Layer`.

    Call arguments: ``inputs``, a list of query ``[batch, queries, features]``, value ``[batch, keys, features]`` and
    key (by default the value); ``mask``, a list of the masks of query and value; ``return_attention_scores``;
    ``training``; ``use_causal_mask``.
    """

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if score_mode not in ("dot", "concat"):
            raise ArgumentError(f"`score_mode` must be 'dot' or 'concat'. Received: score_mode={score_mode!r}")
        self.use_scale = use_scale
        self.score_mode = score_mode
        self.dropout = dropout
        self.seed = seed
        if dropout > 0:
            self.seed_generator = random.SeedGenerator(seed)
        self.scale = None
        self.concat_score_weight = None
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        self._check(input_shape)
        if self.use_scale:
            self.scale = self.add_weight(name="scale", shape=(), initializer="ones")
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight(name="concat_score_weight", shape=(), initializer="ones")

    def _check(self, inputs: Any) -> None:
        if not isinstance(inputs, (list, tuple)) or len(inputs) not in (2, 3) or inputs[0] is None:
            raise ArgumentError(
                f"Layer '{self.name}' ({type(self).__name__}) takes a list of 2 or 3 inputs: [query, value] or "
                f"[query, value, key]. Received: {inputs}"
            )

    def _scores(self, query: Tensor, key: Tensor) -> Tensor:
        if self.score_mode == "dot":
            scores = F.matmul(query, F.transpose(key, (0, 2, 1)))
            return scores if self.scale is None else F.multiply(scores, self._cast(self.scale))
        fit = F.add(F.expand_dims(query, -2), F.expand_dims(key, -3))
        fit = fit if self.scale is None else F.multiply(fit, self._cast(self.scale))
        return F.multiply(self._cast(self.concat_score_weight), F.sum(F.tanh(fit), axis=-1))

    def call(
        self,
        inputs: Any,
        mask: Any = None,
        training: Any = False,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        self._check(inputs)
        query, value = inputs[0], inputs[1]
        key = inputs[2] if len(inputs) > 2 else value
        query_mask, value_mask = (mask[0], mask[1]) if isinstance(mask, (list, tuple)) else (None, None)
        scores = self._scores(query, key)
        allowed = None if value_mask is None else F.expand_dims(F.cast(value_mask, "bool"), -2)
        if use_causal_mask:
            before = F.greater_equal(F.expand_dims(F.arange(query.shape[1]), 1), F.arange(key.shape[1]))
            allowed = F.expand_dims(before, 0) if allowed is None else F.logical_and(allowed, before)
        if allowed is not None:
            # Far below any score, and still a number in float16.
            far = 65504.0 if str(scores.dtype) == "float16" else 1e9
            scores = F.subtract(scores, F.multiply(F.cast(F.logical_not(allowed), scores.dtype), far))
        weights = F.softmax(scores, axis=-1)
        if training and self.dropout > 0:
            weights = random.dropout(weights, self.dropout, seed=self.seed_generator)
        result = F.matmul(weights, value)
        if query_mask is not None:
            result = F.multiply(result, F.expand_dims(F.cast(query_mask, result.dtype), -1))
        return (result, weights) if return_attention_scores else result

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return mask[0] if isinstance(mask, (list, tuple)) else None

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        self._check(input_shape)
        return (*input_shape[0][:-1], input_shape[1][-1])

    def output_types(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        types = super().output_types(args, {key: x for key, x in kwargs.items() if key != "return_attention_scores"})
        if not kwargs.get("return_attention_scores"):
            return types
        inputs = args[0] if args else kwargs["inputs"]
        key = inputs[2] if len(inputs) > 2 else inputs[1]
        return types, types.with_shape((*inputs[0].dimensions[:-1], key.dimensions[1]))

    def get_config(self) -> dict[str, Any]:
        own = {"use_scale": self.use_scale, "score_mode": self.score_mode, "dropout": self.dropout}
        return {**super().get_config(), **own, "seed": self.seed}


class AdditiveAttention(Attention):
    """Attention by the sum over features of ``scale * tanh(query + key)``.

    Args:
        use_scale: Whether each feature has a weight.
        dropout: Fraction of the attention weights that is dropped in training.
        **kwargs: Of `Layer`.

    Call arguments: those of `Attention`.
    """

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(use_scale, dropout=dropout, **kwargs)

    def build(self, input_shape: Any) -> None:
        self._check(input_shape)
        if self.use_scale:
            size = (input_shape[0][-1],)
            self.scale = self.add_weight(name="scale", shape=size, initializer="glorot_uniform")

    def _scores(self, query: Tensor, key: Tensor) -> Tensor:
        fit = F.tanh(F.add(F.expand_dims(query, -2), F.expand_dims(key, -3)))
        return F.sum(fit if self.scale is None else F.multiply(fit, self._cast(self.scale)), axis=-1)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["score_mode"]
        return config
