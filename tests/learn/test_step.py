"""Steps that pick their own rows, and the loop around them."""

import numpy as np
import pytest

from epochal.learn import epoch, step
from epochal.tensor import Variable, functions


def summing(rows, batch, shuffled, order=None):
    """Runs a pass that adds rows to a variable; returns the sums after each step."""
    data = np.arange(rows * 3, dtype=np.float64).reshape(rows, 3)
    flags = np.arange(rows, dtype=np.uint8)
    total = Variable(np.zeros(3, np.float32), trainable=False)
    counter = step.new_counter()
    seen = []

    def add(leaves):
        values, small = leaves
        assert values.dtype == "float32"
        assert small.dtype == "uint8"
        total.assign(total + functions.sum(values, axis=0))
        return {"sum": total.value, "size": values.shape[0], "flags": small}

    def make(size):
        specs = [step.specification(data, "x"), step.specification(flags, "y")]
        return lambda: step.compile_rows(add, specs, counter, size, batch, shuffled)

    pace = epoch.Pace()
    loop = epoch.RowLoop([data, flags], rows, batch, counter, make(batch), make(rows % batch), shuffled, pace)
    loop.start(order)
    while loop.position < loop.steps:
        count, leaves = loop.advance(1)
        assert count == 1
        seen.append(loop.pack(leaves))
    return data, seen


@pytest.mark.parametrize(("rows", "batch"), [(12, 4), (10, 4), (3, 3), (5, 1)])
@pytest.mark.parametrize("shuffled", [False, True])
def test_rows_come_in_order(rows, batch, shuffled):
    order = np.random.default_rng(0).permutation(rows) if shuffled else np.arange(rows)
    data, seen = summing(rows, batch, shuffled, order if shuffled else None)
    assert [int(result["size"]) for result in seen] == [len(order[at : at + batch]) for at in range(0, rows, batch)]
    np.testing.assert_array_equal(np.concatenate([result["flags"] for result in seen]), order)
    for index, result in enumerate(seen):
        np.testing.assert_allclose(result["sum"], data[order[: (index + 1) * batch]].sum(axis=0))


def test_many_steps_at_once():
    total = Variable(np.float32(0), trainable=False)
    counter = step.new_counter()

    def add(leaves):
        total.assign(total + functions.sum(leaves[0]))
        return total.value

    data = np.ones((100, 2), np.float32)
    specs = [step.specification(data, "x")]
    pace = epoch.Pace()
    pace.note(10, 1e-6)
    loop = epoch.RowLoop(
        [data], 100, 5, counter, lambda: step.compile_rows(add, specs, counter, 5, 5, False), None, False, pace
    )
    loop.start()
    count, leaves = loop.advance(8)
    assert (count, float(loop.pack(leaves))) == (8, 80.0)
    count, _ = loop.advance(100)
    assert (count, loop.position, float(total)) == (12, 20, 200.0)


def test_batch_step_keeps_structure_and_state():
    slot = Variable(np.float32(1), trainable=False)

    def work(leaves):
        slot.assign(slot * 2.0)
        return {"double": leaves[0] * 2.0, "slot": [slot.value, 3.0]}

    compiled = step.compile_batch(work, [step.specification(np.zeros((2, 2), np.float16), "x")])
    for expected in (2.0, 4.0):
        result = compiled.pack(compiled.run([np.ones((2, 2), np.float16)]))
        np.testing.assert_array_equal(result["double"], np.full((2, 2), 2.0, np.float32))
        assert [float(value) for value in result["slot"]] == [expected, 3.0]
    assert compiled.variables == (slot,)
    assert float(slot) == 4.0


def test_pace_returns_a_few_times_a_second():
    pace = epoch.Pace()
    assert pace.count(1000) == 1
    pace.note(1, 0.001)
    assert pace.count(1000) == 10  # no more than tenfold at a time
    pace.note(10, 0.01)
    assert pace.count(1000) == 100
    pace.note(100, 0.1)
    assert pace.count(1000) == 120
    assert pace.count(7) == 7
    pace.note(120, 60.0)
    assert pace.count(1000) == 1
