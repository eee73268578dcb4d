"""What is computed together: launches counted, memory that may be shared, random programs of every shape of nest."""

import numpy as np
import pytest

from epochal import dtypes
from epochal.backends.native.kernel import Launch
from epochal.backends.native.schedule import schedule
from epochal.ir import Graph, Program, TensorType, make_input
from epochal.testing.comparison import compare_backends, run_program
from epochal.topi.inventory import BUILD, INVENTORY


def value(shape, dtype="float32"):
    return make_input(TensorType(dtypes.get(dtype), tuple(shape)))


def items(outputs):
    graph = Graph((), outputs)
    return schedule(graph.nodes(), outputs)


def program(inputs, outputs):
    names = tuple(f"x{index}" for index in range(len(inputs)))
    return Program(Graph(inputs, outputs), names, tuple(f"y{index}" for index in range(len(outputs))))


def repeated(x, shape):
    return BUILD.broadcast(x, shape=shape)


def adam(shape):
    """Inputs and outputs of an update: parameter, both moments, gradient, rate."""
    inputs = [value(shape) for _ in range(4)] + [value(())]
    parameter, first, second, gradient, rate = inputs
    mean = BUILD.add(first, BUILD.mul(BUILD.sub(gradient, first), 0.1))
    power = BUILD.add(second, BUILD.mul(BUILD.sub(BUILD.square(gradient), second), 0.001))
    step = BUILD.div(BUILD.mul(mean, repeated(rate, shape)), BUILD.add(BUILD.sqrt(power), 1e-3))
    return inputs, [BUILD.sub(parameter, step), mean, power]


def test_an_optimizer_update_is_one_launch_in_place():
    inputs, outputs = adam((300, 70))
    (launch,) = items(outputs)
    assert set(launch.inputs) == set(inputs)
    for source, result in zip(inputs[:3], outputs, strict=True):
        assert (launch.inputs.index(source), launch.outputs.index(result)) in launch.kernel.inplace


def test_updates_of_one_shape_share_code():
    first, second = (items(adam((300, 70))[1])[0] for _ in range(2))
    assert first.kernel.key == second.kernel.key
    assert items(adam((70, 300))[1])[0].kernel.key != first.kernel.key


def test_a_gathered_batch_is_cast_and_scaled_on_the_way():
    data, order, step = value((600, 28, 28, 1), "uint8"), value((600,), "int32"), value((), "int32")
    rows = BUILD.dynamic_slice(order, BUILD.reshape(BUILD.mul(step, 32), shape=(1,)), sizes=(32,))
    batch = BUILD.mul(BUILD.cast(BUILD.gather(data, rows, axis=0), dtype=dtypes.float32), 1 / 255)
    assert len(items([batch])) == 1
    random = np.random.default_rng(0)
    arrays = [
        random.integers(0, 256, (600, 28, 28, 1)).astype(np.uint8),
        random.permutation(600).astype(np.int32),
        np.array(7, np.int32),
    ]
    compare_backends(program([data, order, step], [batch]), arrays)


def test_small_work_of_many_shapes_is_one_launch():
    """A whole step of linear regression: product, loss, gradients, update and counters."""
    x, y, weights, bias, count = value((1, 2)), value((1, 1)), value((2, 1)), value((1,)), value((), "int64")
    product = BUILD.dot_general(x, weights, contract=((1,), (0,)), batch=((), ()))
    error = BUILD.sub(BUILD.add(product, repeated(bias, (1, 1))), y)
    loss = BUILD.sum(BUILD.square(error), axes=(0, 1))
    gradient = BUILD.mul(error, 2.0)
    slope = BUILD.dot_general(x, gradient, contract=((0,), (0,)), batch=((), ()))
    outputs = [
        loss,
        BUILD.sub(weights, BUILD.mul(slope, 0.01)),
        BUILD.sub(bias, BUILD.mul(BUILD.sum(gradient, axes=(0,)), 0.01)),
        BUILD.add(count, 1),
    ]
    assert len(items(outputs)) == 1
    random = np.random.default_rng(0)
    arrays = [random.standard_normal(shape).astype(np.float32) for shape in ((1, 2), (1, 1), (2, 1), (1,))]
    compare_backends(program([x, y, weights, bias, count], outputs), [*arrays, np.array(4)])


def test_what_follows_a_product_is_its_epilogue():
    x, weights, bias = value((64, 96)), value((96, 80)), value((80,))
    product = BUILD.dot_general(x, weights, contract=((1,), (0,)), batch=((), ()))
    before = BUILD.add(product, repeated(bias, (64, 80)))
    (launch,) = items([BUILD.relu(before), before])
    assert len(launch.outputs) == 2


