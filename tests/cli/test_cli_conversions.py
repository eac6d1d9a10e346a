"""What no file or filter holds as it is: converted visibly, or refused by name."""

import struct

import numpy as np
import pytest
import tifffile
from cli_helpers import PHOTOS, expected, pixels_of, samples, write_png
from PIL import Image


def test_palette(tmp_path, downsampled):
    image = Image.open(PHOTOS / "coffee.png").quantize(40)
    image.save(tmp_path / "input.png")
    output, ending = downsampled(tmp_path / "input.png")
    assert "note: " in ending.stderr
    assert "palette" in ending.stderr
    wanted = expected(np.asarray(image.convert("RGB")))
    np.testing.assert_array_equal(pixels_of(output), wanted)


def test_palette_with_transparency(tmp_path, downsampled):
    image = Image.fromarray(np.repeat([[0, 1, 1]], 20, 0).repeat(10, 1).astype(np.uint8), "P")
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.save(tmp_path / "input.png", transparency=0)
    output, _ = downsampled(tmp_path / "input.png")
    result = pixels_of(output)
    assert result.shape[2] == 4
    assert not result[..., 0].any()  # the transparent red shows nowhere


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_grey_below_8_bits(tmp_path, downsampled, depth):
    packed = samples((16, 3))
    path = write_png(tmp_path / "input.png", depth, 0, 24 // depth, packed)
    values = np.unpackbits(packed, axis=1).reshape(16, 24 // depth, depth)
    values = values @ (1 << np.arange(depth)[::-1]) * 255 // ((1 << depth) - 1)
    output, ending = downsampled(path)
    assert f"{depth}-bit grey" in ending.stderr
    np.testing.assert_array_equal(pixels_of(output), expected(values.astype(np.uint8)))


@pytest.mark.parametrize(("depth", "key"), [(2, 1), (4, 9), (8, 77)])
def test_one_transparent_grey(tmp_path, downsampled, depth, key):
    values = np.full((16, 24), 2, np.uint8)
    values[4:] = key
    bits = np.unpackbits(values[..., None], axis=2)[..., -depth:].reshape(16, -1)
    path = write_png(
        tmp_path / "input.png", depth, 0, 24, np.packbits(bits, axis=1),
        (b"tRNS", struct.pack(">H", key)),
    )  # fmt: skip
    output, ending = downsampled(path)
    result = pixels_of(output)
    assert "transparent" in ending.stderr
    assert result.shape == (4, 6, 2)
    assert not result[3].any()
    assert np.ptp(result[0, :, 0]) == 0
    assert result[0, 3, 0] == 2 * 255 // ((1 << depth) - 1)


def test_one_transparent_colour(tmp_path, downsampled):
    pixels = np.zeros((16, 24, 3), np.uint8)
    pixels[:4], pixels[4:] = (0, 0, 255), (255, 0, 1)
    path = write_png(
        tmp_path / "input.png", 8, 2, 24, pixels.reshape(16, -1),
        (b"tRNS", struct.pack(">3H", 255, 0, 1)),
    )  # fmt: skip
    output, _ = downsampled(path)
    result = pixels_of(output)
    assert result.shape == (4, 6, 4)
    assert not result[3].any()
    np.testing.assert_array_equal(result[0, :, :3], [[0, 0, 255]] * 6)


@pytest.mark.parametrize("mode", ["CMYK", "YCCK"])
def test_cmyk(tmp_path, refused, mode):
    path = tmp_path / "input.jpg"
    Image.open(PHOTOS / "coffee.png").convert("CMYK").save(path)
    if mode == "YCCK":
        data = path.read_bytes()
        at = data.index(b"Adobe") + 11
        path.write_bytes(data[:at] + b"\2" + data[at + 1 :])
    refused(path, tmp_path / "o.jpg", ["CMYK", "RGB"])


def animation(path, **options):
    frames = [Image.fromarray(samples((20, 30, 3), seed=s)) for s in range(3)]
    frames[0].save(path, save_all=True, append_images=frames[1:], **options)
    return np.stack([np.asarray(frame) for frame in frames])


@pytest.mark.parametrize("suffix", [".png", ".webp", ".gif"])
def test_an_animation_is_no_single_picture(tmp_path, refused, suffix):
    animation(tmp_path / f"input{suffix}")
    refused(tmp_path / f"input{suffix}", tmp_path / "o.png", ["anima", "frame"])


@pytest.mark.parametrize("suffix", [".webp", ".gif"])
def test_every_frame_of_an_animation_is_filtered(tmp_path, downsampled, suffix):
    frames = animation(tmp_path / "input.webp", lossless=True, duration=[100, 200, 300], loop=3)
    output, ending = downsampled(tmp_path / "input.webp", suffix)
    assert "(3, 20, 30, 3)" in ending.stdout
    assert "(3, 5, 8, 3)" in ending.stdout
    with Image.open(output) as image:
        assert (image.n_frames, image.size) == (3, (8, 5))
        assert image.info["loop"] == (3 if suffix == ".webp" else 2)  # GIF counts repetitions
        for index, frame in enumerate(frames):
            image.seek(index)
            image.load()
            assert image.info["duration"] == 100 * (index + 1)
            if suffix == ".webp":
                np.testing.assert_array_equal(np.asarray(image.convert("RGB")), expected(frame))


def test_a_picture_with_a_second_inside_gives_the_first(tmp_path, downsampled):
    frames = [Image.fromarray(samples((20, 30, 3), seed=s)) for s in range(2)]
    path = tmp_path / "input.jpg"
    frames[0].save(path, "MPO", save_all=True, append_images=frames[1:])
    output, ending = downsampled(path, ".png")
    assert "holds several pictures; the first" in ending.stderr
    np.testing.assert_array_equal(pixels_of(output), expected(pixels_of(path)))


@pytest.mark.parametrize("name", ["multipage.tif", "multipage_rgb.tif"])
def test_several_pages(tmp_path, refused, name):
    refused(PHOTOS / name, tmp_path / "o.tif", ["several pictures", "page"])


def test_imagej_stack(tmp_path, refused):
    path = tmp_path / "input.tif"
    tifffile.imwrite(path, samples((5, 20, 30), "uint16"), imagej=True)
    refused(path, tmp_path / "o.tif", ["several pictures"])


def test_reduced_copies_are_told(tmp_path, downsampled):
    pixels = samples((40, 32))
    with tifffile.TiffWriter(tmp_path / "input.tif") as file:
        file.write(pixels, metadata=None)
        file.write(pixels[::2, ::2], subfiletype=1, metadata=None)
    output, ending = downsampled(tmp_path / "input.tif")
    assert "1 reduced" in ending.stderr
    np.testing.assert_array_equal(tifffile.imread(output), expected(pixels))


@pytest.mark.parametrize(
    "options",
    [
        {"byteorder": ">"},
        {"planarconfig": "separate"},
        {"bigtiff": True},
        {"tile": (16, 32)},
        {"rowsperstrip": 3},
        {"compression": "zlib", "predictor": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_tiff_layouts(tmp_path, downsampled, options, dtype):
    pixels = samples((37, 50, 3), dtype)
    stored = np.moveaxis(pixels, -1, 0) if "planarconfig" in options else pixels
    tifffile.imwrite(tmp_path / "input.tif", stored, photometric="rgb", **options)
    output, _ = downsampled(tmp_path / "input.tif")
    np.testing.assert_array_equal(tifffile.imread(output), expected(pixels))


@pytest.mark.parametrize(
    ("shape", "compression"),
    [
        ((37, 50), "packbits"),
        ((37, 50, 3), "packbits"),
        ((37, 50), "tiff_lzw"),
        ((37, 50, 3), "tiff_lzw"),
        ((37, 50, 4), "tiff_lzw"),
        ((37, 50), "jpeg"),
        ((37, 50, 3), "jpeg"),
    ],
)
def test_tiff_compressions(tmp_path, downsampled, shape, compression):
    image = Image.fromarray(samples(shape))
    image.save(tmp_path / "input.tif", compression=compression)
    output, _ = downsampled(tmp_path / "input.tif")
    Image.open(tmp_path / "input.tif").save(tmp_path / "twin.png")
    wanted, _ = downsampled(tmp_path / "twin.png")
    np.testing.assert_array_equal(tifffile.imread(output), pixels_of(wanted))


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_tiff_with_white_as_zero(tmp_path, downsampled, dtype):
    pixels = samples((37, 22), dtype)
    tifffile.imwrite(tmp_path / "input.tif", pixels, photometric="miniswhite")
    output, ending = downsampled(tmp_path / "input.tif")
    assert "white as 0" in ending.stderr
    np.testing.assert_array_equal(tifffile.imread(output), expected(~pixels))


@pytest.mark.parametrize("factor", [257, 256, 251])
def test_tiff_palette(tmp_path, downsampled, factor):
    indices, table = samples((37, 22)), samples((3, 256)).astype(np.uint16)
    tifffile.imwrite(
        tmp_path / "input.tif", indices, photometric="palette", colormap=table * np.uint16(factor)
    )
    output, ending = downsampled(tmp_path / "input.tif")
    assert "palette" in ending.stderr
    colours = (table.T * np.uint16(factor) >> 8).astype(np.uint8)
    np.testing.assert_array_equal(tifffile.imread(output), expected(colours[indices]))


@pytest.mark.parametrize("compression", [None, "group4"])
def test_tiff_of_one_bit(tmp_path, downsampled, compression):
    image = Image.fromarray(samples((37, 22)) > 100)
    image.save(tmp_path / "input.tif", compression=compression)
    output, ending = downsampled(tmp_path / "input.tif")
    assert "1-bit" in ending.stderr
    wanted = expected(np.asarray(image.convert("L")))
    np.testing.assert_array_equal(tifffile.imread(output), wanted)


@pytest.mark.parametrize(
    ("shape", "dtype", "options", "words"),
    [
        ((20, 30, 4), "uint8", {"photometric": "separated"}, ["CMYK", "RGB"]),
        ((20, 30, 3), "uint8", {"photometric": "cielab"}, ["L*a*b*", "RGB"]),
        (
            (20, 30, 2), "int16",
            {
                "photometric": "minisblack", "planarconfig": "contig",
                "extrasamples": ["unassalpha"],
            },
            ["an alpha in signed numbers"],
        ),
        (
            (2, 20, 30), "uint8",
            {
                "photometric": "miniswhite", "planarconfig": "separate",
                "extrasamples": ["unspecified"],
            },
            ["white as 0, in planes"],
        ),
        ((20, 30), "int16", {"photometric": "miniswhite"}, ["white as 0 in signed numbers"]),
        (
            (20, 30, 5), "uint8",
            {"photometric": "rgb", "extrasamples": ["unassalpha", "unspecified"]},
            ["alpha among 2"],
        ),
        (
            (16, 16, 32), "uint8",
            {"volumetric": True, "tile": (16, 16, 16), "photometric": "minisblack"},
            ["several pictures"],
        ),
    ],
)  # fmt: skip
def test_tiff_refused_by_name(tmp_path, refused, shape, dtype, options, words):
    path = tmp_path / "input.tif"
    tifffile.imwrite(path, np.ones(shape, dtype), **options)
    refused(path, tmp_path / "o.tif", words, status=1)


def test_tiff_samples_of_unknown_meaning_stay_such(tmp_path, downsampled):
    pixels = samples((37, 22, 5), "uint16")
    tifffile.imwrite(
        tmp_path / "input.tif", pixels, photometric="rgb", extrasamples=["unspecified"] * 2
    )
    output, _ = downsampled(tmp_path / "input.tif")
    with tifffile.TiffFile(output) as file:
        assert tuple(file.pages[0].extrasamples) == (0, 0)
        np.testing.assert_array_equal(file.asarray(), expected(pixels))


@pytest.mark.parametrize("bands", [2, 4, 5])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_bands_of_a_satellite_stay_bands(tmp_path, downsampled, bands, planar, compression):
    """libvips would read planes that are no colours wrongly."""
    pixels = samples((37, 22, bands), "uint16")
    stored = np.moveaxis(pixels, -1, 0) if planar == "separate" else pixels
    tifffile.imwrite(
        tmp_path / "input.tif", stored, photometric="minisblack", planarconfig=planar,
        extrasamples=["unspecified"] * (bands - 1), compression=compression,
    )  # fmt: skip
    output, _ = downsampled(tmp_path / "input.tif")
    with tifffile.TiffFile(output) as file:
        assert file.pages[0].photometric.name == "MINISBLACK"
        assert tuple(file.pages[0].extrasamples) == (0,) * (bands - 1)
        np.testing.assert_array_equal(file.asarray(), expected(pixels))


@pytest.mark.parametrize(
    ("shape", "dtype", "suffix", "words"),
    [
        ((20, 30, 4), "uint8", ".jpg", ["alpha", ".png"]),
        ((20, 30, 2), "uint8", ".jpg", ["alpha", ".png"]),
        ((20, 30), "uint16", ".jpg", ["16-bit grey", ".png"]),
        ((20, 30, 3), "uint16", ".jpg", ["16-bit RGB", ".tif"]),
        ((20, 30, 3), "uint16", ".webp", ["16-bit RGB", ".tif"]),
        ((20, 30), "float32", ".png", ["32-bit float grey", ".tif"]),
        ((20, 30, 3), "float32", ".webp", ["32-bit float RGB", ".tif"]),
    ],
)
def test_output_that_cannot_hold_it(tmp_path, refused, shape, dtype, suffix, words):
    path = tmp_path / "input.tif"
    colours = 3 if shape[-1] in (3, 4) else 1
    tifffile.imwrite(
        path, samples(shape, dtype), photometric="rgb" if colours == 3 else "minisblack",
        planarconfig="contig" if len(shape) == 3 else None,
        extrasamples=["unassalpha"] if shape[-1] in (2, 4) else None,
    )  # fmt: skip
    refused(path, tmp_path / f"o{suffix}", words, status=2)


def test_png_cannot_hold_a_float_result(tmp_path, refused):
    refused(PHOTOS / "coffee.png", tmp_path / "o.png", ["float32", ".tif"], "--dtype", "float32")


@pytest.mark.parametrize(
    ("dtype", "other"), [("uint16", "uint8"), ("uint8", "uint16"), ("float32", "uint8")]
)
@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_a_type_never_rescales(tmp_path, refused, dtype, other, suffix):
    tifffile.imwrite(tmp_path / "input.tif", samples((20, 30), dtype), photometric="minisblack")
    words = [other, "never rescaled", "full intensity"]
    refused(tmp_path / "input.tif", tmp_path / f"o{suffix}", words, "--dtype", other, status=2)


def test_12_bit_jpeg(tmp_path, refused):
    data = (PHOTOS / "rocket.jpg").read_bytes()
    at = data.index(b"\xff\xc0") + 4
    path = tmp_path / "input.jpg"
    path.write_bytes(data[:at] + b"\x0c" + data[at + 1 :])
    refused(path, tmp_path / "o.jpg", ["input.jpg"])
