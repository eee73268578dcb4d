"""One measurement as a process of its own, so that no engine, and no failure, touches another's."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WORKER = Path(__file__).with_name("worker.py")
KERAS = "keras_engine:KerasEngine"
TRAINING, INFERENCE = ("training", "first", "step"), ("one", "batch")


@dataclass(frozen=True)
class Peer:
    """An engine that may be installed.

    Attributes:
        name: A column of the table.
        engine: Module and class that drive it.
        modules: What its interpreter must have.
        tasks: What it can be measured at.
        workloads: Which; empty: all but ``without``.
        without: Workloads that mean nothing to it.
    """

    name: str
    engine: str
    modules: tuple[str, ...]
    tasks: tuple[str, ...] = TRAINING + INFERENCE
    workloads: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    def measures(self, task: str, workload: str) -> bool:
        """Whether there is such a measurement."""
        listed = workload in self.workloads if self.workloads else workload not in self.without
        return listed and task in self.tasks


OURS = Peer("epochal", KERAS, ())
# `seed200` differs from `seed` in an argument that Keras alone has.
PEERS = (
    OURS,
    Peer("keras-tensorflow", KERAS, ("keras", "tensorflow")),
    Peer("keras-jax", KERAS, ("keras", "jax")),
    Peer("keras-torch", KERAS, ("keras", "torch")),
    Peer("torch", "torch_engine:TorchEngine", ("torch",), without=("seed200",)),
    Peer("torch-compiled", "torch_engine:TorchEngine", ("torch",), without=("seed200",)),
    Peer("jax-scan", "jax_engine:JaxEngine", ("jax",), TRAINING, workloads=("seed", "mlp", "cnn")),
    Peer("onnxruntime", "onnx_engine:OnnxEngine", ("onnxruntime", "onnx", "onnxscript", "torch"), INFERENCE),
)
PEER_NAMES = tuple(peer.name for peer in PEERS)


@dataclass(frozen=True)
class Outcome:
    """What came of a measurement.

    Attributes:
        status: ``ok``, ``failed``, ``timeout`` or ``missing``.
        reason: Why not ``ok``, in a line.
        values: What the process measured.
    """

    status: str
    reason: str = ""
    values: Mapping[str, Any] | None = None


def find_peers(interpreters: Sequence[str]) -> dict[str, str]:
    """Each peer that is installed, and the first interpreter that has all it needs."""
    wanted = sorted({module for peer in PEERS for module in peer.modules})
    script = f"import importlib.util as u; print(*[m for m in {wanted!r} if u.find_spec(m)])"
    found = {OURS.name: sys.executable}
    for python in interpreters:
        try:
            answer = subprocess.run([python, "-c", script], capture_output=True, text=True, check=False)
        except OSError as error:
            raise ValueError(f"--python {python}: {error.strerror}; expected the path of a Python") from None
        installed = set(answer.stdout.split())
        for peer in PEERS:
            if peer.modules and installed.issuperset(peer.modules):
                found.setdefault(peer.name, python)
    return found


def missing_reason(peer: Peer) -> str:
    """Why a peer that was not found is not measured."""
    return f"not installed: {peer.name} needs {', '.join(peer.modules)} in one Python; name it with --python"


def run(python: str, job: Mapping[str, Any], caches: Path, time_limit: float) -> Outcome:
    """Measures in a new process.

    Args:
        python: The interpreter.
        job: See `peers.measure.measure`.
        caches: Folder of the engines' compiled code, so that a measurement decides whether it begins with any.
        time_limit: Seconds after which the process is killed, with all that it started.
    """
    process = subprocess.Popen(
        [python, str(WORKER), json.dumps(job)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env=environment(job["threads"], caches),
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=time_limit)
    except subprocess.TimeoutExpired:
        return Outcome("timeout", f"took more than {time_limit:g} s")
    finally:
        _end(process)
    for line in out.splitlines():
        if line.startswith("RESULT "):
            return Outcome("ok", values=json.loads(line[len("RESULT ") :]))
    return Outcome("failed", _reason(process.returncode, err.splitlines()))


def environment(threads: int, caches: Path) -> dict[str, str]:
    """Equal threads for all, and a place for compiled code."""
    return {
        **os.environ,
        **{f"{name}_NUM_THREADS": str(threads) for name in ("OMP", "MKL", "OPENBLAS", "EPOCHAL")},
        "EPOCHAL_CACHE": str(caches / "epochal"),
        "TORCHINDUCTOR_CACHE_DIR": str(caches / "inductor"),
        "JAX_COMPILATION_CACHE_DIR": str(caches / "jax"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "",
    }


def _end(process: subprocess.Popen[str]) -> None:
    """Kills the process and what it started (torch.compile starts compilers), where there is any left."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.communicate()


def _reason(code: int, lines: Iterable[str]) -> str:
    """The exception's line, or which signal ended the process."""
    if code < 0:
        name = signal.Signals(-code).name
        return f"ended by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")
    said = [line.strip() for line in lines if line.strip()]
    errors = [line for line in said if "Error" in line.split(":")[0] or "Exception" in line.split(":")[0]]
    return (errors or said or [f"ended with code {code} and no output"])[-1][:200]
