"""Measurements, kept in a file that a later run extends."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from epochal.cli.bench.jobs import OURS, PEER_NAMES
from epochal.cli.bench.peers.quiet import DISTURBED

FORMAT = 1
TASKS = ("training", "one", "batch", "first", "step", "memory")
TITLES = {
    "training": "training step, ms",
    "one": "one sample, ms",
    "batch": "batch, ms",
    "first": "first epoch, s",
    "step": "first step, warm, s",
    "memory": "memory, MB",
}
SCALES = {"training": 1e3, "one": 1e3, "batch": 1e3, "first": 1.0, "step": 1.0, "memory": 1e-6}


@dataclass(frozen=True)
class Measurement:
    """What one peer did at one task of one workload.

    Attributes:
        task: One of `TASKS`.
        workload: Its name.
        peer: Its name.
        run: Number of the run it was taken in; ratios are taken within a run.
        status: ``ok``, ``failed``, ``timeout`` or ``missing``.
        reason: Why not ``ok``.
        values: What the process measured: ``seconds``, ``peak_memory``, ...
    """

    task: str
    workload: str
    peer: str
    run: int
    status: str
    reason: str = ""
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def disturbed(self) -> bool:
        """Whether other processes were busy at every attempt."""
        return float(self.values.get("others", 0.0)) > DISTURBED

    @property
    def value(self) -> float | None:
        """The number that counts, in the unit of `TITLES`; ``None`` if there is none."""
        if self.status != "ok":
            return None
        return float(self.values["peak_memory" if self.task == "memory" else "seconds"]) * SCALES[self.task]


def _replaces(new: Measurement, old: Measurement) -> bool:
    """Whether a measurement of the same task and workload takes the place of another; ours stay, one a run."""
    return new.peer == old.peer and (new.peer != OURS.name or new.run == old.run)


@dataclass
class Results:
    """All measurements so far.

    Attributes:
        machine: Facts that all of them share.
        runs: What each run was: its time, the measured peak in operations a second, the number of repeats.
        measurements: In the order in which they were taken.
    """

    machine: dict[str, Any]
    runs: list[dict[str, Any]] = field(default_factory=list)
    measurements: list[Measurement] = field(default_factory=list)

    def add(self, new: Measurement) -> None:
        """Adds a measurement in the place of an older one.

        Older ones of ours stay as long as a peer was measured in their run, because that peer's ratio is to them.
        """
        place = (new.task, new.workload)
        others = [one for one in self.measurements if (one.task, one.workload) != place]
        kept = [one for one in self.measurements if (one.task, one.workload) == place and not _replaces(new, one)]
        peers = [one for one in (*kept, new) if one.peer != OURS.name]
        ours = [one for one in (*kept, new) if one.peer == OURS.name]
        used = {one.run for one in (*peers, *ours[-1:])}
        self.measurements = [*others, *(one for one in ours if one.run in used), *peers]

    def of(self, task: str, workload: str) -> dict[str, Measurement]:
        """The newest measurement of each peer, in the order of the table."""
        found = {one.peer: one for one in self.measurements if (one.task, one.workload) == (task, workload)}
        return {name: found[name] for name in PEER_NAMES if name in found}

    def ratio(self, peer: Measurement) -> float | None:
        """The peer's number over ours of the same run; over our newest if we were not measured in that run."""
        row = [one for one in self.measurements if (one.task, one.workload) == (peer.task, peer.workload)]
        ours = [one for one in row if one.peer == OURS.name and one.value]
        if not ours or peer.value is None:
            return None
        return peer.value / ([one for one in ours if one.run == peer.run] or ours)[-1].value  # type: ignore[operator]

    def best(self, task: str, workload: str) -> tuple[str, float] | None:
        """The peer that comes nearest to us, or is ahead, and its ratio."""
        row = [one for name, one in self.of(task, workload).items() if name != OURS.name]
        ratios = {one.peer: ratio for one in row if (ratio := self.ratio(one)) is not None}
        return min(ratios.items(), key=lambda item: item[1]) if ratios else None

    def share_of_peak(self, one: Measurement) -> float | None:
        """Operations needed over time over the peak of that run."""
        peak = self.runs[one.run].get("peak_flops")
        if not peak or one.value is None or not one.values.get("operations"):
            return None
        return float(one.values["operations"]) / one.values["seconds"] / peak

    def rows(self) -> Iterator[tuple[str, str]]:
        """Tasks and workloads that were measured, in the order of the table."""
        found = {(one.task, one.workload) for one in self.measurements}
        workloads = list(dict.fromkeys(self.machine["workloads"]))
        for task in TASKS:
            yield from ((task, workload) for workload in workloads if (task, workload) in found)

    def save(self, path: Path) -> None:
        """Writes the file whole or not at all."""
        text = json.dumps({"format": FORMAT, **asdict(self)}, indent=1)
        draft = path.with_name(path.name + ".part")
        draft.write_text(text + "\n", encoding="utf-8")
        draft.replace(path)


def load(path: Path, machine: Mapping[str, Any]) -> Results:
    """Reads what `save` wrote, to be extended on the same machine.

    Raises:
        ValueError: The file is of another machine or another number of threads, or no such file at all.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["format"] != FORMAT:
            raise ValueError(f"its format is {found['format']}, expected {FORMAT}")
        measurements = [Measurement(**one) for one in found["measurements"]]
        results = Results(found["machine"], found["runs"], measurements)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"--json {path}: not a file of measurements ({error}); name another, or remove it") from None
    for name in ("processor", "threads"):
        if results.machine.get(name) != machine[name]:
            raise ValueError(
                f"--json {path}: measured with {name} {results.machine.get(name)!r}, this run has {machine[name]!r}; "
                "measurements are not comparable: name another file"
            )
    return results
