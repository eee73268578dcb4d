"""Metrics, schedules, moving averages, summaries, data sets, flags, files, modules and settings."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest

from epochal import config, tf
from epochal.errors import ArgumentError, DTypeError, NotSupportedError, ShapeError


@pytest.fixture
def graph():
    with tf.Graph().as_default() as graph:
        yield graph


def start():
    session = tf.Session()
    session.run([tf.global_variables_initializer(), tf.local_variables_initializer()])
    return session


# --- tf.metrics


def test_metrics_run_over_batches(graph):
    y, p = tf.placeholder(tf.float32, [None]), tf.placeholder(tf.float32, [None])
    metrics = {
        "accuracy": tf.metrics.accuracy(y, p),
        "mean": tf.metrics.mean(p),
        "mse": tf.metrics.mean_squared_error(y, p),
        "rmse": tf.metrics.root_mean_squared_error(y, p),
        "mae": tf.metrics.mean_absolute_error(y, p),
        "precision": tf.metrics.precision(y, p),
        "recall": tf.metrics.recall(y, p),
        "false_positives": tf.metrics.false_positives(y, p),
    }
    assert not tf.global_variables()
    assert tf.local_variables()[0].name == "accuracy/total:0"
    truth, guess = np.array([0.0, 1, 1, 0, 1]), np.array([0.0, 1, 0, 1, 1])
    with start() as session:
        for part in (slice(0, 3), slice(3, 5)):
            last = session.run({k: m[1] for k, m in metrics.items()}, {y: truth[part], p: guess[part]})
        values = session.run({k: m[0] for k, m in metrics.items()})
    expected = {
        "accuracy": 0.6,
        "mean": 0.6,
        "mse": 0.4,
        "rmse": 0.4**0.5,
        "mae": 0.4,
        "precision": 2 / 3,
        "recall": 2 / 3,
        "false_positives": 1.0,
    }
    assert values == pytest.approx(expected)
    assert last == pytest.approx(expected)


def test_metrics_need_a_graph():
    with pytest.raises(ArgumentError, match=r"tf\.keras\.metrics"):
        tf.metrics.accuracy([1.0], [1.0])
    assert tf.metrics.Accuracy.__name__ == "Accuracy"


# --- tf.train


@pytest.mark.parametrize(
    ("make", "step"),
    [
        (lambda: tf.train.AdadeltaOptimizer(0.5, rho=0.9, epsilon=1e-6), "adadelta"),
        (lambda: tf.train.FtrlOptimizer(0.5, l1_regularization_strength=0.01), "ftrl"),
    ],
)
def test_rarer_optimizers(graph, make, step):
    v = tf.Variable([1.0, -2.0])
    train = make().minimize(tf.reduce_sum(v * v))
    with start() as session:
        for _ in range(3):
            session.run(train)
        got = session.run(v)
    w, a, b = np.array([1.0, -2.0]), np.full(2, 0.1 if step == "ftrl" else 0.0), np.zeros(2)
    for _ in range(3):
        g = 2 * w
        if step == "adadelta":
            a = 0.9 * a + 0.1 * g * g
            d = np.sqrt(b + 1e-6) / np.sqrt(a + 1e-6) * g
            b = 0.9 * b + 0.1 * d * d
            w = w - 0.5 * d
        else:
            new = a + g * g
            b = b + g - (np.sqrt(new) - np.sqrt(a)) / 0.5 * w
            a = new
            w = np.where(np.abs(b) > 0.01, (np.sign(b) * 0.01 - b) / (np.sqrt(a) / 0.5), 0.0)
    np.testing.assert_allclose(got, w, rtol=1e-5)


def test_moving_averages(graph):
    v = tf.Variable(1.0, name="v")
    average = tf.train.ExponentialMovingAverage(0.9)
    with tf.control_dependencies([v.assign(11.0)]):
        update = average.apply([v])
    shadow = average.average(v)
    assert average.average_name(v) == "v/ExponentialMovingAverage" == shadow.name.split(":")[0]
    with start() as session:
        session.run(update)
        assert session.run(shadow) == pytest.approx(0.9 * 1.0 + 0.1 * 11.0)
    assert average.variables_to_restore([v])["v/ExponentialMovingAverage"] is v


def test_a_coordinator_of_no_threads(graph):
    coordinator = tf.train.Coordinator()
    assert tf.train.start_queue_runners(coord=coordinator) == []
    assert not coordinator.should_stop()
    coordinator.request_stop()
    coordinator.join([])
    assert coordinator.should_stop()


# --- tf.summary


def test_summaries_are_skipped(graph, tmp_path):
    assert tf.summary.merge_all() is None
    tf.summary.scalar("loss", tf.placeholder(tf.float32))
    tf.summary.histogram("weights", tf.zeros([3]))
    merged = tf.summary.merge_all()
    with tf.Session() as session, tf.summary.FileWriter(tmp_path / "logs", session.graph) as writer:
        writer.add_summary(session.run(merged), 0)
        writer.flush()
    assert not list(tmp_path.iterdir())


def test_summaries_of_version_2(tmp_path):
    with tf.summary.create_file_writer(str(tmp_path)).as_default():
        tf.summary.scalar("loss", 1.0, step=0)
    assert not list(tmp_path.iterdir())


# --- tf.data


def test_fit_takes_so_many_steps_of_a_data_set_without_end():
    x, y = np.ones((8, 2), "float32"), np.ones((8, 1), "float32")
    model = tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    endless = tf.data.Dataset.from_tensor_slices((x, y)).batch(4).repeat()
    assert len(model.fit(endless, steps_per_epoch=3, epochs=2, verbose=0).history["loss"]) == 2
    assert int(model.optimizer.iterations) == 6


def test_chains_of_data_sets():
    data = tf.data.Dataset.range(10).filter(lambda x: x % 2 == 0).map(lambda x: x * x).batch(2)
    assert [batch.tolist() for batch in data.as_numpy_iterator()] == [[0, 4], [16, 36], [64]]
    pairs = tf.data.Dataset.from_tensor_slices({"a": np.arange(6.0), "b": np.ones((6, 2), "int32")})
    batches = list(pairs.batch(4, drop_remainder=True).repeat(2))
    assert len(batches) == 2
    assert batches[0]["b"].shape == (4, 2)
    assert pairs.element_spec["b"].dtype is tf.int32
    assert len(pairs.batch(4)) == 2
    assert int(pairs.repeat().cardinality()) == tf.data.INFINITE_CARDINALITY
    zipped = tf.data.Dataset.zip((tf.data.Dataset.range(3), tf.data.Dataset.range(5, 9)))
    assert [(int(a), int(b)) for a, b in zipped] == [(0, 5), (1, 6), (2, 7)]
    flat = tf.data.Dataset.range(1, 4).flat_map(lambda n: tf.data.Dataset.from_tensors(n).repeat(n))
    assert [int(n) for n in flat.skip(1).take(4)] == [2, 2, 3, 3]


def test_shuffling_repeats_with_its_seed_and_differs_between_passes():
    def passes():
        data = tf.data.Dataset.range(20).shuffle(8, seed=3)
        return [[int(n) for n in data] for _ in range(2)]

    first, second = passes()
    assert sorted(first) == sorted(second) == list(range(20))
    assert first != second
    assert passes() == [first, second]


def test_generators_and_wrong_data():
    data = tf.data.Dataset.from_generator(lambda: iter([[1, 2], [3, 4]]), tf.float32)
    assert [row.dtype.name for row in data] == ["float32", "float32"]
    with pytest.raises(ShapeError, match=r"one length.*\(2,\).*\(3,\)"):
        tf.data.Dataset.from_tensor_slices((np.zeros(2), np.zeros(3)))
    with pytest.raises(ShapeError, match="different shapes"):
        list(tf.data.Dataset.from_generator(lambda: iter([np.zeros(1), np.zeros(2)]), tf.float32).batch(2))
    with pytest.raises(ArgumentError, match="positive"):
        tf.data.Dataset.range(3).batch(0)


def test_iterators_in_graphs(graph):
    data = tf.data.Dataset.from_tensor_slices(np.arange(5.0).astype("float32")).batch(2)
    value = data.make_one_shot_iterator().get_next()
    twice = value * 2.0
    again = data.make_initializable_iterator()
    other = again.get_next()
    swap = again.make_initializer(tf.data.Dataset.from_tensors(np.float32([9.0])))
    with tf.Session() as session:
        got = [session.run([value, twice]) for _ in range(3)]
        assert [pair[0].tolist() for pair in got] == [[0.0, 1.0], [2.0, 3.0], [4.0]]
        assert got[1][1].tolist() == [4.0, 6.0]
        with pytest.raises(tf.errors.OutOfRangeError, match="End of sequence"):
            session.run(value)
        assert session.run(twice, {value: [7.0]}).tolist() == [14.0]
        with pytest.raises(tf.errors.FailedPreconditionError, match=r"iterator\.initializer"):
            session.run(other)
        session.run(again.initializer)
        assert session.run(other).tolist() == [0.0, 1.0]
        session.run(swap)
        assert session.run(other).tolist() == [9.0]
    with tf.Session() as session:
        assert session.run(value).tolist() == [0.0, 1.0]  # each session has its own place


# --- flags, files, settings


def run(source, *arguments, path):
    script = path / "script.py"
    script.write_text(textwrap.dedent(source))
    command = [sys.executable, "-m", "epochal.cli.main", "run", str(script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


FLAGS = """
    import tensorflow as tf
    tf.app.flags.DEFINE_integer("size", 3, "how many")
    tf.app.flags.DEFINE_boolean("fast", True, "whether")
    tf.app.flags.DEFINE_string("name", "a", "which")
    FLAGS = tf.app.flags.FLAGS

    def main(argv):
        print(FLAGS.size, FLAGS.fast, FLAGS.name, argv[1:])

    if __name__ == "__main__":
        tf.app.run()
