"""Samples and metadata into the bytes of a picture file."""

import re
from typing import Any

import numpy as np
import pyvips
from numpy.typing import NDArray

from ..endings import note
from .formats import FORMATS
from .picture import Picture
from .reading import listening
from .tiff import with_tags

__all__ = ["encode", "encode_png"]

_JPEG_QUALITY = 95
_UNKNOWN = 72 / 25.4  # samples a millimetre, where a format must state some resolution
_LEAST, _MOST = 0.001, 1e6  # beyond, formats' integers end
_LABELS = {
    "icc-profile-data": "colour profile",
    "exif-data": "EXIF",
    "xmp-data": "XMP",
    "iptc-data": "IPTC",
    "image-description": "description",
    "comments": "texts",
}
_ANIMATION = ("delay", "loop")
_XMP_FIELD = rb"((?:tiff|exif):(?:%b)(?:\s*=\s*[\"']|>)\s*)\d+"
_BIG = (1 << 32) - (1 << 26)  # bytes that the offsets of a plain TIFF reach


def encode(
    output: str,
    name: str,
    picture: Picture,
    pixels: NDArray[Any],
    spacing: tuple[float, float],
    quality: int | None,
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

    Raises
    ------
    FileError
        If libvips cannot write it.
    """
    keeps = _kept(output, name, picture)
    if name in ("WebP", "AVIF") and picture.colours == 1:
        note(f"{output}: {name} has no grey; it is written as RGB")
        pixels = _as_rgb(pixels, picture.alpha)
        if "icc-profile-data" in keeps:
            note(f"{output}: the profile for grey is not kept")
            keeps.remove("icc-profile-data")
    if name == "GIF":
        note(f"{output}: GIF holds 256 colours a frame and no soft edges; they are chosen anew")
    with listening(f"cannot write {output}") as said:
        image = _image(pixels, len(pixels) if picture.frames == 1 else pixels.shape[1])
        _give_metadata(image, picture, keeps)
        image = _with_resolution(image, picture, spacing)
        keep = "icc|xmp|iptc|other" + ("|exif" if "exif-data" in keeps or name == "JPEG" else "")
        save = getattr(image, FORMATS[name].loader.replace("load", "save_buffer"))
        data: bytes = save(keep=keep, **_settings(name, picture, pixels, quality))
    for text in said:
        note(f"{output}: {text}")
    return [with_tags(data, picture) if name == "TIFF" else data]


def encode_png(pixels: NDArray[np.uint8]) -> list[bytes | memoryview]:
    """Give the bytes of a PNG of samples alone, of shape (H, W, 3)."""
    data: bytes = _image(pixels, len(pixels)).pngsave_buffer(filter="all", keep="none")
    return [data]


def _image(pixels: NDArray[Any], rows: int) -> Any:
    """Hand samples to libvips: the frames of an animation one below the other."""
    grey = pixels.ndim == 2 or pixels.shape[-1] == 2
    words = {"uint8": ("b-w", "srgb"), "uint16": ("grey16", "rgb16")}
    interpretation = words.get(pixels.dtype.name, ("b-w", "srgb"))[not grey]
    if pixels.ndim == 4:
        pixels = pixels.reshape(-1, *pixels.shape[2:])
    image = pyvips.Image.new_from_array(
        np.ascontiguousarray(pixels), interpretation=interpretation
    ).copy()
    if image.height > rows:
        image.set_type(pyvips.GValue.gint_type, "page-height", rows)
    return image


def _as_rgb(pixels: NDArray[Any], alpha: bool) -> NDArray[Any]:
    return pixels[..., [0, 0, 0, 1]] if alpha else np.stack([pixels] * 3, -1)


def _kept(output: str, name: str, picture: Picture) -> set[str]:
    """Find the metadata that the format keeps, and note what it does not."""
    header = picture.header
    there = {field for field in _LABELS if header.get_typeof(field)}
    if any(f.startswith("png-comment-") and "Raw profile" not in f for f in header.get_fields()):
        there.add("comments")
    if "image-description" in there and re.match(
        r"ImageJ=|\{\"shape\"|<\?xml.*OME", header.get("image-description"), re.DOTALL
    ):
        there.remove("image-description")  # it tells the old size, which has been noted
    if lost := sorted(_LABELS[field] for field in there - set(FORMATS[name].keeps)):
        note(f"{output}: not kept in {name}: {', '.join(lost)}")
    return there & set(FORMATS[name].keeps)


def _give_metadata(image: Any, picture: Picture, keeps: set[str]) -> None:
    """Copy what is kept. libvips writes sizes and resolution into the EXIF by itself."""
    header = picture.header
    for field in header.get_fields():
        comment = field.startswith("png-comment-") and "Raw profile" not in field
        if field in keeps or field in _ANIMATION or (comment and "comments" in keeps):
            image.set_type(header.get_typeof(field), field, header.get(field))
    if "xmp-data" in keeps:
        xmp = _adapted(header.get("xmp-data"), image.width, image.height)
        image.set_type(pyvips.GValue.blob_type, "xmp-data", xmp)
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


def _with_resolution(image: Any, picture: Picture, spacing: tuple[float, float]) -> Any:
    """Keep printed lengths what they are."""
    header = picture.header
    stated = bool(header.get_typeof("resolution-unit")) and picture.format != "AVIF"
    if not stated and not (picture.format == "PNG" and header.xres != 2.834):  # libvips's default
        return image.copy(xres=_UNKNOWN, yres=_UNKNOWN)
    across, down = header.xres, header.yres
    if picture.orientation >= 5:
        across, down = down, across
    across, down = (min(max(v, _LEAST), _MOST) for v in (across / spacing[1], down / spacing[0]))
    image = image.copy(xres=across, yres=down)
    if header.get_typeof("resolution-unit"):
        unit = header.get("resolution-unit")
        image.set_type(pyvips.GValue.refstr_type, "resolution-unit", unit)
    return image


def _settings(
    name: str, picture: Picture, pixels: NDArray[Any], quality: int | None
) -> dict[str, Any]:
    if name == "PNG":
        return {"filter": "all"}
    if name == "JPEG":
        return {"Q": quality or _JPEG_QUALITY, "subsample_mode": "off"}
    if name == "TIFF":
        return {
            "compression": "deflate" if picture.compressed else "none",
            "predictor": "horizontal" if pixels.dtype.kind == "u" else "none",
            "bigtiff": pixels.nbytes > _BIG,
        }
    if name == "GIF":
        return {}
    also = {"exact": True} if name == "WebP" else {"compression": "av1"}
    return {"lossless": True, **also} if quality is None else {"Q": quality, **also}
