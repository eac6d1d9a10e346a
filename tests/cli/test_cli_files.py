"""Files that are there whole or not at all, and inputs that are none."""

import errno
import os
import re
import stat
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from cli_helpers import PHOTOS, call, expected, pixels_of, png_chunk, samples, write_png
from PIL import Image

from aa_ref.cli import inputs
from aa_ref.cli import output as output_module
from aa_ref.cli.images import messages, reading

PHOTO = PHOTOS / "coffee.png"


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("to", ["output.png", "output.tif", "output.npy", "OUTPUT.JPG"])
def test_nothing_but_the_output_is_left(tmp_path, to):
    assert call("run", PHOTO, "-o", tmp_path / to, "--scale", "1/4").status == 0
    assert names_in(tmp_path) == [to]


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
@pytest.mark.parametrize("overwrite", [(), ("--overwrite",)])
def test_permissions_are_those_of_a_file_made_normally(tmp_path, mask, overwrite):
    before = os.umask(mask)
    try:
        call("run", PHOTO, "-o", tmp_path / "o.png", "--scale", "1/4", *overwrite)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "o.png").stat().st_mode) == 0o666 & ~mask


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o200])
def test_a_file_that_is_replaced_hands_on_its_permissions(tmp_path, mode):
    output = tmp_path / "o.png"
    output.write_bytes(b"old")
    output.chmod(mode)
    owner = (output.stat().st_uid, output.stat().st_gid)
    assert call("run", PHOTO, "-o", output, "--scale", "1/4", "--overwrite").status == 0
    assert pixels_of(output).shape == (100, 150, 3)
    assert stat.S_IMODE(output.stat().st_mode) == mode
    assert (output.stat().st_uid, output.stat().st_gid) == owner


@pytest.mark.parametrize("mode", [0o444, 0o400])
def test_a_file_protected_against_writing_is_kept(tmp_path, refused, mode):
    output = tmp_path / "o.png"
    output.write_bytes(b"precious")
    output.chmod(mode)
    words = [str(output), f"{mode:03o}", "chmod"]
    refused(tmp_path / "not-there.png", output, words, "--overwrite", status=1)
    assert output.read_bytes() == b"precious"


def test_where_the_group_cannot_be_kept_it_gets_what_others_get(tmp_path, monkeypatch):
    output = tmp_path / "o.bin"
    output.write_bytes(b"old")
    output.chmod(0o664)

    monkeypatch.setattr(output_module.os, "fchown", unsupported)
    output_module.write_file(output, [b"new"], overwrite=True)
    assert stat.S_IMODE(output.stat().st_mode) == 0o644


def test_what_replaces_a_private_file_is_private_from_the_start(tmp_path):
    output = tmp_path / "o.bin"
    output.write_bytes(b"old")
    output.chmod(0o600)

    def parts():
        (temporary,) = set(tmp_path.iterdir()) - {output}
        assert stat.S_IMODE(temporary.stat().st_mode) == 0o600
        yield b"new"

    output_module.write_file(output, parts(), overwrite=True)
    assert output.read_bytes() == b"new"


def test_an_existing_file_is_kept(tmp_path, refused):
    output = tmp_path / "o.png"
    output.write_bytes(b"precious")
    refused(PHOTO, output, ["exists", "--overwrite"], status=1)
    assert output.read_bytes() == b"precious"
    assert call("run", PHOTO, "-o", output, "--scale", "1/4", "--overwrite").status == 0
    assert pixels_of(output).shape == (100, 150, 3)
    assert names_in(tmp_path) == ["o.png"]


@pytest.mark.parametrize("links_work", [True, False])
def test_a_file_that_appears_meanwhile_is_kept(tmp_path, monkeypatch, links_work):
    output = tmp_path / "o.png"
    real = output_module.check_destination

    def check_then_lose_the_race(path, overwrite):
        real(path, overwrite)
        output.write_bytes(b"precious")

    monkeypatch.setattr(output_module, "check_destination", check_then_lose_the_race)
    if not links_work:
        monkeypatch.setattr(output_module.Path, "hardlink_to", unsupported)
    with pytest.raises(output_module.FileError, match="exists"):
        output_module.write_file(output, [b"new"], overwrite=False)
    assert output.read_bytes() == b"precious"
    assert names_in(tmp_path) == ["o.png"]


