"""The six types from and to the compute type, one sample at a time, on bits.

Numba has no float16 or bfloat16 on the CPU, and processors differ in what they have; integer
operations on the bit patterns are the same everywhere and vectorise well.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types
from numba.extending import overload

from .compiling import helper, named

__all__ = [
    "FLOAT16",
    "FLOAT32",
    "FLOAT64",
    "KINDS",
    "UINT8",
    "UINT16",
    "as_is",
    "decode_bfloat16",
    "decode_float16",
    "encode_bfloat16",
    "encode_float16",
    "encode_uint8",
    "encode_uint16",
]

UINT8, UINT16, FLOAT16, BFLOAT16, FLOAT32, FLOAT64 = range(6)
KINDS = {
    "uint8": UINT8,
    "uint16": UINT16,
    "float16": FLOAT16,
    "bfloat16": BFLOAT16,
    "float32": FLOAT32,
    "float64": FLOAT64,
}
"""The types by the numbers that compiled functions know them by."""


@helper
def as_is(value: Any) -> Any:
    """Leave the conversion to the assignment: it is exact."""
    return value


@helper
def decode_float16(h: Any) -> Any:
    """binary16 bits to binary32."""
    # The exponent's field moves to binary32's place; the multiplication corrects its bias, and by
    # the way normalises subnormals. It is exact. Infinity and NaN then get the largest exponent.
    magnitude = np.uint32((h & np.uint16(0x7FFF)) << 13)
    scaled = np.float32(np.uint32(magnitude).view(np.float32) * np.float32(2.0**112))
    bits = np.float32(scaled).view(np.uint32)
    if magnitude >= np.uint32(0x7C00 << 13):
        bits = np.uint32(magnitude | np.uint32(0x7F800000))
    return np.uint32(bits | (np.uint32(h & np.uint16(0x8000)) << 16)).view(np.float32)


@helper
def decode_bfloat16(h: Any) -> Any:
    """bfloat16 bits to binary32: its upper half."""
    return np.uint32(np.uint32(h) << 16).view(np.float32)


def encode_uint8(value: Any) -> Any:
    """Compute type to uint8: half to even, clipped, NaN to 0."""
    raise NotImplementedError("compiled only")


def encode_uint16(value: Any) -> Any:
    """Compute type to uint16: half to even, clipped, NaN to 0."""
    raise NotImplementedError("compiled only")


def encode_float16(value: Any) -> Any:
    """Compute type to binary16 bits: half to even, beyond the range to infinity."""
    raise NotImplementedError("compiled only")


def encode_bfloat16(value: Any) -> Any:
    """Compute type to bfloat16 bits: half to even, beyond the range to infinity."""
    raise NotImplementedError("compiled only")


@overload(encode_uint8)
def _encode_uint8(value: Any) -> Callable[[Any], Any]:
    return _integer_encoder(value, np.uint8)


@overload(encode_uint16)
def _encode_uint16(value: Any) -> Callable[[Any], Any]:
    return _integer_encoder(value, np.uint16)


@overload(encode_float16)
def _encode_float16(value: Any) -> Callable[[Any], Any]:
    return _float_encoder(value, 10, 15)


@overload(encode_bfloat16)
def _encode_bfloat16(value: Any) -> Callable[[Any], Any]:
    return _float_encoder(value, 7, 127)


def _integer_encoder(value: Any, target: Any) -> Callable[[Any], Any]:
    compute: Any = np.float32 if value == types.float32 else np.float64
    limit = compute(np.iinfo(target).max)
    zero = compute(0)
    shift = compute(2.0 ** np.finfo(compute).nmant)  # from here on, numbers are integers

    def encode(value: Any) -> Any:
        # Clipping first changes nothing, since the limits are integers; NaN is not above zero.
        clipped = value if value > zero else zero
        if clipped > limit:
            clipped = limit
        return target((clipped + shift) - shift)

    return named(f"encode_{target.__name__}", encode)


def _float_encoder(value: Any, digits: int, bias: int) -> Callable[[Any], Any]:
    """To 16 bits with so many stored digits."""
    compute: Any = np.float32 if value == types.float32 else np.float64
    info = np.finfo(compute)
    unsigned: Any = np.uint32 if compute is np.float32 else np.uint64
    width, have, have_bias = info.bits, int(info.nmant), int(info.maxexp) - 1
    magnitude_mask = unsigned((1 << (width - 1)) - 1)
    infinity = unsigned((2 * have_bias + 1) << have)
    shift = unsigned(have - digits)
    below_half = unsigned((1 << (have - digits - 1)) - 1)
    rebias = unsigned((have_bias - bias) << digits)
    first_normal = unsigned((have_bias - bias + 1) << have)
    # Added to a number below `first_normal`, it makes the processor round at the target's last bit.
    aligner = compute(2.0 ** (1 - bias - digits + have))
    aligner_bits = np.array(aligner).view(unsigned)[()]
    target_infinity = unsigned((2 * bias + 1) << digits)
    target_nan = unsigned(((2 * bias + 1) << digits) | (1 << (digits - 1)))
    sign_shift = unsigned(width - 16)
    sign = unsigned(0x8000)
    one = unsigned(1)

    def encode(value: Any) -> Any:
        bits = compute(value).view(unsigned)
        magnitude = unsigned(bits & magnitude_mask)
        result = ((magnitude + below_half + ((magnitude >> shift) & one)) >> shift) - rebias
        if magnitude < first_normal:
            aligned = compute(unsigned(magnitude).view(compute) + aligner)
            result = compute(aligned).view(unsigned) - aligner_bits
        result = min(result, target_infinity)
        if magnitude > infinity:
            result = target_nan
        return np.uint16(result | ((bits >> sign_shift) & sign))

    return named(f"encode_float_{digits}", encode)
