"""Makes the pictures of the documentation: runs the Keras program of each page, whose last line draws its model.

Run it as `python docs/make_pictures.py`, anywhere; it takes some ten seconds.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

DOCS = Path(__file__).resolve().parent
CODE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def programs(page: Path) -> list[str]:
    """The programs of a page."""
    return CODE.findall(page.read_text(encoding="utf-8"))


def main() -> None:
    """Writes ``docs/pictures/*.svg``."""
    folder = DOCS / "pictures"
    folder.mkdir(exist_ok=True)
    os.chdir(folder)
    for page in sorted((DOCS / "en").glob("*.md")):
        program = next(text for text in programs(page) if "plot_model" in text)
        exec(compile(program, str(page), "exec"), {"__name__": "__main__"})


if __name__ == "__main__":
    main()
