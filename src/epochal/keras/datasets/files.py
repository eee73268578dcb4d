"""Where data sets lie, and what the files hold."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from epochal.errors import ArgumentError, FileFormatError

Pair = tuple[Any, Any]
PARTS = ("x_train", "y_train", "x_test", "y_test")


def read(name: str, path: Any, keys: tuple[str, ...], words: bool = False) -> Mapping[str, Any]:
    """The arrays of an .npz file: at `path`, or under that name in ~/.keras/datasets.

    Args:
        name: The data set, for messages.
        path: Where it is.
        keys: Arrays it must hold.
        words: Whether they hold lists of numbers, as pickled objects.

    Raises:
        FileNotFoundError: It is in neither place. Nothing is downloaded.
        FileFormatError: An array is missing.
    """
    places = [Path(path).expanduser(), Path.home() / ".keras" / "datasets" / Path(path).name]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise FileNotFoundError(
            f"keras.datasets.{name} is not on this machine, and Epochal downloads nothing. Save it as an .npz file "
            f"with the arrays {', '.join(keys)}, and pass load_data(path='...'), or put it where Keras keeps it: "
            f"{places[1]}. Looked at: {', '.join(str(place) for place in places)}. For a first try, "
            "epochal.data.digits is built in."
        )
    with np.load(found, allow_pickle=words) as file:
        missing = [key for key in keys if key not in file]
        if missing:
            raise FileFormatError(f"{found} holds {sorted(file)}. Expected also: {missing}")
        return {key: file[key] for key in keys}


def images(name: str, path: Any) -> tuple[Pair, Pair]:
    """Training and test pairs of images and labels."""
    arrays = read(name, path, PARTS)
    return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])


def housing(name: str, path: Any, test_split: float, seed: int) -> tuple[Pair, Pair]:
    """Rows in random order, the last part of them for tests."""
    if not 0 <= test_split < 1:
        raise ArgumentError(f"`test_split` must be in [0, 1). Received: {test_split}")
    arrays = read(name, path, ("x", "y"))
    order = np.arange(len(arrays["x"]))
    np.random.RandomState(seed).shuffle(order)
    x, y = arrays["x"][order], arrays["y"][order]
    cut = int(len(x) * (1 - test_split))
    return (x[:cut], y[:cut]), (x[cut:], y[cut:])


def sentences(
    xs: Any,
    num_words: int | None,
    skip_top: int,
    start_char: int | None,
    oov_char: int | None,
    index_from: int,
) -> list[list[int]]:
    """Word numbers moved up by `index_from`, with a start, and with rare and frequent words replaced."""
    start = [] if start_char is None else [start_char]
    moved = [[*start, *(int(word) + (index_from or 0) for word in x)] for x in xs]
    limit = num_words or max((max(x, default=0) for x in moved), default=0) + 1
    if oov_char is None:
        return [[word for word in x if skip_top <= word < limit] for x in moved]
    return [[word if skip_top <= word < limit else oov_char for word in x] for x in moved]


def as_objects(lists: list[list[int]]) -> Any:
    """An array of lists of different lengths."""
    result = np.empty(len(lists), object)
    result[:] = lists
    return result
