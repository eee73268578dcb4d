"""`epochal bench`: ours beside every installed peer, in one run on one machine."""

from epochal.cli.bench.table import main

__all__ = ["main"]
