"""How operators that compute are rewritten along a padded axis: what they would mix is masked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from epochal import dtypes
from epochal.ir import Graph, TensorType, Value, make_input
from epochal.passes.padded_axis import Rule, lowest, rewrite, same
from epochal.passes.padded_movement import MOVEMENT_RULES
from epochal.passes.padded_site import Context, Extent, InexactError, Site
from epochal.topi.inventory import BUILD


def _each(site: Site) -> Sequence[Value]:
    """Element by element. Integers are not divided: what is beyond the length may be zero."""
    if site.node.operator.name in ("floor_div", "rem", "div") and not site.node.outputs[0].dtype.is_floating:
        raise InexactError("integers are divided")
    same(site.nodes, *site.node.parameters)
    return site.copy(*site.operands)


def _reduction(fill: Any) -> Rule:
    def rule(site: Site) -> Sequence[Value]:
        same(site.nodes, *site.node.parameters)
        axes = site.node.parameters.get("axes", (site.node.parameters.get("axis"),))
        neutral = fill(site.operands[0].dtype.numpy) if callable(fill) else fill
        return site.copy(site.masked(0, neutral, axes))

    return rule


def _highest(dtype: np.dtype[Any]) -> Any:
    return dtype.type(np.inf) if dtype.kind == "f" else True if dtype.kind == "b" else np.iinfo(dtype).max


def _along(fill: Any) -> Rule:
    """A composite that normalises along one axis."""

    def rule(site: Site) -> Sequence[Value]:
        same(site.nodes, "axis", "axes")
        parameters = site.node.parameters
        axes = parameters["axes"] if "axes" in parameters else (parameters["axis"],)
        rank = len(site.operands[0].shape)
        axes = tuple(axis % rank for axis in (axes if axes is not None else range(rank)))
        return site.copy(site.masked(0, fill, axes))

    return rule


def _cumulative(fill: Any) -> Rule:
    """Forwards an element depends on those before it alone; backwards those beyond the length come first."""

    def rule(site: Site) -> Sequence[Value]:
        same(site.nodes, *site.node.parameters)
        neutral = fill(site.operands[0].dtype.numpy) if callable(fill) else fill
        return site.copy(site.masked(0, neutral, (site.node.parameters["axis"],)))

    return rule


def _untouched(*names: str) -> Rule:
    """An operator that works along `names` (a parameter, or the last axis), which must not be padded."""

    def rule(site: Site) -> Sequence[Value]:
        same(site.nodes, *site.node.parameters)
        rank = len(site.operands[0].shape)
        touched: set[int] = set()
        for name in names:
            value = site.node.parameters[name] if name != "last" else -1
            touched |= {axis % rank for axis in (value if isinstance(value, tuple) else (value,))}
        if any(axis in touched for axis in site.inputs[0]) or any(site.inputs[1:]):
            raise InexactError(f"{site.node.operator.name} works along a padded axis")
        return site.copy(*site.operands)

    return rule


def _product(site: Site) -> Sequence[Value]:
    same(site.nodes, "contract", "batch")
    contract = site.node.parameters["contract"]
    return site.copy(*(site.masked(index, 0, contract[index]) for index in (0, 1)))


# --- convolutions


def _steps_of_one(site: Site, axes: Sequence[int]) -> None:
    """Raises where a window moves by more than one along a padded axis: how often it fits is not linear."""
    same(site.nodes, "strides", "dilations", "padding", "groups", "window")
    strides = site.node.parameters["strides"]
    if any(axis > 0 and strides[axis - 1] != 1 for axis in axes):
        raise InexactError("a window moves by more than one along a padded axis")


def _convolution(site: Site) -> Sequence[Value]:
    _steps_of_one(site, list(site.inputs[0]))
    space = [axis for axis in site.inputs[0] if axis > 0]
    return site.copy(site.masked(0, 0, space), site.operands[1])


def _data_gradient(site: Site) -> Sequence[Value]:
    _steps_of_one(site, list(site.inputs[0]) + list(site.outputs[0]))
    space = [axis for axis in site.inputs[0] if axis > 0]
    return site.copy(site.masked(0, 0, space), site.operands[1])


def _weight_gradient(site: Site) -> Sequence[Value]:
    _steps_of_one(site, [*site.inputs[0], *site.inputs[1]])
    same(site.nodes, *(name for name in site.node.parameters if name != "padding"))
    return site.copy(site.masked(0), site.masked(1))


def _window(site: Site) -> Sequence[Value]:
    """Pooling, of samples alone."""
    if any(axis > 0 for extents in site.inputs for axis in extents):
        raise InexactError("a window moves along a padded axis")
    same(site.nodes, *site.node.parameters)
    return site.copy(*site.operands)


# --- normalisation


def _batch_norm(site: Site) -> Sequence[Value]:
    """In two passes: what the operator's own formula takes for a first guess lies at a place that depends on sizes."""
    same(site.nodes, *site.node.parameters)
    if site.operands[0].dtype.itemsize < 4:
        raise InexactError("batch normalisation of half precision")
    x, gamma, beta = site.masked(0), *site.operands[1:]
    axes = tuple(range(len(x.shape) - 1))
    count = BUILD.constant(1, x.dtype)
    for axis in axes:
        extent = site.inputs[0].get(axis)
        size = x.shape[axis] if extent is None else BUILD.cast(site.context.count(extent), dtype=x.dtype)
        count = BUILD.mul(count, size)
    mean = BUILD.div(BUILD.sum(x, axes=axes), count)
    centred = site.context.masked(BUILD.sub(x, mean), site.inputs[0])
    variance = BUILD.div(BUILD.sum(BUILD.square(centred), axes=axes), count)
    scale = BUILD.mul(BUILD.rsqrt(BUILD.add(variance, site.node.parameters["epsilon"])), gamma)
    return BUILD.add(BUILD.mul(centred, scale), beta), mean, variance


