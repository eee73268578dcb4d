"""What callbacks that watch one result share: which direction is better, and whether it got better."""

from __future__ import annotations

import warnings
from typing import Any

from epochal.errors import ArgumentError
from epochal.keras.callbacks.callback import Callback


class MonitorCallback(Callback):
    """Watches one result of an epoch.

    Args:
        monitor: Name of the result.
        mode: ``"min"``, ``"max"``, or ``"auto"``: asks the metric of that name.
        baseline: The best value so far.
        min_delta: A smaller change is no improvement.
    """

    def __init__(
        self, monitor: str = "val_loss", mode: str = "auto", baseline: Any = None, min_delta: float = 0.0
    ) -> None:
        super().__init__()
        if mode not in ("auto", "min", "max"):
            warnings.warn(f"{type(self).__name__} mode '{mode}' is unknown, fallback to auto mode.", stacklevel=3)
            mode = "auto"
        self.monitor = monitor
        self.mode = mode
        self.best = baseline
        self.min_delta = abs(min_delta)
        self._sign = 0.0

    def _is_improvement(self, value: Any, reference: Any) -> bool:
        """Whether `value` is better than `reference` by more than `min_delta`."""
        if reference is None:
            return True
        if not self._sign:
            self._sign = 1.0 if self._direction_of_better() == "max" else -1.0
        return bool(self._sign * (value - reference) > self.min_delta)

    def _resolve_direction(self) -> None:
        """Raises now, and not after the first epoch, if the direction is not known."""
        if not self._sign:
            self._sign = 1.0 if self._direction_of_better() == "max" else -1.0

    def _direction_of_better(self) -> str:
        if self.mode != "auto":
            return self.mode
        name = self.monitor.removeprefix("val_")
        if name == "loss" or name.endswith("_loss"):
            return "min"
        for metric in _single_metrics(getattr(self.model, "metrics", ())):
            if name == metric.name or name.endswith("_" + metric.name):
                direction = getattr(metric, "_direction", None)
                if direction is not None:
                    return "max" if direction == "up" else "min"
        raise ArgumentError(
            f"{type(self).__name__} callback received monitor={self.monitor}, but it is not known whether that metric "
            "should be maximized or minimized. Pass `mode='max'` in order to monitor based on the highest metric "
            "value, or pass `mode='min'` in order to use the lowest value."
        )


def _single_metrics(metrics: Any) -> list[Any]:
    found = []
    for metric in metrics:
        parts = getattr(metric, "metrics", None)
        found.extend(_single_metrics(parts) if isinstance(parts, list) else [metric])
    return found
