"""The data set fashion_mnist: 28 by 28 images of clothes."""

from __future__ import annotations

from typing import Any

from epochal.keras.datasets.files import Pair, images


def load_data(path: Any = "fashion_mnist.npz") -> tuple[Pair, Pair]:
    """``(x_train, y_train), (x_test, y_test)`` from an .npz file with arrays of these names.

    Raises:
        FileNotFoundError: The file is neither at `path` nor in ~/.keras/datasets.
    """
    return images("fashion_mnist", path)
