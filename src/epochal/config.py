"""Settings, and the only reader of the environment.

| variable | meaning |
| --- | --- |
| EPOCHAL_NUM_THREADS | threads of a compiled program; default: what the container's CPU quota and affinity allow |
| EPOCHAL_BACKEND | the engine: ``native`` (default) or ``reference`` |
| EPOCHAL_INSTRUCTIONS | ``sse2``, ``avx2``, ``avx512``: what code is held to; default: all there are |
| EPOCHAL_WINOGRAD | ``0``: no convolution by Winograd's method; see `set_winograd` |
| EPOCHAL_CACHE | folder of compiled code, ``0``: none; default ``$XDG_CACHE_HOME/epochal``, else ``~/.cache/epochal`` |
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from epochal.errors import ArgumentError

_settings: dict[str, int | str | None] = {"num_threads": None, "backend": None, "floatx": None, "winograd": None}


def available_cores() -> int:
    """Cores this process may use: its affinity, and the container's CPU quota rounded up."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _cgroup_quota()
    return max(1, min(cores, quota)) if quota else max(1, cores)


def _cgroup_quota() -> int | None:
    """The CPU quota of the control group (version 2, then version 1), in whole cores rounded up."""
    try:
        limit, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return None if limit == "max" else -(-int(limit) // int(period))
    except (OSError, ValueError):
        pass
    try:
        limit_us = int(Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us").read_text())
        period_us = int(Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us").read_text())
        return -(-limit_us // period_us) if limit_us > 0 else None
    except (OSError, ValueError):
        return None


def memory_bytes() -> int | None:
    """Bytes of memory that this process may use: the machine's, or its container's if less; ``None``: unknown."""
    limits = [_number("/sys/fs/cgroup/memory.max"), _number("/sys/fs/cgroup/memory/memory.limit_in_bytes")]
    with contextlib.suppress(OSError, ValueError):
        lines = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
        limits.append(sum(int(lines[name].split()[0]) << 10 for name in ("MemTotal", "SwapTotal")))
    return min((limit for limit in limits if limit), default=None)


def _number(path: str) -> int | None:
    try:
        return int(Path(path).read_text())
    except (OSError, ValueError):  # "max"
        return None


def check_num_threads(num_threads: object) -> int:
    """`num_threads` if it is a positive integer.

    Raises:
        ArgumentError: Otherwise.
    """
    if isinstance(num_threads, bool) or not hasattr(num_threads, "__index__") or int(num_threads) < 1:  # type: ignore[call-overload]
        raise ArgumentError(f"num_threads must be a positive integer. Received: {num_threads!r}")
    return int(num_threads)  # type: ignore[call-overload, no-any-return]


def set_num_threads(num_threads: int | None) -> None:
    """Sets how many threads compiled programs use; ``None`` restores the default."""
    _settings["num_threads"] = None if num_threads is None else check_num_threads(num_threads)


def num_threads() -> int:
    """Threads of a compiled program that is not told otherwise."""
    chosen = _settings["num_threads"]
    if chosen is None:
        text = os.environ.get("EPOCHAL_NUM_THREADS", "")
        chosen = check_num_threads(int(text)) if text.isdigit() else available_cores()
        _settings["num_threads"] = chosen
    return int(chosen)


def set_backend(name: str | None) -> None:
    """Chooses the engine by name; ``None`` restores the default. The name is checked when it is first used."""
    _settings["backend"] = name


def backend() -> str:
    """Name of the engine."""
    chosen = _settings["backend"]
    if chosen is None:
        chosen = _settings["backend"] = os.environ.get("EPOCHAL_BACKEND") or "native"
    return str(chosen)


def set_floatx(name: str | None) -> None:
    """Sets the element type that Python's floats become; ``None`` restores ``"float32"``.

    Raises:
        ArgumentError: It is not one of ``"float16"``, ``"bfloat16"``, ``"float32"``, ``"float64"``.
    """
    known = ("float16", "bfloat16", "float32", "float64")
    if name is not None and name not in known:
        raise ArgumentError(f"Unknown floatx: {name!r}. Expected one of {', '.join(known)}.")
    _settings["floatx"] = name


def floatx() -> str:
    """Name of the element type that Python's floats become."""
    return str(_settings["floatx"] or "float32")


def set_winograd(enabled: bool | None) -> None:
    """Whether programs compiled from now on may convolve by Winograd's method; ``None`` restores the default, yes.

    It needs 16 multiplications where 36 are counted, for 3x3 kernels without strides, and is chosen where that is
    faster. Results differ from direct sums by rounding: by less than a hundred thousandth of the largest one.
    An infinite or NaN element reaches all of a 2x2 tile, of which direct sums may spare some.
    """
    _settings["winograd"] = None if enabled is None else int(bool(enabled))


def winograd() -> bool:
    """Whether convolutions may be computed by Winograd's method."""
    chosen = _settings["winograd"]
    if chosen is None:
        chosen = _settings["winograd"] = int(os.environ.get("EPOCHAL_WINOGRAD", "") != "0")
    return bool(chosen)


INSTRUCTIONS = ("sse2", "avx2", "avx512")


def instructions() -> str | None:
    """Set of vector instructions that compiled code is held to; ``None``: all that the processor has.

    Raises:
        ArgumentError: The environment's ``EPOCHAL_INSTRUCTIONS`` names no known set.
    """
    chosen = os.environ.get("EPOCHAL_INSTRUCTIONS") or None
    if chosen is not None and chosen not in INSTRUCTIONS:
        known = ", ".join(INSTRUCTIONS)
        raise ArgumentError(f"Unknown EPOCHAL_INSTRUCTIONS: {chosen!r}. Expected one of {known}, or nothing.")
    return chosen


def cache_folder() -> Path | None:
    """Where compiled code is kept between processes, or ``None`` if nowhere."""
    chosen = os.environ.get("EPOCHAL_CACHE")
    if chosen == "0":
        return None
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "epochal"
