"""Sessions: fetching, feeding, variables, order, and what they refuse."""

import gc
import weakref
from collections import namedtuple

import numpy as np
import pytest

from epochal import tf
from epochal.errors import ArgumentError, DTypeError, NotSupportedError, ShapeError
from epochal.tf import session as sessions


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as graph:
        yield graph


def test_structures_of_fetches():
    a, b = tf.constant(2.0), tf.constant([1, 2])
    Pair = namedtuple("Pair", "x y")
    with tf.Session() as session:
        assert session.run(a) == np.float32(2.0)
        assert isinstance(session.run(a), np.float32)
        result = session.run({"a": a, "list": [b, (a, b)], "pair": Pair(a, b), "nothing": tf.no_op()})
    assert result["a"] == 2.0
    np.testing.assert_array_equal(result["list"][0], [1, 2])
    assert isinstance(result["list"][1], tuple)
    assert result["pair"].x == 2.0
    assert result["nothing"] is None


def test_unknown_dimensions_take_what_is_fed():
    x = tf.placeholder(tf.float32, [None, 3], name="x")
    y = tf.placeholder(tf.float32, [None, 1])
    total = tf.reduce_sum(x - y)
    with tf.Session() as session:
        for rows in (1, 2, 5):
            fed = np.arange(rows * 3.0).reshape(rows, 3)
            assert session.run(total, {x: fed, y: np.ones((rows, 1))}) == fed.sum() - 3 * rows
        assert len(session._plans) == 3
        session.run(total, {x: np.ones((2, 3)), y: np.zeros((2, 1))})
        assert len(session._plans) == 3  # the same shapes: nothing new was compiled


def test_shapes_that_meet_only_when_fed():
    x = tf.placeholder(tf.float32, [None, 2])
    y = tf.placeholder(tf.float32, [None, 2])
    with tf.Session() as session:
        with pytest.raises(ShapeError, match="3"):
            session.run(x + y, {x: np.zeros((3, 2)), y: np.zeros((4, 2))})
        assert session.run(x + y, {x: np.zeros((3, 2)), y: np.ones((1, 2))}).shape == (3, 2)


def test_any_tensor_can_be_fed():
    a = tf.constant(1.0)
    b = a + 1.0
    c = b * 10.0
    with tf.Session() as session:
        assert session.run(c, {b: 5.0}) == 50.0
        assert session.run(c) == 20.0


def test_shape_of_a_placeholder_makes_new_tensors():
    x = tf.placeholder(tf.float32, [None, 2])
    rows = tf.shape(x)[0]
    made = tf.zeros([rows, 3]) + tf.cast(rows, tf.float32)
    flat = tf.reshape(x, [rows * 2])
    with tf.Session() as session:
        first, second = session.run([made, flat], {x: np.ones((4, 2))})
    np.testing.assert_array_equal(first, np.full((4, 3), 4.0))
    assert second.shape == (8,)


def test_variables_belong_to_their_session():
    v = tf.Variable(3.0, name="v")
    step = v.assign_add(1.0)
    init = tf.global_variables_initializer()
    with tf.Session() as one, tf.Session() as two:
        one.run(init)
        two.run(init)
        assert [one.run(step) for _ in range(3)] == [4.0, 5.0, 6.0]
        assert two.run(v) == 3.0


def test_reading_before_the_initializer_says_what_to_do():
    v = tf.Variable(1.0, name="weights")
    with tf.Session() as session:
        with pytest.raises(tf.errors.FailedPreconditionError, match=r"uninitialized value weights.*initializer"):
            session.run(v)
        session.run(v.initializer)
        assert session.run(v) == 1.0


def test_control_dependencies_order_assign_and_read():
    v = tf.Variable(1.0)
    with tf.control_dependencies([v.assign(v * 2.0)]):
        after = tf.identity(v)
    untouched = v + 0.0
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert session.run(after) == 2.0
        assert session.run(after) == 4.0
        assert session.run(untouched) == 4.0


def test_assign_then_read_in_one_run():
    v = tf.Variable([1.0, 2.0])
    before = v * 1.0
    update = tf.assign(v, [5.0, 6.0])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        old, new = session.run([before, update])
    np.testing.assert_array_equal(old, [1.0, 2.0])
    np.testing.assert_array_equal(new, [5.0, 6.0])


