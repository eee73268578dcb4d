"""Older places of a few utilities."""

from epochal.keras.preprocessing import sequence

__all__ = ["sequence"]
