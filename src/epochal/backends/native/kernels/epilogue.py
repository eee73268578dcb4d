"""What is done to a register-blocked kernel's result while it is still in registers: bias, activation, optimizer ...

The scheduler describes it with graph nodes. Every elementwise node works on the shape of the kernel's own result;
operands of other shapes come in through ``broadcast`` nodes, which cost nothing here: they become strides of zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from epochal.ir import Node, Value
from epochal.ir.key import parameter_key

SCATTERS = frozenset({"max_pool_gradient", "avg_pool_gradient"})
VIEWS = frozenset({"broadcast", "reshape"})


@dataclass(frozen=True, eq=False, slots=True)
class Epilogue:
    """Elementwise nodes fused onto the result of a product, convolution or one of its gradients.

    Attributes:
        nodes: Operands before users. Elementwise nodes whose result has the shape of the kernel's own result;
            ``broadcast`` nodes, and ``reshape`` nodes that only add or drop axes of size 1, that bring one of
            `inputs` to that shape; ``constant`` nodes whose elements are all equal.
        inputs: Buffers read besides the kernel's own operands, in the order in which they follow those in the launch.
        outputs: Values stored, each of the result's shape; may be the kernel's own result too. A result that is
            not among them is never written to memory.
        sums: Values of the result's shape that are summed over all axes but the last.
    """

    nodes: tuple[Node, ...]
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    sums: tuple[Value, ...] = ()

    def key(self, result: Value) -> str:
        """Text that is equal for epilogues that compute the same."""
        numbers = {value: index for index, value in enumerate((result, *self.inputs))}
        parts = [",".join(str(value.type) for value in numbers)]
        for node in self.nodes:
            operands = ",".join(str(numbers[value]) for value in node.inputs)
            parameters = ";".join(
                f"{name}={parameter_key(node.parameters[name])!r}" for name in sorted(node.parameters)
            )
            parts.append(f"{node.operator.name}({operands}){parameters}")
            for output in node.outputs:
                numbers[output] = len(numbers)
        parts.extend(",".join(str(numbers[value]) for value in values) for values in (self.outputs, self.sums))
        return "|".join(parts)


def nothing(result: Value) -> Epilogue:
    """The epilogue that stores the result and does nothing else."""
    return Epilogue((), (), (result,))


@dataclass(frozen=True, slots=True)
class View:
    """How a value of the result's shape is read from an input: elements a step along each axis, 0 where repeated."""

    source: int
    strides: tuple[int, ...]


def views(epilogue: Epilogue) -> dict[Value, View | bool | int | float] | None:
    """The values of an epilogue that need no computing: views of inputs, and constants of equal elements.

    Returns:
        Those values, or ``None`` if an input is viewed in a way that strides cannot describe.
    """
    found: dict[Value, View | bool | int | float] = {}
    for index, value in enumerate(epilogue.inputs):
        found[value] = View(index, dense_strides(static_shape(value)))
    for node in epilogue.nodes:
        if node.operator.name == "constant":
            element = _splat(node)
            if element is None:
                return None
            found[node.outputs[0]] = element
        elif node.operator.name in VIEWS and node.inputs[0] in found:
            seen = found[node.inputs[0]]
            view = _view(node, seen) if isinstance(seen, View) else seen
            if view is None:
                return None
            found[node.outputs[0]] = view
    return found


def _splat(node: Node) -> bool | int | float | None:
    array = np.asarray(node.parameters["value"])
    if array.size == 0 or (array != array.flat[0]).any():
        return None
    element = array.flat[0].item()
    assert isinstance(element, (bool, int, float))
    return element


def _view(node: Node, seen: View) -> View | None:
    source, result = static_shape(node.inputs[0]), static_shape(node.outputs[0])
    if node.operator.name == "broadcast":
        steps = tuple(0 if size == 1 else step for size, step in zip(source, seen.strides, strict=True))
        return View(seen.source, (0,) * (len(result) - len(source)) + steps)
    if [size for size in source if size != 1] != [size for size in result if size != 1]:
        return None
    kept = [step for size, step in zip(source, seen.strides, strict=True) if size != 1]
    return View(seen.source, tuple(0 if size == 1 else kept.pop(0) for size in result))


def _tiles(node: Node) -> bool:
    """Whether the windows of a pooling's gradient lie side by side, so that each element is written once."""
    parameters = node.parameters
    return parameters["window"] == parameters["strides"] and not any(map(any, parameters["padding"]))


def accepts(epilogue: Epilogue, result: Value) -> bool:
    """Whether an epilogue is one that the kernels here can do on `result`."""
    if result.node.operator.name in SCATTERS and not _tiles(result.node):
        return False
    shape = static_shape(result)
    found = views(epilogue)
    if found is None or any(static_shape(value) != shape for value in (*epilogue.outputs, *epilogue.sums)):
        return False
    ready = {value for value in found if static_shape(value) == shape or not isinstance(found[value], View)}
    ready.add(result)
    for node in epilogue.nodes:
        if node.outputs[0] in found:
            continue
        fits = "elementwise" in node.operator.traits and static_shape(node.outputs[0]) == shape
        if not fits or any(value not in ready for value in node.inputs):
            return False
        ready.update(node.outputs)
    used = [view for value, view in found.items() if isinstance(view, View) and value in ready]
    return all(value in ready for value in (*epilogue.outputs, *epilogue.sums)) and all(
        view.strides[-1] in (0, 1) for view in used if view.strides
    )


def static_shape(value: Value) -> tuple[int, ...]:
    """The shape of a value of a specialised graph."""
    return tuple(int(size) for size in value.shape)  # type: ignore[arg-type]


def dense_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Elements a step along each axis of a row-major buffer; 0 along axes of size 1."""
    strides, step = [], 1
    for size in reversed(shape):
        strides.append(step if size != 1 else 0)
        step *= size
    return tuple(reversed(strides))


__all__ = ["Epilogue", "View", "accepts", "dense_strides", "nothing", "static_shape", "views"]
