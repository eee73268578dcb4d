"""`tf.train`: optimizers, schedules, checkpoints and what else a TensorFlow 1 program trains with."""

from __future__ import annotations

from epochal.tf.checkpoint import Checkpoint, CheckpointManager
from epochal.tf.coordinator import Coordinator, start_queue_runners
from epochal.tf.global_step import create_global_step, get_global_step, get_or_create_global_step, global_step
from epochal.tf.moving_average import ExponentialMovingAverage
from epochal.tf.optimizer import Optimizer
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
