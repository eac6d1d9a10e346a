"""What files tell beside their samples: orientation, colour profile, EXIF, resolution."""

import itertools
import struct

import numpy as np
import pytest
import tifffile
from cli_helpers import PHOTOS, expected, pixels_of, png_chunk, samples, write_png
from PIL import Image, ImageCms, ImageOps, TiffImagePlugin

ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
ORIENTATION, MAKE, SOFTWARE, EXIF_IFD, GPS_IFD = 0x0112, 0x010F, 0x0131, 0x8769, 0x8825
ACROSS, DOWN = 0x011A, 0x011B


def exif_with(orientation=1, size=(40, 56)):
    """EXIF as a camera writes it, with a maker's note."""
    exif = Image.Exif()
    exif[ORIENTATION], exif[MAKE], exif[ACROSS], exif[DOWN] = orientation, "Camera", 300.0, 150.0
    exif[EXIF_IFD] = {0xA002: size[1], 0xA003: size[0], 0x927C: b"\x01secret\xff" * 9}
    exif[GPS_IFD] = {1: "N", 2: (47.0, 22.0, 0.0)}
    return exif


def stored_as(upright, orientation):
    """The pixels that a viewer turns into ``upright``; written from the wording of the standard."""
    rows_then_columns = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.swapaxes(0, 1),
        6: upright.swapaxes(0, 1)[::-1],
        7: upright.swapaxes(0, 1)[::-1, ::-1],
        8: upright.swapaxes(0, 1)[:, ::-1],
    }
    return np.ascontiguousarray(rows_then_columns[orientation])


def as_shown(path):
    """What a viewer shows."""
    with Image.open(path) as image:
        return np.asarray(ImageOps.exif_transpose(image))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif", ".jpg"])
@pytest.mark.parametrize("to", [".png", ".tif"])
def test_turned_pictures_give_what_their_upright_twin_gives(
    tmp_path, downsampled, orientation, suffix, to
):
    upright = samples((40, 56, 3))
    path = tmp_path / f"input{suffix}"
    stored = Image.fromarray(stored_as(upright, orientation))
    if suffix == ".tif":
        extra = [(ORIENTATION, 3, 1, orientation, True)]
        tifffile.imwrite(path, np.asarray(stored), photometric="rgb", extratags=extra)
    else:
        lossless = {"lossless": True} if suffix == ".webp" else {}
        stored.save(path, exif=exif_with(orientation), **lossless)
    if suffix != ".jpg":
        np.testing.assert_array_equal(as_shown(path), upright)
    output, _ = downsampled(path, to, scale="1/2,1/4")
    assert as_shown(output).shape == (20, 14, 3)
    np.testing.assert_array_equal(as_shown(output), expected(as_shown(path), (0.5, 0.25)))
    np.testing.assert_array_equal(as_shown(output), pixels_of(output))


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
@pytest.mark.parametrize("to", [".png", ".jpg", ".webp", ".tif"])
def test_colour_profile_is_kept_to_the_byte(tmp_path, downsampled, suffix, to):
    path = tmp_path / f"input{suffix}"
    Image.fromarray(samples((40, 56, 3))).save(path, icc_profile=ICC)
    output, _ = downsampled(path, to)
    with Image.open(output) as image:
        assert image.info["icc_profile"] == ICC


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
@pytest.mark.parametrize("to", [".png", ".jpg", ".webp"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_exif_is_kept_and_adapted(tmp_path, downsampled, suffix, to, orientation):
    path = tmp_path / f"input{suffix}"
    stored = stored_as(samples((40, 56, 3)), orientation)
    Image.fromarray(stored).save(path, exif=exif_with(orientation, stored.shape[:2]))
    output, _ = downsampled(path, to, scale="1/2,1/4")
    with Image.open(output) as image:
        exif = image.getexif()
        assert image.size == (14, 20)
    assert (exif[ORIENTATION], exif[MAKE]) == (1, "Camera")
    assert exif.get_ifd(EXIF_IFD)[0x927C] == b"\x01secret\xff" * 9
    assert exif.get_ifd(GPS_IFD)[1] == "N"
    assert (exif.get_ifd(EXIF_IFD)[0xA002], exif.get_ifd(EXIF_IFD)[0xA003]) == (14, 20)
    across, down = (300, 150) if orientation == 1 else (150, 300)
    assert (float(exif[ACROSS]), float(exif[DOWN])) == (across / 4, down / 2)


def raw_profile(kind, content):
    """A text chunk as ImageMagick writes a profile into a PNG."""
    lines = "\n".join(content.hex()[i : i + 72] for i in range(0, 2 * len(content), 72))
    return b"tEXt", f"Raw profile type {kind}\0\n{kind}\n{len(content):8}\n{lines}\n".encode()


def imagemagick_exif(orientation):
    return raw_profile("exif", exif_with(orientation).tobytes())


JPEGS_HEAD = b"http://ns.adobe.com/xap/1.0/\0"


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("APP1", lambda: exif_with(6).tobytes()),
        ("APP1", lambda: JPEGS_HEAD + xmp_with(XMPS[0])),
        ("xmp", lambda: xmp_with(XMPS[0])),
    ],
    ids=["EXIF in APP1", "XMP in APP1", "XMP"],
)
def test_other_profiles_as_imagemagick_writes_them(tmp_path, downsampled, kind, content):
    upright = samples((40, 56, 3))
    stored = stored_as(upright, 6)
    path = write_png(
        tmp_path / "input.png", 8, 2, stored.shape[1], stored.reshape(len(stored), -1),
        raw_profile(kind, content()),
    )  # fmt: skip
    output, ending = downsampled(path)
    np.testing.assert_array_equal(pixels_of(output), expected(upright))
    with Image.open(output) as image:
        kept = "exif" if b"Exif" in content() else "XML:com.adobe.xmp"
        assert kept in image.info
        assert image.getexif()[ORIENTATION] == 1
    assert "not kept" not in ending.stderr


