"""Conditionals and loops, eager and in graphs, with captured values, variables and random draws."""

from __future__ import annotations

import numpy as np
import pytest

from epochal.errors import ArgumentError, DTypeError, ShapeError
from epochal.tensor import GradientTape, TensorSpec, Variable, constant, convert, function, functions, random, trace


def both(run, *arguments):
    """The results of running eagerly and through a trace, as NumPy arrays."""
    arrays = [np.asarray(one) for one in arguments]
    eager = run(*(convert(one) for one in arrays))
    traced = trace(run, *(TensorSpec(one.shape, one.dtype) for one in arrays))(*arrays)
    return eager, traced


@pytest.mark.parametrize("flag", [True, False])
def test_cond_uses_what_is_around_it(flag):
    offset = Variable(10.0)

    def run(pred, x):
        y = x * 2.0
        return functions.cond(pred, lambda: (y + offset, x), lambda: (x - y, y * offset))

    eager, traced = both(run, flag, np.float32(3.0))
    assert [float(one) for one in eager] == [float(one) for one in traced] == ([16, 3] if flag else [-3, 60])


@pytest.mark.parametrize("flag", [True, False])
def test_cond_carries_out_assignments(flag):
    a, b = Variable(1.0), Variable(2.0)

    def run(pred):
        def first():
            a.assign_add(10.0)
            return a.value

        def second():
            b.assign(a * 5.0)
            return b + 0.5

        result = functions.cond(pred, first, second)
        return result, a * b

    traced = trace(run, TensorSpec((), "bool"))
    result, product = traced(np.bool_(flag))
    assert (float(a), float(b)) == ((11.0, 2.0) if flag else (1.0, 5.0))
    assert float(product) == float(a) * float(b)
    assert float(result) == (11.0 if flag else 5.5)


def test_cond_without_results():
    a = Variable(1.0)

    def run(pred):
        functions.cond(pred, lambda: [a.assign(7.0), ()][1], lambda: ())
        return a.value

    assert float(trace(run, TensorSpec((), "bool"))(np.bool_(True))) == 7.0


def test_cond_gradient():
    w = Variable(2.0)

    @function
    def run(x):
        with GradientTape() as tape:
            y = functions.cond(x > 0, lambda: w * w * x, lambda: w * 3.0)
        return tape.gradient(y, w)

    assert float(run(convert(5.0))) == 20.0
    assert float(run(convert(-5.0))) == 3.0


def test_cond_errors():
    def run(pred, x, other):
        return functions.cond(pred, lambda: x, other)

    specs = (TensorSpec((), "bool"), TensorSpec((2,)))
    with pytest.raises(ArgumentError, match="branches of cond return"):
        trace(lambda p, x: run(p, x, lambda: (x, x)), *specs)
    with pytest.raises(DTypeError, match=r"Result 0 of cond is float32\[2\] in one branch and int32\[2\]"):
        trace(lambda p, x: run(p, x, lambda: functions.cast(x, "int32")), *specs)
    with pytest.raises(ShapeError, match="predicate of cond must be a scalar"):
        trace(lambda x: run(x > 0, x, lambda: x), TensorSpec((2,)))


def test_while_loop():
    w = Variable(1.5)

    def run(n, x):
        y = x + 1.0
        return functions.while_loop(
            lambda i, state: i < n, lambda i, state: (i + 1, {"a": state["a"] * w + y}), (0, {"a": x})
        )

    (i, state), (j, other) = both(run, np.int32(4), np.float32([1.0, 2.0]))
    assert int(i) == int(j) == 4
    np.testing.assert_allclose(np.asarray(state["a"]), np.asarray(other["a"]), rtol=1e-6)


def test_while_loop_on_one_tensor_and_maximum_iterations():
    def run(x):
        return functions.while_loop(lambda v: v < 1000.0, lambda v: v * 2.0, x, maximum_iterations=3)

    eager, traced = both(run, np.float32(1.0))
    assert float(eager) == float(traced) == 8.0


