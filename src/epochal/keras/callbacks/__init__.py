"""What `fit`, `evaluate` and `predict` call as they go."""

from typing import Any

from epochal.keras.absent import CALLBACKS, refuse
from epochal.keras.callbacks.backup_and_restore import BackupAndRestore
from epochal.keras.callbacks.callback import Callback
from epochal.keras.callbacks.callback_list import CallbackList
from epochal.keras.callbacks.csv_logger import CSVLogger
from epochal.keras.callbacks.early_stopping import EarlyStopping
from epochal.keras.callbacks.history import History
from epochal.keras.callbacks.lambda_callback import LambdaCallback
from epochal.keras.callbacks.learning_rate_scheduler import LearningRateScheduler
from epochal.keras.callbacks.model_checkpoint import ModelCheckpoint
from epochal.keras.callbacks.progbar_logger import ProgbarLogger
from epochal.keras.callbacks.reduce_lr_on_plateau import ReduceLROnPlateau
from epochal.keras.callbacks.terminate_on_nan import TerminateOnNaN

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "TerminateOnNaN",
]


def __getattr__(name: str) -> Any:
    raise refuse("callbacks", name, CALLBACKS)
