"""`tf.config.threading`: how many threads compiled programs use."""

from __future__ import annotations

from epochal import config


def set_intra_op_parallelism_threads(num_threads: int) -> None:
    """The number of threads of each program; 0 for the default."""
    config.set_num_threads(num_threads or None)


def get_intra_op_parallelism_threads() -> int:
    """The number of threads of each program."""
    return config.num_threads()


def set_inter_op_parallelism_threads(num_threads: int) -> None:
    """Accepted: one program runs at a time, on all its threads."""


def get_inter_op_parallelism_threads() -> int:
    """1: one program runs at a time."""
    return 1
