"""`get_variable` and the scopes in which it makes and finds variables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from epochal import dtypes
from epochal.errors import ArgumentError, ShapeError
from epochal.tf.conversion import to_tensor
from epochal.tf.graph import Graph, GraphKeys, get_default_graph
from epochal.tf.initializers import glorot_uniform_initializer
from epochal.tf.shapes import TensorShape
from epochal.tf.variables import GraphVariable

AUTO_REUSE = "auto"


class VariableScope:
    """Where `get_variable` makes and finds variables.

    Attributes:
        name: Prefix of their names, without the final slash.
        original_name_scope: Prefix of operations' names, with the final slash.
        reuse: ``False``: make; ``True``: find; `AUTO_REUSE`: find or make.
        initializer, regularizer, dtype: What `get_variable` uses if it is given none.
    """

    def __init__(
        self, name: str, reuse: Any, initializer: Any = None, regularizer: Any = None, dtype: Any = None
    ) -> None:
        self.name = name
        self.original_name_scope = f"{name}/" if name else ""
        self.reuse = reuse
        self.initializer = initializer
        self.regularizer = regularizer
        self.dtype = dtype

    def reuse_variables(self) -> None:
        """From here on variables are found, not made."""
        self.reuse = True

    def set_initializer(self, initializer: Any) -> None:
        """What `get_variable` uses if it is given none."""
        self.initializer = initializer

    def set_regularizer(self, regularizer: Any) -> None:
        """What `get_variable` uses if it is given none."""
        self.regularizer = regularizer

    def global_variables(self) -> list[Any]:
        """The global variables made in this scope."""
        return get_default_graph().get_collection(GraphKeys.GLOBAL_VARIABLES, f"{self.name}/")

    def trainable_variables(self) -> list[Any]:
        """The trainable variables made in this scope."""
        return get_default_graph().get_collection(GraphKeys.TRAINABLE_VARIABLES, f"{self.name}/")


@contextmanager
def variable_scope(
    name_or_scope: Any = None,
    default_name: str | None = None,
    values: Any = None,
    initializer: Any = None,
    regularizer: Any = None,
    caching_device: Any = None,
    partitioner: Any = None,
    custom_getter: Any = None,
    reuse: Any = None,
    dtype: Any = None,
    use_resource: Any = None,
    constraint: Any = None,
    auxiliary_name_scope: bool = True,
) -> Iterator[VariableScope]:
    """Inside the block `get_variable` prefixes names with `name_or_scope`.

    Args:
        name_or_scope: A name inside the open scope, or a scope, which is entered again; ``None``: a form of
            `default_name` that was not used in the open scope yet.
        default_name: See `name_or_scope`.
        values: Means nothing here.
        initializer: Default of the variables inside.
        regularizer: Default of the variables inside.
        caching_device: Means nothing here.
        partitioner: Means nothing here.
        custom_getter: Not supported: must be ``None``.
        reuse: ``True``, ``False``, `AUTO_REUSE`, or ``None`` for the open scope's.
        dtype: Default of the variables inside.
        use_resource: Means nothing here.
        constraint: Means nothing here.
        auxiliary_name_scope: Whether names of operations get the prefix too.

    Raises:
        ArgumentError: Neither a name nor a default is given, or `custom_getter` is.
    """
    if custom_getter is not None:
        raise ArgumentError("variable_scope: custom_getter is not supported. Wrap tf.get_variable in a function.")
    graph = get_default_graph()
    outer = _innermost(graph)
    if isinstance(name_or_scope, VariableScope):
        base, full, local = name_or_scope, name_or_scope.name, name_or_scope.original_name_scope
    else:
        if name_or_scope is None and default_name is None:
            raise ArgumentError("If default_name is None then name_or_scope is required.")
        local = str(name_or_scope) if name_or_scope is not None else _unused(graph, outer, str(default_name))
        base, full = outer, f"{outer.name}/{local}" if outer.name else local
    chosen = reuse or outer.reuse or base.reuse
    scope = VariableScope(
        full,
        chosen,
        initializer if initializer is not None else base.initializer,
        regularizer if regularizer is not None else base.regularizer,
        dtype if dtype is not None else base.dtype,
    )
    graph.scope_counts[full] = graph.scope_counts.get(full, 0) + 1
    graph.scopes.append(scope)
    try:
        if auxiliary_name_scope:
            with graph.name_scope(local or None) as names:
                scope.original_name_scope = names
                yield scope
        else:
            yield scope
    finally:
        graph.scopes.pop()
        # Default names start from the beginning when a scope is entered again, so that layers in it find theirs.
        for name in [name for name in graph.scope_counts if name.startswith(f"{full}/")]:
            del graph.scope_counts[name]


def _innermost(graph: Graph) -> VariableScope:
    if not graph.scopes:
        graph.scopes.append(VariableScope("", False))
    scope: VariableScope = graph.scopes[-1]
    return scope


def _unused(graph: Graph, outer: VariableScope, name: str) -> str:
    """`name`, or the first of ``name_1``, ``name_2`` ... that was not opened in the outer scope yet."""
    prefix = f"{outer.name}/" if outer.name else ""
    candidate, count = name, 0
    while graph.scope_counts.get(prefix + candidate):
        count += 1
        candidate = f"{name}_{count}"
    return candidate


def get_variable_scope() -> VariableScope:
    """The innermost open variable scope."""
    return _innermost(get_default_graph())


def get_variable(
    name: str,
    shape: Any = None,
    dtype: Any = None,
    initializer: Any = None,
    regularizer: Any = None,
    trainable: bool | None = None,
    collections: Iterable[str] | None = None,
    caching_device: Any = None,
    partitioner: Any = None,
    validate_shape: bool = True,
    use_resource: Any = None,
    custom_getter: Any = None,
    constraint: Any = None,
    synchronization: Any = None,
    aggregation: Any = None,
) -> Any:
    """The variable `name` of the open variable scope, made or found as the scope's `reuse` says.

    Args:
        name: Without the scope.
        shape: Needed unless `initializer` is a tensor or array.
        dtype: The scope's, or float32, if not given.
        initializer: A tensor, or a function of (shape, dtype); default: the scope's, or Glorot's uniform.
        regularizer: A function of the variable whose result joins the collection of regularization losses.
        trainable: See `Variable`.
        collections: See `Variable`.
        caching_device: Means nothing here, as do all below.
        partitioner: See `caching_device`.
        validate_shape: See `caching_device`.
        use_resource: See `caching_device`.
        custom_getter: See `caching_device`.
        constraint: See `caching_device`.
        synchronization: See `caching_device`.
        aggregation: See `caching_device`.

    Raises:
        ArgumentError: It exists and may not be reused, or does not exist and must.
        ShapeError: It exists with another shape.
    """
    graph = get_default_graph()
    scope = _innermost(graph)
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
        raise ArgumentError(
            f"Variable {full} does not exist, or was not created with tf.get_variable(). Did you mean to set "
            f"reuse=tf.AUTO_REUSE in the variable scope?"
        )
    kind = dtype if dtype is not None else scope.dtype
    initial = _first_value(initializer if initializer is not None else scope.initializer, full, shape, kind)
    with graph.name_scope(None):
        variable = GraphVariable(graph, initial, trainable is not False, collections, full)
    graph.variables[full] = variable
    penalty = regularizer if regularizer is not None else scope.regularizer
    if penalty is not None:
        loss = penalty(variable)
        if loss is not None:
            graph.add_to_collection(GraphKeys.REGULARIZATION_LOSSES, loss)
    return variable


def _first_value(initializer: Any, name: str, shape: Any, dtype: Any) -> Any:
    if initializer is not None and not callable(initializer):
        return to_tensor(initializer, dtype)
    if shape is None:
        raise ArgumentError(f"Shape of a new variable ({name}) must be fully defined, but was None.")
    sizes = [None if size is None else int(size) for size in TensorShape(shape)]
    if None in sizes:
        raise ArgumentError(f"Shape of a new variable ({name}) must be fully defined, but was {tuple(sizes)}.")
    kind = dtypes.get(dtype or "float32")
    if initializer is None:
        if not kind.is_floating:
            return to_tensor(np.zeros(sizes, kind.numpy))
        initializer = glorot_uniform_initializer
    if isinstance(initializer, type):
        initializer = initializer()
    return _Start(initializer, sizes, kind)


class _Start:
    """A variable's first value as a function without arguments, which runs inside the variable's name scope."""

    def __init__(self, initializer: Callable[..., Any], sizes: list[Any], dtype: Any) -> None:
        self._initializer, self._sizes, self._element = initializer, sizes, dtype

    def __call__(self) -> Any:
        return self._initializer(self._sizes, dtype=self._element)


def get_local_variable(name: str, shape: Any = None, dtype: Any = None, initializer: Any = None, **others: Any) -> Any:
    """`get_variable`, not trainable, in the collection of local variables."""
    options = {**others, "collections": [GraphKeys.LOCAL_VARIABLES], "trainable": False}
    return get_variable(name, shape, dtype, initializer, **options)


def make_template(name_: str, func_: Callable[..., Any], create_scope_now_: bool = False, **kwargs: Any) -> Any:
    """`func_` as a function that makes its variables in the first call and finds them in later ones."""
    scopes: list[VariableScope] = []

    def call(*arguments: Any, **keywords: Any) -> Any:
        if scopes:
            with variable_scope(scopes[0], reuse=True):
                return func_(*arguments, **{**kwargs, **keywords})
        with variable_scope(None, name_) as scope:
            scopes.append(scope)
            return func_(*arguments, **{**kwargs, **keywords})

    return call
