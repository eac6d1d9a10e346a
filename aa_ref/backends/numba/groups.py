"""A group of rows added to all the lines of sums that it is part of, each sample loaded once.

For the strides of octaves with the taps that they have by default: since those numbers are known
when compiling, two vectors of each row, and of a sum, stay in registers.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .compiling import inlined, named
from .vectors import BYTES, lanes, pointer, prefetch, splat

__all__ = ["WHOLE", "add_group", "has_group"]

WHOLE = 32  # samples: `add_group` takes multiples of so many


def _usual_taps(stride: int) -> int:
    """How many taps an integer stride has by default: the radius is four sigmas."""
    return 4 * (stride - 1) + 1


def _make_add_group(stride: int) -> Any:
    terms = _usual_taps(stride)

    @intrinsic
    def add_some(
        typing_context: Any, total: Any, done: Any, taps: Any, source: Any, offsets: Any
    ) -> Any:
        """Two vectors, from sample ``done`` on."""
        lane = BYTES * 8 // total.dtype.bitwidth

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            totals, first, weights, samples, places = arguments

            def item(kind: Any, array: Any, k: int) -> Any:
                data = context.make_array(kind)(context, builder, array).data
                return builder.load(builder.gep(data, [ir.Constant(first.type, k)]))

            def pair(kind: Any, array: Any, k: int) -> list[Any]:
                at = builder.add(item(offsets, places, k), first)
                ends = at, builder.add(at, ir.Constant(at.type, lane))
                return [pointer(context, builder, kind, array, end, lane) for end in ends]

            def load(pointers: list[Any]) -> list[Any]:
                return [builder.load(p, align=total.dtype.bitwidth // 8) for p in pointers]

            rows = [load(pair(source, samples, k)) for k in range(stride)]
            for age, tap in enumerate(range(0, terms, stride)):
                to = pair(total, totals, stride + age)
                sums = load(to)
                if age == 0:
                    sums = [ir.Constant(a.type, None) for a in sums]
                for k in range(min(stride, terms - tap)):
                    weight = splat(builder, item(taps, weights, tap + k), lane)
                    products = [builder.fmul(weight, x) for x in rows[k]]
                    sums = [builder.fadd(*of) for of in zip(sums, products, strict=True)]
                for p, a in zip(to, sums, strict=True):
                    builder.store(a, p, align=total.dtype.bitwidth // 8)
            return context.get_dummy_value()

        return types.none(total, types.uintp, taps, source, offsets), generate

    def add(
        total: Any, size: int, taps: Any, source: Any, offsets: Any, ahead: int, step: int,
        lines_ahead: int,
    ) -> None:  # fmt: skip
        lane = lanes(total)
        for done in range(np.uintp(0), np.uintp(size), lane + lane):
            add_some(total, done, taps, source, offsets)
            soon = np.uintp(ahead) + done
            for _ in range(lines_ahead):
                prefetch(source, soon)
                prefetch(source, soon + lane)
                soon += np.uintp(step)

    return inlined(named(f"add_group_{stride}", add))


_add_group_4, _add_group_8 = map(_make_add_group, (4, 8))
_TAPS_4, _TAPS_8 = map(_usual_taps, (4, 8))


@inlined
def has_group(stride: int, terms: int) -> bool:
    """Whether `add_group` knows this stride with so many taps."""
    return (stride == 4 and terms == _TAPS_4) or (stride == 8 and terms == _TAPS_8)


@inlined
def add_group(
    stride: int, total: Any, size: int, taps: Any, source: Any, offsets: Any, ahead: int, step: int,
    lines_ahead: int,
) -> None:  # fmt: skip
    """Add as many rows as the stride to all sums; the youngest sum begins at +0.0.

    ``offsets`` says where the rows are in ``source``, and then where the sums are in ``total``, the
    youngest first. The size is a multiple of `WHOLE`. What is asked for is as in `sum_terms`.
    """
    if stride == 4:
        _add_group_4(total, size, taps, source, offsets, ahead, step, lines_ahead)
    else:
        _add_group_8(total, size, taps, source, offsets, ahead, step, lines_ahead)
