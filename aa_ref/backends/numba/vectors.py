"""Vectors of 64 bytes as values of compiled code: loads, stores, products, sums, permutations.

LLVM makes of them what the processor has: one instruction with AVX-512, two with AVX2, four with
SSE or NEON. It vectorises plain loops too, but into narrower vectors, and a loop cannot spell
stores past the caches, prefetches, or the permutations that sort a line by phase.
"""

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

from .compiling import HELPED, address, bare, helper

__all__ = [
    "BYTES",
    "Vector",
    "ask_for",
    "bare_aligned",
    "broadcast",
    "fence",
    "joined",
    "lanes",
    "load_vector",
    "past_the_caches",
    "permute",
    "pointer",
    "prefetch",
    "splat",
    "store_lanes",
    "store_vector",
    "stream_lane",
    "stream_sample",
    "stream_vector",
    "until_aligned",
    "vector_at",
    "zeros",
]

BYTES = 64
_INDEX = ir.IntType(32)


class Vector(types.Type):  # type: ignore[misc]
    """As many numbers of one type as fill 64 bytes."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        super().__init__(name=f"Vector({dtype})")


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, of: Vector) -> None:
        number = manager.lookup(of.dtype).get_value_type()
        super().__init__(manager, of, ir.VectorType(number, _lanes(of.dtype)))


def _lanes(number: Any) -> int:
    return BYTES * 8 // int(number.bitwidth)


def lanes(a: Any) -> Any:
    """How many of an array's samples a vector has."""
    raise NotImplementedError("compiled only")


@overload(lanes, jit_options=HELPED)
def _overload_lanes(a: Any) -> Any:
    count = np.uintp(_lanes(a.dtype))

    def constant(a: Any) -> Any:
        return count

    return constant


def pointer(context: Any, builder: Any, array: Any, a: Any, index: Any, count: int) -> Any:
    """LLVM's pointer to a vector of ``count`` samples of an array, from an index on."""
    at = builder.gep(context.make_array(array)(context, builder, a).data, [index])
    return builder.bitcast(at, ir.VectorType(at.type.pointee, count).as_pointer())


def vector_at(builder: Any, address: Any, number: Any, count: int) -> Any:
    """LLVM's pointer to a vector of numbers at an address."""
    return builder.inttoptr(address, ir.VectorType(number, count).as_pointer())


@intrinsic
def load_vector(typing_context: Any, a: Any, i: Any) -> Any:
    """``a[i], a[i + 1], …`` as a vector."""
    vector = Vector(a.dtype)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, index = arguments
        loaded = builder.load(pointer(context, builder, a, array, index, _lanes(a.dtype)))
        loaded.align = a.dtype.bitwidth // 8
        return loaded

    return vector(a, types.uintp), generate


@intrinsic
def store_vector(typing_context: Any, a: Any, i: Any, vector: Any) -> Any:
    """Put a vector into ``a[i], a[i + 1], …``."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, index, value = arguments
        at = pointer(context, builder, a, array, index, _lanes(a.dtype))
        builder.store(value, at, align=a.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.none(a, types.uintp, vector), generate


@intrinsic
def stream_vector(typing_context: Any, a: Any, i: Any, vector: Any) -> Any:
    """The same past the caches; ``a[i]`` must lie at a multiple of 64 bytes.

    An ordinary store first reads what it is going to overwrite, which is half of its traffic.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, index, value = arguments
        at = pointer(context, builder, a, array, index, _lanes(a.dtype))
        past_the_caches(builder, builder.store(value, at, align=BYTES))
        return context.get_dummy_value()

    return types.none(a, types.uintp, vector), generate


