"""`epochal bench`: decides what is measured, measures it, shows it."""

from __future__ import annotations

import argparse
import contextlib
import datetime
import math
import os
import platform
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from epochal import __version__, config
from epochal.backends.native import engine, peak
from epochal.cli.bench import jobs, page, table
from epochal.cli.bench.jobs import OURS, PEERS, Outcome, Peer
from epochal.cli.bench.peers.workloads import BY_NAME, WORKLOADS
from epochal.cli.bench.results import Measurement, Results, load

GROUPS = {"training": ("training",), "inference": ("one", "batch"), "first": ("first", "step"), "memory": ("memory",)}
LEAST_SECONDS = 0.5  # what repeats is measured at least this long
ATTEMPTS = 2  # at what happens once in a process: the first epoch, the first step
PEAK_ATTEMPTS, PEAK_LOOPS = 20, 8_000_000  # some 30 ms each: a benchmark has the time
LONG_SECONDS = 20  # a process that takes longer is not tried again
TOLERANCE = 2e-3  # of the largest output: engines add in different orders


def main(arguments: argparse.Namespace) -> int:
    """Measures and shows; returns 1 if Epochal itself failed at something, 2 for a wrong argument."""
    try:
        session = Session(arguments)
    except ValueError as error:
        print(f"epochal bench: {error}", file=sys.stderr)
        return 2
    try:
        with _ended_as_interrupted():
            session.measure_all()
    except KeyboardInterrupt:
        print("\ninterrupted; what was measured so far:", file=sys.stderr)
        session.show()
        return 130
    session.show()
    ours = [one for one in session.results.measurements if one.peer == OURS.name and one.run == session.run]
    return 0 if all(one.status == "ok" for one in ours) else 1


@contextlib.contextmanager
def _ended_as_interrupted() -> Iterator[None]:
    """Being told to end (`timeout`, a container that stops) is an interrupt, so that no measuring process is left."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def chosen_names(chosen: Iterable[str], known: Iterable[str], what: str) -> list[str]:
    """What was asked for, all if nothing was.

    Raises:
        ValueError: A name is unknown.
    """
    known, chosen = list(known), list(chosen)
    for name in chosen:
        if name not in known:
            raise ValueError(f"unknown {what} {name!r}; expected one of {', '.join(known)}")
    return [name for name in known if name in chosen or not chosen]


class Session:
    """One call of the command.

    Attributes:
        results: Old and new measurements.
        run: This run's number.
    """

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        self.names = chosen_names(arguments.workloads, BY_NAME, "workload")
        groups = chosen_names(_split(arguments.only), GROUPS, "kind of measurement")
        self.tasks = [task for group in groups for task in GROUPS[group]]
        self.peers = chosen_names(_split(arguments.peers), jobs.PEER_NAMES, "peer")
        self.threads = arguments.num_threads or config.num_threads()
        self.python = jobs.find_peers([sys.executable, *arguments.python])
        self.json = Path(arguments.json) if arguments.json else None
        machine = machine_facts(self.threads)
        known = self.json is not None and self.json.exists()
        self.results = load(self.json, machine) if self.json and known else Results(machine)
        self.run = len(self.results.runs)
        self.results.runs.append(
            {
                "at": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
                "repeat": arguments.repeat,
                "peak_flops": peak.operations(self.threads, PEAK_ATTEMPTS, PEAK_LOOPS),
            }
        )

    def measure_all(self) -> None:
        """Every measurement, one at a time; workload by workload, so that those that are compared follow each other."""
        found = [name for name in self.peers if name in self.python]
        rate = self.results.runs[self.run]["peak_flops"] / 1e9
        print(f"{self.threads} threads, float32 peak {rate:.0f} GFLOPS; measuring {', '.join(found)}", flush=True)
        with tempfile.TemporaryDirectory(prefix="epochal-bench-") as folder:
            for name in self.names:
                place = Path(folder) / name  # compiled code and weights: gone before the next
                for task in self._tasks_of(name):
                    self._measure_row(task, name, place)
                shutil.rmtree(place, ignore_errors=True)

    def _tasks_of(self, name: str) -> Iterator[str]:
        """Tasks that the workload has; one process gives both the first epoch's time and its memory."""
        workload = BY_NAME[name]
        for task in self.tasks:
            if task == "memory" and "first" in self.tasks:
                continue
            if (task == "one" and not workload.one) or (task == "batch" and not workload.inference):
                continue
            yield task

    def _measure_row(self, task: str, name: str, folder: Path) -> None:
        """One task of one workload under every peer."""
        given = self._weights(name, folder) if task in GROUPS["inference"] else ""
        process = "first" if task == "memory" else task
        expected: dict[str, Any] = {}
        for peer in PEERS:
            if peer.name not in self.peers or not peer.measures(process, name):
                continue
            python = self.python.get(peer.name)
            if python is None:
                outcome = Outcome("missing", jobs.missing_reason(peer))
            else:
                outcome = agreed(self._outcome(peer, process, name, folder, given), expected)
            self._record(peer, task, name, outcome)

    def _outcome(self, peer: Peer, task: str, name: str, folder: Path, weights: str) -> Outcome:
        """The first epoch begins without compiled code, the first step after it with what that left."""
        if task not in GROUPS["first"]:
            return self._run(peer, task, name, folder / "shared", weights)
        outcome = Outcome("failed", "not run")
        for attempt in range(ATTEMPTS if self.arguments.repeat > 1 else 1):
            caches = folder / f"{peer.name}-{attempt if task == 'first' else 0}"
            if task == "step" and not caches.exists():
                self._run(peer, "first", name, caches, weights)
            started = time.monotonic()
            outcome = quicker(outcome, self._run(peer, task, name, caches, weights))
            if outcome.status != "ok" or time.monotonic() - started > LONG_SECONDS:
                break
        return outcome

    def _run(self, peer: Peer, task: str, name: str, caches: Path, weights: str) -> Outcome:
        job = {
            "peer": peer.name,
            "engine": peer.engine,
            "workload": name,
            "task": task,
            "repeat": self.arguments.repeat,
            "least_seconds": LEAST_SECONDS,
            "threads": self.threads,
            "steps": self.arguments.steps or 0,
            "weights": weights,
        }
        caches.mkdir(parents=True, exist_ok=True)
        return jobs.run(self.python[peer.name], job, caches, self.arguments.time_limit)

    def _weights(self, name: str, folder: Path) -> str:
        """A file of weights that all engines use; empty, and outputs are not compared, if it cannot be made."""
        path = folder / "weights.npz"
        if not path.exists():
            outcome = self._run(OURS, "weights", name, folder / "shared", str(path))
            if outcome.status != "ok":
                print(f"  {name}: no common weights, outputs are not compared: {outcome.reason}", flush=True)
        return str(path) if path.exists() else ""

    def _record(self, peer: Peer, task: str, name: str, outcome: Outcome) -> None:
        both = task == "first" and "memory" in self.tasks
        for kept in (task, "memory") if both else (task,):
            values = dict(outcome.values or {})
            one = Measurement(kept, name, peer.name, self.run, outcome.status, outcome.reason, values)
            self.results.add(one)
            print(f"  {name:8} {kept:8} {peer.name:17} {table.progress(one)}", flush=True)
        if self.json:
            self.results.save(self.json)

    def show(self) -> None:
        """The table, and the files that were asked for."""
        table.show(self.results)
        if self.json:
            self.results.save(self.json)
        if self.arguments.html:
            path = Path(self.arguments.html)
            path.write_text(page.page(self.results), encoding="utf-8")
            print(f"the page is in {path}")


