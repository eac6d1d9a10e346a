"""The table of properties, and views, in Numba's simulator. Run by `test_simulator.py`.

Kernels read and write the arrays where they lie. The backend itself would bring them a copy without
gaps, which it still does of those that no GPU can load from.
"""

from collections.abc import Callable
from typing import Any

import pytest
from cases import Case
from hypothesis import given
from hypothesis import strategies as st
from lying import WhereTheyLie
from test_backends import PROPERTIES
from views import VIEWS, check_view

from aa_ref import backends
from aa_ref.backends.cuda import strip_cutting
from aa_ref.backends.cuda.toolkit import SIMULATOR

pytestmark = pytest.mark.filterwarnings("ignore:scale .* has stride:UserWarning")


ARRAYS: dict[str, tuple[tuple[int, ...], float, dict[str, Any]]] = {
    # label: shape, scale, options: for kernels of strips and of tiles
    "planes": ((2, 9, 36), 0.5, {}),
    "planes, reflect": ((2, 9, 36), 0.25, {"boundary": "reflect"}),
    "interleaved": ((9, 20, 3), 0.5, {"axes": (0, 1)}),
    "planes in tiles": ((2, 9, 17), 0.2, {"boundary": "circular"}),
    "interleaved in tiles": ((5, 11, 3), 0.2, {"axes": (0, 1)}),
    "one axis": ((3, 20, 5), 0.5, {"axes": 1}),
}


@pytest.fixture(autouse=True)
def lying(monkeypatch: pytest.MonkeyPatch) -> None:
    assert SIMULATOR
    monkeypatch.setitem(backends._loaded, "cuda", WhereTheyLie())
    # Left to itself, the backend cuts pictures of a few rows into chunks of one.
    monkeypatch.setattr(strip_cutting, "_chunks", lambda down: iter([min(4, down)]))


@pytest.mark.parametrize(("check", "strategy"), PROPERTIES, ids=[p[0].__name__ for p in PROPERTIES])
def test_property(check: Callable[[str, Case], None], strategy: st.SearchStrategy[Case]) -> None:
    given(case=strategy)(lambda case: check("cuda", case))()


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("arrays", ARRAYS)
def test_view(arrays: str, view: str) -> None:
    check_view(*ARRAYS[arrays], view)
