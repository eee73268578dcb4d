"""`tf.nn.rnn_cell`: one step of a recurrent network. `tf.nn.dynamic_rnn` and `tf.nn.static_rnn` run them over time."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Sequence
from typing import Any

from epochal import dtypes, tree
from epochal.errors import ArgumentError, NotSupportedError, ShapeError
from epochal.tensor import Tensor, functions
from epochal.tf import array_ops, nn
from epochal.tf.conversion import to_tensor
from epochal.tf.initializers import ones_initializer, zeros_initializer
from epochal.tf.scopes import get_variable, variable_scope

__all__ = [
    "BasicLSTMCell", "BasicRNNCell", "DropoutWrapper", "GRUCell", "LSTMCell", "LSTMStateTuple", "MultiRNNCell",
    "RNNCell", "ResidualWrapper",
]  # fmt: skip

LSTMStateTuple = namedtuple("LSTMStateTuple", ("c", "h"))
LSTMStateTuple.__doc__ = "The state of an LSTM: the cell's memory `c` and its output `h`."


class RNNCell:
    """One step of a recurrent network: ``output, state = cell(inputs, state)``.

    Derived classes give `state_size`, `output_size` and `call(inputs, state)`; variables come from `add_weight` in
    `build`, or from `tf.get_variable` in `call`.
    """

    base_name = "rnn_cell"

    def __init__(
        self, trainable: bool = True, name: str | None = None, dtype: Any = None, _reuse: Any = None, **others: Any
    ) -> None:
        self.trainable = trainable
        self.weights: list[Any] = []
        self._name = name
        self._reuse = _reuse
        self._scope: Any = None

    @property
    def state_size(self) -> Any:
        """The size of the state, or nested sizes."""
        raise NotImplementedError

    @property
    def output_size(self) -> Any:
        """The size of the output."""
        raise NotImplementedError

    @property
    def variables(self) -> list[Any]:
        return list(self.weights)

    @property
    def trainable_variables(self) -> list[Any]:
        return [variable for variable in self.weights if variable.trainable]

    trainable_weights = trainable_variables

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> tuple[Any, Any]:
        if self._scope is not None:
            with variable_scope(self._scope, reuse=True):
                return self.call(inputs, state)
        with variable_scope(scope or self._name, self.base_name, reuse=self._reuse) as opened:
            self.build(to_tensor(inputs))
            result = self.call(inputs, state)
            self._scope = opened
            return result

    def build(self, inputs: Tensor) -> None:
        """Makes or finds the variables."""

    def call(self, inputs: Any, state: Any) -> tuple[Any, Any]:
        """Output and new state."""
        raise NotImplementedError

    def add_weight(self, name: str, shape: Any, initializer: Any = None) -> Any:
        """A variable of the cell."""
        variable = get_variable(name, shape, None, initializer, trainable=self.trainable)
        self.weights.append(variable)
        return variable

    def zero_state(self, batch_size: Any, dtype: Any = dtypes.float32) -> Any:
        """The state before the first step: 0."""
        return _zeros(self.state_size, batch_size, dtype)

    def get_initial_state(self, inputs: Any = None, batch_size: Any = None, dtype: Any = None) -> Any:
        """`zero_state` for the batch of `inputs`."""
        if inputs is not None:
            tensor = to_tensor(inputs)
            return self.zero_state(tensor.dimensions[0], tensor.dtype)
        return self.zero_state(batch_size, dtype or dtypes.float32)


def _zeros(sizes: Any, batch_size: Any, dtype: Any) -> Any:
    if isinstance(sizes, tuple) and hasattr(sizes, "_fields"):
        return type(sizes)(*[_zeros(size, batch_size, dtype) for size in sizes])
    if isinstance(sizes, (list, tuple)):
        return tuple(_zeros(size, batch_size, dtype) for size in sizes)
    return array_ops.zeros([batch_size, int(sizes)], dtype)


def _depth(inputs: Tensor) -> int:
    if inputs.ndim != 2 or inputs.shape[1] is None:
        raise ShapeError(
            f"Expected the inputs of a cell to have a known last dimension and two axes [batch, features]. Received "
            f"shape: {inputs.shape}"
        )
    return inputs.shape[1]


class BasicRNNCell(RNNCell):
    """``h' = activation([x, h] kernel + bias)``."""

    base_name = "basic_rnn_cell"

    def __init__(
        self, num_units: int, activation: Any = None, reuse: Any = None, name: str | None = None, dtype: Any = None,
        **others: Any,
    ) -> None:  # fmt: skip
        super().__init__(name=name, dtype=dtype, _reuse=reuse, **others)
        self._num_units = int(num_units)
        self._activation = activation or functions.tanh

    @property
    def state_size(self) -> int:
        return self._num_units

    @property
    def output_size(self) -> int:
        return self._num_units

    def build(self, inputs: Tensor) -> None:
        self.kernel = self.add_weight("kernel", [_depth(inputs) + self._num_units, self._num_units])
        self.bias = self.add_weight("bias", [self._num_units], zeros_initializer())

    def call(self, inputs: Any, state: Any) -> tuple[Tensor, Tensor]:
        output = to_tensor(self._activation(_affine([inputs, state], self.kernel, self.bias)))
        return output, output


