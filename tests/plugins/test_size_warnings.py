"""The warning of sizes that strides do not give, through every adapter: at the caller's line."""

import warnings

import numpy as np
import pytest
from support import assert_same_bits, sample

import aa_ref

SHAPE = (6, 9)


def of_numpy(x):
    return x


def of_torch(x):
    return pytest.importorskip("torch").from_numpy(x)


def of_dask(x):
    return pytest.importorskip("dask.array").from_array(x, chunks=(4, 4))


def of_xarray(x):
    return pytest.importorskip("xarray").DataArray(x)


def of_xarray_on_dask(x):
    return of_xarray(x).chunk(4)


KINDS = [of_numpy, of_torch, of_dask, of_xarray, of_xarray_on_dask]


@pytest.mark.parametrize("kind", KINDS, ids=lambda f: f.__name__)
@pytest.mark.parametrize(
    "call",
    [
        lambda x: aa_ref.downsample(x, 0.4),
        lambda x: aa_ref.downsample_adjoint(x, 0.4, (12, 18)),
        lambda x: aa_ref.pyramid(x, (1, 0.4))[1],
        lambda x: aa_ref.downsample_masked(x, np.ones(SHAPE, bool), 0.4)[0],
    ],
    ids=["downsample", "downsample_adjoint", "pyramid", "downsample_masked"],
)
def test_one_warning_at_the_callers_line(call, kind):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        y = np.asarray(call(kind(sample(SHAPE))))
    assert [(w.category, w.filename) for w in caught] == [(UserWarning, __file__)]
    assert "scale 0.4 has stride int(1/scale) = 2" in str(caught[0].message)
    assert "1/2 = 0.5 of the length, not at 0.4" in str(caught[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert_same_bits(y, call(sample(SHAPE)))


def warned_by(call):
    """The messages of warnings about sizes, which all name the caller's line."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    assert {w.filename for w in caught} <= {__file__}
    return [str(w.message) for w in caught]


@pytest.mark.parametrize("kind", KINDS[1:], ids=lambda f: f.__name__)
@pytest.mark.parametrize("scales", [(0.4,), (1, 0.4), (0.4, 0.3, 0.9), (0.5, 0.25), ()], ids=str)
def test_a_pyramid_is_warned_of_in_the_same_words(scales, kind):
    """A sigma that gives the same as now is named for one level alone: all levels share it."""
    said = warned_by(lambda: aa_ref.pyramid(sample(SHAPE), scales))
    assert warned_by(lambda: aa_ref.pyramid(kind(sample(SHAPE)), scales)) == said
    assert ("gives the same as now" in "".join(said)) == (scales == (0.4,))


def test_a_compiled_pyramid_is_warned_of_in_the_same_words():
    torch = pytest.importorskip("torch")
    x, scales = sample(SHAPE), (1, 0.4, (0.5, 0.3))
    compiled = torch.compile(
        lambda x: aa_ref.pyramid(x, scales, sigma=(1.5, None)), fullgraph=True, backend="eager"
    )
    said = warned_by(lambda: aa_ref.pyramid(x, scales, sigma=(1.5, None)))
    assert warned_by(lambda: compiled(torch.from_numpy(x))) == said != []


def test_a_pyramid_of_layers_is_warned_of_in_the_same_words():
    pytest.importorskip("torch")
    from aa_ref_torch import ImagePyramide

    said = warned_by(lambda: aa_ref.pyramid(sample(SHAPE), (1, 0.4, 0.3), sigma=1.5))
    assert warned_by(lambda: ImagePyramide((1, 0.4, 0.3), 3, sigma=1.5)) == said != []


def test_a_layer_of_torch_warns_when_it_is_made_and_not_when_it_is_called():
    torch = pytest.importorskip("torch")
    from aa_ref_torch import AntiAliasInterpolation2d

    with pytest.warns(UserWarning, match=r"1/2 = 0\.5 of the length, not at 0\.4") as caught:
        layer = AntiAliasInterpolation2d(3, 0.4)
    assert [w.filename for w in caught] == [__file__]
    x = sample((1, 3, *SHAPE))
    y = layer(torch.from_numpy(x))
    with pytest.warns(UserWarning, match=r"not at 0\.4"):
        assert_same_bits(y, aa_ref.downsample(x, 0.4))
