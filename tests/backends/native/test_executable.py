"""Programs of hand-made kernels on the native engine, against the reference interpreter."""

import gc
import os
import threading
import weakref
from pathlib import Path

import numpy as np
import pytest

from epochal.backends.native import driver
from epochal.errors import ArgumentError, DTypeError, ExecutionError, ShapeError
from epochal.ir import Graph, Program, make_input, tensor_type
from epochal.topi.interpret import interpret
from epochal.topi.inventory import BUILD

F = tensor_type("float32", (64,))
SCALAR = tensor_type("float32", ())
INT = tensor_type("int32", ())


def vector(*values):
    return np.resize(np.array(values, np.float32), 64)


def program_of(types, build, states=(), replaced=None):
    """A program from a function of arguments and states to (results, new states)."""
    arguments = [make_input(type_, f"a{i}") for i, type_ in enumerate(types)]
    held = [make_input(type_, f"s{i}") for i, type_ in enumerate(states)]
    results, new = build(*arguments, *held)
    replaced = tuple(range(len(new))) if replaced is None else replaced
    return Program(
        Graph((*arguments, *held), (*results, *new)),
        tuple(f"a{i}" for i in range(len(types))),
        tuple(f"r{i}" for i in range(len(results))),
        tuple(f"s{i}" for i in range(len(states))),
        replaced,
    )


def reference(program, arguments, state, count=1):
    state = [array.copy() for array in state]
    results = []
    for _ in range(count):
        outputs = [np.array(x) for x in interpret(program.graph, [*arguments, *state])]
        results = outputs[: len(program.results)]
        for index, value in zip(program.replaced, outputs[len(program.results) :], strict=True):
            state[index] = value
    return results, state


def check(executable, arguments, state=(), count=3, threads=(1, 2, 3)):
    """Compares bound and direct runs with the interpreter, for several numbers of threads."""
    program = executable.program
    for number in threads:
        mine = [array.copy() for array in state]
        results = executable.bind(arguments, mine, num_threads=number).run(count)
        expected, expected_state = reference(program, arguments, state, count)
        for one, other in zip((*results, *mine), (*expected, *expected_state), strict=True):
            np.testing.assert_array_equal(one, other)
        mine = [array.copy() for array in state]
        results = executable(arguments, mine, num_threads=number)
        expected, expected_state = reference(program, arguments, state)
        for one, other in zip((*results, *mine), (*expected, *expected_state), strict=True):
            np.testing.assert_array_equal(one, other)
            assert one.dtype == other.dtype
            assert one.shape == other.shape


def test_straight_line(compile_by_hand):
    program = program_of([F, F], lambda x, y: ([BUILD.mul(BUILD.add(x, y), BUILD.sub(x, y))], []))
    check(compile_by_hand(program), [vector(1, 2, 3), vector(5, 7)])


def test_results_that_are_arguments_constants_or_the_same(compile_by_hand):
    def build(x, s):
        total = BUILD.add(x, s)
        constant = BUILD.constant(vector(9))
        return [x, constant, total, total, s, BUILD.reshape(total, shape=(8, 8)), BUILD.reshape(x, shape=(64, 1))], []

    check(compile_by_hand(program_of([F], build, [F])), [vector(1, 2)], [vector(4)])


def test_state_is_replaced_in_place(compile_by_hand):
    program = program_of([F], lambda x, s: ([], [BUILD.add(s, x)]), [F])
    executable = compile_by_hand(program)
    assert executable.arena_bytes == 0
    assert len(executable.table.records) == 2, "no copy"
    check(executable, [vector(1, 2)], [vector(4)])


def test_old_state_read_after_the_new_one(compile_by_hand):
    def build(x, s):
        new = BUILD.add(s, x)
        return [BUILD.mul(new, s), s], [new]

    check(compile_by_hand(program_of([F], build, [F])), [vector(1, 2)], [vector(4)])


def test_states_that_exchange_values(compile_by_hand):
    program = program_of([F], lambda x, a, b, c: ([a], [b, c, BUILD.add(a, x)]), [F, F, F])
    check(compile_by_hand(program), [vector(1)], [vector(2), vector(3), vector(4)])
    program = program_of([], lambda a, b: ([], [b, a]), [F, F])
    check(compile_by_hand(program), [], [vector(2), vector(3)])