def _affine(parts: Sequence[Any], kernel: Any, bias: Any) -> Tensor:
    joined = functions.concatenate([to_tensor(part) for part in parts], axis=1)
    return functions.matmul(joined, to_tensor(kernel)) + to_tensor(bias)


class GRUCell(RNNCell):
    """Gated recurrent unit (Cho et al. 2014), the reset before the product.

    ``r, u = sigmoid([x, h] gates)``, ``c = activation([x, r h] candidate)``, ``h' = u h + (1 - u) c``.
    """

    base_name = "gru_cell"

    def __init__(
        self, num_units: int, activation: Any = None, reuse: Any = None, kernel_initializer: Any = None,
        bias_initializer: Any = None, name: str | None = None, dtype: Any = None, **others: Any,
    ) -> None:  # fmt: skip
        super().__init__(name=name, dtype=dtype, _reuse=reuse, **others)
        self._num_units = int(num_units)
        self._activation = activation or functions.tanh
        self._initializers = kernel_initializer, bias_initializer

    @property
    def state_size(self) -> int:
        return self._num_units

    @property
    def output_size(self) -> int:
        return self._num_units

    def build(self, inputs: Tensor) -> None:
        size, (kernel, bias) = self._num_units, self._initializers
        rows = _depth(inputs) + size
        self.gate_kernel = self.add_weight("gates/kernel", [rows, 2 * size], kernel)
        self.gate_bias = self.add_weight("gates/bias", [2 * size], bias or ones_initializer())
        self.candidate_kernel = self.add_weight("candidate/kernel", [rows, size], kernel)
        self.candidate_bias = self.add_weight("candidate/bias", [size], bias or zeros_initializer())

    def call(self, inputs: Any, state: Any) -> tuple[Tensor, Tensor]:
        before = to_tensor(state)
        gates = functions.sigmoid(_affine([inputs, before], self.gate_kernel, self.gate_bias))
        reset, update = functions.split(gates, 2, axis=1)
        candidate = self._activation(_affine([inputs, reset * before], self.candidate_kernel, self.candidate_bias))
        after = update * before + (1.0 - update) * candidate
        return after, after


