"""The data set boston_housing: prices of houses by 13 numbers about the place."""

from __future__ import annotations

from typing import Any

from epochal.keras.datasets.files import Pair, housing


def load_data(path: Any = "boston_housing.npz", test_split: float = 0.2, seed: int = 113) -> tuple[Pair, Pair]:
    """``(x_train, y_train), (x_test, y_test)`` from an .npz file with arrays x and y.

    Args:
        path: The file.
        test_split: The part of the rows for tests.
        seed: Integer that fixes their order.

    Raises:
        FileNotFoundError: The file is neither at `path` nor in ~/.keras/datasets.
    """
    return housing("boston_housing", path, test_split, seed)
