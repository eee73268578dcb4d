"""Conditionals and loops. Eagerly they are Python's own; in a graph they become operators that carry sub-graphs.

What a body uses from around it, variables included, is handed in by itself; what it assigns to variables is carried
out. So a random draw or a moving average inside a loop works.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from epochal import dtypes, tree
from epochal.autodiff import BUILD
from epochal.errors import ArgumentError, DTypeError, ShapeError
from epochal.ir import Graph, Symbol, TensorType, Value, make_input
from epochal.tensor import context as contexts
from epochal.tensor.convert import cast, convert
from epochal.tensor.dispatch import apply, as_value
from epochal.tensor.functions.elementwise import as_bool
from epochal.tensor.functions.movement import reshape, stack
from epochal.tensor.recording import TAPES
from epochal.tensor.tensor import Tensor
from epochal.topi.subgraph import extract, needed_nodes


@dataclass
class Body:
    """A traced body: its own inputs, its results, the variables it touched and the first node that is its own."""

    inputs: list[Value]
    results: list[Tensor]
    structure: tree.Structure
    branch: contexts.Branch
    start: int

    def captured(self, extra: Sequence[Value]) -> list[Value]:
        """Values from around the body that its results (and `extra`) need."""
        own = {*self.inputs, *(value for _, value in self.branch.placeholders.values())}
        found: dict[Value, None] = {}

        def outside(value: Value) -> bool:
            if value in own:
                return True
            operator = value.node.operator.name
            if operator == "constant":
                return False
            if value.node.serial < self.start or operator in ("input", "variable_read"):
                found[value] = None
                return True
            return False

        needed_nodes([*(as_value(result) for result in self.results), *extra], outside)
        return list(found)


def trace_body(function: Callable[..., Any], inputs: Sequence[Value], arguments: Callable[[list[Tensor]], Any]) -> Body:
    """Runs `function` on symbolic tensors that stand for `inputs`."""
    start = make_input(TensorType(dtypes.bool_)).node.serial
    branch = contexts.Branch(contexts.current())
    token = TAPES.set(())
    try:
        with branch:
            outcome = function(*arguments([branch.wrap(value) for value in inputs]))
            leaves, structure = tree.flatten_with_structure(outcome)
            results = [convert(leaf) for leaf in leaves if leaf is not None]
            if len(results) != len(leaves):
                raise ArgumentError("The body of a symbolic conditional or loop must return tensors. Received: None")
    finally:
        TAPES.reset(token)
    return Body(list(inputs), results, structure, branch, start)


def _is_eager(*values: Any) -> bool:
    return all(value.data is not None for value in values)


def _touched(bodies: Sequence[Body]) -> dict[int, Any]:
    """Variables that the bodies read or assign."""
    return {key: variable for body in bodies for key, (variable, _) in body.branch.placeholders.items()}


def _assigned(bodies: Sequence[Body]) -> list[int]:
    return list(dict.fromkeys(key for body in bodies for key in body.branch.assigned))


def close(boundary: Sequence[Value | TensorType], outputs: Sequence[Value | int]) -> Graph:
    """A closed graph.

    Args:
        boundary: What its inputs stand for: values, or the types of inputs that the outputs do not need.
        outputs: Values, or positions of inputs that are handed through.
    """
    graph = extract(
        BUILD,
        [value for value in boundary if isinstance(value, Value)],
        [output for output in outputs if isinstance(output, Value)],
    )
    inner, results = iter(graph.inputs), iter(graph.outputs)
    inputs = [next(inner) if isinstance(value, Value) else make_input(value) for value in boundary]
    return Graph(inputs, [next(results) if isinstance(output, Value) else inputs[output] for output in outputs])


def cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    """`true_fn()` if `pred` is true, else `false_fn()`; in a graph both are built and one is run.

    Raises:
        ArgumentError: In a graph: the results are nested differently.
        ShapeError, DTypeError: In a graph: they differ in shape or element type.
    """
    predicate = as_bool(pred)
    if predicate.ndim:
        raise ShapeError(f"The predicate of cond must be a scalar. Received shape: {predicate.shape}")
    if predicate.data is not None:
        return true_fn() if bool(predicate.data) else false_fn()
    bodies = [trace_body(function, (), lambda _: ()) for function in (true_fn, false_fn)]
    first, second = bodies
    if not _nested_alike(first.structure, second.structure):
        raise ArgumentError(f"The branches of cond return {first.structure!r} and {second.structure!r}.")
    _check_alike(first.results, second.results)
    variables, assigned = _touched(bodies), _assigned(bodies)
    finals = [[body.branch.latest[key] for key in assigned if key in body.branch.latest] for body in bodies]
    captured = list(
        dict.fromkeys(value for body, extra in zip(bodies, finals, strict=True) for value in body.captured(extra))
    )
    keys = list(variables)
    graphs = []
    for body in bodies:
        places = body.branch.placeholders
        boundary = [*captured, *(places[key][1] if key in places else variables[key].type for key in keys)]
        outputs: list[Value | int] = [as_value(result) for result in body.results]
        outputs += [body.branch.latest[key] if key in places else len(captured) + keys.index(key) for key in assigned]
        graphs.append(close(boundary, outputs))
    operands = [*(Tensor(None, value) for value in captured), *(_read(variables[key]) for key in keys)]
    if not graphs[0].outputs:
        return tree.unflatten(first.structure, [])
    found = apply("cond", predicate, *operands, then_graph=graphs[0], else_graph=graphs[1])
    found = found if isinstance(found, tuple) else (found,)
    _carry_out([variables[key] for key in assigned], found[len(first.results) :])
    return tree.unflatten(first.structure, list(found[: len(first.results)]))


def _read(variable: Any) -> Tensor:
    return convert(variable)


def _carry_out(variables: Sequence[Any], values: Sequence[Tensor]) -> None:
    for variable, value in zip(variables, values, strict=True):
        contexts.effective().assign(variable, as_value(value))


def _nested_alike(one: tree.Structure, other: tree.Structure) -> bool:
    if not isinstance(one, tree.Branch) or not isinstance(other, tree.Branch):
        return one is other
    return (
        one.keys == other.keys
        and len(one.children) == len(other.children)
        and all(_nested_alike(a, b) for a, b in zip(one.children, other.children, strict=True))
    )


def _check_alike(first: list[Tensor], second: list[Tensor]) -> None:
    for index, (one, other) in enumerate(zip(first, second, strict=True)):
        if one.dtype is not other.dtype:
            raise DTypeError(
                f"Result {index} of cond is {one.type} in one branch and {other.type} in the other. Cast one of them."
            )
        if one.ndim != other.ndim:
            raise ShapeError(f"Result {index} of cond has shape {one.shape} in one branch, {other.shape} in the other.")


def while_loop(
    cond: Callable[..., Any],
    body: Callable[..., Any],
    loop_vars: Any,
    maximum_iterations: int | None = None,
) -> Any:
    """Runs ``loop_vars = body(*loop_vars)`` as long as ``cond(*loop_vars)`` holds.

    Args:
        cond: Returns a bool scalar.
        body: Returns new loop variables, nested as the old.
        loop_vars: A list or tuple (handed over as arguments), or one tensor.
        maximum_iterations: An upper bound; in a graph, needed for a gradient.

    Raises:
        ShapeError, DTypeError: In a graph: a loop variable changes its shape or element type.
    """
    single = not isinstance(loop_vars, (list, tuple))
    values = (loop_vars,) if single else loop_vars
    leaves, structure = tree.flatten_with_structure(tuple(values))
    tensors = [convert(leaf) for leaf in leaves]
    if contexts.current() is None and _is_eager(*tensors):
        state = tuple(tree.unflatten(structure, tensors))
        count = 0
        while (maximum_iterations is None or count < maximum_iterations) and bool(cond(*state)):
            outcome = body(*state)
            state = tuple(outcome) if isinstance(outcome, (list, tuple)) and not single else (outcome,)
            state = tuple(tree.map_structure(convert, item) for item in state)
            count += 1
    else:
        found = _symbolic_while(cond, body, tensors, structure, maximum_iterations)
        state = tree.unflatten(structure, found)
    return state[0] if single else type(loop_vars)(state) if type(loop_vars) in (list, tuple) else state


def _symbolic_while(
    condition: Callable[..., Any], body: Callable[..., Any], tensors: list[Tensor], structure: Any, limit: int | None
) -> list[Tensor]:
    types = [tensor.type for tensor in tensors]

    def unpack(inner: list[Tensor]) -> Any:
        return tree.unflatten(structure, inner)

    check = trace_body(condition, [make_input(type_) for type_ in types], unpack)
    step = trace_body(body, [make_input(type_) for type_ in types], unpack)
    if check.branch.assigned:
        raise ArgumentError("The condition of a while_loop must not assign variables.")
    check.results = [as_bool(check.results[0])]
    step.results = _fit("while_loop", step.results, types)
    variables, assigned = _touched([check, step]), step.branch.assigned
    fixed = [key for key in variables if key not in assigned]
    finals = [step.branch.latest[key] for key in assigned]
    captured = list(dict.fromkeys([*check.captured(()), *step.captured(finals)]))
    graphs = []
    for traced, outputs in (
        (check, [as_value(check.results[0])]),
        (step, [*(as_value(result) for result in step.results), *finals]),
    ):
        places = traced.branch.placeholders
        boundary: list[Any] = list(captured)
        boundary += [places[key][1] if key in places else variables[key].type for key in fixed]
        boundary += traced.inputs
        boundary += [places[key][1] if key in places else variables[key].type for key in assigned]
        graphs.append(close(boundary, outputs))
    operands = [*(Tensor(None, value) for value in captured), *(_read(variables[key]) for key in fixed)]
    carries = [*tensors, *(_read(variables[key]) for key in assigned)]
    found = apply(
        "while_loop",
        *operands,
        *_symbolic(carries),
        condition=graphs[0],
        body=graphs[1],
        constants=len(operands),
        maximum_iterations=limit,
    )
    found = found if isinstance(found, tuple) else (found,)
    _carry_out([variables[key] for key in assigned], found[len(tensors) :])
    return list(found[: len(tensors)])


def _symbolic(tensors: Sequence[Tensor]) -> list[Tensor]:
    """The tensors as graph values, so that a loop on constants is built into the graph, not run at once."""
    return [tensor if tensor.data is None else Tensor(None, BUILD.constant(tensor.data)) for tensor in tensors]


def _fit(what: str, results: list[Tensor], types: list[TensorType]) -> list[Tensor]:
    if len(results) != len(types):
        raise ArgumentError(f"The body of {what} must return {len(types)} loop variables. Received: {len(results)}")
    for index, (result, type_) in enumerate(zip(results, types, strict=True)):
        if result.dtype is not type_.dtype:
            raise DTypeError(f"Loop variable {index} of {what} is {type_} before the body and {result.type} after it.")
        same = result.ndim == type_.rank and all(
            one == other or isinstance(one, Symbol) or isinstance(other, Symbol)
            for one, other in zip(result.dimensions, type_.shape, strict=True)
        )
        if not same:
            raise ShapeError(
                f"Loop variable {index} of {what} has shape {type_.shape} before the body and {result.shape} after it."
            )
    return results


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
) -> tuple[Any, Any]:
    """Runs ``carry, y = f(carry, x)`` for each entry x along axis 0 of `xs`.

    Args:
        f: Takes the carried values and one entry of `xs`; returns carried values nested as before, and a result.
        init: The first carried values, nested.
        xs: Sequences, nested; ``None``: none, then `length` is needed.
        length: How many steps.
        reverse: From the last entry to the first. Results lie where their entries did.

    Returns:
        The last carried values, and the results stacked along axis 0.
    """
    carry_leaves, carry_structure = tree.flatten_with_structure(init)
    carries = [convert(leaf) for leaf in carry_leaves]
    x_leaves, x_structure = ([], None) if xs is None else tree.flatten_with_structure(xs)
    sequences = [convert(leaf) for leaf in x_leaves]
    count: Any = sequences[0].dimensions[0] if sequences else length
    if count is None:
        raise ArgumentError("scan needs sequences or a length.")
    for sequence in sequences:
        if not sequence.ndim or (
            sequence.dimensions[0] != count and None not in (sequence.shape[0], sequences[0].shape[0])
        ):
            raise ShapeError(f"All sequences of scan need the same size along axis 0: {[s.shape for s in sequences]}")
    if contexts.current() is None and _is_eager(*carries, *sequences):
        return _eager_scan(f, carries, carry_structure, sequences, x_structure, count, reverse)
    slices = [make_input(sequence.type.with_shape(sequence.dimensions[1:])) for sequence in sequences]
    inputs = [make_input(tensor.type) for tensor in carries]

    def unpack(inner: list[Tensor]) -> Any:
        entry = None if x_structure is None else tree.unflatten(x_structure, inner[len(inputs) :])
        return tree.unflatten(carry_structure, inner[: len(inputs)]), entry

    holder: list[Any] = []

    def run(carry: Any, x: Any) -> Any:
        carry, y = f(carry, x)
        y_leaves, y_structure = tree.flatten_with_structure(y)
        holder.append(([leaf is not None for leaf in y_leaves], y_structure))
        return tree.flatten(carry), [leaf for leaf in y_leaves if leaf is not None]

    body = trace_body(run, [*inputs, *slices], unpack)
    _fit("scan", body.results[: len(inputs)], [tensor.type for tensor in carries])
    finals, stacked = _scan_node(body, carries, sequences, count, reverse)
    present, y_structure = holder[0]
    results = iter(stacked)
    ys = tree.unflatten(y_structure, [next(results) if here else None for here in present])
    return tree.unflatten(carry_structure, finals), ys


def _scan_node(
    body: Body, carries: list[Tensor], sequences: list[Tensor], count: Any, reverse: bool
) -> tuple[list[Tensor], list[Tensor]]:
    variables, assigned = _touched([body]), body.branch.assigned
    fixed = [key for key in variables if key not in assigned]
    places = body.branch.placeholders
    news = [body.branch.latest[key] for key in assigned]
    captured = body.captured(news)
    m = len(carries)
    boundary = [*captured, *(places[key][1] for key in fixed), *body.inputs[:m]]
    boundary += [*(places[key][1] for key in assigned), *body.inputs[m:]]
    results = [as_value(result) for result in body.results]
    graph = extract(BUILD, boundary, [*results[:m], *news, *results[m:]])
    operands = [*(Tensor(None, value) for value in captured), *(_read(variables[key]) for key in fixed)]
    state = [*carries, *(_read(variables[key]) for key in assigned)]
    found = apply(
        "scan",
        *operands,
        *_symbolic([*state, *sequences]),
        body=graph,
        constants=len(operands),
        carries=len(state),
        length=count,
        reverse=reverse,
    )
    found = list(found) if isinstance(found, tuple) else [found]
    _carry_out([variables[key] for key in assigned], found[m : len(state)])
    return found[:m], found[len(state) :]


def _eager_scan(
    f: Callable[[Any, Any], Any],
    carries: list[Tensor],
    carry_structure: tree.Structure,
    sequences: list[Tensor],
    x_structure: tree.Structure | None,
    count: int,
    reverse: bool,
) -> tuple[Any, Any]:
    carry, ys = tree.unflatten(carry_structure, carries), []
    for index in reversed(range(count)) if reverse else range(count):
        x = None
        if x_structure is not None:
            x = tree.unflatten(x_structure, [_entry(sequence, index) for sequence in sequences])
        carry, y = f(carry, x)
        ys.append(y)
    if reverse:
        ys.reverse()
    if not ys:
        raise ArgumentError("An eager scan needs one step or more.")
    return carry, tree.map_structure(lambda *leaves: None if leaves[0] is None else stack(leaves), ys[0], *ys[1:])


def _entry(sequence: Tensor, index: int) -> Tensor:
    rank = sequence.ndim
    row = apply("slice", sequence, starts=(index,) + (0,) * (rank - 1), limits=(index + 1,) + (None,) * (rank - 1))
    return reshape(row, sequence.dimensions[1:])


def map_fn(f: Callable[[Any], Any], xs: Any) -> Any:
    """`f` of each entry along axis 0 of `xs` (nested), the results stacked."""
    return scan(lambda _, x: ((), f(x)), (), xs)[1]


def fori_loop(lower: Any, upper: Any, body_fun: Callable[[Any, Any], Any], init_val: Any) -> Any:
    """Runs ``value = body_fun(i, value)`` for i from `lower` to `upper` - 1."""
    first = convert(lower, dtypes.int32)
    last = convert(upper, dtypes.int32)
    bound = None
    if first.data is not None and last.data is not None:
        bound = max(int(last) - int(first), 0)
    leaves, structure = tree.flatten_with_structure(init_val)

    def step(index: Tensor, *values: Any) -> Any:
        outcome = body_fun(index, tree.unflatten(structure, values))
        return (apply("add", index, 1), *tree.flatten(outcome))

    def going(index: Tensor, *_: Any) -> Tensor:
        result: Tensor = apply("less", index, cast(last, dtypes.int32))
        return result

    found = while_loop(going, step, (first, *[convert(leaf) for leaf in leaves]), bound)
    return tree.unflatten(structure, list(found[1:]))


def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """The branch numbered `index` (cut into range) applied to the operands."""
    which = convert(index, dtypes.int32)
    if which.data is not None:
        return branches[min(max(int(which), 0), len(branches) - 1)](*operands)
    if len(branches) == 1:
        return branches[0](*operands)
    rest = branches[1:]
    return cond(
        apply("less_equal", which, 0),
        lambda: branches[0](*operands),
        lambda: switch(apply("sub", which, 1), rest, *operands),
    )