class BasicLSTMCell(RNNCell):
    """Long short-term memory (Hochreiter and Schmidhuber 1997; forget gate: Gers et al. 1999).

    ``i, j, f, o = [x, h] kernel + bias``, ``c' = sigmoid(f + forget_bias) c + sigmoid(i) activation(j)``,
    ``h' = activation(c') sigmoid(o)``.
    """

    base_name = "basic_lstm_cell"

    def __init__(
        self, num_units: int, forget_bias: float = 1.0, state_is_tuple: bool = True, activation: Any = None,
        reuse: Any = None, name: str | None = None, dtype: Any = None, **others: Any,
    ) -> None:  # fmt: skip
        super().__init__(name=name, dtype=dtype, _reuse=reuse, **others)
        self._num_units, self._forget_bias = int(num_units), forget_bias
        self._is_tuple = state_is_tuple
        self._activation = activation or functions.tanh

    @property
    def state_size(self) -> Any:
        return LSTMStateTuple(self._num_units, self._num_units) if self._is_tuple else 2 * self._num_units

    @property
    def output_size(self) -> int:
        return self._num_units

    def build(self, inputs: Tensor) -> None:
        self.kernel = self.add_weight("kernel", [_depth(inputs) + self._num_units, 4 * self._num_units])
        self.bias = self.add_weight("bias", [4 * self._num_units], zeros_initializer())

    @property
    def is_plain(self) -> bool:
        """Whether it is the LSTM that `over_time` computes."""
        return type(self) is BasicLSTMCell and self._is_tuple and self._activation is functions.tanh

    def over_time(self, x: Tensor, state: Any, mask: Any = None) -> tuple[Tensor, Any]:
        """All steps at once, by the operator that Keras's LSTM stands on; its gates are in the order i, f, j, o.

        Args:
            x: Shape [batch, time, features].
            state: The first state.
            mask: Shape [batch, time]: steps that do not count.

        Returns:
            The outputs [batch, time, units] and the last state.
        """
        size = self._num_units
        kernel, bias = to_tensor(self.kernel), to_tensor(self.bias)
        columns = [kernel[:, start * size : (start + 1) * size] for start in (0, 2, 1, 3)]
        offsets = [bias[start * size : (start + 1) * size] for start in (0, 2, 1, 3)]
        offsets[1] = offsets[1] + self._forget_bias
        joined, depth = functions.concatenate(columns, axis=1), x.shape[2]
        hidden = (state.h, state.c)
        outputs, h, c = functions.lstm(
            x, joined[:depth], joined[depth:], functions.concatenate(offsets, axis=0), hidden, mask
        )
        return outputs, LSTMStateTuple(c, h)

    def call(self, inputs: Any, state: Any) -> tuple[Tensor, Any]:
        c, h = state if self._is_tuple else functions.split(to_tensor(state), 2, axis=1)
        i, j, f, o = functions.split(_affine([inputs, h], self.kernel, self.bias), 4, axis=1)
        memory = to_tensor(c) * functions.sigmoid(f + self._forget_bias)
        memory = memory + functions.sigmoid(i) * self._activation(j)
        output = self._activation(memory) * functions.sigmoid(o)
        after = LSTMStateTuple(memory, output) if self._is_tuple else functions.concatenate([memory, output], axis=1)
        return output, after


class LSTMCell(RNNCell):
    """`BasicLSTMCell` with peepholes, clipping and a projection of the output (Sak et al. 2014)."""

    base_name = "lstm_cell"

    def __init__(
        self, num_units: int, use_peepholes: bool = False, cell_clip: float | None = None, initializer: Any = None,
        num_proj: int | None = None, proj_clip: float | None = None, num_unit_shards: Any = None,
        num_proj_shards: Any = None, forget_bias: float = 1.0, state_is_tuple: bool = True, activation: Any = None,
        reuse: Any = None, name: str | None = None, dtype: Any = None, **others: Any,
    ) -> None:  # fmt: skip
        super().__init__(name=name, dtype=dtype, _reuse=reuse, **others)
        self._num_units, self._forget_bias = int(num_units), forget_bias
        self._peepholes, self._cell_clip, self._initializer = use_peepholes, cell_clip, initializer
        self._proj, self._proj_clip = num_proj, proj_clip
        self._is_tuple = state_is_tuple
        self._activation = activation or functions.tanh

    @property
    def output_size(self) -> int:
        return self._proj or self._num_units

    @property
    def state_size(self) -> Any:
        parts = LSTMStateTuple(self._num_units, self.output_size)
        return parts if self._is_tuple else sum(parts)

    def build(self, inputs: Tensor) -> None:
        size = self._num_units
        self.kernel = self.add_weight("kernel", [_depth(inputs) + self.output_size, 4 * size], self._initializer)
        self.bias = self.add_weight("bias", [4 * size], zeros_initializer())
        if self._peepholes:
            names = ("w_f_diag", "w_i_diag", "w_o_diag")
            self._diagonals = [self.add_weight(name, [size], self._initializer) for name in names]
        if self._proj:
            self._projection = self.add_weight("projection/kernel", [size, self._proj], self._initializer)

    def call(self, inputs: Any, state: Any) -> tuple[Tensor, Any]:
        if self._is_tuple:
            c, h = state
        else:
            c, h = functions.split(to_tensor(state), [self._num_units], axis=1)
        c = to_tensor(c)
        i, j, f, o = functions.split(_affine([inputs, h], self.kernel, self.bias), 4, axis=1)
        if self._peepholes:
            w_f, w_i, w_o = (to_tensor(diagonal) for diagonal in self._diagonals)
            f, i = f + w_f * c, i + w_i * c
        memory = c * functions.sigmoid(f + self._forget_bias) + functions.sigmoid(i) * self._activation(j)
        memory = _clipped(memory, self._cell_clip)
        if self._peepholes:
            o = o + w_o * memory
        output = functions.sigmoid(o) * self._activation(memory)
        if self._proj:
            output = _clipped(functions.matmul(output, to_tensor(self._projection)), self._proj_clip)
        after = LSTMStateTuple(memory, output) if self._is_tuple else functions.concatenate([memory, output], axis=1)
        return output, after


