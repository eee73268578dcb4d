"""`tensorflow.python.ops`: what tutorials import from it."""

from epochal.tf import rnn, rnn_cell

__all__ = ["rnn", "rnn_cell"]
