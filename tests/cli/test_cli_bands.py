"""``aa-ref run`` on pictures that are decoded and filtered some rows at a time."""

import numpy as np
import pytest
import tifffile
from cli_helpers import expected, pixels_of, samples
from PIL import Image

from aa_ref.cli.images import bands

ROWS, COLUMNS = 61, 40


@pytest.fixture
def in_bands(monkeypatch):
    """Make bands so narrow that a small picture has many."""

    def narrow(few=7 * COLUMNS):
        monkeypatch.setattr(bands, "_BAND", few)
        monkeypatch.setattr(bands, "_STRIP", few // 3)

    return narrow


def tiff(**options):
    def save(path, pixels):
        tifffile.imwrite(path, pixels, **options)

    return save


def picture(path, pixels):
    Image.fromarray(pixels).save(path)


PICTURES = {
    "RGB": ("a.png", (ROWS, COLUMNS, 3), "uint8", picture),
    "RGBA": ("a.png", (ROWS, COLUMNS, 4), "uint8", picture),
    "grey": ("a.png", (ROWS, COLUMNS), "uint16", picture),
    "JPEG": ("a.jpg", (ROWS, COLUMNS, 3), "uint8", picture),
    "WebP": ("a.webp", (ROWS, COLUMNS, 3), "uint8", picture),
    "strips": ("a.tif", (ROWS, COLUMNS, 3), "uint16", tiff(photometric="rgb", rowsperstrip=5)),
    "tiles": ("a.tif", (ROWS, COLUMNS, 3), "uint8", tiff(photometric="rgb", tile=(16, 32))),
    "int16": ("a.tif", (ROWS, COLUMNS), "int16", tiff()),
    "float32": ("a.tif", (ROWS, COLUMNS), "float32", tiff()),
    "float64": ("a.tif", (ROWS, COLUMNS), "float64", tiff()),
}
OPTIONS = [
    (),
    ("--scale", "1/2"),
    ("--scale", "1/29"),
    ("--scale", "1/7", "--sigma", "0"),
    ("--scale", "2/5", "--sampling", "nearest"),
    ("--scale", "3/4", "--sampling", "nearest"),
    ("--boundary", "replicate"),
    ("--boundary", "zeros,circular"),
]


def check(tmp_path, downsampled, in_bands, name, options, *, banded=True):
    file, shape, dtype, save = PICTURES[name]
    save(tmp_path / file, samples(shape, dtype))
    output, ending = downsampled(tmp_path / file, None, *options)
    whole = output.read_bytes()
    assert "decoded" not in ending.stdout
    in_bands()
    output, ending = downsampled(tmp_path / file, None, "--overwrite", *options)
    assert ("decoded and filtered" in ending.stdout) is banded
    assert output.read_bytes() == whole


@pytest.mark.parametrize("name", PICTURES)
def test_bands_give_the_file_of_the_whole(tmp_path, downsampled, in_bands, name):
    check(tmp_path, downsampled, in_bands, name, ())


@pytest.mark.parametrize("options", OPTIONS, ids=" ".join)
@pytest.mark.parametrize("name", ["RGBA", "int16"])
def test_bands_of_any_filter(tmp_path, downsampled, in_bands, options, name):
    check(tmp_path, downsampled, in_bands, name, options)


@pytest.mark.parametrize("name", ["RGB", "RGBA", "grey"])
def test_bands_in_linear_light(tmp_path, downsampled, in_bands, name):
    check(tmp_path, downsampled, in_bands, name, ("--linear-light",))


@pytest.mark.parametrize("options", [("--boundary", "circular"), ("--nodata", "7")], ids=" ".join)
def test_what_needs_all_rows_is_not_cut(tmp_path, downsampled, in_bands, options):
    check(tmp_path, downsampled, in_bands, "RGB", options, banded=False)


def test_pictures_stored_turned_are_not_cut(tmp_path, downsampled, in_bands):
    exif = Image.Exif()
    exif[0x112] = 6
    pixels = samples((ROWS, COLUMNS, 3))
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    in_bands()
    output, _ = downsampled(tmp_path / "a.png")
    turned = np.rot90(pixels, -1)
    np.testing.assert_array_equal(pixels_of(output), expected(turned))


@pytest.mark.parametrize("name", ["RGB", "JPEG"])
@pytest.mark.parametrize("left", [0.5, 0.95])
def test_bands_of_files_cut_off(tmp_path, refused, in_bands, name, left):
    """The rows at the end are read, too, though no output needs them."""
    path, (_, _, dtype, save) = tmp_path / PICTURES[name][0], PICTURES[name]
    save(path, samples((3000, COLUMNS, 3), dtype))
    data = path.read_bytes()
    path.write_bytes(data[: int(left * len(data))])
    in_bands(500 * COLUMNS)
    options = ("--sigma", "0", "--scale", "1/2000")
    refused(path, tmp_path / "o.png", ["cut off or damaged"], *options, status=1)


def test_arrays_of_bands(tmp_path, downsampled, in_bands):
    pixels = samples((ROWS, COLUMNS, 3))
    picture(tmp_path / "a.png", pixels)
    whole = np.load(downsampled(tmp_path / "a.png", ".npy")[0])
    in_bands()
    again, _ = downsampled(tmp_path / "a.png", ".npy", "--overwrite")
    np.testing.assert_array_equal(np.load(again), whole)
