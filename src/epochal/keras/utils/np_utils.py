"""Where older programs import these functions from."""

from epochal.keras.utils.arrays import normalize, to_categorical

__all__ = ["normalize", "to_categorical"]
