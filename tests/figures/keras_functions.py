"""Writes keras_functions.npz: what real Keras's activations, constraints and regularizers return.

Run with an environment that has Keras 3: ``KERAS_BACKEND=tensorflow python tests/figures/keras_functions.py``.
"""

import pathlib

import numpy as np

import keras

ACTIVATIONS = [
    "celu",
    "elu",
    "exponential",
    "gelu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "squareplus",
    "tanh",
    "tanh_shrink",
]
CONSTRAINTS = {
    "max_norm": keras.constraints.MaxNorm(1.0),
    "max_norm_axis": keras.constraints.MaxNorm(0.8, axis=1),
    "non_neg": keras.constraints.NonNeg(),
    "unit_norm": keras.constraints.UnitNorm(),
    "min_max_norm": keras.constraints.MinMaxNorm(0.5, 1.0, rate=0.7),
}
REGULARIZERS = {
    "l1": keras.regularizers.L1(0.1),
    "l2": keras.regularizers.L2(0.2),
    "l1_l2": keras.regularizers.L1L2(0.1, 0.2),
    "orthogonal_rows": keras.regularizers.OrthogonalRegularizer(0.3),
    "orthogonal_columns": keras.regularizers.OrthogonalRegularizer(0.3, mode="columns"),
}


def main() -> None:
    rng = np.random.default_rng(3)
    w, m = rng.normal(size=(4, 3)).astype("float32"), rng.normal(size=(2, 3, 4)).astype("float32")
    x = np.linspace(-4, 4, 33).astype("float32")
    a = keras.activations
    found = {
        "softmax_pair": a.softmax(m, axis=(1, 2)),
        "softmax_middle": a.softmax(m, axis=1),
        "log_softmax_middle": a.log_softmax(m, axis=1),
        "glu_last": a.glu(m, axis=2),
        "threshold": a.threshold(x, 0.5, -1.0),
        "gelu_approximate": a.gelu(x, approximate=True),
        "relu_all": a.relu(x, 0.1, 2.0, 0.5),
    }
    found.update({f"activation_{name}": getattr(a, name)(x) for name in ACTIVATIONS})
    found.update({f"constraint_{name}": constraint(w) for name, constraint in CONSTRAINTS.items()})
    tensor = keras.ops.convert_to_tensor(w)
    found.update({f"regularizer_{name}": regularizer(tensor) for name, regularizer in REGULARIZERS.items()})
    figures = {name: np.asarray(value) for name, value in found.items()}
    np.savez_compressed(pathlib.Path(__file__).with_suffix(".npz"), w=w, m=m, x=x, **figures)


if __name__ == "__main__":
    main()
