"""TensorFlow 1's session: the values of a graph's variables, and the compiled programs of what was fetched from it.

Each distinct set of fetches and fed shapes is compiled once. After that a call looks its plan up, hands the arrays to
the executable and puts the results into the structure of the fetches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from epochal import compile as compiling
from epochal.errors import ArgumentError, ShapeError
from epochal.ir import Array, Node, Program, TensorType, Value
from epochal.passes.specialise import specialise_program
from epochal.tensor import Variable as EagerVariable
from epochal.tf.config_proto import ConfigProto
from epochal.tf.errors import FailedPreconditionError, InvalidArgumentError
from epochal.tf.graph import DEFAULTS, Graph, GraphTensor, Operation, get_default_graph
from epochal.tf.state import State
from epochal.tf.variables import GraphVariable

_MOST_PLANS = 512  # compiled programs that a session keeps


class Session:
    """Runs operations of a graph.

    Args:
        target: Must be empty: there is one process.
        graph: Default: the current default graph.
        config: Threads, among other things.
        num_threads: Threads of its programs; default: what `config` says, or the global setting.
    """

    def __init__(
        self,
        target: str = "",
        graph: Graph | None = None,
        config: ConfigProto | None = None,
        num_threads: int | None = None,
    ) -> None:
        if target:
            raise ArgumentError(f"There are no remote sessions: target must be ''. Received: {target!r}")
        self.graph = graph if graph is not None else get_default_graph()
        self._num_threads = num_threads or (config.intra_op_parallelism_threads or None if config else None)
        self._values: dict[Any, Array] = {}
        self._plans: dict[Any, _Plan | _SourcedPlan] = {}
        self._closed = False
        self._graph_entry: Any = None

    # --- running

    def run(
        self,
        fetches: Any,
        feed_dict: Mapping[Any, Any] | None = None,
        options: Any = None,
        run_metadata: Any = None,
        num_threads: int | None = None,
    ) -> Any:
        """The numbers of `fetches`.

        Args:
            fetches: A tensor, operation (its number is ``None``), variable or name, or lists, tuples and dicts of them.
            feed_dict: Tensor -> its numbers for this run.
            options: Means nothing here.
            run_metadata: Means nothing here.
            num_threads: Threads for this run.

        Raises:
            ArgumentError: Something that cannot be fetched or fed, or a placeholder that is needed and was not fed.
            ShapeError: A fed array does not have the placeholder's shape.
                FailedPreconditionError: A variable that is needed has no value yet.
        """
        if self._closed:
            raise ArgumentError("Attempted to use a closed Session.")
        fed: list[Any] = []
        arrays: list[Array] = []
        key: list[Any] = [_fetch_key(fetches)]
        if feed_dict:
            for tensor, value in feed_dict.items():
                if tensor.__class__ is not GraphTensor:
                    tensor = self._feedable(tensor)
                array = _fed_array(tensor, value)
                fed.append(tensor)
                arrays.append(array)
                key.append(tensor.value)
                key.append(array.shape)
        plan = self._plans.get(tuple(key))
        if plan is None:
            if len(self._plans) >= _MOST_PLANS:  # of a program that fetches something new in every step, the oldest
                del self._plans[next(iter(self._plans))]
            plan = self._plans[tuple(key)] = self._new_plan(fetches, fed, arrays)
        return plan.run(arrays, num_threads or self._num_threads)

    def _new_plan(self, fetches: Any, fed: list[GraphTensor], arrays: list[Array]) -> _Plan | _SourcedPlan:
        graph = self.graph
        if graph.sources or graph.starters:
            given = {tensor.value for tensor in fed}
            sources, starters = _outside(graph, fetches, given)
            if sources or starters:
                return _SourcedPlan(self, fetches, fed, sources, starters)
        return _Plan(self, fetches, fed, arrays)

    def make_callable(self, fetches: Any, feed_list: Sequence[Any] | None = None) -> Callable[..., Any]:
        """A function of the values of `feed_list` that returns the numbers of `fetches`."""
        tensors = list(feed_list or ())
        return lambda *values: self.run(fetches, dict(zip(tensors, values, strict=True)))

    def _feedable(self, item: Any) -> GraphTensor:
        tensor = self.graph.as_graph_element(item)
        if not isinstance(tensor, GraphTensor):
            raise ArgumentError(f"A key of feed_dict must be a tensor of the graph. Received: {item!r}")
        return tensor

    # --- state

    def value_of(self, handle: Any) -> Array | None:
        """The array that holds a variable in this session; ``None`` if it has no value yet."""
        if isinstance(handle, EagerVariable):
            return handle.data
        found = self._values.get(handle)
        if found is None and isinstance(handle, State):
            found = self._values[handle] = handle.first()
        return found

    def storage(self, handle: Any) -> Array:
        """The array that holds a variable, made now (without a meaning yet) if there is none."""
        found = self.value_of(handle)
        if found is None:
            found = self._values[handle] = np.zeros(handle.type.shape, handle.type.dtype.numpy)
        return found

    def load(self, variable: Any, value: Any) -> None:
        """Gives a variable a value."""
        array = np.asarray(value, variable.type.dtype.numpy)
        if array.shape != tuple(variable.type.shape):
            raise ShapeError(f"Variable {variable.name!r} has shape {variable.type.shape}. Received: {array.shape}")
        np.copyto(self.storage(variable), array)

    # --- life

    def close(self) -> None:
        """Releases the variables' values and the compiled programs."""
        self._plans.clear()
        self._values.clear()
        self._closed = True

    def as_default(self) -> _AsDefault:
        """A context in which `eval` and `run` use this session."""
        return _AsDefault(self)

    def __enter__(self) -> Session:
        self._graph_entry = self.graph.as_default()
        self._graph_entry.__enter__()
        DEFAULTS.sessions.append(self)
        return self

    def __exit__(self, *error: object) -> None:
        DEFAULTS.sessions.remove(self)
        self._graph_entry.__exit__(None, None, None)
        self._graph_entry = None
        self.close()