def test_a_normalisation_with_its_residuals_is_one_launch():
    x, gamma, beta = value((96, 128)), value((128,)), value((128,))
    outputs = INVENTORY["layer_norm"].decompose(BUILD, [x, gamma, beta], axes=(1,), epsilon=1e-5)
    (launch,) = items(list(outputs))
    assert set(outputs) <= set(launch.outputs)
    random = np.random.default_rng(0)
    arrays = [random.standard_normal(shape).astype(np.float32) for shape in ((96, 128), (128,), (128,))]
    compare_backends(program([x, gamma, beta], list(outputs)), arrays, num_threads=2)


def test_sums_of_one_operand_share_a_pass():
    x, y = value((600, 40)), value((600, 40))
    outputs = [BUILD.sum(x, axes=(0,)), BUILD.sum(BUILD.mul(x, y), axes=(0,)), BUILD.max(x, axes=(0,))]
    assert len(items(outputs)) <= 2


def test_batch_normalisation_reads_twice_and_stores_no_distances():
    x, gamma, beta = value((8, 20, 20, 32)), value((32,)), value((32,))
    outputs = INVENTORY["batch_norm_training"].decompose(BUILD, [x, gamma, beta], epsilon=1e-3)
    launches = items(list(outputs))
    whole = [result for launch in launches for result in launch.outputs if result.type.size == x.type.size]
    assert whole == [outputs[0]]
    assert sum(launch.kernel.cost > 5000 for launch in launches) == 2


def test_an_epilogue_computes_what_it_would_only_read():
    """The distance from a mean, of which others need no copy in memory."""
    a, b, x, mean = value((512, 64)), value((64, 64)), value((512, 64)), value((64,))
    distance = BUILD.sub(x, repeated(mean, (512, 64)))
    product = BUILD.dot_general(a, b, contract=((1,), (0,)), batch=((), ()))
    launches = items([BUILD.mul(product, distance), BUILD.sum(BUILD.square(distance), axes=(0,))])
    assert all(distance not in launch.outputs for launch in launches)


def test_a_dear_value_with_several_users_is_computed_once():
    x = value((4000,))
    dear = BUILD.exp(BUILD.tanh(x))
    reverse = BUILD.reverse(dear, axes=(0,))
    outputs = [BUILD.sum(dear, axes=(0,)), BUILD.mul(reverse, 2.0), BUILD.concat(dear, reverse, axis=0)]
    launches = items(outputs)
    assert any(dear in launch.outputs for launch in launches)


def test_a_result_may_lie_in_the_memory_of_an_operand_that_other_results_need():
    x = value((1000,))
    outputs = [BUILD.neg(x), BUILD.exp(x), BUILD.add(x, 1.0)]
    (launch,) = items(outputs)
    assert launch.kernel.inplace
    state = np.linspace(-1, 1, 1000, dtype=np.float32)
    replaced = Program(Graph([x], [outputs[1], outputs[2], outputs[0]]), (), ("a", "b"), ("x",), (0,))
    compare_backends(replaced, [], [state], count=3)


def test_a_permuted_operand_is_not_shared_in_place():
    x = value((40, 40))
    y = BUILD.add(BUILD.transpose(x, permutation=(1, 0)), x)
    (launch,) = items([y])
    assert not launch.kernel.inplace


def test_reading_under_another_name():
    """A reshaped value is the same memory: a group that can't index through it waits for who writes it."""
    x, start = value((1, 8, 70)), value((1,), "int32")
    y = BUILD.neg(x)
    flat = BUILD.reshape(y, shape=(560,))
    part = BUILD.mul(BUILD.slice(flat, starts=(0,), limits=(433,), strides=(1,)), 2.0)
    outputs = [y, BUILD.dynamic_update(flat, part, start), BUILD.cumulative_sum(flat, axis=0)]
    random = np.random.default_rng(0)
    compare_backends(
        program([x, start], outputs), [random.standard_normal((1, 8, 70)).astype(np.float32), np.array([50], np.int32)]
    )


UNARY = ("neg", "abs", "square", "tanh", "sigmoid", "relu", "sign", "erf")
BINARY = ("add", "sub", "mul", "maximum", "minimum")


