"""Learning rates that depend on the step, under `tf.train`'s names. The formulas are `epochal.learn.schedules`'s."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from epochal.errors import ArgumentError
from epochal.learn import schedules
from epochal.tensor import Tensor, functions
from epochal.tf.conversion import to_tensor


def _step(global_step: Any) -> Tensor:
    if global_step is None:
        raise ArgumentError("global_step is required: pass tf.train.get_or_create_global_step().")
    return functions.cast(to_tensor(global_step), "float32")


def exponential_decay(
    learning_rate: Any, global_step: Any, decay_steps: Any, decay_rate: Any, staircase: bool = False,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """``learning_rate * decay_rate ** (step / decay_steps)``; with `staircase` the quotient is rounded down."""
    return schedules.exponential(_step(global_step), learning_rate, decay_steps, decay_rate, staircase)


def natural_exp_decay(
    learning_rate: Any, global_step: Any, decay_steps: Any, decay_rate: Any, staircase: bool = False,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """``learning_rate * exp(-decay_rate * step / decay_steps)``."""
    return schedules.exponential(_step(global_step), learning_rate, decay_steps, math.exp(-decay_rate), staircase)


def inverse_time_decay(
    learning_rate: Any, global_step: Any, decay_steps: Any, decay_rate: Any, staircase: bool = False,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """``learning_rate / (1 + decay_rate * step / decay_steps)``."""
    return schedules.inverse_time(_step(global_step), learning_rate, decay_steps, decay_rate, staircase)


def piecewise_constant(x: Any, boundaries: Sequence[Any], values: Sequence[Any], name: str | None = None) -> Tensor:
    """``values[i]`` for the first i with ``x <= boundaries[i]``, the last value beyond all."""
    if len(boundaries) != len(values) - 1:
        raise ArgumentError(
            f"The length of boundaries should be 1 less than the length of values. Received: {len(boundaries)} and "
            f"{len(values)}"
        )
    return schedules.piecewise(_step(x), boundaries, values)


def polynomial_decay(
    learning_rate: Any, global_step: Any, decay_steps: Any, end_learning_rate: float = 0.0001, power: float = 1.0,
    cycle: bool = False, name: str | None = None,
) -> Tensor:  # fmt: skip
    """``(rate - end) * (1 - step / decay_steps) ** power + end``; with `cycle` the period grows to hold the step."""
    return schedules.polynomial(_step(global_step), learning_rate, decay_steps, end_learning_rate, power, cycle)


def cosine_decay(
    learning_rate: Any, global_step: Any, decay_steps: Any, alpha: float = 0.0, name: str | None = None
) -> Tensor:
    """Half a cosine from `learning_rate` down to ``alpha`` of it (Loshchilov and Hutter 2017)."""
    return schedules.cosine(_step(global_step), learning_rate, decay_steps, alpha)


def cosine_decay_restarts(
    learning_rate: Any, global_step: Any, first_decay_steps: Any, t_mul: float = 2.0, m_mul: float = 1.0,
    alpha: float = 0.0, name: str | None = None,
) -> Tensor:  # fmt: skip
    """Half cosines in a row; each is `t_mul` times as long as the one before and starts `m_mul` as high."""
    return schedules.cosine_restarts(_step(global_step), learning_rate, first_decay_steps, t_mul, m_mul, alpha)


def linear_cosine_decay(
    learning_rate: Any, global_step: Any, decay_steps: Any, num_periods: float = 0.5, alpha: float = 0.0,
    beta: float = 0.001, name: str | None = None,
) -> Tensor:  # fmt: skip
    """``rate * ((alpha + linear) * cosine + beta)`` (Bello et al. 2017)."""
    share = functions.minimum(_step(global_step), float(decay_steps)) / float(decay_steps)
    cosine = 0.5 * (1.0 + functions.cos(share * (math.pi * 2.0 * num_periods)))
    return learning_rate * ((alpha + (1.0 - share)) * cosine + beta)
