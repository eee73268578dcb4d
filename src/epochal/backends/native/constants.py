"""How LLVM writes floating point constants."""

from __future__ import annotations

import struct


def float_text(value: float, kind: str) -> str:
    """The bit pattern of a floating point constant, as LLVM writes it."""
    if kind == "float":
        value = _round_to_float(value)
    return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"


def _round_to_float(value: float) -> float:
    if value != value or value in (float("inf"), float("-inf")):
        return value
    try:
        return float(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
