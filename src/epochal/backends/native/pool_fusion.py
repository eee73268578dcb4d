"""Finds convolutions followed by bias, ReLU and max-pooling, with their gradients, and makes one operator of each.

    p = max_pool(relu(conv(x, k) + b))               -> p, winners = pooled_conv(x, k, b)
    s = select(r > 0, max_pool_gradient(r, g), 0)
    conv_weight_gradient(x, s), sum(s)               -> pooled_weight_gradient(x, winners, g)
    conv_data_gradient(s, k)                         -> pooled_data_gradient(winners, g, k)

where r is the ReLU's result, of which nothing else is wanted. The products of the convolution are most of a small
convolutional network's arithmetic, and its results most of the memory it moves; see `kernels.pooled`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from epochal.backends.native.kernels.epilogue import static_shape
from epochal.backends.native.kernels.geometry import Geometry, plain_geometry
from epochal.backends.native.kernels.pooled import POOLED_CONV, POOLED_DATA_GRADIENT, POOLED_WEIGHT_GRADIENT
from epochal.backends.native.kernels.pooled_weights import FEW
from epochal.backends.native.kernels.sparse import fits_sparse
from epochal.backends.native.kernels.work import collides
from epochal.ir import Graph, Node, Value, origin
from epochal.topi.inventory import BUILD

LARGEST_KERNEL = 1 << 19
"""Bytes of a kernel that stays in the second-level cache."""

AREAS = range(2, 10)
"""Elements of a window that, with two vectors of channels, fit the registers."""


@dataclass(eq=False, slots=True)
class Match:
    """One pattern. `cotangent` is what the pooling's gradient is given."""

    conv: Node
    bias: Value
    pool: Node
    cotangent: Value | None = None
    gradients: dict[Node, str] = field(default_factory=dict)
    inside: set[Node] = field(default_factory=set)

    @property
    def given(self) -> dict[str, object]:
        return {"padding": self.conv.parameters["padding"], "window": self.pool.parameters["window"]}


def fuse_pools(graph: Graph) -> Graph:
    """The graph with every pattern replaced; the same graph if there is none."""
    nodes = graph.nodes()
    users: dict[Value, list[Node]] = {value: [] for node in nodes for value in node.outputs}
    for node in nodes:
        for value in node.inputs:
            users[value].append(node)
    wanted = set(graph.outputs)
    matches = [_match(node, users, wanted) for node in nodes if node.operator.name == "max_pool"]
    found = [match for match in matches if match is not None]
    return _rewritten(graph, nodes, found) if found else graph


def _match(pool: Node, users: Mapping[Value, list[Node]], wanted: set[Value]) -> Match | None:
    relu = pool.inputs[0].node
    add = relu.inputs[0].node if relu.operator.name == "relu" else relu
    if add.operator.name != "add":
        return None
    conv, spread = add.inputs[0].node, add.inputs[1].node
    if conv.operator.name != "conv":
        conv, spread = spread, conv
    if conv.operator.name != "conv" or spread.operator.name != "broadcast" or not _plain(conv, pool):
        return None
    if spread.inputs[0].shape != conv.outputs[0].shape[-1:]:
        return None
    match = Match(conv, spread.inputs[0], pool, inside={conv, add, relu})
    alone = users[conv.outputs[0]] == [add] and users[add.outputs[0]] == [relu]
    hidden = not wanted.intersection((*conv.outputs, *add.outputs, *relu.outputs))
    if not alone or not hidden:
        return None
    others = [user for user in users[relu.outputs[0]] if user is not pool]
    return match if not others or _gradients(match, relu.outputs[0], others, users, wanted) else None


def _plain(conv: Node, pool: Node) -> bool:
    """Whether kernels exist for a convolution and pooling of this kind, and pay."""
    kernel, given = static_shape(conv.inputs[1]), conv.parameters
    window, strides = tuple(pool.parameters["window"]), tuple(pool.parameters["strides"])
    ones = {*given["strides"], *given["dilations"], given["groups"]} == {1}
    if len(kernel) != 4 or not ones or conv.outputs[0].dtype.name not in ("float32", "float64"):
        return False
    sizes = (*conv.inputs, *conv.outputs, *pool.outputs)
    tiles = window == strides and not any(map(any, pool.parameters["padding"]))
    if not tiles or window[0] * window[1] not in AREAS or any(value.type.size == 0 for value in sizes):
        return False
    columns = kernel[3] * conv.outputs[0].dtype.itemsize
    rows = kernel[0] * kernel[1] * kernel[2]
    return rows * columns <= LARGEST_KERNEL and not collides(rows, columns)


