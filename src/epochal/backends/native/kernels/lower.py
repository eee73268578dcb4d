"""From a node, and what is fused onto its result, to the launches that compute it."""

from __future__ import annotations

from epochal.backends.native.kernel import Launch
from epochal.backends.native.kernels.epilogue import Epilogue
from epochal.ir import Node


def lower(node: Node, epilogue: Epilogue | None = None) -> tuple[Launch, ...] | None:
    """The launches, in order, that compute a node (or with an epilogue: the epilogue's outputs).

    A launch may write a value that no node computes (a transposed kernel, partial sums): it is made here, and read
    by a later launch of the same tuple alone.

    Returns:
        ``None`` if there is no kernel for the node and its element type: it is left to the operator's reference.
    """
    raise NotImplementedError


FUSES = frozenset({"dot_general", "conv", "conv_data_gradient", "conv_weight_gradient"})
"""Operators whose kernels take an epilogue."""

LOWERS = FUSES | {"max_pool", "max_pool_gradient", "max_pool_select", "avg_pool", "avg_pool_gradient"}
"""Operators that have kernels here."""

__all__ = ["FUSES", "LOWERS", "lower"]
