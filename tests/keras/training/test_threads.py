"""Eight Python threads at once, and processes forked after use: the bits that one alone computes."""

import multiprocessing
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from epochal import keras, tf

THREADS = 8
X = np.random.default_rng(0).normal(size=(64, 12)).astype("float32")
Y = np.argmax(X[:, :3], axis=1).astype("int32")


def make(index):
    """A model of its own kind for each index."""
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((12,)),
            layers.Dense(8 + index, activation="tanh"),
            layers.Dropout(0.25, seed=index),
            layers.BatchNormalization(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    draw = np.random.default_rng(index)
    model.set_weights([np.abs(draw.normal(size=weight.shape)).astype("float32") for weight in model.get_weights()])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def train(model):
    model.fit(X, Y, batch_size=16, epochs=3, verbose=0, shuffle=False)
    return [*model.get_weights(), model.predict(X, verbose=0), *model.evaluate(X, Y, verbose=0)]


def together(work):
    """The results of `work(index)`, begun by all threads at once."""
    barrier = threading.Barrier(THREADS)

    def run(index):
        barrier.wait()
        return work(index)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(run, range(THREADS)))


def assert_same(found, expected):
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_models_of_different_kinds_compile_and_train_at_once(monkeypatch, tmp_path):
    monkeypatch.setenv("EPOCHAL_CACHE", str(tmp_path))
    models = [make(index) for index in range(THREADS)]
    found = together(lambda index: train(models[index]))
    for index, results in enumerate(found):
        assert_same(results, train(make(index)))


def test_models_of_one_kind_made_and_trained_at_once():
    found = together(lambda index: train(make(1)))
    expected = train(make(1))
    for results in found:
        assert_same(results, expected)


def test_one_model_predicts_for_all():
    model = make(2)
    batches = [X[index : index + 1 + 7 * (index % 2)] for index in range(THREADS)]  # a third size would be padded

    def predict(index):
        return [model.predict(batches[index], verbose=0) for _ in range(20)]

    found = together(predict)
    for index, results in enumerate(found):
        expected = make(2).predict(batches[index], verbose=0)
        for result in results:
            np.testing.assert_array_equal(result, expected)


def test_one_function_is_traced_once_for_all():
    traces = []

    @tf.function
    def product(x):
        traces.append(x.shape)
        return tf.reduce_sum(tf.matmul(x, x, transpose_b=True), axis=1)

    x = tf.constant(X)
    found = together(lambda index: [product(x).numpy() for _ in range(10)])
    assert len(traces) == 1
    expected = product(x).numpy()
    for results in found:
        for result in results:
            np.testing.assert_array_equal(result, expected)


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
# Python 3.12 warns of any fork of a process that has threads; ours are parked in machine code and not missed.
forks = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


@needs_fork
@forks
def test_a_forked_child_trains_and_so_does_its_parent():
    model = make(3)
    big = np.repeat(X, 32, axis=0)
    model.predict(big, batch_size=len(big), verbose=0, num_threads=2)  # workers are running
    start = model.get_weights()
    expected = make(3)
    expected.predict(big, batch_size=len(big), verbose=0, num_threads=2)
    results = train(expected)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            assert_same(train(model), results)
            assert_same(train(make(9)), train(make(9)))  # compiles
            wide = model.predict(big, batch_size=len(big), verbose=0, num_threads=2)
            np.testing.assert_allclose(wide[::32], model.predict(X, verbose=0), rtol=1e-5)
            status = 0
        finally:
            os.write(writer, bytes([status]))
            os._exit(status)
    assert_same(model.get_weights(), start)
    found = train(model)
    os.close(writer)
    assert os.read(reader, 1) == b"\0"
    os.close(reader)
    assert os.waitpid(child, 0)[1] == 0
    assert_same(found, results)


def _train_in_child(index):
    return train(make(index))


@needs_fork
@forks
def test_forked_workers_of_multiprocessing():
    expected = [train(make(index)) for index in (1, 4)]
    with multiprocessing.get_context("fork").Pool(2) as pool:
        found = pool.map(_train_in_child, (1, 4))
    for ours, theirs in zip(found, expected, strict=True):
        assert_same(ours, theirs)


@needs_fork
@forks
def test_a_fork_while_others_compile(monkeypatch):
    monkeypatch.setenv("EPOCHAL_CACHE", "0")
    done = threading.Event()

    def compile_on():
        index = 20
        while not done.is_set():
            make(index).predict(X, verbose=0)
            index += 1

    others = [threading.Thread(target=compile_on) for _ in range(3)]
    for other in others:
        other.start()
    try:
        for index in range(4):
            child = os.fork()
            if child == 0:
                status = 1
                try:
                    make(100 + index).predict(X, verbose=0)
                    status = 0
                finally:
                    os._exit(status)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        done.set()
        for other in others:
            other.join()
