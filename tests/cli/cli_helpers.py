"""Small functions that the tests of the command line share."""

import struct
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import skimage
from PIL import Image
from typer.testing import CliRunner

import aa_ref
from aa_ref.cli.app import app

PHOTOS = Path(skimage.__file__).parent / "data"


class Ending(NamedTuple):
    status: int
    stdout: str
    stderr: str


def call(*arguments):
    """Run ``aa-ref`` with these arguments in this process; nothing but exits may be raised."""
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return Ending(result.exit_code, result.stdout, result.stderr)


def call_with_input(data, *arguments):
    """Run ``aa-ref`` with these bytes as standard input; standard output comes as bytes."""
    result = CliRunner().invoke(app, [str(a) for a in arguments], input=data)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return Ending(result.exit_code, result.stdout_bytes, result.stderr)


def pixels_of(path, mode=None):
    """A file's samples, as Pillow reads them."""
    with Image.open(path) as image:
        return np.asarray(image if mode is None else image.convert(mode))


def samples(shape, dtype="uint8", seed=0):
    """Random samples, spread over the type's whole range, or over 0 to 1."""
    rng = np.random.default_rng(seed)
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        return rng.random(shape).astype(dtype)
    return rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def expected(pixels, scale=0.25, boundary="reflect", **options):
    """What the library makes of a picture."""
    return aa_ref.downsample(pixels, scale, axes=(0, 1), boundary=boundary, **options)


def png_chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def write_png(path, depth, colour_type, width, rows, *chunks):
    """A PNG of any kind; ``rows`` holds the packed bytes of each row."""
    header = struct.pack(">IIBBBBB", width, len(rows), depth, colour_type, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + bytes(row) for row in rows))
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + b"".join(png_chunk(*c) for c in chunks)
        + png_chunk(b"IDAT", data)
        + png_chunk(b"IEND", b"")
    )
    return path
