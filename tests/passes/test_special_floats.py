"""NaN, infinities, denormal numbers and both zeros: simplification changes none of them."""

from __future__ import annotations

import numpy as np
import pytest

from epochal.ir import Graph, Value, make_input, tensor_type
from epochal.passes.pipeline import run_pipeline
from epochal.passes.pipelines import SIMPLIFY
from epochal.topi.interpret import interpret
from epochal.topi.inventory import BUILD

UNARY = ("neg", "abs", "sign", "square", "relu", "reciprocal", "sqrt", "floor", "sigmoid", "exp", "stop_gradient")
# Not maximum and minimum: which zero max(0.0, -0.0) is depends on the order, and operands may be exchanged.
BINARY = ("add", "sub", "mul", "div")
SPECIAL = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1, -1, 2, 0.5, -3, 1e-40, 1e38], np.float32)
CONSTANTS = (0.0, -0.0, 1.0, -1.0, 2.0, 4.0, 0.125, 3.0)


def random_graph(rng: np.random.Generator) -> Graph:
    x, y = (make_input(tensor_type("float32", SPECIAL.shape), name) for name in "xy")
    scalars = [BUILD.constant(number, "float32") for number in CONSTANTS]
    pool: list[Value] = [
        value if rng.random() < 0.5 else BUILD.broadcast(value, shape=SPECIAL.shape) for value in scalars
    ]
    pool += [x, y, x, y]
    start = len(pool)
    for _ in range(7):
        a, b = (pool[int(rng.integers(len(pool)))] for _ in range(2))
        kind = rng.random()
        if kind < 0.3:
            pool.append(getattr(BUILD, str(rng.choice(UNARY)))(a))
        elif kind < 0.4:
            pool.append(BUILD.pow(a, float(rng.choice((0, 1, 2, -1)))))
        elif kind < 0.5:
            pool.append(BUILD.select(BUILD.less(a, b), a, b))
        else:
            pool.append(getattr(BUILD, str(rng.choice(BINARY)))(a, b))
    return Graph([x, y], pool[start:])


@pytest.mark.parametrize("seed", range(5))
def test_every_bit_but_the_payload_of_nan_stays(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(60):
        graph = random_graph(rng)
        optimised = run_pipeline(graph, SIMPLIFY, check=True)
        arrays = [rng.permutation(SPECIAL), rng.permutation(SPECIAL)]
        for one, other in zip(interpret(graph, arrays), interpret(optimised, arrays), strict=True):
            np.testing.assert_array_equal(one, other)
            number = ~np.isnan(one)
            np.testing.assert_array_equal(np.signbit(one[number]), np.signbit(other[number]))