class _AsDefault:
    """Makes a session the default one, without closing it afterwards."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def __enter__(self) -> Session:
        DEFAULTS.sessions.append(self.session)
        return self.session

    def __exit__(self, *error: object) -> None:
        DEFAULTS.sessions.remove(self.session)


class InteractiveSession(Session):
    """A session that is the default one until it is closed."""

    def __init__(self, target: str = "", graph: Graph | None = None, config: ConfigProto | None = None) -> None:
        super().__init__(target, graph, config)
        DEFAULTS.sessions.append(self)

    def close(self) -> None:
        if self in DEFAULTS.sessions:
            DEFAULTS.sessions.remove(self)
        super().close()


def get_default_session() -> Session | None:
    """The innermost default session, if any."""
    return DEFAULTS.sessions[-1] if DEFAULTS.sessions else None


class _Plan:
    """What a session does for one set of fetches and fed shapes.

    Args:
        session: Whose variables it uses.
        fetches: As given to `run`.
        fed: Tensors that are fed.
        arrays: What they are fed now: their shapes count.
    """

    def __init__(self, session: Session, fetches: Any, fed: list[GraphTensor], arrays: list[Array]) -> None:
        graph = session.graph
        self.session = session
        self.fetches = fetches  # what the key's identities refer to stays alive with the plan
        for tensor, array in zip(fed, arrays, strict=True):
            if tensor.value not in graph.rankless:
                _check_shape(tensor, array)
        slots: list[Value] = []
        roots: list[Node | Operation] = []
        self.pack = _packer(graph, fetches, slots, roots)
        given = {tensor.value for tensor in fed}
        _check_fed(graph, roots, given)
        effects = _effects(graph, roots, given)
        types = [TensorType(tensor.dtype, array.shape) for tensor, array in zip(fed, arrays, strict=True)]
        special = specialise_program(slots, [tensor.value for tensor in fed], types, effects, graph.rankless)
        program, self.handles = special.program, special.handles
        self.read = _handles_read(program, self.handles)
        self.executable = compiling.compile_program(program)
        self.checked = False
        self.state: list[Array] = []

    def run(self, arrays: list[Array], num_threads: int | None) -> Any:
        if not self.checked:
            self._check()
        return self.pack(self.executable(arrays, self.state, num_threads))

    def _check(self) -> None:
        """Makes sure, once, that every variable read has a value; variables never lose theirs."""
        for handle in self.read:
            if self.session.value_of(handle) is None:
                name = handle.name.removesuffix(":0")
                raise FailedPreconditionError(
                    None,
                    None,
                    f"Attempting to use uninitialized value {name}. Run tf.global_variables_initializer() in this "
                    f"session first.",
                )
        self.state = [self.session.storage(handle) for handle in self.handles]
        self.checked = True


class _SourcedPlan:
    """What a session does for fetches that need elements of data sets, or start their iterators.

    Args:
        session: Whose place in the data sets moves on.
        fetches: As given to `run`.
        fed: Tensors that are fed.
        sources: Placeholders to feed with the next element.
        starters: Iterators to start first.
    """

    def __init__(
        self, session: Session, fetches: Any, fed: list[GraphTensor], sources: list[Value], starters: list[Any]
    ) -> None:
        self.session, self.fetches, self.fed, self.starters = session, fetches, fed, starters
        self.sources = [session.graph.wrap(value) for value in sources]
        self.places = [session.graph.sources[value] for value in sources]
        self.iterators = list(dict.fromkeys(iterator for iterator, _ in self.places))
        self.plans: dict[Any, _Plan] = {}

    def run(self, arrays: list[Array], num_threads: int | None) -> Any:
        for starter in self.starters:
            starter.start(self.session)
        elements = {iterator: iterator.advance(self.session) for iterator in self.iterators}
        given = [
            _fed_array(tensor, elements[iterator][index])
            for tensor, (iterator, index) in zip(self.sources, self.places, strict=True)
        ]
        everything = [*arrays, *given]
        key = tuple(array.shape for array in everything)
        plan = self.plans.get(key)
        if plan is None:
            plan = self.plans[key] = _Plan(self.session, self.fetches, [*self.fed, *self.sources], everything)
        return plan.run(everything, num_threads)


def _outside(graph: Graph, fetches: Any, given: set[Value]) -> tuple[list[Value], list[Any]]:
    """The placeholders fed by data sets that fetches need, and the iterators that they start."""
    roots: list[Node | Operation] = []
    _packer(graph, fetches, [], roots)
    needed = [item for item in _needed(graph, roots, given) if isinstance(item, Node)]
    sources = [value for node in needed for value in node.outputs if value in graph.sources and value not in given]
    starters = [graph.starters[item] for item in _needed(graph, roots, given) if item in graph.starters]
    return sources, starters


def _handles_read(program: Program, handles: Sequence[Any]) -> list[Any]:
    """The states whose old value the program needs."""
    used = {value for node in program.graph.nodes() for value in node.inputs} | set(program.graph.outputs)
    return [handle for handle, value in zip(handles, program.state_values, strict=True) if value in used]


def _needed(graph: Graph, roots: Sequence[Node | Operation], given: set[Value]) -> Iterator[Node | Operation]:
    """Nodes and operations that run when `roots` do, by data or by control, each once."""
    seen: set[int] = set()
    pending: list[Node | Operation] = list(roots)
    while pending:
        item = pending.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        yield item
        if isinstance(item, Operation):
            pending.extend(item.control_inputs)
            if item.node is not None:
                pending.append(item.node)
        else:
            pending.extend(graph.companions(item))
            pending.extend(value.node for value in item.inputs if value not in given)


def _check_fed(graph: Graph, roots: Sequence[Node | Operation], given: set[Value]) -> None:
    for item in _needed(graph, roots, given):
        if isinstance(item, Node) and item.operator.name == "input" and item.outputs[0] not in given:
            tensor = graph.wrap(item.outputs[0])
            shape = "of any shape" if tensor.value in graph.rankless else f"and shape {tensor.shape}"
            raise InvalidArgumentError(
                None,
                tensor.op,
                f"You must feed a value for placeholder tensor '{tensor.op.name}' with dtype {tensor.dtype.name} "
                f"{shape}: session.run(..., feed_dict={{{tensor.op.name}: ...}}).",
            )


def _effects(graph: Graph, roots: Sequence[Node | Operation], given: set[Value]) -> list[Value]:
    """The assignments that fetching `roots` runs: those among what they need, by data or by control."""
    found = {
        item.serial: item.outputs[0]
        for item in _needed(graph, roots, given)
        if isinstance(item, Node) and item.operator.name == "variable_assign"
    }
    return [found[serial] for serial in sorted(found)]


def _fetch_key(fetches: Any) -> Any:
    """What tells one set of fetches from another, without looking into tensors."""
    kind = fetches.__class__
    if kind is GraphTensor:
        return fetches.value
    if kind is list or kind is tuple:
        return (kind, *[_fetch_key(item) for item in fetches])
    if isinstance(fetches, Mapping):
        return (kind, *[(name, _fetch_key(item)) for name, item in fetches.items()])
    if isinstance(fetches, tuple):
        return (kind, *[_fetch_key(item) for item in fetches])
    return fetches


def _packer(
    graph: Graph, fetches: Any, slots: list[Value], roots: list[Node | Operation]
) -> Callable[[list[Array]], Any]:
    """A function from the program's results to the structure of `fetches`; what must run goes to `roots`."""
    if isinstance(fetches, Mapping):
        parts = {name: _packer(graph, item, slots, roots) for name, item in fetches.items()}
        return lambda results: {name: part(results) for name, part in parts.items()}
    if isinstance(fetches, (list, tuple)):
        items = [_packer(graph, item, slots, roots) for item in fetches]
        if hasattr(fetches, "_fields"):
            return lambda results: type(fetches)(*[item(results) for item in items])
        kind = type(fetches)
        return lambda results: kind([item(results) for item in items])
    element = graph.as_graph_element(fetches)
    if isinstance(element, Operation):
        roots.append(element)
        return lambda _results: None
    if isinstance(element, (GraphVariable, EagerVariable)):
        with graph:
            element = graph.wrap(graph.read(element))
    if not isinstance(element, GraphTensor):
        raise ArgumentError(
            f"Cannot fetch {fetches!r}: expected a tensor, operation or variable of the graph, or the name of one."
        )
    if element.graph is not graph:
        raise ArgumentError(f"Tensor {element!r} is not an element of this session's graph.")
    index = len(slots)
    slots.append(element.value)
    roots.append(element.value.node)
    if element.ndim == 0:
        return lambda results: results[index][()]
    return lambda results: results[index]