"""


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [([], "3 True a []"), (["--size=5", "--nofast", "rest"], "5 False a ['rest']"), (["--name", "b"], "3 True b []")],
)
def test_flags(tmp_path, arguments, printed):
    done = run(FLAGS, *arguments, path=tmp_path)
    assert done.stdout.strip() == printed, done.stderr


def test_files(tmp_path):
    path = str(tmp_path / "a" / "b.txt")
    tf.gfile.MakeDirs(str(tmp_path / "a"))
    with tf.io.gfile.GFile(path, "w") as file:
        file.write("text")
    assert tf.gfile.Exists(path)
    assert tf.io.read_file(path) == b"text"
    assert tf.io.gfile.listdir(str(tmp_path / "a")) == ["b.txt"]
    tf.gfile.DeleteRecursively(str(tmp_path / "a"))
    with pytest.raises(tf.errors.NotFoundError, match=r"b\.txt"):
        tf.gfile.Open(path)
    with pytest.raises(NotSupportedError, match="Pillow"):
        tf.io.decode_png  # noqa: B018


def test_devices_and_threads():
    assert tf.config.list_physical_devices("GPU") == []
    assert tf.config.experimental.list_physical_devices("CPU")[0].device_type == "CPU"
    assert not tf.test.is_gpu_available()
    before = config.num_threads()
    try:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        assert tf.config.threading.get_intra_op_parallelism_threads() == 1
    finally:
        config.set_num_threads(before)


def test_modules_find_their_variables():
    class Line(tf.Module):
        def __init__(self):
            super().__init__()
            self.w = tf.Variable(2.0)
            self.parts = [tf.Variable(1.0, trainable=False), {"deep": tf.Variable(3.0)}]

    class Outer(tf.Module):
        def __init__(self):
            super().__init__(name="outer")
            self.line = Line()

    outer = Outer()
    assert outer.name == "outer"
    assert outer.line.name == "line"
    assert len(outer.variables) == 3
    assert len(outer.trainable_variables) == 2
    assert outer.submodules == (outer.line,)


def test_keras_layers_in_a_graph(graph):
    x, y = tf.placeholder(tf.float32, [None, 3]), tf.placeholder(tf.float32, [None, 1])
    out = tf.keras.layers.Dense(1)(tf.keras.layers.Dense(8, activation="tanh")(x))
    loss = tf.reduce_mean(tf.square(out - y))
    train = tf.train.AdamOptimizer(0.05).minimize(loss)
    assert len(tf.trainable_variables()) == 4
    data = np.random.RandomState(0).randn(32, 3)
    feed = {x: data, y: data.sum(1, keepdims=True)}
    with start() as session:
        before = session.run(loss, feed)
        for _ in range(100):
            session.run(train, feed)
        assert session.run(loss, feed) < 0.05 * before


def test_checks():
    tf.assert_equal([1, 2], [1, 2])
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"x == y did not hold"):
        tf.debugging.assert_equal([1, 2], [1, 3])
    with pytest.raises(tf.errors.InvalidArgumentError, match="NaN"):
        tf.debugging.check_numerics([float("nan")], "loss")
    with pytest.raises(tf.errors.InvalidArgumentError, match="rank 2"):
        tf.assert_rank([1.0], 2)


def test_images_at_pixel_centres():
    image = np.arange(4.0, dtype="float32").reshape(2, 2, 1)
    np.testing.assert_allclose(tf.image.resize(image, [1, 4]).numpy()[..., 0], [[1.0, 1.25, 1.75, 2.0]])
    np.testing.assert_array_equal(tf.image.resize(image, [2, 4], "nearest").numpy()[0, :, 0], [0.0, 0.0, 1.0, 1.0])
    with pytest.raises(NotSupportedError, match="'bilinear' or 'nearest'"):
        tf.image.resize(image, [1, 1], "lanczos3")


def test_the_tutorials_digits(tmp_path):
    script = """
        from tensorflow.examples.tutorials.mnist import input_data
        from tensorflow.python.framework import ops
        mnist = input_data.read_data_sets("MNIST_data", one_hot=True, seed=1)
        ops.reset_default_graph()
        seen = [mnist.train.next_batch(1000) for _ in range(8)]
        print(mnist.train.num_examples, mnist.train.epochs_completed, seen[7][0].shape, seen[7][1].sum())
        print(mnist.test.images.shape, mnist.test.images.max(), mnist.validation.labels.shape)
        print(input_data.read_data_sets("", reshape=False).test.labels[:3].dtype)
    """
    done = run(script, path=tmp_path)
    lines = done.stdout.splitlines()
    assert lines[0] == "7500 1 (1000, 784) 1000.0", done.stderr
    assert lines[1] == "(2000, 784) 1.0 (500, 10)"
    assert not list(tmp_path.glob("MNIST*"))


def test_operators_follow_tensorflows_rule(graph):
    x, n = tf.placeholder(tf.float32, [None, 2]), tf.constant([1, 2])
    v = tf.Variable([1.0, 2.0])
    for result in (x * np.ones(2), np.ones(2) - x, x / np.sqrt(2.0), v + np.float64(1.0), 2.0**x, x @ np.eye(2)):
        assert result.dtype is tf.float32
    assert (n / n).dtype is tf.float64
    assert (n // 2 + np.int64(1)).dtype is tf.int32
    for call in (lambda: x + n, lambda: n * 2.5, lambda: v - tf.zeros([2], tf.float64), lambda: x > n):
        with pytest.raises(DTypeError, match=r"does not match dtype.*tf\.cast"):
            call()


def test_eager_operators_keep_float32():
    x = tf.ones([2])
    assert (x * np.ones(2)).dtype is tf.float32
    assert (np.float64(2.0) * x).dtype is tf.float32
    assert (tf.Variable(1.0) - np.ones(3)).dtype is tf.float32
