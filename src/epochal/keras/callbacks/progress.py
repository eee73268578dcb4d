"""A bar of progress, in a terminal; one plain line, elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Collection, Iterable
from typing import Any

import numpy as np

BOLD, GREEN, WHITE, RESET, CLEAR = "\x1b[1m", "\x1b[32m", "\x1b[37m", "\x1b[0m", "\x1b[K"


class Progbar:
    """Shows how far a task of `target` units has come.

    In a terminal or a notebook one line is redrawn at most every `interval` seconds. Elsewhere (a file, a pipe) only
    the finished line is written, without control characters.

    Args:
        target: Units in all, ``None`` if not known.
        width: Characters of the bar.
        verbose: 0 silent, 1 a bar, 2 one line at the end.
        interval: Seconds between two drawings.
        stateful_metrics: Names of values that are shown as they come and not averaged.
        stateless_metrics: Names of values that are averaged; all others are not.
        unit_name: What one unit is called.
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int = 1,
        interval: float = 0.1,
        stateful_metrics: Collection[str] | None = None,
        stateless_metrics: Collection[str] | None = None,
        unit_name: str = "step",
    ) -> None:
        self.target = target
        self.width = width
        self.verbose = verbose
        self.interval = interval
        self.unit_name = unit_name
        self.stateful_metrics = None if stateful_metrics is None else set(stateful_metrics)
        self.stateless_metrics = None if stateless_metrics is None else set(stateless_metrics)
        if self.stateful_metrics is None and self.stateless_metrics is None:
            self.stateful_metrics = set()
        self._dynamic = _is_dynamic()
        self._values: dict[str, list[Any]] = {}
        self._seen = 0
        self._start = time.perf_counter()
        self._last_drawn = float("-inf")
        self._drawn = False

    def update(
        self, current: int, values: Iterable[tuple[str, Any]] | None = None, finalize: bool | None = None
    ) -> None:
        """Says that `current` units are done.

        Args:
            current: Units done.
            values: Names and values to show.
            finalize: Whether this is the last call; by default when the target is reached.
        """
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        self._gather(current, values or (), finalize)
        self._seen = current
        if self.verbose == 1:
            now = time.perf_counter()
            if finalize or (self._dynamic and now - self._last_drawn >= self.interval):
                self._last_drawn = now
                self._write(self._line(current, now, finalize), finalize)
        elif self.verbose == 2 and finalize:
            self._write_plain(current)

    def add(self, n: int, values: Iterable[tuple[str, Any]] | None = None) -> None:
        """Says that `n` more units are done."""
        self.update(self._seen + n, values)

    def _gather(self, current: int, values: Iterable[tuple[str, Any]], finalize: bool) -> None:
        for name, value in values:
            averaged = (
                name not in self.stateful_metrics
                if self.stateful_metrics is not None
                else name in (self.stateless_metrics or ())
            )
            if not averaged or finalize:
                self._values[name] = [value, 1]
            else:
                steps = max(current - self._seen, 1)
                total = self._values.setdefault(name, [0.0, 0])
                total[0] += value * steps
                total[1] += steps

    def _line(self, current: int, now: float, finalize: bool) -> str:
        bold, green, white, reset = (BOLD, GREEN, WHITE, RESET) if self._dynamic else ("", "", "", "")
        if self.target:
            digits = len(str(self.target))
            done = min(self.width, int(self.width * current / self.target))
            bar = f"{bold}{current:{digits}d}/{self.target}{reset} "
            bar += f"{green}{'━' * done}{reset}" if done else ""
            bar += f"{white}{'━' * (self.width - done)}{reset}"
        else:
            bar = f"{current:7d}/Unknown"
        each = (now - self._start) / max(current, 1)
        if self.target and not finalize:
            clock = _duration(each * (self.target - current))
        else:
            clock = f"{now - self._start:.0f}s"
        return f"{bar} {bold}{clock}{reset}{_each(each, self.unit_name)}{self._shown()}"

    def _write(self, line: str, finalize: bool) -> None:
        if self._dynamic:
            sys.stdout.write("\r" + line + CLEAR + ("\n" if finalize else ""))
        else:
            sys.stdout.write(line + "\n")
        sys.stdout.flush()

    def _write_plain(self, current: int) -> None:
        now = time.perf_counter()
        count = f"{current:{len(str(self.target))}d}/{self.target}" if self.target else str(current)
        each = _each((now - self._start) / max(current, 1), self.unit_name)
        sys.stdout.write(f"{count} - {now - self._start:.0f}s -{each}{self._shown()}\n")
        sys.stdout.flush()

    def _shown(self) -> str:
        text = ""
        for name, (value, count) in self._values.items():
            mean = float(np.mean(value)) / max(1, count)
            text += f" - {name}: {mean:.4f}" if abs(mean) > 1e-3 else f" - {name}: {mean:.4e}"
        return text


def _is_dynamic() -> bool:
    """Whether a line on standard output can be drawn over."""
    isatty = getattr(sys.stdout, "isatty", None)
    return "ipykernel" in sys.modules or bool(isatty and isatty())


def _duration(seconds: float) -> str:
    if seconds > 3600:
        return f"{seconds // 3600:.0f}:{seconds % 3600 // 60:02.0f}:{seconds % 60:02.0f}"
    if seconds > 60:
        return f"{seconds // 60:.0f}:{int(seconds % 60):02d}"
    return f"{int(seconds)}s"


def _each(seconds: float, unit: str) -> str:
    if seconds >= 1 or seconds == 0:
        return f" {seconds:.0f}s/{unit}"
    if seconds >= 1e-3:
        return f" {seconds * 1e3:.0f}ms/{unit}"
    return f" {seconds * 1e6:.0f}us/{unit}"
