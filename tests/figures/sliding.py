"""Writes sliding.npz: convolutions, poolings and their gradients by TensorFlow 2.21, in float32.

Run with an interpreter that has TensorFlow: ``python tests/figures/sliding.py``.
"""

import json
import pathlib

import numpy as np
import tensorflow as tf

CONVOLUTIONS = [
    # input, kernel, strides, padding, dilations
    ((2, 7, 6, 4), (3, 3, 4, 5), (1, 1), "same", (1, 1)),
    ((2, 7, 6, 4), (3, 2, 4, 5), (2, 2), "same", (1, 1)),
    ((2, 8, 9, 4), (3, 3, 4, 5), (3, 3), "valid", (1, 1)),
    ((2, 9, 8, 4), (3, 3, 4, 5), (1, 1), "same", (2, 2)),
    ((2, 9, 8, 4), (2, 3, 4, 3), (1, 1), "valid", (3, 2)),
    ((2, 6, 6, 4), (3, 3, 2, 6), (1, 1), "same", (1, 1)),
    ((2, 6, 6, 4), (3, 3, 1, 8), (2, 2), "same", (1, 1)),
]
POOLINGS = [
    ((2, 7, 6, 3), (2, 2), (2, 2), "valid"),
    ((2, 7, 6, 3), (3, 2), (2, 1), "same"),
    ((2, 8, 8, 3), (3, 3), (2, 2), "same"),
    ((2, 8, 8, 3), (2, 3), (1, 1), "valid"),
]


def main() -> None:
    random = np.random.default_rng(0)
    figures = {"cases": np.array(json.dumps({"convolutions": CONVOLUTIONS, "poolings": POOLINGS}))}
    for index, (shape, kernel_shape, strides, padding, dilations) in enumerate(CONVOLUTIONS):
        x, kernel = (tf.constant(random.standard_normal(s), tf.float32) for s in (shape, kernel_shape))
        with tf.GradientTape() as tape:
            tape.watch([x, kernel])
            y = tf.nn.conv2d(x, kernel, strides, padding.upper(), dilations=dilations)
        g = tf.constant(random.standard_normal(y.shape), tf.float32)
        dx, dk = tape.gradient(y, [x, kernel], g)
        for name, value in {"x": x, "kernel": kernel, "y": y, "g": g, "dx": dx, "dk": dk}.items():
            figures[f"conv{index}_{name}"] = value.numpy()
    for index, (shape, window, strides, padding) in enumerate(POOLINGS):
        x = tf.constant(random.standard_normal(shape), tf.float32)
        for kind in ("MAX", "AVG"):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = tf.nn.pool(x, window, kind, strides, padding.upper())
            g = tf.constant(random.standard_normal(y.shape), tf.float32)
            values = {"x": x, "y": y, "g": g, "dx": tape.gradient(y, x, g)}
            figures.update({f"{kind.lower()}{index}_{name}": value.numpy() for name, value in values.items()})
    np.savez_compressed(pathlib.Path(__file__).with_suffix(".npz"), **figures)


if __name__ == "__main__":
    main()
