"""Gradient tapes: eager, traced, mixed, nested."""

from __future__ import annotations

import numpy as np
import pytest

from epochal.errors import ArgumentError, ShapeError
from epochal.tensor import GradientTape, TensorSpec, Variable, constant, convert, function, functions, gradients, trace

DATA = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]])


def chain(x):
    y = functions.tanh(x @ functions.transpose(x)) * 2.0
    z = functions.softmax(y, axis=-1)
    return functions.sum(z * z + functions.exp(functions.minimum(y, 1.0)), axis=0)


def numeric(function_, x, weight):
    step, result = 1e-6, np.zeros_like(x)
    for place in np.ndindex(*x.shape):
        moved = []
        for sign in (1, -1):
            other = x.copy()
            other[place] += sign * step
            moved.append(np.sum(np.asarray(function_(convert(other))) * weight))
        result[place] = (moved[0] - moved[1]) / (2 * step)
    return result


def test_gradient_is_that_of_finite_differences():
    x = convert(DATA)
    weight = np.array([1.0, -2.0])
    with GradientTape() as tape:
        tape.watch(x)
        y = chain(x)
    found = tape.gradient(y, x, output_gradients=constant(weight))
    np.testing.assert_allclose(np.asarray(found), numeric(chain, DATA, weight), rtol=1e-6)


def test_second_order_is_that_of_finite_differences():
    def first(x):
        with GradientTape() as tape:
            tape.watch(x)
            y = chain(x)
        return tape.gradient(y, x)

    x = convert(DATA)
    weight = np.arange(6.0).reshape(2, 3)
    with GradientTape() as tape:
        tape.watch(x)
        g = first(x)
    found = tape.gradient(g, x, output_gradients=constant(weight))
    np.testing.assert_allclose(np.asarray(found), numeric(first, DATA, weight), rtol=1e-5, atol=1e-7)


def test_third_order():
    x = Variable(3.0, dtype="float64")
    with GradientTape() as outer, GradientTape() as middle:
        with GradientTape() as inner:
            y = x**4
        first = inner.gradient(y, x)
        second = middle.gradient(first, x)
    assert float(first) == pytest.approx(4 * 27)
    assert float(second) == pytest.approx(12 * 9)
    assert float(outer.gradient(second, x)) == pytest.approx(24 * 3)


def test_variables_are_watched_unless_told_otherwise():
    x, y = Variable(2.0), Variable(3.0, trainable=False)
    with GradientTape() as tape:
        z = x * y
    assert tape.watched_variables() == (x,)
    found = tape.gradient(z, {"x": x, "y": y})
    assert float(found["x"]) == 3.0
    assert found["y"] is None
    with GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(y)
        z = x * y
    dx, dy = tape.gradient(z, [x, y])
    assert dx is None
    assert float(dy) == 2.0


def test_a_variable_read_twice_and_assigned_between():
    x = Variable(2.0)
    with GradientTape() as tape:
        y = x * x
        x.assign(5.0)
        z = y * x
    assert float(tape.gradient(z, x)) == pytest.approx(4.0 + 2 * 2.0 * 5.0)


def test_persistence():
    x = Variable(2.0)
    with GradientTape() as tape:
        y = x * x
        z = y * y
    tape.gradient(z, x)
    with pytest.raises(ArgumentError, match=r"second time on a tape that is not persistent.*persistent=True"):
        tape.gradient(z, x)
    with GradientTape(persistent=True) as tape:
        y = x * x
        z = y * y
    assert float(tape.gradient(z, x)) == 32.0
    assert float(tape.gradient(y, x)) == 4.0
    assert float(tape.gradient(z, y)) == 8.0


def test_nested_targets_and_sources():
    a, b = Variable([1.0, 2.0]), Variable(3.0)
    with GradientTape() as tape:
        results = {"p": a * b, "q": functions.sum(a)}
    da, (db,) = tape.gradient(results, (a, [b]))
    np.testing.assert_allclose(np.asarray(da), [4.0, 4.0])
    assert float(db) == 3.0


