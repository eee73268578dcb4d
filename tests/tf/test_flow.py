"""Branches and loops with variables, order, and placeholders whose number of axes is open."""

import gc
import resource

import numpy as np
import pytest

from epochal import tf
from epochal.errors import ArgumentError, NotSupportedError, ShapeError


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as graph:
        yield graph


def start():
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    return session


def test_branches_assign_variables_only_when_taken():
    v, flag = tf.Variable(1.0), tf.placeholder(tf.bool)
    doubled = tf.cond(flag, lambda: tf.assign(v, v * 2.0), lambda: tf.identity(v))
    grouped = tf.cond(flag, lambda: tf.group(v.assign_add(10.0)), lambda: tf.no_op())
    with start() as session:
        assert session.run(doubled, {flag: True}) == 2.0
        assert session.run(doubled, {flag: False}) == 2.0
        session.run(grouped, {flag: False})
        assert session.run(v) == 2.0
        session.run(grouped, {flag: True})
        assert session.run(v) == 12.0


def test_gradients_through_branches():
    x, w = tf.placeholder(tf.float32), tf.Variable(3.0)
    y = tf.cond(x > 0.0, lambda: w * x, lambda: w * w)
    (slope,) = tf.gradients(y, [w])
    with start() as session:
        assert session.run(slope, {x: 5.0}) == 5.0
        assert session.run(slope, {x: -5.0}) == 6.0


def test_loops_assign_variables_and_draw_anew():
    v = tf.Variable(0)

    def body(i):
        with tf.control_dependencies([v.assign_add(i)]):
            return i + 1

    counted = tf.while_loop(lambda i: i < 5, body, [tf.constant(0)])
    draws = tf.map_fn(lambda _: tf.random_normal([]), tf.zeros([8]))
    with start() as session:
        assert session.run(counted) == 5
        assert session.run(v) == 10
        first, second = session.run(draws), session.run(draws)
    assert len({*first.tolist(), *second.tolist()}) == 16


def test_structures_of_loop_variables():
    i, pair = tf.while_loop(
        lambda i, _: i < 3, lambda i, p: (i + 1, {"a": p["a"] * 2.0, "b": p["b"]}), (0, {"a": 1.0, "b": [1, 2]})
    )
    with tf.Session() as session:
        count, result = session.run((i, pair))
    assert count == 3
    assert result["a"] == 8.0


def test_case_takes_the_first_that_holds():
    x = tf.placeholder(tf.float32)
    y = tf.case([(x < 1, lambda: 17.0), (x < 2, lambda: 3.0)], default=lambda: -1.0)
    z = tf.switch_case(tf.cast(x, tf.int32), [lambda: 10.0, lambda: 20.0], default=lambda: 30.0)
    with tf.Session() as session:
        got = [session.run([y, z], {x: value}) for value in (0.0, 1.5, 7.0)]
    assert got == [[17.0, 10.0], [3.0, 20.0], [-1.0, 30.0]]


def test_wrong_branches():
    with pytest.raises(ArgumentError, match="two functions without arguments"):
        tf.cond(tf.placeholder(tf.bool), tf.constant(1.0), tf.constant(2.0))
    with pytest.raises(ArgumentError, match=r"returned None.*tf\.no_op"):
        tf.cond(tf.placeholder(tf.bool), lambda: None, lambda: None)


def test_placeholders_without_a_shape_take_scalars_and_arrays():
    x, y = tf.placeholder("float", name="x"), tf.placeholder(tf.float32)
    w = tf.Variable(2.0)
    cost = tf.reduce_mean(tf.pow(x * w - y, 2)) / 2.0
    slope = tf.gradients(cost, [w])[0]
    a, b = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 1.0], [0.0, 2.0]])
    with start() as session:
        for left, right in ((a, b), (a[0], b[0]), (a[0, 0], b[0, 0]), (a, b[0])):
            error = left * 2.0 - right
            got = session.run([cost, slope], {x: left, y: right})
            np.testing.assert_allclose(got, [np.mean(error**2) / 2.0, np.mean(error * left)], rtol=1e-6)
        assert session.run(x * w, {x: a}).shape == (2, 2)
    with pytest.raises(ShapeError, match="scalar"):
        tf.matmul(x, tf.zeros([2, 2]))


def test_shapes_made_of_shapes():
    x = tf.placeholder(tf.float32, [None, 6])
    rows = tf.shape(x)[0]
    made = tf.reshape(x, tf.stack([rows, 2, 3]))
    assert made.shape.as_list() == [None, 2, 3]
    noise = tf.random_normal(tf.shape(x))
    with tf.Session() as session:
        one, other = session.run([made, noise], {x: np.zeros((4, 6))})
    assert one.shape == (4, 2, 3)
    assert other.shape == (4, 6)


def test_what_depends_on_data_is_refused_with_a_remedy():
    x = tf.placeholder(tf.float32, [None])
    for call, words in (
        (lambda: tf.unique(x), "NumPy's unique"),
        (lambda: tf.boolean_mask(x, x > 0), r"tf\.where"),
        (lambda: tf.py_func(np.sum, [x], tf.float32), "before feeding"),
        (lambda: tf.print(x), r"session\.run"),
        (lambda: tf.contrib.layers.fully_connected, r"tf\.contrib\.layers.*tf\.layers"),
        (lambda: tf.sparse.SparseTensor, "no sparse tensors"),
        (lambda: tf.nn.nce_loss, "sparse_softmax"),
    ):
        with pytest.raises(NotSupportedError, match=words):
            call()


def test_fresh_graphs_and_sessions_leave_nothing_behind():
    def once():
        with tf.Graph().as_default(), tf.Session() as session:
            x = tf.placeholder(tf.float32, [None, 8])
            w = tf.Variable(tf.random_normal([8, 16]))
            loss = tf.reduce_mean(tf.square(tf.layers.dense(tf.matmul(x, w), 4)))
            step = tf.train.AdamOptimizer().minimize(loss)
            session.run(tf.global_variables_initializer())
            session.run([step, loss], {x: np.ones((4, 8), "float32")})

    for _ in range(20):
        once()
    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(150):
        once()
    gc.collect()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 6000, f"{grown} KiB more after 150 sessions"
