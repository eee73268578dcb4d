"""The optimizers under the name that tutorials for TensorFlow 2.11 to 2.15 use; they are the same ones."""

from __future__ import annotations

from epochal.keras.optimizers.adam import Adam, Adamax, Nadam
from epochal.keras.optimizers.descent import SGD
from epochal.keras.optimizers.moments import Adadelta, Adagrad, Ftrl, RMSprop
from epochal.keras.optimizers.optimizer import Optimizer

__all__ = ["SGD", "Adadelta", "Adagrad", "Adam", "Adamax", "Ftrl", "Nadam", "Optimizer", "RMSprop"]
