"""The one sum of the contract: taps times lines of samples, in order, each operation rounded."""

from typing import Any

import numpy as np

from .compiling import inlined
from .vectors import (
    broadcast,
    lanes,
    load_vector,
    prefetch,
    store_lanes,
    store_vector,
    stream_lane,
    stream_vector,
    until_aligned,
    zeros,
)

__all__ = ["PAIRED", "sum_pair", "sum_terms"]

PAIRED = 64  # `sum_pair` takes so many samples at a time, of binary64 half as many

# Four vectors at a time: their sums hide one another's latency, and AVX2 has registers for them.


@inlined
def sum_terms(
    total: Any, at: int, size: int, terms: int, taps: Any, tap: int, source: Any, offsets: Any,
    go_on: bool, aligned: int, stream: bool, ahead: int, step: int, lines_ahead: int,
) -> None:  # fmt: skip
    """Add a tap times a line of ``source``, for so many terms, in order.

    The taps stand from ``taps[tap]`` on, the lines where ``offsets`` say. Every product and every
    sum is rounded. The total starts at +0.0, or goes on from what is there.

    What follows changes no result: after ``aligned`` samples what is read, or written, is aligned;
    ``stream`` writes past the caches where that is so; and meanwhile ``lines_ahead`` lines that
    will be needed soon are asked for, the first at ``source[ahead]``, the others ``step`` apart.
    """
    lane, done, end, to = lanes(total), np.uintp(0), np.uintp(size), np.uintp(at)
    if end < lane:
        _sum_rest(total, to, end, terms, taps, tap, source, offsets, go_on)
        return
    done, block = np.uintp(aligned), np.uintp(4) * lane
    stream = stream and until_aligned(total, np.int64(to + done)) == 0
    lines_ahead = min(lines_ahead, terms)
    if done > 0:
        a = _sum_1(total, to, terms, taps, tap, source, np.uintp(0), offsets, go_on)
        _store_part(total, to, a, np.uintp(0), done, stream)
    while done + block <= end:
        _sum_4(
            total, to, done, terms, taps, tap, source, offsets, go_on, stream,
            np.uintp(ahead), np.uintp(step), lines_ahead,
        )  # fmt: skip
        done += block
    while done + lane <= end:
        a = _sum_1(total, to, terms, taps, tap, source, done, offsets, go_on)
        if stream:
            stream_vector(total, to + done, a)
        else:
            store_vector(total, to + done, a)
        done += lane
    if done < end:
        last = end - lane
        a = _sum_1(total, to, terms, taps, tap, source, last, offsets, go_on)
        _store_part(total, to + last, a, done - last, lane, stream)


@inlined
def sum_pair(
    total: Any, at: int, older_at: int, size: int, terms: int, older_terms: int, taps: Any,
    tap: int, older_tap: int, source: Any, offsets: Any, go_on: bool, ahead: int, step: int,
    lines_ahead: int,
) -> None:  # fmt: skip
    """`sum_terms` for two totals and the same lines, so that these are loaded once for both.

    The size is a multiple of `PAIRED`. The older total has no more terms, and goes on.
    """
    done, end = np.uintp(0), np.uintp(size)
    while done < end:
        _pair_4(
            total, np.uintp(at) + done, np.uintp(older_at) + done, terms, older_terms, taps, tap,
            older_tap, source, offsets, done, go_on, np.uintp(ahead), np.uintp(step), lines_ahead,
        )  # fmt: skip
        done += np.uintp(4) * lanes(total)


