"""Wrong programs: what is said of shapes, dtypes, names, arguments, data and files that do not fit.

Each error names what was expected, what was received and, where it is not plain, the remedy.
"""

from pathlib import Path

import numpy as np
import pytest

import epochal
from epochal import keras, tf
from epochal.errors import ArgumentError, DTypeError, ExecutionError, FileFormatError, ShapeError
from epochal.keras import layers


def dense():
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2, name="scores")], name="net")
    model.compile("sgd", "mse")
    return model


def classifier():
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


X, Y = np.zeros((4, 3)), np.zeros((4, 2))


def input_width(_folder):
    dense().predict(np.zeros((4, 5), "float32"), verbose=0)


def fit_width(_folder):
    dense().fit(np.zeros((4, 5), "float32"), np.zeros((4, 2), "float32"), verbose=0)


def lengths(_folder):
    dense().fit(np.zeros((4, 3), "float32"), np.zeros((5, 2), "float32"), verbose=0)


def target_shape(_folder):
    dense().fit(np.zeros((4, 3), "float32"), np.zeros((4, 7), "float32"), verbose=0)


def unknown_loss(_folder):
    m = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    m.compile("sgd", "mean_sqared_error")
    m.fit(X, Y, verbose=0)


def unknown_opt(_folder):
    m = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    m.compile("sdg", "mse")


def unknown_metric(_folder):
    m = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    m.compile("sgd", "mse", metrics=["accurcy"])
    m.fit(X, Y, verbose=0)


def unknown_act(_folder):
    layers.Dense(2, activation="rellu")


def unknown_init(_folder):
    layers.Dense(2, kernel_initializer="glorot")


def units0(_folder):
    layers.Dense(0)


def units_str(_folder):
    layers.Dense("10")


def no_compile(_folder):
    m = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    m.fit(X, Y, verbose=0)


def empty(_folder):
    dense().fit(np.zeros((0, 3), "float32"), np.zeros((0, 2), "float32"), verbose=0)


def nan_labels(_folder):
    classifier().fit(X, np.array([0, 1, np.nan, 1]), verbose=0)


def label_range(_folder):
    classifier().fit(X, np.array([0, 1, 2, 1]), verbose=0)


def strings(_folder):
    dense().fit(np.array([["a", "b", "c"]]), np.zeros((1, 2)), verbose=0)


def objects(_folder):
    dense().fit(np.array([[1, 2], [3]], dtype=object), np.zeros((2, 2)), verbose=0)


def conv_rank(_folder):
    keras.Sequential([keras.Input((28, 28)), layers.Conv2D(8, 3, name="conv")])


def conv_too_small(_folder):
    keras.Sequential([keras.Input((2, 2, 1)), layers.Conv2D(8, 3, name="conv")])


def pad_name(_folder):
    layers.Conv2D(8, 3, padding="smae")


def batch0(_folder):
    dense().fit(X, Y, batch_size=0, verbose=0)


def epochs(_folder):
    dense().fit(X, Y, epochs=-1, verbose=0)


def val_split(_folder):
    dense().fit(X, Y, validation_split=1.5, verbose=0)


def threads(_folder):
    dense().fit(X, Y, num_threads=0, verbose=0)


