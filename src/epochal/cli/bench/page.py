"""The measurements as one page that stands alone: charts, then every number."""

from __future__ import annotations

from html import escape
from typing import Any

from epochal.cli.bench.jobs import OURS, PEER_NAMES
from epochal.cli.bench.peers.workloads import BY_NAME
from epochal.cli.bench.results import TASKS, Measurement, Results
from epochal.cli.bench.table import DISTURBED_NOTE, number, shown
from epochal.visualization.bars import Bar, bar_chart

HEADINGS = {
    "training": "Training: milliseconds a step",
    "one": "Inference of one sample: milliseconds",
    "batch": "Inference of a batch: milliseconds",
    "first": "First epoch, compilation included: seconds",
    "step": "To the end of the first step, with a warm cache: seconds",
    "memory": "Peak memory of a process that trains an epoch: megabytes",
}
STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:1180px;margin:2rem auto;padding:0 1rem;color:#1e293b;background:#fff}
h1{margin:0 0 .2rem}h2{margin:2rem 0 .6rem}p{margin:.2rem 0}.note{color:#475569;font-size:13px}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,480px),1fr));gap:1rem;align-items:start}
.charts svg{border:1px solid #e2e8f0;border-radius:8px;width:100%;height:auto}
.charts text{font:12px system-ui,sans-serif;fill:#475569}.charts text[font-weight]{font-weight:600;fill:#1e293b}
.charts .title{font-weight:600;font-size:14px;fill:#1e293b}.charts .mark{stroke:#be123c;stroke-dasharray:4 3}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:14px;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .6rem;text-align:right;border-bottom:1px solid #e2e8f0;white-space:nowrap}
th:first-child,td:first-child{text-align:left}td small{color:#64748b}.ours{font-weight:600;color:#1d4ed8}
.best{font-weight:600}.none{color:#94a3b8}
"""


def page(results: Results) -> str:
    """The page's HTML."""
    rows = list(results.rows())
    tasks = [task for task in TASKS if any(row[0] == task for row in rows)]
    sections = [_section(results, task, [name for kind, name in rows if kind == task]) for task in tasks]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>epochal bench</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body>'
        f"<h1>Epochal and its peers</h1>{''.join(f'<p>{escape(line)}</p>' for line in facts(results))}"
        f"{_shares(results, rows)}{''.join(sections)}{_reasons(results, rows)}</body></html>\n"
    )


def facts(results: Results) -> list[str]:
    """The machine, the versions and the method, in sentences."""
    machine, runs = results.machine, results.runs
    peaks = [run["peak_flops"] / 1e9 for run in runs if run.get("peak_flops")]
    versions: dict[str, str] = {}
    for one in results.measurements:
        versions.update(one.values.get("versions", {}))
    span = f"{min(peaks):.0f}" if len(peaks) == 1 else f"{min(peaks):.0f} to {max(peaks):.0f}"
    return [
        f"{machine['processor']}, {machine['threads']} threads, {machine['vectors']}-bit vectors, {machine['system']}.",
        f"Measured float32 peak of these threads: {span} GFLOPS. {_when(runs)}.",
        ", ".join(f"{name} {version}" for name, version in sorted(versions.items())) + ".",
        "Every number from a process of its own; warm times are the best of several; short bars are good.",
    ]


def _when(runs: list[dict[str, Any]]) -> str:
    """The runs' number and times."""
    first, last = runs[0]["at"], runs[-1]["at"]
    return f"Measured {first}" if len(runs) == 1 else f"Measured in {len(runs)} runs from {first} to {last}"


def _shares(results: Results, rows: list[tuple[str, str]]) -> str:
    """How near the peak our arithmetic runs."""
    charts = []
    for task in ("training", "batch"):
        bars = []
        for kind, name in rows:
            ours = results.of(task, name).get(OURS.name) if kind == task else None
            share = results.share_of_peak(ours) if ours else None
            if share and share > 1e-3:
                bars.append(Bar(name, share, f"{share:.0%}", bright=True))
        if bars:
            charts.append(bar_chart(f"{HEADINGS[task].partition(':')[0]}: share of the peak", bars, (1.0, "peak")))
    if not charts:
        return ""
    note = (
        "Dense operations that the model needs (products and convolutions), over time, over the measured peak. "
        "Where work is skipped it may exceed the peak."
    )
    return f'<h2>Share of the peak</h2><p class="note">{note}</p><div class="charts">{"".join(charts)}</div>'


def _section(results: Results, task: str, names: list[str]) -> str:
    charts = "".join(bar_chart(_title(task, name), _bars(results, task, name)) for name in names)
    return f'<h2>{escape(HEADINGS[task])}</h2><div class="charts">{charts}</div>{_table(results, task, names)}'


def _title(task: str, name: str) -> str:
    workload = BY_NAME[name]
    how = {"one": "", "batch": f"{workload.inference} samples"}.get(task, workload.training)
    return ", ".join(part for part in (f"{name}: {workload.model}", how) if part)


def _bars(results: Results, task: str, workload: str) -> list[Bar]:
    bars = []
    for name, one in results.of(task, workload).items():
        if one.status == "missing":
            continue
        bars.append(Bar(name, one.value, _text(results, one), bright=name == OURS.name))
    return bars


def _text(results: Results, one: Measurement) -> str:
    """The number and its multiple of ours."""
    if one.value is None:
        return f"{one.status}: {one.reason}"
    ratio = None if one.peer == OURS.name else results.ratio(one)
    return shown(one, one.value) + (f"  ({number(ratio)}x)" if ratio else "")


def _table(results: Results, task: str, names: list[str]) -> str:
    found = {peer for name in names for peer, one in results.of(task, name).items() if one.status != "missing"}
    peers = [name for name in PEER_NAMES if name in found]
    shared = task in ("training", "one", "batch")
    titles = ("workload", "best peer / ours", *(("share of peak",) if shared else ()), *peers)
    head = "".join(f"<th>{escape(title)}</th>" for title in titles)
    lines = []
    for name in names:
        row, best = results.of(task, name), results.best(task, name)
        ours = row.get(OURS.name)
        share = results.share_of_peak(ours) if ours else None
        cells = [f"{number(best[1])}x" if best else "-", *([f"{share:.0%}" if share else "-"] if shared else [])]
        line = f"<td>{escape(name)}</td>{''.join(f'<td>{cell}</td>' for cell in cells)}"
        lines.append(f"<tr>{line}{''.join(_cell(results, row.get(peer), best) for peer in peers)}</tr>")
    return f'<div class="scroll"><table><tr>{head}</tr>{"".join(lines)}</table></div>'


def _cell(results: Results, one: Measurement | None, best: tuple[str, float] | None) -> str:
    if one is None:
        return '<td class="none">-</td>'
    if one.value is None:
        return f'<td class="none" title="{escape(one.reason, quote=True)}">{one.status}</td>'
    kind = "ours" if one.peer == OURS.name else "best" if best and best[0] == one.peer else ""
    ratio = None if one.peer == OURS.name else results.ratio(one)
    beside = f" <small>{number(ratio)}x</small>" if ratio else ""
    memory = one.values.get("import_memory") if one.task == "memory" else None
    if memory:
        beside += f" <small>{number((one.values['peak_memory'] - memory) / 1e6)} over imports</small>"
    return f'<td class="{kind}">{shown(one, one.value)}{beside}</td>'


def _reasons(results: Results, rows: list[tuple[str, str]]) -> str:
    """What is missing and why."""
    reasons: dict[str, list[str]] = {}
    for task, workload in rows:
        for one in results.of(task, workload).values():
            if one.status != "ok":
                places = reasons.setdefault(f"{one.peer}: {one.reason}", [])
                places.append(f"{workload} {task}")
    if any(one.disturbed for one in results.measurements):
        reasons[DISTURBED_NOTE] = []
    if not reasons:
        return ""
    lines = [f"{text} ({', '.join(places)})" if places else text for text, places in reasons.items()]
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f'<h2>Notes</h2><ul class="note">{items}</ul>'
