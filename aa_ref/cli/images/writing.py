"""Samples and metadata into the bytes of a picture file."""

import re
from typing import Any

import numpy as np
import pyvips
from numpy.typing import NDArray

from ..endings import note
from .formats import FORMATS
from .ground import Tag
from .messages import listening
from .picture import COMMENT, COURSE, METADATA, Picture, fields_of
from .tiff import NO_DATA, encode_tiff

__all__ = ["encode", "encode_png", "encode_samples"]

_UNKNOWN = 72 / 25.4  # samples a millimetre, where a format must state some resolution
_LEAST, _MOST = 0.001, 1e6  # beyond, formats' integers end
_OLD_SIZES = re.compile(r"ImageJ=|\{\"shape\"|<\?xml.*OME", re.DOTALL)
_XMP_FIELD = rb"((?:tiff|exif):(?:%b)(?:\s*=\s*[\"']|>)\s*)\d+"


def encode(
    output: str,
    name: str,
    picture: Picture,
    pixels: NDArray[Any],
    spacing: tuple[float, float],
    quality: int | None,
    nodata: str | None = None,
) -> list[bytes | memoryview]:
    """Give the bytes of a smaller picture in the format ``name``.

    Parameters
    ----------
    output, name : str
        The file, for messages; a key of `FORMATS`.
    picture : Picture
        What the samples come from: the metadata are taken from it and adapted.
    pixels : ndarray
    spacing : (down, across)
        How many of the larger picture's pixels one of the smaller stands for.
    quality : int or None
        1 to 100; None for JPEG's default, for the others without loss.
    nodata : str or None
        What a TIFF's tag GDAL_NODATA says.

    Raises
    ------
    FileError
        If libvips cannot write it.
    """
    fields = _kept(output, name, picture)
    if name in ("WebP", "AVIF") and picture.colours == 1:
        note(f"{output}: {name} has no grey; it is written as RGB")
        pixels = pixels[..., [0, 0, 0, 1]] if picture.alpha else np.stack([pixels] * 3, -1)
        if fields.pop("icc-profile-data", None) is not None:
            note(f"{output}: the profile for grey is not kept")
    if name == "GIF":
        note(f"{output}: GIF holds 256 colours a frame and no soft edges; they are chosen anew")
    tags = _ground(output, name, picture, spacing)
    across, down, unit = _resolution(picture, spacing)
    if "xmp-data" in fields:
        height, width = pixels.shape[1:3] if picture.frames > 1 else pixels.shape[:2]
        fields["xmp-data"] = _adapted(fields["xmp-data"], width, height)
    if name == "TIFF":
        if nodata is not None:
            tags.append((NO_DATA, 2, 0, nodata, True))
        return [encode_tiff(picture, pixels, fields, (across, down, unit), tags)]
    settings = dict(FORMATS[name].settings)
    settings |= {"Q": quality} if quality else FORMATS[name].without_quality or {}
    exif = "exif-data" in fields or (name == "JPEG" and bool(unit))
    with listening(f"cannot write {output}") as said:
        frames = 1 if picture.frames == 1 else pixels.shape[0]
        image = _image(pixels, frames, xres=across, yres=down)
        _give_metadata(image, picture, fields)
        if "exif-data" in fields:  # which has a resolution of its own, and libvips takes it over
            image = image.copy(xres=across, yres=down)
        if unit:
            image.set_type(pyvips.GValue.refstr_type, "resolution-unit", unit)
        save = getattr(image, FORMATS[name].loader.replace("load", "save_buffer"))
        data: bytes = save(keep="icc|xmp|iptc|other" + "|exif" * exif, **settings)
    for text in said:
        note(f"{output}: {text}")
    return [data]


def _ground(output: str, name: str, picture: Picture, spacing: tuple[float, float]) -> list[Tag]:
    """Adapt the tags of a GeoTIFF, and note where they are not kept."""
    why, ground = None, picture.ground
    if ground is None:
        return []
    if name != "TIFF":
        why = f"{name} does not hold it"
    elif picture.orientation != 1:
        why = "the picture is turned"
    elif not all(step.is_integer() for step in spacing):
        why = "--sampling nearest takes samples unevenly here"
    if why is None:
        return ground.coarser(*spacing)
    note(f"{output}: the place on the ground is not kept, since {why}: {', '.join(ground.names)}")
    return []


def encode_png(pixels: NDArray[np.uint8]) -> list[bytes | memoryview]:
    """Give the bytes of a PNG of samples alone, of shape (H, W, 3)."""
    data: bytes = _image(pixels, 1).pngsave_buffer(filter="all", keep="none")
    return [data]