@pytest.mark.parametrize("kind", ["iptc", "8bim", "icc", "exif"])
def test_profiles_that_are_not_read_are_told(tmp_path, downsampled, kind):
    stored = samples((40, 56, 3))
    path = write_png(
        tmp_path / "input.png", 8, 2, 56, stored.reshape(40, -1), raw_profile(kind, b"8BIM\4\4")
    )
    _, ending = downsampled(path)
    assert f"these parts of {path} are not kept: Raw profile type {kind}" in ending.stderr


def test_what_a_gif_says_beside_its_frames_is_told(tmp_path, downsampled):
    path = tmp_path / "input.gif"
    frames = [Image.fromarray(samples((40, 56), seed=i)) for i in range(2)]
    frames[0].save(path, save_all=True, append_images=frames[1:], loop=3, comment=b"by me")
    _, ending = downsampled(path)
    assert f"these parts of {path} are not kept: comment" in ending.stderr
    frames[0].save(path, save_all=True, append_images=frames[1:], loop=3)
    _, ending = downsampled(path, None, "--overwrite")
    assert "not kept" not in ending.stderr


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_as_imagemagick_writes_it(tmp_path, downsampled, orientation):
    upright = samples((40, 56, 3))
    stored = stored_as(upright, orientation)
    path = write_png(
        tmp_path / "input.png", 8, 2, stored.shape[1], stored.reshape(len(stored), -1),
        imagemagick_exif(orientation),
    )  # fmt: skip
    output, _ = downsampled(path)
    np.testing.assert_array_equal(pixels_of(output), expected(upright))
    with Image.open(output) as image:
        exif = image.getexif()
    assert (exif[ORIENTATION], exif[MAKE]) == (1, "Camera")


def xmp_with(text):
    return (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-'
        b'rdf-syntax-ns#"><rdf:Description rdf:about="" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" '
        b'xmlns:exif="http://ns.adobe.com/exif/1.0/" ' + text + b"</rdf:RDF></x:xmpmeta>"
    )


def xmp_tag(text):
    return (700, 1, len(xmp_with(text)), xmp_with(text), True)


def write_tiff(path, pixels, *tags):
    """A TIFF that says nothing else beside its samples."""
    tifffile.imwrite(path, pixels, photometric="rgb", metadata=None, software=False, extratags=tags)


XMPS = [
    b'tiff:Orientation="6" exif:PixelXDimension="56" tiff:ImageLength="40" tiff:Make="C"/>',
    b"><tiff:Orientation>6</tiff:Orientation><exif:PixelXDimension>56</exif:PixelXDimension>"
    b"<tiff:ImageLength>40</tiff:ImageLength><tiff:Make>C</tiff:Make></rdf:Description>",
]


