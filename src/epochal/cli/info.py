"""`epochal info`: what this installation is and can do."""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import platform
from pathlib import Path

from epochal import __version__, config
from epochal.backends.native import engine

LIBRARIES = ("numpy", "llvmlite", "h5py", "ml-dtypes", "rich", "jax", "pytensor")


def main(arguments: argparse.Namespace) -> int:
    """Prints one line a fact."""
    for name, value in facts():
        print(f"{name:12} {value}")
    return 0


def facts() -> list[tuple[str, str]]:
    """What a bug report should say."""
    target = engine.target()
    folder = config.cache_folder()
    return [
        ("epochal", __version__),
        ("python", f"{platform.python_version()} on {platform.platform()}"),
        ("libraries", ", ".join(_version(name) for name in LIBRARIES)),
        ("processor", f"{target.cpu}, vectors of {target.vector_bytes * 8} bits, {target.registers} registers"),
        ("instructions", config.instructions() or "all that the processor has"),
        ("threads", f"{config.num_threads()} by default"),
        ("backend", config.backend()),
        ("cache", "off" if folder is None else f"{folder} ({_megabytes(folder):.1f} MB)"),
    ]


def _version(name: str) -> str:
    try:
        return f"{name} {importlib.metadata.version(name)}"
    except importlib.metadata.PackageNotFoundError:
        return f"{name} not installed"


def _megabytes(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6
