"""Code held to a set of instructions uses no others, and it is said clearly if that cannot be."""

import re

import pytest

from epochal import config, dtypes
from epochal.backends.native.cache import ObjectCache
from epochal.backends.native.engine import Engine
from epochal.backends.native.kernel import Launch
from epochal.backends.native.schedule import schedule
from epochal.backends.native.target import choose_target, describe
from epochal.backends.native.vector_math import FUNCTIONS
from epochal.errors import ArgumentError
from epochal.ir import Graph, TensorType, make_input
from epochal.topi.inventory import BUILD

# What code of a set never holds: wider registers, instructions of newer sets.
WIDER = r"%[xyz]mm(?:1[6-9]|2\d|3[01])\b|%zmm|%k[0-7]\b"
FORBIDDEN = {
    "sse2": WIDER + r"|%ymm|\tv[a-z0-9]+\t|\t(?:pblend|blendv|round[ps][sd]|pmulld|pinsr[bdq]|pextr[bdq]|pshufb|crc32)",
    "avx2": WIDER,
}
CALLED = {"memcpy", "memset"}


class Processor:
    """What LLVM says of a processor."""

    def __init__(self, *features):
        self.features = features

    def get_host_cpu_name(self):
        return "old"

    def get_host_cpu_features(self):
        class Features(dict):
            def flatten(self):
                return "+sse2"

        return Features(dict.fromkeys(self.features, True))


def kernels():
    """Of a product, a convolution, reductions, half precision, roundings and every function."""
    x, w = make_input(TensorType(dtypes.float32, (33, 65))), make_input(TensorType(dtypes.float32, (65, 31)))
    image = make_input(TensorType(dtypes.float32, (2, 9, 9, 5)))
    taps = make_input(TensorType(dtypes.float32, (3, 3, 5, 7)))
    halves, integers = (make_input(TensorType(dtype, (77,))) for dtype in (dtypes.float16, dtypes.int64))
    values = [
        BUILD.relu(BUILD.dot_general(x, w, contract=((1,), (0,)), batch=((), ()))),
        BUILD.conv(image, taps, strides=(1, 1), padding=((1, 1), (1, 1))),
        BUILD.sum(BUILD.rem(x, 0.3), axes=(1,)),
        BUILD.exp(halves),
        BUILD.floor_div(integers, 7),
    ]
    for name in ("floor", "ceil", "round", "sqrt", *FUNCTIONS):
        operands = (x, x) if name in ("pow", "atan2") else (x,)
        values.append(getattr(BUILD, name)(*operands))
    graph = Graph((x, w, image, taps, halves, integers), tuple(values))
    return [item.kernel for item in schedule(graph.nodes(), graph.outputs) if isinstance(item, Launch)]


@pytest.mark.parametrize("name", FORBIDDEN)
def test_no_other_instructions_are_used(name, monkeypatch, tmp_path):
    monkeypatch.setenv("EPOCHAL_INSTRUCTIONS", name)
    try:
        engine = Engine(ObjectCache(tmp_path))
    except ArgumentError as error:
        pytest.skip(str(error))
    for kernel in kernels():
        text = engine.assembly(kernel)
        assert re.findall(FORBIDDEN[name], text) == []
        # Calls go through a register that is loaded with the symbol.
        named = {name for name in re.findall(r"\$([A-Za-z]\w*)", text) if not name.startswith(("far_angle", "table"))}
        assert named <= CALLED


def test_what_is_looked_for_is_there_otherwise(monkeypatch, tmp_path):
    monkeypatch.setenv("EPOCHAL_INSTRUCTIONS", "avx2")
    try:
        engine = Engine(ObjectCache(tmp_path))
    except ArgumentError as error:
        pytest.skip(str(error))
    for kernel in kernels():
        assert re.search(FORBIDDEN["sse2"], engine.assembly(kernel))


@pytest.mark.parametrize("name", config.INSTRUCTIONS)
def test_a_set_is_part_of_every_key_of_the_cache(name, monkeypatch, tmp_path):
    monkeypatch.delenv("EPOCHAL_INSTRUCTIONS", raising=False)
    free = Engine(ObjectCache(tmp_path)).salt
    monkeypatch.setenv("EPOCHAL_INSTRUCTIONS", name)
    try:
        assert Engine(ObjectCache(tmp_path)).salt != free
    except ArgumentError as error:
        pytest.skip(str(error))


def test_an_unknown_set_is_refused(monkeypatch):
    monkeypatch.setenv("EPOCHAL_INSTRUCTIONS", "avx9")
    with pytest.raises(
        ArgumentError, match=r"Unknown EPOCHAL_INSTRUCTIONS: 'avx9'. Expected one of sse2, avx2, avx512"
    ):
        choose_target(Processor("sse2"))


def test_a_set_that_the_processor_lacks_is_refused(monkeypatch):
    monkeypatch.setenv("EPOCHAL_INSTRUCTIONS", "avx512")
    expected = r"EPOCHAL_INSTRUCTIONS=avx512: this processor \(old\) lacks cx16, .*avx512f.*It has: sse2. Unset"
    with pytest.raises(ArgumentError, match=expected):
        choose_target(Processor("sse2", "sse3"))


def test_processors_are_described(monkeypatch):
    monkeypatch.delenv("EPOCHAL_INSTRUCTIONS", raising=False)
    oldest = choose_target(Processor("sse2"))
    assert (oldest.vector_bytes, oldest.masked) == (16, False)
    usual = describe("x", "", dict.fromkeys(("avx2", "fma", "f16c", "sse4.1"), True))
    assert (usual.vector_bytes, usual.masked, usual.fused, usual.rounds, usual.halves) == (32, False, True, True, True)
    wide = dict.fromkeys(("avx2", "fma", "avx512f", "avx512vl", "avx512bw", "avx512dq"), True)
    assert (describe("x", "", wide).vector_bytes, describe("x", "", wide).registers) == (64, 32)
