"""The memory plan: what shares memory, and that nothing alive at once does."""

import numpy as np
import pytest

from epochal.backends.native import memory, program
from epochal.backends.native.program import Buffer, Copy, Lowered, Place
from epochal.ir import Graph, Program, make_input, tensor_type
from epochal.topi.inventory import BUILD

F = tensor_type("float32", (64,))
BYTES = 256


def lowered_of(steps, results=(), loops=0):
    return Lowered(tuple(steps), tuple(results), loops)


def copy(source, destination, size=BYTES):
    return Copy(Place(source), Place(destination), size)


def test_a_chain_needs_little_memory(compile_by_hand):
    x = make_input(F)
    value = x
    for _ in range(50):
        value = BUILD.add(value, x)
    executable = compile_by_hand(Program(Graph((x,), (value,)), ("x",), ("y",)))
    assert executable.arena_bytes == BYTES, "every sum takes the memory of the one before"


def test_without_taking_over_two_buffers_alternate(compile_by_hand):
    x = make_input(F)
    value = x
    for _ in range(50):
        value = BUILD.exp(value)
    executable = compile_by_hand(Program(Graph((x,), (value,)), ("x",), ("y",)))
    assert executable.arena_bytes == 2 * BYTES


def test_aliases_take_no_memory(compile_by_hand):
    x = make_input(F)
    value = BUILD.reshape(BUILD.reshape(BUILD.add(x, x), shape=(8, 8)), shape=(4, 16))
    executable = compile_by_hand(Program(Graph((x,), (value,)), ("x",), ("y",)))
    assert executable.arena_bytes == BYTES
    assert len(executable.table.records) == 2


def test_buffers_are_aligned_and_do_not_overlap():
    rng = np.random.default_rng(0)
    external = Buffer(0, "argument")
    buffers = [Buffer(int(rng.integers(1, 2000))) for _ in range(60)]
    steps, lives = [], {}
    order = rng.permutation(np.repeat(np.arange(60), 3))
    for index, number in enumerate(order):
        first = number not in lives
        lives.setdefault(number, [index, index])[1] = index
        buffer = buffers[number]
        steps.append(copy(external, buffer) if first else copy(buffer, external))
    plan = memory.plan(lowered_of(steps))
    for i in range(60):
        assert plan.offsets[buffers[i]] % 64 == 0
        assert plan.offsets[buffers[i]] + buffers[i].size <= plan.size
        for j in range(i):
            together = lives[i][0] <= lives[j][1] and lives[j][0] <= lives[i][1]
            a, b = plan.offsets[buffers[i]], plan.offsets[buffers[j]]
            if together:
                assert a + buffers[i].size <= b or b + buffers[j].size <= a
    most = max(
        sum(-(-buffers[n].size // 64) * 64 for n, (s, e) in lives.items() if s <= index <= e)
        for index in range(len(steps))
    )
    assert plan.size <= 1.3 * most


def test_the_smallest_gap_that_fits_is_taken():
    external = Buffer(0, "argument")
    large, wall, small, wall2, late = (Buffer(size) for size in (640, 64, 128, 64, 128))
    steps = [copy(external, b) for b in (large, wall, small, wall2)]
    steps += [copy(large, external), copy(small, external), copy(external, late)]
    steps += [copy(b, external) for b in (wall, wall2, late)]
    plan = memory.plan(lowered_of(steps))
    assert plan.offsets[late] == plan.offsets[small]


def test_results_live_to_the_end():
    external = Buffer(0, "argument")
    result, other = Buffer(BYTES), Buffer(BYTES)
    steps = [copy(external, result), copy(external, other), copy(other, external)]
    plan = memory.plan(lowered_of(steps, [Place(result)]))
    assert plan.offsets[result] != plan.offsets[other]


def test_a_copy_takes_over_a_source_that_dies():
    external = Buffer(0, "argument")
    source, destination = Buffer(BYTES), Buffer(BYTES)
    steps = [copy(external, source), copy(source, destination), copy(destination, external)]
    plan = memory.plan(lowered_of(steps))
    assert plan.offsets[source] == plan.offsets[destination]
    steps.append(copy(source, external))
    plan = memory.plan(lowered_of(steps))
    assert plan.offsets[source] != plan.offsets[destination]


def lower(build, count):
    inputs = [make_input(F) for _ in range(count)]
    outputs = build(*inputs)
    names = tuple(f"s{index}" for index in range(count))
    source = Program(Graph(inputs, outputs), (), (), names, tuple(range(count)))
    return program.lower(
        source, lambda graph: [n for n in graph.nodes() if n.operator.name not in ("input", "constant")]
    )


def copies(lowered):
    return [step for step in lowered.steps if isinstance(step, Copy)]


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda a, b: [a, b], 0),
        (lambda a, b: [b, a], 3),  # one through a temporary
        (lambda a, b: [BUILD.exp(b), b], 0),
        (lambda a, b: [BUILD.exp(a), b], 1),  # a call-out may read all of `a` after it has written some
        (lambda a, b: [b, BUILD.exp(b)], 2),
        (lambda a, b: [BUILD.exp(b), BUILD.exp(a)], 1),
        (lambda a, b: [BUILD.exp(b), BUILD.sign(BUILD.exp(a))], 0),  # the later reader of `a` is moved forward
    ],
)
def test_copies_of_states(build, expected):
    assert len(copies(lower(build, 2))) == expected
