"""Threads and queues of TensorFlow 1's input pipelines: accepted where they mean nothing here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Coordinator:
    """Whether threads should stop. There are none here; programs that make one run unchanged."""

    def __init__(self, clean_stop_exception_types: Any = None) -> None:
        self._stopped = False

    def should_stop(self) -> bool:
        return self._stopped

    def request_stop(self, ex: Any = None) -> None:
        """From here on `should_stop` is true; an exception given is raised."""
        self._stopped = True
        if isinstance(ex, BaseException):
            raise ex

    def join(self, threads: Any = None, stop_grace_period_secs: int = 120, ignore_live_threads: bool = False) -> None:
        """Nothing to wait for."""

    def clear_stop(self) -> None:
        self._stopped = False

    def register_thread(self, thread: Any) -> None:
        """Nothing to do."""

    def wait_for_stop(self, timeout: float | None = None) -> bool:
        return self._stopped

    @contextmanager
    def stop_on_exception(self) -> Iterator[None]:
        """Inside the block an exception requests the stop, and passes on."""
        try:
            yield
        except Exception:
            self._stopped = True
            raise


def start_queue_runners(
    sess: Any = None, coord: Any = None, daemon: bool = True, start: bool = True, collection: str = "queue_runners"
) -> list[Any]:
    """There are no queues: nothing is started."""
    return []
