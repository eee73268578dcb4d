"""Training, evaluation and prediction of models."""

from epochal.keras.trainer.trainer import Trainer

__all__ = ["Trainer"]
