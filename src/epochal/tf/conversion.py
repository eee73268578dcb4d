"""TensorFlow's rule for operands: Python and NumPy values take a tensor's element type; two tensors must agree."""

from __future__ import annotations

from typing import Any

import numpy as np

from epochal import dtypes
from epochal.errors import DTypeError
from epochal.ir import Symbol
from epochal.tensor import Tensor, convert, functions
from epochal.tf.known_sizes import known_entries
from epochal.topi.inventory import BUILD


def holds_tensor(value: Any) -> bool:
    """Whether `value` is a tensor or, as a variable, stands for one."""
    return isinstance(value, Tensor) or hasattr(value, "__epochal_tensor__")


def to_tensor(value: Any, dtype: Any = None, like: Any = None) -> Tensor:
    """`value` as a tensor.

    Args:
        value: Tensor, variable, array, number or nested list.
        dtype: Element type that it must have. A tensor of another type is refused, as TensorFlow does.
        like: Preferred element type, taken by values that are not tensors yet.

    Raises:
        DTypeError: A tensor of another element type than `dtype`, or numbers that `dtype` cannot hold.
    """
    if holds_tensor(value):
        tensor = convert(value)
        if dtype is not None and tensor.dtype is not dtypes.get(dtype):
            raise DTypeError(
                f"Tensor conversion requested dtype {dtypes.get(dtype).name} for a tensor with dtype "
                f"{tensor.dtype.name}. Use tf.cast to convert it."
            )
        return tensor
    wanted = dtype if dtype is not None else like
    if wanted is None:
        return convert(value)
    kind = dtypes.get(wanted)
    if isinstance(value, (list, tuple)) and any(holds_tensor(item) for item in value):
        return convert(value)
    array = np.asarray(value)
    if not kind.is_floating and array.dtype.kind == "f" and array.size:
        if dtype is None:
            return convert(value)
        raise DTypeError(f"Cannot convert {value!r} to a tensor of dtype {kind.name}. Use tf.cast, or pass integers.")
    return convert(array, kind)


def pair(name: str, x: Any, y: Any) -> tuple[Tensor, Tensor]:
    """Two operands of one element type.

    Raises:
        DTypeError: The tensors' element types differ.
    """
    if holds_tensor(y) and not holds_tensor(x):
        second = convert(y)
        first = to_tensor(x, like=second.dtype)
    else:
        first = to_tensor(x)
        second = to_tensor(y, like=first.dtype)
    if first.dtype is not second.dtype:
        raise DTypeError(
            f"Input 'y' of '{name}' has dtype {second.dtype.name} that does not match dtype {first.dtype.name} of "
            f"argument 'x'. Use tf.cast on one of them."
        )
    return first, second


def integers(value: Any) -> Any:
    """A shape or list of axes: what is known becomes plain integers, symbolic tensors stay as they are."""
    if isinstance(value, Tensor) and value.data is None:
        known = known_entries(value.value) if value.ndim == 1 else None
        if known is None or all(size is None for size in known):
            return value
        return tuple(value[axis] if size is None else size for axis, size in enumerate(known))
    if isinstance(value, np.ndarray) or holds_tensor(value):
        return tuple(int(size) for size in np.asarray(value).reshape(-1))
    if isinstance(value, (int, np.integer)):
        return (int(value),)
    return tuple(size if isinstance(size, (Tensor, Symbol)) or size is None else int(size) for size in value)


def axes(value: Any) -> Any:
    """An `axis` argument: ``None``, an int, or a tuple of ints."""
    if value is None or isinstance(value, int):
        return value
    found = integers(value)
    return found[0] if isinstance(value, (np.integer, Tensor)) and len(found) == 1 and np.ndim(value) == 0 else found


def flat_if_rankless(tensor: Tensor) -> Tensor:
    """A tensor whose number of axes is open (see `placeholder`) as a vector of all its elements; others unchanged."""
    graph = getattr(tensor, "graph", None)
    if graph is None or tensor.value.shape != () or tensor.value not in graph.rankless:
        return tensor
    count = functions.prod(functions.shape(tensor), axis=0)
    value = BUILD.reshape(tensor.value, shape=(Symbol("elements", (count.value, None)),))
    graph.record(value.node)
    return graph.wrap(value)
