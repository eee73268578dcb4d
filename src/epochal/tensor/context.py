"""Where symbolic operations go: what reading or assigning a variable means while a graph is being built.

Three kinds stand on `Context`: `Trace` (static shapes; variables become program state), `Deferred` (free-standing
nodes of unknown shape, for functional models and shape inference) and a facade's own (TensorFlow 1's graphs). None
current means eager execution.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from epochal.errors import ArgumentError
from epochal.ir import Graph, Node, Program, TensorType, Value, make_input, topological
from epochal.tensor.tensor import Tensor, TensorSpec
from epochal.topi.inventory import BUILD

if TYPE_CHECKING:
    from typing_extensions import Self

# Contexts entered and not left yet, in this thread or task; the last is current. None is eager execution.
_entered: ContextVar[tuple[Context | None, ...]] = ContextVar("contexts", default=(None,))


class Context:
    """What building a graph means. A facade derives its own and overrides what differs.

    Use as ``with context:``; contexts nest, and each thread and task has its own.

    Attributes:
        symbolic_only: Whether operations on eager tensors alone build nodes too (TensorFlow 1) instead of being
            executed at once (their result then is a constant of the graph).
    """

    symbolic_only = False

    def __enter__(self) -> Self:
        _entered.set((*_entered.get(), self))
        return self

    def __exit__(self, *error: object) -> None:
        _entered.set(_entered.get()[:-1])

    def read(self, variable: Any) -> Value:
        """The variable's value at this point."""
        value: Value = BUILD.variable_read(state=variable)
        return value

    def assign(self, variable: Any, value: Value) -> None:
        """Makes later reads see `value`, which has the variable's type."""
        raise NotImplementedError

    def wrap(self, value: Value) -> Tensor:
        """The tensor that a user holds for a value."""
        return Tensor(None, value)

    def record(self, node: Node) -> None:
        """Called for each node that an operation has built."""

    def created(self, variable: Any) -> None:
        """Called for each variable made while the context is current."""


class Deferred(Context):
    """Free-standing nodes: reads are `variable_read` nodes, assignments are seen by later reads and otherwise dropped.

    For building layers and inferring shapes: running a layer's code symbolically must not change its state.
    """

    def __init__(self) -> None:
        self._assigned: dict[int, tuple[Any, Value]] = {}

    def read(self, variable: Any) -> Value:
        found = self._assigned.get(id(variable))
        return super().read(variable) if found is None else found[1]

    def assign(self, variable: Any, value: Value) -> None:
        self._assigned[id(variable)] = (variable, value)


class Trace(Context):
    """A graph of static shapes in the making. Variables become states, in order of first use.

    Args:
        variables: Variables that are the first states, in this order, used or not.
    """

    def __init__(self, variables: Iterator[Any] | tuple[Any, ...] | list[Any] = ()) -> None:
        self.variables: list[Any] = []
        self.new_variables: list[Any] = []
        self._states: dict[int, Value] = {}
        self._latest: dict[int, Value] = {}
        self._shown: dict[int, Value] = {}
        self._arguments: list[Value] = []
        for variable in variables:
            self.read(variable)

    def argument(self, spec: TensorSpec | TensorType, name: str = "") -> Tensor:
        """A new argument of the program; its shape must be static.

        Raises:
            ArgumentError: A dimension is unknown.
        """
        type_ = spec.type if isinstance(spec, TensorSpec) else spec
        if not type_.is_static:
            raise ArgumentError(f"A traced argument must have a static shape. Received: {spec}")
        given = spec.name if isinstance(spec, TensorSpec) else None
        value = make_input(type_, name or given or f"argument_{len(self._arguments)}")
        self._arguments.append(value)
        return Tensor(None, value)

    def read(self, variable: Any) -> Value:
        value = self._latest.get(id(variable))
        if value is None:
            value = make_input(variable.type, str(variable.name))
            self.variables.append(variable)
            self._states[id(variable)] = self._latest[id(variable)] = value
        return self._shown.get(id(variable), value)

    def assign(self, variable: Any, value: Value) -> None:
        self.read(variable)
        self._latest[id(variable)] = value
        self._shown[id(variable)] = _cut(value)

    def created(self, variable: Any) -> None:
        self.new_variables.append(variable)

    def finish(self, results: list[Tensor] | tuple[Tensor, ...], names: tuple[str, ...] | None = None) -> Program:
        """The program that computes `results` and the new values of the variables assigned.

        Raises:
            ArgumentError: Something depends on a symbolic tensor of another trace.
        """
        states = [self._states[id(variable)] for variable in self.variables]
        outputs: list[Any] = [one.value if one.data is None else BUILD.constant(one.data) for one in results]
        replaced = []
        for index, (variable, state) in enumerate(zip(self.variables, states, strict=True)):
            if self._latest[id(variable)] is not state:
                replaced.append(index)
                outputs.append(self._latest[id(variable)])
        graph = Graph((*self._arguments, *states), outputs)
        _check_closed(graph)
        return Program(
            graph,
            tuple(value.node.parameters["name"] for value in self._arguments),
            names or tuple(f"result_{index}" for index in range(len(results))),
            tuple(str(variable.name) for variable in self.variables),
            tuple(replaced),
        )


