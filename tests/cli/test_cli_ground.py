"""GeoTIFF: each output lies where the input lies that it is centred on, or the place is told."""

import numpy as np
import pytest
import tifffile
from cli_helpers import samples

SCALE, TIEPOINTS, TRANSFORMATION, KEYS, DOUBLES, TEXTS = 33550, 33922, 34264, 34735, 34736, 34737
AREA, POINT = 1, 2


def keys(kind):
    """UTM zone 32 on WGS 84, with a text and a number; pixels are areas or points."""
    entries = [(1024, 0, 1, 1), (1025, 0, 1, kind), (1026, TEXTS, 7, 0), (3072, 0, 1, 32632)]
    entries += [(2057, DOUBLES, 1, 0)]
    numbers = [1, 1, 0, len(entries), *(n for entry in entries for n in entry)]
    return [
        (KEYS, 3, len(numbers), tuple(numbers), True),
        (DOUBLES, 12, 1, (6378137.0,), True),
        (TEXTS, 2, 0, "UTM 32|", True),
    ]


def doubles(code, *values):
    return (code, 12, len(values), tuple(map(float, values)), True)


PLACES = {
    "scale and tiepoint": [
        doubles(SCALE, 30, 10, 0), doubles(TIEPOINTS, 0, 0, 0, 500_000, 5_000_000, 0)
    ],
    "tiepoint inside": [
        doubles(SCALE, 0.1, 0.3, 1), doubles(TIEPOINTS, 3, 7, 0, 8.25, 47.5, 12)
    ],
    "transformation": [
        doubles(TRANSFORMATION, 2, 0.5, 0, 100, 0.25, -3, 0, 900, 0, 0, 1, 5, 0, 0, 0, 1)
    ],
}  # fmt: skip


def ground_at(page, i, j):
    """Model coordinates of the middle of the sample in row i, column j, by GeoTIFF 1.1."""
    tags = {tag.code: tag.value for tag in page.tags}
    is_point = int((page.geotiff_tags or {}).get("GTRasterTypeGeoKey", AREA)) == POINT
    column, row = (j, i) if is_point else (j + 0.5, i + 0.5)
    if TRANSFORMATION in tags:
        return (np.array(tags[TRANSFORMATION]).reshape(4, 4) @ (column, row, 0, 1))[:2]
    (across, down, _), (i0, j0, _, x0, y0, _) = tags[SCALE], tags[TIEPOINTS]
    return np.array([x0 + (column - i0) * across, y0 - (row - j0) * down])


@pytest.mark.parametrize("kind", [AREA, POINT])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("scale", "options", "strides"),
    [("1/4", (), (4, 4)), ("1/2,1", (), (2, 1)), ("1/3", ("--sampling", "nearest"), (3, 3))],
)
def test_an_output_lies_where_its_centre_does(
    tmp_path, downsampled, kind, place, scale, options, strides
):
    tags = [*PLACES[place], *keys(kind)]
    path = tmp_path / "input.tif"
    tifffile.imwrite(path, samples((37, 50), "float32"), metadata=None, extratags=tags)
    output, ending = downsampled(path, None, *options, scale=scale)
    assert "ground" not in ending.stderr
    assert "Model" not in ending.stderr
    with tifffile.TiffFile(path) as before, tifffile.TiffFile(output) as after:
        old, new = before.pages[0], after.pages[0]
        for i, j in ((0, 0), (5, 3), (new.shape[0] - 1, new.shape[1] - 1)):
            there = ground_at(old, i * strides[0], j * strides[1])
            np.testing.assert_allclose(ground_at(new, i, j), there, rtol=1e-12, atol=0)
        for code in (KEYS, DOUBLES, TEXTS):
            assert new.tags.valueof(code) == old.tags.valueof(code)


def turned(path):
    tags = [*PLACES["transformation"], *keys(AREA), (274, 3, 1, 6, True)]
    tifffile.imwrite(path, samples((37, 50)), metadata=None, extratags=tags)


def plain(path):
    tags = [*PLACES["scale and tiepoint"], *keys(AREA)]
    tifffile.imwrite(path, samples((37, 50)), metadata=None, extratags=tags)


@pytest.mark.filterwarnings("ignore:scale .* has stride:UserWarning")
@pytest.mark.parametrize(
    ("make", "suffix", "options", "why"),
    [
        (turned, ".tif", (), "the picture is turned"),
        (plain, ".tif", ("--sampling", "nearest", "--scale", "0.3"), "unevenly"),
        (plain, ".png", (), "PNG does not hold it"),
        (plain, ".npy", (), ".npy holds samples only"),
    ],
)
def test_a_place_that_is_not_kept_is_told(tmp_path, downsampled, make, suffix, options, why):
    make(tmp_path / "input.tif")
    output, ending = downsampled(tmp_path / "input.tif", suffix, *options)
    assert why in ending.stderr
    assert "the place on the ground is not kept" in ending.stderr
    if suffix == ".tif":
        with tifffile.TiffFile(output) as file:
            codes = {tag.code for tag in file.pages[0].tags}
        assert codes.isdisjoint({SCALE, TIEPOINTS, TRANSFORMATION, KEYS, DOUBLES, TEXTS})


@pytest.mark.parametrize(
    "tag", [doubles(SCALE, 1, 2), doubles(TIEPOINTS, 1, 2, 3, 4, 5), (KEYS, 3, 3, (1, 1, 0), True)]
)
def test_a_malformed_place_is_told(tmp_path, downsampled, tag):
    extra = [tag, (42112, 2, 0, "<GDALMetadata/>", True)]
    tifffile.imwrite(tmp_path / "input.tif", samples((37, 50)), metadata=None, extratags=extra)
    _, ending = downsampled(tmp_path / "input.tif")
    assert "not kept: Software, " in ending.stderr
    assert "GDAL_METADATA" in ending.stderr
    assert len(ending.stderr.splitlines()) == 1
