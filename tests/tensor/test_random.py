"""Random numbers: their distributions, their seeds and their errors."""

from __future__ import annotations

import math

import numpy as np
import pytest

from epochal.errors import ArgumentError
from epochal.tensor import TensorSpec, Variable, convert, function, random, trace

N = 40_000


def moments(draw):
    array = np.asarray(draw).astype(np.float64)
    return array.mean(), array.std()


def test_uniform():
    draw = random.uniform((N,), -1.0, 3.0, seed=1)
    mean, deviation = moments(draw)
    assert mean == pytest.approx(1.0, abs=0.03)
    assert deviation == pytest.approx(4 / math.sqrt(12), abs=0.02)
    assert np.asarray(draw).min() >= -1.0
    assert np.asarray(draw).max() < 3.0


def test_normal():
    mean, deviation = moments(random.normal((N,), 2.0, 0.5, seed=2))
    assert mean == pytest.approx(2.0, abs=0.015)
    assert deviation == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_truncated_normal(dtype):
    draw = random.truncated_normal((N,), 1.0, 2.0, dtype=dtype, seed=3)
    mean, deviation = moments(draw)
    assert draw.dtype == dtype
    assert np.abs(np.asarray(draw).astype(np.float64) - 1.0).max() <= 4.0
    assert mean == pytest.approx(1.0, abs=0.04)
    assert deviation == pytest.approx(2.0 * 0.8796257, abs=0.03)


def test_integers_and_choices():
    draw = np.asarray(random.randint((N,), -2, 5, seed=4))
    assert draw.dtype == np.int32
    counts = np.bincount(draw + 2)
    assert len(counts) == 7
    assert np.abs(counts / N - 1 / 7).max() < 0.01
    assert float(np.mean(random.bernoulli((N,), 0.3, seed=5))) == pytest.approx(0.3, abs=0.01)
    classes = np.asarray(random.categorical(np.log([[0.2, 0.5, 0.3]]), N, seed=6))
    assert classes.shape == (1, N)
    np.testing.assert_allclose(np.bincount(classes[0]) / N, [0.2, 0.5, 0.3], atol=0.01)


def test_orders():
    order = np.asarray(random.permutation(100, seed=7))
    assert sorted(order) == list(range(100))
    assert order.tolist() != list(range(100))
    shuffled = np.asarray(random.shuffle(np.arange(20).reshape(4, 5), axis=1, seed=8))
    assert sorted(shuffled[0]) == list(range(5))
    np.testing.assert_array_equal(shuffled[1] - shuffled[0], 5)


def test_dropout():
    kept = np.asarray(random.dropout(np.ones((200, 200), np.float32), 0.25, seed=9))
    assert set(np.unique(kept).tolist()) == {0.0, float(np.float32(1 / 0.75))}
    assert (kept == 0).mean() == pytest.approx(0.25, abs=0.01)
    rows = np.asarray(random.dropout(np.ones((50, 3), np.float32), 0.5, noise_shape=(None, 1), seed=9))
    assert all(len(set(row)) == 1 for row in rows.tolist())
    x = convert([1.0])
    assert random.dropout(x, 0.0) is x


def test_an_integer_seed_gives_the_same_draw():
    assert random.uniform((3,), seed=1).tolist() == random.uniform((3,), seed=1).tolist()
    assert random.uniform((3,), seed=1).tolist() != random.uniform((3,), seed=2).tolist()
    assert random.uniform((3,), seed=2**40).tolist() != random.uniform((3,), seed=0).tolist()
    assert random.uniform((3,), seed=-1).shape == (3,)


def test_a_generator_moves_on_and_repeats_from_its_start():
    seeds = random.SeedGenerator(5)
    first = [random.normal((2,), seed=seeds).tolist() for _ in range(3)]
    assert first[0] != first[1]
    assert seeds.state.numpy().tolist() == [5, 3]
    seeds.reset()
    assert [random.normal((2,), seed=seeds).tolist() for _ in range(3)] == first
    assert random.normal((2,), seed=5).tolist() == first[0]
    assert not seeds.state.trainable


def test_the_global_seed():
    def draws():
        random.set_seed(11)
        return random.uniform((2,)).tolist(), random.uniform((2,)).tolist(), random.SeedGenerator().initial_seed

    try:
        one, other = draws(), draws()
        assert one == other
        assert one[0] != one[1]
        random.set_seed(12)
        assert random.uniform((2,)).tolist() != one[0]
    finally:
        random.set_seed(None)
    assert random.uniform((4,)).tolist() != random.uniform((4,)).tolist()


def test_draws_in_a_function_differ_from_call_to_call_and_equal_eager_ones():
    seeds = random.SeedGenerator(13)
    run = function(lambda: (random.normal((3,), seed=seeds), random.uniform((2,), seed=seeds)))
    first, second = run(), run()
    assert first[0].tolist() != second[0].tolist()
    seeds.reset()
    np.testing.assert_allclose(random.normal((3,), seed=seeds), first[0], rtol=1e-5, atol=1e-6)
    assert random.uniform((2,), seed=seeds).tolist() == first[1].tolist()


def test_an_integer_seed_in_a_trace_is_a_constant():
    traced = trace(lambda x: x + random.uniform((2,), seed=3), TensorSpec((2,)))
    assert traced.program.states == ()
    assert traced(np.zeros(2, np.float32)).tolist() == random.uniform((2,), seed=3).tolist()


def test_initial_values_drawn_inside_a_trace_are_concrete():
    def run(x):
        return x * Variable(lambda: random.uniform((2,), seed=random.SeedGenerator(1)))

    assert trace(run, TensorSpec((2,)))(np.ones(2, np.float32)).tolist() == random.uniform((2,), seed=1).tolist()


def test_errors():
    with pytest.raises(ArgumentError, match="seed must be an integer"):
        random.SeedGenerator(1.5)
    with pytest.raises(ArgumentError, match=r"floating type. Received: int32"):
        random.normal((2,), dtype="int32")
    with pytest.raises(ArgumentError, match="minval must be below maxval"):
        random.randint((2,), 3, 3)
    with pytest.raises(ArgumentError, match=r"rate must lie in \[0, 1\). Received: 1.5"):
        random.dropout(np.ones(2), 1.5)
    with pytest.raises(ArgumentError, match="cannot be drawn inside a traced function"):
        trace(lambda x: x + random.permutation_order(3), TensorSpec((3,), "int32"))
    with pytest.raises(ArgumentError, match="integer, a SeedGenerator or None"):
        random.uniform((2,), seed="seven")
