"""Stops a training whose loss is lost."""

from __future__ import annotations

import math

from epochal.errors import ExecutionError
from epochal.keras.callbacks.callback import Callback, Logs


class TerminateOnNaN(Callback):
    """Ends training when the loss is NaN or infinite.

    The loss of an epoch so far stays NaN once a batch's was, so looking a few times a second misses nothing and
    training keeps its speed.

    Args:
        raise_error: Raise an error instead of ending quietly.
    """

    every_batch = False

    def __init__(self, raise_error: bool = False) -> None:
        super().__init__()
        self.raise_error = raise_error

    def on_batch_end(self, batch: int, logs: Logs = None) -> None:
        loss = (logs or {}).get("loss")
        if loss is None or math.isfinite(loss):
            return
        if self.raise_error:
            raise ExecutionError(
                f"NaN or Inf loss encountered at batch {batch}. Loss value: {loss}. Terminating training immediately."
            )
        print(f"Batch {batch}: Invalid loss, terminating training")
        self.model.stop_training = True
