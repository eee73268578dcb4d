"""What is known of a shape held in a tensor, such as ``tf.stack([tf.shape(x)[0], 14, 14, 32])``, before it runs."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from epochal.ir import Node, Value

Entries = list["int | None"]

_ARITHMETIC: dict[str, Callable[[int, int], int]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "floor_div": operator.floordiv,
}


def known_entries(value: Value) -> Entries | None:
    """The entries of an integer vector or scalar, ``None`` for each that is not known yet.

    Returns ``None`` itself if not even their number is known. Shapes are small and so are the expressions they come
    from: this recurses.
    """
    if len(value.shape) > 1 or not all(isinstance(size, int) for size in value.shape):
        return None
    found = _entries(value.node)
    count = int(value.shape[0]) if value.shape else 1  # type: ignore[arg-type]
    return found if found is not None and len(found) == count else [None] * count


def _entries(node: Node) -> Entries | None:
    name, parameters = node.operator.name, node.parameters
    if name == "constant":
        return [int(entry) for entry in parameters["value"].reshape(-1)]
    if name == "shape_of":
        return [size if isinstance(size, int) else None for size in node.inputs[0].shape]
    if name not in ("concat", "slice", "reshape", "cast", "broadcast", *_ARITHMETIC):
        return None
    parts = [known_entries(value) for value in node.inputs]
    if any(part is None for part in parts):
        return None
    first: Any = parts[0]
    if name == "concat":
        return [entry for part in parts for entry in part or ()]
    if name == "slice":
        start, limit, stride = parameters["starts"][0], parameters["limits"][0], parameters["strides"]
        return list(first[start : limit : stride[0] if stride else 1])
    if name == "broadcast":
        return first * parameters["shape"][0] if len(first) == 1 and parameters["shape"] else first
    if name in ("reshape", "cast"):
        return list(first)
    pairs = zip(first, parts[1] or (), strict=True)
    return [_combined(name, a, b) for a, b in pairs]


def _combined(name: str, a: int | None, b: int | None) -> int | None:
    return None if a is None or b is None or (name == "floor_div" and not b) else _ARITHMETIC[name](a, b)
