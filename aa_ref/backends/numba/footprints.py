"""The sum over a footprint's rows, in one of several orders of work; the sums are the same.

*Gathered*, a line of sums is made at once from all rows of its footprint. So each row is read anew
for each of the lines it is part of: from the first-level cache, if all of them fit there.

*Gathered from rows that are kept*, each row is converted once, into a ring of as many lines as the
footprint has rows, and read from there. That pays as long as the ring fits the first-level cache.

*Accumulated*, rows come in groups of one stride, and each group is added to all the lines that it
is part of, the oldest of which it completes. So each row is read, and converted, once. In::

    rows      0 1 | 2 3 | 4 5 | 6 7      stride 2, radius 2: output 0 reads 0…4, output 1 reads 2…6
    output 0  * *   * *   *
    output 1        * *   * *   *

group 2 (rows 4 and 5) goes on with output 1 and completes output 0. The first group of an output is
the one of its own number.
"""

from typing import Any

import numpy as np

from .axes import centre, fold
from .compiling import inlined, larger, smaller
from .convert import UINT8
from .geometry import AT_ONCE, ZEROS
from .groups import WHOLE, add_group, has_group
from .lines import load, samples_like
from .sums import PAIRED, sum_pair, sum_terms
from .vectors import BYTES, prefetch, until_aligned

__all__ = ["accumulate", "gather", "gather_kept"]

_AHEAD = 512  # samples: far enough for memory to answer in time, near enough to be still cached


@inlined
def gather(
    x: Any, g: Any, taps: Any, i: int, x_start: int, start: int, count: int, width: int,
    scratch: Any, offsets: Any, at: int,
) -> None:  # fmt: skip
    """Output ``i``'s sums of ``count`` columns from ``start`` on."""
    rows, size = g.rows, count * width
    first = centre(rows, i) - rows.radius
    begin, end = 0, taps.size
    if rows.boundary == ZEROS:
        begin, end = larger(0, -first), smaller(end, rows.length - first)
    below, place = first + taps.size, start - x_start + _AHEAD
    ahead, lines = _soon(g, x_start, below - rows.spacing, below, place)
    source, at_once, aligned = scratch, AT_ONCE, np.uintp(0)
    if g.x_direct:
        source, at_once = samples_like(x, scratch), end - begin
        aligned = until_aligned(source, start)
    for k in range(begin, end, at_once):
        some = smaller(at_once, end - k)
        _find(x, g, first + k, some, start, count, width, scratch, offsets)
        sum_terms(
            scratch, at, size, some, taps, k, source, offsets, k > begin, aligned, False, ahead,
            rows.x_stride, lines,
        )  # fmt: skip


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
        scratch, at, size, end - begin, taps, begin, scratch, offsets, False, np.uintp(0), False,
        0, 0, 0,
    )  # fmt: skip


@inlined
def accumulate(
    x: Any, g: Any, taps: Any, i: int, group: int, x_start: int, start: int, count: int,
    width: int, scratch: Any, offsets: Any, at: int,
) -> None:  # fmt: skip
    """Add groups from ``group`` on to the sums, until output ``i`` is complete.

    The sums of output n begin at ``at + n % g.active * g.span``.
    """
    rows, size = g.rows, count * width
    source = samples_like(x, scratch) if g.x_direct else scratch
    if g.x_direct:
        # A few samples more, if the row has them, are faster than a way of their own for the last.
        more = -size % WHOLE
        if start - x_start + size + more <= g.columns.length * g.neighbours.length:
            size += more
    at_once = rows.spacing if g.x_direct else AT_ONCE
    at_once_all = at_once == rows.spacing and has_group(rows.spacing, taps.size)
    for now in range(group, i + g.active):
        first = now * rows.spacing - rows.radius
        begin, end = 0, smaller(rows.spacing, taps.size)  # rows beyond are between footprints
        if rows.boundary == ZEROS:
            begin, end = larger(0, -first), smaller(end, rows.length - first)
        # All outputs that the group is part of are summed, and all of its rows are in the signal.
        full = now == i + g.active - 1 and now < rows.outputs and end - begin == rows.spacing
        # At least once, even if all of the group is outside: an output's first group clears it.
        for q in range(begin, larger(end, begin + 1), at_once):
            some = larger(0, smaller(at_once, end - q))
            _find(x, g, first + q, some, start, count, width, scratch, offsets)
            chunk = 0
            while chunk < size:
                samples = smaller(g.chunk, size - chunk)
                if samples > PAIRED:
                    samples -= samples % PAIRED
                place = start - x_start + chunk + g.chunk
                ahead, lines = _soon(g, x_start, first + q, first + q + rows.spacing, place)
                output = smaller(now, rows.outputs - 1)
                if full and at_once_all and samples % WHOLE == 0:
                    for age in range(g.active):
                        sums = at + (now - age) % g.active * g.span
                        offsets[some + age] = sums + chunk
                    add_group(
                        rows.spacing, scratch, samples, taps, source, offsets, ahead, rows.x_stride,
                        lines,
                    )  # fmt: skip
                    output = i - 1
                while output >= i:
                    tap = (now - output) * rows.spacing + q
                    terms = larger(0, smaller(some, taps.size - tap))
                    to = at + output % g.active * g.span + chunk
                    go_on = output < now or q > begin
                    if output > i and samples % PAIRED == 0:
                        older_tap = tap + rows.spacing
                        older_terms = larger(0, smaller(some, taps.size - older_tap))
                        older = at + (output - 1) % g.active * g.span + chunk
                        sum_pair(
                            scratch, to, older, samples, terms, older_terms, taps, tap, older_tap,
                            source, offsets, go_on, ahead, rows.x_stride, 0 if go_on else lines,
                        )  # fmt: skip
                        output -= 1
                    else:
                        sum_terms(
                            scratch, to, samples, terms, taps, tap, source, offsets, go_on,
                            np.uintp(0), False, ahead, rows.x_stride, 0 if go_on else lines,
                        )  # fmt: skip
                    output -= 1
                for k in range(some):
                    offsets[k] += samples
                chunk += samples


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


@inlined
def _soon(g: Any, x_start: int, begin: int, end: int, place: int) -> Any:
    """Which samples to ask for: those from ``place`` on of rows ``begin..end``.

    If that is beyond the rows' end, those at the beginning of as many rows below. Returns where the
    first row's are in memory, and how many rows have some; none if they are converted anyway.
    """
    rows, length = g.rows, g.columns.length * g.neighbours.length
    if place >= length:
        place -= length
        begin, end = end, end + end - begin
    begin, end = larger(begin, 0), smaller(end, rows.length)
    lines = larger(0, end - begin) if g.x_direct else 0
    return x_start + begin * rows.x_stride + place, lines
