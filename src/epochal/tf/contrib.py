"""`tf.contrib`: refused by name, with what to use instead. TensorFlow itself removed it in version 2."""

from __future__ import annotations

from typing import NoReturn

from epochal.errors import NotSupportedError

_INSTEAD = {
    "rnn": "tf.nn.rnn_cell, tf.nn.static_rnn and tf.nn.dynamic_rnn",
    "layers": "tf.layers, tf.glorot_uniform_initializer (for xavier_initializer) and tf.keras.regularizers",
    "framework": "tf.train.get_or_create_global_step and tf.get_variable",
    "slim": "tf.layers or tf.keras.layers",
    "learn": "tf.keras.Model.fit",
    "eager": "eager execution, which is the default outside graphs",
    "seq2seq": "tf.keras.layers.Attention and tf.nn.dynamic_rnn",
    "data": "tf.data",
    "opt": "tf.keras.optimizers",
}


def __getattr__(name: str) -> NoReturn:
    if name.startswith("__"):
        raise AttributeError(name)
    remedy = _INSTEAD.get(name, "tf.layers, tf.nn or tf.keras")
    raise NotSupportedError(
        f"tf.contrib.{name} is not supported: tf.contrib was removed in TensorFlow 2. Use {remedy}."
    )
