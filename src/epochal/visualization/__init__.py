"""Pictures of models, graphs and training."""

from __future__ import annotations

from epochal.visualization.dot import dot
from epochal.visualization.files import html, save
from epochal.visualization.graphs import graph_picture
from epochal.visualization.picture import Arrow, Box, Picture
from epochal.visualization.svg import svg

__all__ = ["Arrow", "Box", "Picture", "dot", "graph_picture", "html", "save", "svg"]
