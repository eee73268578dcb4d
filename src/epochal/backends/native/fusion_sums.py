"""Sums over a product's or convolution's result, computed in its epilogue: batch statistics, gradients of biases.

A pass over such a result waits for memory; in the epilogue its elements are in registers. Every part of the result
has sums of its own, which a nest of next to no work adds in order.
"""

from __future__ import annotations

from dataclasses import dataclass

from epochal.backends.native.fusion_epilogue import epilogue_of
from epochal.backends.native.fusion_group import Group
from epochal.backends.native.fusion_split import needed
from epochal.backends.native.kernel import Launch
from epochal.backends.native.kernels.epilogue import Epilogue
from epochal.backends.native.kernels.lower import lower
from epochal.backends.native.movement import sizes
from epochal.ir import Node, Value

SUMS = frozenset({"dot_general", "conv", "conv_data_gradient"})
"""Operators some of whose kernels take sums."""

FEWEST = 1 << 14
"""Elements of a result from which sums over it are worth a place in its epilogue."""

MOST = 32
"""Operators of an epilogue with sums, without views."""


@dataclass(frozen=True, eq=False, slots=True)
class Summed:
    """What a group of sums asks of an epilogue.

    Attributes:
        reductions: The sums.
        whole: Values of the result's shape that the group stores.
        members: What both are computed from.
    """

    reductions: tuple[Node, ...]
    whole: tuple[Value, ...]
    members: dict[Node, None]


def summed(group: Group, product: Node) -> Summed | None:
    """The sums of a group over all axes but the last of a product's result, if it is nothing else."""
    shape = sizes(product.outputs[0])
    last = len(shape) - 1
    if group.product is not None or group.joins or group.space.shape != shape or last < 1:
        return None
    if group.space.reduced != frozenset(range(last)) or product.outputs[0].type.size < FEWEST:
        return None
    analysis = group.current()
    dtype = product.outputs[0].dtype
    for node, level in analysis.reductions.items():
        plain = node.operator.name == "sum" and sizes(node.inputs[0]) == shape
        if not plain or level or node.inputs[0].dtype is not dtype or node.outputs[0].dtype is not dtype:
            return None
    if dtype.name not in ("float32", "float64"):
        return None
    whole = tuple(root for root in group.roots if sizes(root) == shape)
    reductions = tuple(analysis.reductions)
    members = needed(group, dict.fromkeys((*whole, *(node.outputs[0] for node in reductions))))
    before = {node: None for node in members if node not in analysis.reductions}
    if any(value.node in analysis.reductions for node in before for value in node.inputs):
        return None  # computed from the sums
    return Summed(reductions, whole, before)


def with_sums(group: Group, product: Node) -> Epilogue | None:
    """The epilogue of a product with all that its group holds; ``None`` if the product's kernel cannot do it."""
    members, roots = dict(group.members), dict(group.roots)
    terms: list[Value] = []
    for part in group.sums:
        found = summed(part, product)
        if found is None:
            return None
        members.update(found.members)
        roots.update(dict.fromkeys(found.whole))
        terms.extend(node.inputs[0] for node in found.reductions)
    return epilogue_of(Group(group.space, members, roots), product, tuple(terms))


def can_sum(group: Group, product: Node) -> bool:
    """Whether a product's kernel computes its group with the sums in it."""
    epilogue = with_sums(group, product)
    if epilogue is None or sum("elementwise" in node.operator.traits for node in epilogue.nodes) > MOST:
        return False
    launches = lower(product, epilogue)
    return launches is not None and len(launches[-1].outputs) == len(epilogue.outputs) + len(epilogue.sums)


def partial_sums(group: Group, product: Node, launch: Launch) -> list[tuple[Group, dict[Value, Value]]]:
    """For each group of sums, what the launch writes of it: partial results, by the sum they belong to."""
    count = sum(len(found.reductions) for part in group.sums if (found := summed(part, product)) is not None)
    values = iter(launch.outputs[len(launch.outputs) - count :])
    result = []
    for part in group.sums:
        found = summed(part, product)
        assert found is not None
        result.append((part, {node.outputs[0]: next(values) for node in found.reductions}))
    return result
