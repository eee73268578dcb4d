"""Random programs with nested control flow and exchanged states: what memory sharing and barriers could get wrong."""

import numpy as np
import pytest

from epochal.ir import Graph, Program, make_input, tensor_type
from epochal.topi.interpret import interpret
from epochal.topi.inventory import BUILD

SIZE = 48
F = tensor_type("float32", (SIZE,))
INT = tensor_type("int32", ())


class Generator:
    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def pick(self, pool):
        return pool[self.rng.integers(len(pool))]

    def some(self, pool, least, most):
        return [self.pick(pool) for _ in range(self.rng.integers(least, most + 1))]

    def constant(self):
        return BUILD.constant(self.rng.integers(-2, 3, SIZE).astype(np.float32))

    def grow(self, pool, steps, depth):
        """`pool` with results of random steps added."""
        pool = list(pool)
        for _ in range(steps):
            choice = self.rng.random()
            if depth and choice < 0.12:
                pool += self.cond(pool, depth - 1)
            elif depth and choice < 0.24:
                pool += self.scan(pool, depth - 1)
            elif depth and choice < 0.34:
                pool += self.loop(pool, depth - 1)
            elif choice < 0.42:
                pool.append(BUILD.reshape(BUILD.reshape(self.pick(pool), shape=(6, 8)), shape=(SIZE,)))
            elif choice < 0.5:
                pool.append(BUILD.sign(self.pick(pool)))  # a call-out
            else:
                name = ("add", "sub", "mul")[self.rng.integers(3)]
                other = self.constant() if self.rng.random() < 0.2 else self.pick(pool)
                value = getattr(BUILD, name)(self.pick(pool), other)
                pool.append(BUILD.mul(value, BUILD.constant(np.full(SIZE, 0.5, np.float32))))
        return pool

    def graph(self, count, outputs, depth, extra=()):
        """A closed graph of `count` vectors (after `extra` inputs) with `outputs` results."""
        first = [make_input(type_) for type_ in extra]
        inputs = [make_input(F) for _ in range(count)]
        pool = self.grow(inputs, self.rng.integers(1, 4), depth)
        return first, inputs, [self.pick(pool) for _ in range(outputs)]

    def cond(self, pool, depth):
        operands = self.some(pool, 1, 3)
        outputs = int(self.rng.integers(1, 3))
        graphs = []
        for _ in range(2):
            _, inputs, results = self.graph(len(operands), outputs, depth)
            graphs.append(Graph(inputs, results))
        element = BUILD.slice(self.pick(pool), starts=(3,), limits=(4,), strides=(1,))
        predicate = BUILD.less(BUILD.reshape(element, shape=()), BUILD.constant(0.3, "float32"))
        found = BUILD.cond(predicate, *operands, then_graph=graphs[0], else_graph=graphs[1])
        return list(found) if isinstance(found, tuple) else [found]

    def loop(self, pool, depth):
        constants, carries = self.some(pool, 0, 2), self.some(pool, 1, 3)
        count = len(constants) + len(carries)

        def counted(build):
            inputs = [make_input(F) for _ in constants] + [make_input(INT)] + [make_input(F) for _ in carries]
            counter = inputs[len(constants)]
            return Graph(inputs, build(counter, inputs[: len(constants)] + inputs[len(constants) + 1 :]))

        limit = int(self.rng.integers(0, 4))
        condition = counted(lambda i, rest: [BUILD.less(i, BUILD.constant(limit, "int32"))])

        def step(i, rest):
            grown = self.grow(rest, self.rng.integers(1, 4), depth)
            return [BUILD.add(i, BUILD.constant(1, "int32")), *(self.pick(grown) for _ in carries)]

        maximum = (None, 2)[self.rng.integers(2)]
        assert count
        _, *found = BUILD.while_loop(
            *constants, BUILD.constant(0, "int32"), *carries, condition=condition, body=counted(step),
            constants=len(constants), maximum_iterations=maximum,
        )  # fmt: skip
        return found

    def scan(self, pool, depth):
        length = int(self.rng.integers(1, 4))
        constants, carries = self.some(pool, 0, 2), self.some(pool, 1, 2)
        sequences = [
            BUILD.reshape(BUILD.concat(*[self.pick(pool) for _ in range(length)], axis=0), shape=(length, SIZE))
            for _ in range(self.rng.integers(0, 3))
        ]
        stacked = int(self.rng.integers(0, 3))
        count = len(constants) + len(carries) + len(sequences)
        _, inputs, results = self.graph(count, len(carries) + stacked, depth)
        found = BUILD.scan(
            *constants, *carries, *sequences, body=Graph(inputs, results), constants=len(constants),
            carries=len(carries), length=length, reverse=bool(self.rng.integers(2)),
        )  # fmt: skip
        found = list(found) if isinstance(found, tuple) else [found]
        result = found[: len(carries)]
        for value in found[len(carries) :]:
            row = int(self.rng.integers(length))
            cut = BUILD.slice(value, starts=(row, 0), limits=(row + 1, SIZE), strides=(1, 1))
            result.append(BUILD.reshape(cut, shape=(SIZE,)))
        return result

    def program(self):
        arguments = [make_input(F) for _ in range(2)]
        states = [make_input(F) for _ in range(3)]
        pool = self.grow([*arguments, *states], self.rng.integers(4, 10), 2)
        results = [self.pick(pool) for _ in range(2)]
        replaced = tuple(index for index in range(3) if self.rng.random() < 0.8)
        # Late values are likelier, so that states are produced by the last steps, as in training.
        new = [self.pick(pool[-4:] if self.rng.random() < 0.6 else pool) for _ in replaced]
        graph = Graph((*arguments, *states), (*results, *new))
        return Program(graph, ("x", "y"), ("r", "q"), ("a", "b", "c"), replaced)


@pytest.mark.parametrize("seed", range(60))
def test_random_programs(compile_by_hand, seed):
    generator = Generator(seed)
    program = generator.program()
    rng = generator.rng
    arguments = [rng.integers(-3, 4, SIZE).astype(np.float32) for _ in range(2)]
    start = [rng.integers(-3, 4, SIZE).astype(np.float32) for _ in range(3)]
    count = 2
    state = [array.copy() for array in start]
    for _ in range(count):
        outputs = [np.array(x) for x in interpret(program.graph, [*arguments, *state])]
        for index, value in zip(program.replaced, outputs[2:], strict=True):
            state[index] = value
    expected = [*outputs[:2], *state]
    executable = compile_by_hand(program)
    for threads in (1, 2, 3):
        mine = [array.copy() for array in start]
        results = executable.bind(arguments, mine, num_threads=threads).run(count)
        for one, other in zip((*results, *mine), expected, strict=True):
            np.testing.assert_array_equal(one, other, err_msg=f"seed {seed}, {threads} threads")
