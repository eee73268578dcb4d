"""What stands in a graph whose shapes are not known yet for what cannot be built before they are.

`epochal.passes.specialise` replaces these operators; no pass or engine sees them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NoReturn, Protocol

from epochal.errors import ArgumentError, DTypeError, ShapeError
from epochal.ir import Operator, Sample, Symbol, TensorType

DEFERRED = frozenset({"deferred"})


class Handle(Protocol):
    """What stands for a variable: it has a type and its own identity."""

    @property
    def type(self) -> TensorType: ...


def _unresolved(*arrays: object, **parameters: Any) -> NoReturn:
    raise AssertionError("a deferred operator has no value; specialise the graph first")


def _no_samples() -> Iterable[Sample]:
    return ()


def _read_type(*, state: Handle) -> TensorType:
    return state.type


variable_read = Operator(
    name="variable_read",
    infer=_read_type,
    reference=_unresolved,
    samples=_no_samples,
    no_gradient="zero",
    traits=DEFERRED | {"leaf"},
    doc="The value of a variable at this point of the order of creation.",
)


def _assign_type(value: TensorType, *, state: Handle) -> TensorType:
    type_ = state.type
    if value.dtype != type_.dtype:
        raise DTypeError(f"A variable of dtype {type_.dtype} cannot be assigned a value of dtype {value.dtype}.")
    agree = value.rank == type_.rank and all(
        one == other or isinstance(one, Symbol) or isinstance(other, Symbol)
        for one, other in zip(value.shape, type_.shape, strict=True)
    )
    if not agree:
        raise ShapeError(f"A variable of shape {type_.shape} cannot be assigned a value of shape {value.shape}.")
    return type_ if type_.is_static else value


variable_assign = Operator(
    name="variable_assign",
    infer=_assign_type,
    reference=_unresolved,
    samples=_no_samples,
    no_gradient="Differentiate with respect to the assigned value instead.",
    traits=DEFERRED,
    doc="Gives a variable a new value, which later reads see; the result is that value.",
)


def _request_type(*operands: TensorType, ys: int, xs: int, given: Sequence[bool]) -> tuple[TensorType, ...]:
    if len(operands) != ys + xs + sum(given) or len(given) != ys:
        raise ArgumentError(
            f"gradient_request takes {ys} outputs, {xs} inputs and {sum(given)} cotangents. "
            f"Received: {len(operands)} operands."
        )
    return operands[ys : ys + xs]


gradient_request = Operator(
    name="gradient_request",
    infer=_request_type,
    reference=_unresolved,
    samples=_no_samples,
    no_gradient="A gradient of a gradient is expanded when the inner one is; specialise the graph first.",
    traits=DEFERRED,
    doc="Gradients of the sum of the first operands with respect to the next, expanded once shapes are known.",
)
