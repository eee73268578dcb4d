"""Running a cell of `tf.nn.rnn_cell` over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from epochal import tree
from epochal.errors import ArgumentError, ShapeError
from epochal.tensor import Tensor, functions
from epochal.tf.conversion import to_tensor
from epochal.tf.rnn_cell import BasicLSTMCell, RNNCell
from epochal.tf.scopes import variable_scope


def dynamic_rnn(
    cell: RNNCell,
    inputs: Any,
    sequence_length: Any = None,
    initial_state: Any = None,
    dtype: Any = None,
    parallel_iterations: int | None = None,
    swap_memory: bool = False,
    time_major: bool = False,
    scope: Any = None,
) -> tuple[Tensor, Any]:
    """A cell along the time axis, in one loop.

    Args:
        cell: One step.
        inputs: Shape [batch, time, features], or [time, batch, features] if `time_major`.
        sequence_length: Integer vector [batch]: later outputs are 0, and later steps leave the state alone.
        initial_state: ``None``: zeros, and `dtype` must be given.
        dtype: Of the first state.
        parallel_iterations: Means nothing here.
        swap_memory: Means nothing here.
        time_major: See `inputs`.
        scope: A name or scope; default ``"rnn"``.

    Returns:
        The outputs of all steps, laid out as `inputs`, and the last state.
    """
    tensor = to_tensor(inputs)
    if tensor.ndim < 3:
        raise ShapeError(f"dynamic_rnn expects inputs of shape [batch, time, features]. Received: {tensor.shape}")
    steps = tensor if time_major else functions.swapaxes(tensor, 0, 1)
    state = _first_state(cell, initial_state, steps.dimensions[1], dtype)
    with variable_scope(scope, "rnn") as opened:
        # The first step is built once outside the loop, where a cell may make its variables.
        cell(steps[0], state)
        opened.reuse_variables()
        if isinstance(cell, BasicLSTMCell) and cell.is_plain and tensor.ndim == 3:
            outputs, final = _at_once(cell, steps, state, sequence_length)
        else:
            outputs, final = _run(cell, steps, state, sequence_length)
    return (outputs if time_major else functions.swapaxes(outputs, 0, 1)), final


def _first_state(cell: RNNCell, initial: Any, batch: Any, dtype: Any) -> Any:
    if initial is not None:
        return tree.map_structure(to_tensor, initial)
    if dtype is None:
        raise ArgumentError("If there is no initial_state, you must give a dtype.")
    return cell.zero_state(batch, dtype)


def _at_once(cell: BasicLSTMCell, steps: Tensor, state: Any, sequence_length: Any) -> tuple[Tensor, Any]:
    """`_run` by one operator."""
    x, mask = functions.swapaxes(steps, 0, 1), None
    if sequence_length is not None:
        times = functions.arange(0, functions.shape(steps)[0], dtype="int32")
        lengths = functions.cast(to_tensor(sequence_length), "int32")
        mask = functions.less(times, functions.expand_dims(lengths, -1))
    outputs, final = cell.over_time(x, state, mask)
    if mask is not None:
        outputs = functions.where(functions.expand_dims(mask, -1), outputs, functions.zeros_like(outputs))
    return functions.swapaxes(outputs, 0, 1), final


def _run(cell: RNNCell, steps: Tensor, state: Any, sequence_length: Any) -> tuple[Tensor, Any]:
    if sequence_length is None:

        def step(before: Any, x: Tensor) -> tuple[Any, Any]:
            output, after = cell(x, before)
            return after, output

        final, outputs = functions.scan(step, state, steps)
        return outputs, final
    lengths = functions.cast(to_tensor(sequence_length), "int32")
    times = functions.arange(0, functions.shape(steps)[0], dtype="int32")

    def masked(before: Any, entry: Any) -> tuple[Any, Any]:
        x, time = entry
        output, after = cell(x, before)
        running = functions.expand_dims(functions.less(time, lengths), -1)
        kept = tree.map_structure(lambda new, old: functions.where(running, new, old), after, before)
        return kept, tree.map_structure(lambda one: functions.where(running, one, functions.zeros_like(one)), output)

    final, outputs = functions.scan(masked, state, (steps, times))
    return outputs, final


def static_rnn(
    cell: RNNCell,
    inputs: Sequence[Any],
    initial_state: Any = None,
    dtype: Any = None,
    sequence_length: Any = None,
    scope: Any = None,
) -> tuple[list[Any], Any]:
    """A cell along a list of inputs [batch, features], step by step.

    Returns:
        The list of outputs, and the last state.
    """
    if not isinstance(inputs, (list, tuple)) or not inputs:
        raise ArgumentError("static_rnn needs a list of inputs, one a step. Use tf.unstack(x, axis=1).")
    entries = [to_tensor(entry) for entry in inputs]
    state = _first_state(cell, initial_state, entries[0].dimensions[0], dtype)
    lengths = None if sequence_length is None else functions.cast(to_tensor(sequence_length), "int32")
    outputs = []
    with variable_scope(scope, "rnn") as opened:
        for time, entry in enumerate(entries):
            if time:
                opened.reuse_variables()
            output, after = cell(entry, state)
            if lengths is not None:
                running = functions.expand_dims(functions.greater(lengths, time), -1)
                output = functions.where(running, output, functions.zeros_like(output))
                after = _kept(running, after, state)
            outputs.append(output)
            state = after
    return outputs, state


def _kept(running: Tensor, after: Any, before: Any) -> Any:
    return tree.map_structure(lambda new, old: functions.where(running, new, old), after, before)


def bidirectional_dynamic_rnn(
    cell_fw: RNNCell,
    cell_bw: RNNCell,
    inputs: Any,
    sequence_length: Any = None,
    initial_state_fw: Any = None,
    initial_state_bw: Any = None,
    dtype: Any = None,
    parallel_iterations: int | None = None,
    swap_memory: bool = False,
    time_major: bool = False,
    scope: Any = None,
) -> tuple[tuple[Tensor, Tensor], tuple[Any, Any]]:
    """One cell forwards and another backwards in time; see `dynamic_rnn`.

    Returns:
        Both outputs, in the order of the inputs, and both last states.
    """
    tensor = to_tensor(inputs)
    axis, batch = (0, 1) if time_major else (1, 0)
    with variable_scope(scope, "bidirectional_rnn"):
        forward, final_forward = dynamic_rnn(
            cell_fw, tensor, sequence_length, initial_state_fw, dtype, time_major=time_major, scope="fw"
        )
        turned = _reversed(tensor, sequence_length, axis, batch)
        backward, final_backward = dynamic_rnn(
            cell_bw, turned, sequence_length, initial_state_bw, dtype, time_major=time_major, scope="bw"
        )
        backward = _reversed(backward, sequence_length, axis, batch)
    return (forward, backward), (final_forward, final_backward)


def _reversed(x: Tensor, lengths: Any, axis: int, batch: int) -> Tensor:
    return functions.flip(x, axis=axis) if lengths is None else reverse_sequence(x, lengths, axis, batch)


def static_bidirectional_rnn(
    cell_fw: RNNCell,
    cell_bw: RNNCell,
    inputs: Sequence[Any],
    initial_state_fw: Any = None,
    initial_state_bw: Any = None,
    dtype: Any = None,
    sequence_length: Any = None,
    scope: Any = None,
) -> tuple[list[Tensor], Any, Any]:
    """`static_rnn` in both directions.

    Returns:
        The outputs of both joined along the last axis, and both last states.
    """
    if sequence_length is not None:
        stacked = functions.stack([to_tensor(entry) for entry in inputs], axis=0)
        outputs, states = bidirectional_dynamic_rnn(
            cell_fw, cell_bw, stacked, sequence_length, initial_state_fw, initial_state_bw, dtype,
            time_major=True, scope=scope,
        )  # fmt: skip
        return list(functions.unstack(functions.concatenate(outputs, axis=-1), axis=0)), *states
    with variable_scope(scope, "bidirectional_rnn"):
        forward, final_forward = static_rnn(cell_fw, inputs, initial_state_fw, dtype, scope="fw")
        backward, final_backward = static_rnn(cell_bw, list(reversed(inputs)), initial_state_bw, dtype, scope="bw")
    pairs = zip(forward, reversed(backward), strict=True)
    return [functions.concatenate(pair, axis=-1) for pair in pairs], final_forward, final_backward


def reverse_sequence(
    input: Any,
    seq_lengths: Any = None,
    seq_axis: int | None = None,
    batch_axis: int | None = None,
    name: str | None = None,
    seq_dim: int | None = None,
    batch_dim: int | None = None,
) -> Tensor:
    """For each entry of the batch the first ``seq_lengths[i]`` steps in reverse order, the others left alone."""
    tensor = to_tensor(input)
    axis = next(one for one in (seq_axis, seq_dim) if one is not None)
    batch = next((one for one in (batch_axis, batch_dim) if one is not None), 0)
    lengths = functions.cast(to_tensor(seq_lengths), "int32")
    along = [1] * tensor.ndim
    along[axis] = -1
    times = functions.reshape(functions.arange(0, functions.shape(tensor)[axis], dtype="int32"), along)
    along = [1] * tensor.ndim
    along[batch] = -1
    ends = functions.reshape(lengths, along)
    places = functions.where(functions.less(times, ends), ends - 1 - times, times)
    sizes = [tensor.dimensions[i] if i in (axis, batch) else 1 for i in range(tensor.ndim)]
    return functions.take_along_axis(tensor, functions.broadcast_to(places, sizes), axis=axis)
