"""Windows of a series; draws of distributions."""

import numpy as np
import pytest

from epochal import keras
from epochal.errors import ArgumentError


def test_windows_with_strides_rates_and_bounds():
    data = np.arange(20) * 2
    made = keras.utils.timeseries_dataset_from_array(
        data, data + 1, 3, sequence_stride=2, sampling_rate=3, batch_size=4, start_index=1, end_index=18
    )
    batches = [made[index] for index in range(len(made))]
    windows = np.concatenate([x for x, _ in batches])
    starts = np.arange(1, 18 - 6, 2)
    np.testing.assert_array_equal(windows, data[starts[:, None] + np.array([0, 3, 6])])
    np.testing.assert_array_equal(np.concatenate([y for _, y in batches]), data[starts] + 1)
    assert [len(x) for x, _ in batches] == [4, 2]


def test_without_targets_or_batches_and_shuffled():
    alone = keras.utils.timeseries_dataset_from_array(np.arange(6), None, 4, batch_size=None)
    assert [alone[index].tolist() for index in range(len(alone))] == [[0, 1, 2, 3], [1, 2, 3, 4], [2, 3, 4, 5]]
    shuffled = keras.utils.timeseries_dataset_from_array(np.arange(40), np.arange(40), 2, shuffle=True, seed=1)
    x, y = shuffled[0]
    np.testing.assert_array_equal(x[:, 0], y)
    assert sorted(y) == list(range(39))
    assert y.tolist() != list(range(39))


def test_a_model_learns_from_windows():
    series = np.sin(np.arange(120) / 5).astype("float32")[:, None]
    windows = keras.utils.timeseries_dataset_from_array(series[:-1], series[5:], 5, batch_size=16)
    model = keras.Sequential([keras.Input((5, 1)), keras.layers.Flatten(), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.05), "mse")
    losses = model.fit(windows, epochs=6, verbose=0).history["loss"]
    assert losses[-1] < 0.2 * losses[0]
    assert model.predict(windows, verbose=0).shape == (115, 1)


@pytest.mark.parametrize(
    ("named", "message"),
    [({"sequence_length": 0}, "sequence_length"), ({"sequence_length": 9}, "longer than the data")],
)
def test_wrong_windows(named, message):
    with pytest.raises(ArgumentError, match=message):
        keras.utils.timeseries_dataset_from_array(np.arange(5), None, **named)


def test_draws():
    numbers = keras.random.gamma((20_000,), 3.0, seed=1).numpy()
    assert abs(numbers.mean() - 3) < 0.1
    assert abs(numbers.var() - 3) < 0.2
    shares = keras.random.beta((20_000,), 2.0, 6.0, seed=2).numpy()
    assert abs(shares.mean() - 0.25) < 0.01
