"""Older places of a few utilities."""

from epochal.keras.preprocessing import sequence, text
from epochal.keras.utils.timeseries import timeseries_dataset_from_array

__all__ = ["sequence", "text", "timeseries_dataset_from_array"]
