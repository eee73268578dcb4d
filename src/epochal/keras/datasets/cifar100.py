"""The data set cifar100: 32 by 32 colour images of a hundred kinds of things."""

from __future__ import annotations

from typing import Any

from epochal.errors import ArgumentError
from epochal.keras.datasets.files import Pair, images


def load_data(label_mode: str = "fine", path: Any = None) -> tuple[Pair, Pair]:
    """``(x_train, y_train), (x_test, y_test)`` from an .npz file with arrays of these names.

    Args:
        label_mode: ``"fine"`` or ``"coarse"``; without a path, the name of the file: cifar100_fine.npz.
        path: The file.

    Raises:
        FileNotFoundError: The file is neither at `path` nor in ~/.keras/datasets.
    """
    if label_mode not in ("fine", "coarse"):
        raise ArgumentError(f"`label_mode` must be 'fine' or 'coarse'. Received: label_mode={label_mode!r}")
    return images("cifar100", f"cifar100_{label_mode}.npz" if path is None else path)
