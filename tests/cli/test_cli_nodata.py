"""Samples without data: what is left out, what marks them afterwards, and what is refused."""

import json

import numpy as np
import pytest
import tifffile
from cli_helpers import call, expected, pixels_of, samples
from PIL import Image

import aa_ref

NO_DATA = 42113
AXES = {"axes": (0, 1), "boundary": "reflect"}


def holed(shape, dtype, value, seed=0):
    """Samples with a large hole and small ones, in each band at other places."""
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        x = rng.normal(300, 200, shape).astype(dtype)
    else:
        x = rng.integers(1, 250, shape).astype(dtype)
    missing = rng.random(shape) < 0.2
    missing[5:19, 8:30] |= rng.random((14, 22, *shape[2:])) < 0.9
    x[missing] = value
    return x


def write_tiff(path, x, mark, planar="contig", **options):
    """A TIFF as GDAL writes one: bands of no meaning, and a mark of samples without data."""
    if x.ndim == 3:
        stored = np.moveaxis(x, -1, 0) if planar == "separate" else x
        options |= {"planarconfig": planar, "extrasamples": ["unspecified"] * (x.shape[-1] - 1)}
    else:
        stored = x
    tags = [] if mark is None else [(NO_DATA, 2, 0, mark, True)]
    options |= {"photometric": "minisblack", "metadata": None, "software": False}
    tifffile.imwrite(path, stored, extratags=tags, **options)


def wanted(x, value, scale=0.25, **options):
    """What the library makes of it; int16 by way of float32, rounded once."""
    counts = ~np.isnan(x) if np.isnan(value) else x != value
    wide = x.astype(np.float32) if x.dtype == np.int16 else x
    y, weight = aa_ref.downsample_masked(wide, counts, scale, **{**AXES, **options})
    hidden = weight < 0.5
    assert hidden.any()
    assert not hidden.all()
    y = np.where(hidden, 0, y)
    y = np.rint(y).astype(np.int16) if x.dtype == np.int16 else y
    return np.where(hidden, np.asarray(value, y.dtype), y)


def mark_of(path):
    with tifffile.TiffFile(path) as file:
        return file.pages[0].tags.valueof(NO_DATA)


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"byteorder": ">"}])
@pytest.mark.parametrize(
    ("dtype", "mark"),
    [
        ("int16", "-9999"),
        ("uint8", "255"),
        ("uint16", "0 "),
        ("float32", "nan"),
        ("float32", "-3.4028234663852886e+38"),
        ("float32", "0.1"),
        ("float64", "-9999"),
    ],
)
@pytest.mark.parametrize("bands", ["grey", "contig", "separate"])
def test_a_tiff_names_what_is_left_out(tmp_path, downsampled, dtype, mark, bands, options):
    shape = (37, 50) if bands == "grey" else (37, 50, 4)
    value = float(mark)
    x = holed(shape, dtype, value)
    write_tiff(tmp_path / "input.tif", x, mark, bands, **options)
    output, ending = downsampled(tmp_path / "input.tif", ".tif", "--nodata", "auto")
    result = tifffile.imread(output)
    assert result.dtype == dtype
    np.testing.assert_array_equal(result, wanted(x, float(x.dtype.type(value))))
    assert mark_of(output) == mark.strip()
    assert ending.stderr == ""
    again, _ = downsampled(output, ".npy", "--nodata", "auto", scale="1")
    np.testing.assert_array_equal(np.load(again), result)


@pytest.mark.parametrize("dtype", ["int16", "uint8", "float32"])
def test_what_stands_in_holes_never_leaks(tmp_path, downsampled, dtype):
    x = holed((37, 50), dtype, 99)
    x[x != 99] = 7
    write_tiff(tmp_path / "input.tif", x, "99")
    output, _ = downsampled(tmp_path / "input.tif", None, "--nodata", "auto")
    result = tifffile.imread(output)
    shown = result[result != 99]
    assert 0 < shown.size < result.size
    np.testing.assert_allclose(shown, 7, rtol=1e-6)


@pytest.mark.parametrize("suffix", [".npy", ".png", ".tif"])
@pytest.mark.parametrize("mark", [None, "3"])
def test_a_value_is_left_out_whatever_the_file_says(tmp_path, downsampled, suffix, mark):
    x, path = holed((37, 50), "uint8", 200), tmp_path / f"input{suffix}"
    rule = {".npy": "zeros"}.get(suffix, "reflect")
    if suffix == ".npy":
        np.save(path, x)
    elif suffix == ".png":
        Image.fromarray(x).save(path)
    else:
        write_tiff(path, x, mark)
    output, _ = downsampled(path, None, "--nodata", "200")
    result = np.load(output) if suffix == ".npy" else pixels_of(output)
    np.testing.assert_array_equal(result, wanted(x, 200, boundary=rule))
    if suffix == ".tif":
        assert mark_of(output) == "200"