@intrinsic
def stream_lane(typing_context: Any, a: Any, i: Any, vector: Any, lane: Any) -> Any:
    """One lane to ``a[i]``, past the caches: where a line begins or ends within 64 bytes.

    An ordinary store there would make the caches fetch a line that its neighbours send to memory.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, index, value, lane = arguments
        # As an integer: x86 has this store for those.
        bits = ir.IntType(a.dtype.bitwidth)
        whole = builder.bitcast(value, ir.VectorType(bits, _lanes(a.dtype)))
        at = builder.bitcast(pointer(context, builder, a, array, index, 1), bits.as_pointer())
        sample = builder.extract_element(whole, lane)
        past_the_caches(builder, builder.store(sample, at, align=bits.width // 8))
        return context.get_dummy_value()

    return types.none(a, types.uintp, vector, types.uintp), generate


@intrinsic
def stream_sample(typing_context: Any, a: Any, i: Any, sample: Any) -> Any:
    """One sample to ``a[i]``, past the caches: where a line begins or ends within 64 bytes."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, index, value = arguments
        bits = ir.IntType(a.dtype.bitwidth)
        at = builder.bitcast(pointer(context, builder, a, array, index, 1), bits.as_pointer())
        past_the_caches(
            builder, builder.store(builder.bitcast(value, bits), at, align=bits.width // 8)
        )
        return context.get_dummy_value()

    return types.none(a, types.uintp, a.dtype), generate


def past_the_caches(builder: Any, store: Any) -> None:
    """Let a store that LLVM is given go past the caches."""
    store.set_metadata("nontemporal", builder.module.add_metadata([ir.Constant(_INDEX, 1)]))


@intrinsic
def store_lanes(typing_context: Any, a: Any, i: Any, vector: Any, begin: Any, end: Any) -> Any:
    """``a[i + begin], …, a[i + end - 1]``, from the vector's lanes of those numbers, no others."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, index, value, *limits = arguments
        count = _lanes(a.dtype)
        numbers = ir.Constant(ir.VectorType(_INDEX, count), list(range(count)))
        begin, end = (splat(builder, builder.trunc(n, _INDEX), count) for n in limits)
        mask = builder.and_(
            builder.icmp_unsigned(">=", numbers, begin), builder.icmp_unsigned("<", numbers, end)
        )
        at = pointer(context, builder, a, array, index, count)
        kind = ir.FunctionType(ir.VoidType(), [value.type, at.type, _INDEX, mask.type])
        name = f"llvm.masked.store.v{count}f{a.dtype.bitwidth}.p0"
        function = cgutils.get_or_insert_function(builder.module, kind, name)
        builder.call(function, [value, at, ir.Constant(_INDEX, a.dtype.bitwidth // 8), mask])
        return context.get_dummy_value()

    return types.none(a, types.uintp, vector, types.uintp, types.uintp), generate


@intrinsic
def joined(typing_context: Any, a: Any, b: Any, count: Any) -> Any:
    """The first ``count`` lanes of one vector, and of another those that follow."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        lanes_ = arguments[0].type.count
        numbers = ir.Constant(ir.VectorType(_INDEX, lanes_), list(range(lanes_)))
        limit = splat(builder, builder.trunc(arguments[2], _INDEX), lanes_)
        return builder.select(builder.icmp_unsigned("<", numbers, limit), *arguments[:2])

    return a(a, a, types.uintp), generate


@intrinsic
def fence(typing_context: Any) -> Any:
    """Let no later access of memory overtake the stores past the caches."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.none(), generate


@intrinsic
def prefetch(typing_context: Any, a: Any, i: Any) -> Any:
    """Ask for the cache line of ``a[i]``, into the second-level cache."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, index = arguments
        ask_for(
            builder,
            builder.ptrtoint(pointer(context, builder, a, array, index, 1), ir.IntType(64)),
        )
        return context.get_dummy_value()

    return types.none(a, types.uintp), generate


def ask_for(builder: Any, address: Any) -> None:
    """The same for an address, in LLVM."""
    kind = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, _INDEX, _INDEX, _INDEX])
    function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
    read, level_2, data = (ir.Constant(_INDEX, n) for n in (0, 2, 1))
    at = builder.inttoptr(address, cgutils.voidptr_t)
    builder.call(function, [at, read, level_2, data])


@intrinsic
def zeros(typing_context: Any, a: Any) -> Any:
    """+0.0 in every lane, of an array's type."""
    vector = Vector(a.dtype)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return ir.Constant(context.get_value_type(vector), None)

    return vector(a), generate


@intrinsic
def broadcast(typing_context: Any, number: Any) -> Any:
    """One number in every lane."""
    vector = Vector(number)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return splat(builder, arguments[0], _lanes(number))

    return vector(number), generate


def splat(builder: Any, number: Any, count: int) -> Any:
    """A number in every lane of so many, for LLVM."""
    none = ir.Constant(ir.VectorType(number.type, count), ir.Undefined)
    first = builder.insert_element(none, number, ir.Constant(_INDEX, 0))
    return _shuffle(builder, first, none, [0] * count)


@intrinsic
def _add(typing_context: Any, a: Any, b: Any) -> Any:
    return a(a, b), lambda context, builder, signature, arguments: builder.fadd(*arguments)


@intrinsic
def _multiply(typing_context: Any, a: Any, b: Any) -> Any:
    return a(a, b), lambda context, builder, signature, arguments: builder.fmul(*arguments)


def _overload(operation: Any, intrinsic_: Any) -> None:
    @overload(operation, jit_options=HELPED)
    def choose(a: Any, b: Any) -> Any:
        if not (isinstance(a, Vector) and a == b):
            return None

        def apply(a: Any, b: Any) -> Any:
            return intrinsic_(a, b)

        return apply


_overload(operator.add, _add)
_overload(operator.mul, _multiply)


def permute(builder: Any, vectors: Sequence[Any], lanes: Sequence[int]) -> list[Any]:
    """Vectors whose lanes are the ``lanes[0]``-th, ``lanes[1]``-th … of all of ``vectors``' lanes.

    Fewer shuffles the fewer vectors a result's lanes come from.
    """
    count = vectors[0].type.count
    results = []
    for start in range(0, len(lanes), count):
        wanted = lanes[start : start + count]
        sources = sorted({lane // count for lane in wanted})
        result = vectors[sources[0]]
        for number, source in enumerate(sources[1:] or [None]):
            other = ir.Constant(result.type, ir.Undefined) if source is None else vectors[source]
            mask = [
                count + lane % count
                if lane // count == source
                else (position if number else lane % count)
                for position, lane in enumerate(wanted)
            ]
            result = _shuffle(builder, result, other, mask)
        results.append(result)
    return results


def _shuffle(builder: Any, a: Any, b: Any, mask: Sequence[int]) -> Any:
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(_INDEX, len(mask)), list(mask)))


@helper
def until_aligned(a: Any, i: int) -> Any:
    """How many samples from ``a[i]`` to the next one at a multiple of 64 bytes."""
    at = address(a) + np.uintp(i) * np.uintp(a.itemsize)
    return (np.uintp(0) - at) % np.uintp(BYTES) // np.uintp(a.itemsize)


@helper
def bare_aligned(a: Any) -> Any:
    """`bare`, from the first multiple of 64 bytes on."""
    return bare(a[until_aligned(a, 0) :])