@pytest.mark.parametrize("text", XMPS)
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
@pytest.mark.parametrize("to", [".jpg", ".png", ".webp", ".tif"])
def test_xmp_turns_where_no_exif_does_and_is_kept(tmp_path, downsampled, text, suffix, to):
    stored = stored_as(samples((56, 40, 3)), 6)
    path = tmp_path / f"input{suffix}"
    if suffix == ".png":
        chunk = (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp_with(text))
        write_png(path, 8, 2, 56, stored.reshape(40, -1), chunk)
    elif suffix == ".tif":
        write_tiff(path, stored, xmp_tag(text))
    else:
        lossless = {"lossless": True} if suffix == ".webp" else {}
        Image.fromarray(stored).save(path, xmp=xmp_with(text), **lossless)
    output, ending = downsampled(path, to)
    kept = output.read_bytes()
    if to == ".png":  # compressed there
        with Image.open(output) as image:
            kept = image.info["XML:com.adobe.xmp"].encode()
    with Image.open(output) as image:
        assert image.size == (10, 14)
    wanted = text.replace(b"6", b"1", 1).replace(b"56", b"10").replace(b"40", b"14")
    assert wanted in kept
    assert ending.stderr == ""


@pytest.mark.parametrize(
    ("dtype", "tag"),
    [*itertools.product(["uint8", "float64"], [None, 1, 3]), ("float64", 9)],  # 9: told as damage
)
def test_xmp_in_a_tiff_turns_where_no_tag_says_how(tmp_path, downsampled, dtype, tag):
    """Whether or not libvips reads the samples."""
    stored = samples((40, 56, 3), dtype)
    tags = [] if tag is None else [(ORIENTATION, 3, 1, tag, True)]
    write_tiff(tmp_path / "input.tif", stored, xmp_tag(XMPS[0]), *tags)
    output, _ = downsampled(tmp_path / "input.tif")
    upright = {None: np.rot90(stored, -1), 3: stored[::-1, ::-1]}.get(tag, stored)
    np.testing.assert_array_equal(tifffile.imread(output), expected(upright))


@pytest.mark.parametrize("length", range(0, 200, 7))
def test_cut_off_exif_is_dropped_with_a_note_or_kept(tmp_path, downsampled, length):
    exif = exif_with(1).tobytes()[: 6 + length]
    Image.fromarray(samples((40, 56, 3))).save(tmp_path / "input.png", exif=exif)
    _, ending = downsampled(tmp_path / "input.png")
    assert "Traceback" not in ending.stderr


@pytest.mark.parametrize("seed", range(30))
def test_garbled_exif_never_breaks_a_run(tmp_path, downsampled, seed):
    exif = bytearray(exif_with(6).tobytes())
    rng = np.random.default_rng(seed)
    for at in rng.integers(6, len(exif), 12):
        exif[at] = rng.integers(256)
    pixels = samples((40, 56, 3))
    with_exif = png_chunk(b"eXIf", bytes(exif[6:]))
    path = write_png(tmp_path / "input.png", 8, 2, 56, pixels.reshape(40, -1))
    path.write_bytes(path.read_bytes()[:33] + with_exif + path.read_bytes()[33:])
    downsampled(path, ".png")


def test_exif_that_tiff_does_not_hold_is_told(tmp_path, downsampled):
    Image.fromarray(samples((40, 56, 3))).save(tmp_path / "input.jpg", exif=exif_with(6))
    _, ending = downsampled(tmp_path / "input.jpg", ".tif")
    assert "note: " in ending.stderr
    assert "not kept in TIFF: EXIF" in ending.stderr


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
@pytest.mark.parametrize("to", [".png", ".jpg", ".tif"])
def test_printed_size_stays(tmp_path, downsampled, suffix, to):
    path = tmp_path / f"input{suffix}"
    Image.fromarray(samples((40, 56, 3))).save(path, dpi=(400, 200))
    output, _ = downsampled(path, to, scale="1/2,1/4")
    with Image.open(output) as image:
        # PNG holds whole pixels a metre: 3937 for 100 an inch, off by half of 1/3937 at most.
        assert image.info["dpi"] == pytest.approx((100, 100), rel=1e-3)


def test_resolution_of_a_turned_picture(tmp_path, downsampled):
    pixels, path = samples((40, 56, 3)), tmp_path / "input.tif"
    tifffile.imwrite(
        path, pixels, photometric="rgb", resolution=(400, 200), resolutionunit="centimeter",
        extratags=[(ORIENTATION, 3, 1, 6, True)],
    )  # fmt: skip
    output, _ = downsampled(path, scale="1/2")
    with tifffile.TiffFile(output) as file:
        page = file.pages[0]
        assert page.shape[:2] == (28, 20)
        assert page.resolution == (100, 200)
        assert page.resolutionunit == 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_tiff_that_pillow_decompresses(tmp_path, downsampled, orientation):
    upright = samples((40, 56, 3))
    directory = TiffImagePlugin.ImageFileDirectory_v2()
    directory[ORIENTATION] = orientation
    resolution = (200, 400) if orientation >= 5 else (400, 200)
    Image.fromarray(stored_as(upright, orientation)).save(
        tmp_path / "input.tif", compression="tiff_lzw", tiffinfo=directory, dpi=resolution
    )
    output, _ = downsampled(tmp_path / "input.tif", scale="1/2,1/4")
    np.testing.assert_array_equal(tifffile.imread(output), expected(upright, (0.5, 0.25)))
    with tifffile.TiffFile(output) as file:
        assert file.pages[0].resolution == (100, 100)


