"""Variables. In a graph a variable has a value in each session; in eager execution it holds its numbers itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from epochal import dtypes
from epochal.dtypes import DType
from epochal.errors import ArgumentError, NotSupportedError, ShapeError
from epochal.ir import TensorType
from epochal.tensor import Tensor, functions
from epochal.tensor import Variable as EagerVariable
from epochal.tensor import context as contexts
from epochal.tf.conversion import to_tensor
from epochal.tf.graph import Graph, GraphKeys, Operation, current_graph, default_session, get_default_graph
from epochal.tf.operators import attach
from epochal.tf.shapes import TensorShape
from epochal.topi.inventory import BUILD


class _VariableKind(type):
    """Makes and recognises both kinds of variable under one name."""

    def __call__(cls, *arguments: Any, **keywords: Any) -> Any:
        return make_variable(*arguments, **keywords)

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, (GraphVariable, EagerVariable))


def make_variable(
    initial_value: Any = None,
    trainable: bool | None = None,
    collections: Iterable[str] | None = None,
    validate_shape: bool = True,
    caching_device: Any = None,
    name: str | None = None,
    variable_def: Any = None,
    dtype: Any = None,
    shape: Any = None,
    **others: Any,
) -> Any:
    """A variable of the current graph, or, in eager execution, one that holds its numbers itself.

    Args:
        initial_value: Tensor, array, number, or a function without arguments that returns one.
        trainable: Whether optimizers change it by default (yes, if ``None``).
        collections: Of the graph, that it joins; default: the global variables.
        validate_shape: Shapes are always validated.
        caching_device: Means nothing here.
        name: Made unique in a graph.
        variable_def: Not supported: must be ``None``.
        dtype: What `initial_value` is converted to.
        shape: What `initial_value` must have (eager execution).
        others: Options about devices and distribution, which mean nothing here.
    """
    if variable_def is not None:
        raise NotSupportedError("tf.Variable: variable_def is not supported. Give initial_value.")
    graph = current_graph()
    if graph is None:
        return EagerVariable(initial_value, dtype=dtype, trainable=trainable is not False, name=name, shape=shape)
    return GraphVariable(graph, initial_value, trainable is not False, collections, name, dtype)


class Variable(metaclass=_VariableKind):
    """TensorFlow's variable; see `make_variable` for its arguments. Not to be subclassed."""