def truncated(folder):
    m = dense()
    m.save(folder / "x.keras")
    b = (folder / "x.keras").read_bytes()
    (folder / "y.keras").write_bytes(b[: len(b) // 2])
    keras.models.load_model(folder / "y.keras")


def missing_file(folder):
    keras.models.load_model(folder / "nothing_here.keras")


def not_keras(folder):
    (folder / "z.keras").write_text("hello")
    keras.models.load_model(folder / "z.keras")


def set_weights(_folder):
    dense().set_weights([np.zeros((3, 2))])


def set_weights_shape(_folder):
    dense().set_weights([np.zeros((2, 2)), np.zeros(2)])


def concat(_folder):
    layers.Concatenate(name="join")([keras.Input((2, 3)), keras.Input((3, 4))])


def add(_folder):
    layers.Add(name="sum")([keras.Input((2, 3)), keras.Input((2, 4))])


def disconnected(_folder):
    a, b = keras.Input((3,)), keras.Input((3,))
    keras.Model(a, layers.Dense(1)(b))


def reshape(_folder):
    keras.Sequential([keras.Input((3,)), layers.Reshape((2, 2), name="fold")])


def embedding_index(_folder):
    m = keras.Sequential([keras.Input((2,)), layers.Embedding(10, 4, name="words")])
    m.compile("sgd", "mse")
    m.predict(np.array([[1, 12]]), verbose=0)


def unbuilt_summary(_folder):
    keras.Sequential([layers.Dense(2)]).count_params()


def get_layer(_folder):
    dense().get_layer("nothing")


def lstm_rank(_folder):
    keras.Sequential([keras.Input((3,)), layers.LSTM(4, name="memory")])


def missing_input(_folder):
    a, b = keras.Input((3,), name="left"), keras.Input((3,), name="right")
    model = keras.Model([a, b], layers.Add()([a, b]))
    model.predict([np.zeros((2, 3))], verbose=0)


def sample_weight(_folder):
    dense().fit(X, Y, sample_weight=np.zeros(3), verbose=0)


def class_weight(_folder):
    dense().fit(X, np.zeros((4,)), class_weight={"cat": 1.0}, verbose=0)


def not_layer(_folder):
    keras.Sequential([keras.Input((3,)), "dense"])


def dropout_rate(_folder):
    layers.Dropout(1.5)


def tf_matmul(_folder):
    tf.matmul(tf.zeros([2, 3]), tf.zeros([2, 3]))


def tf_dtype(_folder):
    tf.add(tf.constant(1), tf.constant(1.0))


def tf_reshape(_folder):
    tf.reshape(tf.zeros([4]), [3])


def unknown_backend(_folder):
    epochal.set_backend("cuda")
    try:
        dense().predict(X, verbose=0)
    finally:
        epochal.set_backend(None)


def symbolic_bool(_folder):
    assert keras.Input((3,))


def monitor(folder):
    dense().fit(X, Y, callbacks=[keras.callbacks.ModelCheckpoint(folder / "m.txt")], verbose=0)


def callback(_folder):
    dense().fit(X, Y, callbacks=[3], verbose=0)


def tf_dtype_name(_folder):
    tf.zeros([2], "float33")


def loss_none(_folder):
    m = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    m.compile("sgd")
    m.fit(X, Y, verbose=0)


def y_none(_folder):
    dense().fit(X, verbose=0)


def unknown_arg(_folder):
    layers.Dense(2, activaton="relu")


def lr(_folder):
    keras.optimizers.SGD(learning_rate="fast")


# What is done, which error it is, what the error says.
CASES = (
    (input_width, ShapeError, r"layer 'net'.*expected shape=\(None, 3\), found shape=\(4, 5\)"),
    (fit_width, ShapeError, r"expected shape=\(None, 3\), found shape=\(4, 5\).*Give the model data"),
    (lengths, ShapeError, r"as many samples.*x: 4, y: 5"),
    (
        target_shape,
        ShapeError,
        r"'scores'.*Expected targets of shape \(4, 2\).*Received targets of shape \(4, 7\).*Reshape",
    ),
    (unknown_loss, ArgumentError, r"loss identifier: 'mean_sqared_error'. Did you mean 'mean_squared_error'"),
    (unknown_opt, ArgumentError, r"optimizer identifier: 'sdg'. Did you mean 'sgd'"),
    (unknown_metric, ArgumentError, r"metric identifier: 'accurcy'. Did you mean 'accuracy'"),
    (unknown_act, ArgumentError, r"activation function identifier: 'rellu'. Did you mean 'relu'"),
    (unknown_init, ArgumentError, r"initializer identifier: 'glorot'.*glorot_uniform"),
    (units0, ArgumentError, r"`units`, expected a positive integer.*units=0"),
    (units_str, ArgumentError, r"`units`, expected a positive integer.*units='10'"),
    (no_compile, ArgumentError, r"call `compile\(\)` before"),
    (empty, ArgumentError, r"data is empty.*Expected at least one"),
    (nan_labels, ArgumentError, r"targets contain NaN \(1 of 4 values, the first in sample 2\).*Remove"),
    (label_range, ArgumentError, r"Expected labels from 0 to 1. Received labels from 0 to 2. Renumber"),
    (strings, DTypeError, r"x has dtype <U1. Expected numbers.*Encode"),
    (objects, DTypeError, r"dtype object.*Expected numbers"),
    (conv_rank, ShapeError, r"'conv' \(Conv2D\).*expected min_ndim=4, found ndim=3.*Add an axis"),
    (conv_too_small, ShapeError, r"'conv' \(Conv2D\).*at least \(3, 3\).*Received: input_shape=\(None, 2, 2, 1\)"),
    (pad_name, ArgumentError, r"`padding`.*'valid', 'same'.*'smae'"),
    (batch0, ArgumentError, r"`batch_size` must be a positive integer.*batch_size=0"),
    (epochs, ArgumentError, r"`epochs` must be a positive integer.*epochs=-1"),
    (val_split, ArgumentError, r"`validation_split` must be between 0 and 1.*1.5"),
    (threads, ArgumentError, r"num_threads must be a positive integer. Received: 0"),
    (truncated, FileFormatError, r"not a readable `.keras` file.*truncated"),
    (missing_file, ArgumentError, r"File not found.*nothing_here.keras"),
    (not_keras, FileFormatError, r"not a readable `.keras` file.*another format"),
    (set_weights, ArgumentError, r"weight list of length 1, but the layer was expecting 2"),
    (set_weights_shape, ShapeError, r"kernel' has shape \(3, 2\).*provided weight shape \(2, 2\)"),
    (concat, ShapeError, r"'join'.*matching shapes.*\[\(None, 2, 3\), \(None, 3, 4\)\]"),
    (add, ShapeError, r"'sum' \(Add\).*\(2, 3\) and \(2, 4\)"),
    (disconnected, ArgumentError, r"Disconnected graph.*not connected to `inputs`. Pass it"),
    (reshape, ShapeError, r"'fold' \(Reshape\).*Expected 3 elements.*target_shape=\(2, 2\)"),
    (embedding_index, ExecutionError, r"index must lie in \[0, 10\).*Received: 12 \(layer 'words'\)"),
    (unbuilt_summary, ArgumentError, r"isn't built. You can build it"),
    (get_layer, ArgumentError, r"No such layer: nothing. Existing layers are: \['scores'\]"),
    (lstm_rank, ShapeError, r"'memory' \(LSTM\).*expected ndim=3, found ndim=2"),
    (missing_input, ArgumentError, r"expects 2 input\(s\), named \['left', 'right'\], but it received 1"),
    (sample_weight, ShapeError, r"as many samples.*sample_weight: 3"),
    (class_weight, ArgumentError, r"`class_weight` to be a dict.*'cat'"),
    (not_layer, ArgumentError, r"Only instances of `keras.Layer`.*dense"),
    (dropout_rate, ArgumentError, r"`rate`. Expected a float value between 0 and 1.*rate=1.5"),
    (tf_matmul, ShapeError, r"matmul.*\(2, 3\).*differ"),
    (tf_dtype, DTypeError, r"'Add' has dtype float32.*int32.*tf.cast"),
    (tf_reshape, ShapeError, r"does not fit into \(3,\).*4 elements"),
    (unknown_backend, ArgumentError, r"Unknown backend: 'cuda'. Expected one of native, reference"),
    (symbolic_bool, ArgumentError, r"symbolic tensor.*Python bool.*cond"),
    (monitor, ArgumentError, r"must end in `.keras`.*m.txt"),
    (callback, TypeError, r"callbacks.*Received: 3"),
    (tf_dtype_name, DTypeError, r"Unknown dtype: 'float33'. Expected one of float16"),
    (loss_none, ArgumentError, r"No loss to compute. Provide a `loss`"),
    (y_none, ArgumentError, r"no targets `y`"),
    (unknown_arg, ArgumentError, r"Unrecognized keyword arguments passed to Dense: \{'activaton'.*activation"),
    (lr, ArgumentError, r"`learning_rate` should be float.*'fast'"),
)


@pytest.mark.parametrize(("program", "error", "words"), CASES, ids=[case[0].__name__ for case in CASES])
def test_what_is_said(program, error, words, tmp_path: Path):
    with pytest.raises(error, match=f"(?s){words}"):
        program(tmp_path)


def test_there_are_enough():
    assert len(CASES) >= 50
