"""The handwritten digits that ship with Epochal: a part of MNIST (see `files/README.md` for its source and licence)."""

from __future__ import annotations

from importlib import resources

import numpy as np
from numpy.typing import NDArray

Split = tuple[NDArray[np.uint8], NDArray[np.uint8]]


def load() -> tuple[Split, Split]:
    """``(x_train, y_train), (x_test, y_test)``: 8,000 and 2,000 images of shape (28, 28), uint8, with their digits."""
    with resources.files("epochal.data").joinpath("files/digits.npz").open("rb") as file:
        arrays = np.load(file, allow_pickle=False)
        return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])
