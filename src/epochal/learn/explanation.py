"""What became of a model's step on its way to machine code, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from epochal.ir import Program
from epochal.learn.labels import label, part_of, work_of
from epochal.visualization.profile_page import document
from epochal.visualization.text_table import text_table

MIB = 2.0**20
_MOST_RULES = 8
_MOST_KERNELS = 40
_PRODUCTS = frozenset({"dot_general", "conv", "conv_weight_gradient", "conv_data_gradient"})


@dataclass(frozen=True)
class Section:
    """A part of an explanation: a heading and lines of text."""

    title: str
    lines: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join([self.title, "-" * len(self.title), *self.lines])


class Explanation:
    """Sections of text about one or several programs.

    Attributes:
        title: Of the whole.
        sections: In order.
    """

    def __init__(self, title: str, sections: Sequence[Section]) -> None:
        self.title = title
        self.sections = tuple(sections)

    def __str__(self) -> str:
        return "\n\n".join([self.title, *map(str, self.sections)])

    __repr__ = __str__

    def section(self, word: str) -> str:
        """The text of the sections whose title has `word` in it."""
        return "\n\n".join(str(one) for one in self.sections if word.lower() in one.title.lower())

    def to_html(self, path: Any) -> Path:
        """Writes a page that stands alone.

        Returns:
            The file.
        """
        body = "".join(
            f"<h2>{escape(one.title)}</h2><pre>{escape(chr(10).join(one.lines))}</pre>" for one in self.sections
        )
        file = Path(path)
        file.write_text(document(self.title, body), encoding="utf-8")
        return file


def sections_of(
    name: str,
    program: Program,
    optimised: Program,
    accounts: Sequence[Any],
    plan: Any,
    model: str,
    frozen: Sequence[str],
) -> list[Section]:
    """What there is to say about one program.

    Args:
        name: What it does.
        program: As traced.
        optimised: After the passes.
        accounts: What each pass did.
        plan: How it would run (`epochal.backends.native.explain.Plan`).
        model: The model's name, left out of the names of layers.
        frozen: Weights that training does not change.
    """
    return [
        Section(f"{name}: the passes", tuple(_passes(accounts))),
        Section(f"{name}: kernels", tuple(_kernels(plan, model))),
        Section(f"{name}: what went where", tuple(_layers(plan, model))),
        Section(f"{name}: what is not computed", tuple(_skipped(program, optimised, plan, model, frozen))),
        Section(f"{name}: memory", tuple(_memory(plan, model))),
        Section(f"{name}: schedule", tuple(_schedule(plan))),
    ]


def _passes(accounts: Sequence[Any]) -> list[str]:
    lines = [f"{accounts[0].before} nodes as traced, {accounts[-1].after} in the end."]
    for one in accounts:
        if not one.changed:
            continue
        lines.append(f"{one.name}: {one.before} -> {one.after} nodes")
        if one.fewer:
            lines.append(f"    fewer: {_counts(one.fewer)}")
        if one.more:
            lines.append(f"    more: {_counts(one.more)}")
        rules = list(one.rules.items())
        lines += [f"    {count} x {rule}" for rule, count in rules[:_MOST_RULES]]
        if len(rules) > _MOST_RULES:
            lines.append(f"    and {len(rules) - _MOST_RULES} rules more")
    idle = [one.name for one in accounts if not one.changed]
    if idle:
        lines.append(f"Nothing to do for: {', '.join(dict.fromkeys(idle))}.")
    return lines


def _counts(counts: dict[str, int], most: int = 8) -> str:
    shown = ", ".join(f"{count} {name}" for name, count in list(counts.items())[:most])
    return shown + (f", {sum(list(counts.values())[most:])} others" if len(counts) > most else "")


def _kernels(plan: Any, model: str) -> list[str]:
    total = sum(len(one.nodes) for one in plan.launches)
    lines = [
        f"{total} nodes run as {len(plan.launches)} launches of {plan.kernels} different kernels; "
        f"estimated {_time(plan.estimate)} on one core."
    ]
    rows = []
    numbered = sorted(enumerate(plan.launches, 1), key=lambda entry: -entry[1].estimate)
    for number, one in numbered[:_MOST_KERNELS]:
        layers = _parts(one, model)
        rows.append(
            (
                str(number),
                work_of(one.nodes, one.costs, one.helps, one.kind),
                _list(layers, most=3),
                one.method,
                str(len(one.nodes)),
                ", ".join(one.types[:2]) + (", ..." if len(one.types) > 2 else ""),
                _time(one.estimate) if one.kind == "kernel" else "Python",
                "all" if one.parallel else "1",
            )
        )
    heads = ("#", "computes", "for", "kind of kernel", "nodes", "result", "estimate", "threads")
    lines += text_table(heads, rows, left=(1, 2, 3, 5)).splitlines()
    if len(plan.launches) > _MOST_KERNELS:
        lines.append(f"... and {len(plan.launches) - _MOST_KERNELS} smaller ones.")
    called = Counter(node.operator.name for one in plan.launches if one.kind == "call-out" for node in one.nodes)
    if called:
        lines.append(f"No kernel exists for {_counts(dict(called))}: Python runs them with NumPy, which may be slow.")
    return lines


def _named(origin: Any, model: str) -> str:
    return part_of(*label(origin, model))


def _parts(launch: Any, model: str) -> list[str]:
    """What a launch computes for whom, by cost."""
    costs = dict.fromkeys([_named(launch.origin, model)], 0.0) if not launch.nodes else {}
    for node, cost in zip(launch.nodes, launch.costs, strict=True):
        name = _named(node.origin, model)
        costs[name] = costs.get(name, 0.0) + cost
    return sorted(costs, key=lambda name: -costs[name])


def _layers(plan: Any, model: str) -> list[str]:
    """For each layer the kernels that it went into."""
    found: dict[str, list[int]] = {}
    for number, one in enumerate(plan.launches, 1):
        for name in _parts(one, model):
            found.setdefault(name, []).append(number)
    rows = []
    for name, numbers in found.items():
        nodes = Counter(
            node.operator.name for one in plan.launches for node in one.nodes if _named(node.origin, model) == name
        )
        rows.append((name, ", ".join(f"#{number}" for number in numbers), _counts(dict(nodes.most_common()), 5)))
    return text_table(("part", "in kernels", "of"), rows, left=(0, 1, 2)).splitlines()


def _skipped(program: Program, optimised: Program, plan: Any, model: str, frozen: Sequence[str]) -> list[str]:
    lines = []
    pooled = {name: count for name, count in plan.prepared.items() if name.startswith("pooled_")}
    if pooled:
        backward = " What lost gets no gradient, and none is computed for it." if len(pooled) > 1 else ""
        lines.append(
            "Convolution, bias, ReLU and max-pooling run as one kernel, whose own results never are in memory."
            f"{backward} ({_counts(pooled)})"
        )
    sparse = {part: None for one in plan.launches if one.method.startswith("sparse") for part in _parts(one, model)}
    if sparse:
        lines.append(
            "Their cotangents are mostly zero, because they come out of a max-pooling, so only products with nonzero "
            f"numbers are computed: {_list(sparse)}."
        )
    winograd = {part: None for one in plan.launches if "winograd" in one.method for part in _parts(one, model)}
    if winograd:
        lines.append(
            f"Convolutions by Winograd's method, with 16 products where the definition has 36: {_list(winograd)}."
        )
    if frozen:
        lines.append(f"Not trained, so there is no gradient for: {_list(frozen)}.")
    without = _without_data_gradient(optimised, model)
    if without:
        lines.append(
            f"Gradients towards the inputs of {_list(without)} are not asked for by anything, so none is computed."
        )
    unused = [program.states[i] for i, value in enumerate(program.state_values) if not _is_used(program, value)]
    if unused:
        lines.append(f"Read but not needed: {_list(unused)}.")
    return lines or ["Everything that was traced is computed."]


def _is_used(program: Program, value: Any) -> bool:
    return value in program.graph.outputs or any(value in node.inputs for node in program.graph.nodes())


def _without_data_gradient(program: Program, model: str) -> list[str]:
    """Layers of which some product has one gradient only: that by its weights."""
    forward: Counter[str] = Counter()
    backward: Counter[str] = Counter()
    for node in program.graph.nodes():
        if node.operator.name in _PRODUCTS:
            layer, phase = label(node.origin, model)
            (backward if phase == "backward" else forward)[layer] += 1
    return [layer for layer, count in forward.items() if 0 < backward[layer] < 2 * count]


def _memory(plan: Any, model: str) -> list[str]:
    lines = [
        f"One arena of {plan.arena / MIB:.2f} MiB holds all intermediate values; no step allocates anything. Each in "
        f"memory of its own they would take {plan.unshared / MIB:.2f} MiB, {plan.unshared / max(plan.arena, 1):.1f} "
        "times as much.",
        f"At the busiest moment {plan.live / MIB:.2f} MiB are needed at once, so the plan is within "
        f"{plan.arena / max(plan.live, 1) - 1:.1%} of what is possible in this order.",
        f"{plan.taken_over} values are computed in the memory of an operand that nothing reads any more.",
        f"State (weights, slots, counters): {plan.state / MIB:.2f} MiB; {plan.in_place} of it replaced where it lies, "
        f"{plan.copied} by a copy.",
        f"Scratch: {plan.scratch / MIB:.2f} MiB a thread.",
    ]
    rows = [
        (
            f"{one.bytes / MIB:.2f} MiB",
            one.type,
            "handed from kernel to kernel"
            if one.node is None
            else f"{one.node.operator.name} of {_named(one.node.origin, model)}",
            str(one.steps),
        )
        for one in plan.buffers
    ]
    if rows:
        lines += ["The largest:", *text_table(("size", "type", "what", "kept for steps"), rows, (1, 2)).splitlines()]
    return lines


def _schedule(plan: Any) -> list[str]:
    shared = sum(one.parallel for one in plan.launches)
    lines = [
        f"{plan.records} steps, {plan.copies} of them copies; {shared} launches are cut into pieces for threads, the "
        f"others are too short for it. {plan.barriers} barriers stand where one thread reads what another wrote."
    ]
    if plan.threads == 1:
        lines.append("It runs on the calling thread alone: it is too small for more, or no more were asked for.")
    else:
        lines.append(f"It runs on {plan.threads} threads; results have the same bits for any number.")
    return lines


def _list(names: Iterable[str], most: int = 6) -> str:
    listed = list(names)
    shown = ", ".join(listed[:most])
    return shown + (f" and {len(listed) - most} more" if len(listed) > most else "")


def _time(nanoseconds: float) -> str:
    if nanoseconds >= 1e6:
        return f"{nanoseconds * 1e-6:.3g} ms"
    return f"{nanoseconds * 1e-3:.3g} us"
