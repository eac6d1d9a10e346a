"""TIFF, through tifffile.

A TIFF says what its samples mean in many ways. Those that a picture here can express are read as
they are; a few are converted, with a note; the rest are refused by name.
"""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from ..endings import FileError, UsageError, note
from .decoding import decoding
from .jpeg import what_is_missing
from .picture import Alpha, Metadata, Picture, Resolution, full_scale
from .png import tell_of_chunks

__all__ = ["check_fits_tiff", "encode_tiff", "read_tiff"]

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _YCBCR = 0, 1, 2, 3, 6
_OTHER_COLOURS = {4: "a mask", 5: "CMYK", 8: "CIE L*a*b*", 9: "ICC L*a*b*", 32803: "a raw mosaic"}
_UNCOMPRESSED, _JPEG = 1, 7
_UNSPECIFIED, _ASSOCIATED, _STRAIGHT = 0, 1, 2
_TAG_ORIENTATION, _TAG_ICC = 274, 34675
_TAG_ACROSS, _TAG_DOWN, _TAG_UNIT = 282, 283, 296
_TAG_DESCRIPTION, _TAG_SOFTWARE, _TAG_DATE = 270, 305, 306
_TEXT_TAGS = (_TAG_DESCRIPTION, 271, 272, _TAG_SOFTWARE, _TAG_DATE, 315, 33432)
_LAYOUT_TAGS = {*range(254, 260), 262, 266, 273, *range(277, 282), 284, 297, 317, *range(320, 326)}
_LAYOUT_TAGS |= {338, 339, 340, 341, 347, *range(530, 533)}  # rewritten for the new samples
_UNITS = ("none", "inch", "centimetre")  # 1, 2, 3
_TYPES = ("uint8", "uint16", "float16", "float32", "float64")
_PLAUSIBLE_BYTES, _PLAUSIBLE_RATIO = 1 << 30, 2_000


def read_tiff(path: Path) -> Picture:
    """The one picture of a TIFF, upright.

    Raises
    ------
    FileError
        If it is broken, lacks samples, holds several, or would not be read faithfully.
    """
    try:
        with _quiet(), tifffile.TiffFile(path) as file:
            page = _only_page(path, file)
            _refuse_what_is_not_understood(path, page)
            _refuse_what_is_not_there(path, page)
            if int(page.compression) == _JPEG:
                _refuse_short_jpeg(path, page, file.filehandle)
            pixels, is_upright = _decoded(path, page)
            pixels, colours = _as_grey_or_rgb(path, page, pixels)
            picture = Picture(pixels, colours, _alpha(path, page), "TIFF", _metadata(path, page))
            turned = picture.turned(_orientation(page))
            if is_upright:  # then its resolution alone is not
                return picture.with_metadata(resolution=turned.metadata.resolution)
            return turned
    except (FileError, MemoryError):
        raise
    except Exception as error:
        raise FileError(f"cannot read {path}: {error or type(error).__name__}") from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep tifffile's log off stderr; what matters comes as an exception."""
    logger = logging.getLogger("tifffile")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def _only_page(path: Path, file: Any) -> Any:
    pages = [page for page in file.pages if not page.subfiletype & 1]
    if not pages:
        raise FileError(f"cannot read {path}: it holds no picture")
    page = pages[0].aspage()
    if len(pages) > 1 or page.imagedepth > 1 or _hidden_pages(file, page):
        raise FileError(
            f"{path} holds several pictures; extract the page that is meant, or save the stack as "
            "a .npy and name its --axes"
        )
    if len(file.pages) > 1:
        note(f"{path} also holds {len(file.pages) - 1} reduced copies, which are not kept")
    return page


def _hidden_pages(file: Any, page: Any) -> bool:
    """Whether there are pictures without a directory of their own, as ImageJ writes them."""
    return bool(file.is_imagej) and bool(file.series) and file.series[0].size > page.size


def _refuse_what_is_not_understood(path: Path, page: Any) -> None:
    colours = int(page.photometric)
    if colours not in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _YCBCR):
        named = _OTHER_COLOURS.get(colours, f"the kind {page.photometric!s}")
        raise FileError(
            f"{path} is {named}, which cannot be filtered faithfully; convert it to RGB first"
        )
    if colours == _YCBCR and int(page.compression) != _JPEG:
        raise FileError(f"{path} is YCbCr without JPEG; convert it to RGB first")
    bits, grey = page.bitspersample, colours in (_WHITE_IS_ZERO, _BLACK_IS_ZERO)
    small = bits in (1, 2, 4) and (grey or colours == _PALETTE) and page.samplesperpixel == 1
    if page.dtype is None or not (small or np.dtype(page.dtype).name in _TYPES):
        raise FileError(
            f"{path} has samples of type {page.dtype or 'unknown'}; convert it to one of "
            f"{', '.join(_TYPES)} first"
        )
    if not small and bits != 8 * np.dtype(page.dtype).itemsize:
        raise FileError(f"{path} has {bits}-bit samples; convert it to 16 bits first")
    if colours == _WHITE_IS_ZERO and (page.dtype.kind == "f" or page.samplesperpixel > 1):
        raise FileError(f"{path} has white as 0 in a way not read here; convert it first")


