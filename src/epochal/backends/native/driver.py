"""The byte-code driver: one small function of machine code that runs a whole program from a table of records.

Every thread walks the same records on its own, with its own frame (position, loop counters, pointers of arguments),
so that jumps and loops need no exchange: a predicate is read by all after the barrier that its writer requires. A
parallel record is cut into contiguous ranges of pieces, one a thread; a serial one runs on thread 0. Barriers stand
only where `records` found a hazard between threads.

Memory layout (i64 words unless said otherwise)::

    context   0 records   1 frames   2 bytes a frame   3 byte offset of the slots in a frame
              4 scratch   5 scratch bytes a thread     6 threads   7 pauses before sleeping   8 system
              16 arrived (i32)   24 generation (i32), sleepers (i32)   32 error (i32), snapshot (i32)
              33 one more than the record that failed
              40... mailboxes of threads 1, 2, ...
    frame     0 position   1 runs left   2... loop counters, then the slots: pointers of arguments
    record    8 words: kind | flags, and what `KIND_...` says
    mailbox   i32: 0 sequence, 1 sleepers, 2 quit, 16 done, 17 joiners; i64: 2 context, 3 thread
    system    0 mode (1 futex, 0 sleep)   1 address of syscall or of the sleep function
              2 number of futex (or the longest sleep)   3 wait operation   4 wake operation   5 the shortest sleep
              6 address of the yield function   7 pauses between yields, a power of two, minus one

Spinning threads yield now and then: two of them may have been put on one core, where the spinning one would keep the
other from ever arriving.

When all have arrived at a barrier, the last one copies the error flag beside it before it lets the others go, so
that all take the same decision to stop.
"""

from __future__ import annotations

import hashlib
import platform
from functools import partial
from typing import Final

from epochal.backends.native import driver_ticks
from epochal.backends.native.engine import Code, Source, engine

RECORD_WORDS: Final = 8
FRAME_COUNTERS: Final = 2
CONTEXT_BLAME: Final = 33
CONTEXT_MAILBOXES: Final = 40

KIND_KERNEL: Final = 0  # 1 function, 2 first slot, 3 pieces
KIND_COPY: Final = 1  # 1 bytes a piece, 2 slot of the destination (the source's follows), 3 bytes
KIND_JUMP: Final = 2  # 1 target
KIND_JUMP_IF_FALSE: Final = 3  # 1 target, 2 slot of the predicate
KIND_LOOP_BEGIN: Final = 4  # 1 counter, 2 limit, 3 target if the limit is 0
KIND_LOOP_END: Final = 5  # 1 counter, 2 limit, 3 target, 4 patches (pairs: slot, stride), 5 how many
KIND_STOP: Final = 6  # 1 status to return; resumes at the next record
KIND_END: Final = 7

FLAG_BARRIER: Final = 256
FLAG_PARALLEL: Final = 512

_PAUSE: Final = {
    "x86": ("declare void @llvm.x86.sse2.pause()", "call void @llvm.x86.sse2.pause()"),
    "arm": ("declare void @llvm.aarch64.hint(i32)", "call void @llvm.aarch64.hint(i32 1)"),
    "other": ("", "fence seq_cst"),
}

# What `run` is called in: rounding as ever, but denormal results and operands are zero, as in TensorFlow's kernels. A
# processor takes some 150 cycles for each, and an optimizer's moments of what has no gradient (the rows of an embedding
# that no batch names) come to rest at the smallest denormal numbers, never at zero.
_FLUSHED: Final = {
    "x86": """
declare void @llvm.x86.sse.stmxcsr(ptr)
declare void @llvm.x86.sse.ldmxcsr(ptr)

define internal i64 @run_flushed(ptr %context, i64 %thread) {
entry:
  %saved = alloca i32
  %used = alloca i32
  call void @llvm.x86.sse.stmxcsr(ptr %saved)
  %before = load i32, ptr %saved
  %flushing = or i32 %before, 32832
  store i32 %flushing, ptr %used
  call void @llvm.x86.sse.ldmxcsr(ptr %used)
  %status = call i64 @run(ptr %context, i64 %thread)
  call void @llvm.x86.sse.ldmxcsr(ptr %saved)
  ret i64 %status
}
""",
    "arm": """
declare i64 @llvm.aarch64.get.fpcr()
declare void @llvm.aarch64.set.fpcr(i64)

define internal i64 @run_flushed(ptr %context, i64 %thread) {
entry:
  %before = call i64 @llvm.aarch64.get.fpcr()
  %flushing = or i64 %before, 16777216
  call void @llvm.aarch64.set.fpcr(i64 %flushing)
  %status = call i64 @run(ptr %context, i64 %thread)
  call void @llvm.aarch64.set.fpcr(i64 %before)
  ret i64 %status
}
""",
    "other": """
define internal i64 @run_flushed(ptr %context, i64 %thread) {
entry:
  %status = call i64 @run(ptr %context, i64 %thread)
  ret i64 %status
}
""",
}

