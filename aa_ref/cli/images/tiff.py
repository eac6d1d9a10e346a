"""What libvips passes over in a TIFF, by its tags: tifffile reads and writes them.

libvips says neither what extra samples mean nor which tags there are, reads 64-bit floats not at
all and planes that are no colours wrongly, and writes no tags but its own.
"""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, NamedTuple

import numpy as np
import tifffile
from numpy.typing import NDArray

import aa_ref

from ..endings import FileError
from ..refused_types import advice_on, advice_on_kind
from .ground import GROUND, Ground, Tag, ground_of
from .picture import Picture, orientation_in_xmp

__all__ = ["NO_DATA", "TiffFacts", "encode_tiff", "read_facts", "read_samples"]

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _YCBCR = 0, 1, 2, 3, 6
_NAMES = {"SEPARATED": "CMYK", "CIELAB": "CIE L*a*b*"}
_UNCOMPRESSED = 1
_UNSPECIFIED, _ASSOCIATED, _STRAIGHT = 0, 1, 2
_ORIENTATION, _XMP, NO_DATA = 274, 700, 42113
_HORIZONTAL, _SEPARATE = 2, 2
_INCH, _CENTIMETRE = (2, 25.4), (3, 10.0)  # the tag's number, and millimetres
_BLOBS = {"xmp-data": (_XMP, 1, 1), "iptc-data": (33723, 4, 4)}  # code, type, bytes of one
_BIG = (1 << 32) - (1 << 26)  # bytes that the offsets of a plain TIFF reach
_TAKEN = ("uint8", "uint16", "int16", "float16", "float32", "float64")
_KINDS = {1: "u", 2: "i", 3: "f", 5: "c", 6: "c"}  # of SampleFormat, by NumPy's letters
_KEPT = {*range(254, 260), 262, 266, 270, *range(273, 285), 296, 297, 317, *range(320, 326)}
_KEPT |= {*range(338, 342), 347, *range(530, 533), _XMP, 33723, 34675, NO_DATA}
_FOR_LIBVIPS = {270, _XMP, 33723, 34675}  # which must have read the file to keep them


class TiffFacts(NamedTuple):
    """What the tags say: size, colours and alpha of a pixel, and how the samples are stored.

    ``unread`` where libvips does not read the samples; ``is_converted`` where it makes others of
    those that are stored. ``nodata`` is the text of GDAL_NODATA.
    """

    size: tuple[int, int]
    colours: int
    alpha: bool
    orientation: int
    compressed: bool
    dtype: np.dtype[Any]
    unread: bool
    is_converted: bool
    nodata: str | None
    ground: Ground | None
    notes: list[str]


def read_facts(name: str, file: IO[bytes]) -> TiffFacts:
    """Read the tags of the only picture.

    Raises
    ------
    FileError
        If there are several pictures, or one that would not be read faithfully.
    """
    logging.getLogger("tifffile").disabled = True  # what matters comes as an exception
    with _readable(name), tifffile.TiffFile(file) as tiff:
        page = _only_page(name, tiff)
        _refuse_what_is_not_understood(name, page)
        ground, nodata = ground_of(page), page.tags.valueof(NO_DATA)
        return TiffFacts(
            (page.imagewidth, page.imagelength),
            3 if int(page.photometric) in (_RGB, _PALETTE, _YCBCR) else 1,
            bool({_ASSOCIATED, _STRAIGHT} & set(page.extrasamples)),
            _orientation(page),
            int(page.compression) != _UNCOMPRESSED,
            np.dtype(page.dtype),
            _is_unread(page),
            int(page.photometric) in (_WHITE_IS_ZERO, _PALETTE) or page.bitspersample < 8,
            None if nodata is None else str(nodata).strip(" \0"),
            ground,
            _notes(name, tiff, page, GROUND if ground else set()),
        )


@contextmanager
def _readable(name: str) -> Iterator[None]:
    """Turn whatever tifffile and zlib raise into a `FileError`."""
    try:
        yield
    except (FileError, MemoryError):
        raise
    except Exception as error:
        raise FileError(f"cannot read {name}: {error or type(error).__name__}") from None


def _only_page(name: str, tiff: Any) -> Any:
    pages = [page for page in tiff.pages if not page.subfiletype & 1]
    if not pages:
        raise FileError(f"cannot read {name}: it holds no picture")
    page = pages[0].aspage()
    hidden = tiff.is_imagej and tiff.series and tiff.series[0].size > page.size  # without a page
    if len(pages) > 1 or page.imagedepth > 1 or hidden:
        raise FileError(
            f"{name} holds several pictures; extract the page that is meant, or save the stack as "
            "a .npy and name its --axes"
        )
    if tiff.pages[0].subfiletype & 1:
        raise FileError(f"{name} has a reduced copy before its picture; extract the picture")
    return page


def _refuse_what_is_not_understood(name: str, page: Any) -> None:
    if int(page.photometric) not in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _YCBCR):
        named = _NAMES.get(page.photometric.name, page.photometric.name)
        raise FileError(
            f"{name} is {named}, which cannot be filtered faithfully; convert it to RGB first"
        )
    small = page.bitspersample in (1, 2, 4) and page.samplesperpixel == 1
    if page.dtype is None:
        kind = _KINDS.get(page.sampleformat, "")
        raise FileError(
            f"{name} has {page.bitspersample}-bit samples of SampleFormat {page.sampleformat}, "
            f"which is none of the types taken ({', '.join(_TAKEN)}); {advice_on_kind(kind)}"
        )
    dtype = np.dtype(page.dtype)
    if not (small or dtype.name in _TAKEN):
        raise FileError(
            f"{name} has samples of type {dtype}, which is none of the types taken "
            f"({', '.join(_TAKEN)}); {advice_on(dtype)}"
        )
    has_alpha = bool({_ASSOCIATED, _STRAIGHT} & set(page.extrasamples))
    if dtype.kind == "i" and (has_alpha or int(page.photometric) == _WHITE_IS_ZERO):
        what = "an alpha" if has_alpha else "white as 0"
        raise FileError(
            f"{name} has {what} in signed numbers, of which nobody says where they end; save it "
            "as uint16"
        )
    if int(page.photometric) == _WHITE_IS_ZERO and _is_in_planes(page):
        raise FileError(f"{name} has white as 0, in planes; save the samples of a pixel together")
    if len(page.extrasamples) > 1 and has_alpha:
        raise FileError(
            f"{name} has an alpha among {len(page.extrasamples)} extra samples; keep the alpha only"
        )


