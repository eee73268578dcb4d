"""TensorFlow 1's graph: where operations go when nothing runs yet, with their names, collections and order.

A graph is a `Context` of the tensor layer: while it is current, every operation builds a node in it. Effects
(assignments) need no token of their own: a session runs what its fetches need in the order of creation, which respects
data and control dependencies alike, since an operation can only depend on what existed before it.
"""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from epochal.errors import ArgumentError, NotSupportedError
from epochal.ir import Node, Value
from epochal.tensor import Tensor
from epochal.tensor import Variable as EagerVariable
from epochal.tensor import context as contexts
from epochal.tf.operators import attach
from epochal.tf.shapes import TensorShape
from epochal.topi.inventory import BUILD

Function = TypeVar("Function", bound=Callable[..., Any])


class GraphKeys:
    """Names of the standard collections."""

    GLOBAL_VARIABLES = "variables"
    LOCAL_VARIABLES = "local_variables"
    MODEL_VARIABLES = "model_variables"
    METRIC_VARIABLES = "metric_variables"
    TRAINABLE_VARIABLES = "trainable_variables"
    MOVING_AVERAGE_VARIABLES = "moving_average_variables"
    UPDATE_OPS = "update_ops"
    LOSSES = "losses"
    REGULARIZATION_LOSSES = "regularization_losses"
    SUMMARIES = "summaries"
    GLOBAL_STEP = "global_step"
    WEIGHTS, BIASES, ACTIVATIONS = "weights", "biases", "activations"
    TABLE_INITIALIZERS, QUEUE_RUNNERS, SAVERS = "table_initializer", "queue_runners", "savers"
    INIT_OP, LOCAL_INIT_OP, TRAIN_OP, EVAL_STEP = "init_op", "local_init_op", "train_op", "eval_step"


class Operation:
    """Something a session can run.

    Attributes:
        name: Unique in its graph.
        type: Its kind, such as ``"MatMul"``.
        graph: Where it lives.
        node: The node that computes it; ``None`` if it only gathers others (`group`, `no_op`).
        control_inputs: Operations that run with it.
    """

    __slots__ = ("__weakref__", "control_inputs", "graph", "name", "node", "type")

    def __init__(
        self, graph: Graph, name: str, kind: str, node: Node | None, control_inputs: Sequence[Operation] = ()
    ) -> None:
        self.graph = graph
        self.name = name
        self.type = kind
        self.node = node
        self.control_inputs = tuple(control_inputs)

    @property
    def outputs(self) -> list[Tensor]:
        return [] if self.node is None else [GraphTensor(value, self.graph) for value in self.node.outputs]

    @property
    def inputs(self) -> list[Tensor]:
        return [] if self.node is None else [GraphTensor(value, self.graph) for value in self.node.inputs]

    def run(self, feed_dict: Any = None, session: Any = None) -> None:
        """Runs it in `session`, or in the default one."""
        default_session(session).run(self, feed_dict)

    def __repr__(self) -> str:
        return f"<tf.Operation '{self.name}' type={self.type}>"


class GraphTensor(Tensor):
    """A tensor of a graph: it has numbers only when a session runs.

    Attributes:
        graph: Where it lives.
    """

    __slots__ = ("graph",)

    def __init__(self, value: Value, graph: Graph) -> None:
        super().__init__(None, value)
        self.graph = graph

    @property
    def op(self) -> Operation:
        return self.graph.operation_of(self.value.node)

    @property
    def name(self) -> str:
        return f"{self.op.name}:{self.value.index}"

    @property
    def shape(self) -> TensorShape:
        return TensorShape(super().shape)

    def get_shape(self) -> TensorShape:
        return self.shape

    @property
    def device(self) -> str:
        return ""

    def set_shape(self, shape: Any) -> None:
        """Checks that `shape` does not contradict what is known; it adds nothing to that.

        Raises:
            ShapeError: It does.
        """
        self.shape.merge_with(shape)

    def consumers(self) -> list[Operation]:
        """Not kept.

        Raises:
            NotSupportedError: Always.
        """
        raise NotSupportedError("Tensor.consumers() is not supported: graphs keep no list of them.")

    def eval(self, feed_dict: Any = None, session: Any = None) -> Any:
        """Its numbers in `session`, or in the default one."""
        return default_session(session).run(self, feed_dict)

    def __repr__(self) -> str:
        return f"<tf.Tensor '{self.name}' shape={TensorShape(self.shape)} dtype={self.dtype.name}>"

    def __str__(self) -> str:
        return f'Tensor("{self.name}", shape={TensorShape(self.shape)}, dtype={self.dtype.name})'


