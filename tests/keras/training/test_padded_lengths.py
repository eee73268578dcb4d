"""Batches of many lengths share programs, which give what exact ones give."""

import numpy as np
import pytest

from epochal import keras
from epochal.keras.trainer import programs
from epochal.tensor.lengths import Lengths

layers = keras.layers


@pytest.fixture
def compiled(monkeypatch):
    """Which kinds of programs single batches were compiled for."""
    made = []
    batch, padded = programs.compile_batch, programs.compile_padded

    def compile_batch(*given):
        made.append("exact")
        return batch(*given)

    def compile_padded(*given):
        step = padded(*given)
        made.append("padded")
        return step

    monkeypatch.setattr(programs, "compile_batch", compile_batch)
    monkeypatch.setattr(programs, "compile_padded", compile_padded)
    return made


def sequences(*middle, targets=2):
    return lambda: keras.Sequential([keras.Input((None, 5)), *(make() for make in middle), layers.Dense(targets)])


def tokens(*middle):
    def make():
        embedding = layers.Embedding(7, 6, mask_zero=True)
        return keras.Sequential(
            [keras.Input((None,), dtype="int32"), embedding, *(m() for m in middle), layers.Dense(2)]
        )

    return make


def attending(causal, masked):
    def make():
        if masked:
            given = keras.Input((None,), dtype="int32")
            x = layers.Embedding(7, 6, mask_zero=True)(given)
        else:
            given = keras.Input((None, 5))
            x = layers.Dense(6)(given)
        y = layers.MultiHeadAttention(2, 3)(x, x, use_causal_mask=causal)
        y = layers.LayerNormalization()(x + y)
        return keras.Model(given, layers.Dense(2)(layers.GlobalAveragePooling1D()(y)))

    return make


def transformer():
    given = keras.Input((None,), dtype="int32")
    x = layers.Embedding(50, 64)(given)
    x = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 16)(x, x, use_causal_mask=True))
    x = layers.LayerNormalization()(x + layers.Dense(64)(layers.Dense(96, activation="gelu")(x)))
    return keras.Model(given, layers.Dense(2)(layers.GlobalAveragePooling1D()(x)))


MODELS = {
    "transformer": (transformer, True),
    "lstm": (sequences(lambda: layers.LSTM(4)), False),
    "gru": (sequences(lambda: layers.GRU(4, return_sequences=True), layers.GlobalMaxPooling1D), False),
    "rnn": (sequences(lambda: layers.SimpleRNN(4, go_backwards=True)), False),
    "bidirectional": (sequences(lambda: layers.Bidirectional(layers.LSTM(3))), False),
    "masked lstm": (tokens(lambda: layers.LSTM(4)), True),
    "masked bidirectional": (tokens(lambda: layers.Bidirectional(layers.GRU(3))), True),
    "conv": (
        sequences(lambda: layers.Conv1D(4, 3, padding="same", activation="relu"), layers.GlobalAveragePooling1D), False
    ),
    "valid conv": (
        sequences(lambda: layers.Conv1D(4, 2, activation="relu"), layers.GlobalMaxPooling1D), False
    ),
    "causal conv": (
        sequences(lambda: layers.Conv1D(4, 3, padding="causal", dilation_rate=2), layers.GlobalAveragePooling1D), False
    ),
    "embedding": (tokens(layers.GlobalAveragePooling1D), True),
    "attention": (attending(False, False), False),
    "causal attention": (attending(True, False), False),
    "masked attention": (attending(False, True), True),
    "batch normalization": (sequences(layers.BatchNormalization, layers.GlobalAveragePooling1D), False),
}  # fmt: skip


