"""Memory of large results is there before it is written."""

import ctypes
import mmap
import platform
import re
import sys

import numpy as np
import pytest

from aa_ref import arrays, pages
from aa_ref.pages import LARGE, fetch

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone fetches pages")


def resident(x: np.ndarray) -> float:
    """The share of an array's whole pages that are in memory."""
    size = mmap.PAGESIZE
    first = -(-x.ctypes.data // size) * size
    count = (x.ctypes.data + x.nbytes - first) // size
    found = (ctypes.c_ubyte * count)()
    mincore = ctypes.CDLL(None, use_errno=True).mincore
    mincore.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p)
    assert mincore(first, count * size, found) == 0
    return sum(page & 1 for page in found) / count


def knows_how() -> bool:
    found = re.match(r"(\d+)\.(\d+)", platform.release())
    assert found is not None
    return (int(found[1]), int(found[2])) >= (5, 14)


def test_pages_of_large_results_are_fetched():
    for like, shape in (
        (np.zeros((3, 4, 5), np.float32), (3, 1500, 1601)),
        (np.zeros((3, 4, 5), np.uint8)[:, ::-1, ::2], (3, 2500, 801)),
        (np.zeros((4, 5, 3), np.float64).transpose(2, 0, 1), (3, 900, 801)),
    ):
        result = arrays.allocate(shape, str(like.dtype), like)
        assert result.nbytes >= LARGE
        assert resident(result) == 1 if knows_how() else resident(result) < 1


def test_nothing_beside_them_is_touched():
    whole = np.empty(40 * LARGE, np.uint8)
    assert resident(whole) < 0.1
    fetch(whole.ctypes.data + 16 * LARGE + 5, 2 * LARGE)
    assert resident(whole[16 * LARGE + 5 : 18 * LARGE + 5]) == (1 if knows_how() else 0)
    assert resident(whole) < 0.2
    fetch(whole.ctypes.data + 1, 0)
    assert resident(whole) < 0.2


def test_what_is_there_stays_as_it_is():
    x = np.arange(LARGE, dtype=np.float32)
    fetch(x.ctypes.data, x.nbytes)
    np.testing.assert_array_equal(x, np.arange(LARGE, dtype=np.float32))


@pytest.mark.parametrize("none", [lambda *_: -1, None], ids=["refused", "unknown"])
def test_where_pages_cannot_be_fetched_nothing_happens(monkeypatch, none):
    monkeypatch.setattr(pages, "_madvise", none)
    x = np.empty(2 * LARGE)
    fetch(x.ctypes.data, x.nbytes)
    assert resident(x) < 0.5
