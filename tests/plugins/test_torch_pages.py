"""Memory of large results is there before it is written."""

import ctypes
import mmap
import platform
import re
import sys

import pytest
import torch

from aa_ref_torch.pages import LARGE, fetch

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone fetches pages")


def resident(x: torch.Tensor) -> float:
    """The share of a tensor's whole pages that are in memory."""
    size = mmap.PAGESIZE
    first = -(-x.data_ptr() // size) * size
    count = (x.data_ptr() + x.nbytes - first) // size
    found = (ctypes.c_ubyte * count)()
    mincore = ctypes.CDLL(None, use_errno=True).mincore
    mincore.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p)
    assert mincore(first, count * size, found) == 0
    return sum(page & 1 for page in found) / count


def knows_how() -> bool:
    found = re.match(r"(\d+)\.(\d+)", platform.release())
    assert found is not None
    return (int(found[1]), int(found[2])) >= (5, 14)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=str)
def test_pages_of_large_tensors_are_fetched(dtype: torch.dtype):
    x = torch.empty(3, 5 * LARGE // 3 + 7, dtype=dtype)
    before = resident(x)
    assert before < 0.5
    assert fetch(x) is x
    assert resident(x) == 1 if knows_how() else resident(x) == before


def test_nothing_else_is_touched():
    """Neither small tensors, nor what has no memory, nor what lies beside a tensor."""
    whole = torch.empty(40 * LARGE, dtype=torch.uint8)
    assert resident(whole) < 0.1
    fetch(whole[16 * LARGE : 17 * LARGE - 1])
    assert resident(whole) < 0.1
    fetch(whole[16 * LARGE + 5 : 18 * LARGE])
    assert resident(whole) < 0.2
    for nothing in (torch.empty(LARGE, device="meta"), torch.empty(0, 3)):
        assert fetch(nothing) is nothing


def test_where_pages_cannot_be_fetched_nothing_happens(monkeypatch: pytest.MonkeyPatch):
    """Advice that is refused, or another system."""
    from aa_ref_torch import pages

    for none in (lambda *_: -1, None):
        monkeypatch.setattr(pages, "_madvise", none)
        x = torch.empty(2 * LARGE)
        assert fetch(x) is x
        assert resident(x) < 0.5
