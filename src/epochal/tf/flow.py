"""Order, grouping and branches: `group`, `control_dependencies`, `cond`, `while_loop` and name scopes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from epochal import tree
from epochal.errors import ArgumentError, NotSupportedError
from epochal.tensor import functions
from epochal.tensor.context import eagerly
from epochal.tf.array_ops import constant, identity
from epochal.tf.conversion import to_tensor
from epochal.tf.graph import Operation, current_graph, get_default_graph
from epochal.tf.math_ops import equal


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
    if strict:
        raise NotSupportedError("cond: strict=True is not supported. Leave it out.")
    first, second = map(_as_branch, (fn1 if true_fn is None else true_fn, fn2 if false_fn is None else false_fn))
    return functions.cond(to_tensor(pred), first, second)


def _as_branch(function: Callable[[], Any] | None) -> Callable[[], Any]:
    """A branch whose results are tensors: an operation becomes True, once it has run."""
    if not callable(function):
        raise ArgumentError(f"cond needs two functions without arguments. Received: {function!r}")

    def run() -> Any:
        result = function()
        if result is None:
            raise ArgumentError("A branch of cond returned None. Return a tensor, or tf.no_op().")
        return tree.map_structure(_as_result, result)

    return run


def _as_result(value: Any) -> Any:
    return constant(True) if isinstance(value, Operation) else to_tensor(value)


def case(
    pred_fn_pairs: Any, default: Callable[[], Any] | None = None, exclusive: bool = False, name: str | None = None
) -> Any:
    """The result of the first function whose predicate holds, else of `default` (or of the last function)."""
    pairs = list(pred_fn_pairs.items()) if isinstance(pred_fn_pairs, Mapping) else list(pred_fn_pairs)
    if default is None:
        *pairs, (_, default) = pairs
    result = default
    for predicate, function in reversed(pairs):
        result = _choice(predicate, function, result)
    return result()


def _choice(predicate: Any, function: Callable[[], Any], otherwise: Callable[[], Any]) -> Callable[[], Any]:
    return lambda: cond(predicate, function, otherwise)


def switch_case(
    branch_index: Any, branch_fns: Any, default: Callable[[], Any] | None = None, name: str | None = None
) -> Any:
    """The result of the function numbered `branch_index`, or of `default` (the last one) if there is none."""
    index = to_tensor(branch_index)
    pairs = list(branch_fns.items()) if isinstance(branch_fns, Mapping) else list(enumerate(branch_fns))
    if pairs and isinstance(pairs[0][1], (tuple, list)):
        pairs = [tuple(entry) for _, entry in pairs]
    return case([(equal(index, int(key)), function) for key, function in pairs], default or pairs[-1][1])


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
    """Applies `body` to the loop variables as long as `cond` holds; their shapes and types must stay the same.

    Gradients through the loop need `maximum_iterations`.
    """
    start = tree.map_structure(to_tensor, loop_vars)
    single = isinstance(start, (list, tuple)) and len(start) == 1

    def step(*state: Any) -> Any:
        result = body(*state)
        if not isinstance(start, (list, tuple)):
            return to_tensor(result)
        if single and not isinstance(result, (list, tuple)):
            result = (result,)
        return tree.map_structure(lambda new, old: to_tensor(new, like=old.dtype), tuple(result), tuple(state))

    result = functions.while_loop(cond, step, start, maximum_iterations=maximum_iterations)
    return result[0] if single and not return_same_structure else result


def get_collection(key: str, scope: str | None = None) -> list[Any]:
    """What was added to a collection of the current graph."""
    return get_default_graph().get_collection(key, scope)


def add_to_collection(name: str, value: Any) -> None:
    """Adds to a collection of the current graph."""
    get_default_graph().add_to_collection(name, value)


def add_to_collections(names: Any, value: Any) -> None:
    """Adds to several collections of the current graph."""
    for name in [names] if isinstance(names, str) else names:
        add_to_collection(name, value)


def get_collection_ref(key: str) -> list[Any]:
    """The collection itself: what is added to the list is added to the collection."""
    return get_default_graph().get_collection_ref(key)


def tables_initializer(name: str = "init_all_tables") -> Operation | None:
    """An operation that does nothing: there are no tables."""
    return no_op(name)


initialize_all_tables = tables_initializer