def _refuse_what_is_not_there(path: Path, page: Any) -> None:
    """Claims are checked against the file before memory is taken for them."""
    there, stored = path.stat().st_size, sum(page.databytecounts)
    ends = [o + n for o, n in zip(page.dataoffsets, page.databytecounts, strict=False)]
    expected = page.nbytes if page.bitspersample >= 8 else 0
    uncompressed = int(page.compression) == _UNCOMPRESSED
    if max(ends, default=0) > there or (uncompressed and stored < expected) or not ends:
        raise FileError(f"cannot read {path}: it is cut off; {there:,} bytes are there")
    if expected > max(_PLAUSIBLE_BYTES, _PLAUSIBLE_RATIO * stored):
        raise FileError(
            f"{path} is refused, since it may be an attack: {stored:,} bytes claim to hold "
            f"{expected:,}; if you trust it, save it without compression"
        )


def _refuse_short_jpeg(path: Path, page: Any, file: Any) -> None:
    """Each strip or tile is a JPEG, whose tables may stand in one for all."""
    tables = (page.jpegtables or b"\xff\xd8\xff\xd9")[:-2]
    for offset, length in zip(page.dataoffsets, page.databytecounts, strict=True):
        if length == 0:
            continue
        file.seek(offset)
        data = tables + file.read(length)[2:]
        try:
            missing = what_is_missing(data)
        except MemoryError:
            raise
        except Exception:  # not for Pillow; whatever decodes it will judge
            continue
        if missing:
            raise FileError(f"cannot read {path}: it is cut off or damaged; {missing}")


def _decoded(path: Path, page: Any) -> tuple[NDArray[Any], bool]:
    """Samples of shape (H, W) or (H, W, C) as stored, and whether they are upright already."""
    try:
        samples = page.asarray(squeeze=False)
    except (ValueError, ImportError) as error:
        if isinstance(error, ValueError) and "imagecodecs" not in str(error):
            raise
        return _decoded_by_pillow(path, page), True
    planes = samples[:, 0]  # (planes, H, W, C), where planes or C is 1
    pixels = planes[0] if len(planes) == 1 else np.moveaxis(planes[..., 0], 0, -1)
    return (pixels[..., 0] if pixels.shape[-1] == 1 else pixels), False


def _decoded_by_pillow(path: Path, page: Any) -> NDArray[Any]:
    """What tifffile alone does not decompress, such as LZW. Pillow turns it upright."""
    extra = tuple(map(int, page.extrasamples))
    modes = {
        (8, 1, ()): "L",
        (16, 1, ()): "I;16",
        (8, 3, ()): "RGB",
        (8, 4, (_STRAIGHT,)): "RGBA",
    }
    mode = modes.get((page.bitspersample, page.samplesperpixel, extra))
    if mode is not None and int(page.photometric) in (_BLACK_IS_ZERO, _RGB, _YCBCR):
        with Image.open(path, formats=["TIFF"]) as image:
            with decoding(path):
                image.load()
            if image.mode == mode:
                return np.asarray(image)
    raise FileError(
        f"{path} is compressed in a way that is not read here ({page.compression.name}); install "
        "the package imagecodecs, or save it with Deflate or without compression"
    )