def _fed_array(tensor: GraphTensor, value: Any) -> Array:
    """What is fed, as a contiguous array of the tensor's element type."""
    wanted = tensor.value.type.dtype.numpy
    if value.__class__ is np.ndarray and value.dtype == wanted and value.flags.c_contiguous:
        return value
    try:
        array = np.asarray(value)
        if array.dtype.kind == "f" and wanted.kind in "iub" and not (array == np.trunc(array)).all():
            raise ArgumentError(
                f"Cannot feed {array.dtype} values for tensor '{tensor.name}', which has dtype {tensor.dtype.name}. "
                f"Convert them first."
            )
        return np.array(array, wanted, order="C")
    except (TypeError, ValueError) as error:
        if isinstance(error, ArgumentError):
            raise
        raise ArgumentError(
            f"Cannot feed {type(value).__name__} for tensor '{tensor.name}', which has dtype {tensor.dtype.name}: "
            f"{error}"
        ) from None


def _check_shape(tensor: GraphTensor, array: Array) -> None:
    fits = array.ndim == tensor.ndim and all(
        size is None or size == given for size, given in zip(tensor.shape, array.shape, strict=True)
    )
    if not fits:
        raise ShapeError(
            f"Cannot feed value of shape {array.shape} for tensor '{tensor.name}', which has shape "
            f"{tensor.get_shape()}."
            + (" A placeholder made without a shape is a scalar: give it shape=[None, ...]." if not tensor.ndim else "")
        )


__all__ = ["InteractiveSession", "Session", "get_default_session"]
