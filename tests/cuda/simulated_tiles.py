"""Kernels for tiles in Numba's simulator, to the bit; how they are cut. Run by `test_simulator.py`.

In the simulator a block has room for 512 values, so that small arrays take several tiles.
"""

from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import assert_same_bits, sample

import aa_ref
from aa_ref.backends.cuda.cutting import cut_into_tiles
from aa_ref.backends.cuda.kernels import Kernel, shipped
from aa_ref.backends.cuda.layout import make_axis, make_layout
from aa_ref.backends.cuda.steps import steps_of
from aa_ref.backends.cuda.tiles import room_of
from aa_ref.device_arrays import c_strides

pytestmark = pytest.mark.filterwarnings("ignore:scale .* has stride:UserWarning")

TILED = [kernel for kernel in shipped() if kernel.tiled]
ZEROS, OTHERS = "zeros", ("reflect", "circular")
PLANS: dict[str, Any] = {
    # label: shape, scale, options
    "stride 5": ((2, 23, 61), 0.2, {}),
    "strides that differ": ((22, 61), (0.25, 0.1), {"boundary": ("circular", "reflect")}),
    "nearest": ((23, 35), 0.3, {"sampling": "nearest", "boundary": ("replicate", ZEROS)}),
    "every sample": ((13, 26), 1, {"sigma": 1.3, "boundary": ("reflect", "replicate")}),
    "channels": ((21, 33, 3), 0.2, {"axes": (0, 1), "boundary": OTHERS}),
    "many channels": ((3, 6, 130), 0.2, {"axes": (0, 1), "boundary": "replicate"}),
    "smaller than the filter": ((2, 7, 9), 0.2, {"boundary": ("circular", "reflect")}),
    "columns before rows in memory": ((23, 3, 31), 0.2, {"axes": (2, 0), "boundary": OTHERS}),
}


def check(kernel: Kernel, p: aa_ref.Plan, launched: list[Kernel]) -> None:
    if kernel.direction == "forward":
        x = sample(p.shape, kernel.kind)
        got, expected = p(x, backend="cuda"), p(x, backend="numpy")
    else:
        x = sample(p.out_shape, kernel.kind)
        got, expected = p.adjoint(x, backend="cuda"), p.adjoint(x, backend="numpy")
    assert launched == [kernel]
    assert_same_bits(got, expected)


@pytest.mark.parametrize("kernel", TILED, ids=lambda kernel: kernel.name)
@pytest.mark.parametrize("boundary", [ZEROS, OTHERS], ids=str)
def test_every_kernel(kernel: Kernel, boundary: Any, launched: list[Kernel]) -> None:
    p = aa_ref.plan((2, 23, 37), (0.2, 0.3), input_dtype=kernel.kind, boundary=boundary)
    check(kernel, p, launched)


@pytest.mark.parametrize("label", PLANS)
@pytest.mark.parametrize("direction", ["forward", "adjoint"])
def test_every_kind_of_plan(label: str, direction: str, launched: list[Kernel]) -> None:
    shape, scale, options = PLANS[label]
    (kernel,) = (k for k in TILED if (k.direction, k.kind) == (direction, "float32"))
    check(kernel, aa_ref.plan(shape, scale, **options), launched)


def test_results_of_another_type(launched: list[Kernel]) -> None:
    x = sample((23, 37), "float64")
    got = aa_ref.downsample(x, 0.2, dtype="bfloat16", backend="cuda")
    assert_same_bits(got, aa_ref.downsample(x, 0.2, dtype="bfloat16", backend="numpy"))
    assert [kernel.name for kernel in launched] == ["forward_float64_to_bfloat16_tiles"]


def names_of(p: aa_ref.Plan, forward: bool) -> list[str]:
    ends = (p.shape, p.out_shape) if forward else (p.out_shape, p.shape)
    steps = steps_of(p, forward, *(c_strides(shape, 4) for shape in ends), 0)
    return [step.call.kernel.name for step in steps]


