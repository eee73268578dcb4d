"""Order without a need for it: what keeps a value that is computed anew from being merged with the first one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from epochal.ir import Array, Build, Operator, Sample, TensorType, Value
from epochal.topi._rules import NOTHING, values


def _after_type(x: TensorType, *tokens: TensorType) -> TensorType:
    return x


def _after(x: Array, *tokens: Array) -> Array:
    return np.copy(x)


def _after_gradient(
    build: Build,
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    cotangents: Sequence[Value | None],
) -> Sequence[Value | None]:
    return [cotangents[0], *[None] * (len(inputs) - 1)]


def _after_samples() -> Iterable[Sample]:
    yield Sample((values((2, 3)),))
    yield Sample((values((2, 3)), values((4,), seed=1)), differentiable=(0,))
    yield Sample((np.array([3, -1], np.int32), values((), seed=1), np.array(True)))
    yield Sample((np.zeros((0, 2)), values((2,))))


after = Operator(
    name="after",
    infer=_after_type,
    reference=_after,
    samples=_after_samples,
    gradient=_after_gradient,
    traits=NOTHING,
    doc="x itself, at a time when the other operands have been computed. No pass looks through it.",
)
