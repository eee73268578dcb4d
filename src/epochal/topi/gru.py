"""Gated recurrent units over time (Cho et al., 2014), as Keras's GRU.

The kernels hold three equal parts, of the gates z and r and of the candidate h (the order of Keras's kernels).
With a = x[t] kernel + bias[0] and b = h[t-1] recurrent + bias[1]:

z = sigmoid(a_z + b_z);  r = sigmoid(a_r + b_r);  candidate = tanh(a_h + r b_h);  h[t] = z h[t-1] + (1 - z) candidate.

That is `reset_after`, Keras's default, with a bias [2, 3 units]. Without it the bias is [3 units], b has none, and
candidate = tanh(a_h + (r h[t-1]) recurrent_h).

Operands: x [batch, time, features], h [batch, units], kernel [features, 3 units], recurrent [units, 3 units], bias
and, if there is one, a bool mask [batch, time]: where it is False a step leaves the state as it is. `reverse` takes
the steps from the last to the first; what belongs to x[:, t] lies at [:, t] either way.

Results: hidden states [batch, time, units]; the last h; and what the gradient reads, each [time, batch, units]: z, r,
the candidate, and `inner`, which is b_h with `reset_after` and r h[t-1] without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from epochal.ir import Array, Build, Operator, Parameters, Sample, TensorType, Value
from epochal.topi._primitives import reference_by_decomposition
from epochal.topi._recurrent import (
    HIDDEN,
    KEPT,
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
    parts,
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

_KERNEL: tuple[Axis, ...] = ("features", ("units", 3))
_RECURRENT: tuple[Axis, ...] = ("units", ("units", 3))
_KEPT = 4  # z, r, candidate, inner


def _bias(reset_after: bool) -> tuple[Axis, ...]:
    return (2, ("units", 3)) if reset_after else (("units", 3),)


def _type(*operands: TensorType, reset_after: bool = True, reverse: bool = False) -> tuple[TensorType, ...]:
    masked = check_count("gru", len(operands), 5)
    names = ("x", "the state", "the kernel", "the recurrent kernel", "the bias", "mask")
    axes = (X, STATE, _KERNEL, _RECURRENT, _bias(reset_after), MASK)
    sizes = sizes_of("gru", list(zip(names, operands, axes, strict=False))[: 6 if masked else 5])
    state, kept = (shaped(operands[0], sizes, kind) for kind in (STATE, KEPT))
    return shaped(operands[0], sizes, HIDDEN), state, *(kept for _ in range(_KEPT))


def _resolve(types: Sequence[TensorType], parameters: Parameters) -> Parameters:
    return {
        "reset_after": bool(parameters.get("reset_after", True)),
        "reverse": bool(parameters.get("reverse", False)),
    }


def _reference(
    x: Array, h: Array, kernel: Array, recurrent: Array, bias: Array, *mask: Array, reset_after: bool, reverse: bool
) -> tuple[Array, ...]:
    batch, length, _ = x.shape
    units = h.shape[1]
    hidden = np.zeros((batch, length, units), x.dtype)
    kept = np.zeros((_KEPT, length, batch, units), x.dtype)
    for time in steps_of(length, reverse):
        a = x[:, time] @ kernel + (bias[0] if reset_after else bias)
        b = h @ recurrent + bias[1] if reset_after else h @ recurrent[:, : 2 * units]
        z = sigmoid(a[:, :units] + b[:, :units])
        r = sigmoid(a[:, units : 2 * units] + b[:, units : 2 * units])
        inner = b[:, 2 * units :] if reset_after else r * h
        within = r * inner if reset_after else inner @ recurrent[:, 2 * units :]
        candidate = np.tanh(a[:, 2 * units :] + within)
        h = np.where(counting(mask, time), z * h + (1.0 - z) * candidate, h)
        hidden[:, time] = h
        kept[:, time] = (z, r, candidate, inner)
    return hidden, h, *kept


def _row(build: Build, bias: Value, index: int) -> Value:
    """One of the two biases."""
    size = bias.shape[1]
    row = build.slice(bias, starts=(index, 0), limits=(index + 1, size))
    result: Value = build.reshape(row, shape=(size,))
    return result


def _columns(build: Build, matrix: Value, units: int) -> tuple[Value, Value]:
    """The recurrent kernel's parts of the gates z and r together, and of the candidate."""
    rows, width = matrix.shape
    return (
        build.slice(matrix, starts=(0, 0), limits=(rows, 2 * units)),
        build.slice(matrix, starts=(0, 2 * units), limits=(rows, width)),
    )


def _units(h: Value) -> int:
    size = h.shape[-1]
    assert isinstance(size, int)
    return size


