"""What the real TensorFlow gives for the calls of tf_cases.py. Run with TensorFlow 2; writes tf_functions.npz."""

from __future__ import annotations

import pathlib
import sys

import numpy as np
import tensorflow

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import tf_cases  # noqa: E402

v1 = tensorflow.compat.v1
v1.disable_v2_behavior()
figures = {}
for name, case in tf_cases.CASES.items():
    with v1.Graph().as_default(), v1.Session() as session:
        try:
            result = case(v1)
            listed = list(result) if isinstance(result, (list, tuple)) else [result]
            for index, array in enumerate(session.run([v1.convert_to_tensor(one) for one in listed])):
                figures[f"{name}/{index}"] = np.asarray(array)
        except Exception as error:  # noqa: BLE001 - reported; the others are still wanted
            print(name, type(error), str(error)[:300])
np.savez_compressed(HERE / "tf_functions.npz", **figures)
print(len(figures))