def unsupported(*_):
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))


def test_a_file_system_without_hard_links(tmp_path, monkeypatch):
    monkeypatch.setattr(output_module.Path, "hardlink_to", unsupported)
    output_module.write_file(tmp_path / "o.bin", [b"ab", memoryview(b"cd")], overwrite=False)
    assert (tmp_path / "o.bin").read_bytes() == b"abcd"
    assert names_in(tmp_path) == ["o.bin"]


@pytest.mark.parametrize("overwrite", [True, False])
@pytest.mark.parametrize(
    "error", [KeyboardInterrupt, MemoryError, OSError(errno.ENOSPC, "No space")]
)
def test_a_failure_while_writing_leaves_what_was_there(tmp_path, overwrite, error):
    output = tmp_path / "o.bin"
    if overwrite:
        output.write_bytes(b"precious")

    def parts():
        yield b"half"
        raise error

    with pytest.raises((output_module.FileError, KeyboardInterrupt, MemoryError)):
        output_module.write_file(output, parts(), overwrite)
    assert names_in(tmp_path) == (["o.bin"] if overwrite else [])
    assert not overwrite or output.read_bytes() == b"precious"


def test_input_as_output(tmp_path, refused):
    path = tmp_path / "picture.png"
    path.write_bytes(PHOTO.read_bytes())
    refused(path, path, ["exists", "--overwrite"])
    assert call("run", path, "-o", path, "--scale", "1/4", "--overwrite").status == 0
    np.testing.assert_array_equal(pixels_of(path), expected(pixels_of(PHOTO)))


def test_an_array_as_its_own_output(tmp_path):
    path, x = tmp_path / "array.npy", samples((300, 200))
    np.save(path, x)
    assert call("run", path, "-o", path, "--scale", "1/4", "--overwrite").status == 0
    np.testing.assert_array_equal(np.load(path), expected(x, boundary="zeros"))


def test_a_link_stays_one(tmp_path):
    (tmp_path / "real.png").write_bytes(b"old")
    (tmp_path / "link.png").symlink_to("real.png")
    assert call("run", PHOTO, "-o", tmp_path / "link.png", "-s", "1/4", "--overwrite").status == 0
    assert (tmp_path / "link.png").is_symlink()
    assert pixels_of(tmp_path / "real.png").shape == (100, 150, 3)


def test_destinations_that_cannot_be(tmp_path, refused):
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    refused(PHOTO, tmp_path / "folder.png", ["folder"])
    refused(PHOTO, tmp_path / "folder.png", ["folder"], "--overwrite")
    refused(PHOTO, tmp_path / "pipe.png", ["not a plain file"], "--overwrite")
    refused(PHOTO, tmp_path / "nowhere" / "o.png", ["no folder", "nowhere"])
    refused(PHOTO, tmp_path / "o.bmp", ["suffix", ".png", ".npy", "--format"], status=2)
    refused(PHOTO, tmp_path / "o", ["suffix"], status=2)


def test_a_folder_without_permission(tmp_path, monkeypatch, refused):
    monkeypatch.setattr(output_module.os, "access", lambda *_: False)
    refused(PHOTO, tmp_path / "o.png", ["no permission"])


def broken(name):
    def decorator(make):
        return pytest.param(make, id=name)

    return decorator


@broken("missing")
def missing(path):
    pass


@broken("empty")
def empty(path):
    path.write_bytes(b"")


@broken("text")
def text(path):
    path.write_text("no picture at all")


@broken("bmp")
def bmp(path):
    Image.new("L", (4, 5)).save(path, "BMP")


@broken("SVG")
def svg(path):
    path.write_text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="7"/>')


@broken("PNG signature alone")
def png_signature(path):
    path.write_bytes(PHOTO.read_bytes()[:8])


@broken("PNG header alone")
def png_header(path):
    path.write_bytes(PHOTO.read_bytes()[:33])


@broken("PNG cut off")
def png_cut_off(path):
    path.write_bytes(PHOTO.read_bytes()[:9_000])


@broken("PNG with a wrong byte")
def png_wrong_byte(path):
    data = bytearray(PHOTO.read_bytes())
    data[20_000] ^= 0xFF
    path.write_bytes(data)