def _as_grey_or_rgb(path: Path, page: Any, pixels: NDArray[Any]) -> tuple[NDArray[Any], int]:
    """Samples that mean intensities, and how many of a pixel's are colours."""
    colours = int(page.photometric)
    if colours == _PALETTE:
        note(f"{path} has a palette; it is converted to RGB")
        return _looked_up(page.colormap, pixels), 3
    if colours in (_RGB, _YCBCR):
        return pixels, 3
    bits = page.bitspersample
    if bits < 8:
        note(f"{path} is {bits}-bit grey; it is converted to 8-bit grey")
        pixels = pixels.astype(np.uint8) * np.uint8(255 // ((1 << bits) - 1))
    if colours == _WHITE_IS_ZERO:
        note(f"{path} has white as 0; it is converted to black as 0")
        pixels = np.array(full_scale(pixels.dtype), pixels.dtype) - pixels
    return pixels, 1


def _looked_up(colormap: NDArray[Any], indices: NDArray[Any]) -> NDArray[Any]:
    """Palette colours; in 8 bits if they have no more, stored times 257 or, by some, 256."""
    table = colormap.T
    if np.all(table % 257 == 0) or np.all(table % 256 == 0):
        table = (table >> 8).astype(np.uint8)
    result: NDArray[Any] = table[indices.astype(np.intp)]
    return result


def _alpha(path: Path, page: Any) -> Alpha:
    extra = tuple(map(int, page.extrasamples))
    if _ASSOCIATED not in extra and _STRAIGHT not in extra:
        return "none"
    if len(extra) > 1:
        raise FileError(
            f"{path} has an alpha among {len(extra)} extra samples; keep the alpha only"
        )
    return "associated" if extra == (_ASSOCIATED,) else "straight"


def _metadata(path: Path, page: Any) -> Metadata:
    tags = {tag.code: tag.value for tag in page.tags}
    _tell_of_other_tags(path, page)
    texts = {code: tags[code] for code in _TEXT_TAGS if isinstance(tags.get(code), str)}
    if page.is_shaped or page.is_imagej or page.is_ome:
        texts.pop(_TAG_DESCRIPTION, None)  # it tells the old size
    icc = tags.get(_TAG_ICC)
    return Metadata(
        icc=bytes(icc) if icc is not None else None,
        resolution=_resolution(tags),
        texts=texts,
        compressed=int(page.compression) != _UNCOMPRESSED,
    )


def _tell_of_other_tags(path: Path, page: Any) -> None:
    """Such as XMP, EXIF or a place on a map."""
    kept = {_TAG_ORIENTATION, _TAG_ICC, _TAG_ACROSS, _TAG_DOWN, _TAG_UNIT, *_TEXT_TAGS}
    others = [tag.name for tag in page.tags if tag.code not in kept | _LAYOUT_TAGS]
    if others:
        note(f"these tags of {path} are not kept: {', '.join(others)}")


def _resolution(tags: dict[int, Any]) -> Resolution | None:
    try:
        across, down = (n / d for n, d in (tags[_TAG_ACROSS], tags[_TAG_DOWN]))
        unit = _UNITS[int(tags.get(_TAG_UNIT, 2)) - 1]
    except (KeyError, IndexError, TypeError, ValueError, ZeroDivisionError):
        return None
    return Resolution(across, down, unit) if across > 0 and down > 0 else None  # type: ignore[arg-type]


def _orientation(page: Any) -> int:
    tag = page.tags.get(_TAG_ORIENTATION)
    orientation = int(tag.value) if tag is not None else 1
    return orientation if 1 <= orientation <= 8 else 1


def check_fits_tiff(path: Path, dtype: np.dtype[Any]) -> None:
    """See whether a TIFF holds such samples.

    Raises
    ------
    UsageError
        If it does not.
    """
    if dtype.name not in _TYPES:
        raise UsageError(f"{path}: TIFF does not hold {dtype}; use one of {', '.join(_TYPES)}")


def encode_tiff(path: Path, picture: Picture) -> list[bytes | memoryview]:
    """The file's bytes.

    Raises
    ------
    FileError
        If tifffile will not write it.
    """
    metadata = picture.metadata
    if metadata.exif is not None:
        note(f"{path}: the EXIF is not kept in TIFF")
    tell_of_chunks(path, picture)
    stream = io.BytesIO()
    try:
        tifffile.imwrite(stream, picture.pixels, **_settings(picture))
    except (ValueError, OSError) as error:
        raise FileError(f"cannot write {path}: {error}") from None
    return [stream.getbuffer()]


def _settings(picture: Picture) -> dict[str, Any]:
    metadata, pixels = picture.metadata, picture.pixels
    settings: dict[str, Any] = {
        "photometric": "rgb" if picture.colours == 3 else "minisblack",
        "planarconfig": "contig" if picture.channels > 1 else None,
        "extrasamples": _extra_samples(picture),
        "iccprofile": metadata.icc,
        "metadata": None,
        **_text_settings(metadata.texts),
    }
    if metadata.compressed:
        settings["compression"] = "zlib"
        settings["predictor"] = pixels.dtype.kind == "u"
    if metadata.resolution is not None:
        settings["resolution"] = metadata.resolution[:2]
        settings["resolutionunit"] = 1 + _UNITS.index(metadata.resolution.unit)
    return settings


def _extra_samples(picture: Picture) -> list[str] | None:
    alphas = {"none": [], "straight": ["unassalpha"], "associated": ["assocalpha"]}
    return (alphas[picture.alpha] + ["unspecified"] * picture.unnamed) or None


def _text_settings(texts: dict[int, str]) -> dict[str, Any]:
    others = dict(texts)
    settings: dict[str, Any] = {"software": others.pop(_TAG_SOFTWARE, "").encode() or False}
    if description := others.pop(_TAG_DESCRIPTION, ""):
        settings["description"] = description.encode()
    if (date := others.pop(_TAG_DATE, "")) and len(date) == 19 and date.isascii():
        settings["datetime"] = date
    settings["extratags"] = [(code, 2, 0, t.encode(), True) for code, t in others.items() if t]
    return settings
