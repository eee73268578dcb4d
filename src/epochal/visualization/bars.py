"""A bar chart as SVG: text that any browser draws, without a plotting library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from epochal.visualization.curves import COLOURS
from epochal.visualization.text_width import shorten, text_width

WIDTH, LABELS, ROW, TOP = 560.0, 130.0, 22.0, 36.0
TEXT_SIZE = 12.0
GREY = "#cbd5e1"


@dataclass(frozen=True)
class Bar:
    """One bar.

    Attributes:
        label: Left of it.
        value: Its length, at least 0; ``None``: no bar, the text alone.
        text: Right of it.
        bright: Whether it is the one that the chart is about.
    """

    label: str
    value: float | None
    text: str
    bright: bool = False


def bar_chart(title: str, bars: Sequence[Bar], mark: tuple[float, str] | None = None) -> str:
    """An SVG element of horizontal bars on a common scale that begins at 0.

    Args:
        title: Drawn above.
        bars: From top to bottom.
        mark: A value at which a line is drawn, and its label.
    """
    height = TOP + ROW * len(bars) + (18.0 if mark else 4.0)
    longest = max([bar.value for bar in bars if bar.value is not None] + ([mark[0]] if mark else []), default=0.0)
    texts = max((text_width(bar.text, TEXT_SIZE) for bar in bars if bar.value is not None), default=0.0)
    scale = (WIDTH - LABELS - texts - 24) / (longest or 1.0)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {height:g}" role="img"',
        f' aria-label="{escape(title)}"><text x="8" y="20" class="title">{escape(title)}</text>',
    ]
    for index, bar in enumerate(bars):
        parts += _bar(bar, TOP + ROW * index, scale)
    if mark:
        x, bottom = LABELS + mark[0] * scale, TOP + ROW * len(bars)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 4:g}" y2="{bottom:g}" class="mark"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 13:g}" text-anchor="middle">{escape(mark[1])}</text>')
    return "".join([*parts, "</svg>"])


def _bar(bar: Bar, y: float, scale: float) -> list[str]:
    baseline = y + 15
    label = escape(shorten(bar.label, TEXT_SIZE, LABELS - 14))
    weight = ' font-weight="600"' if bar.bright else ""
    parts = [f'<text x="{LABELS - 6:g}" y="{baseline:g}" text-anchor="end"{weight}>{label}</text>']
    length = 0.0
    if bar.value is not None:
        length = max(bar.value * scale, 1.0)
        colour = COLOURS[0] if bar.bright else GREY
        parts.append(
            f'<rect x="{LABELS:g}" y="{y + 3:g}" width="{length:.1f}" height="{ROW - 6:g}" rx="3" fill="{colour}"/>'
        )
    text = escape(shorten(bar.text, TEXT_SIZE, WIDTH - LABELS - length - 12))
    parts.append(f'<text x="{LABELS + length + 6:.1f}" y="{baseline:g}"{weight}>{text}</text>')
    return parts
