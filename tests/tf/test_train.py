"""TensorFlow 1's optimizers against NumPy's own arithmetic."""

import numpy as np
import pytest

from epochal import tf
from epochal.errors import ArgumentError

X = np.random.RandomState(0).uniform(-1, 1, (50, 2)).astype("float32")
Y = (X @ np.array([[2.0], [-3.0]]) + 0.5).astype("float32")


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as graph:
        yield graph


def trained(optimizer, steps=20):
    """The weights before and after training a line."""
    x = tf.placeholder(tf.float32, [None, 2])
    y = tf.placeholder(tf.float32, [None, 1])
    tf.set_random_seed(3)
    w = tf.Variable(tf.random_normal([2, 1]))
    b = tf.Variable(tf.zeros([1]))
    loss = tf.reduce_mean(tf.square(tf.matmul(x, w) + b - y))
    step = optimizer.minimize(loss)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        before = session.run([w, b])
        for _ in range(steps):
            session.run(step, {x: X, y: Y})
        return before, session.run([w, b])


def gradient(w, b):
    error = X.astype("float64") @ w + b - Y
    return 2 * X.T @ error / len(X), 2 * error.mean(0)


def by_hand(start, update, steps=20):
    """The same training in float64; `update(slots, parameter, gradient, t)` returns the new parameter."""
    parameters = [np.array(p, "float64") for p in start]
    slots = [{}, {}]
    for t in range(1, steps + 1):
        slopes = gradient(*parameters)
        parameters = [update(s, p, g, t) for s, p, g in zip(slots, parameters, slopes, strict=True)]
    return parameters


def momentum(slots, p, g, t, nesterov=False):
    slots["v"] = 0.9 * slots.get("v", 0.0) + g
    return p - 0.01 * (g + 0.9 * slots["v"] if nesterov else slots["v"])


def adagrad(slots, p, g, t):
    slots["s"] = slots.get("s", 0.1) + g * g
    return p - 0.1 * g / np.sqrt(slots["s"])


def rmsprop(slots, p, g, t):
    slots["s"] = 0.9 * slots.get("s", 1.0) + 0.1 * g * g
    return p - 0.01 * g / np.sqrt(slots["s"] + 1e-10)


def adam(slots, p, g, t):
    slots["m"] = 0.9 * slots.get("m", 0.0) + 0.1 * g
    slots["v"] = 0.999 * slots.get("v", 0.0) + 0.001 * g * g
    rate = 0.01 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    return p - rate * slots["m"] / (np.sqrt(slots["v"]) + 1e-8)


@pytest.mark.parametrize(
    ("make", "update"),
    [
        (lambda: tf.train.GradientDescentOptimizer(0.01), lambda s, p, g, t: p - 0.01 * g),
        (lambda: tf.train.MomentumOptimizer(0.01, 0.9), momentum),
        (
            lambda: tf.train.MomentumOptimizer(0.01, 0.9, use_nesterov=True),
            lambda s, p, g, t: momentum(s, p, g, t, nesterov=True),
        ),
        (lambda: tf.train.AdagradOptimizer(0.1), adagrad),
        (lambda: tf.train.RMSPropOptimizer(0.01), rmsprop),
        (lambda: tf.train.AdamOptimizer(0.01), adam),
    ],
)
def test_optimizers_follow_their_formulas(make, update):
    before, after = trained(make())
    for ours, exact in zip(after, by_hand(before, update), strict=True):
        np.testing.assert_allclose(ours, exact, rtol=2e-5, atol=2e-6)


def test_compute_and_apply_gradients_with_clipping():
    v = tf.Variable([3.0, 4.0])
    optimizer = tf.train.GradientDescentOptimizer(1.0)
    pairs = optimizer.compute_gradients(tf.reduce_sum(v * v) / 2.0)
    clipped, norm = tf.clip_by_global_norm([g for g, _ in pairs], 1.0)
    step = optimizer.apply_gradients([(clipped[0], v)])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert session.run(norm) == pytest.approx(5.0)
        session.run(step)
        np.testing.assert_allclose(session.run(v), [3.0 - 0.6, 4.0 - 0.8], rtol=1e-6)


def test_global_step_and_decayed_rate():
    v = tf.Variable(1.0)
    step = tf.train.get_or_create_global_step()
    rate = tf.train.exponential_decay(0.1, step, 1, 0.5)
    train = tf.train.GradientDescentOptimizer(rate).minimize(v, global_step=step)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(train)
        session.run(train)
        assert session.run(step) == 2
        assert session.run(v) == pytest.approx(1.0 - 0.1 - 0.05)


def test_a_loss_that_depends_on_nothing_says_so():
    v = tf.Variable(1.0, name="weights")
    with pytest.raises(ArgumentError, match=r"No gradients provided for any variable.*weights:0"):
        tf.train.GradientDescentOptimizer(0.1).minimize(tf.constant(1.0) * 2.0)
    assert v.trainable
