"""One measurement, in a process of its own.

Tasks: ``training`` (a warm step), ``first`` (the first epoch, compilation included, and the peak of memory), ``step``
(to the end of the first step), ``one`` and ``batch`` (inference), ``weights`` (a file of weights for all engines).
"""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from . import weights
from .quiet import undisturbed
from .workloads import BY_NAME, Workload

BLOCK_SECONDS = 0.002  # a block of inference calls takes at least this long
SAMPLED = 32  # outputs that are compared between engines


def measure(job: dict[str, Any]) -> dict[str, Any]:
    """Runs a job.

    Args:
        job: ``peer``, ``engine`` (module and class), ``workload``, ``task``, ``repeat``, ``least_seconds``,
            ``threads``, ``steps`` (0: the workload's own), ``weights`` (a file or ``""``).

    Returns:
        Numbers: times in seconds, memory in bytes.
    """
    _use_cores(job["threads"])
    workload = BY_NAME[job["workload"]]
    module, _, name = job["engine"].partition(":")
    engine = getattr(importlib.import_module(f"{__package__}.{module}"), name)(job["peer"], job["threads"])
    imported = peak_memory()
    found = _TASKS[job["task"]](engine, workload, job)
    return {**found, "import_memory": imported, "peak_memory": peak_memory(), "versions": engine.versions}


def _use_cores(threads: int) -> None:
    """Holds the process to as many cores as it may use threads: XLA asks nothing else."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        if threads < len(cores):
            os.sched_setaffinity(0, cores[:threads])


def peak_memory() -> int:
    """The most memory that this process has held, in bytes (``VmHWM``; where there is no `/proc`, ``ru_maxrss``)."""
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        resource = importlib.import_module("resource")
    except ImportError:  # Windows
        return 0
    used: int = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024


def _steps(workload: Workload, job: dict[str, Any]) -> int:
    return job["steps"] or workload.steps


def _trainer(engine: Any, workload: Workload, job: dict[str, Any]) -> Any:
    x, y = workload.data(workload.batch_size * _steps(workload, job))
    return engine.trainer(workload, x, y)


def _training(engine: Any, workload: Workload, job: dict[str, Any]) -> dict[str, Any]:
    """The best of some epochs after one that warms up, a step."""
    trainer = _trainer(engine, workload, job)
    trainer.epoch()
    seconds, others = undisturbed(lambda: _times(trainer.epoch, job))
    times = [one / _steps(workload, job) for one in seconds]
    facts = {**trainer.facts}
    if "training_operations" in facts:
        facts["operations"] = facts["training_operations"] * workload.batch_size
    return {"seconds": min(times), "median": float(np.median(times)), "others": others, **facts}


def _first(engine: Any, workload: Workload, job: dict[str, Any]) -> dict[str, Any]:
    trainer = _trainer(engine, workload, job)
    start = time.perf_counter()
    trainer.epoch()
    return {"seconds": time.perf_counter() - start, **trainer.facts}


def _step(engine: Any, workload: Workload, job: dict[str, Any]) -> dict[str, Any]:
    trainer = _trainer(engine, workload, job)
    start = time.perf_counter()
    trainer.first_step()
    return {"seconds": time.perf_counter() - start, **trainer.facts}


def _inference(engine: Any, workload: Workload, job: dict[str, Any]) -> dict[str, Any]:
    count = 1 if job["task"] == "one" else workload.inference
    x, _ = workload.data(max(count, 1))
    given = weights.load(Path(job["weights"])) if job["weights"] else None
    ways, outputs, facts = engine.predictor(workload, x, given)
    measured = [undisturbed(partial(_blocks, way, job)) for way in ways]
    best, others = min(measured, key=lambda found: min(found[0]))
    found = np.asarray(outputs())
    if "inference_operations" in facts:
        facts["operations"] = facts["inference_operations"] * count
    sample = found.reshape(-1)[:: max(1, found.size // SAMPLED)][:SAMPLED]
    compared = {"shape": list(found.shape), "sample": [float(value) for value in sample]} if given is not None else {}
    return {"seconds": min(best), "median": float(np.median(best)), "others": others, **facts, **compared}


def _blocks(run: Callable[[], Any], job: dict[str, Any]) -> list[float]:
    """Seconds a call, of many short blocks of calls, warm."""
    for _ in range(3):
        run()
    start = time.perf_counter()
    run()
    calls = max(1, int(BLOCK_SECONDS / max(time.perf_counter() - start, 1e-7)))

    def block() -> None:
        for _ in range(calls):
            run()

    return [seconds / calls for seconds in _times(block, job)]


def _times(run: Callable[[], Any], job: dict[str, Any]) -> list[float]:
    """Seconds of each of ``repeat`` runs, and of more if those were quick: a neighbour disturbs some of them."""
    times: list[float] = []
    while len(times) < job["repeat"] or sum(times) < job["least_seconds"]:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return times


def _weights(engine: Any, workload: Workload, job: dict[str, Any]) -> dict[str, Any]:
    weights.save(Path(job["weights"]), engine.make_weights(workload))
    return {}


_TASKS = {
    "training": _training,
    "first": _first,
    "step": _step,
    "one": _inference,
    "batch": _inference,
    "weights": _weights,
}