class Random:
    """A random program over a few shapes: elementwise, reductions with what follows them, movement."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)
        self.inputs, self.arrays, self.values = [], [], []
        sizes = [1, 2, 3, 5, 8, 17, 33, 64, 70]
        for _ in range(int(self.random.integers(1, 4))):
            self.enter(tuple(int(size) for size in self.random.choice(sizes, self.random.integers(0, 4))))
        for _ in range(int(self.random.integers(4, 26))):
            self.grow()
        used = {value for node in Graph((), self.values).nodes() for value in node.inputs}
        kept = [value for value in self.values if value not in used or self.random.random() < 0.15]
        self.outputs = [value for value in kept if value.node.operator.name != "input"] or [BUILD.neg(self.values[0])]

    def enter(self, shape, dtype="float32", high=0):
        new = value(shape, dtype)
        self.inputs.append(new)
        drawn = self.random.integers(0, high, shape) if high else self.random.standard_normal(shape)
        self.arrays.append(np.asarray(drawn, new.dtype.numpy))
        if not high:
            self.values.append(new)
        return new

    def pick(self, choices):
        return choices[int(self.random.integers(len(choices)))]

    def grow(self):
        x = self.pick(self.values[-6:])
        rank = len(x.shape)
        kind = self.pick(
            ("unary", "unary", "binary", "binary", "reduce", "reduce", "row", "move", "move", "gather", "sum")
        )
        if kind == "unary":
            new = getattr(BUILD, self.pick(UNARY))(x)
        elif kind == "binary":
            new = getattr(BUILD, self.pick(BINARY))(
                x, self.pick([other for other in self.values if other.shape == x.shape])
            )
        elif rank == 0:
            new = BUILD.tanh(x)
        elif kind == "reduce":
            axes = tuple(axis for axis in range(rank) if self.random.random() < 0.5) or (0,)
            count = int(np.prod([x.shape[axis] for axis in axes]))
            new = self.pick((BUILD.max(x, axes=axes), BUILD.mul(BUILD.sum(x, axes=axes), 1.0 / count)))
        elif kind == "row":
            axis = int(self.random.integers(rank))
            kept = tuple(1 if index == axis else size for index, size in enumerate(x.shape))
            largest = BUILD.reshape(BUILD.max(x, axes=(axis,)), shape=kept)
            weights = BUILD.exp(BUILD.sub(x, repeated(largest, x.shape)))
            total = BUILD.reshape(BUILD.sum(weights, axes=(axis,)), shape=kept)
            new = BUILD.div(weights, repeated(total, x.shape))
        elif kind == "move":
            new = self.move(x, rank)
        elif kind == "gather":
            axis = int(self.random.integers(rank))
            new = BUILD.gather(x, self.enter((3,), "int32", x.shape[axis]), axis=axis)
        else:
            new = BUILD.mul(BUILD.cumulative_sum(x, axis=int(self.random.integers(rank))), 0.1)
        if 0 < new.type.size < 40000:
            self.values.append(new)

    def move(self, x, rank):
        kind = int(self.random.integers(6))
        if kind == 0:
            return BUILD.transpose(x, permutation=tuple(int(axis) for axis in self.random.permutation(rank)))
        if kind == 1:
            return BUILD.reshape(x, shape=self.pick(((-1,), (1, -1), (x.shape[-1], -1))))
        if kind == 2:
            strides = tuple(int(stride) for stride in self.random.integers(1, 4, rank))
            return BUILD.slice(x, starts=(0,) * rank, limits=x.shape, strides=strides)
        if kind == 3:
            low = tuple(int(size) for size in self.random.integers(0, 3, rank))
            return BUILD.pad(x, low=low, high=low[::-1], interior=tuple(size % 2 for size in low), value=0.5)
        if kind == 4:
            return BUILD.concat(x, BUILD.reverse(x, axes=(rank - 1,)), axis=int(self.random.integers(rank)))
        return repeated(x, (2, *x.shape))


@pytest.mark.parametrize("seed", range(120))
def test_random_programs(seed):
    drawn = Random(seed)
    compiled = program(drawn.inputs, drawn.outputs)
    compare_backends(compiled, drawn.arrays, num_threads=1 + seed % 3)
    if seed % 4 == 0:
        first, second = (
            run_program(compiled, drawn.arrays, backend="native", num_threads=count)[0] for count in (1, 3)
        )
        assert all(one.tobytes() == other.tobytes() for one, other in zip(first, second, strict=True))


def test_every_item_of_a_schedule_is_a_launch_for_plain_graphs():
    drawn = Random(7)
    assert all(isinstance(item, Launch) for item in items(drawn.outputs))


def test_the_sizes_of_an_operand_that_is_not_read_are_part_of_the_key():
    for shape in ((2, 3), (4, 5)):
        x = value(shape)
        compare_backends(program([x], [BUILD.mul(BUILD.shape_of(x), 2)]), [np.zeros(shape, np.float32)])


def test_passes_over_long_columns_stay_apart():
    """The mean must be known everywhere before the deviation is taken: in one nest, that would be one thread's work."""
    x = value((40000, 16))
    mean = BUILD.mul(BUILD.sum(x, axes=(0,)), 1 / 40000)
    apart = BUILD.sub(x, repeated(mean, (40000, 16)))
    outputs = [apart, mean, BUILD.sum(BUILD.square(apart), axes=(0,))]
    assert all(item.kernel.pieces > 1 for item in items(outputs) if item.kernel.cost > 20000)
