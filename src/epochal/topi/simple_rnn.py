"""The simple recurrent layer over time (Elman, 1990), as Keras's SimpleRNN.

h[t] = f(x[t] kernel + bias + h[t-1] recurrent)

Operands: x [batch, time, features], h [batch, units], kernel [features, units], recurrent [units, units], bias [units]
and, if there is one, a bool mask [batch, time]: where it is False a step leaves the state as it is. `reverse` takes
the steps from the last to the first; what belongs to x[:, t] lies at [:, t] either way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from epochal.errors import ArgumentError
from epochal.ir import Array, Build, Operator, Parameters, Sample, TensorType, Value
from epochal.topi._primitives import reference_by_decomposition
from epochal.topi._recurrent import (
    HIDDEN,
    MASK,
    STATE,
    TRAITS,
    Axis,
    X,
    before,
    check_count,
    chosen,
    counting,
    going,
    matmul,
    over_steps,
    plus,
    scanned,
    shaped,
    sigmoid,
    sigmoid_slope,
    sizes_of,
    split,
    steps_of,
    swapped,
    tanh_slope,
)
from epochal.topi._results import gradient_of_decomposition, widened_results
from epochal.topi._rules import full, values
from epochal.topi.composite import rounded, single

_KERNEL: tuple[Axis, ...] = ("features", "units")
_RECURRENT: tuple[Axis, ...] = ("units", "units")
_BIAS: tuple[Axis, ...] = ("units",)


def _rectified(build: Build, x: Value) -> Value:
    nothing = full(build, 0.0, x)
    result: Value = build.select(build.greater(x, nothing), x, nothing)
    return result


def _rectified_slope(build: Build, y: Value) -> Value:
    result: Value = build.select(build.greater(y, 0.0), full(build, 1.0, y), full(build, 0.0, y))
    return result


# name: on arrays, on values, slope by the result
_ACTIVATIONS: dict[
    str, tuple[Callable[[Array], Array], Callable[[Build, Value], Value], Callable[[Build, Value], Value]]
] = {
    "tanh": (np.tanh, lambda build, x: build.tanh(x), tanh_slope),
    "sigmoid": (sigmoid, lambda build, x: build.sigmoid(x), sigmoid_slope),
    "relu": (lambda x: np.maximum(x, x.dtype.type(0)), _rectified, _rectified_slope),
    "linear": (lambda x: x, lambda build, x: x, lambda build, y: full(build, 1.0, y)),
}


def _type(*operands: TensorType, activation: str = "tanh", reverse: bool = False) -> tuple[TensorType, TensorType]:
    masked = check_count("simple_rnn", len(operands), 5)
    if activation not in _ACTIVATIONS:
        raise ArgumentError(f"simple_rnn: activation must be one of {sorted(_ACTIVATIONS)}. Received: {activation!r}")
    axes = (X, STATE, _KERNEL, _RECURRENT, _BIAS, MASK)
    names = ("x", "the state", "the kernel", "the recurrent kernel", "the bias", "mask")
    sizes = sizes_of("simple_rnn", list(zip(names, operands, axes, strict=False))[: 6 if masked else 5])
    return shaped(operands[0], sizes, HIDDEN), shaped(operands[0], sizes, STATE)


def resolve_rnn(types: Sequence[TensorType], parameters: Parameters) -> Parameters:
    return {"activation": parameters.get("activation", "tanh"), "reverse": bool(parameters.get("reverse", False))}


def _reference(
    x: Array, h: Array, kernel: Array, recurrent: Array, bias: Array, *mask: Array, activation: str, reverse: bool
) -> tuple[Array, Array]:
    function = _ACTIVATIONS[activation][0]
    hidden = np.zeros((*x.shape[:2], h.shape[1]), x.dtype)
    for time in steps_of(x.shape[1], reverse):
        new = function(x[:, time] @ kernel + bias + h @ recurrent)
        h = np.where(counting(mask, time), new, h)
        hidden[:, time] = h
    return hidden, h


def _decomposition(build: Build, inputs: Sequence[Value], *, activation: str, reverse: bool) -> tuple[Value, Value]:
    x, h, kernel, recurrent, bias = single(build, *inputs[:5])
    z = build.add(matmul(build, swapped(build, x), kernel), bias)
    function = _ACTIVATIONS[activation][1]

    def step(recurrent: Value, h: Value, z: Value, *mask: Value) -> tuple[list[Value], list[Value]]:
        new = function(build, build.add(z, matmul(build, h, recurrent)))
        new = chosen(build, going(build, mask, h), new, h)
        return [new], [new]

    (last,), (stack,) = scanned(
        build, step, [recurrent], [h], [z, *(swapped(build, mask) for mask in inputs[5:])], reverse
    )
    return rounded(build, swapped(build, stack), inputs[0]), rounded(build, last, inputs[0])


def _gradient(
    build: Build,
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    cotangents: Sequence[Value | None],
    *,
    activation: str,
    reverse: bool,
) -> Sequence[Value | None]:
    x, h, kernel, recurrent, _, *mask = inputs
    given = [
        full(build, 0.0, output) if cotangent is None else cotangent
        for output, cotangent in zip(outputs, cotangents, strict=True)
    ]
    found = build.simple_rnn_gradient(
        x, h, kernel, recurrent, *mask, outputs[0], *given, activation=activation, reverse=reverse
    )
    return [*found, *(None for _ in mask)]


def _arguments(mask: bool) -> tuple[Array, ...]:
    operands = (
        values((2, 3, 2)), values((2, 2), seed=1), values((2, 2), seed=2), values((2, 2), -1.0, 1.0, seed=3),
        values((2,), seed=1),
    )  # fmt: skip
    steps = np.array([[True, False, True], [False, True, False]])
    return (*operands, steps) if mask else operands


def _samples() -> Iterable[Sample]:
    yield Sample(_arguments(False), {"activation": "tanh"})
    yield Sample(_arguments(True), {"activation": "tanh", "reverse": True})
    yield Sample(_arguments(True), {"activation": "sigmoid"})
    yield Sample(_arguments(False), {"activation": "relu", "reverse": True})
    yield Sample(_arguments(False), {"activation": "linear"})


simple_rnn = Operator(
    name="simple_rnn",
    infer=_type,
    reference=widened_results(_reference),
    samples=_samples,
    gradient=_gradient,
    resolve=resolve_rnn,
    decompose=_decomposition,
    traits=TRAITS,
    doc="SimpleRNN over time from x, h, kernel, recurrent, bias[, mask]: all hidden states, and the last.",
)


# --- simple_rnn_gradient(x, h, kernel, recurrent[, mask], hidden, cotangents of hidden and of the last state)


def _gradient_type(*operands: TensorType, activation: str = "tanh", reverse: bool = False) -> tuple[TensorType, ...]:
    check_count("simple_rnn_gradient", len(operands), 7)
    x, h, kernel, recurrent, *mask = operands[:-3]
    axes = [X, STATE, _KERNEL, _RECURRENT, *([MASK] if mask else []), HIDDEN, HIDDEN, STATE]
    names = ["x", "the state", "the kernel", "the recurrent kernel", *(["mask"] if mask else [])]
    names += ["hidden", "the cotangent of hidden", "the cotangent of the state"]
    sizes = sizes_of("simple_rnn_gradient", list(zip(names, operands, axes, strict=True)))
    return x, h, kernel, recurrent, shaped(x, sizes, _BIAS)


def _gradient_decomposition(
    build: Build, inputs: Sequence[Value], *, activation: str, reverse: bool
) -> tuple[Value, ...]:
    mask = inputs[4:-3]
    x, h, kernel, recurrent, hidden, of_hidden, of_last = single(build, *inputs[:4], *inputs[-3:])
    slope = _ACTIVATIONS[activation][2]

    def step(
        recurrent: Value, of_h: Value, hidden: Value, of_hidden: Value, *mask: Value
    ) -> tuple[list[Value], list[Value]]:
        through, past = split(build, going(build, mask, of_h), build.add(of_hidden, of_h))
        of_z = build.mul(through, slope(build, hidden))
        return [plus(build, matmul(build, of_z, recurrent, right=True), past)], [of_z]

    stack = swapped(build, hidden)
    sequences = [stack, swapped(build, of_hidden), *(swapped(build, steps) for steps in mask)]
    (of_h,), (of_z,) = scanned(build, step, [recurrent], [of_last], sequences, not reverse)
    results = (
        swapped(build, matmul(build, of_z, kernel, right=True)),
        of_h,
        over_steps(build, swapped(build, x), of_z),
        over_steps(build, before(build, stack, h, reverse), of_z),
        build.sum(of_z, axes=(0, 1)),
    )
    return tuple(rounded(build, result, inputs[0]) for result in results)


def _gradient_of_gradient(
    build: Build,
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    cotangents: Sequence[Value | None],
    *,
    activation: str,
    reverse: bool,
) -> Sequence[Value | None]:
    return gradient_of_decomposition(
        _gradient_decomposition, build, inputs, cotangents, activation=activation, reverse=reverse
    )


def _gradient_samples() -> Iterable[Sample]:
    for mask, reverse in ((False, False), (True, True)):
        x, h, kernel, recurrent, _, *steps = _arguments(mask)
        kept = (values((2, 3, 2), -0.9, 0.9, seed=1), values((2, 3, 2), seed=2), values((2, 2), seed=3))
        yield Sample((x, h, kernel, recurrent, *steps, *kept), {"activation": "tanh", "reverse": reverse})


simple_rnn_gradient = Operator(
    name="simple_rnn_gradient",
    infer=_gradient_type,
    reference=reference_by_decomposition(_gradient_decomposition),
    samples=_gradient_samples,
    gradient=_gradient_of_gradient,
    resolve=resolve_rnn,
    decompose=_gradient_decomposition,
    traits=TRAITS,
    doc="Gradients of simple_rnn by x, h, kernel, recurrent and bias, from the hidden states and the cotangents.",
)
