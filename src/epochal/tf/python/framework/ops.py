"""`tensorflow.python.framework.ops`: graphs, as some courses import them."""

from epochal.tf.array_ops import convert_to_tensor
from epochal.tf.flow import control_dependencies, device, name_scope
from epochal.tf.graph import (
    Graph,
    GraphKeys,
    disable_eager_execution,
    enable_eager_execution,
    get_default_graph,
    reset_default_graph,
)

__all__ = [
    "Graph", "GraphKeys", "control_dependencies", "convert_to_tensor", "device", "disable_eager_execution",
    "enable_eager_execution", "get_default_graph", "name_scope", "reset_default_graph",
]  # fmt: skip