_WAITING: Final = """
define void @spin(i64 %count) {
entry:
  br label %loop
loop:
  %i = phi i64 [0, %entry], [%next, %loop]
  PAUSE
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, %count
  br i1 %more, label %loop, label %out
out:
  ret void
}

define internal void @wait(ptr %word, i32 %old, ptr %sleepers, i64 %spin, ptr %system) {
entry:
  %yield.p = getelementptr i64, ptr %system, i64 6
  %yield = load ptr, ptr %yield.p
  %mask.p = getelementptr i64, ptr %system, i64 7
  %mask = load i64, ptr %mask.p
  br label %spinning
spinning:
  %i = phi i64 [0, %entry], [%next, %on], [%next, %yielding]
  %seen = load atomic i32, ptr %word acquire, align 4
  %changed = icmp ne i32 %seen, %old
  br i1 %changed, label %out, label %pausing
pausing:
  PAUSE
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, %spin
  br i1 %more, label %on, label %falling_asleep
on:
  %low = and i64 %next, %mask
  %due = icmp eq i64 %low, 0
  br i1 %due, label %yielding, label %spinning
yielding:
  %none = call i32 %yield()
  br label %spinning
falling_asleep:
  %before = atomicrmw add ptr %sleepers, i32 1 seq_cst
  %mode = load i64, ptr %system
  %address.p = getelementptr i64, ptr %system, i64 1
  %function = load ptr, ptr %address.p
  %number.p = getelementptr i64, ptr %system, i64 2
  %number = load i64, ptr %number.p
  %operation.p = getelementptr i64, ptr %system, i64 3
  %operation = load i64, ptr %operation.p
  %duration.p = getelementptr i64, ptr %system, i64 5
  %duration64 = load i64, ptr %duration.p
  %shortest = trunc i64 %duration64 to i32
  %longest = trunc i64 %number to i32
  %futex = icmp eq i64 %mode, 1
  %old64 = zext i32 %old to i64
  br label %sleeping
sleeping:
  %duration = phi i32 [%shortest, %falling_asleep], [%duration, %by_futex], [%longer, %by_time]
  %again = load atomic i32, ptr %word seq_cst, align 4
  %woken = icmp ne i32 %again, %old
  br i1 %woken, label %awake, label %sleep
sleep:
  br i1 %futex, label %by_futex, label %by_time
by_futex:
  %ignored = call i64 (i64, ...) %function(
    i64 %number, ptr %word, i64 %operation, i64 %old64, ptr null, ptr null, i64 0)
  br label %sleeping
by_time:
  call void %function(i32 %duration)
  %doubled = shl i32 %duration, 1
  %within = icmp ult i32 %doubled, %longest
  %longer = select i1 %within, i32 %doubled, i32 %longest
  br label %sleeping
awake:
  %after = atomicrmw sub ptr %sleepers, i32 1 seq_cst
  br label %out
out:
  ret void
}

define internal void @wake(ptr %word, ptr %sleepers, ptr %system) {
entry:
  %count = load atomic i32, ptr %sleepers seq_cst, align 4
  %any = icmp ne i32 %count, 0
  %mode = load i64, ptr %system
  %futex = icmp eq i64 %mode, 1
  %both = and i1 %any, %futex
  br i1 %both, label %call, label %out
call:
  %address.p = getelementptr i64, ptr %system, i64 1
  %function = load ptr, ptr %address.p
  %number.p = getelementptr i64, ptr %system, i64 2
  %number = load i64, ptr %number.p
  %operation.p = getelementptr i64, ptr %system, i64 4
  %operation = load i64, ptr %operation.p
  %ignored = call i64 (i64, ...) %function(
    i64 %number, ptr %word, i64 %operation, i64 2147483647, ptr null, ptr null, i64 0)
  br label %out
out:
  ret void
}

define internal void @barrier(ptr %context, i32 %threads, i64 %spin, ptr %system) {
entry:
  %arrived = getelementptr i64, ptr %context, i64 16
  %generation = getelementptr i64, ptr %context, i64 24
  %sleepers = getelementptr i32, ptr %context, i64 49
  %old = load atomic i32, ptr %generation acquire, align 4
  %before = atomicrmw add ptr %arrived, i32 1 acq_rel
  %others = sub i32 %threads, 1
  %last = icmp eq i32 %before, %others
  br i1 %last, label %release, label %wait
release:
  store atomic i32 0, ptr %arrived release, align 4
  %error = getelementptr i64, ptr %context, i64 32
  %snapshot = getelementptr i32, ptr %context, i64 65
  %code = load i32, ptr %error
  store i32 %code, ptr %snapshot
  %new = add i32 %old, 1
  store atomic i32 %new, ptr %generation seq_cst, align 4
  call void @wake(ptr %generation, ptr %sleepers, ptr %system)
  ret void
wait:
  call void @wait(ptr %generation, i32 %old, ptr %sleepers, i64 %spin, ptr %system)
  ret void
}
"""

