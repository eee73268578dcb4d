"""Whole modules of TensorFlow that are not here, each refused by name with what to use instead."""

from __future__ import annotations

from typing import Any, NoReturn

from epochal.errors import NotSupportedError


class Refused:
    """Stands for a module; asking for anything in it raises."""

    def __init__(self, name: str, instead: str) -> None:
        self._name, self._instead = name, instead

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise NotSupportedError(f"tf.{self._name}.{name} is not supported. {self._instead}")

    def __call__(self, *arguments: Any, **keywords: Any) -> NoReturn:
        raise NotSupportedError(f"tf.{self._name} is not supported. {self._instead}")


_DENSE = "Epochal has no such tensors: use dense ones."
_QUEUE = "Epochal has no queues: use tf.data, or feed_dict."
_EXAMPLES = "Read files with NumPy or Python, and feed the arrays."

distribute = Refused("distribute", "Programs run on one machine's CPU.")
distributions = Refused("distributions", "Write the density with tf.exp and tf.log, and draw with tf.random_normal.")
estimator = Refused("estimator", "Use tf.keras.Model.fit, or a session.")
feature_column = Refused("feature_column", "Prepare features with NumPy.")
lookup = Refused("lookup", "Use a Python dict before feeding.")
ragged = Refused("ragged", _DENSE)
saved_model = Refused("saved_model", "Use tf.train.Saver, or model.save('file.keras').")
tpu = Refused("tpu", "Programs run on the CPU.")
RaggedTensor = Refused("RaggedTensor", _DENSE)
SparseTensor = Refused("SparseTensor", _DENSE)
sparse_placeholder = Refused("sparse_placeholder", _DENSE)
sparse_tensor_dense_matmul = Refused("sparse_tensor_dense_matmul", _DENSE)
TensorArray = Refused("TensorArray", "Use tf.map_fn or tf.scan, or a list and tf.stack.")
FIFOQueue = Refused("FIFOQueue", _QUEUE)
RandomShuffleQueue = Refused("RandomShuffleQueue", _QUEUE)
TFRecordReader = Refused("TFRecordReader", _QUEUE)
TextLineReader = Refused("TextLineReader", _QUEUE)
FixedLenFeature = Refused("FixedLenFeature", _EXAMPLES)
parse_single_example = Refused("parse_single_example", _EXAMPLES)
decode_raw = Refused("decode_raw", _EXAMPLES)
decode_csv = Refused("decode_csv", _EXAMPLES)
read_file = Refused("read_file", "Use tf.io.read_file outside graphs.")
import_graph_def = Refused("import_graph_def", "Graphs are not stored: build the graph with the same code.")
GraphDef = Refused("GraphDef", "Graphs are not stored: build the graph with the same code.")
custom_gradient = Refused("custom_gradient", "Write the function so that its own gradient is right (tf.stop_gradient).")
RegisterGradient = Refused("RegisterGradient", "Write the function so that its own gradient is right.")
complex64 = complex128 = Refused("complex64", "There are no complex numbers: tf.signal works on pairs.")
string = Refused("string", "There are no tensors of text: use Python's strings.")
