"""The data set cifar10: 32 by 32 colour images of ten kinds of things."""

from __future__ import annotations

from typing import Any

from epochal.keras.datasets.files import Pair, images


def load_data(path: Any = "cifar10.npz") -> tuple[Pair, Pair]:
    """``(x_train, y_train), (x_test, y_test)`` from an .npz file with arrays of these names.

    Raises:
        FileNotFoundError: The file is neither at `path` nor in ~/.keras/datasets.
    """
    return images("cifar10", path)
