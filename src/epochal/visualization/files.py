"""Pictures as files: the ending of the name says which format."""

from __future__ import annotations

import importlib
from html import escape
from os import PathLike
from pathlib import Path
from typing import Any

from epochal.errors import ArgumentError, NotSupportedError
from epochal.visualization.dot import dot
from epochal.visualization.picture import Picture
from epochal.visualization.svg import svg

ENDINGS = (".svg", ".html", ".dot", ".png", ".pdf")


def save(picture: Picture, path: str | PathLike[str], dpi: float = 200) -> None:
    """Writes a picture.

    Args:
        picture: The picture.
        path: Where; ends in ``.svg``, ``.html``, ``.dot``, or, with CairoSVG installed (the extra ``plot``),
            ``.png`` or ``.pdf``.
        dpi: Pixels an inch of a ``.png``; 96 is one pixel for each unit of the ``.svg``.

    Raises:
        ArgumentError: Another ending.
        NotSupportedError: A format that CairoSVG writes, and it is not installed.
    """
    target = Path(path)
    ending = target.suffix.lower()
    if ending not in ENDINGS:
        raise ArgumentError(f"The name of a picture's file must end in one of {', '.join(ENDINGS)}. Received: {path}")
    if ending in (".png", ".pdf"):
        target.write_bytes(_converted(svg(picture), ending, dpi, target))
    else:
        text = {".svg": svg, ".html": html, ".dot": dot}[ending](picture)
        target.write_text(text, encoding="utf-8", newline="\n")


def html(picture: Picture) -> str:
    """A page with the picture, which stands alone."""
    title = escape(picture.title or "Epochal")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width"><style>body{margin:2rem;background:#f8fafc;'
        "text-align:center}svg{max-width:100%;height:auto;border:1px solid #e2e8f0;border-radius:10px}</style></head>"
        f"<body>\n{svg(picture)}</body></html>\n"
    )


def _converted(text: str, ending: str, dpi: float, path: Path) -> bytes:
    converter = _cairosvg(path)
    if ending == ".pdf":
        return bytes(converter.svg2pdf(bytestring=text.encode()))
    return bytes(converter.svg2png(bytestring=text.encode(), scale=dpi / 96))


def _cairosvg(path: Path) -> Any:
    """CairoSVG, loaded when a picture needs it."""
    try:
        return importlib.import_module("cairosvg")
    except (ImportError, OSError):  # OSError: the Python package is there, the library it wraps is not
        raise NotSupportedError(
            f"Writing {path.suffix} needs CairoSVG, which is not installed. Write '{path.with_suffix('.svg')}' "
            "instead, which any browser shows, or `pip install epochal[plot]`."
        ) from None