_RUN: Final = """
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
declare i64 @llvm.umin.i64(i64, i64)

define internal i64 @run(ptr %context, i64 %thread) {
entry:
  %records = load ptr, ptr %context
  %frames.p = getelementptr i64, ptr %context, i64 1
  %frames = load ptr, ptr %frames.p
  %frame_bytes.p = getelementptr i64, ptr %context, i64 2
  %frame_bytes = load i64, ptr %frame_bytes.p
  %slots_offset.p = getelementptr i64, ptr %context, i64 3
  %slots_offset = load i64, ptr %slots_offset.p
  %scratches.p = getelementptr i64, ptr %context, i64 4
  %scratches = load ptr, ptr %scratches.p
  %scratch_bytes.p = getelementptr i64, ptr %context, i64 5
  %scratch_bytes = load i64, ptr %scratch_bytes.p
  %threads.p = getelementptr i64, ptr %context, i64 6
  %threads = load i64, ptr %threads.p
  %threads32 = trunc i64 %threads to i32
  %spin.p = getelementptr i64, ptr %context, i64 7
  %spin = load i64, ptr %spin.p
  %system.p = getelementptr i64, ptr %context, i64 8
  %system = load ptr, ptr %system.p
  %error = getelementptr i64, ptr %context, i64 32
  %snapshot = getelementptr i32, ptr %context, i64 65
  %blame.p = getelementptr i64, ptr %context, i64 33
  %frame_offset = mul i64 %frame_bytes, %thread
  %frame = getelementptr i8, ptr %frames, i64 %frame_offset
  %counters = getelementptr i64, ptr %frame, i64 2
  %slots = getelementptr i8, ptr %frame, i64 %slots_offset
  %scratch_offset = mul i64 %scratch_bytes, %thread
  %scratch = getelementptr i8, ptr %scratches, i64 %scratch_offset
  %alone = icmp eq i64 %threads, 1
  %first = icmp eq i64 %thread, 0
  %thread_after = add i64 %thread, 1
  %start = load i64, ptr %frame
  ; ticks: begin
  br label %fetch

fetch:
  %at = phi i64 [%start, %entry], [%following, %next], [%jump.to, %jump]
  %record = getelementptr [8 x i64], ptr %records, i64 %at
  ; ticks: fetch
  %word1.p = getelementptr i64, ptr %record, i64 1
  %word2.p = getelementptr i64, ptr %record, i64 2
  %word3.p = getelementptr i64, ptr %record, i64 3
  %head = load i64, ptr %record
  %word1 = load i64, ptr %word1.p
  %word2 = load i64, ptr %word2.p
  %word3 = load i64, ptr %word3.p
  %slot = getelementptr i64, ptr %slots, i64 %word2
  %following = add i64 %at, 1
  %barrier.flag = and i64 %head, 256
  %barrier.set = icmp ne i64 %barrier.flag, 0
  %together = xor i1 %alone, true
  %barrier.needed = and i1 %barrier.set, %together
  br i1 %barrier.needed, label %meet, label %dispatch
meet:
  call void @barrier(ptr %context, i32 %threads32, i64 %spin, ptr %system)
  %met = load i32, ptr %snapshot
  %met.failed = icmp ne i32 %met, 0
  br i1 %met.failed, label %failed, label %dispatch
dispatch:
  ; ticks: met
  %kind = and i64 %head, 255
  %parallel.flag = and i64 %head, 512
  %parallel.set = icmp ne i64 %parallel.flag, 0
  %parallel = and i1 %parallel.set, %together
  switch i64 %kind, label %failed [
    i64 0, label %work
    i64 1, label %work
    i64 2, label %always
    i64 3, label %if_false
    i64 4, label %loop_begin
    i64 5, label %loop_end
    i64 6, label %stop
    i64 7, label %end
  ]

work:
  %is_copy = icmp eq i64 %kind, 1
  br i1 %is_copy, label %count_blocks, label %counted
count_blocks:
  %blocks.up = add i64 %word3, %word1
  %blocks.last = sub i64 %blocks.up, 1
  %blocks = udiv i64 %blocks.last, %word1
  br label %counted
counted:
  %pieces = phi i64 [%word3, %work], [%blocks, %count_blocks]
  br i1 %parallel, label %share, label %serial
share:
  %low = mul i64 %pieces, %thread
  %begin.part = udiv i64 %low, %threads
  %high = mul i64 %pieces, %thread_after
  %end.part = udiv i64 %high, %threads
  br label %range
serial:
  br i1 %first, label %range, label %next
range:
  %begin = phi i64 [%begin.part, %share], [0, %serial]
  %finish = phi i64 [%end.part, %share], [%pieces, %serial]
  %some = icmp ult i64 %begin, %finish
  br i1 %some, label %perform, label %next
perform:
  br i1 %is_copy, label %copy, label %kernel
kernel:
  %function = inttoptr i64 %word1 to ptr
  call void %function(ptr %slot, i64 %begin, i64 %finish, ptr %scratch, ptr %error)
  ; ticks: kernel
  %code = load i32, ptr %error
  %code.set = icmp ne i32 %code, 0
  br i1 %code.set, label %blame, label %next
blame:
  %blamed = load i64, ptr %blame.p
  %unknown = icmp eq i64 %blamed, 0
  %culprit = select i1 %unknown, i64 %following, i64 %blamed
  store i64 %culprit, ptr %blame.p
  br i1 %alone, label %failed, label %next
copy:
  %destination = load ptr, ptr %slot
  %source.p = getelementptr i64, ptr %slot, i64 1
  %source = load ptr, ptr %source.p
  %from = mul i64 %begin, %word1
  %to.block = mul i64 %finish, %word1
  %to = call i64 @llvm.umin.i64(i64 %to.block, i64 %word3)
  %length = sub i64 %to, %from
  %destination.from = getelementptr i8, ptr %destination, i64 %from
  %source.from = getelementptr i8, ptr %source, i64 %from
  call void @llvm.memcpy.p0.p0.i64(ptr %destination.from, ptr %source.from, i64 %length, i1 false)
  ; ticks: copy
  br label %next

always:
  br label %jump
if_false:
  %predicate.p = load ptr, ptr %slot
  %predicate = load i8, ptr %predicate.p
  %is_false = icmp eq i8 %predicate, 0
  br i1 %is_false, label %jump, label %next
loop_begin:
  %counter.begin = getelementptr i64, ptr %counters, i64 %word1
  store i64 0, ptr %counter.begin
  %empty = icmp eq i64 %word2, 0
  br i1 %empty, label %jump3, label %next
loop_end:
  %counter = getelementptr i64, ptr %counters, i64 %word1
  %old = load i64, ptr %counter
  %new = add i64 %old, 1
  store i64 %new, ptr %counter
  %again = icmp ult i64 %new, %word2
  %patches.p = getelementptr i64, ptr %record, i64 4
  %patches = load ptr, ptr %patches.p
  %count.p = getelementptr i64, ptr %record, i64 5
  %count = load i64, ptr %count.p
  %rewind = sub i64 1, %word2
  %steps = select i1 %again, i64 1, i64 %rewind
  br label %patch
patch:
  %i = phi i64 [0, %loop_end], [%i.next, %patch.one]
  %more = icmp ult i64 %i, %count
  br i1 %more, label %patch.one, label %patched
patch.one:
  %pair = getelementptr [2 x i64], ptr %patches, i64 %i
  %which = load i64, ptr %pair
  %stride.p = getelementptr i64, ptr %pair, i64 1
  %stride = load i64, ptr %stride.p
  %move = mul i64 %stride, %steps
  %patched.p = getelementptr i64, ptr %slots, i64 %which
  %pointer = load i64, ptr %patched.p
  %moved = add i64 %pointer, %move
  store i64 %moved, ptr %patched.p
  %i.next = add i64 %i, 1
  br label %patch
patched:
  br i1 %again, label %jump3, label %next
jump3:
  br label %jump
jump:
  %jump.to = phi i64 [%word1, %always], [%word1, %if_false], [%word3, %jump3], [0, %again.run]
  br label %fetch
next:
  br label %fetch

stop:
  store i64 %following, ptr %frame
  ret i64 %word1
end:
  %left.p = getelementptr i64, ptr %frame, i64 1
  %left = load i64, ptr %left.p
  %left.new = sub i64 %left, 1
  store i64 %left.new, ptr %left.p
  %finished = icmp eq i64 %left.new, 0
  br i1 %finished, label %done, label %again.run
again.run:
  br label %jump
done:
  store i64 0, ptr %frame
  ret i64 0
failed:
  ret i64 -1
}
"""