def png_bomb(path):
    write_png(path, 8, 0, 30_000, [b""])
    data = path.read_bytes()
    header = data[16:20] + (30_000).to_bytes(4, "big") + data[24:29]
    path.write_bytes(data[:8] + png_chunk(b"IHDR", header) + data[33:])


@broken("JPEG cut off")
def jpeg_cut_off(path):
    path.write_bytes((PHOTOS / "rocket.jpg").read_bytes()[:30_000])


@broken("JPEG start alone")
def jpeg_start(path):
    path.write_bytes(b"\xff\xd8\xff\xe0")


@broken("WebP cut off")
def webp_cut_off(path):
    Image.fromarray(samples((40, 56, 3))).save(path, "WEBP")
    path.write_bytes(path.read_bytes()[:900])


@broken("GIF cut off")
def gif_cut_off(path):
    Image.fromarray(samples((40, 56))).save(path, "GIF")
    path.write_bytes(path.read_bytes()[:1500])


@broken("AVIF cut off")
def avif_cut_off(path):
    Image.fromarray(samples((40, 56, 3))).save(path, "AVIF")
    path.write_bytes(path.read_bytes()[:-500])


@broken("TIFF of doubles cut off")
def tiff_of_doubles_cut_off(path):
    tifffile.imwrite(path, samples((40, 56), "float64"), compression="zlib")
    path.write_bytes(path.read_bytes()[:-900])


@broken("TIFF of doubles with a wrong size")
def tiff_of_doubles_bomb(path):
    tifffile.imwrite(path, np.zeros((40, 56)), compression="zlib", photometric="minisblack")
    with tifffile.TiffFile(path, mode="r+") as file:
        for tag in (256, 257, 278):
            file.pages[0].tags[tag].overwrite(60_000)


@broken("WebP start alone")
def webp_start(path):
    path.write_bytes(b"RIFF\0\0\0\0WEBP")


def tiff_of(path, **options):
    Image.fromarray(samples((40, 56, 3))).save(path, "TIFF", **options)
    return path.read_bytes()


@broken("TIFF cut off")
def tiff_cut_off(path):
    path.write_bytes(tiff_of(path)[:3_000])


@broken("TIFF start alone")
def tiff_start(path):
    path.write_bytes(b"II*\0")


@broken("TIFF with wrong directory")
def tiff_wrong_directory(path):
    path.write_bytes(b"II*\0\xff\xff\xff\x7f" + bytes(50))


@broken("compressed TIFF with wrong bytes")
def tiff_wrong_bytes(path):
    data = bytearray(tiff_of(path, compression="tiff_adobe_deflate"))
    data[100:400] = bytes(300)
    path.write_bytes(data)


@broken("TIFF bomb")
def tiff_bomb(path):
    data = tiff_of(path, compression="tiff_adobe_deflate")
    for value in (40, 56):  # its height and width, as 32-bit fields
        for kind in (b"\3\0\1\0\0\0", b"\4\0\1\0\0\0"):
            old, new = kind + value.to_bytes(4, "little"), (60_000).to_bytes(4, "little")
            data = data.replace(old, kind + new)
    path.write_bytes(data)


@pytest.mark.parametrize(
    "make",
    [
        missing, empty, text, bmp, svg, png_signature, png_header, png_cut_off,
        png_wrong_byte, pytest.param(png_bomb, id="PNG bomb"), jpeg_cut_off, jpeg_start,
        webp_cut_off, webp_start, tiff_cut_off, tiff_start, tiff_wrong_directory,
        tiff_wrong_bytes, tiff_bomb, gif_cut_off, avif_cut_off, tiff_of_doubles_bomb,
        tiff_of_doubles_cut_off,
    ],
)  # fmt: skip
@pytest.mark.parametrize("few", [None, -1])
def test_inputs_that_cannot_be_read(tmp_path, refused, monkeypatch, make, few):
    """Small files are read whole at first, large ones where they lie."""
    if few is not None and make is not empty:
        monkeypatch.setattr(inputs, "_FEW", few)
    path = tmp_path / "input.png"
    make(path)
    ending = refused(path, tmp_path / "o.png", [str(path)], status=1)
    assert len(ending.stderr.splitlines()) == 1


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif", ".avif", ".gif", ".npy"])
def test_large_files_are_read_where_they_lie(tmp_path, downsampled, monkeypatch, suffix):
    source, _ = downsampled(PHOTO, suffix, scale="1/2")
    path = source.rename(tmp_path / f"a [n=-1]{suffix}")
    small = downsampled(path)[0].read_bytes()
    monkeypatch.setattr(inputs, "_FEW", -1)
    monkeypatch.delattr(Path, "read_bytes")
    large, _ = downsampled(path, None, "--overwrite")
    monkeypatch.undo()
    assert large.read_bytes() == small


