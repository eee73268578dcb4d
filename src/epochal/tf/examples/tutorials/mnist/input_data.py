"""`input_data.read_data_sets`: the digits that most TensorFlow 1 tutorials start from.

Nothing is downloaded: these are the digits that come with Epochal, 7,500 for training, 500 for validation and 2,000 for
tests (MNIST has 55,000, 5,000 and 10,000), so a program learns the same and reaches a little less.
"""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np

from epochal import dtypes
from epochal.data import digits
from epochal.errors import ArgumentError
from epochal.ir import Array

Datasets = namedtuple("Datasets", ("train", "validation", "test"))
Datasets.__doc__ = "Three parts of a data set."


class DataSet:
    """Images with labels, handed out in batches.

    Attributes:
        images: Shape [n, 784] between 0 and 1, or as `read_data_sets` was told.
        labels: Integers, or one-hot rows.
        num_examples: How many.
        epochs_completed: How often all were handed out.
    """

    def __init__(self, images: Array, labels: Array, seed: int | None = None) -> None:
        self.images = images
        self.labels = labels
        self.num_examples = len(images)
        self.epochs_completed = 0
        self._random = np.random.RandomState(seed)
        self._order: Array | None = None
        self._next = 0

    def next_batch(self, batch_size: int, fake_data: bool = False, shuffle: bool = True) -> tuple[Array, Array]:
        """The next `batch_size` images and labels; after the last one it starts again, in another order."""
        if not 0 < batch_size <= self.num_examples:
            raise ArgumentError(f"batch_size must lie in [1, {self.num_examples}]. Received: {batch_size}")
        if self._order is None:
            self._order = self._new_order(shuffle)
        chosen = self._order[self._next : self._next + batch_size]
        self._next += batch_size
        if self._next > self.num_examples:
            self.epochs_completed += 1
            self._order = self._new_order(shuffle)
            self._next = batch_size - len(chosen)
            chosen = np.concatenate([chosen, self._order[: self._next]])
        return self.images[chosen], self.labels[chosen]

    def _new_order(self, shuffle: bool) -> Array:
        numbers = np.arange(self.num_examples)
        if shuffle:
            self._random.shuffle(numbers)
        return numbers


def read_data_sets(
    train_dir: Any = None,
    fake_data: bool = False,
    one_hot: bool = False,
    dtype: Any = "float32",
    reshape: bool = True,
    validation_size: int = 500,
    seed: int | None = None,
    source_url: Any = None,
) -> Datasets:
    """The three parts.

    Args:
        train_dir: Means nothing here: nothing is read from or written to it.
        fake_data: Not supported: must be False.
        one_hot: Whether labels are rows of 0 with one 1.
        dtype: float32 (pixels from 0 to 1) or uint8 (from 0 to 255).
        reshape: Whether images are rows of 784, or [28, 28, 1].
        validation_size: How many of the training digits are for validation.
        seed: Of the order of batches.
        source_url: Means nothing here.
    """
    if fake_data:
        raise ArgumentError("read_data_sets: fake_data is not supported.")
    (x_train, y_train), (x_test, y_test) = digits.load()
    if not 0 <= validation_size < len(x_train):
        raise ArgumentError(f"Validation size should be between 0 and {len(x_train)}. Received: {validation_size}.")

    def part(images: Array, labels: Array) -> DataSet:
        pixels = images if dtypes.get(dtype) is dtypes.uint8 else images.astype("float32") * np.float32(1.0 / 255.0)
        shaped = pixels.reshape(len(images), 784) if reshape else pixels[..., np.newaxis]
        return DataSet(shaped, np.eye(10)[labels] if one_hot else labels, seed)

    cut = validation_size
    return Datasets(part(x_train[cut:], y_train[cut:]), part(x_train[:cut], y_train[:cut]), part(x_test, y_test))