_ENTRY: Final = """
define i64 @launch(ptr %context, i64 %count) {
entry:
  %frames.p = getelementptr i64, ptr %context, i64 1
  %frames = load ptr, ptr %frames.p
  %frame_bytes.p = getelementptr i64, ptr %context, i64 2
  %frame_bytes = load i64, ptr %frame_bytes.p
  %threads.p = getelementptr i64, ptr %context, i64 6
  %threads = load i64, ptr %threads.p
  %spin.p = getelementptr i64, ptr %context, i64 7
  %spin = load i64, ptr %spin.p
  %system.p = getelementptr i64, ptr %context, i64 8
  %system = load ptr, ptr %system.p
  %error = getelementptr i64, ptr %context, i64 32
  %mailboxes = getelementptr i64, ptr %context, i64 39
  %fresh = icmp ne i64 %count, 0
  br i1 %fresh, label %prepare, label %post
prepare:
  %blame.p = getelementptr i64, ptr %context, i64 33
  store i64 0, ptr %error
  store i64 0, ptr %blame.p
  br label %frame
frame:
  %t = phi i64 [0, %prepare], [%t.next, %frame]
  %offset = mul i64 %t, %frame_bytes
  %position = getelementptr i8, ptr %frames, i64 %offset
  %left = getelementptr i64, ptr %position, i64 1
  store i64 0, ptr %position
  store i64 %count, ptr %left
  %t.next = add i64 %t, 1
  %t.more = icmp ult i64 %t.next, %threads
  br i1 %t.more, label %frame, label %post
post:
  br label %post.test
post.test:
  %p = phi i64 [1, %post], [%p.next, %post.one]
  %p.more = icmp ult i64 %p, %threads
  br i1 %p.more, label %post.one, label %work
post.one:
  %p.box.p = getelementptr ptr, ptr %mailboxes, i64 %p
  %p.box = load ptr, ptr %p.box.p
  %p.context = getelementptr i64, ptr %p.box, i64 2
  store ptr %context, ptr %p.context
  %p.thread = getelementptr i64, ptr %p.box, i64 3
  store i64 %p, ptr %p.thread
  %p.before = atomicrmw add ptr %p.box, i32 1 seq_cst
  %p.sleepers = getelementptr i32, ptr %p.box, i64 1
  call void @wake(ptr %p.box, ptr %p.sleepers, ptr %system)
  %p.next = add i64 %p, 1
  br label %post.test
work:
  %status = call i64 @run_flushed(ptr %context, i64 0)
  br label %join.test
join.test:
  %j = phi i64 [1, %work], [%j, %join.wait], [%j.next, %joined]
  %j.more = icmp ult i64 %j, %threads
  br i1 %j.more, label %join.one, label %out
join.one:
  %j.box.p = getelementptr ptr, ptr %mailboxes, i64 %j
  %j.box = load ptr, ptr %j.box.p
  %j.sequence = load i32, ptr %j.box
  %j.done.p = getelementptr i32, ptr %j.box, i64 16
  %j.joiners = getelementptr i32, ptr %j.box, i64 17
  %j.done = load atomic i32, ptr %j.done.p acquire, align 4
  %j.finished = icmp eq i32 %j.done, %j.sequence
  br i1 %j.finished, label %joined, label %join.wait
join.wait:
  call void @wait(ptr %j.done.p, i32 %j.done, ptr %j.joiners, i64 %spin, ptr %system)
  br label %join.test
joined:
  %j.next = add i64 %j, 1
  br label %join.test
out:
  %code = load i32, ptr %error
  %code64 = zext i32 %code to i64
  %failed = icmp ne i32 %code, 0
  %negative = sub i64 0, %code64
  %result = select i1 %failed, i64 %negative, i64 %status
  ret i64 %result
}

define void @park(ptr %box, i64 %spin, ptr %system) {
entry:
  %sleepers = getelementptr i32, ptr %box, i64 1
  %quit.p = getelementptr i32, ptr %box, i64 2
  %done.p = getelementptr i32, ptr %box, i64 16
  %joiners = getelementptr i32, ptr %box, i64 17
  %context.p = getelementptr i64, ptr %box, i64 2
  %thread.p = getelementptr i64, ptr %box, i64 3
  br label %idle
idle:
  %seen = load atomic i32, ptr %done.p acquire, align 4
  call void @wait(ptr %box, i32 %seen, ptr %sleepers, i64 %spin, ptr %system)
  %quit = load atomic i32, ptr %quit.p seq_cst, align 4
  %leave = icmp ne i32 %quit, 0
  br i1 %leave, label %out, label %work
work:
  %sequence = load atomic i32, ptr %box acquire, align 4
  %context = load ptr, ptr %context.p
  %thread = load i64, ptr %thread.p
  %ignored = call i64 @run_flushed(ptr %context, i64 %thread)
  store atomic i32 %sequence, ptr %done.p seq_cst, align 4
  call void @wake(ptr %done.p, ptr %joiners, ptr %system)
  br label %idle
out:
  ret void
}

define void @dismiss(ptr %box, ptr %system) {
entry:
  %sleepers = getelementptr i32, ptr %box, i64 1
  %quit = getelementptr i32, ptr %box, i64 2
  store atomic i32 1, ptr %quit seq_cst, align 4
  %before = atomicrmw add ptr %box, i32 1 seq_cst
  call void @wake(ptr %box, ptr %sleepers, ptr %system)
  ret void
}
"""

