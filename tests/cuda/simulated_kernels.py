"""Each kernel for strips, in Numba's simulator, to the bit. Run by `test_simulator.py`."""

from itertools import cycle
from typing import Any

import pytest
from support import assert_same_bits, numpy_type, sample

import aa_ref
from aa_ref.backends import get_backend
from aa_ref.backends.cuda import strip_cutting
from aa_ref.backends.cuda.kernels import Kernel, shipped
from aa_ref.backends.cuda.steps import steps_of
from aa_ref.backends.cuda.toolkit import SIMULATOR
from aa_ref.device_arrays import c_strides

STRIPS = [kernel for kernel in shipped() if kernel.stride]
BOUNDARIES = cycle(["zeros", ("reflect", "circular"), "replicate", ("circular", "reflect")])
FORWARD = [(k, b) for k, b in zip(STRIPS, BOUNDARIES, strict=False) if k.direction == "forward"]
ADJOINT = [kernel for kernel in STRIPS if kernel.direction == "adjoint"]
PYRAMIDS = [(k, b) for k, b in zip(STRIPS, BOUNDARIES, strict=False) if k.direction == "pyramid"]


def test_this_is_the_simulator() -> None:
    assert SIMULATOR
    (info,) = [b for b in aa_ref.list_backends() if b.name == "cuda"]
    assert info.available
    assert info.devices == ("simulator",)
    assert get_backend("cuda").details() == {"device": "simulator"}


@pytest.fixture(autouse=True)
def short_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of four rows: left to itself, the backend cuts so small a picture row by row."""
    monkeypatch.setattr(strip_cutting, "_chunks", lambda down: iter([min(4, down)]))


def plan_for(kernel: Kernel, boundary: Any = "zeros") -> aa_ref.Plan:
    """Rows that are multiples of 16 bytes or not; several strips; two planes or three channels.

    Five outputs or six along the rows make two chunks of each strip, the second a short one, as
    `short_chunks` sees to.
    """
    rows, columns = 4 * kernel.stride + 3, 160 if kernel.aligned else 157
    shape = (2, rows, columns) if kernel.planar else (rows, columns, 3)
    axes = (-2, -1) if kernel.planar else (0, 1)
    options = {"input_dtype": kernel.kind, "axes": axes, "boundary": boundary}
    p = aa_ref.plan(shape, 1 / kernel.stride, **options)
    forward = kernel.direction != "adjoint"
    ends = (p.shape, p.out_shape) if forward else (p.out_shape, p.shape)
    itemsize = numpy_type(kernel.kind).itemsize
    (step,) = steps_of(p, forward, *(c_strides(end, itemsize) for end in ends), 0)
    assert step.call.geometry.strips > 1
    assert step.call.geometry.chunks == 2
    return p


@pytest.mark.parametrize(("kernel", "boundary"), FORWARD, ids=lambda v: getattr(v, "name", str(v)))
def test_forward_strips(kernel: Kernel, boundary: Any, launched: list[Kernel]) -> None:
    p = plan_for(kernel, boundary)
    x = sample(p.shape, kernel.kind)
    got = p(x, backend="cuda")
    assert launched == [kernel]
    assert_same_bits(got, p(x, backend="numpy"))


@pytest.mark.parametrize("kernel", ADJOINT, ids=lambda kernel: kernel.name)
def test_adjoint_strips(kernel: Kernel, launched: list[Kernel]) -> None:
    p = plan_for(kernel)
    g = sample(p.out_shape, kernel.kind)
    got = p.adjoint(g, backend="cuda")
    assert launched == [kernel]
    assert_same_bits(got, p.adjoint(g, backend="numpy"))


@pytest.mark.parametrize(("kernel", "boundary"), PYRAMIDS, ids=lambda v: getattr(v, "name", str(v)))
def test_pyramid_strips(kernel: Kernel, boundary: Any, launched: list[Kernel]) -> None:
    p = plan_for(kernel, boundary)
    x = sample(p.shape, kernel.kind)
    options = {"axes": tuple(a.axis for a in p.axes), "boundary": boundary}
    got = aa_ref.pyramid(x, (0.125, 1, 0.5, 0.25), **options, backend="cuda")
    assert [k for k in launched if k.stride] == [kernel]
    assert len(launched) == 2  # the level of scale 1 is a copy
    for level, scale in zip(got, (0.125, 1, 0.5, 0.25), strict=True):
        assert_same_bits(level, aa_ref.downsample(x, scale, **options, backend="numpy"))
