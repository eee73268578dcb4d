"""Loops whose launches are cut along the samples: what they compute, where threads wait, and what leaves the loop."""

import numpy as np
import pytest

from epochal.backends.native import driver
from epochal.backends.native.backend import BACKEND
from epochal.backends.native.program import LoopBegin, LoopEnd, Work
from epochal.backends.native.slabs import block_of, cut_of
from epochal.ir import Graph, Program, make_input, tensor_type
from epochal.topi.interpret import interpret
from epochal.topi.inventory import BUILD

STEPS = 4


def recurrence(batch, units, features=None, reverse=False, dtype="float32", step=None):
    """h' = step(x h W), stacked, and a sum over the samples that no piece has alone."""
    features = units if features is None else features
    h, w, xs = (
        make_input(tensor_type(dtype, shape), name)
        for name, shape in (("h", (batch, units)), ("w", (units, units)), ("xs", (STEPS, batch, features)))
    )

    def plain(w, h, x):
        z = BUILD.add(BUILD.dot_general(h, w, contract=((1,), (0,))), x)
        new = BUILD.tanh(z)
        return [BUILD.add(new, BUILD.mul(h, 0.5))], [new]

    inner = [make_input(value.type) for value in (w, h)] + [make_input(xs.type.with_shape(xs.shape[1:]))]
    carried, stacked = (plain if step is None else step)(*inner)
    body = Graph(inner, [*carried, *stacked])
    found = BUILD.scan(w, h, xs, body=body, constants=1, carries=1, length=STEPS, reverse=reverse)
    results = tuple(f"r{i}" for i in range(len(found)))
    return Program(Graph([h, w, xs], found), ("h", "w", "xs"), results, (), ())


def arguments_of(program, seed=0):
    rng = np.random.default_rng(seed)
    return [
        (rng.normal(size=type_.shape) / np.sqrt(type_.shape[-1])).astype(type_.dtype.numpy)
        for type_ in program.argument_types
    ]


def check(program, rtol):
    executable, arguments = BACKEND.compile(program), arguments_of(program)
    expected = interpret(program.graph, arguments)
    alone = executable(arguments, num_threads=1)
    for one, other in zip(alone, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=rtol, atol=rtol)
    for threads in (2, 3, 4):
        bound = executable.bind(arguments, num_threads=threads).run(2)
        for one, other in zip(bound, alone, strict=True):
            np.testing.assert_array_equal(one, other)
    return executable


def flags_in_loops(executable):
    """For each loop, whether threads wait in it, and how many of its records they share."""
    found = []
    for record in executable.table.records:
        kind = record[0] & 255
        if kind == driver.KIND_LOOP_BEGIN:
            found.append([False, 0])
        elif kind in (driver.KIND_KERNEL, driver.KIND_COPY) and found:
            found[-1][0] |= bool(record[0] & driver.FLAG_BARRIER)
            found[-1][1] += bool(record[0] & driver.FLAG_PARALLEL)
        elif kind == driver.KIND_LOOP_END:
            break
    return found


@pytest.mark.parametrize("batch", [2, 3, 7, 8, 17, 32, 270, 1030])
def test_samples_of_any_number(batch):
    check(recurrence(batch, 48), 1e-5)


@pytest.mark.parametrize("units", [9, 33, 50, 100, 144])
def test_columns_of_any_number(units):
    check(recurrence(12, units, reverse=True), 1e-5)
    check(recurrence(6, units, dtype="float64"), 1e-12)


def test_threads_wait_before_a_loop_and_not_in_it():
    executable = check(recurrence(32, 128), 1e-5)
    ((waits, shared),) = flags_in_loops(executable)
    assert shared
    assert not waits