def test_one_value_for_several_states(compile_by_hand):
    def build(x, a, b, c):
        new = BUILD.add(a, x)
        return [new], [new, new, x]

    check(compile_by_hand(program_of([F], build, [F, F, F])), [vector(1)], [vector(2), vector(3), vector(4)])


def test_some_states_are_only_read(compile_by_hand):
    program = program_of([F], lambda x, a, b: ([], [BUILD.add(a, BUILD.add(b, x))]), [F, F], replaced=(1,))
    check(compile_by_hand(program), [vector(1)], [vector(2), vector(3)])


def test_call_outs(compile_by_hand):
    def build(x, s):
        t = BUILD.add(BUILD.exp(x), s)
        return [BUILD.sum(t, axes=(0,)), BUILD.exp(t)], [BUILD.mul(t, BUILD.constant(vector(0.5)))]

    check(compile_by_hand(program_of([F], build, [F])), [vector(0.1, 0.2)], [vector(1)])


def graph_of(types, build):
    inputs = [make_input(type_) for type_ in types]
    return Graph(inputs, build(*inputs))


def test_cond(compile_by_hand):
    def build(p, x, s):
        then_graph = graph_of([F, F], lambda x, s: [BUILD.add(s, x), x])
        else_graph = graph_of([F, F], lambda x, s: [s, BUILD.mul(s, s)])
        new, other = BUILD.cond(p, x, s, then_graph=then_graph, else_graph=else_graph)
        return [other], [new]

    executable = compile_by_hand(program_of([tensor_type("bool", ()), F], build, [F]))
    for predicate in (True, False):
        check(executable, [np.array(predicate), vector(1, 2)], [vector(4)])


def counting(limit, body, constants=1, maximum=None, start=0):
    """A while loop over (counter, x) with `c` as its constant."""

    def build(c, x):
        condition = graph_of([F, INT, F], lambda c, i, x: [BUILD.less(i, BUILD.constant(limit, "int32"))])
        step = graph_of([F, INT, F], lambda c, i, x: [BUILD.add(i, BUILD.constant(1, "int32")), body(c, x)])
        return BUILD.while_loop(
            c, BUILD.constant(start, "int32"), x, condition=condition, body=step, constants=constants,
            maximum_iterations=maximum,
        )  # fmt: skip

    return build


@pytest.mark.parametrize("maximum", [None, 3, 0])
def test_while_loop(compile_by_hand, maximum):
    loop = counting(5, lambda c, x: BUILD.add(BUILD.mul(x, c), c), maximum=maximum)
    program = program_of([F, F], lambda c, x: (list(loop(c, x)), []))
    check(compile_by_hand(program), [vector(0.5), vector(1, 2)])


def test_while_loop_over_state(compile_by_hand):
    loop = counting(4, lambda c, x: BUILD.add(x, c))

    def build(c, s):
        i, x = loop(c, s)
        return [i], [x]

    executable = compile_by_hand(program_of([F], build, [F]))
    check(executable, [vector(0.5)], [vector(1, 2)])


def test_while_loop_that_swaps(compile_by_hand):
    def build(x, y):
        types = [INT, F, F]
        condition = graph_of(types, lambda i, a, b: [BUILD.less(i, BUILD.constant(3, "int32"))])
        body = graph_of(types, lambda i, a, b: [BUILD.add(i, BUILD.constant(1, "int32")), b, a])
        return list(BUILD.while_loop(BUILD.constant(0, "int32"), x, y, condition=condition, body=body, constants=0)), []

    check(compile_by_hand(program_of([F, F], build)), [vector(1), vector(2)])


def scan_program(reverse, length=5, swap=False):
    row = tensor_type("float32", (64,))
    rows = tensor_type("float32", (length, 64))

    def body(c, carry, x):
        total = BUILD.add(carry, BUILD.mul(x, c))
        return [total, BUILD.sub(total, x), x]

    def build(c, s, xs):
        graph = graph_of([row, row, row], body)
        last, ys, copies = BUILD.scan(c, s, xs, body=graph, constants=1, carries=1, length=length, reverse=reverse)
        return [last, ys, copies], []

    return program_of([row, row, rows], build)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("length", [5, 1])