# --- attention


def _keys_hidden(site: Site, extras: list[Value], extents: list[dict[int, Extent]]) -> list[Value]:
    """The operands between value and statistics, with a mask that hides keys beyond the length."""
    same(site.nodes, *site.node.parameters)
    if any(extra.dtype.is_bool for extra in extras) and 1 in site.inputs[1]:
        raise InexactError("attention with a mask of its own inside another program")
    if any(extents):
        raise InexactError("a bias of attention depends on the size")
    seen = site.inputs[1].get(1)
    # A query that counts sees no later key, so causality hides them already.
    if seen is None or (site.node.parameters["causal"] and seen == site.inputs[0].get(1)):
        return extras
    count = site.operands[1].shape[1]
    inside = BUILD.reshape(site.context.within((count,), 0, seen), shape=(1, 1, 1, count))
    return [*extras, inside]


def _attention(site: Site) -> Sequence[Value]:
    if site.node.parameters["rate"] is not None:
        raise InexactError("random numbers are drawn in another shape")
    extras = list(site.operands[3:])
    if any(extra.dtype.is_bool for extra in extras) and 1 not in site.inputs[1]:
        same(site.nodes, *site.node.parameters)
        return site.copy(*(site.masked(index, axes=(1,)) for index in range(3)), *extras)
    extras = _keys_hidden(site, extras, site.inputs[3:])
    outputs = BUILD.attention(*(site.masked(index, axes=(0, 1)) for index in range(3)), *extras, **_parameters(site))
    return tuple(outputs)


def _attention_gradient(site: Site) -> Sequence[Value]:
    """Queries beyond the length send nothing back: all that is theirs is zero, and their sum is one."""
    if site.node.parameters["rate"] is not None:
        raise InexactError("random numbers are drawn in another shape")
    last = len(site.operands) - 4
    extras = list(site.operands[3:last])
    if not (any(extra.dtype.is_bool for extra in extras) and 1 not in site.inputs[1]):
        extras = _keys_hidden(site, extras, site.inputs[3:last])
    kept = [site.masked(last), site.masked(last + 1), site.masked(last + 2, 1), site.masked(last + 3)]
    operands = [*(site.masked(index) for index in range(3)), *extras, *kept]
    return tuple(BUILD.attention_gradient(*operands, **_parameters(site)))


