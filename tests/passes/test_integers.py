"""Integers wrap around: random graphs of every integer type, optimised, give every bit the same."""

from __future__ import annotations

import numpy as np
import pytest

from epochal.ir import Graph, Value, make_input, tensor_type
from epochal.passes.pipeline import run_pipeline
from epochal.passes.pipelines import for_engine
from epochal.topi.interpret import interpret
from epochal.topi.inventory import BUILD

UNARY = ("neg", "abs", "sign", "square", "bitwise_not")
BINARY = ("add", "sub", "mul", "maximum", "minimum", "bitwise_and", "bitwise_or", "bitwise_xor")


def random_graph(rng: np.random.Generator, dtype: str) -> Graph:
    x = make_input(tensor_type(dtype, (3,)), "x")
    pool: list[Value] = [BUILD.constant(number, dtype) for number in (0, 1, 3)]
    pool += [BUILD.broadcast(BUILD.constant(2, dtype), shape=(3,)), x]
    start = len(pool)
    for _ in range(6):
        a, b = (pool[int(rng.integers(len(pool)))] for _ in range(2))
        kind = rng.random()
        if kind < 0.3:
            pool.append(getattr(BUILD, str(rng.choice(UNARY)))(a))
        elif kind < 0.4:
            repeated = BUILD.broadcast(a, shape=(int(rng.choice((2, 200, 400))), 3))
            pool.append(BUILD.sum(repeated, axes=(0,)))
        elif kind < 0.5:
            pool.append(BUILD.pow(a, int(rng.integers(0, 4))))
        else:
            pool.append(getattr(BUILD, str(rng.choice(BINARY)))(a, b))
    return Graph([x], pool[start:])


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"])
def test_every_bit_stays(dtype: str) -> None:
    rng = np.random.default_rng(0)
    array = np.array([1, 7, 100], dtype)
    with np.errstate(all="ignore"):
        for trial in range(40):
            graph = random_graph(rng, dtype)
            optimised = run_pipeline(graph, for_engine(frozenset()), check=True)
            for one, other in zip(interpret(graph, [array]), interpret(optimised, [array]), strict=True):
                np.testing.assert_array_equal(one, other, err_msg=f"trial {trial}")
