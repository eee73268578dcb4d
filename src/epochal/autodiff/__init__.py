"""Gradients as graph to graph."""

from epochal.autodiff.reverse import BUILD, gradients

__all__ = ["BUILD", "gradients"]