def _notes(name: str, tiff: Any, page: Any, further: set[int]) -> list[str]:
    """Tell what is converted, and which tags are not kept, these apart."""
    kept = (_KEPT - _FOR_LIBVIPS if _is_unread(page) else _KEPT) | further
    notes, lost = [], [tag.name for tag in page.tags if tag.code not in kept]
    if page.is_imagej or page.is_ome:
        lost.append(f"the description, which is {'ImageJ' if page.is_imagej else 'OME'}'s")
    if len(tiff.pages) > 1:
        notes.append(f"{name} also holds {len(tiff.pages) - 1} reduced copies, which are not kept")
    if int(page.photometric) == _WHITE_IS_ZERO:
        notes.append(f"{name} has white as 0; it is converted to black as 0")
    if int(page.photometric) == _PALETTE:
        notes.append(f"{name} has a palette; it is converted to 8-bit RGB")
    elif page.bitspersample < 8:
        notes.append(f"{name} is {page.bitspersample}-bit grey; it is converted to 8-bit grey")
    if page.dtype == np.float16:
        notes.append(f"{name} has 16-bit floats; they are converted to 32-bit floats")
    if _ASSOCIATED in page.extrasamples:
        notes.append(f"{name} has colours multiplied by its alpha; they are divided by it")
    if lost:
        notes.append(f"these tags of {name} are not kept: {', '.join(lost)}")
    return notes


def _orientation(page: Any) -> int:
    value = page.tags.valueof(_ORIENTATION)
    if value is None:
        xmp = page.tags.valueof(_XMP)
        return orientation_in_xmp(xmp) if isinstance(xmp, bytes) else 1
    return value if value in range(1, 9) else 1


def _is_unread(page: Any) -> bool:
    """See whether libvips reads the samples not at all or wrongly."""
    planes = _is_in_planes(page) and int(page.photometric) == _BLACK_IS_ZERO
    return planes or page.dtype == np.float64


def _is_in_planes(page: Any) -> bool:
    return int(page.planarconfig) == _SEPARATE and page.samplesperpixel > 1


def read_samples(name: str, file: IO[bytes]) -> NDArray[Any]:
    """Read samples of shape (H, W) or (H, W, C) as stored, with straight colours.

    Raises
    ------
    FileError
        If some are missing, or compressed in a way that tifffile alone does not read.
    """
    with _readable(name), tifffile.TiffFile(file) as tiff:
        page = tiff.pages.first
        planes = page.asarray(squeeze=False)[:, 0]  # (planes, H, W, C), where one of them is 1
        pixels = planes[0] if len(planes) == 1 else np.moveaxis(planes[..., 0], 0, -1)
        if _ASSOCIATED in page.extrasamples:
            colours, alpha = pixels[..., :-1], pixels[..., -1:]
            np.divide(colours, alpha, out=colours, where=alpha != 0)
    if pixels.dtype == np.float16:
        pixels = pixels.astype(np.float32)  # as libvips does
    return np.ascontiguousarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def _rounded(resolution: float) -> float:
    return float(np.float32(resolution))  # which libvips has read as such


def encode_tiff(
    picture: Picture,
    pixels: NDArray[Any],
    fields: dict[str, Any],
    resolution: tuple[float, float, str],
    tags: list[Tag],
) -> memoryview:
    """Give the bytes of a TIFF.

    Parameters
    ----------
    picture : Picture
        What the samples come from.
    pixels : ndarray
    fields : dict
        Metadata, by libvips's names.
    resolution : (across, down, unit)
        Samples a millimetre, and "in", "cm" or "" for unknown.
    tags : list of Tag
        Further ones.
    """
    across, down, unit = resolution
    units = _INCH if unit == "in" else _CENTIMETRE
    texts = fields.get("image-description")
    for field, (code, kind, size) in _BLOBS.items():
        if field in fields:
            data = fields[field] + bytes(-len(fields[field]) % size)
            tags = [*tags, (code, kind, len(data) // size, data, True)]
    stream = io.BytesIO()
    tifffile.imwrite(
        stream,
        pixels,
        bigtiff=pixels.nbytes > _BIG,
        photometric=_RGB if picture.colours == 3 else _BLACK_IS_ZERO,
        planarconfig="contig" if pixels.ndim == 3 else None,
        extrasamples=(_STRAIGHT,) * picture.alpha + (_UNSPECIFIED,) * picture.unnamed,
        compression="zlib" if picture.compressed else None,
        predictor=_HORIZONTAL if picture.compressed and pixels.dtype.kind != "f" else None,
        iccprofile=fields.get("icc-profile-data"),
        description=None if texts is None else texts.encode(),
        resolution=(_rounded(across * units[1]), _rounded(down * units[1])) if unit else None,
        resolutionunit=units[0] if unit else None,
        software=False,
        metadata=None,
        extratags=tags,
        maxworkers=aa_ref.get_num_threads(),
    )
    return stream.getbuffer()