@pytest.mark.parametrize(
    ("colour_type", "length"), [(0, 0), (0, 1), (0, 3), (2, 2), (2, 3), (2, 7)]
)
def test_a_broken_transparent_colour_is_told(tmp_path, downsampled, colour_type, length):
    pixels = samples((9, 30)) if colour_type == 0 else samples((9, 10, 3))
    chunk = (b"tRNS", bytes(length))
    path = write_png(
        tmp_path / "input.png", 8, colour_type, pixels.shape[1], pixels.reshape(9, -1), chunk
    )
    output, ending = downsampled(path)
    np.testing.assert_array_equal(pixels_of(output), expected(pixels))
    assert "may be damaged: tRNS: invalid" in ending.stderr
    assert len(ending.stderr.splitlines()) == 1


def with_more_rows(path, more=1):
    """The same PNG, whose header claims more rows than there are."""
    data = path.read_bytes()
    height = int.from_bytes(data[20:24], "big") + more
    header = data[16:20] + height.to_bytes(4, "big") + data[24:29]
    path.write_bytes(data[:8] + png_chunk(b"IHDR", header) + data[33:])
    return path


@pytest.mark.parametrize(
    ("depth", "colour_type", "width", "row"),
    [(1, 0, 13, 2), (4, 0, 5, 3), (8, 0, 9, 9), (8, 2, 9, 27), (8, 6, 9, 36), (16, 0, 9, 18)],
)
def test_png_with_too_few_rows(tmp_path, refused, depth, colour_type, width, row):
    path = write_png(tmp_path / "input.png", depth, colour_type, width, samples((20, row)))
    assert call("run", path, "-o", tmp_path / "whole.png", "--scale", "1/4").status == 0
    refused(with_more_rows(path), tmp_path / "o.png", [str(path), "cut off or damaged"], status=1)


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (5, 9), (8, 8), (17, 23)])
def test_interlaced_png(tmp_path, refused, size):
    """Seven passes hold its rows; Pillow writes none, so this one is put together by hand."""
    height, width = size
    pixels = samples((height, width))
    starts = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2))
    passes = [pixels[y::dy, x::dx] for y, x, dy, dx in (*starts, (1, 0, 2, 1))]
    rows = b"".join(b"\0" + row.tobytes() for p in passes if p.size for row in p)
    path = tmp_path / "input.png"
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 1)

    def write(samples_of_rows):
        path.write_bytes(
            b"\x89PNG\r\n\x1a\n"
            + png_chunk(b"IHDR", header)
            + png_chunk(b"IDAT", zlib.compress(samples_of_rows))
            + png_chunk(b"IEND", b"")
        )

    write(rows)
    assert call("run", path, "-o", tmp_path / "w.png", "--scale", "1/4").status == 0
    np.testing.assert_array_equal(pixels_of(tmp_path / "w.png"), expected(pixels))
    write(rows[:-1])
    refused(path, tmp_path / "o.png", [str(path)], status=1)


def jpeg_of(path, pixels=None, **options):
    image = Image.open(PHOTO) if pixels is None else Image.fromarray(pixels)
    image.save(path, "JPEG", **options)
    return path.read_bytes()


JPEGS = {
    "baseline": {},
    "optimised": {"optimize": True},
    "fine": {"quality": 100},
    "coarse": {"quality": 20},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_blocks": 7},
    "progressive restarts": {"progressive": True, "restart_marker_rows": 1},
}


