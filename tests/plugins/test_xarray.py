"""DataArrays: dimensions, coordinates, name and attributes are kept; the bits are the core's."""

import subprocess
import sys

import numpy as np
import pytest
from support import assert_same_bits, sample

import aa_ref
from aa_ref.errors import AxesError, ContainerError, OutError, ShapeError

xarray = pytest.importorskip("xarray")
SHAPE = (3, 14, 9)


def array(dask=False, dtype="float32"):
    """Times, rows and columns, with coordinates of all sorts."""
    x = xarray.DataArray(
        sample(SHAPE, dtype),
        {
            "time": np.array(["2026-01-01", "2026-02-01", "2026-03-01"], "M8[ns]"),
            "y": ("y", np.linspace(50, 37, 14), {"units": "degrees"}),
            "row": ("y", np.arange(14)),
            "place": (("y", "x"), np.arange(14 * 9).reshape(14, 9)),
            "station": 7,
        },
        ("time", "y", "x"),
        "temperature",
        {"units": "K"},
    )
    return x.chunk(time=1, y=5) if dask else x


@pytest.mark.parametrize("dask", [False, True], ids=["NumPy", "Dask"])
@pytest.mark.parametrize("axes", [(-2, -1), ("y", "x"), ["x", "y"], (1, "x")], ids=str)
def test_what_a_data_array_has_is_kept(axes, dask):
    x = array(dask)
    y = aa_ref.downsample(x, 0.25, axes=axes)
    assert isinstance(y, xarray.DataArray)
    assert (y.chunks is not None) == dask
    assert (y.dims, y.name, y.attrs) == (x.dims, x.name, x.attrs)
    assert y.y.attrs == {"units": "degrees"}
    expected = x.isel(y=slice(None, None, 4), x=slice(None, None, 4))
    xarray.testing.assert_identical(y.coords.to_dataset(), expected.coords.to_dataset())
    assert_same_bits(y.values, aa_ref.downsample(sample(SHAPE), 0.25))
    assert x.identical(array(dask))  # not written to
    y.attrs["units"] = "mK"
    assert x.attrs["units"] == "K"


def test_one_axis_by_name_and_centres_of_nearest():
    x = array()
    y = aa_ref.downsample(x, 0.3, axes="y", sampling="nearest", boundary="reflect")
    centres = aa_ref.plan((14,), 0.3, axes=-1, sampling="nearest").axes[0].centres
    assert np.array_equal(y.row, centres)
    assert np.array_equal(y.y, x.y[centres])
    assert y.sizes == {"time": 3, "y": 4, "x": 9}
    assert aa_ref.downsample(x, (1, 0.5), axes=("y", "x")).row.equals(x.row)


def test_dimensions_are_named_in_any_sequence():
    x, expected = array(), aa_ref.downsample(sample(SHAPE), 0.5)
    for axes in (np.array(["y", "x"]), (name for name in ("y", "x")), list(array().dims[1:])):
        assert_same_bits(aa_ref.downsample(x, 0.5, axes=axes).values, expected)
    odd = xarray.DataArray(sample(SHAPE), dims=("time", ("y", 1), "x"))
    y = aa_ref.downsample(odd, 0.5, axes=(("y", 1), "x"))
    assert y.dims == odd.dims
    assert_same_bits(y.values, expected)
    assert aa_ref.downsample(odd, 0.5, axes=("y", 1)).sizes["x"] == 9
    with pytest.raises(AxesError, match="axes is True"):
        aa_ref.downsample(x, 0.5, axes=True)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda x: x.variable, r"Variable.*no coordinates; write xarray\.DataArray\(x\)"),
        (lambda x: x.to_dataset(), r"Dataset.*several arrays; write x\.map\("),
        (lambda x: xarray.DataTree(x.to_dataset()), r"DataTree.*x\['name'\]"),
    ],
    ids=["Variable", "Dataset", "DataTree"],
)
def test_what_else_xarray_has_is_told_what_to_write(make, said):
    x = make(array())
    plan = aa_ref.plan(SHAPE, 0.5)
    for call in (
        lambda: aa_ref.downsample(x, 0.5),
        lambda: aa_ref.pyramid(x),
        lambda: aa_ref.downsample_adjoint(x, 0.5, (28, 18)),
        lambda: aa_ref.downsample_masked(x, np.ones(SHAPE, bool), 0.5),
        lambda: aa_ref.downsample_masked(array(), x, 0.5),
        lambda: plan(x),
    ):
        with pytest.raises(ContainerError, match=said):
            call()
    maps = array().to_dataset().map(lambda a: aa_ref.downsample(a, 0.5, axes=("y", "x")))
    assert maps.sizes == {"time": 3, "y": 7, "x": 5}


