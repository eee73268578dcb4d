"""Pictures as text for Graphviz, for those who have it and want its other formats."""

from __future__ import annotations

from epochal.visualization.picture import Box, Picture


def dot(picture: Picture, dpi: float | None = None) -> str:
    """The picture in Graphviz's language, DOT.

    Args:
        picture: The picture.
        dpi: Points an inch of a raster made of it.
    """
    lines = ["digraph {", f"  rankdir={picture.direction}", "  compound=true", "  node [shape=record]"]
    if picture.title:
        lines += [f"  label={_quoted(picture.title)}", "  labelloc=t"]
    if dpi is not None:
        lines.append(f"  dpi={dpi:g}")
    _add(picture, "", "  ", lines)
    return "\n".join([*lines, "}", ""])


def _add(picture: Picture, prefix: str, indent: str, lines: list[str]) -> None:
    for box in picture.boxes:
        key = f"{prefix}{box.key}"
        if not box.inside:
            lines.append(f"{indent}{_quoted(key)} [label={_label(box)}]")
            if box.loop is not None:
                lines.append(f"{indent}{_quoted(key)} -> {_quoted(key)} [label={_quoted(box.loop)}]")
            continue
        lines.append(f"{indent}subgraph {_quoted('cluster_' + key)} {{")
        said = [f"{box.title} {box.name}", *(f"{label} {text}" for label, text in box.rows)]
        inner = "\\n".join(_quoted(line.strip())[1:-1] for line in said)
        lines.append(f'{indent}  label="{inner}"')
        for index, inside in enumerate(box.inside):
            _add(inside, f"{key}/{index}/", indent + "  ", lines)
        lines.append(f"{indent}}}")
    boxes = {box.key: box for box in picture.boxes}
    for arrow in picture.arrows:
        source, target = boxes[arrow.source], boxes[arrow.target]
        ends = f"{_quoted(_end(source, prefix, last=True))} -> {_quoted(_end(target, prefix, last=False))}"
        cut = [f"ltail={_quoted(f'cluster_{prefix}{source.key}')}"] if source.inside else []
        cut += [f"lhead={_quoted(f'cluster_{prefix}{target.key}')}"] if target.inside else []
        attributes = f" [{', '.join(cut)}]" if cut else ""
        lines.append(f"{indent}{ends}{attributes}")


def _end(box: Box, prefix: str, last: bool) -> str:
    """The node an arrow at a box ends at: of a box with pictures inside, the last or first within."""
    key = f"{prefix}{box.key}"
    while box.inside and box.inside[0].boxes:
        box, key = box.inside[0].boxes[-1 if last else 0], f"{key}/0/"
        key += box.key
    return key


def _label(box: Box) -> str:
    title = _escaped(f"{box.title} {box.name}".strip())
    rows = "|".join(_escaped(f"{label} {text}".strip()) for label, text in box.rows)
    return _quoted(f"{{{title}|{rows}}}" if rows else f"{{{title}}}", escaped=True)


def _escaped(text: str) -> str:
    """For a record's label, where these marks have a meaning."""
    for mark in '\\{}|<>"':
        text = text.replace(mark, "\\" + mark)
    return text


def _quoted(text: str, escaped: bool = False) -> str:
    return f'"{text}"' if escaped else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
