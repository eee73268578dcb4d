"""The byte-code driver on tables made by hand."""

import ctypes

import numpy as np
import pytest

from epochal.backends.native import driver, engine, workers
from epochal.backends.native.kernel import Kernel


def text(body, extra=""):
    return f"""
{extra}
define void @kernel(ptr %arguments, i64 %begin, i64 %end, ptr %scratch, ptr %error) #0 {{
entry:
  %p = load ptr, ptr %arguments
{body}
  ret void
}}
"""


ADD_RANGE = text("""
  %n = sub i64 %end, %begin
  %before = atomicrmw add ptr %p, i64 %n seq_cst
""")

FAIL = text("  store i32 1, ptr %error")

COUNT_DOWN = text("""
  %old = load i64, ptr %p
  %new = sub i64 %old, 1
  store i64 %new, ptr %p
  %q.p = getelementptr ptr, ptr %arguments, i64 1
  %q = load ptr, ptr %q.p
  %more = icmp sgt i64 %new, 0
  %flag = zext i1 %more to i8
  store i8 %flag, ptr %q
""")

STORE_SCRATCH = text("""
  store i64 %begin, ptr %scratch
  %address = ptrtoint ptr %scratch to i64
  %slot = getelementptr i64, ptr %p, i64 %begin
  store i64 %address, ptr %slot
""")


def code(source):
    return engine.engine().load(Kernel(f"driver test {source}", lambda target: source, 1, 1.0))


class Table:
    """A context around records and pointers."""

    def __init__(self, rows, pointers, threads=1, counters=2, scratch=0):
        self.runtime = workers.runtime()
        self.records = workers.aligned(len(rows) * 8, np.int64).reshape(-1, 8)
        self.records[...] = [list(row) + [0] * (8 - len(row)) for row in rows]
        self.threads = threads
        start = -(-(2 + counters) // 8) * 8
        self.frames = workers.aligned(threads * (start + 64), np.int64).reshape(threads, -1)
        self.frames[...] = 0
        self.frames[:, start : start + len(pointers)] = pointers
        self.slots = self.frames[:, start:]
        self.scratch = workers.aligned(max(64, scratch * threads), np.uint8)
        self.context = workers.aligned(64, np.int64)
        self.context[:] = 0
        self.context[:9] = (
            self.records.ctypes.data, self.frames.ctypes.data, self.frames.shape[1] * 8, start * 8,
            self.scratch.ctypes.data, scratch, threads, self.runtime.barrier_pauses(), self.runtime.system(threads),
        )  # fmt: skip

    def run(self, count=1):
        team = workers.pool().take(self.threads - 1, self.runtime)
        self.context[driver.CONTEXT_MAILBOXES :][: len(team)] = [worker.address for worker in team]
        status = self.runtime.launch(self.context.ctypes.data, count)
        workers.pool().give_back(team)
        return status


END = (driver.KIND_END,)
PARALLEL = driver.FLAG_PARALLEL
BARRIER = driver.FLAG_BARRIER


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_all_pieces_are_done_once(threads):
    add = code(ADD_RANGE)
    total = np.zeros(1, np.int64)
    for pieces in (1, 2, 3, 7, 100):
        for flags in (0, PARALLEL, PARALLEL | BARRIER):
            total[0] = 0
            table = Table([(flags, add.address, 0, pieces), END], [total.ctypes.data], threads)
            assert table.run(5) == 0
            assert total[0] == 5 * pieces


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_loops_and_patches(threads):
    add = code(ADD_RANGE)
    values = np.zeros(6, np.int64)
    patches = np.array([0, 16], np.int64)
    rows = [
        (driver.KIND_LOOP_BEGIN, 0, 3, 3),
        (BARRIER, add.address, 0, 10),
        (driver.KIND_LOOP_END, 0, 3, 1, patches.ctypes.data, 1),
        END,
    ]
    table = Table(rows, [values.ctypes.data], threads)
    assert table.run(2) == 0
    np.testing.assert_array_equal(values, [20, 0, 20, 0, 20, 0])
    assert (table.slots[:, 0] == values.ctypes.data).all(), "pointers are back where they were"


def test_an_empty_loop_is_skipped():
    add, total = code(ADD_RANGE), np.zeros(1, np.int64)
    rows = [(driver.KIND_LOOP_BEGIN, 0, 0, 3), (0, add.address, 0, 1), (driver.KIND_LOOP_END, 0, 0, 1), END]
    assert Table(rows, [total.ctypes.data]).run() == 0
    assert total[0] == 0


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_predicates(threads):
    down, total, flag = code(COUNT_DOWN), np.array([5], np.int64), np.ones(1, np.bool_)
    rows = [
        (driver.KIND_JUMP_IF_FALSE | BARRIER, 3, 2),
        (BARRIER, down.address, 0, 1),
        (driver.KIND_JUMP, 0),
        END,
    ]
    table = Table(rows, [total.ctypes.data, flag.ctypes.data, flag.ctypes.data], threads)
    assert table.run() == 0
    assert total[0] == 0


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("size", [1, 63, 64, 65, 1000, 4096])
def test_copies(threads, size):
    source = np.random.default_rng(0).integers(0, 255, size).astype(np.uint8)
    target = np.zeros(size + 1, np.uint8)
    rows = [(driver.KIND_COPY | PARALLEL, 64, 0, size), END]
    assert Table(rows, [target.ctypes.data, source.ctypes.data], threads).run() == 0
    np.testing.assert_array_equal(target[:size], source)
    assert target[size] == 0


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_an_error_stops_the_runs(threads):
    fail, add, total = code(FAIL), code(ADD_RANGE), np.zeros(1, np.int64)
    rows = [(0, add.address, 0, 1), (BARRIER, fail.address, 0, 1), (BARRIER, add.address, 0, 1), END]
    table = Table(rows, [total.ctypes.data], threads)
    for _ in range(3):
        total[0] = 0
        assert table.run(10) == -1
        assert total[0] == 1


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_stops_resume_where_they_were(threads):
    add, total = code(ADD_RANGE), np.zeros(1, np.int64)
    rows = [
        (driver.KIND_LOOP_BEGIN, 0, 2, 4),
        (0, add.address, 0, 1),
        (driver.KIND_STOP, 7),
        (driver.KIND_LOOP_END, 0, 2, 1),
        END,
    ]
    table = Table(rows, [total.ctypes.data], threads)
    statuses = [table.run(2)]
    totals = [int(total[0])]
    while statuses[-1]:
        statuses.append(table.run(0))
        totals.append(int(total[0]))
    assert statuses == [7, 7, 7, 7, 0]
    assert totals == [1, 2, 3, 4, 4]


@pytest.mark.parametrize("threads", [2, 3])
def test_each_thread_has_its_scratch(threads):
    store = code(STORE_SCRATCH)
    addresses = np.zeros(threads, np.int64)
    table = Table([(PARALLEL, store.address, 0, threads), END], [addresses.ctypes.data], threads, scratch=4096)
    assert table.run() == 0
    np.testing.assert_array_equal(np.diff(addresses), 4096)


def test_the_text_is_accepted_for_every_processor(monkeypatch):
    import llvmlite.binding as llvm

    for machine in ("x86_64", "arm64", "riscv64"):
        monkeypatch.setattr("epochal.backends.native.driver.platform.machine", lambda machine=machine: machine)
        llvm.parse_assembly(driver.text(), context=llvm.create_context()).verify()
    assert ctypes.sizeof(ctypes.c_void_p) == 8
