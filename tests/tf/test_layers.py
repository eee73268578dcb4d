"""`tf.layers` and recurrent cells: variables, names, reuse, and numbers by NumPy's own arithmetic."""

import numpy as np
import pytest

from epochal import tf
from epochal.errors import ArgumentError, NotSupportedError, ShapeError

R = np.random.RandomState(0)


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as graph:
        yield graph


def start():
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    return session


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def names():
    return [variable.name for variable in tf.trainable_variables()]


def test_default_names_count_up_and_start_anew_when_a_scope_is_entered_again():
    def net(x, reuse):
        with tf.variable_scope("net", reuse=reuse):
            return tf.layers.dense(tf.layers.dense(x, 3, tf.nn.relu), 2)

    a, b = tf.placeholder(tf.float32, [None, 4]), tf.placeholder(tf.float32, [None, 4])
    first, second = net(a, None), net(b, True)
    assert names() == ["net/dense/kernel:0", "net/dense/bias:0", "net/dense_1/kernel:0", "net/dense_1/bias:0"]
    fed = R.randn(5, 4)
    with start() as session:
        one, other = session.run([first, second], {a: fed, b: fed})
    np.testing.assert_array_equal(one, other)


def test_layers_outside_scopes():
    x = tf.placeholder(tf.float32, [None, 4])
    tf.layers.dense(tf.layers.dense(x, 3), 2, name="out")
    assert names() == ["dense/kernel:0", "dense/bias:0", "out/kernel:0", "out/bias:0"]
    with pytest.raises(ArgumentError, match=r"out/kernel already exists.*AUTO_REUSE"):
        tf.layers.dense(x, 2, name="out")
    tf.layers.dense(x[:, :3], 2, name="out", reuse=True)
    assert len(names()) == 4


def test_dense_object_with_regularizer_and_initializers():
    x = tf.placeholder(tf.float32, [None, 2])
    layer = tf.layers.Dense(
        3,
        tf.nn.tanh,
        kernel_initializer=tf.constant_initializer(0.5),
        bias_initializer=tf.ones_initializer(),
        kernel_regularizer=lambda w: tf.reduce_sum(w * w),
    )
    y, again = layer(x), layer(x)
    with start() as session:
        results = session.run([y, again, tf.losses.get_regularization_loss()], {x: [[1.0, 2.0]]})
    np.testing.assert_allclose(results[0], np.full((1, 3), np.tanh(2.5)), rtol=1e-6)
    np.testing.assert_array_equal(results[0], results[1])
    assert results[2] == 1.5
    assert [v.name for v in layer.trainable_variables] == ["dense/kernel:0", "dense/bias:0"]


def test_shapes_of_images_through_layers():
    x = tf.placeholder(tf.float32, [None, 28, 28, 1])
    h = tf.layers.conv2d(x, 8, 5, activation=tf.nn.relu)
    assert h.get_shape().as_list() == [None, 24, 24, 8]
    h = tf.layers.max_pooling2d(h, 2, 2)
    h = tf.layers.separable_conv2d(h, 6, 3, padding="same")
    assert h.shape.as_list() == [None, 12, 12, 6]
    up = tf.layers.conv2d_transpose(h, 4, 3, strides=2, padding="same")
    assert up.shape.as_list() == [None, 24, 24, 4]
    flat = tf.layers.flatten(tf.layers.average_pooling2d(h, [2, 2], [2, 2]))
    assert flat.shape.as_list() == [None, 216]
    signal = tf.layers.conv1d(tf.placeholder(tf.float32, [None, 10, 3]), 4, 3, dilation_rate=2)
    assert tf.layers.max_pooling1d(signal, 2, 2).shape.as_list() == [None, 3, 4]
    with start() as session:
        assert session.run(up, {x: np.zeros((2, 28, 28, 1))}).shape == (2, 24, 24, 4)


@pytest.mark.parametrize("images", [True, False])
def test_batch_normalization_learns_when_its_updates_run(images):
    shape = [None, 3, 3, 2] if images else [None, 2]
    x, training = tf.placeholder(tf.float32, shape), tf.placeholder(tf.bool)
    y = tf.layers.batch_normalization(x, momentum=0.9, training=training)
    updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    with tf.control_dependencies(updates):
        trained = tf.identity(y)
    fed = R.normal(3.0, 2.0, [4 if s is None else s for s in shape]).astype("float32")
    axes = tuple(range(fed.ndim - 1))
    count = fed.size // 2
    mean, variance = fed.mean(axes), fed.var(axes)
    with start() as session:
        np.testing.assert_allclose(session.run(y, {x: fed, training: False}), fed / np.sqrt(1.001), rtol=1e-5)
        out = session.run(trained, {x: fed, training: True})
        np.testing.assert_allclose(out, (fed - mean) / np.sqrt(variance + 1e-3), rtol=1e-4, atol=1e-5)
        moving = [v for v in tf.global_variables() if "moving" in v.name]
        got = session.run(moving)
    np.testing.assert_allclose(got[0], 0.1 * mean, rtol=1e-5)
    # For images TensorFlow moves the running variance by the unbiased one.
    factor = count / (count - 1) if images else 1.0
    np.testing.assert_allclose(got[1], 0.9 + 0.1 * variance * factor, rtol=1e-5)


