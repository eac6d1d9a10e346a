"""Picture files in, picture files out: the samples."""

from fractions import Fraction

import numpy as np
import pytest
import tifffile
from cli_helpers import PHOTOS, call, expected, pixels_of, samples, write_png
from PIL import Image

QUARTER = Fraction(1, 4)


@pytest.mark.parametrize(
    "name", ["coffee.png", "motorcycle_left.png", "page.png", "coins.png", "hubble_deep_field.jpg"]
)
@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".avif"])
def test_photo_without_loss_has_the_library_s_bits(name, suffix, downsampled):
    pixels = pixels_of(PHOTOS / name)
    assert pixels.shape[0] != pixels.shape[1]
    output, _ = downsampled(PHOTOS / name, suffix)
    result = pixels_of(output)
    wanted = expected(pixels)
    if suffix in (".webp", ".avif") and wanted.ndim == 2:
        wanted = np.stack([wanted] * 3, -1)
    np.testing.assert_array_equal(result, wanted)


@pytest.mark.parametrize(("options", "low"), [((), 30.0), (("--quality", 30), 20.0)])
@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".webp", ".avif"])
def test_lossy_output_is_near(downsampled, suffix, options, low):
    output, _ = downsampled(PHOTOS / "rocket.jpg", suffix, *options)
    wanted = expected(pixels_of(PHOTOS / "rocket.jpg")).astype(float)
    error = np.mean((pixels_of(output) - wanted) ** 2)
    assert 10 * np.log10(255**2 / max(error, 1e-9)) > low


def test_quality_matters(downsampled):
    sizes = [
        downsampled(PHOTOS / "rocket.jpg", ".jpg", "--quality", q, "--overwrite")[0].stat().st_size
        for q in (20, 60, 95)
    ]
    assert sizes == sorted(set(sizes))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(37, 22), (37, 22, 3)])
def test_tiff_keeps_the_type(tmp_path, downsampled, dtype, shape):
    pixels = samples(shape, dtype)
    source = tmp_path / "input.tif"
    tifffile.imwrite(source, pixels, photometric="rgb" if len(shape) == 3 else "minisblack")
    output, ending = downsampled(source)
    result = tifffile.imread(output)
    assert result.dtype == dtype
    np.testing.assert_array_equal(result, expected(pixels))
    assert f"{shape} {dtype}" in ending.stdout
    assert "ms" in ending.stdout


def test_16_bit_floats_become_32_bit_floats(tmp_path, downsampled):
    pixels = samples((37, 22, 3), "float16")
    tifffile.imwrite(tmp_path / "input.tif", pixels, photometric="rgb")
    output, ending = downsampled(tmp_path / "input.tif")
    assert "converted to 32-bit floats" in ending.stderr
    np.testing.assert_array_equal(tifffile.imread(output), expected(pixels.astype(np.float32)))


@pytest.mark.parametrize(("colour_type", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_16_bit_png_stays_16_bit(tmp_path, downsampled, colour_type, channels):
    """Pillow would cut colours to 8 bits, so TIFF is the witness."""
    pixels = samples((37, 22) if channels == 1 else (37, 22, channels), "uint16")
    rows = pixels.astype(">u2").reshape(37, -1)
    path = write_png(tmp_path / "input.png", 16, colour_type, 22, rows)
    output, _ = downsampled(path)
    assert output.read_bytes()[24:26] == bytes([16, colour_type])
    other, _ = downsampled(path, ".tif")
    again, _ = downsampled(output, ".npy", scale="1")
    np.testing.assert_array_equal(np.load(again), tifffile.imread(other))
    if channels in (1, 3):
        np.testing.assert_array_equal(tifffile.imread(other), expected(pixels))


@pytest.mark.filterwarnings("ignore:scale .* has stride:UserWarning")
@pytest.mark.parametrize(
    ("option", "value", "keywords"),
    [
        ("--scale", "0.3", {"scale": 0.3}),
        ("--scale", "3/10", {"scale": Fraction(3, 10)}),
        ("--scale", "1/2,1/4", {"scale": (Fraction(1, 2), QUARTER)}),
        ("--scale", "0.5, 1", {"scale": (0.5, 1.0)}),
        ("--sigma", "2", {"sigma": 2.0}),
        ("--sigma", "3/2,none", {"sigma": (Fraction(3, 2), None)}),
        ("--boundary", "reflect", {"boundary": "reflect"}),
        ("--boundary", "zeros,circular", {"boundary": ("zeros", "circular")}),
        ("--sampling", "nearest", {"sampling": "nearest"}),
        ("--backend", "numpy", {}),
        ("--backend", "reference", {}),
        ("--threads", "1", {}),
    ],
)
def test_options_mean_the_library_s(tmp_path, option, value, keywords):
    pixels = samples((37, 22, 3))
    source, output = tmp_path / "input.png", tmp_path / "output.png"
    Image.fromarray(pixels).save(source)
    options = {"--scale": "1/4", option: value}
    ending = call("run", source, "-o", output, *(t for o in options.items() for t in o))
    assert ending.status == 0, ending.stderr
    np.testing.assert_array_equal(
        pixels_of(output), expected(pixels, **{"scale": QUARTER, **keywords})
    )
    rule = options.get("--boundary", "reflect")
    assert f"boundary {rule}, filtered in" in ending.stdout


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif", ".avif", ".gif"])
@pytest.mark.parametrize("channels", [3, 4])
def test_white_stays_white_and_opaque_stays_opaque(tmp_path, downsampled, suffix, channels):
    if (suffix, channels) == (".jpg", 4):
        channels = 3
    Image.fromarray(np.full((40, 56, channels), 255, np.uint8)).save(tmp_path / "input.png")
    output, ending = downsampled(tmp_path / "input.png", suffix)
    assert (pixels_of(output, "RGBA") == 255).all()
    assert "boundary reflect" in ending.stdout


def test_dtype_of_tiff(tmp_path, downsampled):
    pixels = samples((37, 22, 3), "uint16")
    tifffile.imwrite(tmp_path / "input.tif", pixels, photometric="rgb")
    output, _ = downsampled(tmp_path / "input.tif", None, "--dtype", "float32")
    np.testing.assert_array_equal(tifffile.imread(output), expected(pixels, dtype="float32"))


def test_a_scale_that_keeps_everything_is_noted_in_one_line(downsampled):
    _, ending = downsampled(PHOTOS / "logo.png", scale="0.75")
    assert ending.stderr.startswith("note: all rows and columns are kept")
    assert "--sampling nearest" in ending.stderr
    assert len(ending.stderr.splitlines()) == 1


def test_file_format_goes_by_contents(tmp_path, downsampled):
    misnamed = tmp_path / "picture.png"
    misnamed.write_bytes((PHOTOS / "rocket.jpg").read_bytes())
    output, _ = downsampled(misnamed)
    wanted = expected(pixels_of(PHOTOS / "rocket.jpg"))
    np.testing.assert_array_equal(pixels_of(output), wanted)


def test_a_picture_as_an_array(downsampled):
    output, _ = downsampled(PHOTOS / "coffee.png", ".npy")
    wanted = expected(pixels_of(PHOTOS / "coffee.png"))
    np.testing.assert_array_equal(np.load(output), wanted)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 9, 3), (9, 1, 3), (2, 3, 3)])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
def test_tiny_pictures(tmp_path, downsampled, shape, suffix):
    pixels = samples(shape)
    Image.fromarray(pixels).save(tmp_path / "input.png")
    output, _ = downsampled(tmp_path / "input.png", suffix)
    np.testing.assert_array_equal(pixels_of(output), expected(pixels))
