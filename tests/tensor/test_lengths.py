"""Functions that are called with many lengths share programs that pad."""

import numpy as np
import pytest

from epochal.tensor import GradientTape, Variable, convert, function, functions


def counted(body, **options):
    """The function, and the sizes it was traced at."""
    sizes = []

    def python(x, *rest):
        sizes.append(x.shape[0])
        return body(x, *rest)

    return function(python, **options), sizes


def data(size):
    return np.random.default_rng(size).normal(size=(size, 3)).astype(np.float32)


BODIES = {
    "mean": (lambda x: functions.mean(x, axis=0), lambda x: x.mean(0)),
    "sum of rows": (lambda x: functions.sum(x, axis=1), lambda x: x.sum(1)),
    "product": (
        lambda x: functions.matmul(functions.transpose(x), functions.exp(x) / x), lambda x: x.T @ (np.exp(x) / x)
    ),
    "last": (lambda x: x[-1] * 2.0, lambda x: x[-1] * 2.0),
    "but the last": (lambda x: x[:-1], lambda x: x[:-1]),
    "differences": (lambda x: x[1:] - x[:-1], lambda x: x[1:] - x[:-1]),
    "turned round": (lambda x: functions.flip(x, 0) + x, lambda x: x[::-1] + x),
    "running sum": (lambda x: functions.cumsum(x, 0), lambda x: x.cumsum(0)),
    "largest": (lambda x: functions.max(x / 0.0, axis=0), lambda x: (x / np.float32(0)).max(0)),
    "which is smallest": (lambda x: functions.argmin(x, axis=0), lambda x: x.argmin(0)),
    "flat": (lambda x: functions.reshape(x, (-1,)), lambda x: x.reshape(-1)),
    "one after another": (lambda x: functions.concatenate([x[:1], x], 0), lambda x: np.concatenate([x[:1], x])),
    "two axes": (lambda x: functions.matmul(x, functions.transpose(x)), lambda x: x @ x.T),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:divide by zero")
@pytest.mark.parametrize("name", BODIES)
def test_results_are_those_of_exact_programs(name):
    body, reference = BODIES[name]
    shared, sizes = counted(body, reduce_retracing=True)
    for size in (5, 6, 7, 8, 20, 47, 48):
        x = data(size)
        found = shared(x).numpy()
        assert found.flags.c_contiguous
        np.testing.assert_allclose(found, reference(x), rtol=2e-5, atol=1e-5)
    assert sizes[:2] == [5, 6]
    assert not {7, 8, 20} & set(sizes)


@pytest.mark.parametrize(
    "body",
    [
        lambda x: functions.sort(x, axis=0),
        lambda x: functions.reshape(functions.transpose(x), (-1,)),
        lambda x: x * float(np.sqrt(x.shape[0])),
        lambda x: functions.concatenate([x, x], 0),
        lambda x: x[x.shape[0] // 2],
        lambda x: x * (1.0 if x.shape[0] < 30 else 2.0),
    ],
)
def test_what_is_not_exact_is_traced_by_itself(body):
    shared, sizes = counted(body, reduce_retracing=True)
    for size in (5, 6, 9, 10, 40):
        np.testing.assert_array_equal(shared(data(size)).numpy(), body(convert(data(size))).numpy())
    assert {5, 6, 9, 10, 40} <= set(sizes)


def test_the_first_four_sizes_are_traced_one_by_one():
    shared, sizes = counted(lambda x: functions.sum(x))
    for size in (5, 6, 7, 8, 5):
        shared(data(size))
    assert sizes == [5, 6, 7, 8]
    for size in range(9, 40):
        assert float(shared(data(size))) == pytest.approx(data(size).sum(), rel=1e-4, abs=1e-4)
    assert sizes == [5, 6, 7, 8, 48, 47, 3]


def test_variables_are_assigned_what_an_exact_program_assigns():
    total = Variable(np.zeros(3, np.float32))
    shared, sizes = counted(lambda x: total.assign_add(functions.sum(x, axis=0)).value, reduce_retracing=True)
    for size in (4, 5, 6, 7):
        shared(data(size))
    np.testing.assert_allclose(total.numpy(), sum(data(size).sum(0) for size in (4, 5, 6, 7)), rtol=1e-5)
    assert len(sizes) == 5


def test_a_tape_records_exact_programs():
    shared, _ = counted(lambda x: functions.sum(x * x), reduce_retracing=True)
    for size in (4, 5, 6, 7):
        x = convert(data(size))
        with GradientTape() as tape:
            tape.watch(x)
            y = shared(x)
        np.testing.assert_allclose(tape.gradient(y, x).numpy(), 2 * data(size), rtol=1e-6)


def test_a_capacity_that_cannot_be_had_leaves_the_others():
    """A Python branch between two capacities."""
    shared, sizes = counted(lambda x: x * (1.0 if x.shape[0] < 60 else 2.0), reduce_retracing=True)
    for size in (5, 6, 7, 59, 61, 8, 62, 9):
        np.testing.assert_array_equal(shared(data(size)).numpy(), data(size) * (1.0 if size < 60 else 2.0))
    assert {59, 61, 62} <= set(sizes)
    assert not {7, 8, 9} & set(sizes)
