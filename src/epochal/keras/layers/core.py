"""Where older programs import these layers from."""

from epochal.keras.layers import (
    Activation,
    Dense,
    Dropout,
    Flatten,
    Lambda,
    Masking,
    Permute,
    RepeatVector,
    Reshape,
)

__all__ = ["Activation", "Dense", "Dropout", "Flatten", "Lambda", "Masking", "Permute", "RepeatVector", "Reshape"]
