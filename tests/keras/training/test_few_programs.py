"""How many programs data of several sizes compile."""

import numpy as np
import pytest

from epochal import keras
from epochal.keras.trainer import programs


@pytest.fixture
def compiled(monkeypatch):
    """Sizes of the batches that programs were compiled for."""
    sizes = []
    rows, batch = programs.compile_rows, programs.compile_batch

    def compile_rows(function, specs, counter, size, *rest):
        sizes.append(size)
        return rows(function, specs, counter, size, *rest)

    def compile_batch(function, specs, *rest):
        sizes.append(specs[0].shape[0])
        return batch(function, specs, *rest)

    monkeypatch.setattr(programs, "compile_rows", compile_rows)
    monkeypatch.setattr(programs, "compile_batch", compile_batch)
    return sizes


def model():
    made = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="relu"), keras.layers.Dense(1)])
    made.compile("sgd", "mse")
    return made


def test_an_epoch_with_a_partial_last_batch_compiles_two(compiled):
    x = np.zeros((70, 4), np.float32)
    one = model()
    one.fit(x, x[:, :1], batch_size=32, epochs=3, verbose=0)
    assert compiled == [32, 6]
    one.fit(x, x[:, :1], batch_size=32, verbose=0)
    assert compiled == [32, 6]


def test_batches_of_a_generator_compile_one_a_size(compiled):
    x = np.zeros((70, 4), np.float32)
    one = model()
    for _ in range(2):
        one.fit(((x[i : i + 32], x[i : i + 32, :1]) for i in (0, 32, 64)), verbose=0)
    assert compiled == [32, 6]


def test_data_sets_of_many_sizes_share_their_programs(compiled):
    one = model()
    for rows in range(1000, 2000, 20):
        x = np.zeros((rows, 4), np.float32)
        one.fit(x, x[:, :1], batch_size=20, verbose=0)
    assert len(compiled) <= 3  # as many rows as the first had, then up to two capacities
