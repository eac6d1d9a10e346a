"""The copy and the floor made of it; the limit."""

import numpy as np
import pytest
from bench_helpers import block, case

from aa_ref.bench import floor
from aa_ref.bench.inputs import input_of
from aa_ref.bench.limit import limiter


@pytest.mark.parametrize(
    ("copying", "copied", "read", "written", "least"),
    [
        (8.0, 100, 100, 25, 5.0),  # forward at 0.5: copy · (1 + 1/4) / 2
        (8.0, 100, 25, 100, 5.0),  # the adjoint: the same bytes the other way
        (2.0, 64, 64, 64, 2.0),  # a copy is its own floor
    ],
)
def test_formula(copying, copied, read, written, least):
    assert floor.floor(copying, copied, read, written) == least


@pytest.mark.parametrize(
    ("of", "part"),
    [
        (case(size=(3, 16, 16), scales=(0.5,)), (1 + 1 / 4) / 2),
        (case(size=(3, 16, 16), scales=(0.25,), layout="HWC"), (1 + 1 / 16) / 2),
        (case("adjoint", (3, 16, 16), (0.5,)), (1 + 1 / 4) / 2),
        (case("pyramid", (3, 16, 16), (0.5, 0.25)), (1 + 1 / 4 + 1 / 16) / 2),
        (case(size=(3, 16, 16), scales=(0.5,), dtype="uint8"), (1 + 1 / 4) / 2),
    ],
    ids=str,
)
def test_floor_of_a_case(of, part):
    # milliseconds to seconds is one rounding more
    assert block(of, copy=8.0).floor(2) == pytest.approx(0.008 * part)


def test_there_is_no_floor_without_a_copy():
    assert block(case(threads=(2,))).floor(1) is None


@pytest.mark.parametrize("threads", [1, 2, 3, 5])
@pytest.mark.parametrize("samples", [1, 1000, floor.LITTLE // 4 + 1])
def test_the_copy_copies_all(threads, samples):
    x = np.random.default_rng(0).standard_normal((samples,), np.float32)
    copied = floor.copier(x, np.zeros_like(x), threads)()
    assert np.array_equal(copied, x)


def test_large_copies_use_as_many_parts_as_threads(monkeypatch):
    seen = []
    monkeypatch.setattr(floor, "run_pieces", lambda work, *counts: seen.append(counts))
    enough, less = (np.zeros(n, np.uint8) for n in (floor.LITTLE, floor.LITTLE - 1))
    floor.copier(enough, enough.copy(), 3)()
    assert seen == [(3, 3)]
    floor.copier(less, less.copy(), 3)()
    floor.copier(enough, enough.copy(), 1)()
    assert seen == [(3, 3)]


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize(
    ("read", "written"),
    [(1 << 18, 1 << 16), (1 << 16, 1 << 20), (300_000, 77_777), (5, 3), (0, 640)],
)
def test_the_limit_reads_all_and_writes_all(read, written, threads):
    """Each vector that is written sums what was read before: more and more, in each part."""
    x = np.ones(read, np.float32)
    y = limiter(x, 4 * written, threads)()
    assert y.size == written // 16 * 16
    assert not y.size or y.ctypes.data % 64 == 0
    if read:
        parts = 1 if x.nbytes < floor.LITTLE or threads == 1 else 2 * threads
        least = read // 16 // parts if y.size else 0
        assert y.max(initial=0) in (least, least + 1)  # the longest part has one more, or none


@pytest.mark.parametrize("layout", ["CHW", "HWC"])
def test_bytes_of_a_case_are_those_of_its_arrays(layout):
    for direction in ("forward", "adjoint"):
        of = case(direction, (4, 10, 14), (0.5,), layout=layout)
        small = 4 * 5 * 7 * 4
        assert (of.large_bytes, of.small_bytes) == (4 * 10 * 14 * 4, small)
        assert input_of(of).nbytes == (of.large_bytes if direction == "forward" else small)
