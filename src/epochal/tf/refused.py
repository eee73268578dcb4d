"""What of TensorFlow is not here, by name, with what to use instead."""

from __future__ import annotations

from typing import NoReturn

from epochal.errors import NotSupportedError


class MissingNameError(NotSupportedError, AttributeError):
    """A name that is not here on purpose. `hasattr` is false for it."""


class Refused:
    """Stands for a module; asking for anything in it raises."""

    def __init__(self, name: str, instead: str) -> None:
        self._name, self._instead = name, instead

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(name)
        raise MissingNameError(f"tf.{self._name}.{name} is not supported. {self._instead}")


_DENSE = "Epochal has no such tensors: use dense ones."
_QUEUE = "Epochal has no queues: use tf.data, or feed_dict."
_EXAMPLES = "Read files with NumPy or Python, and feed the arrays."
_COMPLEX = "There are no complex numbers: tf.signal works on pairs."

distribute = Refused("distribute", "Programs run on one machine's CPU.")
distributions = Refused("distributions", "Write the density with tf.exp and tf.log, and draw with tf.random_normal.")
estimator = Refused("estimator", "Use tf.keras.Model.fit, or a session.")
feature_column = Refused("feature_column", "Prepare features with NumPy.")
lookup = Refused("lookup", "Use a Python dict before feeding.")
ragged = Refused("ragged", _DENSE)
saved_model = Refused("saved_model", "Use tf.train.Saver, or model.save('file.keras').")
tpu = Refused("tpu", "Programs run on the CPU.")

NAMES = {
    "RaggedTensor": _DENSE,
    "SparseTensor": _DENSE,
    "sparse_placeholder": _DENSE,
    "sparse_tensor_dense_matmul": _DENSE,
    "TensorArray": "Use tf.map_fn or tf.scan, or a list and tf.stack.",
    "FIFOQueue": _QUEUE,
    "RandomShuffleQueue": _QUEUE,
    "TFRecordReader": _QUEUE,
    "TextLineReader": _QUEUE,
    "FixedLenFeature": _EXAMPLES,
    "parse_single_example": _EXAMPLES,
    "decode_raw": _EXAMPLES,
    "decode_csv": _EXAMPLES,
    "read_file": "Use tf.io.read_file outside graphs.",
    "import_graph_def": "Graphs are not stored: build the graph with the same code.",
    "GraphDef": "Graphs are not stored: build the graph with the same code.",
    "RegisterGradient": "Write the function so that its own gradient is right.",
    "complex64": _COMPLEX,
    "complex128": _COMPLEX,
    "string": "There are no tensors of text: use Python's strings.",
}


def refuse(name: str) -> NoReturn:
    """Raises what says why `tf.name` is not here."""
    raise MissingNameError(f"tf.{name} is not supported. {NAMES[name]}")