def test_group_runs_all():
    a, b = tf.Variable(0.0), tf.Variable(0.0)
    both = tf.group(a.assign_add(1.0), b.assign_add(2.0))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert session.run(both) is None
        assert session.run([a, b]) == [1.0, 2.0]


def test_gradients():
    x = tf.Variable([1.0, 2.0])
    other = tf.Variable(1.0)
    y = tf.reduce_sum(x * x * x)
    (first, none) = tf.gradients(y, [x, other])
    (second,) = tf.gradients(first, [x])
    assert none is None
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        np.testing.assert_allclose(session.run(first), [3.0, 12.0])
        np.testing.assert_allclose(session.run(second), [6.0, 12.0])


def test_gradient_through_a_placeholder_of_unknown_size():
    x = tf.placeholder(tf.float32, [None])
    (slope,) = tf.gradients(tf.reduce_mean(tf.square(x)), [x])
    with tf.Session() as session:
        np.testing.assert_allclose(session.run(slope, {x: [1.0, 2.0]}), [1.0, 2.0])
        np.testing.assert_allclose(session.run(slope, {x: [3.0]}), [6.0])


def test_random_operations_draw_anew_and_repeat_with_a_seed():
    tf.set_random_seed(7)
    draw = tf.random_normal([100])
    with tf.Session() as session:
        first, second = session.run(draw), session.run(draw)
    with tf.Session() as session:
        again = session.run(draw)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, again)


def test_two_draws_of_one_run_differ():
    tf.set_random_seed(7)
    with tf.Session() as session:
        a, b = session.run([tf.random_uniform([10]), tf.random_uniform([10])])
    assert not np.array_equal(a, b)


def test_cond_and_while_loop():
    x = tf.placeholder(tf.float32, [])
    chosen = tf.cond(x > 0.0, lambda: x * 2.0, lambda: x - 1.0)
    total = tf.while_loop(lambda i, s: i < 5, lambda i, s: (i + 1, s + x), [tf.constant(0), tf.constant(0.0)])[1]
    with tf.Session() as session:
        assert session.run([chosen, total], {x: 3.0}) == [6.0, 15.0]
        assert session.run(chosen, {x: -3.0}) == -4.0


def test_names():
    x = tf.placeholder(tf.float32, [2], name="x")
    with tf.name_scope("layer"):
        y = tf.multiply(x, 2.0, name="scores")
    assert x.name == "x:0"
    assert y.name == "layer/scores:0"
    assert tf.Variable(0.0, name="w").name == "w:0"
    assert tf.Variable(0.0, name="w").name == "w_1:0"
    with tf.Session() as session:
        np.testing.assert_array_equal(session.run("layer/scores:0", {"x:0": [1, 2]}), [2.0, 4.0])
    with pytest.raises(KeyError, match="nothing"):
        tf.get_default_graph().get_tensor_by_name("nothing:0")


def test_get_variable_and_scopes():
    with tf.variable_scope("a"):
        w = tf.get_variable("w", [2, 2])
        with pytest.raises(ArgumentError, match=r"a/w already exists.*AUTO_REUSE"):
            tf.get_variable("w", [2, 2])
    with tf.variable_scope("a", reuse=True):
        assert tf.get_variable("w", [2, 2]) is w
        with pytest.raises(ArgumentError, match="does not exist"):
            tf.get_variable("other", [2])
    assert w.name == "a/w:0"


def test_default_session_and_eval():
    v = tf.Variable(2.0)
    with tf.Session():
        tf.global_variables_initializer().run()
        assert (v * 3.0).eval() == 6.0
        assert v.eval() == 2.0
    with pytest.raises(ArgumentError, match="no default session"):
        (v * 3.0).eval()


def test_interactive_session():
    session = tf.InteractiveSession()
    try:
        assert tf.constant(4.0).eval() == 4.0
    finally:
        session.close()
    assert tf.get_default_session() is None


