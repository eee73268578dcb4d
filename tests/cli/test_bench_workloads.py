"""The measured programs: their size and operations by hand, and that other engines get the same weights."""

import numpy as np
import pytest

from epochal import keras
from epochal.backends.native import peak
from epochal.cli.bench.peers import operations, weights
from epochal.cli.bench.peers.workloads import BY_NAME, WORKLOADS


@pytest.fixture(autouse=True)
def plain_names():
    """Layers are named as in a new process."""
    keras.utils.clear_session()


def resnet50_operations():
    """Of one image, forward: the stem, then each stage's blocks, and the head."""
    total = 112 * 112 * 49 * 3 * 64
    inputs, size = 64, 56
    for channels, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
        size = size if channels == 64 else size // 2
        for block in range(blocks):
            total += size * size * (inputs * channels + 9 * channels**2 + 4 * channels**2)
            total += size * size * inputs * 4 * channels * (block == 0)
            inputs = 4 * channels
    return 2 * (total + inputs * 1000)


@pytest.mark.parametrize(
    ("name", "forward", "training"),
    [
        ("seed", 4, 8),
        ("mlp", 2 * (784 * 512 + 512 * 512 + 5120), 2 * (2 * 784 * 512 + 3 * 512 * 512 + 3 * 5120)),
        (
            "cnn",
            2 * (26 * 26 * 9 * 32 + 121 * 9 * 32 * 64 + 16000),
            2 * (2 * 26 * 26 * 9 * 32 + 3 * 121 * 9 * 32 * 64 + 3 * 16000),
        ),
        ("lstm", 2 * (80 * 2 * 128 * 512 + 128), 6 * (80 * 2 * 128 * 512 + 128)),
        (
            "tfm",
            2 * (64 * 2 * (4 * 128**2 + 2 * 128 * 512 + 2 * 64 * 128) + 256),
            6 * (64 * 2 * (4 * 128**2 + 2 * 128 * 512 + 2 * 64 * 128) + 256),
        ),
        ("resnet50", resnet50_operations(), 3 * resnet50_operations() - 2 * 112 * 112 * 49 * 3 * 64),
    ],
)
def test_operations_by_hand(name, forward, training):
    workload = BY_NAME[name]
    model = workload.build(keras)
    assert operations.inference(model, workload.causal) == forward
    assert operations.training(model, workload.causal) == training


def test_a_causal_mask_needs_half_the_scores():
    tokens = keras.Input((10, 8))
    layer = keras.layers.MultiHeadAttention(2, 4)
    keras.Model(tokens, layer(tokens, tokens, use_causal_mask=True))
    full, half = (operations.forward_of(layer, causal) for causal in (False, True))
    assert full - half == 2 * 2 * (100 - 55) * 8


def test_resnet50_is_the_known_one():
    """25,557,032 trained parameters, and the moving statistics of 53 normalisations over 26,560 channels."""
    assert BY_NAME["resnet50"].build(keras).count_params() == 25_557_032 + 2 * 26_560


@pytest.mark.parametrize("workload", [w for w in WORKLOADS if w.name not in ("gpt2", "resnet50")], ids=lambda w: w.name)
def test_data_fit_the_model(workload):
    x, y = workload.data(workload.batch_size)
    assert len(x) == len(y) == workload.batch_size
    model = workload.build(keras)
    assert model(x[:1]).shape[0] == 1
    assert x.shape[1:] == tuple(model.inputs[0].shape[1:])


@pytest.mark.parametrize("name", ["cnn", "tfm", "resnet"])
def test_weights_travel(name, tmp_path):
    workload = BY_NAME[name]
    made = weights.made(workload.build(keras))
    path = tmp_path / "weights.npz"
    weights.save(path, made)
    given = weights.load(path)
    assert {kind: len(layers) for kind, layers in given.items()} == {kind: len(layers) for kind, layers in made.items()}
    model = workload.build(keras)
    weights.set_keras(model, given)
    for kind, layers in weights.layers_by_kind(model).items():
        for layer, arrays in zip(layers, made[kind], strict=True):
            for got, wanted in zip(layer.get_weights(), arrays, strict=True):
                np.testing.assert_array_equal(got, wanted)


def test_the_peak_is_measured():
    assert 1e9 < peak.operations(1, repeat=3, loops=20_000) < 1e12
