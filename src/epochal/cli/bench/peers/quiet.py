"""Whether other processes were busy while something was timed.

On as many cores as a program has threads, a neighbour that takes one of them for a moment can cost a program that waits
at barriers ten times its time. That says nothing about the program, so such times are taken again, or marked.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

DISTURBED = 0.1  # cores
ATTEMPTS = 4


def busy_seconds() -> float | None:
    """Seconds that the cores have worked for anyone since the system began; ``None`` where there is no `/proc`."""
    try:
        numbers = [int(text) for text in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    except (OSError, ValueError):
        return None
    idle, waiting = numbers[3:5]
    return float(sum(numbers) - idle - waiting) / float(os.sysconf("SC_CLK_TCK"))


def own_seconds() -> float:
    """Of that, what this process and its children took."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def undisturbed(measure: Callable[[], list[float]]) -> tuple[list[float], float]:
    """Times of one attempt, of several while others are busy; and the cores they used in the calmest of those."""
    found: list[tuple[float, list[float]]] = []
    while not found or (found[-1][0] > DISTURBED and len(found) < ATTEMPTS):
        before, own, start = busy_seconds(), own_seconds(), time.perf_counter()
        times = measure()
        after, seconds = busy_seconds(), time.perf_counter() - start
        others = 0.0 if before is None or after is None else after - before - (own_seconds() - own)
        found.append((max(others, 0.0) / seconds, times))
    return [one for _, times in found for one in times], min(share for share, _ in found)