def _clipped(x: Tensor, limit: float | None) -> Tensor:
    return x if limit is None else functions.clip(x, -limit, limit)


class MultiRNNCell(RNNCell):
    """Cells one on another: each takes the output of the one below."""

    base_name = "multi_rnn_cell"

    def __init__(self, cells: Sequence[RNNCell], state_is_tuple: bool = True) -> None:
        super().__init__()
        if not cells:
            raise ArgumentError("Must specify at least one cell for MultiRNNCell.")
        if not state_is_tuple:
            raise NotSupportedError("MultiRNNCell: state_is_tuple=False is not supported.")
        self._cells = list(cells)

    @property
    def state_size(self) -> tuple[Any, ...]:
        return tuple(cell.state_size for cell in self._cells)

    @property
    def output_size(self) -> Any:
        return self._cells[-1].output_size

    @property
    def variables(self) -> list[Any]:
        return [variable for cell in self._cells for variable in cell.variables]

    def call(self, inputs: Any, state: Any) -> tuple[Any, tuple[Any, ...]]:
        output, states = inputs, []
        for index, (cell, before) in enumerate(zip(self._cells, state, strict=True)):
            with variable_scope(f"cell_{index}"):
                output, after = cell(output, before)
            states.append(after)
        return output, tuple(states)


class _Wrapper(RNNCell):
    """A cell around another one."""

    def __init__(self, cell: RNNCell) -> None:
        super().__init__()
        self._cell = cell

    @property
    def state_size(self) -> Any:
        return self._cell.state_size

    @property
    def output_size(self) -> Any:
        return self._cell.output_size

    @property
    def variables(self) -> list[Any]:
        return self._cell.variables

    def zero_state(self, batch_size: Any, dtype: Any = dtypes.float32) -> Any:
        return self._cell.zero_state(batch_size, dtype)


class DropoutWrapper(_Wrapper):
    """Dropout of a cell's inputs, outputs and state, drawn anew at each step."""

    def __init__(
        self, cell: RNNCell, input_keep_prob: Any = 1.0, output_keep_prob: Any = 1.0, state_keep_prob: Any = 1.0,
        variational_recurrent: bool = False, input_size: Any = None, dtype: Any = None, seed: int | None = None,
        dropout_state_filter_visitor: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(cell)
        if variational_recurrent:
            raise NotSupportedError("DropoutWrapper: variational_recurrent=True is not supported.")
        self._keep = input_keep_prob, output_keep_prob, state_keep_prob
        self._seed = seed

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> tuple[Any, Any]:
        for_inputs, for_outputs, for_state = self._keep
        output, after = self._cell(self._drop(inputs, for_inputs), state, scope)
        if not _is_one(for_state):
            # As TensorFlow: an LSTM's memory is left alone.
            after = (
                LSTMStateTuple(after.c, self._drop(after.h, for_state))
                if isinstance(after, LSTMStateTuple)
                else tree.map_structure(lambda part: self._drop(part, for_state), after)
            )
        return self._drop(output, for_outputs), after

    def _drop(self, x: Any, keep: Any) -> Any:
        return x if _is_one(keep) else nn.dropout(x, rate=1.0 - keep, seed=self._seed)


def _is_one(value: Any) -> bool:
    return isinstance(value, (int, float)) and value == 1


class ResidualWrapper(_Wrapper):
    """A cell whose inputs are added to its outputs."""

    def __init__(self, cell: RNNCell, residual_fn: Callable[[Any, Any], Any] | None = None) -> None:
        super().__init__(cell)
        self._combine = residual_fn or (lambda inputs, outputs: to_tensor(inputs) + outputs)

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> tuple[Any, Any]:
        output, after = self._cell(inputs, state, scope)
        return self._combine(inputs, output), after
