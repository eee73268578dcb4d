"""Keras's models."""

from epochal.keras.models.cloning import clone_model
from epochal.keras.models.model import Functional, Model
from epochal.keras.models.sequential import Sequential
from epochal.keras.saving.archive import load_model, save_model
from epochal.keras.saving.json import model_from_json

__all__ = ["Functional", "Model", "Sequential", "clone_model", "load_model", "model_from_json", "save_model"]