@pytest.mark.parametrize("dtype", ["float32", "float64", ">f4", "float16"])
def test_missing_numbers_of_an_array(tmp_path, downsampled, dtype):
    x = np.moveaxis(holed((37, 50, 3), dtype, np.nan), -1, 0)
    np.save(tmp_path / "input.npy", x)
    output, _ = downsampled(tmp_path / "input.npy", None, "--nodata", "nan", "--axes", "1,2")
    y, _ = aa_ref.downsample_masked(x, ~np.isnan(x), 0.25, axes=(1, 2))
    np.testing.assert_array_equal(np.load(output), y)
    plain, _ = downsampled(tmp_path / "input.npy", None, "--overwrite", "--axes", "1,2")
    np.testing.assert_array_equal(np.load(plain), aa_ref.downsample(x, 0.25, axes=(1, 2)))


def test_another_type_of_result(tmp_path, downsampled):
    x = holed((37, 50), "int16", -9999)
    write_tiff(tmp_path / "input.tif", x, "-9999")
    output, _ = downsampled(tmp_path / "input.tif", None, "--nodata", "auto", "--dtype", "float32")
    result = tifffile.imread(output)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, wanted(x.astype(np.float32), -9999))


def test_a_number_that_another_type_holds_better(tmp_path, downsampled):
    """Of 0.1, float32 and float16 have only something near: so has the mark of a wider result."""
    for dtype in ("float32", "float16"):
        x = holed((37, 50), dtype, 0.1)
        write_tiff(tmp_path / "input.tif", x, "0.1")
        options = ("--nodata", "auto", "--dtype", "float64", "--overwrite")
        output, _ = downsampled(tmp_path / "input.tif", None, *options)
        assert float(mark_of(output)) == float(x.dtype.type(0.1))
        hidden = tifffile.imread(output) == float(mark_of(output))
        assert hidden.any()
        assert not hidden.all()


def test_signed_numbers_are_filtered_in_binary32_and_rounded_once(tmp_path, downsampled):
    x = samples((37, 50, 3), "uint16").view(np.int16)
    write_tiff(tmp_path / "input.tif", x, None)
    output, _ = downsampled(tmp_path / "input.tif")
    y = np.rint(expected(x.astype(np.float32))).astype(np.int16)
    np.testing.assert_array_equal(tifffile.imread(output), y)


def test_taken_as_numbers(tmp_path, downsampled):
    x = holed((37, 50), "float32", -9999)
    write_tiff(tmp_path / "input.tif", x, "-9999")
    output, ending = downsampled(tmp_path / "input.tif", None, "--nodata", "ignore")
    np.testing.assert_array_equal(tifffile.imread(output), expected(x))
    assert mark_of(output) is None
    assert "the mark is not kept" in ending.stderr


def test_a_mark_that_no_sample_can_be_is_kept_and_told(tmp_path, downsampled):
    x = samples((37, 50))
    write_tiff(tmp_path / "input.tif", x, "-9999")
    output, ending = downsampled(tmp_path / "input.tif", None, "--nodata", "auto")
    np.testing.assert_array_equal(tifffile.imread(output), expected(x))
    assert mark_of(output) == "-9999"
    assert "-9999 (GDAL_NODATA), which no uint8 is" in ending.stderr


@pytest.mark.parametrize("asked", ["auto", "ignore"])
def test_a_file_without_a_mark_is_as_before(tmp_path, downsampled, asked):
    x = samples((37, 50, 3))
    Image.fromarray(x).save(tmp_path / "input.png")
    output, ending = downsampled(tmp_path / "input.png", None, "--nodata", asked)
    np.testing.assert_array_equal(pixels_of(output), expected(x))
    assert ending.stderr == ""


def test_means_that_look_like_holes_are_counted(tmp_path, downsampled):
    x = np.tile(np.array([1, 3], np.uint8), (40, 28))
    x[:8, :8] = 2
    write_tiff(tmp_path / "input.tif", x, "2")
    output, ending = downsampled(tmp_path / "input.tif", None, "--nodata", "auto")
    assert (tifffile.imread(output) == 2).all()
    assert "means of samples with data came out as 2" in ending.stderr


def test_another_format_does_not_say_what_marks_holes(tmp_path, downsampled):
    write_tiff(tmp_path / "input.tif", holed((37, 50), "uint8", 255), "255")
    for suffix, name in ((".png", "PNG"), (".npy", "npy")):
        _, ending = downsampled(tmp_path / "input.tif", suffix, "--nodata", "auto")
        assert f"{name} does not say that 255 marks what has no data" in ending.stderr


