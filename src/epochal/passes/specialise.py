"""From a graph built while shapes were unknown to a program of static shapes.

Three things are settled in one walk over the nodes in the order of their creation:

- *shapes*: the inputs' symbols are bound to the sizes given, each node is built anew and typed, and every symbol in an
  inferred shape or in a parameter is bound to the size found; `shape_of` becomes a constant;
- *state*: `variable_read` becomes the variable's value at that point and `variable_assign` changes what later reads
  see, so effects have the order of creation and the program is free of them;
- *gradients*: `gradient_request` is expanded, on static shapes. Nodes are built by the rules of `stabilize`, so that
  gradients are those of stable formulas; what one differentiates with respect to is never looked through.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from epochal import dtypes
from epochal.autodiff import gradients
from epochal.errors import ArgumentError, DTypeError, NotSupportedError, ShapeError
from epochal.ir import Builder, Graph, Node, Program, Symbol, TensorType, Value, make_input, origin
from epochal.passes.stabilize import stable_builder
from epochal.topi.control import graph_operand_types
from epochal.topi.deferred import Handle
from epochal.topi.interpret import interpret
from epochal.topi.inventory import BUILD
from epochal.topi.subgraph import needed_nodes, or_zeros


@dataclass(frozen=True)
class Specialised:
    """A static program and what its states stand for.

    Attributes:
        program: Arguments in the order of the inputs, results in the order of the outputs.
        handles: The variables behind `program.states`, in that order.
    """

    program: Program
    handles: tuple[Handle, ...]


def specialise_program(
    outputs: Sequence[Value],
    inputs: Sequence[Value],
    types: Sequence[TensorType],
    effects: Sequence[Value] = (),
    rankless: Collection[Value] = (),
) -> Specialised:
    """The program that computes `outputs` and carries out `effects`, given values of `inputs`.

    Args:
        outputs: What to compute: values of an unspecialised graph (fetches).
        inputs: What is given: placeholders, or any other values, which are then not computed (feeds).
        types: The static types of the values given for `inputs`.
        effects: Values whose computation assigns variables: results of `variable_assign`, or what depends on them.
            An assignment that an output needs is carried out as well; any other is not.
        rankless: Inputs that stand in the graph as scalars and may be given arrays of any shape.

    Returns:
        The program and its variables. A variable that is read or assigned on the way is a state; one that is assigned
        is replaced by its last value.

    Raises:
        ShapeError: The types do not fit the inputs, one symbol would have two sizes, or shapes do not fit each other.
        DTypeError: A type given is not of its input's element type.
        ArgumentError: A placeholder is needed and not given, or a shape depends on a value that is not known before
            the program runs.
        NotSupportedError: A variable is read or assigned inside a branch or a loop's body.
    """
    walk = _Walk()
    arguments = walk.bind_inputs(inputs, types, rankless)
    walk.run([*outputs, *effects])
    results = [walk.values[value] for value in outputs]
    handles = tuple(walk.states)
    replaced = tuple(index for index, handle in enumerate(handles) if handle in walk.assigned)
    graph = Graph(
        [*arguments, *walk.states.values()],
        [*results, *(walk.current[handles[index]] for index in replaced)],
    )
    program = Program(
        graph,
        arguments=_names(inputs, "argument"),
        results=_names(outputs, "result"),
        states=_distinct(str(getattr(handle, "name", "") or f"state{i}") for i, handle in enumerate(handles)),
        replaced=replaced,
    )
    return Specialised(program, handles)


def specialise(graph: Graph, types: Sequence[TensorType]) -> Graph:
    """A graph without variables, bound to input types; see `specialise_program`.

    Raises:
        NotSupportedError: The graph reads or assigns a variable.
    """
    walk = _Walk(stateless=True)
    arguments = walk.bind_inputs(graph.inputs, types)
    walk.run(graph.outputs)
    return Graph(arguments, [walk.values[value] for value in graph.outputs])


def _names(values: Iterable[Value], otherwise: str) -> tuple[str, ...]:
    return _distinct(_name(value) or f"{otherwise}{index}" for index, value in enumerate(values))


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    seen: dict[str, int] = {}
    result = []
    for name in names:
        count = seen[name] = seen.get(name, 0) + 1
        result.append(name if count == 1 else f"{name}_{count - 1}")
    return tuple(result)


def _name(value: Value) -> str:
    return str(value.node.parameters.get("name") or value.node.origin.name)


@dataclass
class _Walk:
    """What is known so far.

    Attributes:
        stateless: Whether variables are refused: in sub-graphs, and in `specialise`.
        values: The static value that stands for each value of the unspecialised graph.
        sizes: What each symbol is bound to, and where that was found.
        states: The program input of each variable met so far.
        current: Each variable's value at this point of the walk.
        assigned: The variables that were assigned.
        wanted: Values of the unspecialised graph that a gradient is asked for with respect to.
        opaque: The static values that stand for them.
    """

    stateless: bool = False
    values: dict[Value, Value] = field(default_factory=dict)
    sizes: dict[Symbol, tuple[int, str]] = field(default_factory=dict)
    states: dict[Handle, Value] = field(default_factory=dict)
    current: dict[Handle, Value] = field(default_factory=dict)
    assigned: set[Handle] = field(default_factory=set)
    wanted: set[Value] = field(default_factory=set)
    opaque: set[Value] = field(default_factory=set)
    build: Builder = field(init=False)

    def __post_init__(self) -> None:
        self.build = stable_builder(BUILD, self.opaque)

    def bind_inputs(
        self, inputs: Sequence[Value], types: Sequence[TensorType], rankless: Collection[Value] = ()
    ) -> list[Value]:
        if len(inputs) != len(types):
            raise ArgumentError(f"Expected {len(inputs)} types, one an input. Received: {len(types)}.")
        arguments = []
        for index, (value, type_) in enumerate(zip(inputs, types, strict=True)):
            what = repr(_name(value) or f"input {index}")
            if type_.dtype != value.dtype:
                raise DTypeError(f"{what} has dtype {value.dtype}. Received a value of dtype {type_.dtype}.")
            free = value in rankless
            if not free and type_.rank != len(value.shape):
                raise ShapeError(f"{what} has shape {value.shape}. Received a value of shape {type_.shape}.")
            if not free:
                self._bind(value, type_, what)
            with origin(value.node.origin):
                arguments.append(make_input(type_, _name(value)))
            self.values[value] = arguments[-1]
        return arguments

    def run(self, wanted: Sequence[Value]) -> None:
        """Computes the static values of `wanted`."""
        nodes = needed_nodes(wanted, self.values.__contains__)
        for node in nodes:
            if node.operator.name == "gradient_request":
                first = node.parameters["ys"]
                self.wanted.update(node.inputs[first : first + node.parameters["xs"]])
        self.opaque.update(self.values[value] for value in self.wanted if value in self.values)
        for node in nodes:
            with origin(node.origin):
                results = self._visit(node)
            for before, after in zip(node.outputs, results, strict=True):
                # An input that was given is not computed, though a sibling result of its node may be.
                if self.values.setdefault(before, after) is after and not before.type.is_static:
                    self._bind(before, after.type, f"a result of '{node.operator.name}'")
                if before in self.wanted:
                    self.opaque.add(self.values[before])

    def _bind(self, value: Value, type_: TensorType, where: str) -> None:
        for dimension, size in zip(value.shape, type_.shape, strict=True):
            assert isinstance(size, int)
            if isinstance(dimension, Symbol):
                known, known_from = self.sizes.setdefault(dimension, (size, where))
                if known != size:
                    raise ShapeError(
                        f"The dimension '{dimension}' is {known} in {known_from} and {size} in {where}; "
                        "it must be one size."
                    )
            elif dimension != size:
                raise ShapeError(f"{where} has shape {value.shape}. Received a value of shape {type_.shape}.")

    def _visit(self, node: Node) -> Sequence[Value]:
        name = node.operator.name
        operands = [self.values[value] for value in node.inputs]
        if name == "constant":
            return node.outputs
        if name == "input":
            raise ArgumentError(
                f"No value was given for {_name(node.outputs[0]) or 'an input'!r} ({node.outputs[0].type}), "
                "which the results depend on."
            )
        if name == "shape_of":
            return (self.build.constant(np.array(operands[0].shape, np.int32)),)
        if name == "gradient_request":
            return self._differentiate(node, operands)
        if "deferred" in node.operator.traits:
            return (self._access(node, operands),)
        parameters = {key: self._resolve(value) for key, value in node.parameters.items()}
        if "control" in node.operator.traits:
            types = [value.type for value in operands]
            for key, expected in graph_operand_types(name, types, parameters).items():
                parameters[key] = self._sub_graph(node.parameters[key], expected)
        elif name == "call":
            types = [value.type for value in operands]
            parameters["body"] = self._sub_graph(node.parameters["body"], types)
            if node.parameters.get("gradient") is not None:
                types += [value.type for value in parameters["body"].outputs]
                parameters["gradient"] = self._sub_graph(node.parameters["gradient"], types)
        return self.build.apply(node.operator, operands, parameters)

    def _access(self, node: Node, operands: Sequence[Value]) -> Value:
        """A read or an assignment."""
        handle: Handle = node.parameters["state"]
        if self.stateless:
            verb = "read" if node.operator.name == "variable_read" else "assigned"
            raise NotSupportedError(
                f"A variable cannot be {verb} inside a branch or a loop's body. Pass its value in as an operand, and "
                "assign what the operator returns after it."
            )
        if handle not in self.states:
            if not handle.type.is_static:
                raise NotSupportedError(f"A variable must have a known shape. Received: {handle.type}.")
            state = make_input(handle.type, str(getattr(handle, "name", "")))
            self.states[handle] = self.current[handle] = state
        if node.operator.name == "variable_assign":
            (value,) = operands
            if value.shape != handle.type.shape:
                raise ShapeError(
                    f"The variable {getattr(handle, 'name', '')!r} of shape {handle.type.shape} cannot be assigned a "
                    f"value of shape {value.shape}."
                )
            self.current[handle] = value
            self.assigned.add(handle)
        return self.current[handle]

    def _differentiate(self, node: Node, operands: Sequence[Value]) -> list[Value]:
        ys, xs = node.parameters["ys"], node.parameters["xs"]
        cotangents = iter(operands[ys + xs :])
        given = [next(cotangents) if present else None for present in node.parameters["given"]]
        inputs = operands[ys : ys + xs]
        found = gradients(operands[:ys], inputs, given)
        return [or_zeros(self.build, value, x.type) for value, x in zip(found, inputs, strict=True)]

    def _resolve(self, value: Any) -> Any:
        """A parameter with sizes in place of symbols."""
        if isinstance(value, Symbol):
            return self._size(value)
        if isinstance(value, (tuple, list)):
            return tuple(self._resolve(item) for item in value)
        return value

    def _size(self, symbol: Symbol) -> int:
        """The size a symbol is bound to, found where it comes from if need be."""
        if symbol not in self.sizes:
            if symbol.origin is None:
                raise ShapeError(f"The dimension '{symbol}' is not bound by any value given.")
            value, axis = symbol.origin
            if value not in self.values:
                self.run([value])
            static = self.values[value]
            found = _integer(static, symbol) if axis is None else static.shape[axis]
            assert isinstance(found, int)
            self.sizes[symbol] = (found, "its definition")
        return self.sizes[symbol][0]

    def _sub_graph(self, graph: Graph, types: Sequence[TensorType]) -> Graph:
        """A sub-graph on operands of these types. It shares the sizes found outside it."""
        same = all(value.type == type_ for value, type_ in zip(graph.inputs, types, strict=True))
        if same and all(_is_settled(node) for node in graph.nodes()):
            return graph
        inner = _Walk(stateless=True, sizes=dict(self.sizes))
        arguments = inner.bind_inputs(graph.inputs, types)
        inner.run(graph.outputs)
        return Graph(arguments, [inner.values[value] for value in graph.outputs])


def _is_settled(node: Node) -> bool:
    """Whether a node of a sub-graph can stay what it is."""
    return (
        "deferred" not in node.operator.traits
        and "control" not in node.operator.traits
        and node.operator.name not in ("shape_of", "call")
        and all(output.type.is_static for output in node.outputs)
    )


def _integer(value: Value, symbol: Symbol) -> int:
    """The integer that a scalar value holds, if it depends on constants alone."""
    nodes = needed_nodes([value], lambda _: False)
    if any(node.operator.name == "input" for node in nodes):
        raise ArgumentError(
            f"The size '{symbol}' depends on a value that is known only when the program runs. "
            "Sizes may depend on constants and on the shapes of inputs."
        )
    (found,) = interpret(Graph((), (value,)), [])
    if not dtypes.get(found.dtype).is_integer or found.size != 1:
        raise ShapeError(f"A size must be an integer scalar. Received: {value.type}.")
    return int(found.reshape(()))
