"""``--linear-light``: against the formula of sRGB, written out in binary64."""

import numpy as np
import pytest
import tifffile
from cli_helpers import call, pixels_of, samples
from PIL import Image

import aa_ref
from aa_ref.cli.images import light


def decoded(samples):
    v = samples / np.float64(np.iinfo(samples.dtype).max)
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)


def encoded(light, dtype):
    v = np.clip(light, 0, 1)
    v = np.where(v <= 0.0031308, 12.92 * v, 1.055 * v ** (1 / 2.4) - 0.055)
    return v * np.iinfo(dtype).max


def filtered(light):
    return aa_ref.downsample(light, 0.25, axes=(0, 1), boundary="reflect")


def assert_nearest(result, wanted):
    """Each sample is the nearest integer, or either where binary32 cannot tell."""
    assert np.abs(result - wanted).max() < 0.5 + 0.01


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_light_and_back(dtype):
    every = np.arange(np.iinfo(dtype).max + 1, dtype=dtype)
    np.testing.assert_array_equal(light.samples_of(light.light_of(every), np.dtype(dtype)), every)
    ends = light.samples_of(np.array([-0.5, -0.0, 1, 1.5], np.float32), np.dtype(dtype))
    np.testing.assert_array_equal(ends, every[[0, 0, -1, -1]])


@pytest.mark.parametrize(
    ("suffix", "shape", "dtype"),
    [
        ("png", (40, 56), "uint8"),
        ("png", (40, 56, 3), "uint8"),
        ("png", (40, 56), "uint16"),
        ("tif", (40, 56, 3), "uint16"),
    ],
)
def test_colours(tmp_path, downsampled, suffix, shape, dtype):
    pixels, path = samples(shape, dtype), tmp_path / f"input.{suffix}"
    if suffix == "tif":
        tifffile.imwrite(path, pixels, photometric="rgb")
    else:
        Image.fromarray(pixels).save(path)
    output, ending = downsampled(path, None, "--linear-light")
    result = tifffile.imread(output) if suffix == "tif" else pixels_of(output)
    assert result.dtype == pixels.dtype
    assert_nearest(result.astype(float), encoded(filtered(decoded(pixels)), dtype))
    assert "in linear light" in ending.stdout


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_transparency(tmp_path, downsampled, mode):
    pixels = samples((40, 56, len(mode)))
    pixels[:20, :, -1] = 0
    Image.fromarray(pixels).save(tmp_path / "input.png")
    output, _ = downsampled(tmp_path / "input.png", None, "--linear-light")
    result = pixels_of(output)
    alpha = pixels[..., -1:] / 255
    colour, opacity = filtered(decoded(pixels[..., :-1]) * alpha), filtered(alpha)
    seen = result[..., -1] > 0
    assert 0 < seen.sum() < seen.size
    assert_nearest(result[..., -1].astype(float), 255 * opacity[..., 0])
    wanted = encoded(colour[seen] / opacity[seen], "uint8")
    assert_nearest(result[..., :-1][seen].astype(float), wanted)
    assert not result[~seen].any()


def test_stripes_keep_their_brightness(tmp_path, downsampled):
    pixels = np.zeros((40, 56), np.uint8)
    pixels[:, ::2] = 255
    Image.fromarray(pixels).save(tmp_path / "input.png")
    output, _ = downsampled(tmp_path / "input.png", None, "--linear-light")
    assert abs(int(pixels_of(output)[5, 7]) - 188) <= 1  # half of the light


def test_refused(tmp_path, refused):
    Image.fromarray(samples((40, 56))).save(tmp_path / "a.png")
    tifffile.imwrite(tmp_path / "a.tif", samples((40, 56), "float32"), photometric="minisblack")
    np.save(tmp_path / "a.npy", samples((40, 56)))
    for source, words, options in (
        ("a.tif", ["32-bit float grey"], ()),
        ("a.npy", ["--linear-light", "leave it out"], ()),
        ("a.png", ["--dtype", "leave --dtype out"], ("--dtype", "float32")),
    ):
        output = tmp_path / f"o{(tmp_path / source).suffix}"
        refused(tmp_path / source, output, words, "--linear-light", *options, status=2)
    assert call("run", tmp_path / "a.png", "-o", tmp_path / "o.png", "-s", "1/4", "--linear-light",
                "--dtype", "uint8").status == 0  # fmt: skip