def test_a_matrix_that_stays_is_laid_out_before_the_loop():
    executable = BACKEND.compile(recurrence(32, 128))
    begin = next(index for index, step in enumerate(executable.table.steps) if isinstance(step, LoopBegin))
    end = next(index for index, step in enumerate(executable.table.steps) if isinstance(step, LoopEnd))
    readers = [
        index
        for index, step in enumerate(executable.table.steps)
        if isinstance(step, Work) and any(place.buffer.kind == "argument" for place in step.inputs)
        and any(value.type.shape == (128, 128) for value in step.launch.inputs)
    ]  # fmt: skip
    assert readers
    assert all(index < begin for index in readers)
    assert end > begin


def test_a_transposed_matrix():
    def step(w, h, x):
        new = BUILD.tanh(BUILD.add(BUILD.dot_general(h, w, contract=((1,), (1,))), x))
        return [new], [new]

    executable = check(recurrence(20, 70, step=step), 1e-5)
    assert flags_in_loops(executable)[0][0] is False


def test_a_matrix_that_every_step_makes():
    def step(w, h, x):
        varying = BUILD.mul(w, BUILD.broadcast(BUILD.reshape(BUILD.max(x, axes=(0, 1)), shape=(1, 1)), shape=w.shape))
        new = BUILD.tanh(BUILD.dot_general(h, varying, contract=((1,), (0,))))
        return [new], [new]

    check(recurrence(16, 64, step=step), 1e-5)


def test_what_is_stacked_is_written_in_every_step():
    """Results that depend on no step, stacked or carried, are not computed before the loop: each row wants them."""

    def step(w, h, x):
        always = BUILD.dot_general(w, w, contract=((1,), (0,)))
        new = BUILD.tanh(BUILD.add(BUILD.dot_general(h, w, contract=((1,), (0,))), x))
        return [new], [always]

    check(recurrence(40, 40, step=step), 1e-5)


def test_threads_wait_for_a_sum_over_the_samples():
    def step(w, h, x):
        z = BUILD.add(BUILD.dot_general(h, w, contract=((1,), (0,))), x)
        mean = BUILD.mul(BUILD.sum(z, axes=(0,)), 1.0 / 32)
        new = BUILD.tanh(BUILD.sub(z, BUILD.broadcast(mean, shape=z.shape)))
        return [new], [new, mean]

    executable = check(recurrence(32, 128, step=step), 1e-5)
    assert flags_in_loops(executable)[0][0]


def test_rows_that_change_places_are_waited_for():
    def step(w, h, x):
        z = BUILD.add(BUILD.dot_general(h, w, contract=((1,), (0,))), x)
        new = BUILD.tanh(BUILD.reverse(z, axes=(0,)))
        return [new], [new]

    executable = check(recurrence(32, 128, step=step), 1e-5)
    assert flags_in_loops(executable)[0][0]


def test_gates_that_are_split_and_joined():
    def step(w, h, x):
        z = BUILD.add(BUILD.dot_general(h, w, contract=((1,), (0,))), x)
        low, high = (BUILD.slice(z, starts=(0, at), limits=(24, at + 32)) for at in (0, 32))
        new = BUILD.concat(BUILD.mul(BUILD.tanh(low), high), BUILD.sub(high, low), axis=1)
        return [new], [z]

    executable = check(recurrence(24, 64, step=step), 1e-5)
    assert flags_in_loops(executable)[0][0] is False


def test_small_loops_are_not_cut():
    body = recurrence(4, 3).graph.outputs[0].node.parameters["body"]
    assert cut_of(body, 1, 1) is None
    body = recurrence(32, 64).graph.outputs[0].node.parameters["body"]
    cut = cut_of(body, 1, 1)
    assert cut is not None
    assert cut.rows == 32


@pytest.mark.parametrize("rows", [2, 4, 7, 16, 32, 256, 300, 100_000])
def test_pieces(rows):
    block = block_of(rows)
    assert 1 <= block <= rows
    assert -(-rows // block) <= 64 or block == 4
    assert rows < 4 or -(-rows // block) >= 4
