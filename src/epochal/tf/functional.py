"""Functions applied along the first axis: `map_fn`, `scan`, `foldl`, `foldr`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from epochal import tree
from epochal.errors import ArgumentError
from epochal.tensor import functions
from epochal.tf.conversion import to_tensor


def map_fn(
    fn: Callable[[Any], Any],
    elems: Any,
    dtype: Any = None,
    parallel_iterations: int | None = None,
    back_prop: bool = True,
    swap_memory: bool = False,
    infer_shape: bool = True,
    name: str | None = None,
    fn_output_signature: Any = None,
) -> Any:
    """`fn` of each entry along axis 0 of `elems` (nested), the results stacked.

    Args:
        fn: Takes one entry, nested as `elems`.
        elems: Tensors of one size along axis 0.
        dtype: Means nothing here, as do all below: results have the types that `fn` gives them.
        parallel_iterations: See `dtype`.
        back_prop: See `dtype`.
        swap_memory: See `dtype`.
        infer_shape: See `dtype`.
        name: See `dtype`.
        fn_output_signature: See `dtype`.
    """
    sequences = tree.map_structure(to_tensor, elems)
    return functions.map_fn(lambda entry: tree.map_structure(to_tensor, fn(entry)), sequences)


def scan(
    fn: Callable[[Any, Any], Any],
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    infer_shape: bool = True,
    reverse: bool = False,
    name: str | None = None,
) -> Any:
    """All values of ``a = fn(a, x)`` for each entry x along axis 0 of `elems`, stacked.

    Without an initializer the first entry is the first value, and is the first result.
    """
    sequences = tree.map_structure(to_tensor, elems)
    first = None
    if initializer is None:
        edge = -1 if reverse else 0
        first = tree.map_structure(lambda x: x[edge], sequences)
        rest = slice(None, -1) if reverse else slice(1, None)
        sequences = tree.map_structure(lambda x: x[rest], sequences)
    start = tree.map_structure(to_tensor, initializer if first is None else first)

    def step(carry: Any, entry: Any) -> Any:
        value = tree.map_structure(lambda new, old: to_tensor(new, like=old.dtype), fn(carry, entry), carry)
        return value, value

    _, stacked = functions.scan(step, start, sequences, reverse=reverse)
    if first is None:
        return stacked
    return tree.map_structure(lambda one, rest: _joined(one, rest, reverse), first, stacked)


def _joined(first: Any, rest: Any, reverse: bool) -> Any:
    row = functions.expand_dims(first, 0)
    return functions.concatenate([rest, row] if reverse else [row, rest], axis=0)


def _fold(fn: Callable[[Any, Any], Any], elems: Any, initializer: Any, reverse: bool) -> Any:
    sequence = to_tensor(elems)
    if not sequence.ndim:
        raise ArgumentError("A fold needs a tensor of one axis or more. Received: a scalar")
    if initializer is None:
        start = sequence[-1 if reverse else 0]
        sequence = sequence[:-1] if reverse else sequence[1:]
    else:
        start = to_tensor(initializer)
    final, _ = functions.scan(
        lambda carry, entry: (to_tensor(fn(carry, entry), like=start.dtype), None), start, sequence, reverse=reverse
    )
    return final


def foldl(
    fn: Callable[[Any, Any], Any], elems: Any, initializer: Any = None, parallel_iterations: int = 10,
    back_prop: bool = True, swap_memory: bool = False, name: str | None = None,
) -> Any:  # fmt: skip
    """The last value of ``a = fn(a, x)`` for each entry x along axis 0, from the first."""
    return _fold(fn, elems, initializer, reverse=False)


def foldr(
    fn: Callable[[Any, Any], Any], elems: Any, initializer: Any = None, parallel_iterations: int = 10,
    back_prop: bool = True, swap_memory: bool = False, name: str | None = None,
) -> Any:  # fmt: skip
    """The last value of ``a = fn(a, x)`` for each entry x along axis 0, from the last."""
    return _fold(fn, elems, initializer, reverse=True)


def vectorized_map(fn: Callable[[Any], Any], elems: Any, fallback_to_while_loop: bool = True, warn: bool = True) -> Any:
    """`map_fn`: one entry after another."""
    return map_fn(fn, elems)
