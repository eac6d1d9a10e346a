"""Alpha: what a transparent pixel happens to store is seen nowhere."""

import numpy as np
import pytest
import tifffile
from cli_helpers import PHOTOS, expected, pixels_of, samples
from PIL import Image

import aa_ref

FULL = {"uint8": 255, "uint16": 65535, "float32": 1, "float64": 1}
WRITERS = {
    ".png": lambda path, x: Image.fromarray(x).save(path),
    ".webp": lambda path, x: Image.fromarray(x).save(path, lossless=True, exact=True),
    ".tif": lambda path, x: tifffile.imwrite(
        path, x, photometric="rgb" if x.shape[2] == 4 else "minisblack", planarconfig="contig",
        extrasamples=["unassalpha"],
    ),
}  # fmt: skip
HOLDS = [
    (".png", "uint8"),
    (".webp", "uint8"),
    (".tif", "uint8"),
    (".tif", "uint16"),
    (".tif", "float32"),
    (".tif", "float64"),
]


def written(path, pixels):
    WRITERS[path.suffix](path, pixels)
    return path


def read_back(path):
    return tifffile.imread(path) if path.suffix == ".tif" else pixels_of(path)


def in_real_numbers(pixels, scale=0.25, boundary="reflect"):
    """Colour times opacity filtered, then divided by the opacity, in double precision."""
    full = FULL[str(pixels.dtype)]
    opacity = pixels[..., -1:] / full
    colour = expected(pixels[..., :-1] * opacity, scale, boundary)
    opacity = expected(opacity, scale, boundary)
    with np.errstate(invalid="ignore"):
        colour = np.where(opacity == 0, 0, colour / opacity)
    return np.concatenate([colour, opacity * full], -1)


@pytest.mark.parametrize(("suffix", "dtype"), HOLDS)
def test_transparent_red_beside_opaque_blue(tmp_path, downsampled, suffix, dtype):
    full = FULL[dtype]
    pixels = np.zeros((24, 40, 4), dtype)
    pixels[:, :19] = full, 0, 0, 0
    pixels[:, 19:] = 0, 0, full, full
    output, _ = downsampled(written(tmp_path / f"input{suffix}", pixels))
    result = read_back(output)
    assert not result[..., 0].any()
    seen = result[..., 3] > 0
    assert seen.any()
    assert not seen.all()
    np.testing.assert_allclose(result[seen][:, 2], full, rtol=1e-6)
    assert not result[~seen].any()
    assert len(np.unique(result[3, :, 3])) > 2  # the edge is soft


@pytest.mark.parametrize(("suffix", "dtype"), HOLDS)
@pytest.mark.parametrize("channels", [2, 4])
def test_random_pictures_are_right_to_a_rounding(tmp_path, downsampled, suffix, dtype, channels):
    if suffix == ".webp":
        channels = 4
    pixels = samples((37, 22, channels), dtype)
    pixels[10:30, 3:20, -1] = 0
    output, _ = downsampled(written(tmp_path / f"input{suffix}", pixels))
    result, wanted = read_back(output).astype(float), in_real_numbers(pixels)
    assert result.shape == wanted.shape
    seen = result[..., -1] != 0
    rounding = 0.5 if dtype.startswith("u") else 0
    assert np.abs(result - wanted)[seen].max() <= rounding + 4e-6 * FULL[dtype]
    assert not result[~seen].any()


@pytest.mark.parametrize(("suffix", "dtype"), HOLDS)
def test_an_opaque_picture_equals_the_same_without_alpha(tmp_path, downsampled, suffix, dtype):
    colours = samples((37, 22, 3), dtype)
    alpha = np.full((37, 22, 1), FULL[dtype], dtype)
    path = written(tmp_path / f"input{suffix}", np.concatenate([colours, alpha], -1))
    output, _ = downsampled(path, None, "--boundary", "reflect")
    result = read_back(output)
    if dtype.startswith("u"):
        assert (result[..., 3:] == FULL[dtype]).all()
    wanted = expected(colours, boundary="reflect")
    difference = result[..., :3].astype(float) - wanted.astype(float)
    assert np.abs(difference).max() <= (1 if dtype.startswith("u") else 1e-6)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_associated_alpha_is_divided_out(tmp_path, downsampled, suffix):
    straight = samples((37, 22, 4))
    straight[..., 3] |= 0x80
    opacity = straight[..., 3:] / 255
    associated = np.rint(np.concatenate([straight[..., :3] * opacity, straight[..., 3:]], -1))
    tifffile.imwrite(
        tmp_path / "input.tif", associated.astype(np.uint8), photometric="rgb",
        extrasamples=["assocalpha"],
    )  # fmt: skip
    output, ending = downsampled(tmp_path / "input.tif", suffix)
    assert "multiplied by its alpha" in ending.stderr
    difference = read_back(output) - in_real_numbers(straight)
    assert np.abs(difference).max() < 1.6  # the associated input was rounded, too
    if suffix == ".tif":
        with tifffile.TiffFile(output) as file:
            assert tuple(file.pages[0].extrasamples) == (2,)


@pytest.mark.parametrize("dtype", ["uint16", "float32", "float64"])
def test_associated_alpha_of_other_types(tmp_path, downsampled, dtype):
    straight = samples((37, 22, 4), "float64")
    straight[..., 3] = 0.5 + straight[..., 3] / 2
    associated = np.concatenate([straight[..., :3] * straight[..., 3:], straight[..., 3:]], -1)
    stored = associated * FULL[dtype]
    stored = (np.rint(stored) if dtype == "uint16" else stored).astype(dtype)
    tifffile.imwrite(tmp_path / "input.tif", stored, photometric="rgb", extrasamples=["assocalpha"])
    output, _ = downsampled(tmp_path / "input.tif")
    difference = tifffile.imread(output) / FULL[dtype] - in_real_numbers(straight)
    assert np.abs(difference).max() < {"uint16": 4e-5, "float32": 1e-6, "float64": 1e-12}[dtype]


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
def test_a_logo_with_alpha_in_every_format(downsampled, suffix):
    output, _ = downsampled(PHOTOS / "logo.png", suffix, "--boundary", "zeros", scale="1/2,1/4")
    source = pixels_of(PHOTOS / "logo.png")
    assert source.shape[2] == 4
    wanted = in_real_numbers(source, (0.5, 0.25), "zeros")
    result = read_back(output)
    seen = result[..., 3] != 0
    assert np.abs(result - wanted)[seen].max() <= 0.501


def test_a_type_that_would_change_what_alpha_means(tmp_path, refused):
    path = written(tmp_path / "input.png", samples((20, 30, 4)))
    refused(path, tmp_path / "o.tif", ["alpha", "255", "opaque"], "--dtype", "float32", status=2)


def test_a_type_of_the_same_scale(tmp_path, downsampled):
    path = written(tmp_path / "input.tif", samples((20, 30, 4), "float64"))
    output, _ = downsampled(path, None, "--dtype", "float32")
    result = tifffile.imread(output)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, in_real_numbers(tifffile.imread(path)), rtol=1e-6)


def test_the_library_alone_would_bleed():
    pixels = np.zeros((24, 40, 4), np.uint8)
    pixels[:, :19], pixels[:, 19:] = (255, 0, 0, 0), (0, 0, 255, 255)
    assert aa_ref.downsample(pixels, 0.25, axes=(0, 1))[3, 5, 0] > 0