_EXPORTS: Final = ("launch", "park", "dismiss", "spin")


def text(ticking: bool = False) -> str:
    """The module: ``launch(context, count) -> status``, ``park(mailbox, pauses, system)``, which a worker enters,
    ``dismiss(mailbox, system)``, which makes it leave, and ``spin(pauses)``.

    `launch` runs the table `count` times (0: goes on after a stop) on the caller and the workers in the mailboxes.
    It returns 0 at the end, a stop's status, or minus the error code.

    Args:
        ticking: Whether it measures: threads add up in the table at word 9 of the context (word 10: bytes a thread),
            4 words a record, ticks spent at its barrier, ticks at work on it and how often they were; one more export,
            ``ticks() -> i64``, reads the clock.
    """
    machine = platform.machine().lower()
    family = "x86" if machine in ("x86_64", "amd64") else "arm" if machine in ("aarch64", "arm64") else "other"
    declaration, pause = _PAUSE[family]
    run = _RUN
    if ticking:
        declaration, run = declaration + driver_ticks.clock(family), driver_ticks.measuring(run, family)
    return declaration + (_WAITING + run + _FLUSHED[family] + _ENTRY).replace("PAUSE", pause)


def load(ticking: bool = False) -> Code:
    """The driver's code; see `text`."""
    key = "driver " + hashlib.blake2b(text(ticking).encode(), digest_size=20).hexdigest()
    exports = (*_EXPORTS, "ticks") if ticking else _EXPORTS
    return engine().load_sources([Source(key, partial(text, ticking), exports)])[key]