def test_scan(compile_by_hand, reverse, length):
    xs = np.arange(64 * length, dtype=np.float32).reshape(length, 64)
    executable = compile_by_hand(scan_program(reverse, length))
    check(executable, [vector(0.5), vector(1, 2), xs])


@pytest.mark.parametrize("reverse", [False, True])
def test_a_stack_of_carries_needs_no_copies(compile_by_hand, reverse):
    rows = tensor_type("float32", (5, 64))

    def build(s, xs):
        body = graph_of([F, F, F], lambda a, b, x: [BUILD.add(a, x), BUILD.mul(b, x), a, b])
        found = BUILD.scan(s, s, xs, body=body, constants=0, carries=2, length=5, reverse=reverse)
        return list(found), []

    executable = compile_by_hand(program_of([F, rows], build))
    kinds = executable.table.records[:, 0] & 255
    assert (kinds == driver.KIND_COPY).sum() == 2, "where each carry starts"
    check(executable, [vector(1, 2), np.random.default_rng(0).integers(0, 5, (5, 64)).astype(np.float32)])


def test_nested_scans(compile_by_hand):
    row, rows, blocks = (tensor_type("float32", shape) for shape in ((64,), (3, 64), (4, 3, 64)))

    def outer_body(s, xs):
        inner = graph_of([row, row], lambda c, x: [BUILD.add(c, x), BUILD.mul(c, x)])
        last, ys = BUILD.scan(s, xs, body=inner, constants=0, carries=1, length=3, reverse=True)
        zs = BUILD.scan(ys, body=graph_of([row], lambda y: [BUILD.add(y, y)]), constants=0, carries=0, length=3)
        return [BUILD.mul(last, BUILD.constant(vector(0.5))), zs, last]

    def build(xs, s):
        graph = graph_of([row, rows], outer_body)
        last, all_ys, lasts = BUILD.scan(s, xs, body=graph, constants=0, carries=1, length=4)
        return [all_ys, lasts], [last]

    xs = np.random.default_rng(0).random((4, 3, 64), np.float32)
    executable = compile_by_hand(program_of([blocks], build, [row]))
    check(executable, [xs], [vector(1, 2)])
    executable = compile_by_hand(program_of([blocks], build, [row]), call_outs=("mul",))
    check(executable, [xs], [vector(1, 2)])


def test_scan_over_a_state_that_it_replaces(compile_by_hand):
    rows = tensor_type("float32", (5, 64))

    def build(s):
        body = graph_of([F, F], lambda c, x: [BUILD.add(c, x), c])
        last, stacked = BUILD.scan(
            BUILD.constant(vector(0)), s, body=body, constants=0, carries=1, length=5, reverse=True
        )
        return [last], [stacked]

    check(compile_by_hand(program_of([], build, [rows])), [], [np.random.default_rng(0).random((5, 64), np.float32)])


def test_error_in_a_call_out_leaves_the_executable_usable(compile_by_hand):
    def build(x, i):
        return [BUILD.add(BUILD.gather(x, i, axis=0), BUILD.constant(1.0, "float32"))], []

    executable = compile_by_hand(program_of([F, INT], build))
    with pytest.raises(ExecutionError):
        executable([vector(1), np.array(64, np.int32)])
    check(executable, [vector(1, 2), np.array(3, np.int32)])


def test_many_runs_are_one_call(compile_by_hand):
    executable = compile_by_hand(program_of([F], lambda x, s: ([s], [BUILD.add(s, x)]), [F]))
    for threads in (1, 2, 3):
        state = np.zeros(64, np.float32)
        (result,) = executable.bind([vector(1)], [state], num_threads=threads).run(1000)
        assert state[0] == 1000
        assert result[0] == 999


