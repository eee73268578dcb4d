"""A group of elementwise nodes as the epilogue of a product or convolution."""

from __future__ import annotations

from epochal.backends.native.fusion_group import Group
from epochal.backends.native.kernels.epilogue import Epilogue, accepts
from epochal.backends.native.loops_values import splat_element
from epochal.ir import Node, Value


def epilogue_of(group: Group, product: Node, sums: tuple[Value, ...] = ()) -> Epilogue | None:
    """The group as an epilogue of `product`, or ``None`` if it can't be one. `sums`: what is summed in it."""
    result = product.outputs[0]
    members = sorted(group.members, key=lambda node: node.serial)
    constants: dict[Node, None] = {}
    inputs: dict[Value, None] = {}
    for node in members:
        for value in node.inputs:
            if value is result or value.node in group.members:
                continue
            if value.node.operator.name == "constant" and splat_element(value.node) is not None:
                constants[value.node] = None
            else:
                inputs[value] = None
    epilogue = Epilogue((*constants, *members), tuple(inputs), tuple(group.roots), sums)
    return epilogue if accepts(epilogue, result) else None
