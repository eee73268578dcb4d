"""`tf.sparse`: refused by name. There are no sparse tensors."""

from __future__ import annotations

from typing import NoReturn

from epochal.tf.refused import MissingNameError


def __getattr__(name: str) -> NoReturn:
    if name.startswith("__"):
        raise AttributeError(name)
    raise MissingNameError(
        f"tf.sparse.{name} is not supported: Epochal has no sparse tensors. Use dense tensors, with tf.gather and "
        f"tf.math.unsorted_segment_sum for rows."
    )
