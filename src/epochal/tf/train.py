"""`tf.train`: optimizers, schedules, checkpoints and what else a TensorFlow 1 program trains with."""

from __future__ import annotations

from typing import NoReturn

from epochal.tf.checkpoint import Checkpoint, CheckpointManager
from epochal.tf.coordinator import Coordinator, start_queue_runners
from epochal.tf.global_step import create_global_step, get_global_step, get_or_create_global_step, global_step
from epochal.tf.moving_average import ExponentialMovingAverage
from epochal.tf.optimizer import Optimizer
from epochal.tf.refused import MissingNameError
from epochal.tf.saver import (
    CheckpointState,
    Saver,
    checkpoint_exists,
    get_checkpoint_state,
    import_meta_graph,
    latest_checkpoint,
    list_variables,
    load_variable,
)
from epochal.tf.schedules import (
    cosine_decay,
    cosine_decay_restarts,
    exponential_decay,
    inverse_time_decay,
    linear_cosine_decay,
    natural_exp_decay,
    piecewise_constant,
    polynomial_decay,
)
from epochal.tf.update_rules import (
    AdadeltaOptimizer,
    AdagradOptimizer,
    AdamOptimizer,
    FtrlOptimizer,
    GradientDescentOptimizer,
    MomentumOptimizer,
    RMSPropOptimizer,
)

piecewise_constant_decay = piecewise_constant

__all__ = [
    "AdadeltaOptimizer", "AdagradOptimizer", "AdamOptimizer", "Checkpoint", "CheckpointManager", "CheckpointState",
    "Coordinator",
    "ExponentialMovingAverage", "FtrlOptimizer", "GradientDescentOptimizer", "MomentumOptimizer", "Optimizer",
    "RMSPropOptimizer", "Saver", "checkpoint_exists", "cosine_decay", "cosine_decay_restarts", "create_global_step",
    "exponential_decay", "get_checkpoint_state", "get_global_step", "get_or_create_global_step", "global_step",
    "import_meta_graph", "inverse_time_decay", "latest_checkpoint", "linear_cosine_decay", "list_variables",
    "load_variable", "natural_exp_decay", "piecewise_constant", "piecewise_constant_decay", "polynomial_decay",
    "start_queue_runners",
]  # fmt: skip

_INPUT = "Use tf.data, or feed_dict."
_ALONE = "There is one process: use tf.Session."
_REFUSED = {
    "MonitoredTrainingSession": "Use tf.Session, and tf.train.Saver for checkpoints.",
    "MonitoredSession": "Use tf.Session.",
    "SingularMonitoredSession": "Use tf.Session.",
    "Supervisor": "Use tf.Session, and tf.train.Saver for checkpoints.",
    "Scaffold": "Use tf.Session, and tf.train.Saver for checkpoints.",
    "Server": _ALONE,
    "ClusterSpec": _ALONE,
    "replica_device_setter": _ALONE,
    "SyncReplicasOptimizer": _ALONE,
    "batch": _INPUT,
    "shuffle_batch": _INPUT,
    "slice_input_producer": _INPUT,
    "string_input_producer": _INPUT,
    "range_input_producer": _INPUT,
    "Example": _INPUT,
    "ProximalAdagradOptimizer": "Use AdagradOptimizer, and add the penalty to the loss.",
    "ProximalGradientDescentOptimizer": "Use GradientDescentOptimizer, and add the penalty to the loss.",
    "AdagradDAOptimizer": "Use AdagradOptimizer.",
    "export_meta_graph": "Graphs are not stored: keep the code that builds them.",
    "write_graph": "Graphs are not stored: keep the code that builds them.",
    "init_from_checkpoint": "Use tf.train.Saver(var_list).restore(session, path).",
}


def __getattr__(name: str) -> NoReturn:
    if name in _REFUSED:
        raise MissingNameError(f"tf.train.{name} is not supported. {_REFUSED[name]}")
    raise AttributeError(f"module 'tensorflow.train' has no attribute {name!r} in Epochal yet")
