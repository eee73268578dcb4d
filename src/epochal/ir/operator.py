"""What is true of an operator on every engine, in one row.

`Operator` is defined here and not in `topi` so that rows can lie side by side without importing one another: a
gradient is handed what it builds with (see `Build`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from epochal.ir.types import TensorType

if TYPE_CHECKING:
    from epochal.ir.graph import Graph, Value

Array: TypeAlias = NDArray[Any]
Parameters: TypeAlias = Mapping[str, Any]


class Build(Protocol):
    """What gradients and decompositions build with: ``build.add(x, y)``, ``build.sum(x, axes=(0,))`` ...

    Every operator of the inventory is an attribute, called with values (or Python scalars and arrays, which become
    constants of the other operands' element type) by position and parameters by keyword; it returns a `Value`, or a
    tuple of them where the operator has several results. Elementwise operators broadcast.
    """

    def __getattr__(self, name: str) -> Callable[..., Any]: ...

    def constant(self, value: Any, dtype: Any = None) -> Value: ...

    def differentiate(
        self, outputs: Sequence[Value], inputs: Sequence[Value], cotangents: Sequence[Value | None]
    ) -> list[Value | None]:
        """Reverse-mode gradients of `outputs` with respect to `inputs`, as values of the same graph."""
        ...

    def evaluate(self, graph: Graph, arguments: Sequence[Value]) -> list[Value]:
        """The outputs of a closed sub-graph, inlined on `arguments`."""
        ...


TypeRule: TypeAlias = Callable[..., TensorType | tuple[TensorType, ...]]
Reference: TypeAlias = Callable[..., Any]
Gradient: TypeAlias = Callable[..., "Sequence[Value | None]"]
Decomposition: TypeAlias = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Sample:
    """One set of arguments that tests draw on.

    Attributes:
        arguments: NumPy arrays; floating point ones are float64 and are cast to the type under test.
        parameters: The operator's parameters.
        differentiable: Positions of the arguments whose gradient is compared with finite differences.
            ``None``: all floating point ones.
    """

    arguments: tuple[Array, ...]
    parameters: Parameters = field(default_factory=dict)
    differentiable: tuple[int, ...] | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Operator:
    """A row of the inventory. Rows have identity.

    Attributes:
        name: Name in the inventory, the printer and `Build`.
        infer: Type rule, ``infer(*input_types, **parameters)``: the type of the result, or a tuple of types. Raises
            `ShapeError` or `DTypeError` that says what was expected and received. Must accept symbolic dimensions.
        reference: NumPy definition, ``reference(*arrays, **parameters)``: an array, or a tuple of arrays. Parameters
            are resolved and shapes static.
        gradient: ``gradient(build, inputs, outputs, cotangents, **parameters)``: one value (or ``None``, meaning
            zero) an input, written with `build`. A cotangent is ``None`` where that output does not matter.
            ``None``: the operator has no gradient, for the reason in `no_gradient`.
        no_gradient: Why there is none: ``"zero"`` (piecewise constant, or integers only: contributes nothing) or
            a sentence for the error raised when a gradient is asked for.
        resolve: Rewrites parameters that depend on shapes (a ``-1`` in a reshape, ``"same"`` padding) once the
            input types are static: ``resolve(input_types, parameters) -> parameters``.
        decompose: For a composite: ``decompose(build, inputs, **parameters)``, the same results written with
            more primitive operators.
        traits: Words that passes and engines ask about; see `TRAITS`.
        samples: Returns the samples, anew each time. Every row has some.
        doc: One line: what it computes.
    """

    name: str
    infer: TypeRule
    reference: Reference
    samples: Callable[[], Iterable[Sample]]
    gradient: Gradient | None = None
    no_gradient: str = ""
    resolve: Callable[[Sequence[TensorType], Parameters], Parameters] | None = None
    decompose: Decomposition | None = None
    traits: frozenset[str] = frozenset()
    doc: str = ""

    def __repr__(self) -> str:
        return f"<operator {self.name}>"


TRAITS: dict[str, str] = {
    "elementwise": "result element i depends on element i of the (broadcast) operands alone",
    "commutative": "operands may be exchanged",
    "associative": "grouping does not change the exact result",
    "comparison": "result is bool",
    "movement": "moves or repeats elements, computes nothing",
    "reduction": "takes `axes` and removes them",
    "contraction": "a product summed over shared axes",
    "window": "slides a window",
    "indexing": "addresses elements by integer operands",
    "random": "depends on a random key operand",
    "control": "carries sub-graphs in its parameters",
    "composite": "has a decomposition; an engine may have a kernel of its own",
    "leaf": "has no operands",
    "deferred": "stands only in graphs that are not specialised yet",
    "heavy": "worth compiling even when executed alone",
}


def as_array(value: Any, dtype: np.dtype[Any]) -> Array:
    """A contiguous array of that element type."""
    return np.ascontiguousarray(value, dtype=dtype)
