"""Where a functional model begins."""

from __future__ import annotations

from typing import Any

from epochal import dtypes
from epochal.errors import ArgumentError, NotSupportedError
from epochal.ir import Symbol, tensor_type
from epochal.keras import graph, naming, settings
from epochal.keras.layers.layer import Layer
from epochal.tensor import Tensor


class InputLayer(Layer):
    """The place of one input of a model.

    Args:
        shape: Without the batch axis; ``None`` stands for any size.
        batch_size: Size of a batch, if it is fixed.
        dtype: Element type.
        sparse: Not supported.
        ragged: Not supported.
        batch_shape: With the batch axis, in place of `shape`.
        input_tensor: Not supported.
        optional: Whether the input may be ``None``.
        name: Name.
        **kwargs: ``input_shape`` and ``batch_input_shape``, older names of the shapes.
    """

    def __init__(
        self,
        shape: Any = None,
        batch_size: int | None = None,
        dtype: Any = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: Any = None,
        input_tensor: Any = None,
        optional: bool = False,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        shape = kwargs.pop("input_shape", shape)
        batch_shape = kwargs.pop("batch_input_shape", batch_shape)
        if sparse or ragged or input_tensor is not None:
            raise NotSupportedError("Inputs that are sparse, ragged or tensors already are not supported.")
        super().__init__(name=name, **kwargs)
        if (shape is None) == (batch_shape is None):
            raise ArgumentError(
                "You must pass exactly one of `shape` and `batch_shape` to Input. "
                f"Received: shape={shape}, batch_shape={batch_shape}"
            )
        if batch_shape is None:
            batch_shape = (batch_size, *_sizes(shape, "shape"))
        self.batch_shape = _sizes(batch_shape, "batch_shape")
        self._input_dtype = dtypes.get(settings.floatx() if dtype is None else dtype).name
        self.optional = optional
        self.sparse = False
        self.ragged = False
        self.built = True
        sizes = [
            Symbol("batch" if axis == 0 else None) if size is None else size
            for axis, size in enumerate(self.batch_shape)
        ]
        node, output = graph.record_call(self, (), {}, tensor_type(self._input_dtype, sizes))
        self._inbound_nodes.append(node)
        self._output = output

    def call(self) -> Any:
        raise NotImplementedError

    @property
    def dtype(self) -> str:
        return self._input_dtype

    @property
    def output(self) -> Tensor:
        """The symbolic tensor."""
        return self._output

    @property
    def input(self) -> Tensor:
        return self._output

    def get_config(self) -> dict[str, Any]:
        return {
            "batch_shape": self.batch_shape,
            "dtype": self._input_dtype,
            "sparse": False,
            "ragged": False,
            "name": self.name,
            "optional": self.optional,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> InputLayer:
        config = dict(config)
        if isinstance(config.get("dtype"), dict):
            config["dtype"] = config["dtype"]["config"]["name"]
        return cls(**config)


def _sizes(shape: Any, name: str) -> tuple[int | None, ...]:
    if isinstance(shape, int):
        raise ArgumentError(f"`{name}` must be a tuple, such as ({shape},). Received: {name}={shape}")
    sizes = []
    for size in shape:
        if size is not None and (isinstance(size, bool) or not hasattr(size, "__index__") or int(size) < 0):
            raise ArgumentError(
                f"Cannot convert '{shape}' to a shape: expected positive integers or None. Received: {size!r}"
            )
        sizes.append(None if size is None else int(size))
    return tuple(sizes)


def Input(
    shape: Any = None,
    batch_size: int | None = None,
    dtype: Any = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: Any = None,
    name: str | None = None,
    tensor: Any = None,
    optional: bool = False,
) -> Tensor:
    """A symbolic tensor that a functional model starts from.

    Args:
        shape: Without the batch axis; ``None`` stands for any size.
        batch_size: Size of a batch, if it is fixed.
        dtype: Element type; `floatx` by default.
        sparse: Not supported.
        ragged: Not supported.
        batch_shape: With the batch axis, in place of `shape`.
        name: Key of the input.
        tensor: Not supported.
        optional: Whether the input may be ``None``.

    Example:
        >>> from epochal import keras
        >>> x = keras.Input((4,))
        >>> keras.Model(x, keras.layers.Dense(2)(x)).output_shape
        (None, 2)
    """
    name = name or naming.unique_name("input_layer")
    layer = InputLayer(shape, batch_size, dtype, sparse, ragged, batch_shape, tensor, optional, name)
    return layer.output
