"""`tf.random`."""

from epochal.tf.random_ops import random_normal as normal
from epochal.tf.random_ops import random_shuffle as shuffle
from epochal.tf.random_ops import random_uniform as uniform
from epochal.tf.random_ops import set_random_seed, truncated_normal
from epochal.tf.random_ops import set_random_seed as set_seed

__all__ = ["normal", "set_random_seed", "set_seed", "shuffle", "truncated_normal", "uniform"]
