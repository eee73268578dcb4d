"""Learning curves as SVG: text that any browser draws, without a plotting library."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from epochal.visualization.text_width import text_width

WIDTH, HEIGHT = 560, 280
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 34, 36
MOST_DOTS = 40  # with more points a line has no dots
COLOURS = ("#2563eb", "#ea580c", "#059669", "#9333ea", "#be123c", "#475569")


def line_chart(title: str, series: Mapping[str, Sequence[float]], x_label: str = "epoch") -> str:
    """An SVG element with one line a series over 1, 2, 3, ...

    Args:
        title: Drawn above the chart.
        series: Label -> values; points that are not finite are left out.
        x_label: Drawn below.
    """
    values = [value for line in series.values() for value in line if math.isfinite(value)]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    ticks = nice_ticks(low, high)
    low, high = min(low, ticks[0]), max(high, ticks[-1])
    count = max((len(line) for line in series.values()), default=1)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"',
        f' aria-label="{escape(title)}"><text x="{LEFT}" y="18" class="title">{escape(title)}</text>',
    ]
    for tick in ticks:
        y = _y(tick, low, high)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
    below = HEIGHT - BOTTOM + 16
    parts += [
        f'<text x="{_x(epoch - 1, count):.1f}" y="{below}" text-anchor="middle">{epoch}</text>'
        for epoch in _epoch_ticks(count)
    ]
    middle = (LEFT + WIDTH - RIGHT) / 2
    legend = _legend_places(list(series))
    parts.append(f'<text x="{middle}" y="{HEIGHT - 4}" text-anchor="middle">{escape(x_label)}</text>')
    for index, (label, line) in enumerate(series.items()):
        colour = COLOURS[index % len(COLOURS)]
        points = [(_x(i, count), _y(value, low, high)) for i, value in enumerate(line) if math.isfinite(value)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        if count <= MOST_DOTS:
            parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}"/>' for x, y in points]
        at = legend[index]
        parts.append(f'<rect x="{at:.1f}" y="9" width="10" height="10" rx="2" fill="{colour}"/>')
        parts.append(f'<text x="{at + 15:.1f}" y="18">{escape(label)}</text>')
    return "".join([*parts, "</svg>"])


def _legend_places(labels: Sequence[str]) -> list[float]:
    """Where the labels' marks begin, so that the last label ends at the right edge."""
    places, at = [], WIDTH - RIGHT + 18.0
    for label in reversed(labels):
        at -= 15 + text_width(label, 12) + 18
        places.append(at)
    return places[::-1]


def nice_ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Round numbers, at 1, 2 or 5 times a power of ten apart, that span ``[low, high]``."""
    span = high - low or abs(high) or 1.0
    raw = span / wanted
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(i * step, 12) for i in range(first, max(last, first + 1) + 1)]


def _epoch_ticks(count: int) -> list[int]:
    step = max(1, math.ceil(count / 12))
    return list(range(1, count + 1, step))


def _x(index: float, count: int) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * (index + 0.5) / max(count, 1)


def _y(value: float, low: float, high: float) -> float:
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - (value - low) / (high - low or 1.0))