def _cut(value: Value) -> Value:
    """What reads of a variable see after an assignment: as in eager execution, no gradient goes back through it."""
    return BUILD.stop_gradient(value) if value.type.dtype.is_floating else value


def _check_closed(graph: Graph) -> None:
    own = {id(value.node) for value in graph.inputs}
    for node in topological(value.node for value in graph.outputs):
        foreign = node.operator.name == "variable_read" or (node.operator.name == "input" and id(node) not in own)
        if foreign:
            raise ArgumentError(
                f"A symbolic tensor of another trace ({node.outputs[0].type}) leaked into this one. Pass it as an "
                "argument, or keep what must outlive a trace in a Variable."
            )


class Branch(Context):
    """The body of a conditional or loop inside another context.

    Reads of variables go through placeholders, so that the construct can hand the variables in and carry out what
    was assigned.
    """

    def __init__(self, outer: Context | None) -> None:
        self.outer = outer
        self.symbolic_only = outer is not None and outer.symbolic_only
        self.placeholders: dict[int, tuple[Any, Value]] = {}
        self.latest: dict[int, Value] = {}
        self._shown: dict[int, Value] = {}

    def read(self, variable: Any) -> Value:
        value = self.latest.get(id(variable))
        if value is None:
            value = make_input(variable.type, str(variable.name))
            self.placeholders[id(variable)] = (variable, value)
            self.latest[id(variable)] = value
        return self._shown.get(id(variable), value)

    def assign(self, variable: Any, value: Value) -> None:
        self.read(variable)
        self.latest[id(variable)] = value
        self._shown[id(variable)] = _cut(value)

    def wrap(self, value: Value) -> Tensor:
        return Tensor(None, value) if self.outer is None else self.outer.wrap(value)

    def created(self, variable: Any) -> None:
        if self.outer is not None:
            self.outer.created(variable)

    @property
    def assigned(self) -> list[int]:
        """Which of `placeholders` got a new value."""
        return [key for key, (_, value) in self.placeholders.items() if self.latest[key] is not value]


def current() -> Context | None:
    """The context that symbolic operations go to; ``None`` in eager execution."""
    return _entered.get()[-1]


def set_current(context: Context | None) -> None:
    """Makes `context` current for the rest of this thread (or task), outside any ``with`` block."""
    _entered.set((*_entered.get()[:-1], context))


def effective() -> Context:
    """The current context, or one that builds free-standing nodes."""
    context = _entered.get()[-1]
    return _FREE if context is None else context


class _Free(Context):
    """What happens to symbolic tensors outside any context (functional models)."""

    def assign(self, variable: Any, value: Value) -> None:
        raise ArgumentError(
            f"Variable {variable.name!r} was assigned a symbolic tensor ({value.type}) outside a traced function."
        )


_FREE = _Free()


@contextmanager
def eagerly() -> Iterator[None]:
    """Inside the block operations run at once, whatever is being traced around it (TensorFlow's `init_scope`)."""
    _entered.set((*_entered.get(), None))
    try:
        yield
    finally:
        _entered.set(_entered.get()[:-1])
