"""What the driver does besides when it measures: code for the places that its text marks with comments."""

from __future__ import annotations

from typing import Final

_CLOCK: Final = """
declare i64 @llvm.COUNTER()

define i64 @ticks() {
entry:
  %now = call i64 @llvm.COUNTER()
  ret i64 %now
}

define internal void @note(ptr %row, i64 %from, i64 %to) {
entry:
  %work.p = getelementptr i64, ptr %row, i64 1
  %times.p = getelementptr i64, ptr %row, i64 2
  %spent = sub i64 %to, %from
  %work = load i64, ptr %work.p
  %more = add i64 %work, %spent
  store i64 %more, ptr %work.p
  %times = load i64, ptr %times.p
  %one.more = add i64 %times, 1
  store i64 %one.more, ptr %times.p
  ret void
}
"""

_TICKS: Final = {
    "begin": """
  %ticks.p = getelementptr i64, ptr %context, i64 9
  %ticks.all = load ptr, ptr %ticks.p
  %ticks.bytes.p = getelementptr i64, ptr %context, i64 10
  %ticks.bytes = load i64, ptr %ticks.bytes.p
  %ticks.offset = mul i64 %ticks.bytes, %thread
  %ticks.mine = getelementptr i8, ptr %ticks.all, i64 %ticks.offset
""",
    "fetch": """
  %ticks.row = getelementptr [4 x i64], ptr %ticks.mine, i64 %at
  %ticks.fetched = call i64 @llvm.COUNTER()
""",
    "met": """
  %ticks.met = call i64 @llvm.COUNTER()
  %ticks.waited = sub i64 %ticks.met, %ticks.fetched
  %ticks.before = load i64, ptr %ticks.row
  %ticks.sum = add i64 %ticks.before, %ticks.waited
  store i64 %ticks.sum, ptr %ticks.row
""",
    "kernel": """
  %ticks.worked = call i64 @llvm.COUNTER()
  call void @note(ptr %ticks.row, i64 %ticks.met, i64 %ticks.worked)
""",
    "copy": """
  %ticks.copied = call i64 @llvm.COUNTER()
  call void @note(ptr %ticks.row, i64 %ticks.met, i64 %ticks.copied)
""",
}


def clock(family: str) -> str:
    """What reads the clock, and its function ``ticks``."""
    return _CLOCK.replace("COUNTER", _counter(family))


def measuring(run: str, family: str) -> str:
    """The text of the driver's `run`, its marks ``; ticks: ...`` replaced."""
    for place, code in _TICKS.items():
        mark = f"  ; ticks: {place}\n"
        assert run.count(mark) == 1, f"the driver marks {place!r} {run.count(mark)} times"
        run = run.replace(mark, code.replace("COUNTER", _counter(family)))
    return run


def _counter(family: str) -> str:
    # ARM's cycle counter traps outside the kernel; its steady one has 1 to 50 ns a tick.
    return "readcyclecounter" if family == "x86" else "readsteadycounter"
