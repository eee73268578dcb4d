"""Gradients written by hand: run at once, traced, in graphs of unknown shape, to second order."""

import numpy as np
import pytest

from epochal import tf
from epochal.errors import ArgumentError, NotSupportedError
from epochal.tensor import GradientTape, Variable, constant, function
from epochal.tensor import functions as F


@F.custom_gradient
def log1pexp(x):
    """TensorFlow's own example: the plain gradient is NaN for large x."""
    e = F.exp(x)
    return F.log(1.0 + e), lambda upstream: upstream * (1.0 - 1.0 / (1.0 + e))


@F.custom_gradient
def reversed_gradient(x, y):
    return (x * y, x + y), lambda first, second: (-first * y - second, None)


def test_the_given_gradient_is_taken():
    x = constant(100.0)
    with GradientTape() as tape:
        tape.watch(x)
        y = log1pexp(x)
    assert float(tape.gradient(y, x)) == 1.0


def test_several_arguments_and_results():
    x, y = constant([1.0, 2.0]), constant([3.0, 4.0])
    with GradientTape() as tape:
        tape.watch([x, y])
        first, second = reversed_gradient(x, y)
        total = F.sum(first) + F.sum(second)
    np.testing.assert_array_equal(first, [3.0, 8.0])
    slopes = tape.gradient(total, [x, y])
    np.testing.assert_array_equal(slopes[0], [-4.0, -5.0])
    np.testing.assert_array_equal(slopes[1], [0.0, 0.0])


def test_second_order():
    x = constant(0.5)
    with GradientTape() as outer:
        outer.watch(x)
        with GradientTape() as inner:
            inner.watch(x)
            y = log1pexp(x)
        slope = inner.gradient(y, x)
    sigmoid = 1 / (1 + np.exp(-0.5))
    assert float(outer.gradient(slope, x)) == pytest.approx(sigmoid * (1 - sigmoid), rel=1e-5)


def test_in_a_compiled_function_with_what_is_around_it():
    scale = constant(3.0)

    @F.custom_gradient
    def scaled(x):
        return x * scale, lambda upstream: upstream * scale * 10.0

    weight = Variable([1.0, 2.0])

    @function
    def slope(x):
        with GradientTape() as tape:
            total = F.sum(scaled(weight * x))
        return total, tape.gradient(total, weight)

    total, gradient = slope(constant([2.0, 5.0]))
    assert float(total) == 36.0
    np.testing.assert_allclose(gradient, [60.0, 150.0])


def test_in_a_graph_of_unknown_shape():
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [None])
        y = tf.custom_gradient(lambda v: (v * v, lambda upstream: upstream * 7.0))(x)
        (slope,) = tf.gradients(y, [x])
        with tf.Session() as session:
            for rows in (2, 5):
                fed = np.arange(rows, dtype="float32")
                found = session.run([y, slope], {x: fed})
                np.testing.assert_allclose(found[0], fed * fed)
                np.testing.assert_allclose(found[1], np.full(rows, 7.0))


def test_what_is_refused():
    with pytest.raises(ArgumentError, match=r"\(results, grad\)"):
        F.custom_gradient(lambda x: x * 2.0)(constant(1.0))
    weight = Variable(2.0)
    with pytest.raises(NotSupportedError, match="as arguments"):
        F.custom_gradient(lambda x: (x * weight, lambda upstream: upstream))(constant(1.0))
    x = constant(1.0)
    with pytest.raises(ArgumentError, match=r"must return 1 gradients.*Received: 2"):
        F.custom_gradient(lambda v: (v * 2.0, lambda upstream: (upstream, upstream)))(x)
