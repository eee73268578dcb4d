"""Gradients: a tape that records operations, and gradients of symbolic tensors.

The tape notes operations and the tensors they took and gave. To differentiate it builds their graph anew, has
`epochal.autodiff` extend it by the gradient, and carries the new nodes out one by one through the dispatcher. So it is
the same for eager tensors (each node is run), inside a trace (each node is built) and for a mixture, and an outer tape
sees the gradient's operations as it sees any other: that makes higher orders.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from epochal import autodiff, tree
from epochal.autodiff import BUILD
from epochal.errors import ArgumentError, ShapeError
from epochal.ir import Graph, Operator, Origin, Value, current_origin, make_input, origin, set_origin
from epochal.tensor import context as contexts
from epochal.tensor.convert import convert
from epochal.tensor.dispatch import apply, as_value
from epochal.tensor.functions.creation import zeros
from epochal.tensor.functions.movement import reshape, stack
from epochal.tensor.recording import TAPES, without
from epochal.tensor.tensor import Tensor, eager
from epochal.topi.subgraph import needed_nodes

if TYPE_CHECKING:
    from typing_extensions import Self

UNCONNECTED = ("none", "zero")


@dataclass(frozen=True)
class _Entry:
    """One recorded operation: an operator, or a graph that ran at once."""

    operation: Operator | Graph
    parameters: Mapping[str, Any]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    origin: Origin

    def rebuild(self, values: Sequence[Value]) -> Sequence[Value]:
        set_origin(self.origin)
        if isinstance(self.operation, Graph):
            return BUILD.evaluate(self.operation, values)
        return BUILD.apply(self.operation, values, self.parameters)


def _key(tensor: Tensor) -> int:
    """What tells tensors apart: the graph's value, or the object itself."""
    return id(tensor) if tensor.data is not None else id(tensor.value)


