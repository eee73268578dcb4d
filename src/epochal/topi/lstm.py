"""Long short-term memory over time (Hochreiter and Schmidhuber, 1997; Gers et al., 2000), as Keras's LSTM.

z[t] = x[t] kernel + bias + h[t-1] recurrent, in four equal parts i, f, c, o (the order of Keras's kernels);
c[t] = sigmoid(f) c[t-1] + sigmoid(i) tanh(c);  h[t] = sigmoid(o) tanh(c[t]).

Operands: x [batch, time, features], h and c [batch, units], kernel [features, 4 units], recurrent [units, 4 units],
bias [4 units] and, if there is one, a bool mask [batch, time]: where it is False a step leaves the states as they are.
`reverse` takes the steps from the last to the first; what belongs to x[:, t] lies at [:, t] either way.

Results: hidden states [batch, time, units]; the last h and c; and what the gradient reads, each [time, batch, units]:
the cells c[t], and the four gates after their activation.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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

_KERNEL: tuple[Axis, ...] = ("features", ("units", 4))
_RECURRENT: tuple[Axis, ...] = ("units", ("units", 4))
_BIAS: tuple[Axis, ...] = (("units", 4),)
_KEPT = 5  # cells and four gates


def _type(*operands: TensorType, reverse: bool = False) -> tuple[TensorType, ...]:
    masked = check_count("lstm", len(operands), 6)
    names = ("x", "the state h", "the state c", "the kernel", "the recurrent kernel", "the bias", "mask")
    axes = (X, STATE, STATE, _KERNEL, _RECURRENT, _BIAS, MASK)
    sizes = sizes_of("lstm", list(zip(names, operands, axes, strict=False))[: 7 if masked else 6])
    state, kept = (shaped(operands[0], sizes, kind) for kind in (STATE, KEPT))
    return shaped(operands[0], sizes, HIDDEN), state, state, *(kept for _ in range(_KEPT))


def resolve_reverse(types: Sequence[TensorType], parameters: Parameters) -> Parameters:
    return {"reverse": bool(parameters.get("reverse", False))}


def _reference(
    x: Array, h: Array, c: Array, kernel: Array, recurrent: Array, bias: Array, *mask: Array, reverse: bool
) -> tuple[Array, ...]:
    batch, length, _ = x.shape
    hidden = np.zeros((batch, length, h.shape[1]), x.dtype)
    kept = np.zeros((_KEPT, length, *h.shape), x.dtype)
    for time in steps_of(length, reverse):
        i, f, g, o = np.split(x[:, time] @ kernel + bias + h @ recurrent, 4, -1)
        i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
        new = f * c + i * g
        counts = counting(mask, time)
        h, c = np.where(counts, o * np.tanh(new), h), np.where(counts, new, c)
        hidden[:, time] = h
        kept[:, time] = (c, i, f, g, o)
    return hidden, h, c, *kept


def _decomposition(build: Build, inputs: Sequence[Value], *, reverse: bool) -> tuple[Value, ...]:
    x, h, c, kernel, recurrent, bias = single(build, *inputs[:6])
    z = build.add(matmul(build, swapped(build, x), kernel), bias)

    def step(recurrent: Value, h: Value, c: Value, z: Value, *mask: Value) -> tuple[list[Value], list[Value]]:
        i, f, g, o = parts(build, build.add(z, matmul(build, h, recurrent)), 4)
        i, f, g, o = build.sigmoid(i), build.sigmoid(f), build.tanh(g), build.sigmoid(o)
        new = build.add(build.mul(f, c), build.mul(i, g))
        where = going(build, mask, h)
        h = chosen(build, where, build.mul(o, build.tanh(new)), h)
        c = chosen(build, where, new, c)
        return [h, c], [h, c, i, f, g, o]

    sequences = [z, *(swapped(build, mask) for mask in inputs[6:])]
    (h, c), (stack, *kept) = scanned(build, step, [recurrent], [h, c], sequences, reverse)
    return tuple(rounded(build, value, inputs[0]) for value in (swapped(build, stack), h, c, *kept))


def _gradient(
    build: Build,
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    cotangents: Sequence[Value | None],
    *,
    reverse: bool,
) -> Sequence[Value | None]:
    """By the paired composite; only a gradient of that one differentiates what is kept as well."""
    if any(cotangent is not None for cotangent in cotangents[3:]):
        return gradient_of_decomposition(_decomposition, build, inputs, cotangents, reverse=reverse)
    x, h, c, kernel, recurrent, _, *mask = inputs
    hidden, _, _, *kept = outputs
    given = [
        full(build, 0.0, output) if cotangent is None else cotangent
        for output, cotangent in zip(outputs[:3], cotangents[:3], strict=True)
    ]
    found = build.lstm_gradient(x, h, c, kernel, recurrent, *mask, hidden, *kept, *given, reverse=reverse)
    return [*found, *(None for _ in mask)]


def _arguments(mask: bool) -> tuple[Array, ...]:
    operands = (
        values((2, 3, 2)), values((2, 2), seed=1), values((2, 2), seed=2), values((2, 8), seed=1),
        values((2, 8), -1.0, 1.0, seed=2), values((8,), -1.0, 1.0),
    )  # fmt: skip
    steps = np.array([[True, False, True], [False, True, False]])
    return (*operands, steps) if mask else operands


def _samples() -> Iterable[Sample]:
    yield Sample(_arguments(False))
    yield Sample(_arguments(True), {"reverse": True})


lstm = Operator(
    name="lstm",
    infer=_type,
    reference=widened_results(_reference),
    samples=_samples,
    gradient=_gradient,
    resolve=resolve_reverse,
    decompose=_decomposition,
    traits=TRAITS,
    doc="LSTM over time from x, h, c, kernel, recurrent, bias[, mask]: all hidden states, the last h and c; residuals.",
)


# --- lstm_gradient(x, h, c, kernel, recurrent[, mask], hidden, cells, i, f, g, o, cotangents of hidden, h and c)

_GIVEN = 1 + _KEPT + 3


def _gradient_type(*operands: TensorType, reverse: bool = False) -> tuple[TensorType, ...]:
    check_count("lstm_gradient", len(operands), 5 + _GIVEN)
    x, h, c, kernel, recurrent, *mask = operands[:-_GIVEN]
    names = ["x", "the state h", "the state c", "the kernel", "the recurrent kernel", *(["mask"] if mask else [])]
    names += ["hidden", "the cells", "the gate i", "the gate f", "the gate g", "the gate o"]
    names += ["the cotangent of hidden", "the cotangent of h", "the cotangent of c"]
    axes = [X, STATE, STATE, _KERNEL, _RECURRENT, *([MASK] if mask else [])]
    axes += [HIDDEN, *[KEPT] * _KEPT, HIDDEN, STATE, STATE]
    sizes_of("lstm_gradient", list(zip(names, operands, axes, strict=True)))
    return x, h, c, kernel, recurrent, recurrent.with_shape(recurrent.shape[1:])


def _gradient_decomposition(build: Build, inputs: Sequence[Value], *, reverse: bool) -> tuple[Value, ...]:
    """One scan the other way for the gates' cotangents; the weights' gradients are products over all steps at once."""
    mask = inputs[5:-_GIVEN]
    x, h, c, kernel, recurrent = single(build, *inputs[:5])
    hidden, cells, i, f, g, o, of_hidden, of_h, of_c = single(build, *inputs[-_GIVEN:])

    def step(
        recurrent: Value, of_h: Value, of_c: Value, of_hidden: Value, cell: Value, previous: Value,
        i: Value, f: Value, g: Value, o: Value, *mask: Value,
    ) -> tuple[list[Value], list[Value]]:  # fmt: skip
        where = going(build, mask, of_h)
        of_new, past_h = split(build, where, build.add(of_hidden, of_h))
        of_cell, past_c = split(build, where, of_c)
        bent = build.tanh(cell)
        of_cell = build.add(of_cell, build.mul(build.mul(of_new, o), tanh_slope(build, bent)))
        of_z = build.concat(
            build.mul(build.mul(of_cell, g), sigmoid_slope(build, i)),
            build.mul(build.mul(of_cell, previous), sigmoid_slope(build, f)),
            build.mul(build.mul(of_cell, i), tanh_slope(build, g)),
            build.mul(build.mul(of_new, bent), sigmoid_slope(build, o)),
            axis=1,
        )
        before_h = plus(build, matmul(build, of_z, recurrent, right=True), past_h)
        return [before_h, plus(build, build.mul(of_cell, f), past_c)], [of_z]

    sequences = [swapped(build, of_hidden), cells, before(build, cells, c, reverse), i, f, g, o]
    sequences += [swapped(build, steps) for steps in mask]
    (of_h, of_c), (of_z,) = scanned(build, step, [recurrent], [of_h, of_c], sequences, not reverse)
    results = (
        swapped(build, matmul(build, of_z, kernel, right=True)),
        of_h,
        of_c,
        over_steps(build, swapped(build, x), of_z),
        over_steps(build, before(build, swapped(build, hidden), h, reverse), of_z),
        build.sum(of_z, axes=(0, 1)),
    )
    return tuple(rounded(build, result, inputs[0]) for result in results)


def _gradient_of_gradient(
    build: Build,
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    cotangents: Sequence[Value | None],
    *,
    reverse: bool,
) -> Sequence[Value | None]:
    return gradient_of_decomposition(_gradient_decomposition, build, inputs, cotangents, reverse=reverse)


def _gradient_samples() -> Iterable[Sample]:
    for mask, reverse in ((False, False), (True, True)):
        x, h, c, kernel, recurrent, _, *steps = _arguments(mask)
        gates = (values((3, 2, 2), 0.1, 0.9, seed=seed) for seed in range(4))
        kept = (values((2, 3, 2), -0.9, 0.9, seed=1), values((3, 2, 2), seed=2), *gates)
        given = (values((2, 3, 2), seed=2), values((2, 2), seed=3), values((2, 2)))
        yield Sample((x, h, c, kernel, recurrent, *steps, *kept, *given), {"reverse": reverse})


lstm_gradient = Operator(
    name="lstm_gradient",
    infer=_gradient_type,
    reference=reference_by_decomposition(_gradient_decomposition),
    samples=_gradient_samples,
    gradient=_gradient_of_gradient,
    resolve=resolve_reverse,
    decompose=_gradient_decomposition,
    traits=TRAITS,
    doc="Gradients of lstm by x, h, c, kernel, recurrent and bias, from what it kept and the results' cotangents.",
)
