"""Numbers of few bits, with numpy: rounding to them and packing them as checkpoints do.

Types that numpy lacks (bfloat16, FP8 E4M3) are arrays of unsigned integers with the same bits.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

Array = Any

FP8_MOST = 448.0
"""Largest number of E4M3."""
_FP4 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6])


def _e4m3() -> Array:
    """The 127 numbers from zero up; the code after them is no number."""
    codes = np.arange(127)
    exponents, fractions = codes >> 3, (codes & 7) / 8
    return np.where(exponents == 0, fractions * 2.0**-6, (1 + fractions) * 2.0 ** (exponents - 7))


def fp8(values: Array) -> Array:
    """Codes of the nearest E4M3 numbers; larger ones become the largest."""
    table, size = _e4m3(), np.clip(np.abs(values), 0, FP8_MOST)
    above = np.clip(np.searchsorted(table, size), 1, 126)
    below = above - 1
    nearest = np.where(size - table[below] <= table[above] - size, below, above)
    return (nearest | ((values < 0) << 7)).astype(np.uint8)


def fp4_codes(values: Array) -> Array:
    """Two E2M1 numbers a byte, the first in the lower half."""
    nearest = np.abs(np.abs(values)[..., None] - _FP4).argmin(-1).astype(np.uint8)
    codes = nearest | ((values < 0).astype(np.uint8) << 3)
    return codes[..., 0::2] | (codes[..., 1::2] << 4)


def bfloat16(values: Array) -> Array:
    """Nearest, half to even."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def from_bfloat16(codes: Array) -> Array:
    """As 32-bit floats, exactly."""
    return (codes.astype(np.uint32) << 16).view(np.float32)


def channel_scales(weight: Array) -> Array:
    """One for each output, as a column."""
    return np.abs(weight).max(1, keepdims=True) / FP8_MOST


def rounded(weight: Array, bits: int, group: int) -> tuple[Array, Array]:
    """Codes around the middle of their range, and a scale for each group of inputs."""
    outputs, inputs = weight.shape
    most = 2 ** (bits - 1) - 1
    grouped = weight.reshape(outputs, inputs // group, group)
    scales = np.abs(grouped).max(-1) / most
    codes = np.clip(np.rint(grouped / scales[..., None]), -most - 1, most) + most + 1
    return codes.reshape(outputs, inputs).astype(np.uint8), scales


def rounded_asymmetric(weight: Array, bits: int, group: int) -> tuple[Array, Array, Array]:
    """Codes, scales and zero points."""
    outputs, inputs = weight.shape
    most = 2**bits - 1
    grouped = weight.reshape(outputs, inputs // group, group)
    low, high = np.minimum(grouped.min(-1), 0), np.maximum(grouped.max(-1), 0)
    scales = (high - low) / most
    zeros = np.clip(np.rint(-low / scales), 0, most)
    codes = np.clip(np.rint(grouped / scales[..., None]) + zeros[..., None], 0, most)
    return codes.reshape(outputs, inputs).astype(np.uint8), scales, zeros.astype(np.uint8)


def packed(codes: Array, bits: int, order: Sequence[int] = ()) -> Array:
    """Along the last axis, 32 bits of codes in one integer, the first in the lowest bits."""
    each = 32 // bits
    parts = codes.astype(np.uint32).reshape(*codes.shape[:-1], -1, each)
    parts = parts[..., list(order)] if order else parts
    words = np.zeros(parts.shape[:-1], np.uint32)
    for place in range(each):
        words |= parts[..., place] << np.uint32(bits * place)
    return words.view(np.int32)
