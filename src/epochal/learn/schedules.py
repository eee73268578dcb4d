"""Learning rates as functions of the update count: traceable, so that they are computed inside the training program.

`step` is a scalar tensor of the rate's element type, 0 before the first update. Formulas are Keras 3's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from epochal.tensor import Tensor, functions


def exponential(step: Tensor, initial: float, steps: float, rate: float, staircase: bool = False) -> Tensor:
    """``initial * rate^(step / steps)``; with `staircase` the exponent is rounded down.

    Example:
        >>> from epochal.tensor import convert
        >>> float(exponential(convert(20.0), initial=1.0, steps=10, rate=0.5))
        0.25
    """
    return initial * functions.power(rate, _periods(step, steps, staircase))


def inverse_time(step: Tensor, initial: float, steps: float, rate: float, staircase: bool = False) -> Tensor:
    """``initial / (1 + rate * step / steps)``."""
    return initial / (1.0 + rate * _periods(step, steps, staircase))


def piecewise(step: Tensor, boundaries: Sequence[float], values: Sequence[float]) -> Tensor:
    """``values[i]`` for the first i with ``step <= boundaries[i]``, the last value beyond all."""
    result = functions.zeros_like(step) + values[-1]
    for boundary, value in reversed(list(zip(boundaries, values[:-1], strict=True))):
        result = functions.where(step <= boundary, value, result)
    return result


def polynomial(
    step: Tensor, initial: float, steps: float, end: float, power: float = 1.0, cycle: bool = False
) -> Tensor:
    """``(initial - end) (1 - step / steps)^power + end``; with `cycle` the period grows to hold the step."""
    period = functions.zeros_like(step) + float(steps)
    if cycle:
        period = functions.where(step == 0.0, period, period * functions.ceil(step / steps))
    else:
        step = functions.minimum(step, float(steps))
    return (initial - end) * functions.power(1.0 - step / period, power) + end


def cosine(
    step: Tensor,
    initial: float,
    steps: float,
    alpha: float = 0.0,
    warmup_target: float | None = None,
    warmup_steps: float = 0,
) -> Tensor:
    """Half a cosine from `initial` (or the warm-up's target) down to ``alpha`` of it (Loshchilov and Hutter 2017)."""
    if warmup_target is None:
        return _half_cosine(functions.minimum(step, float(steps)) / steps, initial, alpha)
    limited = functions.minimum(step, float(warmup_steps + steps))
    warm = (warmup_target - initial) * (limited / max(warmup_steps, 1)) + initial
    decayed = _half_cosine((limited - float(warmup_steps)) / steps, warmup_target, alpha)
    return functions.where(limited < float(warmup_steps), warm, decayed)


def cosine_restarts(
    step: Tensor, initial: float, steps: float, growth: float = 2.0, shrink: float = 1.0, alpha: float = 0.0
) -> Tensor:
    """Half cosines in a row; each period is `growth` times as long as the one before and starts `shrink` as high."""
    completed = step / steps
    if growth == 1.0:
        index = functions.floor(completed)
        fraction = completed - index
    else:
        index = functions.floor(functions.log(1.0 - completed * (1.0 - growth)) / math.log(growth))
        passed = (1.0 - functions.power(growth, index)) / (1.0 - growth)
        fraction = (completed - passed) / functions.power(growth, index)
    height = functions.power(shrink, index)
    return initial * ((1.0 - alpha) * 0.5 * height * (1.0 + functions.cos(math.pi * fraction)) + alpha)


def _periods(step: Tensor, steps: float, staircase: bool) -> Tensor:
    periods = step / steps
    return functions.floor(periods) if staircase else periods


def _half_cosine(fraction: Tensor, height: float, alpha: float) -> Tensor:
    return height * ((1.0 - alpha) * 0.5 * (1.0 + functions.cos(math.pi * fraction)) + alpha)
