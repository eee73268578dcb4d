"""`epochal bench`: ours beside every installed peer, on one machine."""

from epochal.cli.bench.command import main

__all__ = ["main"]