@inlined
def _pair_4(
    total: Any, to: int, older: int, terms: int, older_terms: int, taps: Any, tap: int,
    older_tap: int, source: Any, offsets: Any, done: int, go_on: bool, ahead: int, step: int,
    lines_ahead: int,
) -> None:  # fmt: skip
    """Four vectors of both totals."""
    lane = lanes(total)
    b_, c_, d_ = lane, lane + lane, lane + lane + lane
    a = b = c = d = zeros(total)
    if go_on:
        a, b = load_vector(total, to), load_vector(total, to + b_)
        c, d = load_vector(total, to + c_), load_vector(total, to + d_)
    e, f = load_vector(total, older), load_vector(total, older + b_)
    g, h = load_vector(total, older + c_), load_vector(total, older + d_)
    soon = ahead + done
    for k in range(older_terms):
        tap_k, older_k = broadcast(taps[tap + k]), broadcast(taps[older_tap + k])
        i = np.uintp(offsets[k]) + done
        x = load_vector(source, i)
        a = a + tap_k * x
        e = e + older_k * x
        x = load_vector(source, i + b_)
        b = b + tap_k * x
        f = f + older_k * x
        x = load_vector(source, i + c_)
        c = c + tap_k * x
        g = g + older_k * x
        x = load_vector(source, i + d_)
        d = d + tap_k * x
        h = h + older_k * x
        if k < lines_ahead:
            prefetch(source, soon)
            prefetch(source, soon + b_)
            prefetch(source, soon + c_)
            prefetch(source, soon + d_)
            soon += step
    for k in range(older_terms, terms):
        tap_k = broadcast(taps[tap + k])
        i = np.uintp(offsets[k]) + done
        a = a + tap_k * load_vector(source, i)
        b = b + tap_k * load_vector(source, i + b_)
        c = c + tap_k * load_vector(source, i + c_)
        d = d + tap_k * load_vector(source, i + d_)
        if k < lines_ahead:
            prefetch(source, soon)
            prefetch(source, soon + b_)
            prefetch(source, soon + c_)
            prefetch(source, soon + d_)
            soon += step
    store_vector(total, to, a)
    store_vector(total, to + b_, b)
    store_vector(total, to + c_, c)
    store_vector(total, to + d_, d)
    store_vector(total, older, e)
    store_vector(total, older + b_, f)
    store_vector(total, older + c_, g)
    store_vector(total, older + d_, h)


@inlined
def _sum_4(
    total: Any, at: int, done: int, terms: int, taps: Any, tap: int, source: Any, offsets: Any,
    go_on: bool, stream: bool, ahead: int, step: int, lines_ahead: int,
) -> None:  # fmt: skip
    """Four vectors of the total, from sample ``done`` on."""
    lane, to = lanes(total), at + done
    b_, c_, d_ = lane, lane + lane, lane + lane + lane
    a = b = c = d = zeros(total)
    if go_on:
        a, b = load_vector(total, to), load_vector(total, to + b_)
        c, d = load_vector(total, to + c_), load_vector(total, to + d_)
    k, soon = 0, ahead + done
    while k < terms:
        tap_k = broadcast(taps[tap + k])
        i = np.uintp(offsets[k]) + done
        a = a + tap_k * load_vector(source, i)
        b = b + tap_k * load_vector(source, i + b_)
        c = c + tap_k * load_vector(source, i + c_)
        d = d + tap_k * load_vector(source, i + d_)
        if k < lines_ahead:
            prefetch(source, soon)
            prefetch(source, soon + b_)
            prefetch(source, soon + c_)
            prefetch(source, soon + d_)
            soon += step
        k += 1
    if stream:
        stream_vector(total, to, a)
        stream_vector(total, to + b_, b)
        stream_vector(total, to + c_, c)
        stream_vector(total, to + d_, d)
    else:
        store_vector(total, to, a)
        store_vector(total, to + b_, b)
        store_vector(total, to + c_, c)
        store_vector(total, to + d_, d)


@inlined
def _sum_1(
    total: Any, at: int, terms: int, taps: Any, tap: int, source: Any, done: int, offsets: Any,
    go_on: bool,
) -> Any:  # fmt: skip
    """One vector of the total, from sample ``done`` on."""
    a = load_vector(total, at + done) if go_on else zeros(total)
    for k in range(terms):
        i = np.uintp(offsets[k]) + done
        a = a + broadcast(taps[tap + k]) * load_vector(source, i)
    return a


@inlined
def _store_part(total: Any, at: int, a: Any, begin: int, end: int, stream: bool) -> None:
    if stream:
        for lane in range(begin, end):
            stream_lane(total, at + lane, a, lane)
    else:
        store_lanes(total, at, a, begin, end)


@inlined
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
