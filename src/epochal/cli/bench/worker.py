"""Times one workload under one peer and prints the result as a line of JSON.

Run as a program, by an interpreter that may have no Epochal: ``worker.py PEER WORKLOAD REPEAT THREADS``.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
_workloads = importlib.import_module("workloads")


def main(peer: str, name: str, repeat: int, threads: int) -> dict[str, float | str]:
    """Best milliseconds a step over `repeat` epochs, after one that warms up, and the seconds that one took."""
    workload = _workloads.BY_NAME[name]
    x, y = workload.data()
    start = time.perf_counter()
    run = _epoch(peer, workload, x, y, threads)
    run()
    warm_up = time.perf_counter() - start
    best = float("inf")
    for _ in range(repeat):
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    steps = -(-len(x) // workload.batch_size)
    return {"peer": peer, "workload": name, "ms": best / steps * 1e3, "warm_up_s": warm_up}


def _epoch(peer, workload, x, y, threads) -> Callable[[], object]:  # type: ignore[no-untyped-def]
    if peer == "epochal":
        keras = importlib.import_module("epochal.keras")
        model = workload.build(keras)
        return lambda: model.fit(x, y, batch_size=workload.batch_size, epochs=1, verbose=0, num_threads=threads)
    if peer == "torch":
        torch = importlib.import_module("torch")
        torch.set_num_threads(threads)
        return importlib.import_module("torch_models").epoch(workload.name, x, y, workload.batch_size)
    os.environ["KERAS_BACKEND"] = peer.removeprefix("keras-")
    if peer == "keras-torch":
        importlib.import_module("torch").set_num_threads(threads)
    if peer == "keras-tensorflow":
        importlib.import_module("tensorflow").config.threading.set_intra_op_parallelism_threads(threads)
    keras = importlib.import_module("keras")
    model = workload.build(keras)
    return lambda: model.fit(x, y, batch_size=workload.batch_size, epochs=1, verbose=0)


if __name__ == "__main__":
    print("RESULT " + json.dumps(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))))
