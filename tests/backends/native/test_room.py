"""Memory that cannot be had: what the refusal says, and that everything can be used afterwards."""

import resource
import subprocess
import sys

import numpy as np
import pytest

from epochal import config, keras, tf
from epochal.backends.native import room
from epochal.errors import AllocationError


@tf.function
def wide(x):
    return tf.reduce_sum(tf.matmul(x[:, None], x[None, :]) @ tf.ones((x.shape[0], 1)))


def test_a_refusal_says_how_much_and_what_for():
    many = tf.constant(np.zeros(10**7, np.float32))
    for _ in range(2):
        with pytest.raises(AllocationError, match=r"needs 4\d{14} bytes \(363.8 TiB\).*dot_general.*10000000,10000000"):
            wide(many)
    assert float(wide(tf.constant(np.ones(10, np.float32)))) == 100.0
    assert issubclass(AllocationError, MemoryError)


def test_more_than_the_machine_has_is_refused(monkeypatch):
    monkeypatch.setattr(config, "memory_bytes", lambda: room.TOLD_FROM)
    x = np.ones(9000, np.float32)
    with pytest.raises(AllocationError, match="there are 256 MiB"):
        wide(tf.constant(x))
    monkeypatch.undo()
    assert config.memory_bytes() > room.TOLD_FROM


def test_weights_that_do_not_fit_leave_the_model_as_it_was():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="small")])
    weights = model.get_weights()
    said = r"Layer 'huge'.*'kernel' of shape \(3, 1000000000000000\).*12\d{15} bytes"
    with pytest.raises(AllocationError, match=said):
        model.add(keras.layers.Dense(10**15, name="huge"))
    assert [layer.name for layer in model.layers] == ["small"]
    model.add(keras.layers.Dense(2))
    np.testing.assert_array_equal(model.get_weights()[0], weights[0])
    assert model.predict(np.zeros((1, 4), np.float32), verbose=0).shape == (1, 2)


def test_an_operation_says_what_did_not_fit():
    column = tf.constant(np.zeros((10**7, 1), np.float32))
    with pytest.raises(AllocationError, match=r"mul of float32\[10000000, 1\], float32\[1, 10000000\]"):
        column * tf.constant(np.zeros((1, 10**7), np.float32))


LIMITED = """
import resource
import numpy as np
from epochal import keras
keras.utils.set_random_seed(0)
inputs = keras.Input((64,))
x = keras.layers.Dense(4096, activation="relu", name="wide")(inputs)
model = keras.Model(inputs, keras.layers.Dense(1)(x))
model.compile("sgd", "mse")
data = np.ones((65536, 64), np.float32)
model.fit(data[:64], data[:64, :1], batch_size=64, verbose=0)
model.predict(data[:64], verbose=0)
before = model.get_weights()
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (200 << 20), resource.RLIM_INFINITY))
for _ in range(2):
    try:
        model.fit(data, data[:, :1], batch_size=65536, verbose=0)
    except MemoryError as error:
        assert "bytes" in str(error) and "wide" in str(error), error
    else:
        raise SystemExit("it was given the memory")
for old, new in zip(before, model.get_weights()):
    np.testing.assert_array_equal(old, new)
model.fit(data[:64], data[:64, :1], batch_size=64, verbose=0)
print(model.predict(data[:64], verbose=0).shape)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc and limits on memory")
def test_a_limit_on_memory_is_met_before_anything_changes():
    assert resource.getrlimit(resource.RLIMIT_AS)[1] == resource.RLIM_INFINITY
    done = subprocess.run([sys.executable, "-c", LIMITED], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "(64, 1)"