def _decomposition(build: Build, inputs: Sequence[Value], *, reset_after: bool, reverse: bool) -> tuple[Value, ...]:
    x, h, kernel, recurrent, bias = single(build, *inputs[:5])
    a = build.add(matmul(build, swapped(build, x), kernel), _row(build, bias, 0) if reset_after else bias)

    def mixed(h: Value, z: Value, candidate: Value, mask: Sequence[Value]) -> Value:
        new = build.add(build.mul(z, h), build.mul(build.sub(1.0, z), candidate))
        return chosen(build, going(build, mask, h), new, h)

    def after(recurrent: Value, bias: Value, h: Value, a: Value, *mask: Value) -> tuple[list[Value], list[Value]]:
        a_z, a_r, a_h = parts(build, a, 3)
        b_z, b_r, inner = parts(build, build.add(matmul(build, h, recurrent), bias), 3)
        z, r = build.sigmoid(build.add(a_z, b_z)), build.sigmoid(build.add(a_r, b_r))
        candidate = build.tanh(build.add(a_h, build.mul(r, inner)))
        h = mixed(h, z, candidate, mask)
        return [h], [h, z, r, candidate, inner]

    def earlier(gates: Value, last: Value, h: Value, a: Value, *mask: Value) -> tuple[list[Value], list[Value]]:
        a_z, a_r, a_h = parts(build, a, 3)
        b_z, b_r = parts(build, matmul(build, h, gates), 2)
        z, r = build.sigmoid(build.add(a_z, b_z)), build.sigmoid(build.add(a_r, b_r))
        inner = build.mul(r, h)
        candidate = build.tanh(build.add(a_h, matmul(build, inner, last)))
        h = mixed(h, z, candidate, mask)
        return [h], [h, z, r, candidate, inner]

    constants = [recurrent, _row(build, bias, 1)] if reset_after else list(_columns(build, recurrent, _units(h)))
    sequences = [a, *(swapped(build, mask) for mask in inputs[5:])]
    step = after if reset_after else earlier
    (h,), (stack, *kept) = scanned(build, step, constants, [h], sequences, reverse)
    return tuple(rounded(build, value, inputs[0]) for value in (swapped(build, stack), h, *kept))


def _gradient(
    build: Build,
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    cotangents: Sequence[Value | None],
    *,
    reset_after: bool,
    reverse: bool,
) -> Sequence[Value | None]:
    """By the paired composite; only a gradient of that one differentiates what is kept as well."""
    how = {"reset_after": reset_after, "reverse": reverse}
    if any(cotangent is not None for cotangent in cotangents[2:]):
        return gradient_of_decomposition(_decomposition, build, inputs, cotangents, **how)
    x, h, kernel, recurrent, _, *mask = inputs
    hidden, _, *kept = outputs
    given = [
        full(build, 0.0, output) if cotangent is None else cotangent
        for output, cotangent in zip(outputs[:2], cotangents[:2], strict=True)
    ]
    found = build.gru_gradient(x, h, kernel, recurrent, *mask, hidden, *kept, *given, **how)
    return [*found, *(None for _ in mask)]


def _arguments(mask: bool, reset_after: bool) -> tuple[Array, ...]:
    operands = (
        values((2, 3, 2)), values((2, 2), seed=1), values((2, 6), seed=1), values((2, 6), -1.0, 1.0, seed=2),
        values((2, 6) if reset_after else (6,), -1.0, 1.0),
    )  # fmt: skip
    steps = np.array([[True, False, True], [False, True, False]])
    return (*operands, steps) if mask else operands


_CASES = ((False, True, False), (True, True, True), (True, False, False), (False, False, True))


def _samples() -> Iterable[Sample]:
    for mask, reset_after, reverse in _CASES:
        yield Sample(_arguments(mask, reset_after), {"reset_after": reset_after, "reverse": reverse})


gru = Operator(
    name="gru",
    infer=_type,
    reference=widened_results(_reference),
    samples=_samples,
    gradient=_gradient,
    resolve=_resolve,
    decompose=_decomposition,
    traits=TRAITS,
    doc="GRU over time from x, h, kernel, recurrent, bias[, mask]: all hidden states, the last; residuals.",
)


# --- gru_gradient(x, h, kernel, recurrent[, mask], hidden, z, r, candidate, inner, cotangents of hidden and h)

_GIVEN = 1 + _KEPT + 2


def _gradient_type(*operands: TensorType, reset_after: bool = True, reverse: bool = False) -> tuple[TensorType, ...]:
    check_count("gru_gradient", len(operands), 4 + _GIVEN)
    x, h, kernel, recurrent, *mask = operands[:-_GIVEN]
    names = ["x", "the state", "the kernel", "the recurrent kernel", *(["mask"] if mask else []), "hidden"]
    names += ["the gate z", "the gate r", "the candidate", "inner", "the cotangent of hidden", "the cotangent of h"]
    axes = [X, STATE, _KERNEL, _RECURRENT, *([MASK] if mask else []), HIDDEN, *[KEPT] * _KEPT, HIDDEN, STATE]
    sizes_of("gru_gradient", list(zip(names, operands, axes, strict=True)))
    width = recurrent.shape[1]
    return x, h, kernel, recurrent, recurrent.with_shape((2, width) if reset_after else (width,))