def test_unconnected():
    a, b = Variable([1.0, 2.0]), Variable(3.0)
    with GradientTape(persistent=True) as tape:
        y = functions.sum(a)
        z = functions.stop_gradient(b) * 2.0
    assert tape.gradient(y, b) is None
    assert tape.gradient(z, b) is None
    assert float(tape.gradient(y, b, unconnected_gradients="zero")) == 0.0
    assert tape.gradient(z, a, unconnected_gradients="zero").shape == (2,)
    with pytest.raises(ArgumentError, match="must be 'none' or 'zero'"):
        tape.gradient(y, a, unconnected_gradients="ones")


@pytest.mark.parametrize("traced", [False, True])
def test_stop_recording(traced):
    x = Variable(3.0)

    def run():
        with GradientTape() as tape:
            y = x * x
            with tape.stop_recording():
                factor = x * 2.0
            z = y * factor
        return tape.gradient(z, x)

    found = trace(run)() if traced else run()
    assert float(found) == 36.0


def test_only_what_was_watched_counts_in_a_trace():
    def run(x):
        before = x * x
        with GradientTape() as tape:
            tape.watch(x)
            after = x * before
        return tape.gradient(after, x)

    assert float(trace(run, TensorSpec(()))(np.float32(3.0))) == 9.0
    assert float(run(convert(3.0))) == 9.0


def test_traced_gradients_equal_eager_ones():
    w = Variable(np.array([[0.5, -0.25], [1.0, 2.0], [-1.0, 0.3]], np.float64))

    def run(x):
        with GradientTape() as tape:
            hidden = functions.relu(x @ w) + functions.sigmoid(w[0])
            loss = functions.mean(functions.square(hidden - 0.1))
        return loss, tape.gradient(loss, w)

    traced = trace(run, TensorSpec(DATA.shape, "float64"))(DATA)
    for one, other in zip(run(convert(DATA)), traced, strict=True):
        np.testing.assert_allclose(np.asarray(one), np.asarray(other), rtol=1e-12)


def test_constants_watched_inside_a_trace():
    def run(x):
        c = constant(2.0)
        with GradientTape() as tape:
            tape.watch(c)
            y = c * c * x
        return tape.gradient(y, c)

    assert float(trace(run, TensorSpec(()))(np.float32(3.0))) == 12.0


def test_gradient_through_a_compiled_function():
    w = Variable(np.array([1.0, -2.0]))
    traces = []

    @function
    def inner(x):
        traces.append(1)
        return functions.sum(functions.tanh(x * w)), x * 2.0

    x = convert(np.array([0.3, 0.7]))
    with GradientTape(persistent=True) as tape:
        tape.watch(x)
        y, z = inner(x)
        total = y + functions.sum(z)
    slope = 1 - np.tanh(np.asarray(x) * np.asarray(w)) ** 2
    np.testing.assert_allclose(np.asarray(tape.gradient(total, w)), slope * np.asarray(x))
    np.testing.assert_allclose(np.asarray(tape.gradient(total, x)), slope * np.asarray(w) + 2.0)
    assert len(traces) == 1


def test_jacobian():
    x = convert(DATA[0])
    with GradientTape() as tape:
        tape.watch(x)
        y = functions.cumsum(x * x)
    found = np.asarray(tape.jacobian(y, x))
    np.testing.assert_allclose(found, np.tril(np.ones((3, 3))) * 2 * DATA[0])


def test_gradients_straight_on_the_graph():
    w = Variable(2.0)

    def run(x):
        loss = x * x * w
        return gradients([loss], [x, w])

    dx, dw = trace(run, TensorSpec(()))(np.float32(3.0))
    assert float(dx) == 12.0
    assert float(dw) == 9.0


def test_errors():
    x = Variable([1.0, 2.0])
    with GradientTape(persistent=True) as tape:
        y = x * 2.0
    with pytest.raises(ShapeError, match=r"output gradient has its target's shape, \(2,\). Received: \(3,\)"):
        tape.gradient(y, x, output_gradients=np.ones(3, np.float32))
    with pytest.raises(ArgumentError, match="source must be a tensor or variable"):
        tape.gradient(y, "x")
    with pytest.raises(ArgumentError, match="tape watches tensors and variables"):
        tape.watch(3.0)
    with pytest.raises(ArgumentError, match="2 targets but 1 output_gradients"):
        tape.gradient([y, y], x, output_gradients=[None])