def encode_samples(output: str, name: str, pixels: NDArray[Any], quality: int | None) -> bytes:
    """Give the bytes of a picture of samples alone, without metadata.

    Parameters
    ----------
    output, name : str
        The file, for messages; a key of `FORMATS`.
    pixels : ndarray of uint8 or uint16, of shape (H, W) or (H, W, 3)
    quality : int or None
        As for `encode`.

    Raises
    ------
    FileError
        If libvips cannot write it.
    """
    settings = dict(FORMATS[name].settings)
    settings |= {"Q": quality} if quality else FORMATS[name].without_quality or {}
    with listening(f"cannot write {output}"):
        image = _image(pixels, 1)
        save = getattr(image, FORMATS[name].loader.replace("load", "save_buffer"))
        data: bytes = save(keep="none", **settings)
    return data


def _image(pixels: NDArray[Any], frames: int, **fields: Any) -> Any:
    """Hand samples to libvips: the frames of an animation one below the other."""
    if pixels.ndim == 4 or frames > 1:
        pixels = pixels.reshape(pixels.shape[0] * pixels.shape[1], *pixels.shape[2:])
    height, width, channels = pixels.shape if pixels.ndim == 3 else (*pixels.shape, 1)
    deep = pixels.dtype == np.uint16
    colours = ("grey16" if deep else "b-w") if channels < 3 else "rgb16" if deep else "srgb"
    samples = np.ascontiguousarray(pixels)
    form = "ushort" if deep else "uchar"
    image = pyvips.Image.new_from_memory(samples, width, height, channels, form)
    image = image.copy(interpretation=colours, **fields)
    if frames > 1:
        image.set_type(pyvips.GValue.gint_type, "page-height", image.height // frames)
    return image


def _kept(output: str, name: str, picture: Picture) -> dict[str, Any]:
    """Find the metadata that the format keeps, and note what it does not."""
    header, kept, lost = picture.header, {}, set()
    for field in fields_of(header, picture.format):
        kind = COMMENT if field.startswith(COMMENT) else field
        if field in COURSE:
            kept[field] = header.get(field)
        elif kind in METADATA and "Raw profile" not in field:
            value = header.get(field) if header.get_typeof(field) else "\N{REPLACEMENT CHARACTER}"
            if field == "image-description" and _OLD_SIZES.match(value):
                continue  # which has been noted
            if kind in FORMATS[name].keeps and _is_readable(kind, value):
                kept[field] = value
            else:
                lost.add(METADATA[kind])
    if lost:
        note(f"{output}: not kept in {name}: {', '.join(sorted(lost))}")
    return kept


def _is_readable(kind: str, value: Any) -> bool:
    """See whether pyvips could read a text, and libvips writes it in the encoding of its format."""
    if kind == COMMENT:
        return bool(value.isascii())
    return not isinstance(value, str) or "\N{REPLACEMENT CHARACTER}" not in value


def _give_metadata(image: Any, picture: Picture, fields: dict[str, Any]) -> None:
    """Copy what is kept. libvips writes sizes and resolution into the EXIF by itself."""
    for field, value in fields.items():
        image.set_type(picture.header.get_typeof(field), field, value)
    if image.get_typeof("jpeg-thumbnail-data"):
        image.remove("jpeg-thumbnail-data")  # it shows the old picture
    image.set_type(pyvips.GValue.gint_type, "orientation", 1)


def _adapted(xmp: bytes, width: int, height: int) -> bytes:
    """Say in the XMP, too, that the picture is upright, and its size."""
    for names, value in (
        (b"Orientation", 1),
        (b"PixelXDimension|ImageWidth", width),
        (b"PixelYDimension|ImageLength|ImageHeight", height),
    ):
        xmp = re.sub(_XMP_FIELD % names, rb"\g<1>%d" % value, xmp)
    return xmp


def _resolution(picture: Picture, spacing: tuple[float, float]) -> tuple[float, float, str]:
    """Keep printed lengths what they are: samples a millimetre across and down, and the unit."""
    header = picture.header
    stated = bool(header.get_typeof("resolution-unit")) and picture.format != "AVIF"
    if not stated and (picture.format != "PNG" or header.xres == 2.834):  # libvips's default
        return _UNKNOWN, _UNKNOWN, ""
    across, down = header.xres, header.yres
    if picture.orientation >= 5:
        across, down = down, across
    across, down = (min(max(v, _LEAST), _MOST) for v in (across / spacing[1], down / spacing[0]))
    return across, down, header.get("resolution-unit") if stated else "in"
