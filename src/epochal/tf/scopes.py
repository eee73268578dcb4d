"""`get_variable` and the scopes in which it makes and finds variables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from epochal import dtypes
from epochal.errors import ArgumentError, ShapeError
from epochal.tf.conversion import to_tensor
from epochal.tf.graph import GraphKeys, get_default_graph
from epochal.tf.initializers import glorot_uniform_initializer
from epochal.tf.shapes import TensorShape
from epochal.tf.variables import GraphVariable


class VariableScope:
    """Where `get_variable` makes and finds variables.

    Attributes:
        name: Prefix of their names, without the final slash.
        reuse: ``False``: make; ``True``: find; the string ``"auto"``: find or make.
        initializer: What `get_variable` uses if it is given none.
    """

    def __init__(self, name: str, reuse: Any, initializer: Any = None) -> None:
        self.name = name
        self.reuse = reuse
        self.initializer = initializer

    def reuse_variables(self) -> None:
        """From here on variables are found, not made."""
        self.reuse = True


AUTO_REUSE = "auto"


@contextmanager
def variable_scope(
    name_or_scope: Any,
    default_name: str | None = None,
    values: Any = None,
    initializer: Any = None,
    regularizer: Any = None,
    reuse: Any = None,
) -> Iterator[VariableScope]:
    """Inside the block `get_variable` prefixes names with `name_or_scope`."""
    graph = get_default_graph()
    outer = graph.scopes[-1] if graph.scopes else VariableScope("", False)
    if isinstance(name_or_scope, VariableScope):
        full, local = name_or_scope.name, name_or_scope.name
    else:
        local = name_or_scope or default_name or "scope"
        full = f"{outer.name}/{local}" if outer.name else local
    chosen = reuse if reuse is not None else (outer.reuse or getattr(name_or_scope, "reuse", False))
    scope = VariableScope(full, chosen, initializer if initializer is not None else outer.initializer)
    graph.scopes.append(scope)
    try:
        with graph.name_scope(local):
            yield scope
    finally:
        graph.scopes.pop()


def get_variable_scope() -> VariableScope:
    """The innermost open variable scope."""
    graph = get_default_graph()
    if not graph.scopes:
        graph.scopes.append(VariableScope("", False))
    scope: VariableScope = graph.scopes[-1]
    return scope


def get_variable(
    name: str,
    shape: Any = None,
    dtype: Any = None,
    initializer: Any = None,
    regularizer: Any = None,
    trainable: bool = True,
    collections: Iterable[str] | None = None,
    **others: Any,
) -> Any:
    """The variable `name` of the open variable scope, made or found as the scope's `reuse` says.

    Args:
        name: Without the scope.
        shape: Needed unless `initializer` is a tensor or array.
        dtype: float32 if not given.
        initializer: A tensor, or a function of (shape, dtype); default: Glorot's uniform, as TensorFlow.
        regularizer: A function of the variable whose result joins the collection of regularization losses.
        trainable: See `Variable`.
        collections: See `Variable`.
        others: Options about devices and partitioning, which mean nothing here.

    Raises:
        ArgumentError: It exists and may not be reused, or does not exist and must.
    """
    graph = get_default_graph()
    scope = get_variable_scope()
    full = f"{scope.name}/{name}" if scope.name else name
    found = graph.variables.get(full)
    if found is not None:
        if not scope.reuse:
            raise ArgumentError(
                f"Variable {full} already exists, disallowed. Did you mean to set reuse=True or reuse=tf.AUTO_REUSE in "
                f"the variable scope?"
            )
        if shape is not None and not found.shape.is_compatible_with(TensorShape(shape)):
            raise ShapeError(
                f"Trying to share variable {full}, but specified shape {tuple(TensorShape(shape))} and found shape "
                f"{tuple(found.shape)}."
            )
        return found
    if scope.reuse is True:
        raise ArgumentError(f"Variable {full} does not exist, or was not created with tf.get_variable().")
    initial = _first_value(initializer if initializer is not None else scope.initializer, full, shape, dtype)
    with graph.name_scope(None):
        variable = GraphVariable(graph, initial, trainable, collections, full)
    graph.variables[full] = variable
    if regularizer is not None:
        graph.add_to_collection(GraphKeys.REGULARIZATION_LOSSES, regularizer(variable))
    return variable


def _first_value(initializer: Any, name: str, shape: Any, dtype: Any) -> Any:
    if initializer is not None and not callable(initializer):
        return to_tensor(initializer, dtype)
    if shape is None:
        raise ArgumentError(f"Shape of a new variable ({name}) must be fully defined, but was None.")
    sizes = [int(size) for size in TensorShape(shape)]
    kind = dtypes.get(dtype or "float32")
    if initializer is None:
        if not kind.is_floating:
            return to_tensor(np.zeros(sizes, kind.numpy))
        initializer = glorot_uniform_initializer
    if isinstance(initializer, type):
        initializer = initializer()
    return lambda: initializer(sizes, dtype=kind)
