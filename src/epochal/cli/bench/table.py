"""Runs the workloads under Epochal and every peer found, one process at a time, and prints one table of ratios."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from epochal import config
from epochal.cli.bench.workloads import BY_NAME, WORKLOADS

WORKER = Path(__file__).with_name("worker.py")
# A peer and the modules its interpreter must have.
PEERS = {
    "keras-tensorflow": ("keras", "tensorflow"),
    "keras-jax": ("keras", "jax"),
    "keras-torch": ("keras", "torch"),
    "torch": ("torch",),
}
TIME_LIMIT_S = 600


def main(arguments: argparse.Namespace) -> int:
    """Measures and prints; returns 1 if a workload is unknown or Epochal itself fails one."""
    names = arguments.workloads or [workload.name for workload in WORKLOADS]
    unknown = [name for name in names if name not in BY_NAME]
    if unknown:
        known = ", ".join(BY_NAME)
        print(f"epochal bench: unknown workload {unknown[0]!r}; expected one of {known}", file=sys.stderr)
        return 2
    threads = arguments.num_threads or config.num_threads()
    peers = find_peers([sys.executable, *arguments.python])
    print(f"peers: {', '.join(peers) or 'none installed'}; {threads} threads; the best of {arguments.repeat} epochs")
    runners = {"epochal": sys.executable, **peers}
    times: dict[str, dict[str, float]] = {name: {} for name in names}
    for name in names:
        for peer, python in runners.items():
            milliseconds = measure(peer, python, name, arguments.repeat, threads)
            if milliseconds is not None:
                times[name][peer] = milliseconds
                print(f"  {name:6} {peer:17} {milliseconds:10.4g} ms a step", flush=True)
    show(times, list(runners))
    return 0 if all("epochal" in row for row in times.values()) else 1


def find_peers(interpreters: list[str]) -> dict[str, str]:
    """Each peer and the first interpreter that has it."""
    found: dict[str, str] = {}
    for python in interpreters:
        wanted = sorted({module for modules in PEERS.values() for module in modules})
        script = f"import importlib.util as u; print(*[m for m in {wanted!r} if u.find_spec(m)])"
        answer = subprocess.run([python, "-c", script], capture_output=True, text=True, check=False)
        installed = set(answer.stdout.split())
        for peer, modules in PEERS.items():
            if installed.issuperset(modules):
                found.setdefault(peer, python)
    return found


def measure(peer: str, python: str, name: str, repeat: int, threads: int) -> float | None:
    """Milliseconds a step, or ``None``, with the reason printed, if the peer failed."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "OMP_NUM_THREADS": str(threads)}
    command = [python, str(WORKER), peer, name, str(repeat), str(threads)]
    try:
        answer = subprocess.run(
            command, capture_output=True, text=True, env=environment, timeout=TIME_LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        print(f"  {name:6} {peer:17} took more than {TIME_LIMIT_S} s", flush=True)
        return None
    for line in answer.stdout.splitlines():
        if line.startswith("RESULT "):
            return float(json.loads(line[len("RESULT ") :])["ms"])
    reason = (answer.stderr.strip().splitlines() or ["no output"])[-1]
    print(f"  {name:6} {peer:17} failed: {reason}", flush=True)
    return None


def show(times: dict[str, dict[str, float]], runners: list[str]) -> None:
    """The table: our milliseconds a step and arithmetic rate, and how many times as long each peer takes."""
    table = Table(title="One training step; peers as multiples of Epochal's time (above 1: Epochal is faster)")
    table.add_column("workload")
    table.add_column("epochal, ms", justify="right")
    table.add_column("GFLOPS", justify="right")
    for peer in runners[1:]:
        table.add_column(peer, justify="right", no_wrap=True)
    for name, row in times.items():
        ours = row.get("epochal")
        rate = f"{BY_NAME[name].flops / ours / 1e6:.1f}" if ours else "-"
        cells = [f"{row[peer] / ours:.3g}x" if ours and peer in row else "-" for peer in runners[1:]]
        table.add_row(name, f"{ours:.3g}" if ours else "failed", rate, *cells)
    Console(width=max(100, Console().width)).print(table)
