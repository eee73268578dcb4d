"""Order, grouping and branches: `group`, `control_dependencies`, `cond`, `while_loop` and name scopes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from epochal import tree
from epochal.tensor import functions
from epochal.tensor.context import eagerly
from epochal.tf.array_ops import identity
from epochal.tf.conversion import to_tensor
from epochal.tf.graph import Operation, current_graph, get_default_graph


def group(*inputs: Any, name: str = "group_deps") -> Operation | None:
    """An operation that runs all of `inputs`. In eager execution they have run already."""
    graph = current_graph()
    if graph is None:
        return None
    flat = [item for value in inputs for item in (value if isinstance(value, (list, tuple)) else [value])]
    return graph.add_operation(
        name, "NoOp", None, [*(graph.as_operation(item) for item in flat), *graph.current_control()]
    )


def no_op(name: str = "NoOp") -> Operation | None:
    """An operation that does nothing but wait for the current control dependencies."""
    return group(name=name)


def tuple_(tensors: Sequence[Any], name: str | None = None, control_inputs: Sequence[Any] | None = None) -> list[Any]:
    """The tensors, none of which is available before all are."""
    graph = current_graph()
    if graph is None:
        return list(tensors)
    waits = [tensor for tensor in (*tensors, *(control_inputs or ())) if tensor is not None]
    with graph.control_dependencies(waits):
        return [None if tensor is None else identity(tensor) for tensor in tensors]


def control_dependencies(control_inputs: Sequence[Any] | None) -> AbstractContextManager[Any]:
    """Operations made inside the block run after `control_inputs`."""
    graph = current_graph()
    return nullcontext() if graph is None else graph.control_dependencies(control_inputs)


def name_scope(name: str | None, default_name: str | None = None, values: Any = None) -> AbstractContextManager[Any]:
    """Names made inside the block start with `name`."""
    graph = current_graph()
    chosen = name or default_name
    return nullcontext(f"{chosen}/" if chosen else "") if graph is None else graph.name_scope(chosen)


def device(device_name: Any) -> AbstractContextManager[None]:
    """There is one device: accepted, so that programs that place operations run unchanged."""
    return nullcontext()


def init_scope() -> AbstractContextManager[Any]:
    """Inside the block operations run at once."""
    return eagerly()


def cond(
    pred: Any,
    true_fn: Callable[[], Any] | None = None,
    false_fn: Callable[[], Any] | None = None,
    strict: bool = False,
    name: str | None = None,
    fn1: Callable[[], Any] | None = None,
    fn2: Callable[[], Any] | None = None,
) -> Any:
    """`true_fn()` or `false_fn()`, as `pred` says when the graph runs; both return the same structure and types."""
    return functions.cond(to_tensor(pred), true_fn or fn1, false_fn or fn2)


def while_loop(
    cond: Callable[..., Any],
    body: Callable[..., Any],
    loop_vars: Any,
    shape_invariants: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    name: str | None = None,
    maximum_iterations: int | None = None,
    return_same_structure: bool = False,
) -> Any:
    """Applies `body` to the loop variables as long as `cond` holds; their types must stay the same."""
    start = tree.map_structure(to_tensor, loop_vars)
    return functions.while_loop(cond, body, start, maximum_iterations=maximum_iterations)


def get_collection(key: str, scope: str | None = None) -> list[Any]:
    """What was added to a collection of the current graph."""
    return get_default_graph().get_collection(key, scope)


def add_to_collection(name: str, value: Any) -> None:
    """Adds to a collection of the current graph."""
    get_default_graph().add_to_collection(name, value)
