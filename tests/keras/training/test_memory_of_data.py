"""Data sets stay where they are: training needs a few batches of memory more, whatever the arrays are."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from epochal import keras
from epochal.keras import layers

ROWS, COLUMNS, BATCH = 12_000, 256, 64
BATCH_BYTES = BATCH * COLUMNS * 4
INDEX_BYTES = 40 * ROWS  # an order of rows as it is drawn: random words, their order, row numbers
X = np.random.default_rng(0).random((ROWS, COLUMNS), np.float32)
Y = (X[:, 0] > 0.5).astype(np.float32)[:, None]


def build(rescaled: bool = False) -> keras.Model:
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input((COLUMNS,))])
    if rescaled:
        model.add(layers.Rescaling(1 / 255))
    model.add(layers.Dense(1, activation="sigmoid"))
    model.compile("sgd", "binary_crossentropy")
    return model


def extra(run) -> int:
    """Bytes that `run` allocates at most, beyond what there was."""
    run()  # programs are compiled now
    tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        run()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def memory_map(folder) -> np.ndarray:
    path = folder / "x.npy"
    np.save(path, X)
    return np.load(path, mmap_mode="r")


KINDS = {
    "float32": lambda folder: X,
    "memory map": memory_map,
    "bytes": lambda folder: (X * 255).astype(np.uint8),
    "float64": lambda folder: X.astype(np.float64),
    "transposed": lambda folder: np.asfortranarray(X),
    "every other row": lambda folder: np.repeat(X, 2, axis=0)[::2],
    "other byte order": lambda folder: X.astype(">f4"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_fit_copies_no_data_set(kind, tmp_path):
    x = KINDS[kind](tmp_path)
    model = build(rescaled=kind == "bytes")
    used = extra(lambda: model.fit(x, Y, batch_size=BATCH, epochs=2, verbose=0))
    # A float64 batch is twice as large; it is converted row by row or batch by batch.
    assert used < 2 * BATCH_BYTES * (x.itemsize // 4 or 1) + INDEX_BYTES + 200_000
    assert used < x.nbytes / 3


@pytest.mark.parametrize("kind", ["memory map", "float64", "transposed", "every other row", "other byte order"])
def test_whatever_the_array_is_training_is_the_same(kind, tmp_path):
    losses = []
    for x in (X, KINDS[kind](tmp_path)):
        model = build()
        history = model.fit(x, Y, batch_size=BATCH, epochs=2, validation_split=0.1, verbose=0)
        evaluated = model.evaluate(x, Y, batch_size=BATCH, verbose=0)
        predicted = model.predict(x, batch_size=1000, verbose=0)
        losses.append([*history.history["loss"], *history.history["val_loss"], evaluated, float(predicted.sum())])
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-6)


def test_splitting_off_validation_data_copies_nothing():
    model = build()
    used = extra(lambda: model.fit(X, Y, batch_size=BATCH, validation_split=0.4, verbose=0))
    assert used < 2 * BATCH_BYTES + 2 * INDEX_BYTES + 200_000


def test_other_numbers_of_rows_use_the_same_program_without_a_copy():
    model = build()
    model.fit(X, Y, batch_size=BATCH, verbose=0)
    model.fit(X[:9000], Y[:9000], batch_size=BATCH, verbose=0)
    programs = len(model._programs._steps)
    used = extra(lambda: model.fit(X[:8999], Y[:8999], batch_size=BATCH, verbose=0))
    assert used < 2 * BATCH_BYTES + 3 * INDEX_BYTES + 200_000
    assert len(model._programs._steps) <= programs + 1  # a last batch of another size
    plain, again = build(), build()
    first = plain.fit(X[:100], Y[:100], batch_size=10, shuffle=False, verbose=0).history["loss"]
    again.fit(X[:64], Y[:64], batch_size=10, epochs=0, verbose=0)
    again.fit(X[:80], Y[:80], batch_size=10, epochs=0, verbose=0)
    assert again.fit(X[:100], Y[:100], batch_size=10, shuffle=False, verbose=0).history["loss"] == first


def test_predictions_of_arrays_in_any_order_copy_a_batch_at_a_time():
    model = build()
    x = np.asfortranarray(X)
    used = extra(lambda: model.predict(x, batch_size=BATCH, verbose=0))
    assert used < 2 * BATCH_BYTES + 8 * ROWS + 200_000
