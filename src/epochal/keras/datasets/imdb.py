"""The data set imdb: reviews of films as word numbers, and whether they are good."""

from __future__ import annotations

from typing import Any

import numpy as np

from epochal.keras.datasets.files import PARTS, Pair, as_objects, read, sentences


def load_data(
    path: Any = "imdb.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
) -> tuple[Pair, Pair]:
    """``(x_train, y_train), (x_test, y_test)``, x arrays of lists of word numbers, the most frequent words first.

    Args:
        path: An .npz file with arrays of these names.
        num_words: Numbers from this one on count as rare.
        skip_top: So many of the most frequent words count as rare, too.
        maxlen: Longer reviews are left out.
        seed: Integer that fixes the order.
        start_char: Number put before each review.
        oov_char: Number in the place of rare words; ``None``: they are left out.
        index_from: Added to all word numbers.

    Raises:
        FileNotFoundError: The file is neither at `path` nor in ~/.keras/datasets.
    """
    arrays = read("imdb", path, PARTS, words=True)
    random = np.random.RandomState(seed)
    parts = []
    for x, y in (("x_train", "y_train"), ("x_test", "y_test")):
        order = np.arange(len(arrays[x]))
        random.shuffle(order)
        parts.append((arrays[x][order], arrays[y][order]))
    # The greatest number is that of both parts together.
    together = sentences(
        [review for x, _ in parts for review in x], num_words, skip_top, start_char, oov_char, index_from
    )
    cut = len(parts[0][0])
    results = []
    for x, (_, y) in zip((together[:cut], together[cut:]), parts, strict=True):
        kept = [index for index, review in enumerate(x) if maxlen is None or len(review) < maxlen]
        results.append((as_objects([x[index] for index in kept]), y[kept]))
    return results[0], results[1]
