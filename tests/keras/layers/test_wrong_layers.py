"""Wrong programs: each error names the layer, what was expected, what was received and what to do."""

import numpy as np
import pytest

from epochal.errors import ArgumentError, DTypeError, ExecutionError, NotSupportedError, ShapeError
from epochal.keras import layers


def called(layer, *shape):
    return layer(np.zeros(shape, "float32"))


BUILT = layers.Dense(3, name="built")
BUILT.build((None, 4))

WRONG = [
    (lambda: layers.Dense(-1), ArgumentError, r"`units`, expected a positive integer. Received: units=-1"),
    (lambda: layers.Dense("3"), ArgumentError, r"`units`, expected a positive integer. Received: units='3'"),
    (
        lambda: layers.Dense(3, foo=1),
        ArgumentError,
        r"Unrecognized keyword arguments passed to Dense: {'foo': 1}. Expected",
    ),
    (
        lambda: layers.Dense(3, activation="rleu"),
        ArgumentError,
        r"activation function identifier: 'rleu'. Did you mean 'relu'",
    ),
    (
        lambda: layers.Dense(3, kernel_initializer="foo"),
        ArgumentError,
        r"initializer identifier: '?foo'?.*glorot_uniform",
    ),
    (lambda: layers.Dense(3, kernel_regularizer="foo"), ArgumentError, r"regularizer identifier: '?foo'?.*l2"),
    (lambda: layers.Dense(3, kernel_constraint="foo"), ArgumentError, r"constraint identifier: '?foo'?.*max_norm"),
    (lambda: layers.Dense(3, name="a/b"), ArgumentError, r"cannot contain character `/`. Received: name=a/b"),
    (lambda: layers.Dense(3, dtype="float31"), ArgumentError, r"float31.*Valid policies"),
    (
        lambda: called(layers.Dense(3, name="d"), 3),
        ShapeError,
        r"layer 'd' \(Dense\).*min_ndim=2, found ndim=1.*Add an axis",
    ),
    (
        lambda: called(BUILT, 2, 5),
        ShapeError,
        r"layer 'built'.*axis -1.*value 4, but received input with shape \(2, 5\)",
    ),
    (lambda: BUILT(), TypeError, r"Layer 'built' \(Dense\): missing a required argument: 'inputs'"),
    (lambda: BUILT("text"), ArgumentError, r"Layer 'built'.*only input tensors.*Received: 'text'"),
    (lambda: BUILT(np.array(["a"])), DTypeError, r"Layer 'built' \(Dense\).*numbers"),
    (
        lambda: layers.Conv2D(3, 3, groups=2),
        ArgumentError,
        r"divisible by the number of groups. Received: groups=2, filters=3",
    ),
    (
        lambda: layers.Conv2D(3, 3, padding="x"),
        ArgumentError,
        r"`padding` argument must be one of.*Received: padding='x'",
    ),
    (lambda: layers.Conv2D(3, 0), ArgumentError, r"`kernel_size`.*tuple of 2 integers.*[{]0[}].*`value >= 1`"),
    (
        lambda: layers.Conv2D(3, (1, 2, 3)),
        ArgumentError,
        r"`kernel_size`.*2 integers. Received kernel_size=\(1, 2, 3\)",
    ),
    (
        lambda: called(layers.Conv2D(3, 3, name="c"), 2, 5),
        ShapeError,
        r"layer 'c' \(Conv2D\).*min_ndim=4, found ndim=2",
    ),
    (
        lambda: called(layers.Conv2D(3, 7, name="c"), 2, 5, 5, 3),
        ShapeError,
        r"Layer 'c' \(Conv2D\).*zero or negative. Expected.*\(7, 7\).*padding='same'.*input_shape=\(2, 5, 5, 3\)",
    ),
    (
        lambda: called(layers.MaxPooling2D(4, name="p"), 1, 3, 3, 1),
        ShapeError,
        r"Layer 'p' \(MaxPooling2D\).*at least \(4, 4\).*\(1, 3, 3, 1\)",
    ),
    (lambda: layers.MaxPooling2D(2, strides=0), ArgumentError, r"`strides`.*[{]0[}]"),
    (lambda: layers.Dropout(1.5), ArgumentError, r"`rate`. Expected a float value between 0 and 1. Received: rate=1.5"),
    (
        lambda: called(layers.Reshape((3, 4), name="r"), 2, 5),
        ShapeError,
        r"Layer 'r' \(Reshape\).*Expected 5 elements. Received: input_shape=\(5,\), target_shape=\(3, 4\)",
    ),
    (lambda: layers.Permute((1, 3)), ArgumentError, r"start from 1. Received dims=\(1, 3\)"),
    (
        lambda: called(layers.RepeatVector(2, name="v"), 2, 3, 4),
        ShapeError,
        r"layer 'v'.*expected ndim=2, found ndim=3",
    ),
    (
        lambda: layers.Concatenate(name="j")([np.zeros((2, 3, 4)), np.zeros((2, 4, 4))]),
        ShapeError,
        r"Layer 'j': a `Concatenate` layer requires.*Received: input_shape=\[\(2, 3, 4\), \(2, 4, 4\)\]",
    ),
    (lambda: called(layers.Concatenate(name="j"), 2, 3), ArgumentError, r"Layer 'j'.*called on a list"),
    (
        lambda: layers.Add(name="a")([np.zeros((2, 3)), np.zeros((2, 4))]),
        ShapeError,
        r"Layer 'a' \(Add\): inputs have incompatible shapes.*Received shapes \(3,\) and \(4,\)",
    ),
    (lambda: called(layers.LSTM(3, name="l"), 2, 3), ShapeError, r"layer 'l' \(LSTM\).*expected ndim=3, found ndim=2"),
    (
        lambda: called(layers.BatchNormalization(axis=5, name="b"), 2, 3),
        ArgumentError,
        r"Layer 'b'.*axis.*\[-2, 2\).*axis=5",
    ),
    (lambda: layers.BatchNormalization(renorm=True), NotSupportedError, r"renorm"),
    (lambda: layers.Dense(2, lora_rank=3), NotSupportedError, r"lora_rank"),
    (lambda: layers.Embedding(0, 2), ArgumentError, r"`input_dim`, expected a positive integer"),
    (lambda: layers.Embedding(3, 2)(np.array([[5]])), ExecutionError, r"5|outside|range"),
    (lambda: layers.Flatten(data_format="first"), ArgumentError, r"channels_first.*Received: data_format=first"),
    (lambda: layers.ReLU(negative_slope=-1), ArgumentError, r"negative_slope=-1"),
    (lambda: layers.Dense(2).count_params(), ArgumentError, r"isn't built.*layer.build\(input_shape\)"),
]


@pytest.mark.parametrize(("program", "error", "text"), WRONG, ids=range(len(WRONG)))
def test_wrong_programs(program, error, text):
    with pytest.raises(error, match=f"(?s){text}"):
        program()


def test_errors_in_calls_name_the_layer_and_the_shapes():
    class Off(layers.Layer):
        def call(self, x):
            return x + np.ones((7,), "float32")

    with pytest.raises(ShapeError, match=r"(?s)Layer 'off' \(Off\).*Shapes of the inputs: x_shape=\(2, 3\)"):
        Off()(np.zeros((2, 3), "float32"))
