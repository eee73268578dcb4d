"""Random programs: the native engine against the reference, with any number of threads and from run to run.

Every run of the tests draws other programs. A failure names the seed: `EPOCHAL_FUZZ_SEED=<seed>` repeats it.
"""

import math
import os
import time

import numpy as np
import pytest

from epochal.autodiff import gradients
from epochal.compile import compile_program
from epochal.errors import EpochalError
from epochal.ir import Graph, Program, make_input, tensor_type
from epochal.topi.inventory import BUILD

SEED = int(os.environ.get("EPOCHAL_FUZZ_SEED", time.time_ns() % 1_000_000_000))
PROGRAMS = 300
BATCHES = 20
TOLERANCE = {"float64": 1e-9, "float32": 5e-4}


class Generator:
    """Draws programs over a float type; values stay within a few units."""

    def __init__(self, seed, dtype):
        self.rng = np.random.default_rng(seed)
        self.dtype = dtype

    def integer(self, low, high):
        return int(self.rng.integers(low, high + 1))

    def choice(self, items):
        return items[self.rng.integers(len(items))]

    def constant(self, shape):
        return BUILD.constant(self.rng.uniform(-1.5, 1.5, shape), self.dtype)

    def weights(self, pool, shape):
        """Constants, or values that depend on a value and so have gradients."""
        if self.rng.random() < 0.4:
            return self.constant(shape)
        x = self.floats(pool)
        scale = BUILD.mul(BUILD.sum(x, axes=tuple(range(x.type.rank))), 1.0 / x.type.size)
        return BUILD.mul(self.constant(shape), BUILD.tanh(BUILD.add(scale, 0.9)))

    def shape(self, rank=None):
        rank = self.integer(0, 3) if rank is None else rank
        return tuple(self.choice((1, 2, 3, 4, 5, 7, 8, 16, 17, 33, 64, 70)) for _ in range(rank))

    def floats(self, pool, least=0):
        """A float value of at least that rank."""
        found = [value for value in pool if value.dtype == self.dtype and value.type.rank >= least]
        recent = found[-5:] if self.rng.random() < 0.6 else found
        return self.choice(recent) if recent else self.constant(self.shape(max(least, 1)))

    def grow(self, pool, steps, depth):
        """`pool` with the results of random steps added."""
        pool = list(pool)
        moves = [
            *(self.unary, self.unary, self.binary, self.binary, self.choose, self.movement, self.movement),
            *(self.reduction, self.rows, self.product, self.window, self.indexing, self.integers, self.losses),
            self.draws,
        ] * 2
        if depth:
            moves += [self.cond, self.scan, self.loop]
        for _ in range(steps):
            found = self.choice(moves)(pool)
            for value in found if isinstance(found, (list, tuple)) else [found]:
                if value.type.size <= 6000:
                    pool.append(value)
        return pool

    def unary(self, pool):
        x = self.floats(pool)
        name = self.choice(
            ("neg", "abs", "sign", "square", "floor", "ceil", "round", "exp", "expm1", "log1p", "sqrt", "rsqrt",
             "reciprocal", "sin", "cos", "tan", "atan", "sinh", "tanh", "asinh", "sigmoid", "erf", "erfc", "relu",
             "softplus", "stop_gradient")
        )  # fmt: skip
        if name in ("log1p", "sqrt"):
            return getattr(BUILD, name)(BUILD.abs(x))
        if name in ("rsqrt", "reciprocal"):
            return getattr(BUILD, name)(BUILD.add(BUILD.abs(x), 0.75))
        if name in ("exp", "expm1", "square", "tan", "sinh"):
            return getattr(BUILD, name)(BUILD.mul(BUILD.tanh(x), 1.2))
        if name in ("floor", "ceil", "round", "sign"):  # not where rounding decides, such as around 0
            return getattr(BUILD, name)(BUILD.add(BUILD.mul(x, 3.1), 0.2718))
        return getattr(BUILD, name)(x)

    def binary(self, pool):
        x = self.floats(pool)
        kept = x.shape[self.integer(0, x.type.rank) :]
        partner = self.constant(tuple(size if self.rng.random() < 0.7 else 1 for size in kept))
        same = [value for value in pool if value.dtype == self.dtype and value.shape == x.shape]
        y = self.choice(same) if self.rng.random() < 0.6 else partner
        name = self.choice(("add", "sub", "mul", "div", "maximum", "minimum", "atan2", "pow"))
        if name == "div":
            return BUILD.div(x, BUILD.add(BUILD.abs(y), 0.75))
        if name == "pow":
            return BUILD.pow(BUILD.add(BUILD.abs(BUILD.tanh(x)), 0.5), BUILD.tanh(y))
        if name == "mul":
            return BUILD.mul(BUILD.tanh(x), y)
        if name == "atan2":
            return BUILD.atan2(x, BUILD.add(BUILD.abs(y), 0.3))
        return getattr(BUILD, name)(x, y)

    def choose(self, pool):
        x = self.floats(pool)
        compare = getattr(BUILD, self.choice(("less", "less_equal", "greater", "greater_equal")))
        test = compare(x, self.constant(x.shape))
        if self.rng.random() < 0.3:
            test = BUILD.logical_and(test, BUILD.logical_not(compare(x, 0.4321)))
        if self.rng.random() < 0.2:
            return BUILD.clamp(x, self.constant(()), 1.7)
        return BUILD.select(test, x, BUILD.mul(x, 0.3))

    def movement(self, pool):
        x = self.floats(pool, 1)
        shape, rank = x.shape, x.type.rank
        kind = self.integer(0, 7)
        if kind == 0:
            return BUILD.transpose(x, permutation=tuple(int(axis) for axis in self.rng.permutation(rank)))
        if kind == 1:
            factors = [size for size in range(1, x.type.size + 1) if x.type.size % size == 0]
            first = self.choice(factors)
            return BUILD.reshape(x, shape=(first, x.type.size // first))
        if kind == 2:
            return BUILD.reverse(x, axes=(self.integer(0, rank - 1),))
        if kind == 3:
            starts = [self.integer(0, size - 1) for size in shape]
            limits = [self.integer(start + 1, size) for start, size in zip(starts, shape, strict=True)]
            strides = tuple(self.integer(1, 2) for _ in shape)
            return BUILD.slice(x, starts=tuple(starts), limits=tuple(limits), strides=strides)
        if kind == 4:
            edges = [(self.integer(0, 2), self.integer(0, 2), self.integer(0, 1)) for _ in shape]
            low, high, interior = zip(*edges, strict=True)
            return BUILD.pad(x, low=low, high=high, interior=interior, value=0.25)
        if kind == 5:
            return BUILD.concat(x, self.constant(shape), x, axis=self.integer(0, rank - 1))
        sizes = tuple(self.integer(1, size) for size in shape)
        places = BUILD.constant([self.integer(-1, size) for size in shape], "int32")
        if kind == 6:
            return BUILD.dynamic_slice(x, places, sizes=sizes)
        return BUILD.dynamic_update(x, self.constant(sizes), places)

    def reduction(self, pool):
        x = self.floats(pool, 1)
        axes = tuple(axis for axis in range(x.type.rank) if self.rng.random() < 0.6) or (0,)
        count = math.prod(x.shape[axis] for axis in axes)
        name = self.choice(("sum", "sum", "max", "min", "logsumexp", "prod", "cumulative_sum"))
        if name == "sum":
            return BUILD.mul(BUILD.sum(x, axes=axes), 1.0 / count)
        if name == "prod":
            return BUILD.prod(BUILD.add(BUILD.mul(BUILD.tanh(x), 0.1), 1.0), axes=axes)
        if name == "cumulative_sum":
            flags = {"reverse": bool(self.integer(0, 1)), "exclusive": bool(self.integer(0, 1))}
            return BUILD.mul(BUILD.cumulative_sum(x, axis=axes[0], **flags), 1.0 / x.shape[axes[0]])
        return getattr(BUILD, name)(x, axes=axes)

    def rows(self, pool):
        x = self.floats(pool, 2)
        last, rank = x.shape[-1], x.type.rank
        kind = self.integer(0, 3)
        if kind == 0:
            return BUILD.softmax(x, axis=rank - 1)
        if kind == 1:
            return BUILD.log_softmax(x, axis=rank - 1)
        gamma, beta = self.weights(pool, (last,)), self.weights(pool, (last,))
        if kind == 2:
            return BUILD.layer_norm(x, gamma, beta, axes=(rank - 1,), epsilon=0.1)[0]
        return BUILD.batch_norm_training(x, gamma, beta, epsilon=0.1)

    def product(self, pool):
        x = self.floats(pool, 2)
        axis = self.integer(0, x.type.rank - 1)
        depth = x.shape[axis]
        weights = self.weights(pool, (depth, self.integer(1, 20)))
        y = BUILD.dot_general(x, weights, contract=((axis,), (0,)), batch=((), ()))
        if self.rng.random() < 0.3:
            y = BUILD.dot_general(x, x, contract=((axis,), (axis,)), batch=((), ())) if x.type.size < 60 else y
        y = BUILD.mul(y, 1.0 / depth)
        return BUILD.relu(BUILD.add(y, self.constant(y.shape[-1:]))) if self.rng.random() < 0.5 else y

    def window(self, pool):
        spatial = tuple(self.integer(3, 9) for _ in range(self.integer(1, 2)))
        shape = (self.integer(1, 3), *spatial, self.choice((1, 3, 4, 16)))
        flat = BUILD.reshape(self.floats(pool), shape=(-1,))
        repeats = -(-math.prod(shape) // flat.type.size)
        x = BUILD.reshape(BUILD.broadcast(flat, shape=(repeats, flat.type.size)), shape=(-1,))
        x = BUILD.slice(x, starts=(0,), limits=(math.prod(shape),), strides=(1,))
        x = BUILD.mul(BUILD.reshape(x, shape=shape), self.constant(shape))
        window = tuple(self.integer(1, 3) for _ in spatial)
        strides = tuple(self.integer(1, 2) for _ in spatial)
        padding = self.choice(("valid", "same"))
        if self.rng.random() < 0.5:
            pool_ = self.choice((BUILD.max_pool, BUILD.avg_pool))
            return pool_(x, window=window, strides=strides, padding=padding)
        groups = self.choice([group for group in (1, 1, 1, 2, 4) if shape[-1] % group == 0])
        kernel = self.weights(pool, (*window, shape[-1] // groups, groups * self.choice((1, 5, 16))))
        dilations = tuple(self.choice((1, 1, 2)) if stride == 1 and size > 4 else 1
                          for stride, size in zip(strides, spatial, strict=True))  # fmt: skip
        if any(
            (size - 1) * dilation >= whole for size, dilation, whole in zip(window, dilations, spatial, strict=True)
        ):
            padding = "same"
        y = BUILD.conv(x, kernel, strides=strides, padding=padding, dilations=dilations, groups=groups)
        return BUILD.relu(BUILD.mul(y, 1.0 / math.prod(kernel.shape[:-1])))

    def indexing(self, pool):
        x = self.floats(pool, 1)
        axis = self.integer(0, x.type.rank - 1)
        size = x.shape[axis]
        indices = BUILD.constant(self.rng.integers(0, size, self.shape(self.integer(0, 2))), "int32")
        if self.rng.random() < 0.3:
            apart = BUILD.add(x, self.constant(x.shape))
            found = (BUILD.argmax if self.rng.random() < 0.5 else BUILD.argmin)(apart, axis=axis)
            indices = BUILD.cast(found, dtype=self.int32())
        rows = BUILD.gather(x, indices, axis=axis)
        if self.rng.random() < 0.5 and indices.type.size < 60:
            return BUILD.mul(BUILD.scatter_add(x, indices, rows, axis=axis), 0.2)
        return rows

    def losses(self, pool):
        x = self.floats(pool, 2)
        classes, rows = x.shape[-1], x.shape[:-1]
        kind = self.integer(0, 2)
        if kind == 0:
            labels = BUILD.constant(self.rng.integers(0, classes, rows), "int64")
            return BUILD.sparse_softmax_cross_entropy(x, labels)
        labels = BUILD.constant(self.rng.uniform(0, 1, x.shape), self.dtype)
        return (BUILD.softmax_cross_entropy if kind == 1 else BUILD.sigmoid_cross_entropy)(x, labels)

    def draws(self, pool):
        key = BUILD.constant(self.rng.integers(0, 1 << 32, 2), "uint32")
        x = self.floats(pool)
        kept = BUILD.less(BUILD.random_uniform(key, shape=x.shape, dtype=x.dtype), 0.7)
        return BUILD.mul(BUILD.select(kept, x, BUILD.mul(x, 0.0)), 1.2)

    def integers(self, pool):
        x = self.floats(pool, 1)
        whole = BUILD.cast(BUILD.floor(BUILD.add(BUILD.mul(BUILD.tanh(x), 7.3), 0.2718)), dtype=self.int32())
        other = BUILD.constant(self.rng.integers(1, 5, x.shape), "int32")
        name = self.choice(("add", "sub", "mul", "floor_div", "rem", "bitwise_and", "bitwise_xor", "maximum"))
        return BUILD.mul(BUILD.cast(getattr(BUILD, name)(whole, other), dtype=x.dtype), 0.15)

    @staticmethod
    def int32():
        return tensor_type("int32").dtype

    def graph(self, types, outputs):
        """A closed graph over fresh inputs whose results have the types `outputs`."""
        inputs = [make_input(type_) for type_ in types]
        pool = self.grow([value for value in inputs if value.dtype == self.dtype], self.integer(1, 3), 0)
        results = []
        for type_ in outputs:
            fitting = [value for value in pool if value.type == type_]
            results.append(BUILD.tanh(self.choice(fitting)) if fitting else self.constant(type_.shape))
        return inputs, results

    def cond(self, pool):
        x, y = self.floats(pool), self.floats(pool)
        outputs = [x.type, y.type]
        graphs = [Graph(*self.graph(outputs, outputs)) for _ in range(2)]
        total = BUILD.sum(x, axes=tuple(range(x.type.rank)))
        return BUILD.cond(BUILD.less(total, 0.123), x, y, then_graph=graphs[0], else_graph=graphs[1])

    def scan(self, pool):
        c, s = self.floats(pool), self.floats(pool)
        length = self.integer(1, 4)
        row = tensor_type(self.dtype, self.shape(1))
        types = [c.type, s.type, row]
        inputs, results = self.graph(types, [s.type, row, s.type])
        return BUILD.scan(
            c, s, self.constant((length, *row.shape)), body=Graph(inputs, results), constants=1, carries=1,
            length=length, reverse=bool(self.integer(0, 1)),
        )  # fmt: skip

    def loop(self, pool):
        s = self.floats(pool)
        counter = tensor_type("int32", ())
        limit = self.integer(0, 3)
        i, x = make_input(counter), make_input(s.type)
        condition = Graph((i, x), (BUILD.less(i, limit),))
        inputs, results = self.graph([counter, s.type], [s.type])
        body = Graph(inputs, (BUILD.add(inputs[0], 1), *results))
        start = BUILD.constant(0, "int32")
        return BUILD.while_loop(start, s, condition=condition, body=body, constants=0, maximum_iterations=2)[1]

    def program(self):
        arguments = [make_input(tensor_type(self.dtype, self.shape(self.integer(1, 3)))) for _ in range(2)]
        states = [make_input(tensor_type(self.dtype, self.shape(self.integer(0, 2)))) for _ in range(2)]
        pool = self.grow([*arguments, *states], self.integer(4, 25), 1)
        used = {value for node in Graph((), pool).nodes() for value in node.inputs}
        results = [value for value in pool if value not in used][-8:] + [self.choice(pool)]
        new = []
        for state in states:
            fitting = [value for value in pool if value.type == state.type]
            new.append(BUILD.tanh(self.choice(fitting)))
        if self.rng.random() < 0.5:
            floats = [value for value in results if value.dtype == self.dtype]
            losses = [BUILD.sum(BUILD.tanh(value), axes=tuple(range(value.type.rank))) for value in floats]
            ones = [BUILD.constant(1.0, self.dtype) for _ in losses]
            results += [value for value in gradients(losses, [*arguments, *states], ones) if value is not None]
        names = tuple(f"r{index}" for index in range(len(results)))
        graph = Graph((*arguments, *states), (*results, *new))
        return Program(graph, ("x", "y"), names, ("s", "t"), (0, 1))


def run(executable, arguments, state, threads=None):
    after = [array.copy() for array in state]
    results = executable.bind(arguments, after, num_threads=threads).run(2)
    return [*results, *after]


def difference(engines, dtype, draw):
    """How the engines differ on the arguments that `draw` numbers, or ``""``."""
    native, reference = engines
    rng = np.random.default_rng(draw)
    arguments = [rng.uniform(-2, 2, type_.shape).astype(dtype) for type_ in native.program.argument_types]
    state = [np.asarray(rng.uniform(-1, 1, type_.shape), dtype) for type_ in native.program.state_types]
    expected = run(reference, arguments, state)
    alone = run(native, arguments, state, 1)
    together = run(native, arguments, state, 2 + draw % 2)
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_array_equal(one, other, err_msg="other bits with more threads")
    for number, (one, other) in enumerate(zip(alone, expected, strict=True)):
        bound = TOLERANCE[dtype] * max(1.0, float(np.abs(other).max(initial=0))) if other.dtype == dtype else 0
        if not np.allclose(one, other, rtol=TOLERANCE[dtype], atol=bound, equal_nan=True):
            return f"output {number} of {dtype} is\n{one}\nand should be\n{other}"
    return ""


def check(seed):
    """One program. Where rounding decides between two branches engines may differ, but not on any arguments."""
    dtype = "float32" if seed % 3 == 0 else "float64"
    program = Generator(seed, dtype).program()
    engines = [compile_program(program, backend) for backend in ("native", "reference")]
    found = difference(engines, dtype, seed)
    if found and difference(engines, dtype, seed + 1) and difference(engines, dtype, seed + 2):
        raise AssertionError(found)


@pytest.mark.parametrize("batch", range(BATCHES))
def test_random_programs(batch):
    for number in range(PROGRAMS // BATCHES):
        seed = SEED + batch * (PROGRAMS // BATCHES) + number
        try:
            check(seed)
        except (AssertionError, EpochalError, ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise AssertionError(f"EPOCHAL_FUZZ_SEED={seed}: {error}") from error