@pytest.mark.parametrize("options", JPEGS.values(), ids=JPEGS)
@pytest.mark.parametrize("size", [(1, 1), (17, 23), (64, 48), (33, 200)])
@pytest.mark.parametrize("grey", [True, False])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:0", "4:2:2"])
def test_whole_jpegs_are_taken(tmp_path, downsampled, options, size, grey, subsampling):
    pixels = samples(size if grey else (*size, 3))
    path = tmp_path / "input.jpg"
    jpeg_of(path, pixels, subsampling=subsampling, **options)
    output, ending = downsampled(path, ".png")
    assert ending.stderr == ""
    np.testing.assert_array_equal(pixels_of(output), expected(pixels_of(path)))


@pytest.mark.parametrize("where", ["behind", "between"])
def test_jpeg_with_bytes_that_belong_to_nothing_is_taken(tmp_path, downsampled, where):
    """Some cameras leave them behind the picture, some programs between its segments."""
    path = tmp_path / "input.jpg"
    data = jpeg_of(path)
    wanted = expected(pixels_of(path))
    if where == "behind":
        path.write_bytes(data + b"0123456789")
    else:
        path.write_bytes(data[:20] + b"xyz" + data[20:])
    output, ending = downsampled(path, ".png")
    np.testing.assert_array_equal(pixels_of(output), wanted)
    assert ("extraneous bytes" in ending.stderr) == (where == "between")


@pytest.mark.parametrize("options", JPEGS.values(), ids=JPEGS)
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.99])
def test_jpeg_cut_off_but_ended(tmp_path, refused, options, part):
    path = tmp_path / "input.jpg"
    data = jpeg_of(path, **options)
    first = data.index(b"\xff\xda")
    path.write_bytes(data[: first + int(part * (len(data) - first))] + b"\xff\xd9")
    ending = refused(path, tmp_path / "o.png", [str(path), "cut off"], status=1)
    assert len(ending.stderr.splitlines()) == 1


def test_jpeg_that_lost_restarts(tmp_path, refused):
    path = tmp_path / "input.jpg"
    data = jpeg_of(path, restart_marker_blocks=7)
    markers = [m.start() for m in re.finditer(rb"\xff[\xd0-\xd7]", data)]
    path.write_bytes(data[: markers[40]] + b"\xff\xd9")  # after a whole interval
    refused(path, tmp_path / "o.png", ["cut off or damaged"], status=1)


def test_jpeg_zeroed_in_the_middle(tmp_path, refused):
    path = tmp_path / "input.jpg"
    data = bytearray(jpeg_of(path, quality=75))
    middle = len(data) // 2
    data[middle : middle + 1000] = bytes(1000)
    path.write_bytes(data)
    refused(path, tmp_path / "o.png", ["cut off or damaged"], status=1)


@pytest.mark.parametrize("grey", [True, False])
def test_tiff_with_a_short_jpeg_strip(tmp_path, refused, grey):
    path, pixels = tmp_path / "input.tif", samples((200, 56) if grey else (200, 56, 3))
    Image.fromarray(pixels).save(path, compression="jpeg")
    assert call("run", path, "-o", tmp_path / "whole.tif", "--scale", "1/4").status == 0
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        end = page.dataoffsets[-1] + page.databytecounts[-1]
        middle = page.dataoffsets[-1] + page.databytecounts[-1] // 2
    data = path.read_bytes()
    path.write_bytes(data[:middle] + b"\xff\xd9" + data[middle + 2 : end] + data[end:])
    ending = refused(path, tmp_path / "o.tif", [str(path), "cut off or damaged"], status=1)
    assert len(ending.stderr.splitlines()) == 1


@pytest.mark.parametrize("start", range(0, 200, 5))
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "GIF", "AVIF"])
def test_no_garbled_file_ends_in_a_traceback(tmp_path, kind, start):
    path = tmp_path / "input"
    Image.fromarray(samples((20, 28, 3))).save(path, kind)
    data = bytearray(path.read_bytes())
    at = start if kind != "TIFF" else len(data) - 200 + start
    for offset in range(5):
        data[max(at + offset, 4)] ^= 0x5A
    path.write_bytes(data)
    ending = call("run", path, "-o", tmp_path / "o.tif", "--scale", "1/4")
    assert ending.status in (0, 1, 2)
    assert (ending.status == 0) == (tmp_path / "o.tif").exists()