@pytest.mark.parametrize("orientation", [3, 6])
def test_64_bit_floats_are_turned_and_their_profile_is_told(tmp_path, downsampled, orientation):
    """libvips does not read them, so what it would keep is lost."""
    upright = samples((40, 56, 3), "float64")
    tags = [(ORIENTATION, 3, 1, orientation, True)]
    tifffile.imwrite(
        tmp_path / "input.tif", stored_as(upright, orientation), photometric="rgb",
        iccprofile=ICC, extratags=tags,
    )  # fmt: skip
    output, ending = downsampled(tmp_path / "input.tif")
    np.testing.assert_array_equal(tifffile.imread(output), expected(upright))
    assert "InterColorProfile" in ending.stderr


def test_other_tags_of_tiff_are_told(tmp_path, downsampled):
    tags = [(42112, 2, 0, "<GDALMetadata/>", True), (700, 1, 4, b"<x/>", True)]
    tifffile.imwrite(tmp_path / "input.tif", samples((40, 56)), extratags=tags)
    _, ending = downsampled(tmp_path / "input.tif")
    assert "not kept: Software, GDAL_METADATA" in ending.stderr
    assert len(ending.stderr.splitlines()) == 1


def test_texts_of_tiff_are_kept_or_told(tmp_path, downsampled):
    texts = {271: "maker", 315: "Ärtist", 33432: "rights"}
    tifffile.imwrite(
        tmp_path / "input.tif", samples((40, 56)), photometric="minisblack", metadata=None,
        description="A püzzle".encode(), software="tool", datetime="2020:02:03 04:05:06",
        extratags=[(code, 2, 0, text.encode(), True) for code, text in texts.items()],
    )  # fmt: skip
    output, ending = downsampled(tmp_path / "input.tif")
    with tifffile.TiffFile(output) as file:
        tags = {tag.code: tag.value for tag in file.pages[0].tags}
    assert tags[270] == "A püzzle"
    assert set(tags).isdisjoint({*texts, 305, 306})
    for name in ("Make", "Artist", "Copyright", "Software", "DateTime"):
        assert name in ending.stderr
    _, ending = downsampled(tmp_path / "input.tif", ".png")
    assert "not kept in PNG: description" in ending.stderr


@pytest.mark.parametrize("kind", ["imagej", "ome"])
def test_units_of_microscopes_are_told(tmp_path, downsampled, kind):
    tifffile.imwrite(tmp_path / "input.tif", samples((40, 56)), **{kind: True})
    output, ending = downsampled(tmp_path / "input.tif")
    assert "description" in ending.stderr
    with tifffile.TiffFile(output) as file:
        assert 270 not in file.pages[0].tags


def test_old_sizes_in_a_tiff_description_are_not_kept(tmp_path, downsampled):
    tifffile.imwrite(tmp_path / "input.tif", samples((40, 56)))
    output, _ = downsampled(tmp_path / "input.tif")
    assert tifffile.imread(output).shape == (10, 14)
    with tifffile.TiffFile(output) as file:
        assert 270 not in file.pages[0].tags


def test_texts_of_png_are_kept_and_other_chunks_told(tmp_path, downsampled):
    chunks = {
        b"gAMA": (100_000).to_bytes(4, "big"),
        b"sCAL": b"\x011.0\x002.0",
        b"tIME": b"\x07\xe0\1\1\1\1\1",
        b"bKGD": bytes(6),
        b"tEXt": b"Title\0A title",
    }
    pixels = samples((40, 56, 3))
    path = write_png(tmp_path / "input.png", 8, 2, 56, pixels.reshape(40, -1), *chunks.items())
    path.write_bytes(path.read_bytes() + png_chunk(b"more", b"behind the end"))
    output, ending = downsampled(path)
    with Image.open(output) as image:
        assert image.info["Title"] == "A title"
    assert "not kept: gAMA, sCAL, tIME, bKGD" in ending.stderr
    _, ending = downsampled(path, ".jpg")
    assert "not kept in JPEG: texts" in ending.stderr


