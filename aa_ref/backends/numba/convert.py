"""The six types from and to the compute type.

Numba has no float16 or bfloat16 on the CPU, and processors differ in what they have; integer
operations on the bit patterns are the same everywhere and vectorise well.
"""

from typing import Any

import numpy as np
from llvmlite import ir

__all__ = [
    "FLOAT16",
    "FLOAT32",
    "FLOAT64",
    "ITEMS",
    "KINDS",
    "TYPES",
    "UINT8",
    "UINT16",
    "narrow",
    "number_of",
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


def number_of(kind: int) -> Any:
    """LLVM's type of the numbers that samples of a type become."""
    return ir.DoubleType() if kind == FLOAT64 else ir.FloatType()


def _several(type_: Any, count: int) -> Any:
    """A vector of so many; one alone for 0."""
    return ir.VectorType(type_, count) if count else type_


def _constant(type_: Any, x: Any) -> Any:
    """A number, in all lanes of a vector."""
    return ir.Constant(type_, [x] * type_.count if isinstance(type_, ir.VectorType) else x)


def widen(builder: Any, kind: int, address: Any, count: int) -> Any:
    """Samples of a type at an address in the compute type, for LLVM: a vector, one alone for 0."""
    integers, numbers = (_several(t, count) for t in (ir.IntType(32), number_of(kind)))
    stored = numbers
    if kind not in (FLOAT32, FLOAT64):
        stored = _several(ir.IntType(8 * ITEMS[kind]), count)
    samples = builder.load(builder.inttoptr(address, stored.as_pointer()), align=ITEMS[kind])
    if stored == numbers:
        return samples

    def constant(x: int) -> Any:
        return _constant(integers, x)

    whole = builder.zext(samples, integers)
    if kind in (UINT8, UINT16):
        return builder.sitofp(whole, numbers)
    if kind == BFLOAT16:
        return builder.bitcast(builder.shl(whole, constant(16)), numbers)
    # The exponent's field moves to binary32's place; the multiplication corrects its bias, and by
    # the way normalises subnormals. It is exact. Infinity and NaN then get the largest exponent.
    magnitude = builder.shl(builder.and_(whole, constant(0x7FFF)), constant(13))
    scaled = builder.fmul(builder.bitcast(magnitude, numbers), _constant(numbers, 2.0**112))
    special = builder.icmp_unsigned(">=", magnitude, constant(0x7C00 << 13))
    bits = builder.select(
        special,
        builder.or_(magnitude, constant(0x7F800000)),
        builder.bitcast(scaled, integers),
    )
    sign = builder.shl(builder.and_(whole, constant(0x8000)), constant(16))
    return builder.bitcast(builder.or_(bits, sign), numbers)


def narrow(builder: Any, kind: int, value: Any, address: Any) -> None:
    """Put numbers of the compute type, a vector or one alone, rounded to a type at an address."""
    count = value.type.count if isinstance(value.type, ir.VectorType) else 0
    number = value.type.element if count else value.type
    numbers = _several(number_of(kind), count)
    if kind in (UINT8, UINT16):
        value = _to_unsigned(builder, value, number, _several(ir.IntType(8 * ITEMS[kind]), count))
    elif kind in (FLOAT16, BFLOAT16):
        value = _to_16_bits(builder, value, number, *((10, 15) if kind == FLOAT16 else (7, 127)))
    elif value.type != numbers:
        value = (builder.fptrunc if kind == FLOAT32 else builder.fpext)(value, numbers)
    builder.store(value, builder.inttoptr(address, value.type.as_pointer()), align=ITEMS[kind])


def _info(number: Any) -> Any:
    return np.finfo(np.float64 if number == ir.DoubleType() else np.float32)


def _to_unsigned(builder: Any, value: Any, number: Any, target: Any) -> Any:
    """Half to even, clipped, NaN to 0."""
    width = target.element.width if isinstance(target, ir.VectorType) else target.width
    # Clipping first changes nothing, since the limits are integers; NaN is not above zero.
    for limit, order in ((0.0, ">"), (2.0**width - 1, "<")):
        edge = _constant(value.type, limit)
        value = builder.select(builder.fcmp_ordered(order, value, edge), value, edge)
    # From 2**digits on, numbers are integers: adding that rounds.
    shift = _constant(value.type, 2.0 ** int(_info(number).nmant))
    return builder.fptoui(builder.fsub(builder.fadd(value, shift), shift), target)


def _to_16_bits(builder: Any, value: Any, number: Any, digits: int, bias: int) -> Any:
    """Half to even, beyond the range to infinity, with so many stored digits."""
    info = _info(number)
    width, have, have_bias = int(info.bits), int(info.nmant), int(info.maxexp) - 1
    count = value.type.count if isinstance(value.type, ir.VectorType) else 0
    integers, b = _several(ir.IntType(width), count), builder

    def constant(x: int) -> Any:
        return _constant(integers, x)

    bits = b.bitcast(value, integers)
    magnitude = b.and_(bits, constant((1 << (width - 1)) - 1))
    shift = constant(have - digits)
    odd = b.and_(b.lshr(magnitude, shift), constant(1))
    below_half = constant((1 << (have - digits - 1)) - 1)
    rounded = b.lshr(b.add(b.add(magnitude, below_half), odd), shift)
    result = b.sub(rounded, constant((have_bias - bias) << digits))
    # Added to a number below the first normal one, it makes the processor round at the target's
    # last bit.
    aligner = info.dtype.type(2.0 ** (1 - bias - digits + have))
    aligned = b.fadd(b.bitcast(magnitude, value.type), _constant(value.type, float(aligner)))
    aligner_bits = int(np.array(aligner).view(f"u{width // 8}"))
    small = b.sub(b.bitcast(aligned, integers), constant(aligner_bits))
    first_normal = constant((have_bias - bias + 1) << have)
    result = b.select(b.icmp_unsigned("<", magnitude, first_normal), small, result)
    infinity = constant((2 * bias + 1) << digits)
    result = b.select(b.icmp_unsigned("<", result, infinity), result, infinity)
    nan = constant(((2 * bias + 1) << digits) | (1 << (digits - 1)))
    above = b.icmp_unsigned(">", magnitude, constant((2 * have_bias + 1) << have))
    sign = b.and_(b.lshr(bits, constant(width - 16)), constant(0x8000))
    return b.trunc(b.or_(b.select(above, nan, result), sign), _several(ir.IntType(16), count))