def test_dropout_by_a_fed_flag():
    x, training = tf.placeholder(tf.float32, [None, 100]), tf.placeholder(tf.bool)
    y = tf.layers.dropout(x, 0.25, training=training)
    with tf.Session() as session:
        fed = np.ones((50, 100), "float32")
        np.testing.assert_array_equal(session.run(y, {x: fed, training: False}), fed)
        dropped = session.run(y, {x: fed, training: True})
    assert set(np.unique(dropped)) == {0.0, np.float32(4.0 / 3.0)}
    assert 0.2 < (dropped == 0).mean() < 0.3


def test_dropout_is_off_by_default():
    x = tf.placeholder(tf.float32, [None, 3])
    off, on = tf.layers.dropout(x, 0.9), tf.layers.dropout(x, 0.5, training=True)
    with tf.Session() as session:
        np.testing.assert_array_equal(session.run(off, {x: np.ones((2, 3))}), np.ones((2, 3)))
        assert set(np.unique(session.run(on, {x: np.ones((50, 3))}))) == {0.0, 2.0}


def test_the_same_bits_for_any_number_of_threads():
    tf.set_random_seed(1)
    x, y = tf.placeholder(tf.float32, [None, 12, 12, 2]), tf.placeholder(tf.int32, [None])
    h = tf.layers.max_pooling2d(tf.layers.conv2d(x, 8, 3, activation=tf.nn.relu), 2, 2)
    h = tf.layers.dropout(tf.layers.batch_normalization(h, training=True), 0.3, training=True)
    h, _ = tf.nn.dynamic_rnn(tf.nn.rnn_cell.BasicLSTMCell(16), tf.reshape(h, [-1, 5, 40]), dtype=tf.float32)
    logits = tf.layers.dense(tf.layers.flatten(h), 4)
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits))
    step = tf.train.AdamOptimizer(0.01).minimize(loss)
    feed = {x: R.randn(64, 12, 12, 2), y: np.arange(64) % 4}
    results = []
    for threads in (1, 2, 3):
        with tf.Session(num_threads=threads) as session:
            session.run(tf.global_variables_initializer())
            for _ in range(5):
                session.run(step, feed)
            results.append(session.run(tf.trainable_variables()))
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(one, two)


def test_wrong_inputs_of_layers():
    with pytest.raises(ShapeError, match=r"size of axis -1.*\(None, None\)"):
        tf.layers.dense(tf.placeholder(tf.float32, [None, None]), 3)
    with pytest.raises(ShapeError, match="expected ndim=4, found ndim=2"):
        tf.layers.conv2d(tf.zeros([2, 3]), 3, 3)
    with pytest.raises(NotSupportedError, match="channels_first"):
        tf.layers.conv2d(tf.zeros([2, 3, 3, 3]), 3, 3, data_format="channels_first")
    with pytest.raises(ArgumentError, match=r"function such as tf\.nn\.relu"):
        tf.layers.dense(tf.zeros([2, 3]), 3, activation="relu")
    with tf.init_scope(), pytest.raises(ArgumentError, match=r"tf\.keras\.layers"):
        tf.layers.dense(tf.zeros([2, 3]), 3)


# --- recurrent cells

B, T, F, U = 3, 5, 4, 2
X = R.randn(B, T, F).astype("float32")
LENGTHS = np.array([5, 2, 3])


def lstm_step(x, state, weights):
    c, h = state
    i, j, f, o = np.split(np.concatenate([x, h], 1) @ weights[0] + weights[1], 4, axis=1)
    c = c * sigmoid(f + 1.0) + sigmoid(i) * np.tanh(j)
    h = np.tanh(c) * sigmoid(o)
    return h, (c, h)


def gru_step(x, h, weights):
    gates = sigmoid(np.concatenate([x, h], 1) @ weights[0] + weights[1])
    r, u = np.split(gates, 2, axis=1)
    c = np.tanh(np.concatenate([x, r * h], 1) @ weights[2] + weights[3])
    h = u * h + (1.0 - u) * c
    return h, h


def rnn_step(x, h, weights):
    h = np.tanh(np.concatenate([x, h], 1) @ weights[0] + weights[1])
    return h, h


CELLS = {
    "lstm": (tf.nn.rnn_cell.BasicLSTMCell, lstm_step, (np.zeros((B, U)), np.zeros((B, U)))),
    "full lstm": (tf.nn.rnn_cell.LSTMCell, lstm_step, (np.zeros((B, U)), np.zeros((B, U)))),
    "gru": (tf.nn.rnn_cell.GRUCell, gru_step, np.zeros((B, U))),
    "rnn": (tf.nn.rnn_cell.BasicRNNCell, rnn_step, np.zeros((B, U))),
}


