"""The data set california_housing: prices of houses by 8 numbers about the place."""

from __future__ import annotations

from typing import Any

from epochal.errors import ArgumentError
from epochal.keras.datasets.files import Pair, housing


def load_data(
    version: str = "large", path: Any = "california_housing.npz", test_split: float = 0.2, seed: int = 113
) -> tuple[Pair, Pair]:
    """``(x_train, y_train), (x_test, y_test)`` from an .npz file with arrays x and y.

    Args:
        version: ``"large"``: all rows; ``"small"``: 600 of them.
        path: The file.
        test_split: The part of the rows for tests.
        seed: Integer that fixes their order.

    Raises:
        FileNotFoundError: The file is neither at `path` nor in ~/.keras/datasets.
    """
    if version not in ("large", "small"):
        raise ArgumentError(f"`version` must be 'large' or 'small'. Received: version={version!r}")
    train, test = housing("california_housing", path, test_split, seed)
    if version == "large":
        return train, test
    cut = int(600 * (1 - test_split))
    return (train[0][:cut], train[1][:cut]), (test[0][: 600 - cut], test[1][: 600 - cut])
