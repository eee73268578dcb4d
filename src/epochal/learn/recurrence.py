"""Recurrences over time: the loop over steps with masks, and the steps of the simple, LSTM and GRU networks.

Sequences are ``[batch, time, features]`` outside and time-major inside. The product of all inputs with the input kernel
is taken at once, before the loop; a step then holds one product with the recurrent kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from epochal.tensor import Tensor
from epochal.tensor import functions as F

Step = Callable[[Tensor, list[Tensor]], tuple[Tensor, list[Tensor]]]
Activation = Callable[[Any], Tensor]


@dataclass(frozen=True)
class Result:
    """What a recurrence leaves behind.

    Attributes:
        last: Output of the last step.
        outputs: Outputs of all steps ``[batch, time, ...]`` in the order they were made, or ``None``.
        states: States after the last step.
    """

    last: Tensor
    outputs: Tensor | None
    states: list[Tensor]


def time_major(x: Tensor) -> Tensor:
    """The first two axes exchanged."""
    return F.transpose(x, (1, 0, *range(2, x.ndim)))


def run(
    step: Step,
    inputs: Tensor,
    states: Sequence[Tensor],
    mask: Tensor | None = None,
    backwards: bool = False,
    sequences: bool = False,
    zero_output: bool = False,
    output_like: Tensor | None = None,
    time_first: bool = False,
) -> Result:
    """Runs `step` over time.

    Args:
        step: ``step(inputs_t, states) -> output_t, new_states``.
        inputs: ``[batch, time, ...]``, or ``[time, batch, ...]`` with `time_first`.
        states: Before the first step.
        mask: bool ``[batch, time]``; at a step where it is false, states and output stay as they were.
        backwards: Whether to begin at the last step. Outputs come in the order they are made.
        sequences: Whether to return the outputs of all steps.
        zero_output: Whether outputs of masked steps are zero instead.
        output_like: A tensor of an output's shape and type, where that is not the first state.
        time_first: How `inputs` lie; masks and outputs have the batch first either way.
    """
    states = list(states)
    count = len(states)
    kept = states[0] if output_like is None else output_like
    xs: Any = inputs if time_first else time_major(inputs)
    if mask is not None:
        xs = (xs, time_major(mask))

    def body(carry: Any, x: Any) -> Any:
        previous, old = carry[count], list(carry[:count])
        if mask is None:
            output, new = step(x, old)
            shown = output
        else:
            x, keep = x
            output, new = step(x, old)
            output = F.where(_columns(keep, output), output, previous)
            shown = F.where(_columns(keep, output), output, F.zeros_like(output)) if zero_output else output
            new = [F.where(_columns(keep, now), now, before) for now, before in zip(new, old, strict=True)]
        return (*new, output), (shown if sequences else None)

    carry, outputs = F.scan(body, (*states, F.zeros_like(kept)), xs, reverse=backwards)
    stacked = None
    if sequences:
        stacked = time_major(F.flip(outputs, axis=0) if backwards else outputs)
    return Result(carry[count], stacked, list(carry[:count]))


def _columns(keep: Tensor, like: Tensor) -> Tensor:
    return F.reshape(keep, (*keep.dimensions, *(1,) * (like.ndim - 1)))


def project(x: Tensor, kernel: Any, bias: Any = None) -> Tensor:
    """``x @ kernel + bias`` for all steps at once."""
    product = F.matmul(x, kernel)
    return product if bias is None else F.add(product, bias)


def _dropped(h: Tensor, mask: Tensor | None) -> Tensor:
    return h if mask is None else F.multiply(h, mask)


def simple_step(recurrent_kernel: Any, activation: Activation, dropped: Tensor | None = None) -> Step:
    """``h' = activation(projection + h @ recurrent_kernel)``."""

    def step(projection: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        h = activation(F.add(projection, F.matmul(_dropped(states[0], dropped), recurrent_kernel)))
        return h, [h]

    return step


def lstm_step(
    recurrent_kernel: Any, activation: Activation, recurrent_activation: Activation, dropped: Tensor | None = None
) -> Step:
    """One step of an LSTM (Hochreiter and Schmidhuber 1997) with gates in the order input, forget, cell, output.

    ``c' = f * c + i * activation(z)``; ``h' = o * activation(c')``.
    """

    def step(projection: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        h, c = states
        gates = F.add(projection, F.matmul(_dropped(h, dropped), recurrent_kernel))
        entered, forgotten, candidate, shown = F.split(gates, 4, axis=-1)
        fresh = F.multiply(recurrent_activation(entered), activation(candidate))
        c = F.add(F.multiply(recurrent_activation(forgotten), c), fresh)
        h = F.multiply(recurrent_activation(shown), activation(c))
        return h, [h, c]

    return step


def gru_step(
    recurrent_kernel: Any,
    recurrent_bias: Any,
    activation: Activation,
    recurrent_activation: Activation,
    units: int,
    reset_after: bool = True,
    dropped: Tensor | None = None,
) -> Step:
    """One step of a GRU (Cho et al. 2014) with gates in the order update, reset, candidate.

    ``h' = z * h + (1 - z) * candidate``; with `reset_after` the reset gate multiplies the product with the recurrent
    kernel instead of its operand.
    """

    def step(projection: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        h = states[0]
        seen = _dropped(h, dropped)
        if reset_after:
            inner = F.matmul(seen, recurrent_kernel)
            inner = inner if recurrent_bias is None else F.add(inner, recurrent_bias)
            z_x, r_x, h_x = F.split(projection, 3, axis=-1)
            z_h, r_h, h_h = F.split(inner, 3, axis=-1)
            update = recurrent_activation(F.add(z_x, z_h))
            reset = recurrent_activation(F.add(r_x, r_h))
            candidate = activation(F.add(h_x, F.multiply(reset, h_h)))
        else:
            gate_kernel, candidate_kernel = F.split(recurrent_kernel, [2 * units], axis=-1)
            gates_x, h_x = F.split(projection, [2 * units], axis=-1)
            gates = recurrent_activation(F.add(gates_x, F.matmul(seen, gate_kernel)))
            update, reset = F.split(gates, 2, axis=-1)
            candidate = activation(F.add(h_x, F.matmul(F.multiply(reset, seen), candidate_kernel)))
        new = F.add(F.multiply(update, h), F.multiply(F.subtract(1.0, update), candidate))
        return new, [new]

    return step
