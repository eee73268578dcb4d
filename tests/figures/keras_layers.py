"""Writes keras_layers.npz: what each layer of real Keras computes, its gradients and its configuration.

Run where there are Keras 3 and TensorFlow: ``KERAS_BACKEND=tensorflow python tests/figures/keras_layers.py``.
"""

import json
import pathlib

import numpy as np
import tensorflow as tf

import keras
from keras import layers as L

IMAGE, WIDE, SEQUENCE, TABLE, WORDS = (2, 6, 5, 3), (2, 8, 7, 4), (3, 5, 4), (4, 6), (3, 5)
VOLUME = (2, 3, 4, 5, 2)
# name: layer, shapes of its inputs ("words": integers), training flag
CASES = {
    "dense": (L.Dense(5, activation="relu"), [TABLE], None),
    "dense_sequence": (L.Dense(3, activation="tanh", use_bias=False, kernel_regularizer="l2"), [SEQUENCE], None),
    "dense_constraint": (L.Dense(3, kernel_constraint="max_norm", bias_initializer="ones"), [TABLE], None),
    "activation_gelu": (L.Activation("gelu"), [TABLE], None),
    "activation_selu": (L.Activation("selu"), [TABLE], None),
    "activation_softplus": (L.Activation("softplus"), [TABLE], None),
    "activation_softsign": (L.Activation("softsign"), [TABLE], None),
    "activation_hard_sigmoid": (L.Activation("hard_sigmoid"), [TABLE], None),
    "activation_swish": (L.Activation("swish"), [TABLE], None),
    "activation_mish": (L.Activation("mish"), [TABLE], None),
    "activation_softmax": (L.Activation("softmax"), [TABLE], None),
    "activation_exponential": (L.Activation("exponential"), [TABLE], None),
    "relu": (L.ReLU(max_value=1.0, negative_slope=0.1, threshold=0.2), [TABLE], None),
    "relu_plain": (L.ReLU(), [TABLE], None),
    "leaky_relu": (L.LeakyReLU(), [TABLE], None),
    "elu": (L.ELU(alpha=0.7), [TABLE], None),
    "prelu": (L.PReLU(alpha_initializer=keras.initializers.Constant(0.2), shared_axes=[1]), [SEQUENCE], None),
    "softmax": (L.Softmax(axis=1), [SEQUENCE], None),
    "flatten": (L.Flatten(), [IMAGE], None),
    "flatten_first": (L.Flatten(data_format="channels_first"), [IMAGE], None),
    "reshape": (L.Reshape((2, -1)), [SEQUENCE], None),
    "permute": (L.Permute((2, 1)), [SEQUENCE], None),
    "repeat_vector": (L.RepeatVector(3), [TABLE], None),
    "dropout_inference": (L.Dropout(0.5), [TABLE], False),
    "conv1d": (L.Conv1D(4, 3, activation="relu"), [SEQUENCE], None),
    "conv1d_causal": (L.Conv1D(4, 2, padding="causal", dilation_rate=2), [SEQUENCE], None),
    "conv1d_same": (L.Conv1D(4, 3, strides=2, padding="same"), [SEQUENCE], None),
    "conv2d": (L.Conv2D(4, 3), [IMAGE], None),
    "conv2d_same": (L.Conv2D(4, (3, 2), strides=(2, 1), padding="same", activation="relu"), [IMAGE], None),
    "conv2d_dilated": (L.Conv2D(2, 2, dilation_rate=2, use_bias=False), [IMAGE], None),
    "conv2d_groups": (L.Conv2D(4, 3, groups=2, padding="same"), [WIDE], None),
    "max_pooling1d": (L.MaxPooling1D(2), [SEQUENCE], None),
    "max_pooling2d": (L.MaxPooling2D(2), [WIDE], None),
    "max_pooling2d_same": (L.MaxPooling2D((3, 2), strides=2, padding="same"), [WIDE], None),
    "average_pooling1d": (L.AveragePooling1D(2, strides=1, padding="same"), [SEQUENCE], None),
    "average_pooling2d": (L.AveragePooling2D((2, 3), padding="same"), [WIDE], None),
    "global_max_pooling1d": (L.GlobalMaxPooling1D(), [SEQUENCE], None),
    "global_max_pooling2d": (L.GlobalMaxPooling2D(keepdims=True), [IMAGE], None),
    "global_average_pooling1d": (L.GlobalAveragePooling1D(), [SEQUENCE], None),
    "global_average_pooling2d": (L.GlobalAveragePooling2D(), [IMAGE], None),
    "batch_normalization_training": (L.BatchNormalization(momentum=0.9), [IMAGE], True),
    "batch_normalization_inference": (L.BatchNormalization(epsilon=0.01), [TABLE], False),
    "batch_normalization_axis": (L.BatchNormalization(axis=1, scale=False), [SEQUENCE], True),
    "layer_normalization": (L.LayerNormalization(), [SEQUENCE], None),
    "layer_normalization_axes": (L.LayerNormalization(axis=[1, 2], center=False), [SEQUENCE], None),
    "embedding": (L.Embedding(7, 4), ["words"], None),
    "simple_rnn": (L.SimpleRNN(3), [SEQUENCE], None),
    "simple_rnn_sequences": (L.SimpleRNN(3, return_sequences=True, go_backwards=True), [SEQUENCE], None),
    "lstm": (L.LSTM(3), [SEQUENCE], None),
    "lstm_sequences": (L.LSTM(3, return_sequences=True, unit_forget_bias=False), [SEQUENCE], None),
    "lstm_state": (L.LSTM(3, return_state=True, go_backwards=True), [SEQUENCE], None),
    "gru": (L.GRU(3), [SEQUENCE], None),
    "gru_before": (L.GRU(3, reset_after=False, return_sequences=True), [SEQUENCE], None),
    "rnn_stack": (L.RNN([L.LSTMCell(3), L.GRUCell(2)]), [SEQUENCE], None),
    "add": (L.Add(), [TABLE, TABLE], None),
    "add_broadcast": (L.Add(), [SEQUENCE, (3, 1, 4)], None),
    "subtract": (L.Subtract(), [TABLE, TABLE], None),
    "multiply": (L.Multiply(), [TABLE, TABLE, TABLE], None),
    "average": (L.Average(), [TABLE, TABLE, TABLE], None),
    "maximum": (L.Maximum(), [TABLE, TABLE], None),
    "minimum": (L.Minimum(), [TABLE, TABLE], None),
    "concatenate": (L.Concatenate(axis=1), [SEQUENCE, (3, 2, 4)], None),
    "dot": (L.Dot(axes=(2, 1)), [SEQUENCE, (3, 4, 2)], None),
    "dot_normalize": (L.Dot(axes=1, normalize=True), [TABLE, TABLE], None),
    "zero_padding1d": (L.ZeroPadding1D((1, 2)), [SEQUENCE], None),
    "zero_padding2d": (L.ZeroPadding2D(((1, 2), (0, 1))), [IMAGE], None),
    "cropping1d": (L.Cropping1D((1, 2)), [SEQUENCE], None),
    "cropping2d": (L.Cropping2D(((1, 0), (2, 1))), [IMAGE], None),
    "up_sampling1d": (L.UpSampling1D(2), [SEQUENCE], None),
    "up_sampling2d": (L.UpSampling2D((2, 3)), [IMAGE], None),
    "rescaling": (L.Rescaling(0.5, offset=-1.0), [TABLE], None),
    "identity": (L.Identity(), [TABLE], None),
    "bidirectional": (L.Bidirectional(L.LSTM(2, return_sequences=True)), [SEQUENCE], None),
    "bidirectional_sum": (L.Bidirectional(L.GRU(2), merge_mode="sum"), [SEQUENCE], None),
    "time_distributed": (L.TimeDistributed(L.Dense(3)), [SEQUENCE], None),
    "einsum_dense": (L.EinsumDense("abc,cde->abde", (None, 2, 3), activation="relu", bias_axes="de"), [SEQUENCE], None),
    "einsum_dense_dots": (L.EinsumDense("...x,xy->...y", 5, bias_axes="y"), [SEQUENCE], None),
    "multi_head_attention": (L.MultiHeadAttention(2, 3), [SEQUENCE, (3, 6, 4)], None),
    "depthwise_conv1d": (L.DepthwiseConv1D(2, depth_multiplier=2), [SEQUENCE], None),
    "depthwise_conv2d": (L.DepthwiseConv2D(3, depth_multiplier=2, padding="same", strides=2), [WIDE], None),
    "separable_conv1d": (L.SeparableConv1D(3, 2), [SEQUENCE], None),
    "separable_conv2d": (L.SeparableConv2D(3, 2, depth_multiplier=2), [IMAGE], None),
    "conv1d_transpose": (L.Conv1DTranspose(2, 3, strides=2), [SEQUENCE], None),
    "conv2d_transpose": (L.Conv2DTranspose(2, 3, strides=2, padding="same"), [IMAGE], None),
    "conv2d_transpose_valid": (L.Conv2DTranspose(2, (2, 3), strides=(3, 1), activation="relu"), [IMAGE], None),
    "normalization": (L.Normalization(mean=[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], variance=[1.0] * 6), [TABLE], None),
    "unit_normalization": (L.UnitNormalization(), [TABLE], None),
    "rms_normalization": (L.RMSNormalization(), [SEQUENCE], None),
    "group_normalization": (L.GroupNormalization(groups=2), [WIDE], None),
    "gaussian_dropout_inference": (L.GaussianDropout(0.5), [TABLE], False),
    "conv3d": (L.Conv3D(3, 2, activation="relu"), [VOLUME], None),
    "conv3d_same": (L.Conv3D(2, (1, 2, 3), strides=(1, 2, 1), padding="same", use_bias=False), [VOLUME], None),
    "conv3d_transpose": (L.Conv3DTranspose(2, (2, 1, 3), strides=(2, 1, 2), padding="same"), [VOLUME], None),
    "max_pooling3d": (L.MaxPooling3D((2, 1, 2), padding="same"), [VOLUME], None),
    "average_pooling3d": (L.AveragePooling3D(2), [VOLUME], None),
    "global_max_pooling3d": (L.GlobalMaxPooling3D(), [VOLUME], None),
    "global_average_pooling3d": (L.GlobalAveragePooling3D(keepdims=True), [VOLUME], None),
    "zero_padding3d": (L.ZeroPadding3D((1, 0, 2)), [VOLUME], None),
    "cropping3d": (L.Cropping3D(((1, 0), (0, 1), (1, 1))), [VOLUME], None),
    "up_sampling3d": (L.UpSampling3D((2, 1, 2)), [VOLUME], None),
    "attention": (L.Attention(use_scale=True), [SEQUENCE, (3, 6, 4)], None),
    "attention_concat": (L.Attention(score_mode="concat"), [SEQUENCE, (3, 6, 2), (3, 6, 4)], None),
    "additive_attention": (L.AdditiveAttention(), [SEQUENCE, (3, 6, 4)], None),
    "alpha_dropout_inference": (L.AlphaDropout(0.3), [TABLE], False),
    "category_encoding": (L.CategoryEncoding(num_tokens=7), ["words"], None),
    "category_encoding_count": (L.CategoryEncoding(num_tokens=8, output_mode="count"), ["words"], None),
    "up_sampling2d_bilinear": (L.UpSampling2D((2, 3), interpolation="bilinear"), [IMAGE], None),
    "resizing": (L.Resizing(9, 4), [IMAGE], None),
    "resizing_nearest": (L.Resizing(4, 7, interpolation="nearest"), [IMAGE], None),
    "activity_regularization": (L.ActivityRegularization(l1=0.1, l2=0.2), [TABLE], None),
}


