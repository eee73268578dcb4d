"""The data set reuters: news as word numbers, and which of 46 topics they are about."""

from __future__ import annotations

from typing import Any

import numpy as np

from epochal.keras.datasets.files import Pair, as_objects, read, sentences


def load_data(
    path: Any = "reuters.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    test_split: float = 0.2,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
) -> tuple[Pair, Pair]:
    """``(x_train, y_train), (x_test, y_test)`` from an .npz file with arrays x and y.

    Args:
        path: The file.
        num_words: See `epochal.keras.datasets.imdb.load_data`, as for the others.
        skip_top: Likewise.
        maxlen: Likewise.
        test_split: The part of the news for tests.
        seed: Likewise.
        start_char: Likewise.
        oov_char: Likewise.
        index_from: Likewise.

    Raises:
        FileNotFoundError: The file is neither at `path` nor in ~/.keras/datasets.
    """
    arrays = read("reuters", path, ("x", "y"), words=True)
    order = np.arange(len(arrays["x"]))
    np.random.RandomState(seed).shuffle(order)
    news = sentences(arrays["x"][order], num_words, skip_top, start_char, oov_char, index_from)
    kept = [index for index, one in enumerate(news) if maxlen is None or len(one) < maxlen]
    x, y = as_objects([news[index] for index in kept]), arrays["y"][order][kept]
    cut = int(len(x) * (1 - test_split))
    return (x[:cut], y[:cut]), (x[cut:], y[cut:])
