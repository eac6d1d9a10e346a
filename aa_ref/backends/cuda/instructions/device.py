"""Loads, stores, products and sums for the GPU, as LLVM instructions.

Loads are of memory that no kernel in flight writes (``ld.global.nc``) and widen exactly; stores
round once, as `aa_ref.dtypes.narrow` does. A *run* is several adjacent samples, moved by one
instruction, so its address is a multiple of its size.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba.cuda import cgutils, libdevice
from numba.cuda.extending import intrinsic

from ....dtypes import STORAGE, compute_type
from ..toolkit import types

__all__ = ["ADD", "MULTIPLY", "make_load", "make_load_run", "make_store", "make_store_run"]

MULTIPLY = {"float32": libdevice.fmul_rn, "float64": libdevice.dmul_rn}
"""Products rounded to nearest, never fused with a sum."""
ADD = {"float32": libdevice.fadd_rn, "float64": libdevice.dadd_rn}
"""Sums rounded to nearest, never fused with a product."""

_GLOBAL = 1  # the address space of device memory
_FLOAT, _DOUBLE, _HALF = ir.FloatType(), ir.DoubleType(), ir.HalfType()
_I16, _I32, _I64 = (ir.IntType(n) for n in (16, 32, 64))
_MEMORY = {
    "float64": _DOUBLE,
    "float32": _FLOAT,
    "float16": _HALF,
    "bfloat16": _I16,
    "uint16": _I16,
    "uint8": ir.IntType(8),
}
_COMPUTE = {"float32": types.float32, "float64": types.float64}


def make_load(kind: str) -> Any:
    """A function of an address: the sample there, in the compute type."""
    compute = _COMPUTE[compute_type(kind).name]

    @intrinsic
    def load(typing_context: Any, address: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            (sample,) = _read(builder, args[0], kind, 1)
            return _widen(builder, kind, sample)

        return compute(types.int64), generate

    return load


def make_load_run(kind: str, count: int) -> Any:
    """A function of an address, an array and an index: puts a run of samples into the array."""

    @intrinsic
    def load_run(typing_context: Any, address: Any, values: Any, at: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            run = _read(builder, args[0], kind, count)
            places = _places(context, builder, signature, args, count)
            for sample, place in zip(run, places, strict=True):
                builder.store(_widen(builder, kind, sample), place)
            return context.get_dummy_value()

        return types.void(types.int64, values, types.int64), generate

    return load_run


def make_store(kind: str, compute: str) -> Any:
    """A function of an address and a value of the compute type: rounds and stores it."""

    @intrinsic
    def store(typing_context: Any, address: Any, value: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            _write(builder, args[0], kind, [_narrow(builder, kind, args[1])])
            return context.get_dummy_value()

        return types.void(types.int64, _COMPUTE[compute]), generate

    return store


def make_store_run(kind: str, compute: str, count: int) -> Any:
    """A function of an address, an array and an index: rounds and stores a run of its values."""

    @intrinsic
    def store_run(typing_context: Any, address: Any, values: Any, at: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            places = _places(context, builder, signature, args, count)
            run = [_narrow(builder, kind, builder.load(place)) for place in places]
            _write(builder, args[0], kind, run)
            return context.get_dummy_value()

        return types.void(types.int64, values, types.int64), generate

    return store_run


def _places(context: Any, builder: Any, signature: Any, args: Any, count: int) -> list[Any]:
    """Where the elements ``at``, ``at + 1``, ... of an array in registers are."""
    array = context.make_array(signature.args[1])(context, builder, args[1])
    return [builder.gep(array.data, [builder.add(args[2], _I64(lane))]) for lane in range(count)]


def _read(builder: Any, address: Any, kind: str, count: int) -> list[Any]:
    size, memory = count * STORAGE[kind].itemsize, _MEMORY[kind]
    as_bits = kind == "float16" and count > 1  # NVVM loads a vector of halves two by two
    if count > 1:
        memory = ir.IntType(8 * size) if as_bits else ir.VectorType(memory, count)
    run = builder.load(builder.inttoptr(address, ir.PointerType(memory, _GLOBAL)))
    run.align = size
    run.set_metadata("invariant.load", builder.module.add_metadata([]))
    if count == 1:
        return [run]
    if as_bits:
        words = [builder.lshr(run, memory(16 * lane)) for lane in range(count)]
        return [builder.bitcast(builder.trunc(word, _I16), _HALF) for word in words]
    return [builder.extract_element(run, _I32(lane)) for lane in range(count)]


def _write(builder: Any, address: Any, kind: str, samples: list[Any]) -> None:
    run = samples[0]
    if len(samples) > 1:
        run = ir.Constant(ir.VectorType(_MEMORY[kind], len(samples)), ir.Undefined)
        for lane, sample in enumerate(samples):
            run = builder.insert_element(run, sample, _I32(lane))
    written = builder.store(run, builder.inttoptr(address, ir.PointerType(run.type, _GLOBAL)))
    written.align = len(samples) * STORAGE[kind].itemsize


def _widen(builder: Any, kind: str, sample: Any) -> Any:
    if kind == "float16":
        return builder.fpext(sample, _FLOAT)
    if kind == "bfloat16":
        return builder.bitcast(builder.shl(builder.zext(sample, _I32), _I32(16)), _FLOAT)
    return sample if kind.startswith("float") else builder.uitofp(sample, _FLOAT)


def _narrow(builder: Any, kind: str, value: Any) -> Any:
    target = _MEMORY[kind]
    if kind == "bfloat16":
        return _narrow_to_bfloat16(builder, value)
    if kind.startswith("uint"):
        return _narrow_to_integer(builder, kind, value)
    if value.type == target:
        return value
    return builder.fpext(value, target) if kind == "float64" else builder.fptrunc(value, target)


def _narrow_to_integer(builder: Any, kind: str, value: Any) -> Any:
    least, most = value.type(0.0), value.type(float(np.iinfo(kind).max))
    value = builder.select(builder.fcmp_ordered(">", value, least), value, least)  # NaN to 0 too
    value = builder.select(builder.fcmp_ordered("<", value, most), value, most)
    name = "llvm.nvvm.f2ui.rn" if value.type == _FLOAT else "llvm.nvvm.d2ui.rn"
    to_nearest = ir.FunctionType(_I32, [value.type])
    rounded = builder.call(
        cgutils.get_or_insert_function(builder.module, to_nearest, name), [value]
    )
    return builder.trunc(rounded, _MEMORY[kind])


def _narrow_to_bfloat16(builder: Any, value: Any) -> Any:
    """See `aa_ref.dtypes.narrow` on why binary64 goes by way of the odd neighbour."""
    is_nan = builder.fcmp_unordered("uno", value, value)
    if value.type == _FLOAT:
        bits = builder.bitcast(value, _I32)
    else:
        single = builder.fptrunc(value, _FLOAT)
        back, bits = builder.fpext(single, _DOUBLE), builder.bitcast(single, _I32)
        even = builder.icmp_signed("==", builder.and_(bits, _I32(1)), _I32(0))
        away = builder.fcmp_ordered(">", _magnitude(builder, back), _magnitude(builder, value))
        odd = builder.add(bits, builder.select(away, _I32(-1), _I32(1)))
        inexact = builder.fcmp_ordered("!=", back, value)
        bits = builder.select(builder.and_(inexact, even), odd, bits)
    upper = builder.lshr(bits, _I32(16))
    half = builder.add(_I32(0x7FFF), builder.and_(upper, _I32(1)))
    rounded = builder.lshr(builder.add(bits, half), _I32(16))
    return builder.trunc(builder.select(is_nan, _I32(0x7FC0), rounded), _I16)


def _magnitude(builder: Any, value: Any) -> Any:
    bits = builder.and_(builder.bitcast(value, _I64), _I64((1 << 63) - 1))
    return builder.bitcast(bits, _DOUBLE)
