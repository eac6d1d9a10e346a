"""Pictures into samples: the header first, with all that is refused, then the samples.

Rows come in one pass from the top. Nothing here needs a folder for temporary files.
"""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np
import pyvips
from numpy.typing import NDArray

from ..endings import FileError, note
from ..inputs import Input
from .formats import FORMATS, recognised
from .messages import in_one_line, listening
from .picture import Picture, fields_of, orientation_in_xmp
from .tiff import read_facts, read_samples
from .unseen import notes_of_gif, notes_of_jpeg, notes_of_png

__all__ = ["decode", "open_picture"]

os.environ.setdefault("VIPS_DISC_THRESHOLD", str(1 << 62))  # memory, not a temporary file
pyvips.cache_set_max(0)  # no operation is asked for twice, and a cached one keeps its file open
_DTYPES = {
    "uchar": "uint8",
    "ushort": "uint16",
    "short": "int16",
    "float": "float32",
    "double": "float64",
}
_COLOURS = ("b-w", "grey16", "srgb", "rgb16", "rgb", "scrgb", "multiband")
_STRICT = {"JPEG": "warning", "TIFF": "warning"}  # libjpeg only warns where samples are missing
_HARMLESS = re.compile(r"extraneous bytes before marker 0x(?!d[0-7])")  # but restarts are samples
_UNSEEN = {"PNG": notes_of_png, "JPEG": notes_of_jpeg, "GIF": notes_of_gif}
_RAW = "Raw profile type "
_HEADS = {"exif-data": b"Exif\0\0", "xmp-data": b"http://ns.adobe.com/xap/1.0/\0"}
"""How EXIF and XMP begin in a segment of a JPEG, which ImageMagick puts into the text of a PNG."""