def test_threads_are_the_sessions_to_set():
    x = tf.constant(np.arange(10000.0, dtype="float32"))
    results = []
    for threads in (1, 2, 3):
        with tf.Session(config=tf.ConfigProto(intra_op_parallelism_threads=threads)) as session:
            results.append(session.run(tf.reduce_sum(x * x)))
    assert results[0] == results[1] == results[2]


def test_closing_releases_everything():
    class Canary(np.ndarray):
        pass

    v = tf.Variable(np.zeros(1000, "float32"))
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    session._values[v] = held = session._values[v].view(Canary)
    canary = weakref.ref(held)
    del held
    session.close()
    gc.collect()
    assert canary() is None
    with pytest.raises(ArgumentError, match="closed Session"):
        session.run(v)


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        (np.zeros((2, 4)), ShapeError, r"shape \(2, 4\).*'x:0'.*\(None, 3\)"),
        (np.zeros(3), ShapeError, r"shape \(3,\)"),
        ("text", ArgumentError, "Cannot feed"),
    ],
)
def test_wrong_feeds(value, error, words):
    x = tf.placeholder(tf.float32, [None, 3], name="x")
    with tf.Session() as session, pytest.raises(error, match=words):
        session.run(x * 2.0, {x: value})


def test_a_placeholder_that_is_not_fed_is_named():
    x = tf.placeholder(tf.float32, [None, 3], name="images")
    with tf.Session() as session, pytest.raises(ArgumentError, match="images"):
        session.run(x * 2.0)


def test_floats_are_not_cut_off_for_integer_placeholders():
    x = tf.placeholder(tf.int32, [None])
    with tf.Session() as session, pytest.raises(ArgumentError, match=r"float64.*int32"):
        session.run(x, {x: [1.5]})


def test_mixed_dtypes_are_refused():
    with pytest.raises(DTypeError, match=r"'MatMul' has dtype float64 .* float32"):
        tf.matmul(tf.zeros([2, 2]), tf.zeros([2, 2], tf.float64))


def test_tensors_of_another_graph_are_refused():
    with tf.Graph().as_default():
        foreign = tf.constant(1.0)
    with tf.Session() as session, pytest.raises(ArgumentError, match="not an element of this session's graph"):
        session.run(foreign)


def test_placeholder_needs_a_graph():
    with tf.init_scope(), pytest.raises(ArgumentError, match=r"eager execution.*epochal run"):
        tf.placeholder(tf.float32, [None])


def test_finalized_graph_refuses_more():
    graph = tf.get_default_graph()
    tf.constant(1.0)
    graph.finalize()
    with pytest.raises(ArgumentError, match="finalized"):
        tf.zeros([2]) + 1.0


def test_programs_that_fetch_something_new_each_time_keep_a_bounded_number_of_plans(monkeypatch):
    monkeypatch.setattr(sessions, "_MOST_PLANS", 8)
    x = tf.constant(1.0)
    with tf.Session() as session:
        for number in range(20):
            assert session.run(x + float(number)) == 1.0 + number
        assert len(session._plans) == 8


def test_whole_floats_feed_integer_placeholders():
    x = tf.placeholder(tf.int32, [None])
    with tf.Session() as session:
        assert session.run(x * 2, {x: np.array([1.0, 3.0])}).tolist() == [2, 6]


def test_what_is_not_there_is_refused_with_a_remedy():
    for call, words in (
        (lambda: tf.train.shuffle_batch, r"tf\.data"),
        (lambda: tf.train.MonitoredTrainingSession, r"tf\.Session"),
        (lambda: tf.estimator.Estimator, r"Model\.fit"),
        (lambda: tf.SparseTensor([[0]], [1.0], [2]), "dense"),
    ):
        with pytest.raises(NotSupportedError, match=words):
            call()
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        tf.nonsense  # noqa: B018


def test_the_second_argument_of_dropout_is_its_version_s():
    with tf.Session() as session:
        kept = session.run(tf.nn.dropout(tf.ones([1000]), 0.9))
    with tf.init_scope():
        dropped = tf.nn.dropout(tf.ones([1000]), 0.9).numpy()
    assert (kept > 0).mean() > 0.8
    assert (dropped > 0).mean() < 0.2