def _geometry(match: Match) -> Geometry:
    x, kernel = match.conv.inputs
    return plain_geometry(x.dtype, static_shape(x), static_shape(kernel), match.conv.parameters["padding"])


def _gradients(
    match: Match, active: Value, others: list[Node], users: Mapping[Value, list[Node]], wanted: set[Value]
) -> bool:
    """Whether the other users of the ReLU's result are its and the pooling's gradient, and theirs are known."""
    names = sorted(node.operator.name for node in others)
    if names != ["greater", "max_pool_gradient"]:
        return False
    greater, gradient = sorted(others, key=lambda node: node.operator.name)
    same = all(gradient.parameters[name] == match.pool.parameters[name] for name in ("window", "strides", "padding"))
    both = [users[node.outputs[0]] for node in (greater, gradient)]
    if not same or any(len(readers) != 1 for readers in both) or both[0] != both[1]:
        return False
    select = both[0][0]
    if select.operator.name != "select" or gradient.inputs[0] is not active or greater.inputs[0] is not active:
        return False
    zero = _is_zero(greater.inputs[1]) and _is_zero(select.inputs[2])
    if not zero or select.inputs[:2] != (greater.outputs[0], gradient.outputs[0]):
        return False
    if wanted.intersection((*greater.outputs, *gradient.outputs, *select.outputs)):
        return False
    match.cotangent = gradient.inputs[1]
    match.inside.update((greater, gradient, select))
    return all(_gradient(match, node, select.outputs[0]) for node in users[select.outputs[0]])


def _gradient(match: Match, node: Node, sent: Value) -> bool:
    """Enters a user of the cotangent that is one of the convolution's gradients."""
    name = node.operator.name
    geometry = _geometry(match)
    sparse = fits_sparse(geometry)
    if name == "sum" and tuple(node.parameters["axes"]) == (0, 1, 2):
        match.gradients[node] = "bias"
        return True
    same = all(
        node.parameters.get(key) == match.conv.parameters[key] for key in ("strides", "padding", "dilations", "groups")
    )
    x, kernel = match.conv.inputs
    if name == "conv_weight_gradient" and node.inputs == (x, sent):
        match.gradients[node] = "weights"
        return same and (sparse or geometry.taps * geometry.inputs <= FEW)
    if name == "conv_data_gradient" and node.inputs == (sent, kernel):
        match.gradients[node] = "data"
        return same and sparse
    return False


def _is_zero(value: Value) -> bool:
    while value.node.operator.name in ("broadcast", "reshape"):
        value = value.node.inputs[0]
    return value.node.operator.name == "constant" and not value.node.parameters["value"].any()


def _rewritten(graph: Graph, nodes: list[Node], matches: list[Match]) -> Graph:
    pools = {match.pool: match for match in matches}
    gradients = {node: match for match in matches for node in match.gradients}
    inside = set().union(*(match.inside for match in matches))
    values: dict[Value, Value] = {}
    winners: dict[Match, Value] = {}
    weights: dict[Match, tuple[Value, ...]] = {}

    def now(value: Value) -> Value:
        return values.get(value, value)

    for node in nodes:
        if node in inside:
            continue
        with origin(pools[node].conv.origin if node in pools else node.origin):
            if node in pools:
                match = pools[node]
                operands = [now(value) for value in (*match.conv.inputs, match.bias)]
                values[node.outputs[0]], winners[match] = BUILD.apply(POOLED_CONV, operands, match.given)
            elif node in gradients:
                match = gradients[node]
                values[node.outputs[0]] = _new_gradient(match, node, now, winners[match], weights)
            elif any(value in values for value in node.inputs):
                copies = BUILD.apply(node.operator, [now(value) for value in node.inputs], node.parameters)
                values.update(zip(node.outputs, copies, strict=True))
    return Graph(graph.inputs, [now(value) for value in graph.outputs])


def _new_gradient(
    match: Match,
    node: Node,
    now: Callable[[Value], Value],
    winners: Value,
    weights: dict[Match, tuple[Value, ...]],
) -> Value:
    assert match.cotangent is not None
    cotangent = now(match.cotangent)
    x, kernel = (now(value) for value in match.conv.inputs)
    if match.gradients[node] == "data":
        given = {**match.given, "input_shape": static_shape(x)}
        return BUILD.apply(POOLED_DATA_GRADIENT, (winners, cotangent, kernel), given)[0]
    if match not in weights:
        given = {**match.given, "kernel_shape": static_shape(kernel)}
        weights[match] = BUILD.apply(POOLED_WEIGHT_GRADIENT, (x, winners, cotangent), given)
    return weights[match][match.gradients[node] == "bias"]


__all__ = ["fuse_pools"]