def open_picture(source: Input, max_pixels: int) -> Picture:
    """Read the header of a picture.

    Raises
    ------
    FileError
        If it is broken, too large, or would not be read faithfully.
    """
    name = source.name
    with source.open() as file:
        fmt = recognised(file.read(16))
        if fmt is None:
            raise FileError(
                f"cannot read {name}: its contents are not a picture ({', '.join(FORMATS)}), an "
                "array (.npy) or a video, as far as known here; convert it to one of these first"
            )
    load, tiff = _loader(source, fmt), None
    if fmt == "TIFF":
        with source.open() as file:
            tiff = read_facts(name, file)
        _refuse_what_is_too_large(name, *tiff.size, max_pixels)
        if tiff.unread:
            load = _loader_by_tifffile(source, tiff.orientation)
    with listening(f"cannot read {name}") as said:
        image, profiles = _with_profiles(load(_STRICT.get(fmt, "error")), fmt)
        width, height, bands = image.width, image.height, image.bands  # each costs microseconds
    notes = [*(tiff.notes if tiff else ()), *_conversions(name, fmt, image)]
    if profiles:
        notes.append(f"these parts of {name} are not kept: {', '.join(profiles)}")
    if fmt in _UNSEEN:
        with source.open() as file:
            notes += _UNSEEN[fmt](name, file, bands)
    _refuse_what_is_too_large(name, width, height, max_pixels)
    dtype = _understood(name, image)
    orientation, frames = tiff.orientation if tiff else _orientation(image), 1
    if FORMATS[fmt].frames and image.get_typeof("page-height"):
        frames = max(1, height // int(image.get("page-height")))
    height //= frames
    if orientation >= 5:
        height, width = width, height
    return Picture(
        name, fmt, load, image, height, width, frames, bands, dtype,
        tiff.colours if tiff else 3 if bands >= 3 else 1,
        tiff.alpha if tiff else bands in (2, 4),
        orientation,
        tiff.compressed if tiff else True,
        (*notes, *(f"{name} may be damaged: {text}" for text in said)),
        (None if tiff.is_converted else tiff.dtype) if tiff else dtype,
        tiff.nodata if tiff else None,
        tiff.ground if tiff else None,
    )  # fmt: skip


def _loader(source: Input, fmt: str) -> Callable[[str], Any]:
    operation = getattr(pyvips.Image, f"{FORMATS[fmt].loader}_source")
    options: dict[str, Any] = {"n": -1} if FORMATS[fmt].frames else {}
    if fmt in ("PNG", "JPEG", "TIFF", "AVIF"):
        options["unlimited"] = True  # --max-pixels is the limit

    def load(fail_on: str) -> Any:
        if source.content is not None:
            stream = pyvips.Source.new_from_memory(source.content)
            return operation(stream, access="sequential", fail_on=fail_on, **options)
        with source.open() as file:  # by descriptor: names may hold any bytes, and brackets
            stream = pyvips.Source.new_from_descriptor(file.fileno())
            return operation(stream, access="sequential", fail_on=fail_on, **options)

    return load


def _loader_by_tifffile(source: Input, orientation: int) -> Callable[[str], Any]:
    def load(_: str) -> Any:
        with source.open() as file:
            image = pyvips.Image.new_from_array(read_samples(source.name, file))
        image.set_type(pyvips.GValue.gint_type, "orientation", orientation)
        return image

    return load


def _refuse_what_is_too_large(name: str, width: int, height: int, most: int) -> None:
    if width * height > most:
        raise FileError(
            f"{name} is refused, since {width}×{height} is more than {most:,} pixels, which may be "
            "an attack; if you trust it, raise --max-pixels"
        )


def _understood(name: str, image: Any) -> np.dtype[Any]:
    """Return the type of samples that can be filtered faithfully."""
    colours, form = image.interpretation, image.format
    if colours not in _COLOURS:
        kind = str(colours).upper()
        raise FileError(
            f"{name} has colours of the kind {kind}, which cannot be filtered faithfully; convert "
            "it to RGB first, with its colour profile"
        )
    if form not in _DTYPES:
        raise FileError(f"{name} has samples of the type {form}; convert it first")
    return np.dtype(_DTYPES[form])


def _conversions(name: str, fmt: str, image: Any) -> Iterator[str]:
    if fmt == "PNG":
        bits = image.get("bits-per-sample") if image.get_typeof("bits-per-sample") else 8
        if image.get_typeof("palette"):
            yield f"{name} has a palette; it is converted to RGB"
        elif bits < 8:
            yield f"{name} is {bits}-bit grey; it is converted to 8-bit grey"
    elif fmt == "AVIF" and image.get_typeof("n-pages") and image.get("n-pages") > 1:
        yield f"{name} holds several pictures; the primary one is taken"


def _with_profiles(image: Any, fmt: str) -> tuple[Any, list[str]]:
    """Take over EXIF and XMP that libvips only carries, and name the other profiles it does not.

    It only carries a WebP's resolution and what ImageMagick writes into a PNG: each profile as
    text, in hexadecimal digits.
    """
    if fmt == "JPEG":
        return image, []
    found = {key: image.get(key) if image.get_typeof(key) else b"" for key in _HEADS}
    had_xmp, lost = bool(found["xmp-data"]), []
    for field in fields_of(image, fmt) if fmt == "PNG" else ():
        if _RAW not in field:
            continue
        name = field[field.index(_RAW) :]
        content = b""
        with suppress(ValueError):
            content = bytes.fromhex("".join(image.get(field).split()[2:]))
        if name == f"{_RAW}xmp":
            content = _HEADS["xmp-data"] + content.removeprefix(_HEADS["xmp-data"])
        keys = [key for key, head in _HEADS.items() if content.startswith(head)]
        if not keys or len(content) == len(_HEADS[keys[0]]):
            lost.append(name)
        elif not found[keys[0]]:
            head = b"" if keys[0] == "exif-data" else _HEADS["xmp-data"]
            found[keys[0]] = content.removeprefix(head)
    if found["exif-data"] or (found["xmp-data"] and not had_xmp):
        image = image.copy()
        for key, content in found.items():
            if content:  # the EXIF is then read by libvips
                image.set_type(pyvips.GValue.blob_type, key, content)
    return image, lost


def _orientation(image: Any) -> int:
    if image.get_typeof("orientation"):
        value = int(image.get("orientation"))
        return value if 1 <= value <= 8 else 1
    return orientation_in_xmp(image.get("xmp-data") if image.get_typeof("xmp-data") else b"")


def decode(picture: Picture, use: Callable[[Any], NDArray[Any]] | None = None) -> NDArray[Any]:
    """Read all samples, upright, or what ``use`` makes of the rows as stored, from the top.

    Raises
    ------
    FileError
        If some are missing or damaged, as far as that can be told: a JPEG has no checksum.
    """
    name, notes = picture.name, list(picture.notes)
    use = use or partial(_decoded, picture)
    with listening(f"cannot read {name}: it is cut off or damaged") as said:
        try:
            pixels = use(picture.header)
        except pyvips.Error as error:
            if not _HARMLESS.search(error.detail):
                raise
            notes.append(f"{name} may be damaged: {in_one_line(error.detail)}")
            pixels = use(picture.load("error"))
    notes += (f"{name} may be damaged: {text}" for text in said)
    for text in dict.fromkeys(notes):
        note(text)
    return pixels


def _decoded(picture: Picture, image: Any) -> NDArray[Any]:
    if picture.orientation != 1:
        image = image.copy_memory().copy()
        image.set_type(pyvips.GValue.gint_type, "orientation", picture.orientation)
        image = image.autorot()
    return np.frombuffer(image.write_to_memory(), picture.dtype).reshape(picture.shape)
