"""The CUDA backend on a GPU: the table of properties, views, large arrays.

``pytest -m gpu`` runs these and the tests of files ``test_gpu_*.py`` alone. Without a GPU they are
skipped; `test_simulator.py` and `test_kernel_code.py` say what can be said then.
"""

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from cases import FLOATS, Case
from hypothesis import given
from hypothesis import strategies as st
from support import TYPES, assert_same_bits, sample
from test_backends import LARGE, PROPERTIES
from views import VIEWS, check_view

import aa_ref
from aa_ref import backends

large = pytest.mark.skipif(
    os.environ.get("AA_REF_GPU_SMALL") == "1", reason="AA_REF_GPU_SMALL is set: no large arrays"
)

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.filterwarnings("ignore:scale .* has stride:UserWarning"),
]


@pytest.fixture(params=["copied", "where they lie"])
def lying(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Arrays of the host are copied to the GPU without their gaps, or with them."""
    if request.param != "copied":
        pytest.importorskip("numba_cuda", reason="the package numba-cuda is not installed")
        from lying import WhereTheyLie

        monkeypatch.setitem(backends._loaded, "cuda", WhereTheyLie())


@pytest.mark.usefixtures("lying")
@pytest.mark.parametrize(("check", "strategy"), PROPERTIES, ids=[p[0].__name__ for p in PROPERTIES])
def test_property(check: Callable[[str, Case], None], strategy: st.SearchStrategy[Case]) -> None:
    given(case=strategy)(lambda case: check("cuda", case))()


@large
@pytest.mark.usefixtures("lying")
@pytest.mark.parametrize("lying", ["where they lie"], indirect=True)
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize(
    ("shape", "scale", "options"),
    [
        ((3, 301, 2052), 0.5, {}),
        ((2, 301, 1028), 0.125, {"boundary": "reflect"}),
        ((301, 644, 3), 0.25, {"axes": (0, 1)}),
        ((3, 301, 1021), 0.2, {"boundary": "circular"}),
        ((301, 643, 3), 0.2, {"axes": (0, 1)}),
    ],
)
def test_view(shape: tuple[int, ...], scale: float, options: dict[str, Any], view: str) -> None:
    check_view(shape, scale, options, view)


HUGE = [
    # label, shape, scale, options: whole strips and chunks, and beyond 65,535 planes
    ("planes", (3, 1021, 2048), 0.5, {}),
    ("planes, rows at any address", (3, 1021, 2047), 0.25, {}),
    ("planes, reflect", (2, 1500, 1537), 0.125, {"boundary": "reflect"}),
    ("planes, circular", (2, 700, 1536), 1 / 3, {"boundary": "circular"}),
    ("interleaved", (1021, 1023, 3), 0.5, {"axes": (0, 1)}),
    ("interleaved, replicate", (640, 512, 4), 0.25, {"axes": (0, 1), "boundary": "replicate"}),
    ("many planes", (70_001, 9, 16), 0.5, {}),
    ("planes in tiles", (3, 1021, 2047), 0.2, {}),
    ("planes in tiles, circular", (2, 700, 1536), 0.5, {"boundary": "circular", "sigma": 3}),
    (
        "planes in tiles, nearest",
        (2, 701, 1537),
        0.3,
        {"sampling": "nearest", "boundary": "reflect"},
    ),
    ("interleaved in tiles", (640, 513, 3), (0.2, 0.3), {"axes": (0, 1), "boundary": "replicate"}),
    ("many planes in tiles", (70_001, 9, 16), 0.2, {}),
    ("one axis after the other", (300, 1200), 1, {"sigma": (20, 200)}),
]


by_case = pytest.mark.parametrize(
    ("label", "shape", "scale", "options"), [*LARGE, *HUGE], ids=[c[0] for c in [*LARGE, *HUGE]]
)


@large
@by_case
@pytest.mark.parametrize("dtype", TYPES)
def test_large_forward(
    label: str, shape: tuple[int, ...], scale: Any, options: dict[str, Any], dtype: str
) -> None:
    x = sample(shape, dtype)
    expected = aa_ref.downsample(x, scale, **options, backend="numpy")
    assert_same_bits(aa_ref.downsample(x, scale, **options, backend="cuda"), expected)


@large
@by_case
@pytest.mark.parametrize("dtype", FLOATS)
def test_large_adjoint(
    label: str, shape: tuple[int, ...], scale: Any, options: dict[str, Any], dtype: str
) -> None:
    p = aa_ref.plan(shape, scale, input_dtype=dtype, **options)
    g = sample(p.out_shape, dtype)
    assert_same_bits(p.adjoint(g, backend="cuda"), p.adjoint(g, backend="numpy"))


@large
def test_more_than_two_to_the_31_elements() -> None:
    shape = (3, 2**15 + 8, 2**15)
    x = np.zeros(shape, np.uint8)
    x[:, :40], x[:, -40:] = 7, sample((3, 40, 2**15), "uint8")
    y = aa_ref.downsample(x, 0.125, backend="cuda")
    for rows in (slice(None, 128), slice(-128, None)):  # beyond them all is zero
        expected = aa_ref.downsample(x[:, rows], 0.125, backend="numpy")
        found = y[:, :16] if rows.start is None else y[:, -16:]
        assert_same_bits(found, expected)
    assert not y[:, 16:-16].any()


def test_numbas_own_arrays() -> None:
    from aa_ref.backends.cuda.toolkit import cuda

    x = sample((3, 40, 50))
    y = aa_ref.downsample(cuda.to_device(x), 0.5)
    assert_same_bits(y.copy_to_host(), aa_ref.downsample(x, 0.5, backend="numpy"))
