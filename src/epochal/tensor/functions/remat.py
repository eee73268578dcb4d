"""Results computed anew on the way back instead of kept (gradient checkpointing: Chen et al. 2016)."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from epochal import autodiff, dtypes, tree
from epochal.ir import Graph, TensorType, Value, make_input
from epochal.tensor import context as contexts
from epochal.tensor.dispatch import apply
from epochal.tensor.functions.control import close
from epochal.tensor.tensor import Tensor
from epochal.topi.subgraph import differentiable, inputs_like, needed_nodes, or_zeros

# State (weights, counters) outlives the step, so that recomputing from it holds no memory longer; up to this size it is
# copied nevertheless, lest random draws by its keys be merged with the first ones and kept.
_SMALL_BYTES = 4096


def remat(f: Callable[..., Any]) -> Callable[..., Any]:
    """The function `f`, of which a gradient keeps no intermediate values: it computes them anew when it needs them.

    Takes effect in compiled functions and training steps. Results and gradients are the same up to the rounding of
    other fusions; random draws of `f` are repeated, what it assigns is assigned once.

    Args:
        f: A function of tensors that returns nested tensors.

    Example:
        >>> import numpy as np
        >>> from epochal.tensor import GradientTape, constant, function, functions
        >>> block = functions.remat(lambda x: functions.sin(functions.exp(x)))
        >>> @function
        ... def slope(x):
        ...     with GradientTape() as tape:
        ...         tape.watch(x)
        ...         y = block(x)
        ...     return tape.gradient(y, x)
        >>> float(slope(constant(0.0))) == float(np.cos(np.float32(1.0)))
        True
    """

    @functools.wraps(f)
    def call(*arguments: Any, **keywords: Any) -> Any:
        context = contexts.current()
        if context is None or isinstance(context, contexts.Deferred):
            return f(*arguments, **keywords)
        start = make_input(TensorType(dtypes.bool_)).node.serial
        leaves, structure = tree.flatten_with_structure(f(*arguments, **keywords))
        made = [index for index, leaf in enumerate(leaves) if _is_made(leaf, start)]
        results = [leaves[index].value for index in made]
        given = {leaf.value for leaf in tree.flatten((arguments, keywords)) if _is_made(leaf, 0)}
        boundary = _boundary(results, start)
        types = [value.type for value in (*boundary, *results)]
        if not any(value.dtype.is_floating for value in results) or not all(type_.is_static for type_ in types):
            return tree.unflatten(structure, leaves)
        body = close(boundary, results)
        late = [value in given or value.node.operator.name != "input" or _is_small(value) for value in boundary]
        operands = [Tensor(None, value) for value in boundary]
        gradient = _gradient(body, late if any(late) else [True] * len(boundary))
        found = apply("call", *operands, body=body, gradient=gradient)
        for index, tensor in zip(made, found if isinstance(found, tuple) else (found,), strict=True):
            leaves[index] = tensor
        return tree.unflatten(structure, leaves)

    return call


def _is_made(leaf: Any, start: int) -> bool:
    return isinstance(leaf, Tensor) and leaf.value is not None and leaf.value.node.serial >= start


def _is_small(value: Value) -> bool:
    return bool(value.type.is_static) and value.type.bytes <= _SMALL_BYTES


def _boundary(results: Sequence[Value], start: int) -> list[Value]:
    """Values that were there before, which the results depend on."""
    found: dict[Value, None] = {}

    def is_outside(value: Value) -> bool:
        name = value.node.operator.name
        if name == "constant":
            return False
        if value.node.serial < start or name in ("input", "variable_read"):
            found[value] = None
            return True
        return False

    needed_nodes(results, is_outside)
    return list(found)


def _gradient(body: Graph, late: Sequence[bool]) -> Graph:
    """Computes the body anew, once there is a cotangent, and its gradients.

    Args:
        body: What is computed.
        late: For each input whether to wait with it; without any the first results would be found again and kept.
    """
    inputs, cotangents = inputs_like(body.inputs), inputs_like(body.outputs)
    active = differentiable(body.outputs)
    tokens = [_first(cotangents[index]) for index in active]
    build = autodiff.BUILD
    held = [build.after(value, *tokens) if wait else value for value, wait in zip(inputs, late, strict=True)]
    results = build.evaluate(body, held)
    moving = [held[index] for index in differentiable(held)]
    slopes = build.differentiate([results[i] for i in active], moving, [cotangents[i] for i in active])
    filled = [or_zeros(build, one, value.type) for one, value in zip(slopes, moving, strict=True)]
    return Graph([*inputs, *cotangents], filled)


def _first(value: Value) -> Value:
    """The first element: enough to tell that a value has been computed, and no reason to keep it."""
    if value.type.size == 0:
        return value
    rank = value.type.rank
    sliced: Value = autodiff.BUILD.slice(value, starts=(0,) * rank, limits=(1,) * rank, strides=(1,) * rank)
    return sliced