@pytest.mark.parametrize(
    ("shape", "sigma", "forward", "adjoint"),
    [
        ((200, 300), (2, 3), "tiles", "tiles"),
        ((200, 300), (2, 60), "tiles", "tiles"),  # many columns between passes, of few terms each
        ((200, 300), (20, 60), "axes_1", "axes_1"),
        ((600, 20), (200, 1), "tiles", "axes_1"),  # no room for so many rows between passes
        ((5, 100), (20, 60), "axes_1", "tiles"),
    ],
)
def test_axes_go_one_by_one_where_filters_are_too_long(
    shape: tuple[int, int], sigma: Any, forward: str, adjoint: str
) -> None:
    p = aa_ref.plan(shape, 1, sigma=sigma)
    assert len(set(names_of(p, True))) == len(set(names_of(p, False))) == 1
    assert names_of(p, True)[0] == f"forward_float32_{forward}"
    assert names_of(p, False)[0] == f"adjoint_float32_{adjoint}"
    if shape[0] < 10:
        x = sample(shape, "float32")
        assert_same_bits(p(x, backend="cuda"), p(x, backend="numpy"))


SCALES = st.sampled_from([0.9, 0.75, 0.6, 0.5, 0.3, 0.16, 0.1, 0.03, Fraction(1, 7)])


@settings(max_examples=40)
@given(
    lengths=st.tuples(st.integers(1, 400), st.integers(1, 400)),
    inner=st.sampled_from([1, 3, 50]),
    scales=st.tuples(SCALES, SCALES),
    sampling=st.sampled_from(["slice", "nearest"]),
    boundary=st.sampled_from(["zeros", "circular"]),
    forward=st.booleans(),
    compute=st.sampled_from(["float32", "float64"]),
)
def test_no_tile_needs_more_than_there_is_room_for(
    lengths: tuple[int, int], inner: int, scales: Any, sampling: str, boundary: str,
    forward: bool, compute: str,
) -> None:  # fmt: skip
    """Counted from the centres, tile by tile."""
    lengths = tuple(max(n, 40) for n in lengths) if sampling == "nearest" else lengths
    options = {"sampling": sampling, "boundary": boundary, "input_dtype": compute}
    p = aa_ref.plan((*lengths, inner), scales, axes=(0, 1), **options)
    x, y = (c_strides(shape, p.compute_dtype.itemsize) for shape in (p.shape, p.out_shape))
    axes = [make_axis(a, 0, x[a.axis], y[a.axis]) for a in p.axes]
    layout = make_layout(p.shape, x, y, (0, 1))
    cut = cut_into_tiles(forward, compute, 256, p.axes, layout, axes)
    assert cut is not None
    t, (rows, columns) = cut.tiles, p.axes
    ends = [(a.out_length if forward else a.length) for a in p.axes]
    assert t.row_tiles == -(-ends[0] // t.tile_rows)
    assert t.column_tiles == -(-ends[1] // t.tile_columns)
    assert t.inner_tiles == -(-inner // t.tile_inners)
    assert cut.blocks == t.row_tiles * t.column_tiles * t.inner_tiles
    for row, column in product(range(t.row_tiles), range(t.column_tiles)):
        first, last = row * t.tile_rows, min((row + 1) * t.tile_rows, ends[0]) - 1
        begin, end = column * t.tile_columns, min((column + 1) * t.tile_columns, ends[1]) - 1
        if forward:
            span = columns.centres[end] - columns.centres[begin] + len(columns.taps)
            needed = (last - first + 1) * span
        else:
            c, radius = rows.centres, rows.radius
            made = np.count_nonzero((c >= first - radius) & (c <= last + radius))
            edge = first <= radius or last >= rows.length - 1 - radius
            if boundary != "zeros" and edge:
                made += np.count_nonzero(c < radius)
                made += np.count_nonzero(c >= rows.length - radius)
            needed = made * (end - begin + 1)
        assert needed * t.tile_inners <= room_of(compute)
