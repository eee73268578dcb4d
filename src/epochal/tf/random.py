"""`tf.random`."""

from __future__ import annotations

from typing import Any

from epochal.tensor import Tensor
from epochal.tf.random_ops import multinomial, random_gamma, set_random_seed, truncated_normal
from epochal.tf.random_ops import random_gamma as gamma
from epochal.tf.random_ops import random_normal as normal
from epochal.tf.random_ops import random_shuffle as shuffle
from epochal.tf.random_ops import random_uniform as uniform
from epochal.tf.random_ops import set_random_seed as set_seed
from epochal.tf.random_ops import stateless_random_normal as stateless_normal
from epochal.tf.random_ops import stateless_random_uniform as stateless_uniform

__all__ = [
    "categorical", "gamma", "multinomial", "normal", "random_gamma", "set_random_seed", "set_seed", "shuffle",
    "stateless_normal", "stateless_uniform", "truncated_normal", "uniform",
]  # fmt: skip


def categorical(
    logits: Any, num_samples: int, dtype: Any = None, seed: int | None = None, name: str | None = None
) -> Tensor:
    """Classes drawn for each row of unnormalised log-probabilities: [rows, num_samples]."""
    return multinomial(logits, num_samples, seed, dtype or "int64", name=name)
