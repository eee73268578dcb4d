"""The measurements as one table on the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.measure import Measurement as Measurable
from rich.table import Table

from epochal.cli.bench.jobs import OURS, PEER_NAMES
from epochal.cli.bench.results import TITLES, Measurement, Results

DISTURBED_NOTE = "~ other processes were busy at every attempt: too slow, by how much is not known"
SHORT = {"keras-tensorflow": "keras-tf", "torch-compiled": "compiled", "onnxruntime": "onnxrt"}


def number(value: float) -> str:
    """Three digits, without an exponent where that is short."""
    return f"{value:.0f}" if value >= 999.5 else f"{value:.3g}"


def shown(one: Measurement, value: float) -> str:
    """A measurement's number, marked if other processes were busy."""
    return ("~" if one.disturbed else "") + number(value)


def progress(one: Measurement) -> str:
    """A measurement as a line of the log."""
    value = one.value
    return shown(one, value) if value is not None else f"{one.status}: {one.reason}"


def show(results: Results) -> None:
    """Prints the table, and below it why a place is empty."""
    rows = list(results.rows())
    peers = [
        name
        for name in PEER_NAMES
        if name != OURS.name and any(one.status != "missing" for row in rows if (one := results.of(*row).get(name)))
    ]
    notes: dict[str, str] = {}
    grid = Table(title="Epochal and its peers: the number, and its multiple of Epochal's (above 1: Epochal is ahead)")
    for heading in ("", "epochal", "peak", "best peer", *(SHORT.get(name, name) for name in peers)):
        grid.add_column(heading, justify="left" if not heading else "right", no_wrap=True)
    previous = None
    for task, workload in rows:
        if task != previous:
            grid.add_section()
            grid.add_row(f"[bold]{TITLES[task]}[/bold]")
            previous = task
        grid.add_row(f" {workload}", *_cells(results, task, workload, peers, notes))
    # As wide as it must be: a terminal that is narrower wraps it, a file keeps every digit.
    wide = Console(width=1000)
    needed = Measurable.get(wide, wide.options, grid).maximum
    console = Console(width=max(needed, Console().width))
    console.print(grid)
    if any(one.disturbed for one in results.measurements):
        console.print(f"  {DISTURBED_NOTE}", highlight=False)
    for text, mark in notes.items():
        console.print(f"  {mark} {text}", highlight=False, markup=False)


def _cells(results: Results, task: str, workload: str, peers: list[str], notes: dict[str, str]) -> list[str]:
    row = results.of(task, workload)
    best = results.best(task, workload)
    cells = [*_ours(results, row.get(OURS.name), notes), f"{number(best[1])}x" if best else "-"]
    for name in peers:
        one = row.get(name)
        cell = "-" if one is None else _cell(results, one, notes)
        cells.append(f"[bold]{cell}[/bold]" if best and best[0] == name else cell)
    return cells


def _ours(results: Results, one: Measurement | None, notes: dict[str, str]) -> tuple[str, str]:
    if one is None:
        return "-", "-"
    if one.value is None:
        return _cell(results, one, notes), "-"
    share = results.share_of_peak(one)
    return shown(one, one.value), f"{share:.0%}" if share else "-"


def _cell(results: Results, one: Measurement, notes: dict[str, str]) -> str:
    if one.value is None:
        mark = notes.setdefault(f"{one.peer}: {one.reason}", f"({len(notes) + 1})")
        return f"{one.status} {mark}"
    ratio = results.ratio(one)
    return shown(one, one.value) + (f" {number(ratio)}x" if ratio else "")
