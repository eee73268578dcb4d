"""The graph's step counter."""

from __future__ import annotations

from typing import Any

import numpy as np

from epochal.tf.graph import GraphKeys, get_default_graph
from epochal.tf.variables import GraphVariable


def get_or_create_global_step(graph: Any = None) -> Any:
    """The graph's step counter, made if it has none."""
    chosen = graph if graph is not None else get_default_graph()
    found = chosen.get_collection(GraphKeys.GLOBAL_STEP)
    if found:
        return found[0]
    step = GraphVariable(chosen, np.int64(0), trainable=False, name="global_step")
    chosen.add_to_collection(GraphKeys.GLOBAL_STEP, step)
    return step


def get_global_step(graph: Any = None) -> Any:
    """The graph's step counter, or ``None``."""
    found = (graph if graph is not None else get_default_graph()).get_collection(GraphKeys.GLOBAL_STEP)
    return found[0] if found else None


create_global_step = get_or_create_global_step


def global_step(sess: Any, global_step_tensor: Any) -> int:
    """The number that a step counter holds in a session."""
    return int(sess.run(global_step_tensor))
