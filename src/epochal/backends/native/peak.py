"""What this processor can do at most: arithmetic and traffic with memory, as measured.

The two roofs of the roofline model (Williams et al. 2009).
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from epochal.backends.native import engine
from epochal.backends.native.kernel import Target
from epochal.backends.native.workers import aligned

LOOPS = 400_000
STREAM_BYTES = 24 << 20
"""Of each of the two arrays that are copied: beyond most caches that one core has to itself."""

_FUNCTION = ctypes.CFUNCTYPE(ctypes.c_float, ctypes.c_int64, ctypes.c_float)


@dataclass(frozen=True, slots=True)
class Peak:
    """Measured roofs.

    Attributes:
        operations: Float32 operations a second.
        bytes: Bytes read and written a second, in memory.
    """

    operations: float
    bytes: float


def measure(threads: int, repeat: int = 4) -> Peak:
    """The best of some attempts by so many threads at once, each some milliseconds long."""
    arrays = [(aligned(STREAM_BYTES, np.uint8), aligned(STREAM_BYTES, np.uint8)) for _ in range(threads)]
    for pair in arrays:
        pair[0][:], pair[1][:] = 1, 2
    copies = [_copy(*pair) for pair in arrays]
    return Peak(
        operations(threads, repeat), 2.0 * STREAM_BYTES * threads / min(_seconds(copies) for _ in range(repeat))
    )


def operations(threads: int, repeat: int, loops: int = LOOPS) -> float:
    """Float32 operations a second of so many threads at once, the best of some attempts of `loops` rounds each."""
    target = engine.target()
    count = _accumulators(target)
    source = engine.Source(f"peak {count} {target.fused}", lambda: _text(target), ("kernel",))
    code = engine.engine().load_sources([source])[source.key]
    function = _FUNCTION(code.address)
    work = 2.0 * loops * count * (target.vector_bytes // 4) * threads
    jobs: list[Callable[[], Any]] = [lambda: function(loops, 0.5)] * threads
    return work / min(_seconds(jobs) for _ in range(repeat))


def _copy(destination: Any, source: Any) -> Callable[[], Any]:
    return lambda: np.copyto(destination, source)


def _seconds(jobs: list[Callable[[], Any]]) -> float:
    """Until the slowest job is done, all at once; they let go of Python's lock meanwhile."""
    ready = threading.Barrier(len(jobs))
    spans: list[tuple[float, float]] = []

    def run(job: Callable[[], Any]) -> None:
        ready.wait()
        start = time.perf_counter()
        job()
        spans.append((start, time.perf_counter()))

    others = [threading.Thread(target=run, args=(job,), daemon=True) for job in jobs[1:]]
    for other in others:
        other.start()
    run(jobs[0])
    for other in others:
        other.join()
    return max(end for _, end in spans) - min(start for start, _ in spans)


def _accumulators(target: Target) -> int:
    """Enough to hide the latency of two units (4 cycles each), few enough for the registers."""
    return 20 if target.registers == 32 else 12


def _text(target: Target) -> str:
    """Multiplications and additions of registers alone: ``kernel(loops, x)``."""
    count, lanes = _accumulators(target), target.vector_bytes // 4
    vector = f"<{lanes} x float>"
    indices = range(count)
    phis = "\n".join(f"  %a{i} = phi {vector} [ %spread, %entry ], [ %b{i}, %loop ]" for i in indices)
    fused = f"  %b# = call {vector} @llvm.fma.v{lanes}f32({vector} %a#, {vector} %spread, {vector} %one)"
    apart = f"  %m# = fmul {vector} %a#, %spread\n  %b# = fadd {vector} %m#, %one"
    steps = "\n".join((fused if target.fused else apart).replace("#", str(i)) for i in indices)
    sums = "\n".join(f"  %s{i} = fadd {vector} {f'%s{i - 1}' if i > 1 else '%b0'}, %b{i}" for i in range(1, count))
    return f"""
declare {vector} @llvm.fma.v{lanes}f32({vector}, {vector}, {vector})

define float @kernel(i64 %loops, float %x) #0 {{
entry:
  %first = insertelement {vector} poison, float %x, i32 0
  %spread = shufflevector {vector} %first, {vector} poison, <{lanes} x i32> zeroinitializer
  %doubled = fadd {vector} %spread, %spread
  %one = fmul {vector} %doubled, %spread
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
{phis}
{steps}
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %loops
  br i1 %more, label %loop, label %done
done:
{sums}
  %result = extractelement {vector} %s{count - 1}, i32 0
  ret float %result
}}
"""
