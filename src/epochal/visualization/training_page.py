"""A page about a trained classifier of images: learning curves, results by class, and the images it got wrong.

One HTML file that stands alone: it loads nothing from anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epochal.visualization.curves import line_chart
from epochal.visualization.png import data_uri

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:1180px;margin:2rem auto;padding:0 1rem;color:#1e293b;background:#fff}
h1{margin:0 0 .2rem}h2{margin:2rem 0 .6rem}p{margin:.2rem 0}
.charts{display:flex;flex-wrap:wrap;gap:1rem}.charts svg{flex:1 1 360px;border:1px solid #e2e8f0;border-radius:8px}
.charts text{font:12px system-ui,sans-serif;fill:#475569}.charts .title{font-weight:600;font-size:14px;fill:#1e293b}
.charts .grid{stroke:#e2e8f0}
.columns{display:flex;flex-wrap:wrap;gap:0 2.5rem}.columns>:first-child{flex:1 1 640px;min-width:0}
.model>svg{max-width:100%;height:auto;border:1px solid #e2e8f0;border-radius:8px}
table{border-collapse:collapse}th,td{padding:.25rem .7rem;text-align:right;border-bottom:1px solid #e2e8f0}
.track{width:160px;height:.7em;background:#e2e8f0;border-radius:3px}.bar{height:100%;background:#2563eb;border-radius:3px}
.wrong{display:flex;flex-wrap:wrap;gap:1rem .6rem}.wrong figure{margin:0;width:108px;text-align:center;font-size:13px}
.wrong img{width:84px;height:84px;image-rendering:pixelated;border-radius:6px;display:block;margin:0 auto .2rem}
@media(max-width:560px){th,td{padding:.25rem .35rem}.track{width:80px}}
.said{color:#be123c;font-weight:600}
"""


def page(
    title: str,
    facts: Sequence[str],
    charts: Mapping[str, Mapping[str, Sequence[float]]],
    images: NDArray[np.uint8],
    labels: NDArray[Any],
    probabilities: NDArray[Any],
    model: str = "",
) -> str:
    """The page's HTML.

    Args:
        title: Heading.
        facts: Sentences below it.
        charts: Title -> label -> one value an epoch.
        images: (n, height, width), uint8.
        labels: (n,), the right classes.
        probabilities: (n, classes), what the model said.
        model: A picture of the model, as SVG; may be empty.
    """
    said = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(said != labels)
    beside = f'<div class="model"><h2>The model</h2>{model}</div>' if model else ""
    curves = "".join(line_chart(name, series) for name, series in charts.items())
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body>'
        f"<h1>{escape(title)}</h1>{''.join(f'<p>{escape(fact)}</p>' for fact in facts)}"
        f'<div class="columns"><div><h2>Learning curves</h2><div class="charts">{curves}</div>'
        f"<h2>By class</h2>{_by_class(labels, said, probabilities.shape[1])}"
        f"<h2>What it got wrong: {len(wrong)} of {len(labels)}</h2>"
        f'<div class="wrong">{"".join(_figure(images[i], labels[i], said[i], probabilities[i]) for i in wrong)}</div>'
        f"</div>{beside}</div></body></html>\n"
    )


def by_class(labels: NDArray[Any], said: NDArray[Any], classes: int) -> list[tuple[int, int, int]]:
    """For each class: the class, how many there are, and how many were recognised."""
    return [(k, int((labels == k).sum()), int(((labels == k) & (said == k)).sum())) for k in range(classes)]


def _by_class(labels: NDArray[Any], said: NDArray[Any], classes: int) -> str:
    rows = ["<table><tr><th>class</th><th>images</th><th>right</th><th>recognised</th><th></th></tr>"]
    for k, total, right in by_class(labels, said, classes):
        share = right / total if total else 0.0
        rows.append(
            f"<tr><td>{k}</td><td>{total}</td><td>{right}</td><td>{share:.1%}</td>"
            f'<td><div class="track"><div class="bar" style="width:{share:.1%}"></div></div></td></tr>'
        )
    return "".join([*rows, "</table>"])


def _figure(image: NDArray[np.uint8], label: Any, said: Any, probabilities: NDArray[Any]) -> str:
    return (
        f'<figure><img src="{data_uri(image)}" alt="a {label} taken for a {said}">'
        f'{label}, said <span class="said">{said}</span> ({probabilities[said]:.0%})</figure>'
    )