def batch_of(rng, rows, length, integers):
    x = rng.integers(1, 7, (rows, length)).astype(np.int32)
    if integers:
        x[0, length // 2 :] = 0
        return x
    return rng.normal(size=(rows, length, 5)).astype(np.float32)


def pair(make):
    """Two models of equal weights."""
    keras.utils.set_random_seed(3)
    one, other = make(), make()
    other.set_weights(one.get_weights())
    for model in (one, other):
        model.compile(keras.optimizers.SGD(0.05, momentum=0.9), "mse", metrics=["mae"])
    return one, other


def exactly(monkeypatch):
    monkeypatch.setattr(Lengths, "program", lambda *given: None)


@pytest.mark.parametrize("varying", ["time", "rows"])
@pytest.mark.parametrize("name", MODELS)
def test_padded_training_is_exact_training(name, varying, compiled, monkeypatch):
    make, integers = MODELS[name]
    rng = np.random.default_rng(0)
    sizes = (5, 6, 7, 23)
    shapes = [(4, size) if varying == "time" else (size, 9) for size in sizes]
    batches = [(batch_of(rng, *shape, integers), rng.normal(size=(shape[0], 2)).astype(np.float32)) for shape in shapes]
    padded, exact = pair(make)
    logs = [padded.train_on_batch(*batch, return_dict=True) for batch in batches]
    predicted = [padded.predict_on_batch(x) for x, _ in batches]
    assert compiled == ["exact", "exact", "padded"] * 2
    exactly(monkeypatch)
    wanted = [exact.train_on_batch(*batch, return_dict=True) for batch in batches]
    for one, other in zip(logs, wanted, strict=True):
        assert one == pytest.approx(other, rel=1e-5)
    for one, other in zip(padded.get_weights(), exact.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=1e-6)
    for one, (x, _) in zip(predicted, batches, strict=True):
        np.testing.assert_allclose(one, exact.predict_on_batch(x), rtol=2e-5, atol=2e-6)


def ones(lengths):
    rng = np.random.default_rng(1)
    for length in lengths:
        yield rng.normal(size=(4, length, 5)).astype(np.float32), np.ones((4, 2), np.float32)


@pytest.mark.parametrize("order", ["growing", "shuffled"])
def test_fifty_lengths_compile_four_programs(order, compiled):
    lengths = np.arange(10, 60)
    if order == "shuffled":
        np.random.default_rng(0).shuffle(lengths)
    model, _ = pair(sequences(layers.GlobalAveragePooling1D))
    model.fit(ones(lengths), verbose=0)
    model.fit(ones(lengths), verbose=0)
    assert len(compiled) <= 4
    compiled.clear()
    model.evaluate(ones(lengths), verbose=0)
    assert len(compiled) <= 4


def test_fifty_counts_of_rows_compile_four_programs(compiled):
    model, other = pair(sequences(layers.GlobalAveragePooling1D))
    x = np.random.default_rng(0).normal(size=(50, 7, 5)).astype(np.float32)
    whole = other.predict(x, batch_size=50, verbose=0)
    compiled.clear()
    for rows in range(1, 51):
        found = model.predict(x[:rows], verbose=0)
        assert found.flags.c_contiguous
        np.testing.assert_allclose(found, whole[:rows], rtol=1e-5, atol=1e-6)
    assert len(compiled) <= 4
    assert compiled.count("padded") == 1


def test_one_shape_after_another_is_exact_until_the_third(compiled):
    model, _ = pair(sequences(layers.GlobalAveragePooling1D))
    model.fit(ones([9, 9, 12, 9, 12]), verbose=0)
    assert compiled == ["exact", "exact"]


def refusing(layer):
    def make():
        return keras.Sequential([keras.Input((None, 5)), layer(), layers.GlobalAveragePooling1D(), layers.Dense(2)])

    return make


class Middle(layers.Layer):
    """Its result depends on the length in a way that no mask repairs."""

    def call(self, x):
        middle = 0 if x.shape[1] is None else x.shape[1] // 2
        return x + x[:, middle : middle + 1]


class Branching(layers.Layer):
    """Python that does something else for long inputs."""

    def call(self, x):
        return x * 2.0 if x.shape[1] is not None and x.shape[1] < 20 else x


@pytest.mark.parametrize("layer", [lambda: layers.Dropout(0.5), Middle, Branching, lambda: layers.MaxPooling1D(2)])
def test_what_is_not_exact_is_compiled_exactly(layer, compiled, monkeypatch):
    padded, exact = pair(refusing(layer))
    lengths = (8, 12, 14, 30)
    logs = [padded.train_on_batch(*batch, return_dict=True)["loss"] for batch in ones(lengths)]
    assert compiled == ["exact"] * 4
    exactly(monkeypatch)
    if layer().name.startswith("dropout"):
        return
    assert logs == [exact.train_on_batch(*batch, return_dict=True)["loss"] for batch in ones(lengths)]


def test_nan_does_not_leak_out_of_the_padding(compiled):
    """Zeros beyond the length become NaN on the way, and stay there."""
    model, _ = pair(sequences(lambda: layers.Lambda(lambda x: x / x), layers.GlobalAveragePooling1D))
    for x, y in ones((5, 6, 7, 8)):
        assert np.all(np.isfinite(model.train_on_batch(x, y)))
    assert compiled == ["exact", "exact", "padded"]
    assert all(np.all(np.isfinite(weight)) for weight in model.get_weights())
