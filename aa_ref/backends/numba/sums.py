"""The one sum of the contract: taps times lines of samples, in order, each operation rounded."""

from typing import Any

import numpy as np

from .compiling import inlined, outlined, smaller
from .vectors import (
    broadcast,
    lanes,
    load_vector,
    store_lanes,
    store_vector,
    stream_lane,
    stream_vector,
    until_aligned,
    zeros,
)

__all__ = ["sum_terms"]

# Four vectors at a time: their sums hide one another's latency, and AVX2 has registers for them.


@outlined
def sum_terms(
    total: Any, at: int, size: int, terms: int, taps: Any, tap: int, source: Any, offsets: Any,
    go_on: bool, aligned: int, stream: bool,
) -> None:  # fmt: skip
    """Add a tap times a line of ``source``, for so many terms, in order.

    The taps stand from ``taps[tap]`` on, the lines where ``offsets`` say. Every product and every
    sum is rounded. The total starts at +0.0, or goes on from what is there.

    What follows changes no result: after ``aligned`` samples what is read, or written, is aligned;
    ``stream`` writes past the caches where that is so.
    """
    lane, done, end, to = lanes(total), np.uintp(0), np.uintp(size), np.uintp(at)
    if end < lane:
        _sum_rest(total, to, end, terms, taps, tap, source, offsets, go_on)
        return
    done, block = np.uintp(aligned), np.uintp(4) * lane
    stream = stream and until_aligned(total, np.int64(to + done)) == 0
    if done > 0:
        a = _sum_1(total, to, terms, taps, tap, source, np.uintp(0), offsets, go_on)
        _store_part(total, to, a, np.uintp(0), done, stream)
    # Where the total is only written, the last block may overlap: summed again, the bits are equal.
    again = block <= end and not (go_on or stream)
    while done + block <= end or (again and done < end):
        done = smaller(done, end - block)
        _sum_4(total, to + done, done, terms, taps, tap, source, offsets, go_on, stream)
        done += block
    while done + lane <= end:
        a = _sum_1(total, to, terms, taps, tap, source, done, offsets, go_on)
        _store(total, to + done, a, stream)
        done += lane
    if done < end:
        last = end - lane
        a = _sum_1(total, to, terms, taps, tap, source, last, offsets, go_on)
        _store_part(total, to + last, a, done - last, lane, stream)


@inlined
def _sum_4(
    total: Any, to: int, done: int, terms: int, taps: Any, tap: int, source: Any, offsets: Any,
    go_on: bool, stream: bool,
) -> None:  # fmt: skip
    """Four vectors of the total, from ``total[to]`` on, for samples from ``done`` on."""
    four = _load_4(total, to) if go_on else _zeros_4(total)
    for k in range(terms):
        lines = _load_4(source, np.uintp(offsets[k]) + done)
        four = _add_4(four, broadcast(taps[np.uintp(tap + k)]), lines)
    _store_4(total, to, four, stream)


@inlined
def _zeros_4(a: Any) -> Any:
    return zeros(a), zeros(a), zeros(a), zeros(a)


@inlined
def _load_4(a: Any, i: int) -> Any:
    j = i + lanes(a)
    k = j + lanes(a)
    return load_vector(a, i), load_vector(a, j), load_vector(a, k), load_vector(a, k + lanes(a))


@inlined
def _add_4(four: Any, tap: Any, lines: Any) -> Any:
    a, b, c, d = four
    w, x, y, z = lines
    return a + tap * w, b + tap * x, c + tap * y, d + tap * z


@inlined
def _store_4(a: Any, i: int, four: Any, stream: bool) -> None:
    for vector in four:
        _store(a, i, vector, stream)
        i += lanes(a)


@inlined
def _sum_1(
    total: Any, at: int, terms: int, taps: Any, tap: int, source: Any, done: int, offsets: Any,
    go_on: bool,
) -> Any:  # fmt: skip
    """One vector of the total, from sample ``done`` on."""
    a = load_vector(total, at + done) if go_on else zeros(total)
    for k in range(terms):
        i = np.uintp(offsets[k]) + done
        a = a + broadcast(taps[np.uintp(tap + k)]) * load_vector(source, i)
    return a


@inlined
def _store(total: Any, at: int, a: Any, stream: bool) -> None:
    if stream:
        stream_vector(total, at, a)
    else:
        store_vector(total, at, a)


@inlined
def _store_part(total: Any, at: int, a: Any, begin: int, end: int, stream: bool) -> None:
    if stream:
        for lane in range(begin, end):
            stream_lane(total, at + lane, a, lane)
    else:
        store_lanes(total, at, a, begin, end)


@outlined
def _sum_rest(
    total: Any, at: int, end: int, terms: int, taps: Any, tap: int, source: Any, offsets: Any,
    go_on: bool,
) -> None:  # fmt: skip
    """Less than a vector: the first ``end`` samples of the total."""
    for j in range(end):
        if not go_on:
            total[at + j] = 0
        for k in range(terms):
            total[at + j] += taps[tap + k] * source[np.uintp(offsets[k]) + j]