def grey(path):
    Image.fromarray(samples((40, 56))).save(path)


def floats(path):
    write_tiff(path, samples((40, 56), "float32"), "-9999")


def signed(path):
    write_tiff(path, samples((40, 56), "uint8").astype(np.int16), "-9999")


def marked_in_words(path):
    write_tiff(path, samples((40, 56), "float32"), "none at all")


def with_alpha(path):
    tifffile.imwrite(path, samples((40, 56, 4)), photometric="rgb", extrasamples=["unassalpha"])


def palette(path):
    tags = [(NO_DATA, 2, 0, "7", True)]
    colours = np.arange(3 * 256, dtype=np.uint16).reshape(3, 256)
    tifffile.imwrite(
        path, samples((40, 56)), photometric="palette", colormap=colours, extratags=tags
    )


def white_is_zero(path):
    tags = [(NO_DATA, 2, 0, "7", True)]
    tifffile.imwrite(path, samples((40, 56)), photometric="miniswhite", extratags=tags)


@pytest.mark.parametrize(
    ("make", "suffix", "options", "status", "words"),
    [
        (floats, ".tif", (), 1, ["-9999 (GDAL_NODATA)", "--nodata auto", "--nodata ignore"]),
        (floats, ".tif", ("--nodata", "x"), 2, ["'x'", "auto", "-9999 or nan", "ignore"]),
        (grey, ".png", ("--nodata", "-1"), 2, ["--nodata is -1", "uint8", "leave --nodata out"]),
        (grey, ".png", ("--nodata", "0.5"), 2, ["--nodata is 0.5", "uint8"]),
        (grey, ".png", ("--nodata", "256"), 2, ["--nodata is 256", "uint8"]),
        (grey, ".png", ("--nodata", "nan"), 2, ["--nodata is nan", "uint8"]),
        (floats, ".tif", ("--nodata", "1e39"), 2, ["--nodata is 1e+39", "float32"]),
        (signed, ".tif", ("--nodata", "32768"), 2, ["--nodata is 32768", "int16"]),
        (marked_in_words, ".tif", ("--nodata", "auto"), 1, ["'none at all'", "no number"]),
        (with_alpha, ".tif", ("--nodata", "0"), 1, ["an alpha", "--nodata ignore"]),
        (palette, ".tif", ("--nodata", "auto"), 1, ["converted", "7", "--nodata ignore"]),
        (white_is_zero, ".tif", ("--nodata", "auto"), 1, ["converted", "8-bit grey"]),
        (grey, ".png", ("--nodata", "0", "--linear-light"), 2, ["--linear-light", "--nodata"]),
        (grey, ".jpg", ("--nodata", "0"), 2, ["JPEG", "alters samples", ".tif"]),
        (grey, ".gif", ("--nodata", "0"), 2, ["GIF", "alters samples", ".tif"]),
        (grey, ".webp", ("--nodata", "0", "--quality", "90"), 2, ["WebP", "alters samples"]),
        (signed, ".png", ("--nodata", "auto"), 2, ["16-bit signed grey", "write a .tif"]),
    ],
)
def test_refused(tmp_path, refused, make, suffix, options, status, words):
    path = tmp_path / ("input.png" if make is grey else "input.tif")
    make(path)
    refused(path, tmp_path / f"o{suffix}", words, *options, status=status)


def test_a_result_type_without_the_number(tmp_path, refused):
    np.save(tmp_path / "input.npy", samples((40, 56), "float32"))
    refused(
        tmp_path / "input.npy", tmp_path / "o.npy",
        ["--nodata is -9999", "uint8 does not have it", "leave --dtype out"],
        "--nodata", "-9999", "--dtype", "uint8", status=2,
    )  # fmt: skip


def test_a_folder_is_made_anew_where_another_number_is_left_out(tmp_path):
    (tmp_path / "in").mkdir()
    write_tiff(tmp_path / "in" / "a.tif", holed((37, 50), "int16", -9999), "-9999")
    Image.fromarray(holed((40, 56), "uint8", 0)).save(tmp_path / "in" / "b.png")

    def states(*options):
        ending = call(
            "run", tmp_path / "in", "-o", tmp_path / "out", "-s", "1/4", "--json", *options
        )
        return [json.loads(line)["status"] for line in ending.stdout.splitlines()]

    assert states() == ["failed", "done"]
    assert states("--nodata", "auto") == ["done", "done"]
    assert states("--nodata", "auto") == ["kept", "kept"]
    assert states("--nodata", "0") == ["done", "done"]
    assert states("--nodata", "nan") == ["failed", "failed"]