attach(GraphTensor)


class Graph(contexts.Context):
    """A graph under construction.

    Attributes:
        seed: The graph-level seed of random operations, set by `set_random_seed`; ``None``: none.
        scopes: Open variable scopes (see `variable_scope`).
        variables: Variables made by `get_variable`, by name.
        variable_operations: Variables by the names of their operations.
        scope_counts: How often each variable scope was opened (see `variable_scope`).
        sources: Placeholders that a data set's iterator feeds: the iterator, and which component of its elements.
        starters: Operations that start a data set's iterator: what has the method `start(session)`.
        rankless: Placeholders made without a shape, and scalars computed from them: they may turn out to be arrays.
    """

    symbolic_only = True

    def __init__(self) -> None:
        super().__init__()
        self.seed: int | None = None
        self.variables: dict[str, Any] = {}
        self.scopes: list[Any] = []
        self.random_operations = 0
        self._lock = threading.RLock()
        self._used: dict[str, int] = {}
        self._scope = ""
        self._operations: dict[str, Operation] = {}
        self._by_node: dict[int, Operation] = {}
        self._control_stack: list[tuple[Operation, ...]] = []
        self._control: dict[int, tuple[Operation, ...]] = {}
        self._attached: dict[int, list[Node]] = {}
        self._collections: dict[str, list[Any]] = {}
        self._finalized = False
        self._own: set[int] = set()
        self.scope_counts: dict[str, int] = {}
        self.sources: dict[Value, tuple[Any, int]] = {}
        self.starters: dict[Operation, Any] = {}
        self.rankless: set[Value] = set()
        self.variable_operations: dict[str, Any] = {}

    @contextmanager
    def as_default(self) -> Iterator[Graph]:
        """Inside the block operations go to this graph."""
        with self:
            yield self

    # --- what the tensor layer asks of a context

    def read(self, variable: Any) -> Value:
        if isinstance(variable, EagerVariable) and id(variable) not in self._own:
            self.created(variable)
        value: Value = BUILD.variable_read(state=variable)
        self.record(value.node)
        return value

    def assign(self, variable: Any, value: Value) -> None:
        """What a conditional or loop assigns runs whenever that construct does."""
        result = self.assign_value(variable, value)
        if "control" in value.node.operator.traits:
            self.attach(value.node, result.node)

    def created(self, variable: Any) -> None:
        """A variable of the tensor layer (a Keras layer's, say), made or first read; it has its first value already."""
        self._own.add(id(variable))
        self.add_to_collection(GraphKeys.GLOBAL_VARIABLES, variable)
        if variable.trainable:
            self.add_to_collection(GraphKeys.TRAINABLE_VARIABLES, variable)

    def assign_value(self, variable: Any, value: Value) -> Value:
        """A node that replaces the variable when it runs; its result is the new value."""
        result: Value = BUILD.variable_assign(value, state=variable)
        self.record(result.node)
        return result

    def wrap(self, value: Value) -> GraphTensor:
        return GraphTensor(value, self)

    def record(self, node: Node) -> None:
        if self._finalized:
            raise ArgumentError("The graph is finalized and cannot be changed. Build all operations before finalize().")
        if self._control_stack:
            self._control[node.serial] = tuple(op for operations in self._control_stack for op in operations)
        if self.rankless and not self.rankless.isdisjoint(node.inputs):
            self.rankless.update(value for value in node.outputs if not value.shape)

    def copy_of(self, tensor: Tensor) -> Value:
        """A node of its own for the tensor's numbers: it may be fed, or wait for control dependencies."""
        source = tensor.value if tensor.value is not None else BUILD.constant(tensor.data)
        value: Value = BUILD.reshape(source, shape=source.shape)
        self.record(value.node)
        return value

    # --- order

    def attach(self, node: Node, effect: Node) -> None:
        """`effect` runs whenever `node` does."""
        self._attached.setdefault(node.serial, []).append(effect)

    def companions(self, node: Node) -> Iterator[Node | Operation]:
        """What runs whenever `node` does, beside its operands."""
        yield from self._control.get(node.serial, ())
        yield from self._attached.get(node.serial, ())

    @contextmanager
    def control_dependencies(self, control_inputs: Sequence[Any] | None) -> Iterator[None]:
        """Operations made inside the block run after `control_inputs`; ``None`` forgets the outer ones."""
        saved = self._control_stack
        if control_inputs is None:
            self._control_stack = []
        else:
            self._control_stack = [*saved, tuple(self.as_operation(item) for item in control_inputs)]
        try:
            yield
        finally:
            self._control_stack = saved

    def current_control(self) -> tuple[Operation, ...]:
        return tuple(op for operations in self._control_stack for op in operations)

    # --- names

    def unique_name(self, name: str) -> str:
        """`name` inside the open name scopes, with a number if it is taken. One ending in ``/`` is taken as it is."""
        with self._lock:
            if name.endswith("/") and name[:-1] not in self._operations:  # a scope's own name, for its result
                self._used.setdefault(name[:-1], 1)
                return name[:-1]
            full = name[:-1] if name.endswith("/") else (f"{self._scope}/{name}" if self._scope else name)
            count = self._used.get(full, 0)
            self._used[full] = count + 1
            while count:
                candidate = f"{full}_{count}"
                if candidate not in self._used:
                    self._used[candidate] = 1
                    return candidate
                count += 1
            return full

    @contextmanager
    def name_scope(self, name: str | None) -> Iterator[str]:
        """Names made inside the block start with `name` and a slash."""
        saved = self._scope
        if not name:
            self._scope = ""
        elif name.endswith("/"):
            self._scope = name[:-1]
        else:
            self._scope = self.unique_name(name)
        try:
            yield f"{self._scope}/" if self._scope else ""
        finally:
            self._scope = saved

    def add_operation(
        self, name: str, kind: str, node: Node | None, control_inputs: Sequence[Operation] = ()
    ) -> Operation:
        """Registers an operation under a unique form of `name`."""
        return self.register(self.unique_name(name), kind, node, control_inputs)

    def register(
        self, unique: str, kind: str, node: Node | None, control_inputs: Sequence[Operation] = ()
    ) -> Operation:
        """Registers an operation under a name that `unique_name` gave."""
        operation_ = Operation(self, unique, kind, node, control_inputs)
        self._operations[unique] = operation_
        if node is not None:
            self._by_node[node.serial] = operation_
        return operation_

    def operation_of(self, node: Node) -> Operation:
        """The operation that a node belongs to, registered now if it has none yet."""
        found = self._by_node.get(node.serial)
        return found if found is not None else self.add_operation(node.operator.name, node.operator.name, node)

    def is_registered(self, node: Node) -> bool:
        """Whether a node has a named operation already."""
        return node.serial in self._by_node

    def as_operation(self, item: Any) -> Operation:
        """The operation behind a tensor, variable or operation."""
        if isinstance(item, Operation):
            return item
        if isinstance(item, GraphTensor):
            return self.operation_of(item.value.node)
        found = getattr(item, "op", None)
        if isinstance(found, Operation):
            return found
        raise ArgumentError(f"Expected an operation, tensor or variable of a graph. Received: {item!r}")

    def get_operations(self) -> list[Operation]:
        return list(self._operations.values())

    def get_operation_by_name(self, name: str) -> Operation:
        """The operation of that name.

        Raises:
            KeyError: There is none.
        """
        if name not in self._operations:
            raise KeyError(f"The name {name!r} refers to an operation that is not in the graph.")
        return self._operations[name]

    def get_tensor_by_name(self, name: str) -> GraphTensor:
        """The tensor of that name, such as ``"scores:0"``.

        Raises:
            ValueError: The name has no index.
            KeyError: There is no such operation or result.
        """
        head, colon, index = name.rpartition(":")
        if not colon or not index.isdigit():
            raise ArgumentError(f"A tensor's name has the form 'operation:index'. Received: {name!r}")
        if head in self.variable_operations:
            with self:
                return self.wrap(self.read(self.variable_operations[head]))
        node = self.get_operation_by_name(head).node
        if node is None or int(index) >= len(node.outputs):
            raise KeyError(f"Operation {head!r} has no result {index}.")
        return GraphTensor(node.outputs[int(index)], self)

    def as_graph_element(self, item: Any) -> Any:
        """The tensor, operation or variable that `item` is or names."""
        if not isinstance(item, str):
            return item
        return self.get_tensor_by_name(item) if ":" in item else self.get_operation_by_name(item)

    # --- collections

    def add_to_collection(self, name: str, value: Any) -> None:
        self._collections.setdefault(name, []).append(value)

    def get_collection(self, name: str, scope: str | None = None) -> list[Any]:
        """What was added, optionally only what has a name starting with `scope`."""
        values = self._collections.get(name, [])
        return [v for v in values if scope is None or getattr(v, "name", "").startswith(scope)]

    def get_collection_ref(self, name: str) -> list[Any]:
        return self._collections.setdefault(name, [])

    def finalize(self) -> None:
        """Refuses any further operation."""
        self._finalized = True

    @property
    def finalized(self) -> bool:
        return self._finalized


