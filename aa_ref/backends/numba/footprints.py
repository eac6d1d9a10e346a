"""The sum over a footprint's rows: gathered from x itself, or from rows that are kept converted.

Each row is read anew for each line of the result that it is part of, from a cache. Where samples
must be converted, that happens once: into a ring of as many lines as the footprint has rows, as
long as scratch has room for it.
"""

from typing import Any

import numpy as np

from .axes import centre, fold
from .compiling import inlined, larger, smaller
from .convert import UINT8
from .geometry import AT_ONCE, ZEROS
from .lines import load, samples_like
from .sums import sum_terms
from .vectors import BYTES, prefetch, until_aligned

__all__ = ["gather", "gather_kept"]

_STREAMS = 8  # rows read side by side; far more lie in more pages than a processor keeps in mind


@inlined
def gather(
    x: Any, g: Any, taps: Any, i: int, start: int, count: int, width: int, scratch: Any,
    offsets: Any, at: int,
) -> None:  # fmt: skip
    """Output ``i``'s sums of ``count`` columns from ``start`` on."""
    rows, size = g.rows, count * width
    first = centre(rows, i) - rows.radius
    begin, end = 0, taps.size
    if rows.boundary == ZEROS:
        begin, end = larger(0, -first), smaller(end, rows.length - first)
    source, at_once, aligned = scratch, AT_ONCE, np.uintp(0)
    if g.x_direct:
        source, at_once = samples_like(x, scratch), _STREAMS
        aligned = until_aligned(source, start)
    for k in range(begin, end, at_once):
        some = smaller(at_once, end - k)
        _find(x, g, first + k, some, start, count, width, scratch, offsets)
        sum_terms(scratch, at, size, some, taps, k, source, offsets, k > begin, aligned, False)


@inlined
def gather_kept(
    x: Any, g: Any, taps: Any, first: int, fresh: int, start: int, count: int, width: int,
    scratch: Any, offsets: Any, at: int,
) -> None:  # fmt: skip
    """The same from rows ``first`` on, kept converted; those from ``fresh`` on are not yet.

    Row r is kept in slot ``r % g.slots``, and there is a slot for each row of a footprint.
    """
    rows, size = g.rows, count * width
    begin, end = 0, taps.size
    if rows.boundary == ZEROS:
        begin, end = larger(0, -first), smaller(end, rows.length - first)
    slot = (first + begin) % g.slots
    for k in range(end - begin):
        offsets[k] = g.loads + slot * g.span
        slot = slot + 1 if slot + 1 < g.slots else 0
    stride, inner = g.columns.x_stride, g.neighbours.x_stride
    item = 1 if g.x_kind == UINT8 else 2  # bytes, of the types that are short
    for k in range(larger(begin, fresh - first), end):
        place = start + fold(rows, first + k) * rows.x_stride
        load(x, g.x_kind, place, count, stride, width, inner, scratch, offsets[k - begin])
        # The rows that come next: processors follow no strips of rows by themselves.
        below = np.uintp(item * (place + rows.spacing * rows.x_stride))
        for byte in range(np.uintp(0), np.uintp(item * size), np.uintp(BYTES)):
            prefetch(x[0], below + byte)
    sum_terms(
        scratch, at, size, end - begin, taps, begin, scratch, offsets, False, np.uintp(0), False
    )


@inlined
def _find(
    x: Any, g: Any, first: int, some: int, start: int, count: int, width: int, scratch: Any,
    offsets: Any,
) -> None:  # fmt: skip
    """Where ``some`` rows from ``first`` on are: in x itself, or converted."""
    for k in range(some):
        offsets[k] = start + fold(g.rows, first + k) * g.rows.x_stride
    if not g.x_direct:
        for k in range(some):
            to, stride = g.loads + k * count * width, g.columns.x_stride
            inner = g.neighbours.x_stride
            load(x, g.x_kind, offsets[k], count, stride, width, inner, scratch, to)
            offsets[k] = to
