"""What real Keras 3 computes for recurrent layers, attention and group normalisation (KERAS_BACKEND=tensorflow).

Writes recurrent.npz beside itself: for each case operands, results, and gradients of sum(result * weights).
"""

from __future__ import annotations

import pathlib

import numpy as np
import tensorflow as tf

import keras

RNG = np.random.default_rng(20261124)
B, T, F, U = 3, 5, 4, 2
MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 0, 1, 1, 0]], bool)
FIGURES: dict[str, np.ndarray] = {}


def draw(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def recurrent(name: str, layer: keras.layers.Layer, states: int, masked: bool, backwards: bool) -> None:
    x = draw(B, T, F)
    initial = [0.5 * draw(B, U) for _ in range(states)]
    layer.build((B, T, F))
    layer.set_weights([0.6 * draw(*weight.shape) for weight in layer.weights])
    inputs = [tf.constant(array) for array in (x, *initial)]
    trained = [weight.value for weight in layer.trainable_weights]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        results = layer(inputs[0], initial_state=inputs[1:], mask=tf.constant(MASK) if masked else None)
        hidden = tf.reverse(results[0], [1]) if backwards else results[0]
        weights = [draw(*result.shape) for result in (hidden, *results[1:])]
        if masked:
            weights[0] *= MASK[..., None]
        total = sum(tf.reduce_sum(r * w) for r, w in zip((hidden, *results[1:]), weights, strict=True))
    slopes = tape.gradient(total, [*inputs, *trained])
    for kind, arrays in (
        ("operand", (x, *initial, *layer.get_weights())),
        ("result", (hidden, *results[1:])),
        ("weight", weights),
        ("slope", slopes),
    ):
        for index, array in enumerate(arrays):
            FIGURES[f"{name}/{kind}{index}"] = np.asarray(array)


def attention(name: str, mask: np.ndarray | None, causal: bool) -> None:
    operands = [tf.constant(array) for array in (draw(2, 4, 2, 3), draw(2, 4, 2, 3), draw(2, 4, 2, 5))]
    with tf.GradientTape() as tape:
        tape.watch(operands)
        y = keras.ops.dot_product_attention(*operands, mask=mask, is_causal=causal)
        weight = draw(*y.shape)
        total = tf.reduce_sum(y * weight)
    slopes = tape.gradient(total, operands)
    for kind, arrays in (("operand", operands), ("result", [y]), ("weight", [weight]), ("slope", slopes)):
        for index, array in enumerate(arrays):
            FIGURES[f"{name}/{kind}{index}"] = np.asarray(array)
    if mask is not None:
        FIGURES[f"{name}/mask"] = mask


def group(name: str) -> None:
    layer = keras.layers.GroupNormalization(groups=2, epsilon=1e-3)
    x = tf.constant(draw(2, 3, 4, 6))
    layer.build(x.shape)
    layer.set_weights([draw(6), draw(6)])
    trained = [weight.value for weight in layer.trainable_weights]
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x)
        weight = draw(*y.shape)
        total = tf.reduce_sum(y * weight)
    slopes = tape.gradient(total, [x, *trained])
    for kind, arrays in (
        ("operand", (x, *layer.get_weights())),
        ("result", [y]),
        ("weight", [weight]),
        ("slope", slopes),
    ):
        for index, array in enumerate(arrays):
            FIGURES[f"{name}/{kind}{index}"] = np.asarray(array)


def main() -> None:
    how = {"return_sequences": True, "return_state": True}
    for masked in (False, True):
        for backwards in (False, True):
            end = f"{'-masked' if masked else ''}{'-backwards' if backwards else ''}"
            turned = {**how, "go_backwards": backwards}
            recurrent(f"lstm{end}", keras.layers.LSTM(U, **turned), 2, masked, backwards)
            recurrent(f"gru{end}", keras.layers.GRU(U, **turned), 1, masked, backwards)
            recurrent(f"gru-before{end}", keras.layers.GRU(U, reset_after=False, **turned), 1, masked, backwards)
            recurrent(f"simple_rnn{end}", keras.layers.SimpleRNN(U, **turned), 1, masked, backwards)
    attention("attention", None, False)
    attention("attention-causal", None, True)
    seen = np.array([[1, 1, 0, 1], [0, 0, 0, 0], [1, 0, 0, 0], [1, 1, 1, 1]], bool).reshape(1, 1, 4, 4)
    attention("attention-masked", seen, False)
    attention("attention-masked-causal", np.ones((2, 1, 4, 4), bool) & seen[..., ::-1], True)
    group("group_norm")
    np.savez_compressed(pathlib.Path(__file__).with_suffix(".npz"), **FIGURES)


if __name__ == "__main__":
    main()
