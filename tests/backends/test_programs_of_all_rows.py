"""Random programs of all of the inventory's differentiable rows, with their gradients, on the native engine.

Each step takes a row's sample, moved a little by what the steps before it computed: values stay where the row is
smooth and well conditioned, and every result depends on the program's arguments.
"""

from __future__ import annotations

import numpy as np
import pytest

from epochal.autodiff import BUILD, gradients
from epochal.ir import Graph, Operator, Program, Sample, Value, make_input, tensor_type
from epochal.ir.verify import verify
from epochal.testing import all_samples, compare_backends, sample_graph
from epochal.testing.tolerances import tolerance

PROGRAMS = 220
AT_ONCE = 10
STEPS = 4
MOVED = 0.02


def _drawn_from() -> dict[str, list[tuple[Operator, Sample]]]:
    found: dict[str, list[tuple[Operator, Sample]]] = {}
    for _, operator, sample in all_samples():
        if operator.gradient is None or sample.differentiable == () or operator.name == "gradient_request":
            continue
        if any(array.dtype == np.float64 and array.size for array in sample.arguments):
            found.setdefault(operator.name, []).append((operator, sample))
    return found


ROWS = _drawn_from()
NAMES = sorted(ROWS)


def _moved(array: np.ndarray, pool: list[Value], dtype: str, random: np.random.Generator) -> Value:
    """A sample's argument, moved by a value of the pool that is laid out anew."""
    constant = BUILD.constant(array, dtype)
    source = pool[random.integers(len(pool))]
    size = source.type.size
    places = ((np.arange(array.size) + random.integers(size)) % size).astype(np.int32).reshape(array.shape)
    laid = BUILD.gather(BUILD.reshape(source, shape=(size,)), BUILD.constant(places), axis=0)
    return BUILD.add(constant, BUILD.mul(BUILD.tanh(laid), MOVED))


def _step(name: str, pool: list[Value], dtype: str, random: np.random.Generator) -> None:
    operator, sample = ROWS[name][random.integers(len(ROWS[name]))]
    graph, arrays = sample_graph(operator, sample, dtype, BUILD)
    allowed = range(len(arrays)) if sample.differentiable is None else sample.differentiable
    operands = [
        _moved(array, pool, dtype, random)
        if given.dtype == np.float64 and given.size and place in allowed
        else BUILD.constant(array)
        for place, (given, array) in enumerate(zip(sample.arguments, arrays, strict=True))
    ]
    kind = tensor_type(dtype).dtype
    results = [value for value in BUILD.evaluate(graph, operands) if value.dtype.is_floating and value.type.size]
    pool.extend(value if value.dtype is kind else BUILD.cast(value, dtype=kind) for value in results)


def _program(number: int) -> tuple[Program, str]:
    """Program `number`: it takes the rows in turn, so that all are drawn, and others at random."""
    random = np.random.default_rng(number)
    dtype = "float64" if number % 3 == 0 else "float32"
    inputs = [make_input(tensor_type(dtype, shape), f"x{index}") for index, shape in enumerate(((3, 4), (5,)))]
    pool = list(inputs)
    names = [NAMES[number % len(NAMES)], *random.choice(NAMES, STEPS - 1)]
    random.shuffle(names)
    for name in names:
        _step(name, pool, dtype, random)
    results = pool[len(inputs) :][-6:]
    slopes = [value for value in gradients([BUILD.tanh(value) for value in results], inputs) if value is not None]
    graph = Graph(inputs, [*results, *slopes])
    verify(graph)
    return Program(graph, ("x0", "x1"), tuple(f"y{index}" for index in range(len(graph.outputs)))), dtype


@pytest.mark.parametrize("first", range(0, PROGRAMS, AT_ONCE))
def test_programs(first: int) -> None:
    for number in range(first, first + AT_ONCE):
        program, dtype = _program(number)
        random = np.random.default_rng(number + 1)
        arguments = [random.standard_normal(value.shape).astype(dtype) for value in program.graph.inputs]
        bound = tolerance(tensor_type(dtype).dtype) * 20.0
        try:
            compare_backends(program, arguments, bound=bound)
        except Exception as error:
            raise AssertionError(f"program {number} of {dtype}: {error}") from error


def test_every_differentiable_row_is_drawn() -> None:
    assert len(NAMES) <= PROGRAMS
    assert {"add", "conv", "gather", "lstm", "scan", "svd", "while_loop", "attention"} <= set(NAMES)
