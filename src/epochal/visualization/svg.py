"""Pictures as SVG: text that any browser draws, with nothing to install."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from epochal.visualization import measure
from epochal.visualization.layout import Layout, Placed, Point, Route, layout
from epochal.visualization.picture import Picture
from epochal.visualization.text_width import text_width

MARGIN = 18.0
HEADING = 30.0
FONT = "Helvetica, Arial, 'Noto Sans CJK SC', 'Microsoft YaHei', sans-serif"
INK, FAINT, LINE = "#1e293b", "#64748b", "#64748b"
COLOURS = {  # kind: the header, the frame, the title
    "input": ("#e2e8f0", "#94a3b8", "#334155"),
    "dense": ("#dbeafe", "#60a5fa", "#1e40af"),
    "convolution": ("#e0e7ff", "#818cf8", "#3730a3"),
    "pooling": ("#cffafe", "#22d3ee", "#155e75"),
    "recurrent": ("#ffedd5", "#fb923c", "#9a3412"),
    "attention": ("#fae8ff", "#e879f9", "#86198f"),
    "embedding": ("#fce7f3", "#f472b6", "#9d174d"),
    "normalization": ("#d1fae5", "#34d399", "#065f46"),
    "regularization": ("#f5f5f4", "#a8a29e", "#57534e"),
    "activation": ("#fef3c7", "#fbbf24", "#92400e"),
    "reshaping": ("#f1f5f9", "#94a3b8", "#475569"),
    "merging": ("#ffe4e6", "#fb7185", "#9f1239"),
    "model": ("#ede9fe", "#a78bfa", "#5b21b6"),
    "plain": ("#f1f5f9", "#94a3b8", "#334155"),
}


def svg(picture: Picture) -> str:
    """The picture as an SVG document; the same text for the same picture, everywhere."""
    placed = layout(picture)
    top = MARGIN + (HEADING if picture.title else 0.0)
    heading = text_width(picture.title, 15, bold=True)
    width = max(placed.width, heading) + 2 * MARGIN
    height = placed.height + top + MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_n(width)}" height="{_n(height)}" '
        f'viewBox="0 0 {_n(width)} {_n(height)}" font-family="{FONT}" role="img">',
        f'<rect width="{_n(width)}" height="{_n(height)}" rx="10" fill="#ffffff"/>',
    ]
    if picture.title:
        parts.insert(1, f"<title>{escape(picture.title)}</title>")
        parts.append(_text(MARGIN, MARGIN + 13, picture.title, 15, INK, bold=True))
    parts += _drawn(placed, MARGIN + max(0.0, (heading - placed.width) / 2), top)
    return "\n".join([*parts, "</svg>", ""])


def _drawn(placed: Layout, x: float, y: float) -> list[str]:
    parts = [f'<g transform="translate({_n(x)} {_n(y)})">']
    sideways = placed.picture.direction in ("LR", "RL")
    parts += [part for route in placed.routes for part in _arrow(route)]
    for one in placed.boxes:
        parts += _box(one)
        if one.box.loop is not None:
            parts += _loop(one, sideways)
    return [*parts, "</g>"]


def _box(one: Placed) -> list[str]:
    fill, frame, ink = COLOURS.get(one.box.kind, COLOURS["plain"])
    x, y, width, height = one.x, one.y, one.width, one.height
    inner = "#fcfbff" if one.inside else "#ffffff"
    parts = [_rectangle(x, y, width, height, inner, "none"), _header(x, y, width, height, fill)]
    baseline = y + measure.HEADER / 2 + 4.5
    if one.texts.name or one.inside:
        parts.append(_text(x + measure.SIDE, baseline, one.texts.title, measure.TITLE_SIZE, ink, bold=True))
    else:
        parts.append(_text(x + width / 2, baseline, one.texts.title, measure.TITLE_SIZE, ink, True, "middle"))
    if one.texts.name:
        parts.append(
            _text(x + width - measure.SIDE, baseline, one.texts.name, measure.NAME_SIZE, ink, False, "end", 0.8)
        )
    for index, (label, text) in enumerate(one.texts.rows):
        at = y + measure.HEADER + 3 + index * measure.ROW + 13
        left = x + measure.SIDE
        if label:
            parts.append(_text(left, at, label, measure.ROW_SIZE, FAINT))
        shift = one.texts.label_width + measure.BETWEEN if one.texts.label_width else 0.0
        parts.append(_text(left + shift, at, text, measure.ROW_SIZE, INK))
    parts.append(_rectangle(x, y, width, height, "none", frame))
    for inside, left, top in one.inside:
        if inside.picture.title:
            parts.append(_text(x + left, y + top - 8, inside.picture.title, measure.NAME_SIZE, FAINT))
        parts += _drawn(inside, x + left, y + top)
    return parts


def _rectangle(x: float, y: float, width: float, height: float, fill: str, stroke: str) -> str:
    outline = "" if stroke == "none" else f' stroke="{stroke}" stroke-width="1.2"'
    return f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}" rx="6" fill="{fill}"{outline}/>'


def _header(x: float, y: float, width: float, height: float, fill: str) -> str:
    """A rectangle with two round corners, or four if it fills the box."""
    if height <= measure.HEADER:
        return _rectangle(x, y, width, height, fill, "none")
    right, bottom = x + width, y + measure.HEADER
    return (
        f'<path d="M{_n(x)} {_n(bottom)}V{_n(y + 6)}Q{_n(x)} {_n(y)} {_n(x + 6)} {_n(y)}H{_n(right - 6)}'
        f'Q{_n(right)} {_n(y)} {_n(right)} {_n(y + 6)}V{_n(bottom)}Z" fill="{fill}"/>'
    )


def _arrow(route: Route) -> list[str]:
    """The curve, which ends a little before its point, and the head."""
    last = route.pieces[-1]
    before = last[-2] if len(last) > 1 else (route.pieces[-2][-1] if len(route.pieces) > 1 else route.start)
    tip = last[-1]
    head, neck = _head(before, tip)
    pieces = [*route.pieces[:-1], (*last[:-1], neck)]
    return [f'<path d="{_path(route.start, pieces)}" fill="none" stroke="{LINE}" stroke-width="1.3"/>', head]


def _head(before: Point, tip: Point, length: float = 8.0, half: float = 3.6) -> tuple[str, Point]:
    """The head of an arrow that comes from `before`, along an axis, and where the line to it ends."""
    dx, dy = tip[0] - before[0], tip[1] - before[1]
    if abs(dx) > abs(dy):
        sign = 1 if dx > 0 else -1
        base = tip[0] - sign * length
        corners = [tip, (base, tip[1] - half), (base, tip[1] + half)]
        neck = (base + sign, tip[1])
    else:
        sign = 1 if dy > 0 else -1
        base = tip[1] - sign * length
        corners = [tip, (tip[0] - half, base), (tip[0] + half, base)]
        neck = (tip[0], base + sign)
    points = " ".join(f"{_n(x)},{_n(y)}" for x, y in corners)
    return f'<polygon points="{points}" fill="{LINE}"/>', neck


def _loop(one: Placed, sideways: bool) -> list[str]:
    """The arrow from a box to itself: on its right, or below it where arrows lead sideways."""
    label, reach = one.box.loop or "", measure.LOOP
    if sideways:
        middle, edge = one.x + one.width / 2, one.y + one.height
        start, tip = (middle + 13, edge), (middle - 13, edge)
        far = edge + reach * 1.25
        piece = ((start[0] + 8, far), (tip[0] - 8, far), tip)
        text = _text(middle + 24, edge + 14, label, measure.NAME_SIZE, FAINT)
    else:
        edge, middle = one.x + one.width, one.y + one.height / 2
        spread = min(13.0, one.height / 2 - 5)
        start, tip = (edge, middle + spread), (edge, middle - spread)
        far = edge + reach * 1.25
        piece = ((far, start[1] + 6), (far, tip[1] - 6), tip)
        text = _text(edge + reach + 4, middle + 4, label, measure.NAME_SIZE, FAINT)
    before = (tip[0], tip[1] + 9) if sideways else (tip[0] + 9, tip[1])
    head, neck = _head(before, tip, 7.0, 3.2)
    path = _path(start, [(piece[0], piece[1], neck)])
    return [f'<path d="{path}" fill="none" stroke="{LINE}" stroke-width="1.3"/>', head, text]


def _path(start: Point, pieces: Sequence[tuple[Point, ...]]) -> str:
    text = f"M{_n(start[0])} {_n(start[1])}"
    for piece in pieces:
        text += ("L" if len(piece) == 1 else "C") + " ".join(f"{_n(x)} {_n(y)}" for x, y in piece)
    return text


def _text(
    x: float,
    y: float,
    text: str,
    size: float,
    colour: str,
    bold: bool = False,
    anchor: str = "start",
    opacity: float = 1.0,
) -> str:
    extra = ' font-weight="bold"' if bold else ""
    extra += "" if anchor == "start" else f' text-anchor="{anchor}"'
    extra += "" if opacity == 1.0 else f' opacity="{opacity:g}"'
    return f'<text x="{_n(x)}" y="{_n(y)}" font-size="{size:g}" fill="{colour}"{extra}>{escape(text)}</text>'


def _n(value: float) -> str:
    """A coordinate to a tenth of a pixel."""
    return f"{round(value, 1) + 0.0:g}"