@pytest.mark.parametrize(
    "text",
    [
        (b"tEXt", b"Title\0\xc4pfel"),
        (b"iTXt", b"Title\0\0\0\0\0\xc3\x84pfel"),
        (b"tEXt", b"Tit\xe9le\0apples"),
    ],
)
def test_texts_of_png_beyond_ascii_are_told(tmp_path, downsampled, text):
    """libvips would write them in another encoding than they are in."""
    chunks = [text, (b"tEXt", b"Author\0Ada")]
    path = write_png(tmp_path / "input.png", 8, 2, 56, samples((40, 168)), *chunks)
    output, ending = downsampled(path)
    assert "not kept in PNG: texts" in ending.stderr
    with Image.open(output) as image:
        assert set(image.text.items()) <= {("Author", "Ada")}


def test_a_description_that_is_no_utf_8_is_told(tmp_path, downsampled):
    description = (270, 2, 0, b"\xc4pfel", True)
    tifffile.imwrite(
        tmp_path / "input.tif", samples((40, 56)), metadata=None, extratags=[description]
    )
    _, ending = downsampled(tmp_path / "input.tif")
    assert "not kept in TIFF: description" in ending.stderr


def test_comment_and_iptc_of_jpeg_are_kept_or_told(tmp_path, downsampled):
    path = tmp_path / "input.jpg"
    Image.fromarray(samples((40, 56, 3))).save(path, comment=b"a comment")
    iptc = b"Photoshop 3.0\08BIM\x04\x04\0\0\0\0\0\x08\x1c\x02\x05\0\x03abc"
    data = path.read_bytes()
    path.write_bytes(data[:2] + b"\xff\xed" + struct.pack(">H", len(iptc) + 2) + iptc + data[2:])
    output, ending = downsampled(path)
    assert "not kept: comment" in ending.stderr
    assert b"\x1c\x02\x05\0\x03abc" in output.read_bytes()
    _, ending = downsampled(path, ".png")
    assert "not kept in PNG: IPTC" in ending.stderr


def test_compression_of_tiff_is_kept(tmp_path, downsampled):
    for compression, code in ((None, 1), ("zlib", 8)):
        tifffile.imwrite(tmp_path / "i.tif", samples((40, 56)), compression=compression)
        output, _ = downsampled(tmp_path / "i.tif", None, "--overwrite")
        with tifffile.TiffFile(output) as file:
            assert file.pages[0].compression == code


def test_a_photo_of_the_wild(downsampled):
    output, _ = downsampled(PHOTOS / "rocket.jpg")
    with Image.open(PHOTOS / "rocket.jpg") as before, Image.open(output) as after:
        assert after.size == (-(-before.width // 4), -(-before.height // 4))
        assert after.info.get("icc_profile") == before.info.get("icc_profile")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
@pytest.mark.parametrize("resolution", [4e9, 1e-4])
@pytest.mark.parametrize("unit", ["inch", "centimeter"])
def test_resolutions_beyond_what_a_format_holds(tmp_path, downsampled, suffix, resolution, unit):
    tifffile.imwrite(
        tmp_path / "input.tif", samples((40, 56)), photometric="minisblack",
        resolution=(resolution, resolution), resolutionunit=unit,
    )  # fmt: skip
    output, _ = downsampled(tmp_path / "input.tif", suffix, scale="1")
    wanted = samples((40, 56))
    if suffix in (".png", ".tif"):
        np.testing.assert_array_equal(pixels_of(output), wanted)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("to", [".jpg", ".png", ".webp"])
def test_no_byte_of_the_thumbnail_stays(tmp_path, downsampled, order, to):
    mark = b"II*\0" if order == "<" else b"MM\0*"
    secret = b"what the picture showed before it was cut" * 9
    first = struct.pack(order + "HHHIHHI", 1, ORIENTATION, 3, 1, 6, 0, 26)
    entries = ((0x0201, 56), (0x0202, len(secret)))
    second = struct.pack(order + "H", 2)
    second += b"".join(struct.pack(order + "HHII", tag, 4, 1, value) for tag, value in entries)
    exif = mark + struct.pack(order + "I", 8) + first + second + bytes(4) + secret
    assert exif.index(secret) == 56
    Image.fromarray(samples((40, 56, 3))).save(tmp_path / "input.jpg", exif=b"Exif\0\0" + exif)
    output, _ = downsampled(tmp_path / "input.jpg", to)
    data = output.read_bytes()
    assert b"Exif" in data or b"eXIf" in data or b"EXIF" in data
    assert secret[:20] not in data
