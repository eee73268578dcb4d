"""A page about the time of a step: the roofs of the processor, the kernels below them, layers and kernels as tables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

WIDTH, HEIGHT = 760, 380
LEFT, RIGHT, TOP, BOTTOM = 60, 20, 20, 44
COLOURS = {
    "forward": "#2563eb", "backward": "#ea580c", "update": "#059669", "loss": "#9333ea",
    "metrics": "#be123c", "data": "#0891b2", "other": "#64748b",
}  # fmt: skip
STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:1180px;margin:2rem auto;padding:0 1rem;color:#1e293b;background:#fff}
h1{margin:0 0 .2rem}h2{margin:2rem 0 .6rem}p{margin:.2rem 0}svg{max-width:100%;height:auto}
svg text{font:12px system-ui,sans-serif;fill:#475569}.grid{stroke:#e2e8f0}.roof{stroke:#1e293b;stroke-width:2;fill:none}
table{border-collapse:collapse;font-size:14px}th,td{padding:.2rem .6rem;text-align:right;border-bottom:1px solid #ddd}
td:first-child,th:first-child,.words{text-align:left}.scroll{overflow-x:auto}
.track{display:flex;width:220px;height:.8em;background:#e2e8f0;border-radius:3px;overflow:hidden}
.key span{display:inline-block;width:.8em;height:.8em;border-radius:3px;margin:0 .3em 0 1em;vertical-align:-1px}
pre{background:#f8fafc;border:1px solid #e2e8f0;border-radius:8px;padding:.8rem;overflow-x:auto;font-size:13px}
"""


