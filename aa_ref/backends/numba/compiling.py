"""How this package's functions are compiled.

Products and sums stay as written: without ``fastmath`` no compiler pass may fuse or reorder them.
"""

from types import FunctionType
from typing import Any

from numba import config, njit, types
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

from .pipelines import TRIED, HelperCompiler, InlinedCompiler, OuterCompiler, OutlinedCompiler

__all__ = [
    "HELPED",
    "OPTIONS",
    "OUTER",
    "address",
    "array_at",
    "bare",
    "bind",
    "helper",
    "inlined",
    "larger",
    "named",
    "outlined",
    "smaller",
]

OPTIONS: dict[str, Any] = {"error_model": "numpy", "boundscheck": False, "fastmath": False}
_NO_WRAPPERS = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def _options(pipeline: type) -> dict[str, Any]:
    return OPTIONS | ({"pipeline_class": pipeline} if TRIED else {})


OUTER = _options(OuterCompiler)
"""For functions that Python calls."""

HELPED = _options(HelperCompiler)
"""For overloads."""


def _decorator(pipeline: type, **options: Any) -> Any:
    compile_ = njit(**_NO_WRAPPERS, **_options(pipeline), **options)

    def decorate(function: Any) -> Any:
        dispatcher = compile_(function)
        if not TRIED or config.DISABLE_JIT:  # by which no function is a dispatcher
            return dispatcher
        names = function.__code__.co_varnames[: function.__code__.co_argcount]
        get = dispatcher.get_call_template

        def get_call_template(args: Any, kws: Any) -> Any:
            # One version for all numbers: LLVM sees by itself which are constant.
            general = [
                a if name.startswith("fixed_") else types.unliteral(a)
                for name, a in zip(names, args, strict=True)
            ]
            return get(general, kws)

        dispatcher.get_call_template = get_call_template
        return dispatcher

    return decorate


helper = _decorator(HelperCompiler)
"""For functions that only other compiled functions call."""

inlined = _decorator(InlinedCompiler, **({} if TRIED else {"forceinline": True}))
"""The same, put in place of the call: handing over an array copies its seven words."""

outlined = _decorator(OutlinedCompiler)
"""The same, never put in place of the call: for what runs seldom and is long."""


# What follows could be said in Python, with `carray`, `min`, `max` and `view`; but Numba compiles
# each of those, for each type, as a function of its own.


@intrinsic
def address(typing_context: Any, a: Any) -> Any:
    """Where an array's memory begins."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(a)(context, builder, arguments[0]).data
        return builder.ptrtoint(data, context.get_value_type(types.uintp))

    return types.uintp(a), generate


@intrinsic
def array_at(typing_context: Any, at: Any, size: Any, dtype: Any) -> Any:
    """So many items of memory from an address on, as an array."""
    array = types.Array(dtype.dtype, 1, "C")

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        result = context.make_array(array)(context, builder)
        item = context.get_abi_sizeof(context.get_data_type(array.dtype))
        populate_array(
            result,
            data=builder.inttoptr(arguments[0], result.data.type),
            shape=[arguments[1]],
            strides=[context.get_constant(types.intp, item)],
            itemsize=context.get_constant(types.intp, item),
            meminfo=None,
        )
        return result._getvalue()

    return array(types.uintp, types.intp, dtype), generate


@inlined
def bare(a: Any) -> Any:
    """The same array without a count of its references, and as one that may be written."""
    return array_at(address(a), a.size, a.dtype)


def _choose(order: str) -> Any:
    """Of two integers, the one that is less, or more, than the other."""

    @intrinsic
    def choose(typing_context: Any, a: Any, b: Any) -> Any:
        integers = types.unliteral(a), types.unliteral(b)
        kind = types.int64 if any(t.signed for t in integers) else types.uint64

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            compare = builder.icmp_signed if kind.signed else builder.icmp_unsigned
            return builder.select(compare(order, *arguments), *arguments)

        return kind(kind, kind), generate

    return choose


smaller, larger = map(_choose, "<>")
"""`min` and `max` of two integers."""


def named(name: str, function: Any) -> Any:
    """Give one of several functions out of one factory a name of its own.

    Numba makes a symbol of the name and of a number that counts up in each process. So functions of
    one name can have one symbol, the one in code from the disk cache, the other in code compiled
    just now; and then the one is called for the other.
    """
    function.__name__ = function.__qualname__ = name
    return function


def bind(function: Any, **names: Any) -> Any:
    """The same function, with these names among its globals.

    What is in a closure is part of the key of Numba's cache on disk, and a compiled function is
    another value there in each process.
    """
    return FunctionType(
        function.__code__, function.__globals__ | names, closure=function.__closure__
    )