class GraphVariable:
    """A variable of a graph.

    Attributes:
        graph: Where it lives.
        name: Such as ``"weights:0"``.
        type: Element type and shape.
        trainable: Whether optimizers change it by default.
        initial_value: The tensor that `initializer` assigns.
        initializer: The operation that gives it its first value.
    """

    __array_priority__ = 100

    def __init__(
        self,
        graph: Graph,
        initial_value: Any,
        trainable: bool = True,
        collections: Iterable[str] | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        if initial_value is None:
            raise ArgumentError("tf.Variable needs an initial value. Received: None")
        self.graph = graph
        self.trainable = trainable
        base = graph.unique_name(name or "Variable")
        self._base = base
        self.name = f"{base}:0"
        # A variable made in a loop's body is the graph's all the same, and so is its first value.
        with graph, graph.control_dependencies(None), graph.name_scope(f"{base}/"):
            value = (
                initial_value() if callable(initial_value) and not hasattr(initial_value, "dtype") else initial_value
            )
            self.initial_value = to_tensor(value, dtype) if not isinstance(value, Tensor) else to_tensor(value)
            if dtype is not None and self.initial_value.dtype is not dtypes.get(dtype):
                to_tensor(self.initial_value, dtype)
            if None in self.initial_value.shape:
                raise ShapeError(
                    f"Variable {base!r}: the initial value must have a known shape. "
                    f"Received: {self.initial_value.shape}"
                )
            self.type = TensorType(self.initial_value.dtype, tuple(self.initial_value.dimensions))
            assigned = graph.assign_value(self, _value_in(self.initial_value))
            self.initializer = graph.add_operation("Assign", "Assign", assigned.node)
        self.op = graph.register(base, "VariableV2", None)
        graph.variable_operations[base] = self
        for key in collections if collections is not None else (GraphKeys.GLOBAL_VARIABLES,):
            graph.add_to_collection(key, self)
        if trainable:
            graph.add_to_collection(GraphKeys.TRAINABLE_VARIABLES, self)

    @property
    def dtype(self) -> DType:
        return self.type.dtype

    @property
    def shape(self) -> TensorShape:
        return TensorShape(self.type.shape)  # type: ignore[arg-type]

    @property
    def dimensions(self) -> tuple[Any, ...]:
        return self.type.shape

    @property
    def ndim(self) -> int:
        return len(self.type.shape)

    def get_shape(self) -> TensorShape:
        return self.shape

    def __epochal_tensor__(self) -> Tensor:
        return self.read_value()

    def read_value(self) -> Tensor:
        """A tensor of what it holds at this point of the order of operations."""
        context = contexts.current()
        if context is None:
            context = self.graph
        return context.wrap(context.read(self))

    value = read_value

    def initialized_value(self) -> Tensor:
        """The tensor of its first value."""
        return self.initial_value

    def assign(self, value: Any, use_locking: bool = False, name: str | None = None, read_value: bool = True) -> Tensor:
        """A tensor that, when it runs, replaces what the variable holds; its numbers are the new value."""
        tensor = to_tensor(value, self.dtype)
        if not TensorShape(tensor.shape).is_compatible_with(self.shape):
            raise ShapeError(
                f"Variable {self._base!r} has shape {tuple(self.shape)} and cannot be assigned a value of shape "
                f"{tensor.shape}."
            )
        return assign_in_graph(self.graph, self, tensor, name)

    def assign_add(
        self, delta: Any, use_locking: bool = False, name: str | None = None, read_value: bool = True
    ) -> Tensor:
        """`assign` of the value plus `delta`."""
        return self.assign(self.read_value() + to_tensor(delta, self.dtype), name=name or "AssignAdd")

    def assign_sub(
        self, delta: Any, use_locking: bool = False, name: str | None = None, read_value: bool = True
    ) -> Tensor:
        """`assign` of the value minus `delta`."""
        return self.assign(self.read_value() - to_tensor(delta, self.dtype), name=name or "AssignSub")

    def eval(self, session: Any = None) -> Any:
        """What it holds in `session`, or in the default one."""
        return default_session(session).run(self)

    def load(self, value: Any, session: Any = None) -> None:
        """Gives it a value in `session` without building an operation."""
        default_session(session).load(self, value)

    def set_shape(self, shape: Any) -> None:
        """Checks that `shape` is its shape."""
        if not self.shape.is_compatible_with(TensorShape(shape)):
            raise ShapeError(f"Variable {self._base!r} has shape {tuple(self.shape)}. Received: {shape}")

    def __iter__(self) -> Iterator[Tensor]:
        raise TypeError("A variable of a graph is not iterable.")

    def __repr__(self) -> str:
        return f"<tf.Variable '{self.name}' shape={self.shape} dtype={self.dtype.name}>"


attach(GraphVariable)


def assign_in_graph(graph: Graph, variable: Any, tensor: Tensor, name: str | None = None) -> Tensor:
    """The new value of a variable of either kind, as a tensor of the graph that assigns it when it runs."""
    context = contexts.current()
    if context is not None and context is not graph:  # the body of a conditional or loop: it carries the value out
        context.assign(variable, _value_in(tensor))
        return context.wrap(context.read(variable))
    result = graph.wrap(graph.assign_value(variable, _value_in(tensor)))
    graph.add_operation(name or "Assign", "Assign", result.value.node)
    return result


def _value_in(tensor: Tensor) -> Any:
    return BUILD.constant(tensor.data) if tensor.data is not None else tensor.value


# --- collections of variables


def global_variables(scope: str | None = None) -> list[Any]:
    """All variables of the current graph but the local ones."""
    return get_default_graph().get_collection(GraphKeys.GLOBAL_VARIABLES, scope)


def trainable_variables(scope: str | None = None) -> list[Any]:
    """Those that optimizers change by default."""
    found = get_default_graph().get_collection(GraphKeys.TRAINABLE_VARIABLES, scope)
    return [variable for variable in found if variable.trainable]


def local_variables(scope: str | None = None) -> list[Any]:
    """Those in the collection of local variables."""
    return get_default_graph().get_collection(GraphKeys.LOCAL_VARIABLES, scope)


def variables_initializer(var_list: Sequence[Any], name: str = "init") -> Operation:
    """An operation that gives variables their first values. Those of Keras's layers have theirs from the start."""
    graph = get_default_graph()
    own = [variable.initializer for variable in var_list if isinstance(variable, GraphVariable)]
    return graph.add_operation(name, "NoOp", None, own)


def global_variables_initializer() -> Operation:
    """An operation that gives all global variables their first values."""
    return variables_initializer(global_variables())


def local_variables_initializer() -> Operation:
    """An operation that gives all local variables their first values."""
    return variables_initializer(local_variables())


initialize_all_variables = global_variables_initializer


def assign(
    ref: Any, value: Any, validate_shape: bool = True, use_locking: bool = False, name: str | None = None
) -> Any:
    """`ref.assign(value)`."""
    graph = current_graph()
    if graph is None:
        return ref.assign(value)
    if isinstance(ref, GraphVariable):
        return ref.assign(value, name=name)
    if not isinstance(ref, EagerVariable):
        raise ArgumentError(f"assign: expected a variable. Received: {ref!r}")
    return assign_in_graph(graph, ref, to_tensor(value, ref.dtype), name)


def assign_add(ref: Any, value: Any, use_locking: bool = False, name: str | None = None) -> Any:
    """`ref.assign_add(value)`."""
    return ref.assign_add(value, name=name) if isinstance(ref, GraphVariable) else ref.assign_add(value)


def assign_sub(ref: Any, value: Any, use_locking: bool = False, name: str | None = None) -> Any:
    """`ref.assign_sub(value)`."""
    return ref.assign_sub(value, name=name) if isinstance(ref, GraphVariable) else ref.assign_sub(value)


def _scatter(function: Any) -> Any:
    def update(ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None) -> Any:
        value = to_tensor(ref)
        return assign(ref, function(value, to_tensor(indices), to_tensor(updates, like=value.dtype)), name=name)

    return update


scatter_update = _scatter(functions.scatter_set)
scatter_update.__doc__ = "Replaces the rows of a variable at `indices` by `updates`."
scatter_add = _scatter(functions.scatter_add)
scatter_add.__doc__ = "Adds `updates` to the rows of a variable at `indices`; repeated rows add up."
scatter_sub = _scatter(lambda x, indices, updates: functions.scatter_add(x, indices, functions.negative(updates)))
scatter_sub.__doc__ = "Subtracts `updates` from the rows of a variable at `indices`; repeated rows add up."


def is_variable_initialized(variable: Any, name: str | None = None) -> Any:
    """Whether a variable has a value in the session that runs it."""
    raise NotSupportedError(
        "is_variable_initialized is not supported: run tf.global_variables_initializer() once, at the start."
    )


report_uninitialized_variables = is_variable_initialized


def moving_average_variables(scope: str | None = None) -> list[Any]:
    """Those that have a moving average."""
    return get_default_graph().get_collection(GraphKeys.MOVING_AVERAGE_VARIABLES, scope)


def model_variables(scope: str | None = None) -> list[Any]:
    """Those in the collection of model variables."""
    return get_default_graph().get_collection(GraphKeys.MODEL_VARIABLES, scope)


all_variables = global_variables
initialize_variables = variables_initializer
initialize_local_variables = local_variables_initializer