def document(title: str, body: str) -> str:
    """A page that loads nothing."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body>'
        f"<h1>{escape(title)}</h1>{body}</body></html>\n"
    )


def page(profile: Mapping[str, Any], facts: Sequence[str]) -> str:
    """The page's HTML.

    Args:
        profile: What `Profile.to_dict` gives.
        facts: Sentences for its head.
    """
    key = "".join(f'<span style="background:{colour}"></span>{phase}' for phase, colour in COLOURS.items())
    return document(
        profile["title"],
        "".join(f"<p>{escape(fact)}</p>" for fact in facts)
        + f"<h2>Below the roofs</h2>{roofline(profile)}"
        + '<p class="key">Each circle is a kernel, its area the time it takes. Near the slope memory bounds it, near '
        + f"the flat roof arithmetic; above the slope its data came from caches.{key}</p>"
        + f"<h2>Layers</h2>{_layers(profile)}<h2>Kernels</h2>{_kernels(profile)}",
    )


def roofline(profile: Mapping[str, Any]) -> str:
    """Kernels by operations a byte and operations a second, on logarithmic scales, under the two roofs, as SVG."""
    kernels = [one for one in profile["kernels"] if one["operations"] and one["bytes"] and one["microseconds"]]
    peak, stream = profile["peak_gflops"], profile["peak_gigabytes"]
    points = [
        (one["operations"] / one["bytes"], one["operations"] / one["microseconds"] * 1e-3, one) for one in kernels
    ]
    ridge = peak / stream
    low_x, high_x = _decades([x for x, _, _ in points] + [ridge / 10, ridge * 10])
    low_y, high_y = _decades([y for _, y, _ in points] + [peak, peak / 100])
    low_y = max(low_y, high_y - 6)

    def x_of(value: float) -> float:
        return LEFT + (math.log10(value) - low_x) / (high_x - low_x) * (WIDTH - LEFT - RIGHT)

    def y_of(value: float) -> float:
        return HEIGHT - BOTTOM - max(0.0, math.log10(value) - low_y) / (high_y - low_y) * (HEIGHT - TOP - BOTTOM)

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="roofs">']
    for exponent in range(low_x, high_x + 1):
        x = x_of(10.0**exponent)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" class="grid"/>')
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{10.0**exponent:g}</text>')
    for exponent in range(low_y, high_y + 1):
        y = y_of(10.0**exponent)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{10.0**exponent:g}</text>')
    start = max(10.0**low_x, 10.0**low_y / stream)
    corners = [(start, start * stream), (ridge, peak), (10.0**high_x, peak)]
    path = " ".join(f"{x_of(x):.1f},{y_of(y):.1f}" for x, y in corners)
    parts.append(f'<polyline points="{path}" class="roof"/>')
    whole = max(profile["microseconds"], 1e-9)
    for x, y, one in sorted(points, key=lambda point: -point[2]["microseconds"]):
        radius = 3 + 30 * math.sqrt(one["microseconds"] / whole)
        told = f"{one['layer']} {one['phase']}: {one['work']}, {one['microseconds']:.1f} us, {y:.1f} GFLOPS"
        parts.append(
            f'<circle cx="{x_of(x):.1f}" cy="{y_of(y):.1f}" r="{radius:.1f}" fill="{COLOURS[one["phase"]]}" '
            f'fill-opacity="0.45"><title>{escape(told)}</title></circle>'
        )
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 8}" text-anchor="middle">operations a byte</text>')
    parts.append(f'<text x="14" y="{HEIGHT / 2}" text-anchor="middle" transform="rotate(-90 14 {HEIGHT / 2})">GFLOPS')
    return "".join([*parts, "</text></svg>"])


def _decades(values: Sequence[float]) -> tuple[int, int]:
    found = [math.log10(value) for value in values if value > 0]
    return math.floor(min(found)), math.ceil(max(found))


def _layers(profile: Mapping[str, Any]) -> str:
    layers: Mapping[str, Mapping[str, float]] = profile["layers"]
    order = sorted(layers, key=lambda name: -sum(layers[name].values()))
    longest = max((sum(times.values()) for times in layers.values()), default=1.0) or 1.0
    rows = ["<table><tr><th>layer</th><th>time, us</th><th>of kernels</th><th></th></tr>"]
    whole = sum(sum(times.values()) for times in layers.values()) or 1.0
    for name in order:
        times = layers[name]
        total = sum(times.values())
        bars = "".join(
            f'<div title="{phase} {times[phase]:.1f} us" '
            f'style="width:{times[phase] / longest:.2%};background:{colour}"></div>'
            for phase, colour in COLOURS.items()
            if phase in times
        )
        rows.append(
            f"<tr><td>{escape(name)}</td><td>{total:.1f}</td><td>{total / whole:.1%}</td>"
            f'<td><div class="track">{bars}</div></td></tr>'
        )
    return "".join([*rows, "</table>"])


def _kernels(profile: Mapping[str, Any]) -> str:
    heads = (
        "layer",
        "part",
        "computes",
        "time, us",
        "of step",
        "Mop",
        "MB",
        "GFLOPS",
        "of roof",
        "bound by",
        "threads",
    )
    rows = ['<div class="scroll"><table><tr>', *(f"<th>{head}</th>" for head in heads), "</tr>"]
    whole = profile["microseconds"] or 1.0
    for one in sorted(profile["kernels"], key=lambda kernel: -kernel["microseconds"]):
        time = one["microseconds"]
        rate = one["operations"] / time * 1e-3 if time else 0.0
        bound = "arithmetic" if one["arithmetic"] >= one["bandwidth"] else "memory"
        rows.append(
            f'<tr title="{escape(", ".join(one["layers"]))}: {escape(one["shape"])}"><td>{escape(one["layer"])}</td>'
            f'<td class="words">{one["phase"]}</td><td class="words">{escape(one["work"])}</td><td>{time:.1f}</td>'
            f"<td>{time / whole:.1%}</td><td>{one['operations'] * 1e-6:.3g}</td><td>{one['bytes'] * 1e-6:.3g}</td>"
            f"<td>{rate:.1f}</td><td>{max(one['arithmetic'], one['bandwidth']):.0%}</td><td>{bound}</td>"
            f"<td>{one['threads']}</td></tr>"
        )
    return "".join([*rows, "</table></div>"])