def test_while_loop_assigns_variables_and_draws():
    total, seeds = Variable(0.0), random.SeedGenerator(3)

    def run(n):
        def body(i):
            total.assign_add(random.uniform((), seed=seeds))
            return i + 1

        functions.while_loop(lambda i: i < n, body, 0)
        return total.value

    result = trace(run, TensorSpec((), "int32"))(np.int32(5))
    assert seeds.state.numpy().tolist() == [3, 5]
    expected = sum(float(random.uniform((), seed=np.array([3, draw], np.uint32))) for draw in range(5))
    assert float(result) == float(total) == pytest.approx(expected, rel=1e-6)


def test_while_loop_gradient():
    def run(x):
        with GradientTape() as tape:
            tape.watch(x)
            y = functions.while_loop(lambda v: v < 50.0, lambda v: v * v, x, maximum_iterations=6)
        return tape.gradient(y, x)

    eager, traced = both(run, np.float64(2.0))
    assert float(eager) == float(traced) == pytest.approx(8 * 2.0**7)


def test_while_loop_errors():
    with pytest.raises(ShapeError, match=r"Loop variable 0 of while_loop has shape \(2,\) before the body and \(4,\)"):
        trace(
            lambda x: functions.while_loop(
                lambda v: functions.sum(v) < 3.0, lambda v: functions.concatenate([v, v]), x
            ),
            TensorSpec((2,)),
        )
    with pytest.raises(DTypeError, match="Loop variable 0 of while_loop is float32"):
        trace(
            lambda x: functions.while_loop(lambda v: v < 3.0, lambda v: functions.cast(v, "int32"), x), TensorSpec(())
        )


@pytest.mark.parametrize("reverse", [False, True])
def test_scan(reverse):
    w = Variable([[0.5, -0.2], [0.1, 0.9]])

    def run(xs):
        def step(carry, x):
            carry = functions.tanh(carry @ w + x)
            return carry, (functions.sum(carry), None)

        return functions.scan(step, functions.zeros((1, 2)), xs, reverse=reverse)

    data = np.linspace(-1, 1, 10, dtype=np.float32).reshape(5, 1, 2)
    (carry, (ys, nothing)), (carry2, (ys2, nothing2)) = both(run, data)
    assert nothing is None
    assert nothing2 is None
    assert ys.shape == (5,)
    np.testing.assert_allclose(np.asarray(carry), np.asarray(carry2), rtol=1e-6)
    np.testing.assert_allclose(np.asarray(ys), np.asarray(ys2), rtol=1e-6)


def test_scan_gradient_and_assignments():
    w, count = Variable(1.5, dtype="float64"), Variable(0)

    def run(xs):
        with GradientTape() as tape:

            def step(carry, x):
                count.assign_add(1)
                return carry * w + x, carry

            final, ys = functions.scan(step, constant(1.0, "float64"), xs)
            loss = final + functions.sum(ys)
        return tape.gradient(loss, w)

    data = np.array([0.5, 1.0, -1.0])
    eager, traced = both(run, data)
    assert float(eager) == pytest.approx(float(traced))
    assert int(count) == 6


def test_map_fori_switch():
    def run(xs, which):
        doubled = functions.map_fn(lambda x: x * 2.0 + which, xs)
        summed = functions.fori_loop(0, 4, lambda i, v: v + functions.cast(i, "float32"), doubled[0])
        picked = functions.switch(
            functions.cast(which, "int32"), [lambda x: x, lambda x: x * 10.0, lambda x: x * 100.0], summed
        )
        return doubled, picked

    (a, b), (c, d) = both(run, np.float32([1.0, 2.0]), np.float32(1.0))
    np.testing.assert_array_equal(np.asarray(a), np.asarray(c))
    assert a.tolist() == [3.0, 5.0]
    assert float(b) == float(d) == 90.0


def test_loops_nest():
    def run(n):
        def outer(i, total):
            inner = functions.while_loop(lambda j, v: j < i, lambda j, v: (j + 1, v + i), (0, total))
            return i + 1, inner[1]

        return functions.while_loop(lambda i, total: i < n, outer, (0, 0))[1]

    eager, traced = both(run, np.int32(5))
    assert int(eager) == int(traced) == sum(i * i for i in range(5))
