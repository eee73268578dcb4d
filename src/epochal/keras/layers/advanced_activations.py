"""Where older programs import these layers from."""

from epochal.keras.layers import (
    ELU,
    LeakyReLU,
    PReLU,
    ReLU,
    Softmax,
)

__all__ = ["ELU", "LeakyReLU", "PReLU", "ReLU", "Softmax"]