def together(layer, given, **flags):
    return layer(*given, **flags) if isinstance(layer, L.MultiHeadAttention) else layer(given, **flags)


def main() -> None:
    rng = np.random.default_rng(2024)
    figures = {}
    for name, (layer, shapes, training) in CASES.items():
        inputs = [
            rng.integers(0, 7, WORDS).astype("int32") if shape == "words" else rng.normal(size=shape).astype("float32")
            for shape in shapes
        ]
        tensors = [tf.constant(x) for x in inputs]
        given = tensors if len(tensors) > 1 else tensors[0]
        together(layer, given)
        for weight in layer.weights:
            drawn = rng.normal(size=weight.shape, scale=0.5).astype("float32")
            weight.assign(np.abs(drawn) + 0.1 if "variance" in weight.name else drawn)
        before = [weight.numpy() for weight in layer.weights]
        flags = {} if training is None else {"training": training}
        with tf.GradientTape() as tape:
            for tensor in tensors:
                tape.watch(tensor)
            outputs = together(layer, given, **flags)
            outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
            cotangents = [rng.normal(size=output.shape).astype("float32") for output in outputs]
            total = sum(tf.reduce_sum(output * seed) for output, seed in zip(outputs, cotangents, strict=True))
            losses = [tf.identity(loss) for loss in layer.losses]
            total = total + sum(losses) if losses else total
        floats = [tensor for tensor in tensors if tensor.dtype.is_floating]
        sources = floats + [weight.value for weight in layer.trainable_weights]
        gradients = tape.gradient(total, sources)
        gradients = [None if g is None else tf.convert_to_tensor(g).numpy() for g in gradients]
        put = {
            "config": json.dumps({"class_name": type(layer).__name__, "config": layer.get_config()}),
            "weights": json.dumps([[weight.name, weight.path, list(weight.shape)] for weight in layer.weights]),
            "training": json.dumps(training),
        }
        for kind, arrays in (
            ("input", inputs), ("before", before), ("after", [weight.numpy() for weight in layer.weights]),
            ("output", [output.numpy() for output in outputs]), ("cotangent", cotangents),
            ("gradient", gradients), ("loss", [loss.numpy() for loss in losses]),
        ):  # fmt: skip
            put.update({f"{kind}{index}": array for index, array in enumerate(arrays) if array is not None})
        figures.update({f"{name}/{key}": value for key, value in put.items()})
    np.savez_compressed(pathlib.Path(__file__).with_suffix(".npz"), **figures)


if __name__ == "__main__":
    main()
