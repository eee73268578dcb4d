"""A measured step, told in the user's words: kernels and layers instead of records and nodes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from epochal.learn.labels import is_layer, label, work_of
from epochal.visualization.profile_page import page
from epochal.visualization.text_table import text_table

PHASES = ("data", "forward", "loss", "metrics", "backward", "update", "other")
"""In the order of a step."""


@dataclass(frozen=True)
class KernelTime:
    """One kernel of a step.

    Attributes:
        layer: The layer most of it comes from, or the part of the step.
        phase: One of `PHASES`.
        work: What it computes, the costliest operators first.
        layers: All layers that have a part in it.
        shape: Type of its result.
        microseconds: A step.
        operations: A step: of the definition, whatever algorithm does them.
        bytes: Read and written a step, each value once.
        threads: How many share it.
        times: How often a step runs it.
        arithmetic: Operations a second over the processor's peak.
        bandwidth: Bytes a second over what memory gives; above 1 where caches serve.
    """

    layer: str
    phase: str
    work: str
    layers: tuple[str, ...]
    shape: str
    microseconds: float
    operations: float
    bytes: float
    threads: int
    times: float
    arithmetic: float
    bandwidth: float

    @property
    def gflops(self) -> float:
        """Billions of operations a second."""
        return self.operations / self.microseconds * 1e-3 if self.microseconds else 0.0

    @property
    def bound(self) -> str:
        """Which roof is nearer."""
        return "arithmetic" if self.arithmetic >= self.bandwidth else "memory"

    @property
    def share(self) -> float:
        """Share of the roof that bounds it."""
        return max(self.arithmetic, self.bandwidth)


class Profile:
    """Where the time of a step goes.

    Attributes:
        kernels: Each `KernelTime`, in the order of the step.
        threads: Threads of the program.
        runs: Steps that count: the quickest block of all that were run.
        total: Steps run.
        microseconds: A step, from call to return.
        busy: Microseconds a step in kernels, the slowest thread's of each.
        waiting: Microseconds a step that threads waited at barriers, summed over threads.
        peak_gflops: What the threads reach at most.
        peak_gigabytes: Gigabytes a second between them and memory.
        arena_bytes: Memory of intermediate values.
    """

    def __init__(self, measured: Any, title: str, model: str = "") -> None:
        self.title = title
        self.threads: int = measured.threads
        self.runs: int = measured.runs
        self.total: int = measured.total
        self.microseconds: float = measured.seconds / measured.runs * 1e6
        self.peak_gflops: float = measured.peak.operations * 1e-9
        self.peak_gigabytes: float = measured.peak.bytes * 1e-9
        self.arena_bytes: int = measured.arena_bytes
        self._shares: list[dict[tuple[str, str], float]] = []
        computing = {
            label(node.origin, model)[0] for record in measured.records for node in record.nodes if is_layer(node)
        }
        kernels = []
        for record in measured.records:
            if record.kind == "jump":
                continue
            labels = _labels(record, model, computing)
            self._shares.append(_normalised(labels))
            kernels.append(self._kernel(record, labels))
        self.kernels: tuple[KernelTime, ...] = tuple(kernels)
        self.busy: float = sum(kernel.microseconds for kernel in kernels)
        waited = sum(sum(record.waited) for record in measured.records)
        self.waiting: float = waited / measured.runs * 1e6

    def _kernel(self, record: Any, labels: dict[tuple[str, str], float]) -> KernelTime:
        runs, seconds = self.runs, record.seconds
        times = record.times / runs
        count = sum(record.costs) * times
        size = record.bytes * times
        (layer, phase), _ = max(labels.items(), key=lambda entry: entry[1])
        each = seconds / runs
        return KernelTime(
            layer=layer,
            phase=phase,
            work=work_of(record.nodes, record.costs, record.helps, record.kind),
            layers=tuple(dict.fromkeys(name for name, _ in labels)),
            shape=", ".join(record.types[:2]) + (", ..." if len(record.types) > 2 else ""),
            microseconds=each * 1e6,
            operations=count,
            bytes=size,
            threads=record.threads,
            times=times,
            arithmetic=count / each / (self.peak_gflops * 1e9) if each else 0.0,
            bandwidth=size / each / (self.peak_gigabytes * 1e9) if each else 0.0,
        )

    @property
    def layers(self) -> dict[str, dict[str, float]]:
        """Microseconds by layer and phase. A kernel of several layers counts for each by its share of operations."""
        found: dict[str, dict[str, float]] = {}
        for kernel, shares in zip(self.kernels, self._shares, strict=True):
            for (layer, phase), share in shares.items():
                times = found.setdefault(layer, {})
                times[phase] = times.get(phase, 0.0) + share * kernel.microseconds
        return found

    @property
    def phases(self) -> dict[str, float]:
        """Microseconds by phase."""
        found = dict.fromkeys(PHASES, 0.0)
        for times in self.layers.values():
            for phase, time in times.items():
                found[phase] += time
        return {phase: time for phase, time in found.items() if time}

    @property
    def operations(self) -> float:
        """Operations of a step."""
        return sum(kernel.operations for kernel in self.kernels)

    def facts(self) -> list[str]:
        """The whole in sentences."""
        rate = self.operations / self.microseconds * 1e-3
        idle = max(0.0, self.microseconds - self.busy)
        return [
            f"{self.title}: {_time(self.microseconds)} a step on {self.threads} thread{'s' * (self.threads > 1)} "
            f"(the quickest block of {self.runs}, of {self.total} in all).",
            f"Kernels take {_time(self.busy)} of it; the other {_time(idle)} are barriers, dispatch and the clock. "
            f"Threads wait {_time(self.waiting)} at barriers, all together.",
            f"{self.operations * 1e-9:.4g} billion operations: {rate:.1f} GFLOPS, "
            f"{rate / self.peak_gflops:.0%} of the {self.peak_gflops:.0f} measured on so many threads; "
            f"memory gives {self.peak_gigabytes:.1f} GB a second.",
            f"Intermediate values take {self.arena_bytes / 2**20:.2f} MiB.",
        ]

    def table(self, most: int = 25) -> str:
        """The kernels that take longest, then sums by layer, as text."""
        order = sorted(self.kernels, key=lambda kernel: -kernel.microseconds)
        rows = [_row(kernel, self.microseconds) for kernel in order[:most]]
        heads = ("layer", "part", "computes", "time", "of step", "Mop", "MB", "GFLOPS", "of peak", "bound", "threads")
        text = text_table(heads, rows, left=(0, 1, 2, 9))
        if len(order) > most:
            rest = sum(kernel.microseconds for kernel in order[most:])
            text += f"\n... and {len(order) - most} more kernels: {_time(rest)}"
        columns = [phase for phase in PHASES if phase in self.phases]
        sums = sorted(self.layers.items(), key=lambda entry: -sum(entry[1].values()))
        by_layer = [
            (name, *(_time(times[phase]) if phase in times else "" for phase in columns), _time(sum(times.values())))
            for name, times in sums
        ]
        by_layer.append(("all", *(_time(self.phases[phase]) for phase in columns), _time(self.busy)))
        return text + "\n\n" + text_table(("layer", *columns, "sum"), by_layer)

    def __str__(self) -> str:
        return "\n".join(self.facts()) + "\n\n" + self.table()

    __repr__ = __str__

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        return {
            "title": self.title,
            "threads": self.threads,
            "runs": self.runs,
            "microseconds": self.microseconds,
            "busy": self.busy,
            "waiting": self.waiting,
            "peak_gflops": self.peak_gflops,
            "peak_gigabytes": self.peak_gigabytes,
            "arena_bytes": self.arena_bytes,
            "kernels": [asdict(kernel) for kernel in self.kernels],
            "layers": self.layers,
        }

    def to_html(self, path: Any) -> Path:
        """Writes a page that stands alone: the roofs, the kernels below them, tables.

        Returns:
            The file.
        """
        file = Path(path)
        file.write_text(page(self.to_dict(), self.facts()), encoding="utf-8")
        return file


def _labels(record: Any, model: str, computing: set[str]) -> dict[tuple[str, str], float]:
    """Operations by layer and phase; moving counts a little, so that every node counts.

    Weights of a layer that computes nothing under its own name (a cell) count for the one around it.
    """
    found: dict[tuple[str, str], float] = {}
    for node, cost in zip(record.nodes, record.costs, strict=True):
        layer, phase = label(node.origin, model)
        while phase == "update" and layer not in computing and "/" in layer:
            layer = layer.rpartition("/")[0]
        mine = layer, phase
        size = float(node.outputs[0].type.size or 0)
        found[mine] = found.get(mine, 0.0) + cost + 1e-3 * size + 1e-9
    return found or {label(record.origin, model): 1.0}


def _normalised(labels: dict[tuple[str, str], float]) -> dict[tuple[str, str], float]:
    total = sum(labels.values())
    return {key: value / total for key, value in labels.items()}


def _row(kernel: KernelTime, whole: float) -> tuple[str, ...]:
    return (
        kernel.layer,
        kernel.phase,
        kernel.work,
        _time(kernel.microseconds),
        f"{kernel.microseconds / whole:.1%}",
        f"{kernel.operations * 1e-6:.3g}",
        f"{kernel.bytes * 1e-6:.3g}",
        f"{kernel.gflops:.1f}",
        f"{kernel.share:.0%}",
        kernel.bound,
        str(kernel.threads),
    )


def _time(microseconds: float) -> str:
    """With three digits and a unit."""
    if microseconds >= 1000:
        return f"{microseconds / 1000:.3g} ms"
    return f"{microseconds:.3g} us"