def _parameters(site: Site) -> dict[str, Any]:
    return dict(site.node.parameters)


# --- indexing


def _gather(site: Site) -> Sequence[Value]:
    """Indices beyond the length become 0, which is one that is there."""
    same(site.nodes, "axis")
    if site.node.parameters["axis"] in site.inputs[0]:
        raise InexactError("gather from a padded axis")
    return site.copy(site.operands[0], site.masked(1))


def _scatter_add(site: Site) -> Sequence[Value]:
    same(site.nodes, "axis")
    axis = site.node.parameters["axis"]
    if axis in site.inputs[0]:
        raise InexactError("scatter_add into a padded axis")
    axes = [axis + each for each in site.inputs[1]]
    return site.copy(site.operands[0], site.masked(1), site.masked(2, 0, axes))


# --- loops


def _scan(site: Site) -> Sequence[Value]:
    """Beyond the length a step leaves what is carried as it is; so a loop that runs backwards begins at the end."""
    same(site.nodes, "constants", "carries", "reverse")
    parameters = site.node.parameters
    constants, carries = parameters["constants"], parameters["carries"]
    extent = site.context.extent(site.parameter("length"))
    bodies: tuple[Graph, ...] = site.parameter("body")
    inside = Context(site.context.sizes, make_input(TensorType(dtypes.int32, ()), "length"))
    results = rewrite(bodies, inside, RULES)
    inputs, sequences = bodies[0].inputs, list(site.operands[constants + carries :])
    carried = inputs[constants : constants + carries]
    taken = list(inputs[constants + carries :])
    if extent is not None:
        live = make_input(TensorType(dtypes.bool_, ()), "live")
        taken.append(live)
        sequences.append(site.context.within((parameters["length"],), 0, extent))
        for index, before in enumerate(carried):
            results[index] = BUILD.select(BUILD.broadcast_to(live, before.shape), results[index], before)
    body = Graph((*inputs[:constants], inside.length, *carried, *taken), results)
    operands = (*site.operands[:constants], site.context.length, *site.operands[constants : constants + carries])
    outputs = BUILD.scan(*operands, *sequences, **{**parameters, "body": body, "constants": constants + 1})
    return outputs if isinstance(outputs, tuple) else (outputs,)


RULES: dict[str, Rule] = {
    **MOVEMENT_RULES,
    "floor_div": _each, "rem": _each, "div": _each, "softplus": _each, "gelu": _each, "silu": _each,
    "sum": _reduction(0), "prod": _reduction(1), "any": _reduction(False), "all": _reduction(True),
    "max": _reduction(lowest), "min": _reduction(_highest),
    "argmax": _reduction(lowest), "argmin": _reduction(_highest),
    "cumulative_sum": _cumulative(0), "cumulative_prod": _cumulative(1),
    "cumulative_max": _cumulative(lowest), "cumulative_min": _cumulative(_highest),
    "softmax": _along(-np.inf), "log_softmax": _along(-np.inf), "logsumexp": _along(-np.inf),
    "layer_norm": _untouched("axes"), "sort": _untouched("axis"), "argsort": _untouched("axis"),
    "top_k": _untouched("last"),
    "batch_norm_training": _batch_norm,
    "dot_general": _product,
    "conv": _convolution, "conv_data_gradient": _data_gradient, "conv_weight_gradient": _weight_gradient,
    "max_pool": _window, "max_pool_gradient": _window, "max_pool_select": _window,
    "avg_pool": _window, "avg_pool_gradient": _window,
    "attention": _attention, "attention_gradient": _attention_gradient,
    "gather": _gather, "scatter_add": _scatter_add, "scan": _scan,
}  # fmt: skip
"""How each operator is rewritten along a padded axis; elementwise ones stay as they are."""