def test_pyramid():
    x = array()
    levels = aa_ref.pyramid(x, (1, 0.5, 0.25), axes=("y", "x"))
    for level, scale in zip(levels, (1, 0.5, 0.25), strict=True):
        assert level.identical(aa_ref.downsample(x, scale, axes=("y", "x")))


@pytest.mark.parametrize("dask", [False, True], ids=["NumPy", "Dask"])
def test_adjoint_keeps_what_is_not_filtered(dask):
    g = array(dask)
    x = aa_ref.downsample_adjoint(g, 0.5, (28, 18), axes=("y", "x"))
    assert x.dims == g.dims
    assert set(x.coords) == {"time", "station"}
    assert x.attrs == g.attrs
    assert_same_bits(x.values, aa_ref.downsample_adjoint(sample(SHAPE), 0.5, (28, 18)))


@pytest.mark.parametrize("dask", [False, True], ids=["NumPy", "Dask"])
def test_masks_are_broadcast_by_name(dask):
    x = array(dask)
    hidden = sample((9, 14)) > 0.5
    mask = xarray.DataArray(~hidden, dims=("x", "y"))
    y, weight = aa_ref.downsample_masked(x, mask, 0.5, axes=("y", "x"))
    expected = aa_ref.downsample_masked(sample(SHAPE), ~hidden.T, 0.5)
    for a, e in zip((y, weight), expected, strict=True):
        assert_same_bits(a.values, e)
        assert a.dims == x.dims
        assert np.array_equal(a.row, np.arange(0, 14, 2))
    assert (y.name, y.attrs, weight.name, weight.attrs) == (x.name, x.attrs, None, {})
    plain = aa_ref.downsample_masked(x, ~hidden.T, 0.5, axes=("y", "x"))
    assert plain[0].identical(y)
    assert aa_ref.downsample(x.rename(None), 0.5).name is None
    with pytest.raises(ShapeError, match="'z'"):
        aa_ref.downsample_masked(x, mask.rename(x="z"), 0.5)
    with pytest.raises(ContainerError, match=r"mask\.data"):
        aa_ref.downsample_masked(sample(SHAPE), mask, 0.5)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda x, axes: aa_ref.downsample(x, (0.5, 0.25), axes=axes), "scale"),
        (lambda x, axes: aa_ref.downsample(x, 0.5, axes=axes, sigma=[1, None]), "sigma"),
        (lambda x, axes: aa_ref.pyramid(x, (1, (0.5, 0.25)), axes=axes), "scale"),
        (lambda x, axes: aa_ref.downsample_adjoint(x, 0.5, (28, 18), axes=axes), "shape"),
        (lambda x, axes: aa_ref.downsample_masked(x, x > 0, (0.5, 0.25), axes=axes), "scale"),
    ],
    ids=["downsample", "sigma", "pyramid", "downsample_adjoint", "downsample_masked"],
)
def test_sets_of_dimensions_have_no_order(call, name):
    """Which would follow from hashes of texts, another in each process."""
    x = array()
    with pytest.raises(AxesError, match=f"a set, which has no order, while {name}"):
        call(x, {"y", "x"})
    call(x, ("y", "x"))
    same = aa_ref.downsample(x, 0.5, axes={"y", "x"})
    assert same.identical(aa_ref.downsample(x, 0.5))
    assert aa_ref.downsample(x, (0.5,), axes={"y"}).sizes["y"] == 7


def test_errors():
    x = array()
    with pytest.raises(AxesError, match=r"names 'z', but the array has \('time', 'y', 'x'\)"):
        aa_ref.downsample(x, 0.5, axes=("y", "z"))
    with pytest.raises(OutError, match=r"x\.data"):
        aa_ref.downsample(x, 0.5, out=x)
    with pytest.raises(OutError, match=r"out\.data"):
        aa_ref.downsample(sample(SHAPE), 0.5, out=x)


def test_one_warning_at_the_callers_line():
    with pytest.warns(UserWarning, match="scale 0.4 has stride") as caught:
        aa_ref.downsample(array(), 0.4)
    assert [w.filename for w in caught] == [__file__]


def test_the_adapter_is_loaded_with_the_first_data_array():
    code = """
import sys
import numpy as np, xarray, aa_ref
aa_ref.downsample(np.ones((6, 9)), 0.5)
assert "aa_ref_xarray" not in sys.modules
y = aa_ref.downsample(xarray.DataArray(np.ones((6, 9)), dims=("y", "x")), 0.5)
assert y.dims == ("y", "x") and "aa_ref_xarray" in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