def test_pictures_too_large_for_their_format(tmp_path, refused):
    Image.fromarray(samples((2, 16_400))).save(tmp_path / "input.png")
    words = ["16383", "16400 columns"]
    refused(tmp_path / "input.png", tmp_path / "o.webp", words, scale="1", status=2)
    data = (tmp_path / "input.png").read_bytes()  # told before anything is decoded:
    (tmp_path / "input.png").write_bytes(data[: data.index(b"IDAT") + 9])
    refused(tmp_path / "input.png", tmp_path / "o.webp", words, scale="1", status=2)


def test_how_large_a_picture_may_be_is_for_the_user_to_say(tmp_path, refused, downsampled):
    words = ["600×400", "239,999", "--max-pixels"]
    refused(PHOTO, tmp_path / "o.png", words, "--max-pixels", 239_999, status=1)
    downsampled(PHOTO, ".png", "--max-pixels", 240_000)
    png_bomb(tmp_path / "bomb.png")
    refused(tmp_path / "bomb.png", tmp_path / "o.png", ["30000×30000", "--max-pixels"], status=1)


def test_a_message_that_quotes_a_damaged_file_is_shown_with_escapes():
    """pyvips takes libvips's messages for UTF-8, and would fail again at the next one."""
    with (
        pytest.raises(messages.FileError, match=r"cannot read it; heif: \\xff"),
        messages.listening("cannot read it"),
    ):
        raise UnicodeDecodeError("utf-8", b"heif: \xff", 6, 7, "invalid start byte")


def test_no_memory_is_one_line(tmp_path, monkeypatch, refused):
    def fail(*_):
        raise MemoryError("Unable to allocate 7 TiB")

    monkeypatch.setattr(reading, "_decoded", fail)
    refused(PHOTO, tmp_path / "o.png", ["not enough memory", "7 TiB"], status=1)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--scale", "4"], ["--scale is 4.0", "1/4"]),
        (["--scale=-1/4"], ["--scale is -1/4,"]),
        (["--scale", "1/0"], ["--scale", "1/0"]),
        (["--scale", "quarter"], ["--scale", "quarter", "1/4"]),
        (["--scale", "0,5"], ["'0,5'", "1/2, or 0.5"]),
        (["--scale", "0,25,0,5"], ["1/4,1/2"]),
        (["--format", "bmp"], ["--format is bmp", "webp"]),
        (["--scale", "1/4,1/2,1"], ["3 value(s) for 2"]),
        (["--sigma", "-1"], ["sigma is -1.0"]),
        (["--sigma", "none"], ["--sigma", "none"]),
        (["--boundary", "mirror"], ["mirror", "reflect"]),
        (["--sampling", "bilinear"], ["bilinear", "nearest"]),
        (["--backend", "abacus"], ["abacus", "numpy"]),
        (["--threads", "0"], ["--threads is 0"]),
        (["--axes", "0,1"], ["--axes", "rows and columns"]),
        (["--quality", "80"], ["--quality", "without loss"]),
    ],
)
def test_arguments_that_do_not_fit(tmp_path, refused, options, words):
    ending = refused(PHOTO, tmp_path / "o.png", words, *options, status=2)
    for python in ("Fraction(", "None", "axes=", "sampling="):
        assert python not in ending.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--threads", "0"], ["--threads is 0"]),
        (["--backend", "abacus"], ["abacus"]),
        (["--scale", "2"], ["--scale is 2"]),
        (["--axes", "x"], ["--axes"]),
        (["--sigma", "-1"], ["--sigma"]),
        (["--boundary", "mirror"], ["mirror"]),
        (["--sampling", "bilinear"], ["bilinear"]),
        (["--scale", "1/4,1/2,1"], ["3 value(s) for 2"]),
    ],
)
def test_arguments_are_checked_before_the_file_is_read(tmp_path, refused, options, words):
    refused(tmp_path / "not-there.png", tmp_path / "o.png", words, *options, status=2)


def test_a_name_that_is_empty(tmp_path):
    for arguments in (("run", PHOTO, "-o", ""), ("run", "", "-o", tmp_path / "o.png")):
        ending = call(*arguments, "--scale", "1/4")
        assert (ending.status, len(ending.stderr.splitlines())) == (2, 1)
        assert "is empty" in ending.stderr
    assert "--output is empty" in call("demo", "-o", "").stderr
