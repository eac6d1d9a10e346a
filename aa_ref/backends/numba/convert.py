"""The six types from and to the compute type.

Numba has no float16 or bfloat16 on the CPU, and processors differ in what they have; integer
operations on the bit patterns are the same everywhere and vectorise well.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from .compiling import HELPED, helper, named, same_bits, smaller
from .vectors import pointer

__all__ = [
    "FLOAT16",
    "FLOAT32",
    "FLOAT64",
    "ITEMS",
    "KINDS",
    "TYPES",
    "UINT8",
    "UINT16",
    "as_is",
    "decode_bfloat16",
    "decode_float16",
    "encode_bfloat16",
    "encode_float16",
    "encode_uint8",
    "encode_uint16",
    "store_integers",
    "widen",
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

TYPES = tuple(KINDS)
ITEMS = (1, 2, 2, 2, 4, 8)
"""Bytes of a sample of each type, in the order of their numbers."""


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
    scaled = np.float32(same_bits(np.uint32(magnitude), np.float32) * np.float32(2.0**112))
    bits = same_bits(np.float32(scaled), np.uint32)
    if magnitude >= np.uint32(0x7C00 << 13):
        bits = np.uint32(magnitude | np.uint32(0x7F800000))
    return same_bits(np.uint32(bits | (np.uint32(h & np.uint16(0x8000)) << 16)), np.float32)


@helper
def decode_bfloat16(h: Any) -> Any:
    """bfloat16 bits to binary32: its upper half."""
    return same_bits(np.uint32(np.uint32(h) << 16), np.float32)


def _integer_encoder(target: Any) -> Any:
    @intrinsic
    def encode(typing_context: Any, value: Any) -> Any:
        """Compute type to an unsigned type: half to even, clipped, NaN to 0."""

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return _to_unsigned(builder, arguments[0], value, target)

        return target(value), generate

    return encode


@intrinsic
def store_integers(typing_context: Any, a: Any, i: Any, vector: Any) -> Any:
    """The same for a vector, into ``a[i], …``."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, index, value = arguments
        integers = _to_unsigned(builder, value, vector.dtype, a.dtype)
        at = pointer(context, builder, a, array, index, value.type.count)
        builder.store(integers, at, align=a.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.none(a, types.uintp, vector), generate


def _to_unsigned(builder: Any, value: Any, number: Any, target: Any) -> Any:
    """One number, or all of a vector's, to an unsigned type."""
    integer, count = ir.IntType(target.bitwidth), 0
    if isinstance(value.type, ir.VectorType):
        count = value.type.count
        integer = ir.VectorType(integer, count)

    def constant(x: float) -> Any:
        return ir.Constant(value.type, [x] * count if count else x)

    # Clipping first changes nothing, since the limits are integers; NaN is not above zero.
    for limit, order in ((0.0, ">"), (2.0**target.bitwidth - 1, "<")):
        inside = builder.fcmp_ordered(order, value, constant(limit))
        value = builder.select(inside, value, constant(limit))
    # From 2**digits on, numbers are integers: adding that rounds.
    digits = {32: 23, 64: 52}[number.bitwidth]
    shift = constant(2.0**digits)
    return builder.fptoui(builder.fsub(builder.fadd(value, shift), shift), integer)


encode_uint8, encode_uint16 = map(_integer_encoder, (types.uint8, types.uint16))


def widen(builder: Any, kind: int, address: Any, count: int) -> Any:
    """Samples of a type at an address as a vector of the compute type, for LLVM."""
    integers = ir.VectorType(ir.IntType(32), count)
    numbers = ir.VectorType(ir.DoubleType() if kind == FLOAT64 else ir.FloatType(), count)
    stored = (
        numbers if kind in (FLOAT32, FLOAT64) else ir.VectorType(ir.IntType(8 * ITEMS[kind]), count)
    )
    samples = builder.load(builder.inttoptr(address, stored.as_pointer()), align=ITEMS[kind])
    if stored == numbers:
        return samples

    def constant(x: Any, type_: Any = integers) -> Any:
        return ir.Constant(type_, [x] * count)

    whole = builder.zext(samples, integers)
    if kind in (UINT8, UINT16):
        return builder.sitofp(whole, numbers)
    if kind == BFLOAT16:
        return builder.bitcast(builder.shl(whole, constant(16)), numbers)
    # As in `decode_float16`.
    magnitude = builder.shl(builder.and_(whole, constant(0x7FFF)), constant(13))
    scaled = builder.fmul(builder.bitcast(magnitude, numbers), constant(2.0**112, numbers))
    special = builder.icmp_unsigned(">=", magnitude, constant(0x7C00 << 13))
    bits = builder.select(
        special,
        builder.or_(magnitude, constant(0x7F800000)),
        builder.bitcast(scaled, integers),
    )
    sign = builder.shl(builder.and_(whole, constant(0x8000)), constant(16))
    return builder.bitcast(builder.or_(bits, sign), numbers)


def encode_float16(value: Any) -> Any:
    """Compute type to binary16 bits: half to even, beyond the range to infinity."""
    raise NotImplementedError("compiled only")


def encode_bfloat16(value: Any) -> Any:
    """Compute type to bfloat16 bits: half to even, beyond the range to infinity."""
    raise NotImplementedError("compiled only")


@overload(encode_float16, jit_options=HELPED)
def _encode_float16(value: Any) -> Callable[[Any], Any]:
    return _float_encoder(value, 10, 15)


@overload(encode_bfloat16, jit_options=HELPED)
def _encode_bfloat16(value: Any) -> Callable[[Any], Any]:
    return _float_encoder(value, 7, 127)


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
        bits = same_bits(compute(value), unsigned)
        magnitude = unsigned(bits & magnitude_mask)
        result = ((magnitude + below_half + ((magnitude >> shift) & one)) >> shift) - rebias
        if magnitude < first_normal:
            aligned = compute(same_bits(unsigned(magnitude), compute) + aligner)
            result = same_bits(compute(aligned), unsigned) - aligner_bits
        result = smaller(result, target_infinity)
        if magnitude > infinity:
            result = target_nan
        return np.uint16(result | ((bits >> sign_shift) & sign))

    return named(f"encode_float_{digits}", encode)
