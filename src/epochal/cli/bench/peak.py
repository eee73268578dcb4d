"""The float32 peak: what a loop of fused multiplications and additions reaches that touches registers alone."""

from __future__ import annotations

import ctypes
import threading
import time
from typing import Any

from epochal.backends.native import engine
from epochal.backends.native.kernel import Target

LOOPS = 8_000_000
_FUNCTION = ctypes.CFUNCTYPE(ctypes.c_float, ctypes.c_int64, ctypes.c_float)


def measure(threads: int, repeat: int = 20) -> float:
    """Operations a second of `threads` threads at once, the best of some attempts."""
    target = engine.target()
    count = _accumulators(target)
    source = engine.Source(f"peak of float32, {count}", lambda: _text(target), ("kernel",))
    code = engine.engine().load_sources([source])[source.key]
    function = _FUNCTION(code.address)
    work = 2.0 * LOOPS * count * (target.vector_bytes // 4)
    return max(threads * work / _seconds(function, threads) for _ in range(repeat))


def _seconds(function: Any, threads: int) -> float:
    """Until the slowest of the threads is done; ctypes lets go of Python's lock meanwhile."""
    ready = threading.Barrier(threads + 1)
    workers = [threading.Thread(target=_work, args=(function, ready), daemon=True) for _ in range(threads)]
    for worker in workers:
        worker.start()
    ready.wait()
    start = time.perf_counter()
    for worker in workers:
        worker.join()
    return time.perf_counter() - start


def _work(function: Any, ready: threading.Barrier) -> None:
    ready.wait()
    function(LOOPS, 0.5)


def _accumulators(target: Target) -> int:
    """Enough to hide the latency of two units (4 cycles each), few enough for the registers."""
    return 20 if target.registers == 32 else 12


def _text(target: Target) -> str:
    count, vector = _accumulators(target), f"<{target.vector_bytes // 4} x float>"
    indices = range(count)
    phis = "\n".join(f"  %a{i} = phi {vector} [ %spread, %entry ], [ %b{i}, %loop ]" for i in indices)
    if target.fused:
        step = f"  %b{{i}} = call {vector} @fma({vector} %a{{i}}, {vector} %spread, {vector} %one)"
    else:
        step = f"  %m{{i}} = fmul {vector} %a{{i}}, %spread\n  %b{{i}} = fadd {vector} %m{{i}}, %one"
    step = step.replace("@fma", f"@llvm.fma.v{target.vector_bytes // 4}f32")
    steps = "\n".join(step.replace("{i}", str(i)) for i in indices)
    sums = "\n".join(f"  %s{i} = fadd {vector} {f'%s{i - 1}' if i > 1 else '%b0'}, %b{i}" for i in range(1, count))
    return f"""
declare {vector} @llvm.fma.v{target.vector_bytes // 4}f32({vector}, {vector}, {vector})

define float @kernel(i64 %loops, float %x) #0 {{
entry:
  %first = insertelement {vector} poison, float %x, i32 0
  %spread = shufflevector {vector} %first, {vector} poison, <{target.vector_bytes // 4} x i32> zeroinitializer
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
  %r = extractelement {vector} %s{count - 1}, i32 0
  ret float %r
}}
"""
