"""The Numba backend's pyramids, band by band: the same bits, wherever the bands end."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from cases import BOUNDARIES, lay_out, values
from support import assert_same_bits

import aa_ref
from aa_ref.backends.base import Backend
from aa_ref.backends.numba import bands, geometry, launch, variants

OCTAVES = (0.5, 0.25, 0.125)
CHW, HWC = (-2, -1), (-3, -2)


@contextmanager
def banded(
    band: int, *, threads: int = 1, little: float = math.inf, stream: int = 1 << 22
) -> Iterator[list[int]]:
    """Bands of so many bytes, however small the input; how many bands each call had."""
    ran: list[int] = []
    run_bands = launch.run_bands

    def note(march: Any, x: Any, levels: Any, compute: Any, count: int, *rest: Any) -> None:
        ran.append(count)
        run_bands(march, x, levels, compute, count, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bands, "_BAND", band)
        patch.setattr(geometry, "_STREAM", stream)
        patch.setattr(launch, "_FEWEST_BANDS", 1)
        patch.setattr(launch, "run_bands", note)
        patch.setattr(variants, "LITTLE", little)
        patch.setattr(variants, "_done", {})
        launch._steps.cache_clear()
        aa_ref.set_num_threads(threads)
        try:
            yield ran
        finally:
            aa_ref.set_num_threads(None)
            launch._steps.cache_clear()


def input_of(dtype: str, shape: tuple[int, ...]) -> Any:
    return values(dtype, math.prod(shape), "normal", np.random.default_rng(0)).reshape(shape)


def assert_levels(x: Any, scales: Any, levels: Any, **options: Any) -> None:
    for scale, level in zip(scales, levels, strict=True):
        assert_same_bits(level, aa_ref.downsample(x, scale, backend="numpy", **options))


# ----------------------------------------------------------------------------------- the same bits


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("little", [0, math.inf], ids=["variants", "generic"])
@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize(
    ("shape", "axes"),
    [((3, 61, 83), CHW), ((131, 47), CHW), ((67, 45, 3), HWC), ((2, 37, 29, 3), HWC)],
    ids=str,
)
def test_bands_of_any_size(
    shape: tuple[int, ...], axes: tuple[int, int], boundary: str, little: float, threads: int
) -> None:
    """From a band for each row, where coarse levels have bands without a line, to one band."""
    x, options = input_of("float32", shape), {"axes": axes, "boundary": boundary}
    for band in (40, 100, 333, 1000, 4000, x.nbytes // 3, x.nbytes):
        with banded(band, threads=threads, little=little) as ran:
            assert_levels(x, OCTAVES, aa_ref.pyramid(x, OCTAVES, backend="numba", **options),
                **options)  # fmt: skip
        assert ran == [x.nbytes // band]


SCALES = [
    # label, scales, options
    ("a level as it is", (1, 0.5, 0.25, 0.125), {}),
    ("coarse first", (0.125, 0.5, 1), {}),
    ("a level twice", (0.5, 0.5), {}),
    ("odd strides", (Fraction(1, 3), 0.2, Fraction(1, 7)), {}),
    ("blurred alone", (0.75, 0.9, 1), {"sigma": (0.8, 2)}),
    ("sampled only", (0.5, 0.25), {"sigma": 0}),
    ("longer strides than filters", (0.05, 0.1), {"sigma": 0.4}),
    ("one axis of two", ((1, 0.5), (0.5, 1), (0.25, 0.5)), {}),
    ("uneven", (0.3, 0.5, 0.16), {"sampling": "nearest"}),
    ("one output row", (0.011, 0.5), {}),
]


@pytest.mark.filterwarnings("ignore:scale .* has stride:UserWarning")
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16", "uint8"])
@pytest.mark.parametrize(("label", "scales", "options"), SCALES, ids=[c[0] for c in SCALES])
def test_levels_of_any_kind(
    label: str, scales: tuple[Any, ...], options: dict[str, Any], dtype: str
) -> None:
    for shape, axes in (((2, 91, 123), CHW), ((95, 41, 3), HWC), ((2, 130, 91), (1,))):
        if len(axes) == 1 and any(np.ndim(v) for v in (*scales, *options.values())):
            continue
        x = input_of(dtype, shape)
        for threads in (1, 2):
            with banded(1500, threads=threads, stream=0) as ran:
                levels = aa_ref.pyramid(x, scales, axes=axes, backend="numba", **options)
            assert_levels(x, scales, levels, axes=axes, **options)
            assert ran == [x.nbytes // 1500]


@pytest.mark.parametrize("layout", ["offset", "strided", "shifted", "c"])
def test_inputs_and_outs_of_any_layout(layout: str) -> None:
    rng = np.random.default_rng(0)
    x = lay_out(input_of("float32", (3, 77, 101)), layout, rng)
    outs = [
        lay_out(np.zeros(aa_ref.plan(x.shape, s).out_shape, np.float32), layout, rng)
        for s in OCTAVES
    ]
    with banded(2000, threads=2):
        aa_ref.pyramid(x, OCTAVES, out=outs, backend="numba")
    assert_levels(x, OCTAVES, outs)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    ("shape", "axes"), [((3, 1601, 903), CHW), ((1203, 1201, 3), HWC)], ids=["C×H×W", "H×W×C"]
)
def test_large_inputs_as_they_are_cut_by_default(
    shape: tuple[int, ...], axes: tuple[int, int], threads: int
) -> None:
    x = input_of("float32", shape)
    with banded(bands._BAND, threads=threads, little=0) as ran:
        levels = aa_ref.pyramid(x, OCTAVES, axes=axes, backend="numba")
    assert_levels(x, OCTAVES, levels, axes=axes)
    assert ran > [32]


def test_wide_lines_in_groups_of_blocks() -> None:
    """A few blocks of each line, then the same of the next line; each level in its own way."""
    x = input_of("float32", (67, 2900))
    for cached in (0, 1 << 14, 1 << 16):
        with pytest.MonkeyPatch.context() as patch, banded(9000, threads=2):
            patch.setattr(geometry, "_CACHED", cached)
            patch.setattr(geometry, "_BLOCK", 64)
            assert_levels(x, OCTAVES, aa_ref.pyramid(x, OCTAVES, backend="numba"))


# --------------------------------------------------------------------------- what goes band by band


WHOLE = [
    # label, shape, scales, axes
    ("volumes", (9, 40, 50), (0.5, 0.25), (0, 1, 2)),
    ("one level", (40, 50), (0.5,), (0, 1)),
    ("no level", (40, 50), (), (0, 1)),
    ("no samples", (0, 40, 50), (0.5, 0.25), (1, 2)),
]


@pytest.mark.parametrize(("label", "shape", "scales", "axes"), WHOLE, ids=[c[0] for c in WHOLE])
def test_what_does_not(
    label: str, shape: tuple[int, ...], scales: tuple[Any, ...], axes: tuple[int, ...]
) -> None:
    x = input_of("float32", shape)
    with banded(1000) as ran:
        levels = aa_ref.pyramid(x, scales, axes=axes, backend="numba")
    assert ran == []
    assert_levels(x, scales, levels, axes=axes)


def test_small_inputs_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[int] = []
    monkeypatch.setattr(launch, "run_bands", lambda *arguments: ran.append(1))
    for rows in (2047, 2048):
        aa_ref.pyramid(np.ones((rows, 1024), np.float32), OCTAVES, backend="numba")
        assert bool(ran) == (rows == 2048)


def test_default_and_bands_agree() -> None:
    x = input_of("float32", (5, 210, 130))
    plans = [aa_ref.plan(x.shape, s) for s in OCTAVES]
    results = [[np.empty(p.out_shape, np.float32) for p in plans] for _ in range(2)]
    backend = launch.NumbaBackend()
    Backend.pyramid(backend, plans, x, results[0])
    with banded(5000, threads=2):
        backend.pyramid(plans, x, results[1])
    for a, b in zip(*results, strict=True):
        assert_same_bits(a, b)
