"""`tf.gradients`: recorded in the graph, and expanded once shapes are known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from epochal.errors import ArgumentError, ShapeError
from epochal.ir import Value
from epochal.learn import optimizers
from epochal.tensor import Tensor, functions
from epochal.tf.conversion import to_tensor
from epochal.tf.graph import GraphTensor, get_default_graph
from epochal.topi.inventory import BUILD


def gradients(
    ys: Any,
    xs: Any,
    grad_ys: Any = None,
    name: str = "gradients",
    colocate_gradients_with_ops: bool = False,
    gate_gradients: bool = False,
    aggregation_method: Any = None,
    stop_gradients: Any = None,
) -> list[Tensor | None]:
    """The gradients of ``sum(ys)`` with respect to each of `xs`.

    Args:
        ys: A tensor or a list of them.
        xs: Tensors or variables.
        grad_ys: The gradient of something further on with respect to each y; ones if ``None``.
        name: Of the operation.
        colocate_gradients_with_ops: Means nothing here.
        gate_gradients: Means nothing here.
        aggregation_method: Means nothing here.
        stop_gradients: Tensors through which no gradient flows.

    Returns:
        One tensor an x, or ``None`` where no y depends on it.
    """
    graph = get_default_graph()
    if stop_gradients:
        raise ArgumentError("gradients: use tf.stop_gradient on the tensors instead of stop_gradients=.")
    targets = [to_tensor(y) for y in _listed(ys)]
    given = [None] * len(targets) if grad_ys is None else _listed(grad_ys)
    if len(given) != len(targets):
        raise ShapeError(f"gradients: {len(targets)} ys but {len(given)} grad_ys.")
    cotangents = [None if g is None else to_tensor(g, like=y.dtype) for g, y in zip(given, targets, strict=True)]
    sources = [to_tensor(x) for x in _listed(xs)]
    reached = _dependent([y.value for y in targets], [x.value for x in sources])
    wanted = [index for index, yes in enumerate(reached) if yes]
    results: list[Tensor | None] = [None] * len(sources)
    if not wanted:
        return results
    with graph.name_scope(name):
        operands = [*targets, *(sources[index] for index in wanted), *(c for c in cotangents if c is not None)]
        outputs = BUILD.gradient_request(
            *(_in_graph(operand) for operand in operands),
            ys=len(targets),
            xs=len(wanted),
            given=tuple(c is not None for c in cotangents),
        )
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        graph.record(outputs[0].node)
        graph.add_operation("gradient_request", "Gradient", outputs[0].node)
    for index, output in zip(wanted, outputs, strict=True):
        results[index] = GraphTensor(output, graph)
    return results


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _in_graph(tensor: Tensor) -> Value:
    return tensor.value if tensor.value is not None else BUILD.constant(tensor.data)


def _dependent(targets: Sequence[Value | None], sources: Sequence[Value | None]) -> list[bool]:
    """Whether a target depends on each source through operators that pass gradients on.

    A variable counts as one source however often it is read.
    """
    needed: set[int] = set()
    states: set[int] = set()
    pending = [value for value in targets if value is not None]
    while pending:
        value = pending.pop()
        if id(value) in needed or not value.dtype.is_floating:
            continue
        needed.add(id(value))
        node = value.node
        if node.operator.name == "variable_read":
            states.add(id(node.parameters["state"]))
        elif node.operator.no_gradient != "zero":
            pending.extend(node.inputs)
    return [source is not None and (id(source) in needed or _state(source) in states) for source in sources]


def _state(value: Value) -> int:
    return id(value.node.parameters["state"]) if value.node.operator.name == "variable_read" else 0


def clip_by_global_norm(
    t_list: Sequence[Any], clip_norm: Any, use_norm: Any = None, name: str | None = None
) -> tuple[list[Tensor | None], Tensor]:
    """All tensors scaled by one factor so that their joint norm is at most `clip_norm`, and the norm before."""
    tensors = [None if t is None else to_tensor(t) for t in t_list]
    norm = global_norm(tensors) if use_norm is None else to_tensor(use_norm)
    scale = clip_norm * functions.minimum(1.0 / norm, 1.0 / to_tensor(clip_norm, like=norm.dtype))
    return [None if t is None else t * scale for t in tensors], norm


def global_norm(t_list: Sequence[Any], name: str | None = None) -> Tensor:
    """The Euclidean norm of all elements of all tensors."""
    tensors = [to_tensor(t) for t in t_list if t is not None]
    if not tensors:
        raise ArgumentError("global_norm needs at least one tensor.")
    return optimizers.global_norm(tensors)


def clip_by_norm(t: Any, clip_norm: Any, axes: Any = None, name: str | None = None) -> Tensor:
    """`t` scaled down to Euclidean norm `clip_norm` if it is longer."""
    tensor = to_tensor(t)
    square = functions.sum(functions.square(tensor), axis=axes, keepdims=axes is not None)
    norm = functions.sqrt(functions.where(functions.greater(square, 0.0), square, functions.ones_like(square)))
    return tensor * clip_norm / functions.maximum(norm, clip_norm)


def hessians(
    ys: Any, xs: Any, name: str = "hessians", colocate_gradients_with_ops: bool = False, gate_gradients: bool = False,
    aggregation_method: Any = None,
) -> list[Tensor]:  # fmt: skip
    """The second derivatives of ``sum(ys)`` by each x, which has a known shape: [*x.shape, *x.shape]."""
    found = []
    for x in _listed(xs):
        source = to_tensor(x)
        if None in source.shape:
            raise ShapeError(f"hessians needs tensors of known shape. Received: {source.shape}")
        (slope,) = gradients(ys, [source])
        if slope is None:
            raise ArgumentError("hessians: ys do not depend on an x.")
        flat = functions.reshape(slope, (-1,))
        rows = [gradients(flat[index], [source])[0] for index in range(source.size or 0)]
        whole = functions.stack([functions.zeros_like(source) if row is None else row for row in rows])
        found.append(functions.reshape(whole, (*source.shape, *source.shape)))
    return found


def clip_by_average_norm(t: Any, clip_norm: Any, name: str | None = None) -> Tensor:
    """`t` scaled down to a root mean square norm (norm over number of elements) of `clip_norm`, if it is more."""
    tensor = to_tensor(t)
    count = functions.cast(functions.prod(functions.shape(tensor)), tensor.dtype)
    norm = functions.sqrt(functions.sum(functions.square(tensor))) / count
    return tensor * clip_norm / functions.maximum(norm, clip_norm)


class UnconnectedGradients:
    """What the gradient is where there is no dependence: ``None``, or zeros."""

    NONE = "none"
    ZERO = "zero"