def test_wrong_arrays(compile_by_hand):
    executable = compile_by_hand(program_of([F], lambda x, s: ([], [BUILD.add(s, x)]), [F]))
    x, s = vector(1), vector(2)
    for call in (executable, executable.bind):
        with pytest.raises(ArgumentError, match="takes 1 arguments"):
            call([x, x], [s])
        with pytest.raises(ArgumentError, match="takes 1 states"):
            call([x], [])
        with pytest.raises(ShapeError, match=r"'a0'.*float32\[64\].*\(3,\)"):
            call([np.zeros(3, np.float32)], [s])
        with pytest.raises(DTypeError, match=r"'s0'.*float32\[64\].*float64"):
            call([x], [np.zeros(64)])
        frozen = vector(1)
        frozen.flags.writeable = False
        with pytest.raises(ArgumentError, match=r"'s0'.*writable"):
            call([x], [frozen])
        with pytest.raises(ArgumentError, match="'s0' must be C-contiguous"):
            call([x], [np.zeros(128, np.float32)[::2]])
        with pytest.raises(ArgumentError, match="positive integer"):
            call([x], [s], num_threads=0)
    with pytest.raises(ArgumentError, match="count"):
        executable.bind([x], [s]).run(0)


def test_arguments_are_made_contiguous(compile_by_hand):
    executable = compile_by_hand(program_of([F], lambda x: ([BUILD.add(x, x)], [])))
    x = np.arange(128, dtype=np.float32)[::2]
    np.testing.assert_array_equal(executable([x])[0], x + x)


def test_an_argument_that_is_a_state_too(compile_by_hand):
    def build(x, s):
        new = BUILD.add(s, s)
        return [BUILD.sub(new, x)], [new]

    executable = compile_by_hand(program_of([F], build, [F]))
    state = vector(3)
    for _ in range(2):
        before = state.copy()
        (result,) = executable([state], [state])
        np.testing.assert_array_equal(result, before)
        np.testing.assert_array_equal(state, before + before)


def test_results_are_new_arrays(compile_by_hand):
    executable = compile_by_hand(program_of([F], lambda x: ([BUILD.add(x, x), x], [])))
    x = vector(1)
    first, same = executable([x])
    second, _ = executable([vector(5)])
    assert first[0] == 2
    assert second[0] == 10
    assert not np.shares_memory(same, x)
    first[0] = 7  # writable


def test_concurrent_calls(compile_by_hand):
    loop = counting(50, lambda c, x: BUILD.add(BUILD.mul(x, c), c))
    executable = compile_by_hand(program_of([F, F], lambda c, x: (list(loop(c, x)), [])))
    expected = {k: executable([vector(0.5), vector(k)])[1] for k in range(4)}
    failures = []

    def call(k):
        results = [executable([vector(0.5), vector(k)], num_threads=2)[1] for _ in range(50)]
        failures.extend(k for result in results if not np.array_equal(result, expected[k]))

    threads = [threading.Thread(target=call, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_everything_is_freed_with_the_last_reference(compile_by_hand):
    executable = compile_by_hand(program_of([F], lambda x, s: ([BUILD.exp(x)], [BUILD.add(s, x)]), [F]))
    x, s = vector(1), vector(2)
    binding = executable.bind([x], [s])
    binding.run(2)
    executable([x], [s])
    watched = [weakref.ref(executable), weakref.ref(x), weakref.ref(s)]
    gc.collect()
    gc.disable()
    try:
        del executable, binding, x, s
        assert [watch() for watch in watched] == [None] * 3
    finally:
        gc.enable()


def test_small_programs_run_on_the_caller_alone(compile_by_hand):
    program = program_of([F], lambda x: ([BUILD.add(x, x)], []))
    assert compile_by_hand(program, cost=100.0).threads(8) == 1
    assert compile_by_hand(program, cost=1e6).threads(8) == 8


def resident_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_compiling_running_and_deleting_keeps_memory_flat(compile_by_hand):
    large = tensor_type("float32", (1 << 18,))
    x, s = np.ones(1 << 18, np.float32), np.zeros(1 << 18, np.float32)

    def cycle():
        def build(x, s):
            t = BUILD.mul(BUILD.add(x, s), BUILD.constant(np.full(1 << 18, 0.5, np.float32)))
            return [BUILD.sub(t, x)], [BUILD.add(t, s)]

        executable = compile_by_hand(program_of([large], build, [large]))
        executable.bind([x], [s], num_threads=2).run(2)
        executable([x], [s])

    for _ in range(10):
        cycle()
    gc.collect()
    before = resident_bytes()
    for _ in range(150):
        cycle()
    gc.collect()
    assert resident_bytes() - before < 5 << 20