class _Defaults:
    """The graph of programs that open none, and the stack of default sessions."""

    def __init__(self) -> None:
        self.graph: Graph | None = None
        self.sessions: list[Any] = []


DEFAULTS = _Defaults()


def current_graph() -> Graph | None:
    """The graph that operations go to; ``None`` in eager execution. Bodies of conditionals belong to their graph."""
    context = contexts.current()
    while context is not None and not isinstance(context, Graph):
        context = getattr(context, "outer", None)
    return context


def get_default_graph() -> Graph:
    """The current graph, or the process's default one."""
    graph = current_graph()
    if graph is not None:
        return graph
    if DEFAULTS.graph is None:
        DEFAULTS.graph = Graph()
    return DEFAULTS.graph


def reset_default_graph() -> None:
    """Starts a new default graph."""
    was_default = DEFAULTS.graph is not None and contexts.current() is DEFAULTS.graph
    DEFAULTS.graph = Graph()
    if was_default:
        contexts.set_current(DEFAULTS.graph)


def disable_eager_execution() -> None:
    """From here on operations build the default graph."""
    if current_graph() is None:
        contexts.set_current(get_default_graph())


def enable_eager_execution(config: Any = None, device_policy: Any = None, execution_mode: Any = None) -> None:
    """From here on operations run at once."""
    contexts.set_current(None)


