"""What code is generated for: the processor at hand, or a part of it that a setting holds the compiler to.

A part is one of the levels that x86 processors are sorted into (x86-64, -v3 and -v4 of the System V ABI), so code made
under it runs on every processor of that level; nothing of what else the processor can do is given to LLVM.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from typing import Any, NamedTuple

from epochal import config
from epochal.backends.native.kernel import Target
from epochal.errors import ArgumentError


class _Level(NamedTuple):
    """A level's name in LLVM, and the features that it is more than the one before by."""

    cpu: str
    features: tuple[str, ...]


_V3 = ("avx", "avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe")
_V4 = ("avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl")
_BEFORE_V3 = ("cx16", "popcnt", "sse3", "sse4.1", "sse4.2", "ssse3")
_LEVELS = {
    "sse2": _Level("x86-64", ("sse2",)),
    "avx2": _Level("x86-64-v3", ("sse2", *_BEFORE_V3, *_V3)),
    "avx512": _Level("x86-64-v4", ("sse2", *_BEFORE_V3, *_V3, *_V4)),
}


def choose_target(llvm: Any) -> Target:
    """The processor at hand, held to `config.instructions()` if that says so.

    Raises:
        ArgumentError: The processor lacks what is asked for.
    """
    name = llvm.get_host_cpu_name()
    features = llvm.get_host_cpu_features()
    wanted = config.instructions()
    if wanted is None:
        return describe(name, features.flatten(), features)
    level = _LEVELS[wanted]
    missing = [feature for feature in level.features if not features.get(feature)]
    if missing:
        raise ArgumentError(
            f"EPOCHAL_INSTRUCTIONS={wanted}: this processor ({name}) lacks {', '.join(missing)}. "
            f"It has: {', '.join(_available(features)) or 'none of ' + ', '.join(_LEVELS)}. "
            "Unset the variable to use all that the processor can do."
        )
    return describe(level.cpu, "", dict.fromkeys(level.features, True))


def _available(features: Mapping[str, bool]) -> list[str]:
    return [name for name, level in _LEVELS.items() if all(features.get(feature) for feature in level.features)]


def describe(cpu: str, text: str, features: Mapping[str, bool]) -> Target:
    """The target of a processor with these features; `text` is how LLVM is told of them."""
    has = features.get
    arm = platform.machine().lower() in ("aarch64", "arm64")
    wide = all(has(feature) for feature in ("avx512f", "avx512vl", "avx512bw", "avx512dq"))
    fused = arm or bool(has("fma"))
    return Target(
        cpu=cpu,
        features=text,
        vector_bytes=64 if wide else 32 if has("avx2") and fused else 16,
        registers=32 if wide or arm else 16,
        masked=wide,
        fused=fused,
        rounds=arm or bool(has("sse4.1")),
        halves=arm or bool(has("f16c")),
    )
