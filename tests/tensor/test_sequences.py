"""Recurrent layers and attention as functions: eagerly, traced, of unknown batch and length, with every argument."""

from __future__ import annotations

import numpy as np
import pytest

from epochal import compile as compiling
from epochal import tree
from epochal.errors import ShapeError
from epochal.passes.specialise import specialise_program
from epochal.tensor import GradientTape, TensorSpec, convert, functions, symbolic_input, trace

RNG = np.random.default_rng(0)
B, T, F, U = 4, 6, 3, 5


def draw(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm(x, kernel, recurrent, bias):
    h, c, hidden = np.zeros((B, U)), np.zeros((B, U)), []
    for t in range(T):
        i, f, g, o = np.split(x[:, t] @ kernel + h @ recurrent + bias, 4, 1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        hidden.append(h)
    return np.stack(hidden, 1), h, c


def unknown(function, arrays, shapes):
    """The results of a graph built before the sizes were known."""
    inputs = [symbolic_input(shape, array.dtype) for shape, array in zip(shapes, arrays, strict=True)]
    results = [convert(one) for one in tree.flatten(list(function(*inputs)))]
    special = specialise_program(
        [one.value for one in results], [one.value for one in inputs], [convert(array).type for array in arrays]
    )
    run = compiling.compile_program(special.program, "native")
    return run(arrays, [handle.data for handle in special.handles])


def test_lstm_everywhere():
    arrays = draw(B, T, F), draw(F, 4 * U), 0.5 * draw(U, 4 * U), draw(4 * U)
    expected = lstm(*arrays)
    eager = [np.asarray(one) for one in functions.lstm(*arrays)]
    traced = trace(functions.lstm, *(TensorSpec(array.shape) for array in arrays))(*arrays)
    special = unknown(functions.lstm, arrays, [(None, None, F), *(array.shape for array in arrays[1:])])
    for results in (eager, traced, special):
        for result, wanted in zip(results, expected, strict=True):
            np.testing.assert_allclose(np.asarray(result), wanted, rtol=1e-4, atol=1e-5)


def test_states_masks_and_direction():
    x, kernel, recurrent, h = draw(B, T, F), draw(F, 3 * U), 0.5 * draw(U, 3 * U), draw(B, U)
    mask = np.arange(T) < np.array([[6], [3], [1], [0]])
    hidden, last = functions.gru(x, kernel, recurrent, initial_state=h, mask=mask)
    hidden, last = np.asarray(hidden), np.asarray(last)
    np.testing.assert_array_equal(last[3], h[3])  # no step at all
    for row, count in enumerate((6, 3, 1)):
        np.testing.assert_array_equal(last[row], hidden[row, count - 1])
    turned, _ = functions.gru(x[:, ::-1], kernel, recurrent, initial_state=h, go_backwards=True)
    plain, _ = functions.gru(x, kernel, recurrent, initial_state=h)
    np.testing.assert_allclose(np.asarray(turned)[:, ::-1], np.asarray(plain), rtol=1e-6)
    bias = draw(3 * U)
    before, _ = functions.gru(x, kernel, recurrent, bias, reset_after=False)
    assert before.shape == (B, T, U)
    straight, _ = functions.simple_rnn(x, kernel[:, :U], recurrent[:, :U], activation="linear")
    steps = np.zeros((B, U))
    for t in range(T):
        steps = x[:, t] @ kernel[:, :U] + steps @ recurrent[:, :U]
    np.testing.assert_allclose(np.asarray(straight)[:, -1], steps, rtol=1e-4, atol=1e-4)
    with pytest.raises(ShapeError, match=r"lstm takes \[batch, time, features\]. Received shape: \(4, 6\)"):
        functions.lstm(x[..., 0], draw(1, 4), draw(1, 4))


def test_gradient_of_a_gradient_through_an_lstm_on_the_tape():
    x, kernel, recurrent = (convert(0.5 * draw(*shape)) for shape in ((2, 3, 2), (2, 8), (2, 8)))

    def slope(kernel):
        with GradientTape() as tape:
            tape.watch(kernel)
            y = functions.sum(functions.lstm(x, kernel, recurrent)[0])
        return tape.gradient(y, kernel)

    with GradientTape() as outer:
        outer.watch(kernel)
        size = functions.sum(functions.square(slope(kernel)))
    second = np.asarray(outer.gradient(size, kernel))
    step, way = 1e-2, draw(2, 8)
    ends = [functions.sum(functions.square(slope(kernel + sign * step * way))) for sign in (1, -1)]
    np.testing.assert_allclose(np.sum(second * way), float(ends[0] - ends[1]) / (2 * step), rtol=2e-2)


def attention(q, k, v, scores_of=lambda scores: scores):
    scores = scores_of(np.einsum("btnh,bsnh->bnts", q, k) / np.sqrt(q.shape[-1]))
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return np.einsum("bnts,bsnh->btnh", weights / weights.sum(-1, keepdims=True), v)


def test_attention():
    q, k, v = draw(2, 5, 4, 3), draw(2, 7, 4, 3), draw(2, 7, 4, 6)
    mask = RNG.random((2, 5, 7)) < 0.7
    mask[..., 0] = True
    bias = draw(1, 4, 5, 7)

    def masked(scores):
        return np.where(mask[:, None], scores, -np.inf)

    cases = [
        ({}, lambda scores: scores),
        ({"mask": mask}, masked),
        ({"bias": bias}, lambda scores: scores + bias),
        ({"bias": bias, "mask": mask}, lambda scores: masked(scores + bias)),
        ({"is_causal": True}, lambda scores: np.where(np.tri(5, 7, dtype=bool), scores, -np.inf)),
        ({"bias": bias, "is_causal": True}, lambda s: np.where(np.tri(5, 7, dtype=bool), s + bias, -np.inf)),
    ]
    for keywords, scores_of in cases:
        expected = attention(q, k, v, scores_of)

        def run(q, k, v, keywords=keywords):
            return functions.dot_product_attention(q, k, v, **keywords)

        eager = run(q, k, v)
        traced = trace(run, TensorSpec(q.shape), TensorSpec(k.shape), TensorSpec(v.shape))(q, k, v)
        for result in (eager, traced):
            np.testing.assert_allclose(np.asarray(result), expected, rtol=1e-4, atol=1e-5)
    (special,) = unknown(
        lambda q, k, v: [functions.dot_product_attention(q, k, v)],
        (q, k, v),
        [(None, None, *one.shape[2:]) for one in (q, k, v)],
    )
    np.testing.assert_allclose(special, attention(q, k, v), rtol=1e-4, atol=1e-5)


def test_attention_of_heads_that_share_keys():
    q, k, v = draw(2, 5, 4, 3), draw(2, 7, 2, 3), draw(2, 7, 2, 6)
    expected = attention(q, np.repeat(k, 2, 2), np.repeat(v, 2, 2))
    np.testing.assert_allclose(np.asarray(functions.dot_product_attention(q, k, v)), expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(ShapeError, match="4 query heads are no multiple of 3 key heads"):
        functions.dot_product_attention(q, draw(2, 7, 3, 3), draw(2, 7, 3, 6))
