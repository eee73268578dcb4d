"""From plans of loop nests to a kernel: its key, its buffers, what may share memory."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Sequence

from epochal.backends.native.emit import Register, Writer
from epochal.backends.native.fusion_group import Analysis
from epochal.backends.native.kernel import ALIASES, Kernel, Launch, Slabs, Target
from epochal.backends.native.loops import Nest
from epochal.backends.native.loops_plan import Plan, keeps_to_its_rows, stays
from epochal.backends.native.movement import linear, sizes
from epochal.ir import Value
from epochal.ir.key import parameter_key

SCRATCH_ALIGNMENT = 64


def nest_launch(plans: Sequence[Plan], needed: Container[Value], renamed: dict[Value, Value] | None = None) -> Launch:
    """One kernel that runs nests one after another (several only if each is one piece).

    Args:
        plans: The nests.
        needed: Values that others read; other results of a nest live in scratch memory.
        renamed: Results that stand in for another value, by that they are stored to.
    """
    renamed = renamed or {}
    made = list(dict.fromkeys(result for plan in plans for result in plan.group.results))
    inside = set(made)
    originals = {original: copy for copy, original in renamed.items()}
    inputs: dict[Value, None] = {}
    aliases: dict[Value, Value] = {}  # reads of a result made here, under another name
    for plan in plans:
        for value in plan.analysis.inputs:
            held = memory_root(value)
            held = originals.get(held, held)
            if held not in inside:
                inputs[value] = None
            elif value is not held:
                aliases[value] = held
    outputs = [root for root in made if len(plans) == 1 or renamed.get(root, root) in needed]
    scratch = [root for root in made if root not in outputs]
    buffers = {value: index for index, value in enumerate((*inputs, *outputs))}
    offsets, total = _layout(scratch)
    kernel = Kernel(
        key=_key(plans, list(inputs), outputs, scratch, aliases),
        emit=_emitter(tuple(plans), buffers, offsets, aliases),
        pieces=max(plan.pieces for plan in plans),
        cost=sum(plan.cost for plan in plans),
        scratch=total,
        inplace=_inplace(plans, list(inputs), outputs),
        slabs=_slabs(plans, list(inputs), outputs),
    )
    return Launch(kernel, tuple(inputs), tuple(renamed.get(value, value) for value in outputs))


def memory_root(value: Value) -> Value:
    """The value whose memory `value` is."""
    while value.node.operator.name in ALIASES:
        value = value.node.inputs[0]
    return value


def _layout(values: Sequence[Value]) -> tuple[dict[Value, int], int]:
    offsets, total = {}, 0
    for value in values:
        offsets[value] = total
        total += -(-value.type.bytes // SCRATCH_ALIGNMENT) * SCRATCH_ALIGNMENT
    return offsets, total


def _emitter(
    plans: tuple[Plan, ...], buffers: dict[Value, int], offsets: dict[Value, int], aliases: dict[Value, Value]
) -> Callable[[Target], str]:
    def emit(target: Target) -> str:
        writer = Writer(target)
        pointers = {value: writer.argument(index) for value, index in buffers.items()}
        for value, offset in offsets.items():
            pointers[value] = writer.offset(Register("%scratch", "ptr"), "i8", offset)
        pointers.update((value, pointers[original]) for value, original in aliases.items())
        for plan in plans:
            Nest(writer, plan, pointers).write(Register("%begin", "i64"), Register("%end", "i64"))
        return writer.module()

    return emit


def _key(
    plans: Sequence[Plan],
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    scratch: Sequence[Value],
    aliases: dict[Value, Value],
) -> str:
    """Digest of the nests' structure: domains, nodes, wiring, buffers."""
    digest = hashlib.blake2b(digest_size=20)
    numbers: dict[Value, int] = {}
    for value in inputs:
        numbers[value] = len(numbers)
        digest.update(f"{value.type};".encode())
    for plan in plans:
        domain = plan.analysis.domain
        digest.update(
            f"nest {domain.key()} {plan.reduce_chunk} {plan.pieces} {plan.block} {plan.vector_chunk}".encode()
        )
        for node in sorted(plan.group.members, key=lambda node: node.serial):
            for value in node.inputs:
                if value not in numbers and value.node.operator.name == "constant":
                    numbers[value] = len(numbers)
                    digest.update(parameter_key(value.node.parameters["value"]))
            operands = ",".join(str(numbers.get(aliases.get(value, value), value.type)) for value in node.inputs)
            digest.update(f"{node.operator.name}({operands})".encode())
            for name in sorted(node.parameters):
                digest.update(name.encode() + parameter_key(node.parameters[name]))
            for output in node.outputs:
                digest.update(f"{output.type};".encode())
                numbers[output] = len(numbers)
        digest.update(",".join(str(numbers[root]) for root in plan.group.roots).encode())
        for part, joins in plan.group.joins.items():
            for join in joins:
                whole = numbers.setdefault(join.whole, len(numbers))
                digest.update(f"{numbers[part]} in {whole} {join.whole.type} {join.axis} {join.start}".encode())
    for kind, values in (("out", outputs), ("scratch", scratch)):
        digest.update(f"{kind} {[numbers[value] for value in values]}".encode())
    return "nest" + digest.hexdigest()


def _slabs(plans: Sequence[Plan], inputs: Sequence[Value], outputs: Sequence[Value]) -> Slabs | None:
    """Operands of which each piece touches its own rows alone."""
    plan = plans[0]
    if plan.cut is None or len(plans) > 1:
        return None
    analysis = plan.analysis
    astray = {demand.value for demand in analysis.loads if not keeps_to_its_rows(plan, demand)}
    stores = [store for stores in analysis.stores.values() for store in stores]
    astray.update(value for value, form in stores if not stays(plan, form, value.type.size))
    kept = frozenset(position for position, value in enumerate((*inputs, *outputs)) if value not in astray)
    return Slabs(plan.cut.rows, plan.cut.block, kept)


def _inplace(plans: Sequence[Plan], inputs: Sequence[Value], outputs: Sequence[Value]) -> frozenset[tuple[int, int]]:
    """Pairs that may share memory: nothing reads the input after the result's nest, which reads it in step."""
    pairs = set()
    for number, result in enumerate(outputs):
        home = next((index for index, plan in enumerate(plans) if result in plan.group.roots), None)
        if home is None:
            continue  # put together from parts
        for position, value in enumerate(inputs):
            if value.type.bytes != result.type.bytes or value.dtype.itemsize != result.dtype.itemsize:
                continue
            if any(value in plan.analysis.inputs for plan in plans[home + 1 :]):
                continue
            if _in_step(plans[home], value, result):
                pairs.add((position, number))
    return frozenset(pairs)


def _in_step(plan: Plan, value: Value, result: Value) -> bool:
    analysis = plan.analysis
    if plan.reduce_chunk:
        return False
    if plan.stages and result not in plan.stages[-1].roots and result not in plan.after[-1]:
        return False  # what comes after it in the nest may read the operand
    return all(
        not demand.guard and _same_place(analysis, demand.place, value, result)
        for demand in analysis.loads
        if demand.value is value
    )


def _same_place(analysis: Analysis, index: tuple[object, ...], value: Value, result: Value) -> bool:
    return [linear(index, sizes(value))] == [form for _, form in analysis.stores[result]]  # type: ignore[arg-type]