def by_hand(step, state, weights, lengths):
    outputs = []
    for time in range(T):
        running = (time < lengths)[:, None]
        output, after = step(X[:, time], state, weights)
        outputs.append(np.where(running, output, 0.0))
        if isinstance(state, tuple):
            state = tuple(np.where(running, new, old) for new, old in zip(after, state, strict=True))
        else:
            state = np.where(running, after, state)
    return np.stack(outputs, 1), state


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_cells_over_time(name, lengths):
    make, step, zero = CELLS[name]
    x = tf.placeholder(tf.float32, [None, T, F])
    outputs, state = tf.nn.dynamic_rnn(make(U), x, lengths, dtype=tf.float32, scope="dynamic")
    listed, last = tf.nn.static_rnn(
        make(U), tf.unstack(x, T, 1), dtype=tf.float32, sequence_length=lengths, scope="static"
    )
    dynamic, static = (tf.trainable_variables(scope) for scope in ("dynamic", "static"))
    copies = [tf.assign(a, b) for a, b in zip(static, dynamic, strict=True)]
    slope = tf.gradients(tf.reduce_sum(outputs**2), [x])[0]
    static_slope = tf.gradients(sum(tf.reduce_sum(one**2) for one in listed), [x])[0]
    with start() as session:
        session.run(copies)
        weights = [w.astype("float64") for w in session.run(dynamic)]
        got = session.run([outputs, state, tf.stack(listed, 1), last, slope, static_slope], {x: X})
    wanted, final = by_hand(step, zero, weights, np.full(B, T) if lengths is None else lengths)
    for result in (got[0], got[2]):
        np.testing.assert_allclose(result, wanted, rtol=1e-5, atol=1e-6)
    for result in (got[1], got[3]):
        for part, expected in zip(np.atleast_2d(result), np.atleast_2d(final), strict=True):
            np.testing.assert_allclose(part, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(got[4], got[5], rtol=1e-4, atol=1e-6)


def test_both_directions_and_layers_of_cells():
    x = tf.placeholder(tf.float32, [None, T, F])
    cells = [tf.nn.rnn_cell.GRUCell(U) for _ in range(2)]
    (forward, backward), _ = tf.nn.bidirectional_dynamic_rnn(*cells, x, LENGTHS, dtype=tf.float32)
    deep = tf.nn.rnn_cell.MultiRNNCell([tf.nn.rnn_cell.BasicLSTMCell(U), tf.nn.rnn_cell.BasicRNNCell(3)])
    outputs, state = tf.nn.dynamic_rnn(deep, x, dtype=tf.float32)
    with start() as session:
        results = session.run([forward, backward, outputs, state], {x: X})
        weights = [w.astype("float64") for w in session.run(cells[1].variables)]
    assert results[2].shape == (B, T, 3)
    np.testing.assert_allclose(results[2][:, -1], results[3][1])
    turned = np.stack([np.concatenate([row[:n][::-1], row[n:]]) for row, n in zip(X, LENGTHS, strict=True)])
    state = np.zeros((B, U))
    for time in range(T):
        after = gru_step(turned[:, time], state, weights)[1]
        state = np.where((time < LENGTHS)[:, None], after, state)
    np.testing.assert_allclose(results[1][:, 0], state, rtol=1e-5, atol=1e-6)


def test_a_cell_of_ones_own_and_wrappers():
    class Leaky(tf.nn.rnn_cell.RNNCell):
        state_size = output_size = F

        def call(self, inputs, state):
            rate = tf.get_variable("rate", [F], initializer=tf.constant_initializer(0.5))
            state = state * rate + inputs
            return state, state

    x = tf.placeholder(tf.float32, [None, T, F])
    outputs, _ = tf.nn.dynamic_rnn(tf.nn.rnn_cell.ResidualWrapper(Leaky()), x, dtype=tf.float32)
    dropped, _ = tf.nn.dynamic_rnn(
        tf.nn.rnn_cell.DropoutWrapper(Leaky(), output_keep_prob=0.5), x, dtype=tf.float32, scope="dropped"
    )
    with start() as session:
        plain, some = session.run([outputs, dropped], {x: np.ones((2, T, F))})
    np.testing.assert_allclose(plain[0, :, 0], [2.0, 2.5, 2.75, 2.875, 2.9375])
    assert 0 < (some == 0).mean() < 1
    assert len({row.tobytes() for row in some[0] == 0}) > 1  # a mask of its own at each step


def test_wrong_recurrent_arguments():
    cell = tf.nn.rnn_cell.GRUCell(2)
    with pytest.raises(ArgumentError, match=r"no initial_state.*dtype"):
        tf.nn.dynamic_rnn(cell, tf.zeros([2, 3, 4]))
    with pytest.raises(ShapeError, match=r"\[batch, time, features\]"):
        tf.nn.dynamic_rnn(cell, tf.zeros([2, 3]), dtype=tf.float32)
    with pytest.raises(ArgumentError, match=r"list of inputs.*tf\.unstack"):
        tf.nn.static_rnn(cell, tf.zeros([2, 3, 4]), dtype=tf.float32)
