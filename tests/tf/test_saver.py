"""Checkpoints: saving, restoring, keeping, and what is refused."""

import numpy as np
import pytest

from epochal import tf
from epochal.errors import ArgumentError, FileFormatError, NotSupportedError


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as graph:
        yield graph


def variables():
    v = tf.Variable([1.0, 2.0], name="v")
    w = tf.get_variable("scope/w", initializer=np.arange(6).reshape(2, 3))
    return v, w


def test_round_trip_into_another_graph(tmp_path):
    v, w = variables()
    half = tf.Variable(tf.cast([1.5, -2.0], tf.bfloat16), name="half")
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(v.assign([5.0, 6.0]))
        path = tf.train.Saver().save(session, tmp_path / "model.ckpt")
    assert path == str(tmp_path / "model.ckpt")
    assert dict(tf.train.list_variables(str(tmp_path))) == {"half": [2], "scope/w": [2, 3], "v": [2]}
    np.testing.assert_array_equal(tf.train.load_variable(path, "v"), [5.0, 6.0])
    with tf.Graph().as_default():
        v, w = variables()
        half = tf.Variable(tf.zeros([2], tf.bfloat16), name="half")
        with tf.Session() as session:
            tf.train.Saver().restore(session, path)  # no initializer needed
            got = session.run([v, w, half])
    np.testing.assert_array_equal(got[0], [5.0, 6.0])
    np.testing.assert_array_equal(got[1], np.arange(6).reshape(2, 3))
    np.testing.assert_array_equal(got[2].astype("float32"), [1.5, -2.0])


def test_only_the_latest_are_kept(tmp_path):
    step = tf.train.get_or_create_global_step()
    saver = tf.train.Saver(max_to_keep=2)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(4):
            session.run(step.assign_add(1))
            saver.save(session, str(tmp_path / "m"), global_step=step)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint", "m-3.npz", "m-4.npz"]
    assert saver.last_checkpoints == [str(tmp_path / "m-3"), str(tmp_path / "m-4")]
    state = tf.train.get_checkpoint_state(str(tmp_path))
    assert state.model_checkpoint_path == tf.train.latest_checkpoint(tmp_path) == str(tmp_path / "m-4")
    assert state.all_model_checkpoint_paths == saver.last_checkpoints
    assert tf.train.latest_checkpoint(tmp_path / "nowhere") is None


def test_names_of_ones_own(tmp_path):
    v, _ = variables()
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        path = tf.train.Saver({"other": v}).save(session, str(tmp_path / "m"))
        session.run(v.assign([0.0, 0.0]))
        tf.train.Saver({"other": v}).restore(session, path)
        np.testing.assert_array_equal(session.run(v), [1.0, 2.0])


@pytest.mark.parametrize("cut", [0, 30, 0.5, 0.99])
def test_a_file_cut_off_is_refused_and_changes_nothing(tmp_path, cut):
    v, _ = variables()
    saver = tf.train.Saver()
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        path = saver.save(session, str(tmp_path / "m"))
        data = (tmp_path / "m.npz").read_bytes()
        (tmp_path / "m.npz").write_bytes(data[: int(cut * len(data)) if cut < 1 else cut])
        session.run(v.assign([7.0, 8.0]))
        with pytest.raises(FileFormatError, match=r"m\.npz: it is damaged, cut off.*older one"):
            saver.restore(session, path)
        np.testing.assert_array_equal(session.run(v), [7.0, 8.0])


def test_a_changed_byte_is_noticed(tmp_path):
    variables()
    saver = tf.train.Saver()
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        path = saver.save(session, str(tmp_path / "m"))
        data = bytearray((tmp_path / "m.npz").read_bytes())
        place = data.index(np.float32(2.0).tobytes())
        data[place] ^= 1
        (tmp_path / "m.npz").write_bytes(data)
        with pytest.raises(FileFormatError, match="damaged"):
            saver.restore(session, path)


def test_what_does_not_fit_is_refused_before_anything_changes(tmp_path):
    v, _ = variables()
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        path = tf.train.Saver().save(session, str(tmp_path / "m"))
    with tf.Graph().as_default():
        v = tf.Variable([0.0, 0.0], name="v")
        w = tf.Variable(tf.zeros([3, 3], tf.int64), name="scope/w")
        new = tf.Variable(0.0, name="new")
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            with pytest.raises(tf.errors.NotFoundError, match=r"Key new not found.*scope/w, v"):
                tf.train.Saver([v, new]).restore(session, path)
            with pytest.raises(tf.errors.InvalidArgumentError, match=r"scope/w has shape \(3, 3\).*\(2, 3\)"):
                tf.train.Saver([v, w]).restore(session, path)
            np.testing.assert_array_equal(session.run(v), [0.0, 0.0])


def test_wrong_calls(tmp_path):
    with pytest.raises(ArgumentError, match="No variables to save"):
        tf.train.Saver()
    variables()
    saver = tf.train.Saver()
    with tf.Session() as session:
        with pytest.raises(tf.errors.FailedPreconditionError, match="uninitialized value v"):
            saver.save(session, str(tmp_path / "m"))
        with pytest.raises(ArgumentError, match="not a valid checkpoint"):
            saver.restore(session, str(tmp_path / "nothing"))
        with pytest.raises(ArgumentError, match="None"):
            saver.restore(session, None)
        (tmp_path / "theirs.index").write_bytes(b"")
        with pytest.raises(ArgumentError, match="TensorFlow's own format"):
            saver.restore(session, str(tmp_path / "theirs"))
    with pytest.raises(NotSupportedError, match="Build the graph with the same code"):
        tf.train.import_meta_graph("m.meta")
    assert [path.name for path in tmp_path.iterdir()] == ["theirs.index"]


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    v, _ = variables()
    saver = tf.train.Saver()
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        path = saver.save(session, str(tmp_path / "m"))
        session.run(v.assign([9.0, 9.0]))
        monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
        with pytest.raises(OSError, match="disk full"):
            saver.save(session, path)
        monkeypatch.undo()
        saver.restore(session, path)
        np.testing.assert_array_equal(session.run(v), [1.0, 2.0])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["checkpoint", "m.npz"]