def executing_eagerly() -> bool:
    """Whether operations run at once."""
    return contexts.current() is None


def default_session(session: Any = None) -> Any:
    """`session`, or the innermost session of a ``with`` block.

    Raises:
        ArgumentError: There is none.
    """
    if session is not None:
        return session
    if not DEFAULTS.sessions:
        raise ArgumentError("There is no default session. Use `with tf.Session():`, or pass session=.")
    return DEFAULTS.sessions[-1]


def operation(kind: str) -> Callable[[Function], Function]:
    """Gives a function of the facade TensorFlow's `name`, last: in a graph the result is registered under it."""

    def decorate(function: Function) -> Function:
        signature = inspect.signature(function)
        positional = len(signature.parameters)
        name_parameter = inspect.Parameter("name", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None)

        @functools.wraps(function)
        def call(*arguments: Any, name: str | None = None, **keywords: Any) -> Any:
            if len(arguments) > positional:
                *arguments, name = arguments  # type: ignore[assignment]
            result = function(*arguments, **keywords)
            if result.__class__ is Tensor and result.data is not None:
                graph = current_graph()
                if graph is not None:  # numbers known at once, such as zeros, are constants of the graph
                    result = graph.wrap(BUILD.constant(result.data))
            if isinstance(result, GraphTensor):
                node = result.value.node
                if name is not None or not result.graph.is_registered(node):
                    result.graph.add_operation(name or kind, kind, node)
            return result

        call.__signature__ = signature.replace(  # type: ignore[attr-defined]
            parameters=[*signature.parameters.values(), name_parameter]
        )
        return call  # type: ignore[return-value]

    return decorate
