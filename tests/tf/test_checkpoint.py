"""`tf.train.Checkpoint` in eager execution."""

import numpy as np
import pytest

from epochal import tf
from epochal.errors import ArgumentError, FileFormatError


def made():
    model = tf.keras.Sequential([tf.keras.layers.Dense(3), tf.keras.layers.Dense(1)])
    model(tf.ones([1, 4]))
    optimizer = tf.keras.optimizers.Adam(0.1)
    optimizer.build(model.trainable_variables)
    return model, optimizer


def trained(model, optimizer):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(model(tf.ones([2, 4])) - 1.0))
    slopes = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(slopes, model.trainable_variables, strict=True))


def test_model_and_optimizer_come_back(tmp_path):
    model, optimizer = made()
    step = tf.Variable(7)
    trained(model, optimizer)
    saved = tf.train.Checkpoint(model=model, optimizer=optimizer, step=step)
    path = saved.save(str(tmp_path / "ckpt"))
    assert path == tf.train.latest_checkpoint(str(tmp_path)) == str(tmp_path / "ckpt-1")
    other_model, other_optimizer = made()
    other = tf.train.Checkpoint(model=other_model, optimizer=other_optimizer, step=tf.Variable(0))
    other.restore(path).assert_consumed()
    assert int(other.step.numpy()) == 7
    for pair in ((model, optimizer), (other_model, other_optimizer)):
        trained(*pair)
    for one, two in zip(model.get_weights(), other_model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_manager_keeps_the_latest(tmp_path):
    v = tf.Variable(0.0)
    manager = tf.train.CheckpointManager(tf.train.Checkpoint(v=v), tmp_path, max_to_keep=2)
    assert manager.restore_or_initialize() is None
    for value in (1.0, 2.0, 3.0):
        v.assign(value)
        manager.save()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint", "ckpt-2.npz", "ckpt-3.npz"]
    v.assign(0.0)
    assert manager.restore_or_initialize() == str(tmp_path / "ckpt-3")
    assert v.numpy() == 3.0


def test_what_does_not_fit(tmp_path):
    v = tf.Variable([1.0, 2.0])
    checkpoint = tf.train.Checkpoint(v=v)
    path = checkpoint.write(tmp_path / "m")
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"v/0 has shape \(3,\).*\(2,\)"):
        tf.train.Checkpoint(v=tf.Variable(tf.zeros([3]))).restore(path)
    with pytest.raises(tf.errors.NotFoundError, match="w/0 not found"):
        tf.train.Checkpoint(w=v).restore(path)
    with pytest.raises(ArgumentError, match="not a valid checkpoint"):
        checkpoint.restore(tmp_path / "nothing")
    with pytest.raises(ArgumentError, match="holds variables, models"):
        tf.train.Checkpoint(x=3).write(path)
    (tmp_path / "m.npz").write_bytes(b"PK")
    with pytest.raises(FileFormatError, match="damaged"):
        checkpoint.restore(path)