class GradientTape:
    """Records operations on watched tensors for reverse-mode differentiation.

    Trainable variables are watched by themselves, other tensors after `watch`.

    Example:
        >>> from epochal.tensor import GradientTape, Variable
        >>> x = Variable(3.0)
        >>> with GradientTape() as tape:
        ...     y = x * x
        >>> float(tape.gradient(y, x))
        6.0
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True) -> None:
        """A tape that records inside its ``with`` block.

        Args:
            persistent: Whether `gradient` may be called more than once.
            watch_accessed_variables: Whether trainable variables are watched when read.
        """
        self._persistent = persistent
        self._watch_accessed = watch_accessed_variables
        self._used = False
        self.reset()

    def reset(self) -> None:
        """Forgets all that was recorded."""
        self._entries: list[_Entry] = []
        self._tracked: dict[int, Tensor] = {}
        self._variables: dict[int, tuple[Any, list[Tensor]]] = {}

    def __enter__(self) -> Self:
        TAPES.set((*TAPES.get(), self))
        return self

    def __exit__(self, *error: object) -> None:
        TAPES.set(tuple(tape for tape in TAPES.get() if tape is not self))

    def watch(self, tensors: Any) -> None:
        """From now on records what is computed from these tensors or variables (nested).

        Raises:
            ArgumentError: One is neither.
        """
        for leaf in tree.flatten(tensors):
            if isinstance(leaf, Tensor):
                self._tracked[_key(leaf)] = leaf
            elif hasattr(leaf, "__epochal_tensor__"):
                self._variables.setdefault(id(leaf), (leaf, []))
            else:
                raise ArgumentError(f"A tape watches tensors and variables. Received: {leaf!r}")

    @contextmanager
    def stop_recording(self) -> Iterator[None]:
        """Operations inside the block are not recorded."""
        with without(self):
            yield

    def watched_variables(self) -> tuple[Any, ...]:
        """Variables that were read, in order of first read."""
        return tuple(variable for variable, _ in self._variables.values())

    def record(
        self,
        operation: Operator | Graph,
        parameters: Mapping[str, Any],
        inputs: tuple[Tensor, ...],
        outputs: tuple[Tensor, ...],
    ) -> None:
        """Called by the dispatcher."""
        if any(_key(tensor) in self._tracked for tensor in inputs):
            self._entries.append(_Entry(operation, parameters, inputs, outputs, current_origin()))
            for tensor in outputs:
                if tensor.dtype.is_floating:
                    self._tracked[_key(tensor)] = tensor

    def read(self, variable: Any, tensor: Tensor) -> None:
        """Called by a variable when it is read."""
        found = self._variables.get(id(variable))
        if found is None:
            if not (self._watch_accessed and variable.trainable):
                return
            found = self._variables[id(variable)] = (variable, [])
        if _key(tensor) not in self._tracked or not any(_key(one) == _key(tensor) for one in found[1]):
            found[1].append(tensor)  # in a trace, reads between two assignments are one value
        self._tracked[_key(tensor)] = tensor

    def gradient(
        self,
        target: Any,
        sources: Any,
        output_gradients: Any = None,
        unconnected_gradients: Any = "none",
    ) -> Any:
        """Gradients of the sum of `target` with respect to `sources`, nested as these.

        Args:
            target: Tensor or nested tensors.
            sources: Watched tensors and variables, nested.
            output_gradients: Weights of the targets' elements, nested as `target`; ``None``: ones.
            unconnected_gradients: What stands for a source that `target` does not depend on: ``"none"`` or ``"zero"``.

        Raises:
            ArgumentError: A second call on a tape that is not persistent.
        """
        unconnected = str(getattr(unconnected_gradients, "value", unconnected_gradients))
        if unconnected not in UNCONNECTED:
            raise ArgumentError(f"unconnected_gradients must be 'none' or 'zero'. Received: {unconnected_gradients!r}")
        if self._used and not self._persistent:
            raise ArgumentError(
                "gradient was called a second time on a tape that is not persistent. Use GradientTape(persistent=True)."
            )
        self._used = True
        targets = tree.flatten(target)
        weights = [None] * len(targets) if output_gradients is None else tree.flatten(output_gradients)
        if len(weights) != len(targets):
            raise ArgumentError(f"{len(targets)} targets but {len(weights)} output_gradients.")
        leaves, structure = tree.flatten_with_structure(sources)
        tapes = TAPES.get()
        recording = any(tape is self for tape in tapes)
        if recording and not self._persistent:
            with without(self):
                found = self._differentiate(targets, leaves, weights)
        else:
            found = self._differentiate(targets, leaves, weights)
        if unconnected == "zero":
            found = [
                zeros(leaf.dimensions, leaf.dtype) if gradient is None else gradient
                for leaf, gradient in zip(leaves, found, strict=True)
            ]
        if not self._persistent and not recording:
            self.reset()
        return tree.unflatten(structure, found)

    def _sources(self, leaf: Any) -> list[Tensor]:
        """The tensors that stand for a source: those read from a variable, or itself."""
        if isinstance(leaf, Tensor):
            return [leaf] if _key(leaf) in self._tracked else []
        if id(leaf) in self._variables:
            return self._variables[id(leaf)][1]
        if hasattr(leaf, "__epochal_tensor__"):
            return []
        raise ArgumentError(f"A source must be a tensor or variable. Received: {leaf!r}")

    def _differentiate(self, targets: list[Any], leaves: list[Any], weights: list[Any]) -> list[Tensor | None]:
        sources = [self._sources(leaf) for leaf in leaves]
        ys: list[Tensor] = []
        cotangents: list[Tensor | None] = []
        for target, weight in zip(targets, weights, strict=True):
            candidates = [target] if isinstance(target, Tensor) else self._sources(target)
            for tensor in candidates[-1:]:
                if _key(tensor) in self._tracked:
                    ys.append(tensor)
                    cotangents.append(None if weight is None else convert(weight, tensor.dtype))
        xs = list({_key(tensor): tensor for group in sources for tensor in group}.values())
        if not ys or not xs:
            return [None] * len(leaves)
        found = dict(zip([_key(tensor) for tensor in xs], self._evaluate(ys, xs, cotangents), strict=True))
        return [_total([found[_key(tensor)] for tensor in group]) for group in sources]

    def _evaluate(self, ys: list[Tensor], xs: list[Tensor], cotangents: list[Tensor | None]) -> list[Tensor | None]:
        entries = _between(self._entries, ys, xs)
        if not all(t.type.is_static for entry in entries for t in (*entry.inputs, *entry.outputs)):
            return gradients(ys, xs, cotangents)
        values: dict[int, Value] = {}
        known: dict[Value, Tensor] = {}

        def value_of(tensor: Tensor) -> Value:
            value = values.get(_key(tensor))
            if value is None:
                value = values[_key(tensor)] = make_input(tensor.type)
                known[value] = tensor
            return value

        with origin(current_origin()):  # each entry sets its own
            for entry in entries:
                rebuilt = entry.rebuild([value_of(tensor) for tensor in entry.inputs])
                for tensor, value in zip(entry.outputs, rebuilt, strict=True):
                    values[_key(tensor)] = value
                    known[value] = tensor
        given: list[Value | None] = []
        for y, cotangent in zip(ys, cotangents, strict=True):
            if cotangent is None:
                given.append(None)
                continue
            if cotangent.shape != y.shape:
                raise ShapeError(f"An output gradient has its target's shape, {y.shape}. Received: {cotangent.shape}")
            given.append(make_input(cotangent.type))
            known[given[-1]] = cotangent  # type: ignore[index]
        wanted = autodiff.gradients([value_of(y) for y in ys], [value_of(x) for x in xs], given)
        return _carry_out(wanted, known)

    def jacobian(self, target: Tensor, sources: Any, unconnected_gradients: Any = "none") -> Any:
        """Derivative of each element of `target`: for each source a tensor of shape target.shape + source.shape.

        The tape must be persistent, or this its only use. Costs one gradient an element.
        """
        size = target.size
        if size is None:
            raise ArgumentError(f"jacobian needs a target of known shape. Received: {target.shape}")
        leaves, structure = tree.flatten_with_structure(sources)
        persistent, self._persistent = self._persistent, True
        try:
            rows = []
            for index in range(size):
                unit = np.zeros(size, target.dtype.numpy)
                unit[index] = 1
                weight = eager(unit.reshape(target.shape))
                rows.append(self.gradient(target, leaves, weight, unconnected_gradients))
        finally:
            self._persistent = persistent
        results = []
        for column, leaf in enumerate(leaves):
            parts = [row[column] for row in rows]
            whole = None if parts[0] is None else reshape(stack(parts), (*target.dimensions, *leaf.dimensions))
            results.append(whole)
        return tree.unflatten(structure, results)


def _between(entries: list[_Entry], ys: list[Tensor], xs: list[Tensor]) -> list[_Entry]:
    """The entries on a path from `xs` to `ys`."""
    reached = {_key(x) for x in xs}
    forward = []
    for entry in entries:
        if any(_key(tensor) in reached for tensor in entry.inputs):
            forward.append(entry)
            reached.update(_key(tensor) for tensor in entry.outputs if tensor.dtype.is_floating)
    needed = {_key(y) for y in ys}
    result = []
    for entry in reversed(forward):
        if any(_key(tensor) in needed for tensor in entry.outputs):
            result.append(entry)
            needed.update(_key(tensor) for tensor in entry.inputs)
    result.reverse()
    return result


def _carry_out(wanted: Sequence[Value | None], known: dict[Value, Tensor]) -> list[Tensor | None]:
    """The tensors of values, computed from the known ones through the dispatcher."""
    with origin(current_origin()):
        for node in needed_nodes([value for value in wanted if value is not None], known.__contains__):
            set_origin(node.origin)
            if node.operator.name == "constant":
                results: tuple[Tensor, ...] = (Tensor(node.parameters["value"]),)
            else:
                outcome = apply(node.operator, *(known[value] for value in node.inputs), **node.parameters)
                results = outcome if isinstance(outcome, tuple) else (outcome,)
            known.update(zip(node.outputs, results, strict=True))
    return [None if value is None else known[value] for value in wanted]


def _total(parts: list[Tensor | None]) -> Tensor | None:
    total: Tensor | None = None
    for part in parts:
        if part is not None:
            total = part if total is None else apply("add", total, part)
    return total


def gradients(ys: Any, xs: Any, cotangents: Sequence[Tensor | None] | None = None) -> list[Tensor | None]:
    """Gradients of symbolic tensors with respect to symbolic tensors or variables, straight on the graph.

    Everything the graph knows counts, whether a tape saw it or not. A variable stands for what it holds at this point
    of the current context. Where shapes are not known yet, a request is built that is expanded once they are.

    Args:
        ys: What to differentiate (the sum of all elements).
        xs: With respect to what.
        cotangents: Weights of the elements of `ys`; ``None``: ones.

    Returns:
        One gradient an entry of `xs`; ``None`` where no path leads from it to `ys` (if shapes are known).
    """
    outputs = [as_value(y) for y in tree.flatten(ys)]
    inputs = [as_value(x) for x in tree.flatten(xs)]
    given: list[Value | None] = [None] * len(outputs)
    if cotangents is not None:
        given = [None if cotangent is None else as_value(cotangent) for cotangent in cotangents]
    context = contexts.effective()
    if isinstance(context, contexts.Trace) or (
        all(node.outputs[0].type.is_static for node in needed_nodes(outputs, lambda _: False))
        and not _has_reads(outputs)
    ):
        found = autodiff.gradients(outputs, inputs, given)
        return [None if value is None else context.wrap(value) for value in found]
    result = BUILD.gradient_request(
        *outputs,
        *inputs,
        *(value for value in given if value is not None),
        ys=len(outputs),
        xs=len(inputs),
        given=tuple(value is not None for value in given),
    )
    values = result if isinstance(result, tuple) else (result,)
    context.record(values[0].node)
    return [context.wrap(value) for value in values]


def _has_reads(outputs: Sequence[Value]) -> bool:
    return any(node.operator.name == "variable_read" for node in needed_nodes(outputs, lambda _: False))
