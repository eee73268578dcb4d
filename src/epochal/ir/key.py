"""A digest of what a graph means: equal for graphs that differ only in identity, names and origins."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from epochal.dtypes import DType
from epochal.ir.graph import Graph, Value
from epochal.ir.types import Symbol, TensorType


def graph_key(graph: Graph) -> str:
    """Hexadecimal digest of a graph's structure: operators, parameters, types, constants and wiring."""
    digest = hashlib.blake2b(digest_size=20)
    numbers: dict[Value, int] = {value: index for index, value in enumerate(graph.inputs)}
    for value in graph.inputs:
        digest.update(f"input {value.type};".encode())
    for node in graph.nodes():
        if node.outputs[0] in numbers:
            continue
        operands = ",".join(str(numbers[value]) for value in node.inputs)
        digest.update(f"{node.operator.name}({operands})".encode())
        for name in sorted(node.parameters):
            digest.update(name.encode())
            digest.update(parameter_key(node.parameters[name]))
        digest.update(b";")
        for output in node.outputs:
            numbers[output] = len(numbers)
    digest.update(",".join(str(numbers[value]) for value in graph.outputs).encode())
    return digest.hexdigest()


def parameter_key(value: Any) -> bytes:
    """Bytes that are equal for equal parameters and differ otherwise."""
    if isinstance(value, np.ndarray):
        return f"array {value.dtype.name} {value.shape} ".encode() + value.tobytes()
    if isinstance(value, Graph):
        return b"graph " + graph_key(value).encode()
    if isinstance(value, (tuple, list)):
        return b"(" + b",".join(parameter_key(item) for item in value) + b")"
    if isinstance(value, Symbol):
        return f"symbol {value.serial}".encode()
    if isinstance(value, (TensorType, DType)):
        return str(value).encode()
    if isinstance(value, float):
        return value.hex().encode()
    if isinstance(value, (np.generic,)):
        return f"{value.dtype.name} {value!r}".encode()
    return f"{type(value).__name__} {value!r}".encode()
