"""Worker threads: forks, the end of the process, sleep, and many at once."""

import os
import subprocess
import sys
import time

import numpy as np
import pytest

from epochal.backends.native import workers
from epochal.ir import Graph, Program, make_input, tensor_type
from epochal.topi.inventory import BUILD

F = tensor_type("float32", (4096,))


@pytest.fixture
def executable(compile_by_hand):
    x, s = make_input(F), make_input(F)
    value = s
    for _ in range(10):
        value = BUILD.add(BUILD.mul(value, BUILD.constant(np.full(4096, 0.5, np.float32))), x)
    return compile_by_hand(Program(Graph((x, s), (value,)), ("x",), (), ("s",), (0,)))


def once(executable, threads, count=20):
    state = np.linspace(-1, 1, 4096, dtype=np.float32)
    executable.bind([np.linspace(0, 1, 4096, dtype=np.float32)], [state], num_threads=threads).run(count)
    return state


def test_the_same_bits_for_any_number_of_threads(executable):
    expected = once(executable, 1)
    for threads in (2, 3, 4, 7):
        np.testing.assert_array_equal(once(executable, threads), expected)


def test_workers_are_reused(executable):
    once(executable, 3)
    started = workers.pool().size
    for _ in range(20):
        once(executable, 3)
    assert workers.pool().size == started


def test_idle_workers_sleep(executable):
    once(executable, 3)
    time.sleep(0.05)
    before = time.process_time()
    time.sleep(0.3)
    assert time.process_time() - before < 0.1


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="needs Linux's affinities")
def test_workers_begin_elsewhere_and_may_run_anywhere(executable):
    once(executable, 3)
    for worker in workers.pool()._all:
        assert os.sched_getaffinity(worker._thread.native_id) == os.sched_getaffinity(0)
    chosen = [workers._another_core(number) for number in range(4)]
    assert all(cores <= os.sched_getaffinity(0) for cores in chosen)
    assert all(len(cores) == (len(os.sched_getaffinity(0)) > 1) for cores in chosen)


def test_a_worker_spins_long_only_where_it_has_a_core_of_its_own():
    runtime = workers.runtime()
    cores = runtime._cores
    pauses = [runtime.idle_pauses(number) for number in range(cores + 1)]
    assert pauses[cores - 1] == pauses[cores]
    assert all(pause > 10 * pauses[cores] for pause in pauses[: cores - 1])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_starts_its_own_workers(executable):
    expected = once(executable, 3)
    child = os.fork()
    if child == 0:
        try:
            equal = np.array_equal(once(executable, 3), expected) and workers.pool().size == 2
        except BaseException:  # noqa: BLE001 - a child of fork must not return into the test runner
            equal = False
        os._exit(0 if equal else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    np.testing.assert_array_equal(once(executable, 3), expected)


_SCRIPT = """
import sys, threading, time
from epochal.backends.native import workers
runtime = workers.runtime()
taken = workers.pool().take(3, runtime)
workers.pool().give_back(taken)
{rest}
"""


@pytest.mark.parametrize(
    ("rest", "code"),
    [
        ("", 0),
        ("sys.exit(3)", 3),
        ("threading.Thread(target=time.sleep, args=(30,), daemon=True).start()", 0),
        ("workers.pool().take(2, runtime)", 0),  # workers that no one gives back
        ("raise SystemExit(4)", 4),
    ],
)
def test_the_process_ends_cleanly(rest, code):
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-c", _SCRIPT.format(rest=rest)], capture_output=True, timeout=60)
    assert done.returncode == code, done.stderr.decode()
    assert done.stderr == b""
    assert time.monotonic() - start < 30


_WITHOUT_FUTEX = """
import sys
from epochal.backends.native import workers
workers._FUTEX_NUMBERS = {}
import numpy as np, time
from epochal.compile import compile_program
from epochal.ir import Graph, Program, make_input, tensor_type
from epochal.topi.inventory import BUILD
x = make_input(tensor_type("float32", (100, 1000)))
value = x
for _ in range(20):
    value = BUILD.softmax(BUILD.mul(BUILD.tanh(value), BUILD.sum(value, axes=(0, 1))), axis=1)
executable = compile_program(Program(Graph((x,), (value,)), ("x",), ("y",)), "native")
assert executable.threads(3) == 3
array = np.random.default_rng(0).random((100, 1000), np.float32)
expected = executable([array], num_threads=1)[0]
binding = executable.bind([array], num_threads=3)
for _ in range(20):
    assert np.array_equal(binding.run(2)[0], expected)
    time.sleep(0.002)
assert workers.runtime()._tables[0][0][0] == 0
"""


def test_sleeping_without_futexes():
    subprocess.run([sys.executable, "-c", _WITHOUT_FUTEX], check=True, timeout=120)


def test_aligned():
    for count in (1, 5, 1000):
        array = workers.aligned(count, np.float32)
        assert array.ctypes.data % 64 == 0
        assert len(array) == count