def quicker(one: Outcome, other: Outcome) -> Outcome:
    """The better of two attempts."""
    if one.values is None or other.values is None:
        return other if one.values is None else one
    return min(one, other, key=lambda outcome: float((outcome.values or {})["seconds"]))


def agreed(outcome: Outcome, expected: dict[str, Any]) -> Outcome:
    """The outcome, or a failure if this peer ran another network than those before it.

    Args:
        outcome: What a peer measured.
        expected: What the first gave: its number of parameters, its outputs' shape and some of their values; filled in.
    """
    if outcome.status != "ok" or outcome.values is None:
        return outcome
    for key in ("parameters", "shape"):
        got = outcome.values.get(key)
        wanted = expected.setdefault(key, got) if got is not None else None
        if got != wanted:
            return Outcome("failed", f"another network: {key} {got}, expected {wanted}", outcome.values)
    sample = outcome.values.get("sample")
    if sample:
        wanted = np.asarray(expected.setdefault("sample", sample))
        error = float(np.abs(np.asarray(sample) - wanted).max()) / max(float(np.abs(wanted).max()), 1e-30)
        if not math.isfinite(error) or error > TOLERANCE:
            return Outcome("failed", f"outputs differ from {OURS.name}'s by {error:.1e} of the largest", outcome.values)
    return outcome


def machine_facts(threads: int) -> dict[str, Any]:
    """What all measurements of a file must share, and what a reader wants to know."""
    return {
        "processor": _processor(),
        "cores": config.available_cores(),
        "threads": threads,
        "vectors": engine.target().vector_bytes * 8,
        "system": platform.platform(),
        "python": platform.python_version(),
        "epochal": __version__,
        "workloads": [workload.name for workload in WORKLOADS],
    }


def _processor() -> str:
    """The processor's name as the system gives it."""
    if os.path.exists("/proc/cpuinfo"):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _split(text: str | None) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()] if text else []