def _gradient_decomposition(
    build: Build, inputs: Sequence[Value], *, reset_after: bool, reverse: bool
) -> tuple[Value, ...]:
    """One scan the other way for the gates' cotangents; the weights' gradients are products over all steps at once."""
    mask = inputs[4:-_GIVEN]
    x, h, kernel, recurrent = single(build, *inputs[:4])
    hidden, *kept, of_hidden, of_h = single(build, *inputs[-_GIVEN:])
    previous = before(build, swapped(build, hidden), h, reverse)
    sequences = [swapped(build, of_hidden), previous, *kept, *(swapped(build, steps) for steps in mask)]
    if reset_after:
        (of_h,), (of_a, of_b) = scanned(build, _step_after(build), [recurrent], [of_h], sequences, not reverse)
        of_recurrent = over_steps(build, previous, of_b)
        sums = [build.reshape(build.sum(g, axes=(0, 1)), shape=(1, g.shape[2])) for g in (of_a, of_b)]
        of_bias = build.concat(*sums, axis=0)
    else:
        constants = _columns(build, recurrent, _units(h))
        (of_h,), (of_gates, of_candidate) = scanned(
            build, _step_earlier(build), constants, [of_h], sequences, not reverse
        )
        of_recurrent = build.concat(
            over_steps(build, previous, of_gates), over_steps(build, kept[3], of_candidate), axis=1
        )
        of_a = build.concat(of_gates, of_candidate, axis=2)
        of_bias = build.sum(of_a, axes=(0, 1))
    of_x = swapped(build, matmul(build, of_a, kernel, right=True))
    of_kernel = over_steps(build, swapped(build, x), of_a)
    return tuple(rounded(build, value, inputs[0]) for value in (of_x, of_h, of_kernel, of_recurrent, of_bias))


def _step_after(build: Build) -> Callable[..., Any]:
    """A step's cotangents, of a and of b, with `reset_after`."""

    def step(
        recurrent: Value, of_h: Value, of_hidden: Value, h: Value,
        z: Value, r: Value, candidate: Value, inner: Value, *mask: Value,
    ) -> tuple[list[Value], list[Value]]:  # fmt: skip
        of_new, past = split(build, going(build, mask, of_h), build.add(of_hidden, of_h))
        of_z = build.mul(build.mul(of_new, build.sub(h, candidate)), sigmoid_slope(build, z))
        of_a_h = build.mul(build.mul(of_new, build.sub(1.0, z)), tanh_slope(build, candidate))
        of_r = build.mul(build.mul(of_a_h, inner), sigmoid_slope(build, r))
        of_b = build.concat(of_z, of_r, build.mul(of_a_h, r), axis=1)
        before_h = build.add(build.mul(of_new, z), matmul(build, of_b, recurrent, right=True))
        return [plus(build, before_h, past)], [build.concat(of_z, of_r, of_a_h, axis=1), of_b]

    return step


def _step_earlier(build: Build) -> Callable[..., Any]:
    """A step's cotangents, of both gates and of the candidate before tanh, without `reset_after`."""

    def step(
        gates: Value, last: Value, of_h: Value, of_hidden: Value, h: Value,
        z: Value, r: Value, candidate: Value, inner: Value, *mask: Value,
    ) -> tuple[list[Value], list[Value]]:  # fmt: skip
        of_new, past = split(build, going(build, mask, of_h), build.add(of_hidden, of_h))
        of_z = build.mul(build.mul(of_new, build.sub(h, candidate)), sigmoid_slope(build, z))
        of_candidate = build.mul(build.mul(of_new, build.sub(1.0, z)), tanh_slope(build, candidate))
        of_inner = matmul(build, of_candidate, last, right=True)
        of_r = build.mul(build.mul(of_inner, h), sigmoid_slope(build, r))
        of_gates = build.concat(of_z, of_r, axis=1)
        before_h = build.add(build.mul(of_new, z), build.mul(of_inner, r))
        before_h = build.add(before_h, matmul(build, of_gates, gates, right=True))
        return [plus(build, before_h, past)], [of_gates, of_candidate]

    return step


def _gradient_of_gradient(
    build: Build,
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    cotangents: Sequence[Value | None],
    *,
    reset_after: bool,
    reverse: bool,
) -> Sequence[Value | None]:
    return gradient_of_decomposition(
        _gradient_decomposition, build, inputs, cotangents, reset_after=reset_after, reverse=reverse
    )


def _gradient_samples() -> Iterable[Sample]:
    for mask, reset_after, reverse in _CASES:
        x, h, kernel, recurrent, _, *steps = _arguments(mask, reset_after)
        gates = (values((3, 2, 2), 0.1, 0.9, seed=seed) for seed in range(_KEPT))
        kept = (values((2, 3, 2), -0.9, 0.9, seed=1), *gates)
        given = (values((2, 3, 2), seed=2), values((2, 2), seed=3))
        yield Sample((x, h, kernel, recurrent, *steps, *kept, *given), {"reset_after": reset_after, "reverse": reverse})


gru_gradient = Operator(
    name="gru_gradient",
    infer=_gradient_type,
    reference=reference_by_decomposition(_gradient_decomposition),
    samples=_gradient_samples,
    gradient=_gradient_of_gradient,
    resolve=_resolve,
    decompose=_gradient_decomposition,
    traits=TRAITS,
    doc="Gradients of gru by x, h, kernel, recurrent and bias, from what it kept and the results' cotangents.",
)
