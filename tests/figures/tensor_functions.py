"""Keeps what real Keras 3 (on TensorFlow) computes for the calls of tensor_cases.py, as tensor_functions.npz.

Run: KERAS_BACKEND=tensorflow python tests/figures/tensor_functions.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import keras

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
from tensor_cases import CASES  # noqa: E402

NAMES = [
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float16", "bfloat16", "float32", "float64", "int", "float",
]  # fmt: skip


def call(name, arguments, keywords):
    function = getattr(keras.ops, name, None) or getattr(keras.activations, name)

    outcome = function(*arguments, **keywords)
    outcome = list(outcome) if isinstance(outcome, (list, tuple)) else [outcome]
    return [keras.ops.convert_to_numpy(one) for one in outcome]


def main():
    results = {}
    for index, (_, name, arguments, keywords) in enumerate(CASES):
        try:
            found = call(name, arguments, keywords)
        except Exception as error:  # noqa: BLE001
            print(
                index,
                name,
                [getattr(a, "dtype", a) for a in arguments],
                keywords,
                type(error).__name__,
                str(error)[:90],
            )
            continue
        for part, array in enumerate(found):
            results[f"{index}.{part}"] = array
    weak = {"int": int, "float": float}
    table = [[keras.backend.result_type(weak.get(a, a), weak.get(b, b)) for b in NAMES] for a in NAMES]
    np.savez_compressed(HERE / "tensor_functions.npz", promotion=np.array(table), names=np.array(NAMES), **results)


if __name__ == "__main__":
    main()
