"""Sequences of several lengths."""

from epochal.keras.utils.arrays import pad_sequences

__all__ = ["pad_sequences"]
