"""PNG, JPEG and WebP, through Pillow.

Pillow converts some pictures silently, and fills what is missing from a PNG or JPEG. So what a file
holds is looked up, and what Pillow would cut or has filled is refused. In a JPEG or a WebP with
loss, damage that leaves enough samples cannot be told from a picture.
"""

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from ..endings import FileError, UsageError, note
from . import exif as exif_fields
from .decoding import decoding
from .jpeg import what_is_missing
from .picture import Alpha, Metadata, Picture, Resolution
from .png import PngFacts, holds_all_rows, read_facts, tell_of_chunks

__all__ = ["FORMATS", "check_fits", "encode_pillow", "read_pillow"]

FORMATS = ("PNG", "JPEG", "WebP")
_JPEG_QUALITY = 95
_JPEG_EXIF_LIMIT = 65_527
_PNG_DENSITIES = 0.0254, 5e7  # dots per inch; 1 to less than 2**31 a metre
_SIDE_LIMIT = {"JPEG": 65_500, "WebP": 16_383}


def read_pillow(path: Path, file_format: str) -> Picture:
    """A PNG, JPEG or WebP as a picture, upright.

    Raises
    ------
    FileError
        If it is broken, lacks samples, or would not be read faithfully.
    """
    facts = _read_png_facts(path) if file_format == "PNG" else None
    try:
        with warnings.catch_warnings(), Image.open(path, formats=[file_format]) as image:
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            _refuse_what_would_be_cut(path, image, facts)
            with decoding(path):
                image.load()
            _refuse_what_lacks_samples(path, image, facts)
            pixels, colours, has_alpha = _samples(path, image, facts)
            metadata = _read_metadata(path, image, facts)
    except (FileError, MemoryError):
        raise
    except Image.DecompressionBombError:
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        raise FileError(
            f"{path} is refused, since a picture of more than {limit:,} pixels may be an attack; "
            "if you trust it, convert it to TIFF"
        ) from None
    except UnidentifiedImageError:
        raise FileError(f"cannot read {path}: it is no valid {file_format} file") from None
    except Exception as error:
        raise FileError(f"cannot read {path}: {error or type(error).__name__}") from None
    alpha: Alpha = "straight" if has_alpha else "none"
    return _upright(path, Picture(pixels, colours, alpha, file_format, metadata))


def _read_png_facts(path: Path) -> PngFacts:
    try:
        return read_facts(path)
    except (ValueError, ArithmeticError) as error:
        raise FileError(f"cannot read {path}: {error}") from None


def _refuse_what_would_be_cut(path: Path, image: Image.Image, facts: PngFacts | None) -> None:
    frames = getattr(image, "n_frames", 1)
    if image.format == "MPO":
        note(f"{path} holds {frames} pictures; the first, which viewers show, is taken")
    elif frames > 1 or (facts is not None and facts.animated):
        raise FileError(f"{path} is an animation; extract the frame that is meant")
    if facts is not None and facts.depth == 16 and facts.colour_type != "grey":
        raise FileError(
            f"{path} is a {facts.kind} PNG, of which only 8 bits would be read; convert it to "
            "TIFF first"
        )
    if image.mode not in ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "I;16"):
        raise FileError(
            f"{path} has colours of the kind {image.mode}, which cannot be filtered faithfully; "
            "convert it to RGB first, with its colour profile"
        )


def _refuse_what_lacks_samples(path: Path, image: Image.Image, facts: PngFacts | None) -> None:
    missing = ""
    if facts is not None and not holds_all_rows(path, facts):
        missing = "the samples end before the last row"
    elif image.format in ("JPEG", "MPO"):
        missing = what_is_missing(path.read_bytes(), image.tobytes())
    if missing:
        raise FileError(f"cannot read {path}: it is cut off or damaged; {missing}")


def _samples(
    path: Path, image: Image.Image, facts: PngFacts | None
) -> tuple[NDArray[Any], int, bool]:
    """Samples, how many of a pixel's are colours, and whether there is an alpha."""
    if image.mode in ("P", "PA"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
        note(f"{path} has a palette; it is converted to {image.mode}")
    elif facts is not None and facts.depth < 8:
        note(f"{path} is {facts.kind}; it is converted to 8-bit grey")
    pixels = np.asarray(image.convert("L") if image.mode == "1" else image)
    colours = 3 if image.mode in ("RGB", "RGBA") else 1
    has_alpha = image.mode in ("LA", "RGBA")
    if facts is not None and facts.transparent is not None:
        pixels, has_alpha = _with_alpha(pixels, facts, facts.transparent), True
        note(f"{path} names one colour transparent; it gets an alpha instead")
    return pixels, colours, has_alpha


def _with_alpha(
    pixels: NDArray[Any], facts: PngFacts, transparent: tuple[int, ...]
) -> NDArray[Any]:
    full = np.iinfo(pixels.dtype).max
    widening = full // ((1 << facts.depth) - 1)  # from samples as stored to samples as read
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    matches = (pixels == np.array(transparent) * widening).all(-1, keepdims=True)
    alpha = np.where(matches, 0, full).astype(pixels.dtype)
    return np.concatenate([pixels, alpha], -1)


def _read_metadata(path: Path, image: Image.Image, facts: PngFacts | None) -> Metadata:
    info = image.info
    if "xmp" in info or "XML:com.adobe.xmp" in info:
        note(f"the XMP of {path} is not kept")
    exif = info.get("exif")
    return Metadata(
        icc=info.get("icc_profile") or None,
        exif=exif.removeprefix(b"Exif\0\0") if exif else None,
        resolution=_resolution(info),
        chunks=facts.chunks if facts is not None else (),
    )


def _resolution(info: dict[Any, Any]) -> Resolution | None:
    try:
        across, down = (float(v) for v in info["dpi"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    return Resolution(across, down, "inch") if across > 0 and down > 0 else None


def _upright(path: Path, picture: Picture) -> Picture:
    """As seen: turned as the EXIF says. An EXIF that cannot be read is dropped."""
    exif = picture.metadata.exif
    if exif is None:
        return picture
    try:
        orientation = exif_fields.orientation_of(exif)
    except ValueError as error:
        note(f"the EXIF of {path} is not kept: {error}")
        return picture.with_metadata(exif=None)
    return picture.turned(orientation)


def check_fits(path: Path, file_format: str, picture: Picture, dtype: np.dtype[Any]) -> None:
    """See whether a format holds such a picture without loss of channels or depth.

    Raises
    ------
    UsageError
        If it does not; the message names one that does.
    """
    name = f"{picture.kind} ({dtype})" if dtype != picture.pixels.dtype else picture.kind
    if picture.unnamed:
        raise UsageError(f"{path}: {file_format} does not hold {name}; write a .tif")
    if file_format == "JPEG" and picture.alpha != "none":
        raise UsageError(f"{path}: JPEG has no alpha, the picture is {name}; write .png or .webp")
    sixteen = file_format == "PNG" and dtype == np.uint16 and picture.channels == 1
    if dtype != np.uint8 and not sixteen:
        raise UsageError(
            f"{path}: {file_format} as written here does not hold {name}; write a .tif"
        )


def encode_pillow(
    path: Path, file_format: str, picture: Picture, quality: int | None
) -> list[bytes | memoryview]:
    """The file's bytes.

    Raises
    ------
    FileError
        If the format cannot hold it, for instance because it is too large.
    """
    limit = _SIDE_LIMIT.get(file_format)
    if limit is not None and max(picture.pixels.shape[:2]) > limit:
        raise FileError(f"cannot write {path}: {file_format} holds at most {limit} pixels a side")
    if file_format != "PNG":
        tell_of_chunks(path, picture)
    settings = {
        "PNG": lambda: _png_settings(picture.metadata),
        "JPEG": lambda: _jpeg_settings(path, picture.metadata, quality),
        "WebP": lambda: _webp_settings(path, picture, quality),
    }[file_format]()
    stream = io.BytesIO()
    try:
        Image.fromarray(picture.pixels).save(stream, file_format, **settings)
    except (OSError, ValueError) as error:
        raise FileError(f"cannot write {path}: {error}") from None
    return [stream.getbuffer()]


def _png_settings(metadata: Metadata) -> dict[str, Any]:
    chunks = PngInfo()
    for name, data in metadata.chunks:
        chunks.add(name, data)
    settings = _common_settings(metadata)
    if "dpi" in settings:
        least, most = _PNG_DENSITIES
        settings["dpi"] = tuple(min(max(v, least), most) for v in settings["dpi"])
    return {"pnginfo": chunks, **settings}


def _jpeg_settings(path: Path, metadata: Metadata, quality: int | None) -> dict[str, Any]:
    settings = _common_settings(metadata)
    if len(settings.get("exif", b"")) > _JPEG_EXIF_LIMIT:
        note(f"{path}: the EXIF is too long for JPEG and not kept")
        del settings["exif"]
    if "dpi" in settings:
        settings["dpi"] = tuple(min(max(round(v), 1), 65_535) for v in settings["dpi"])
    return {"quality": quality or _JPEG_QUALITY, "subsampling": "4:4:4", **settings}


def _webp_settings(path: Path, picture: Picture, quality: int | None) -> dict[str, Any]:
    """Without loss unless a quality is asked for. WebP knows no grey and no resolution."""
    settings = _common_settings(picture.metadata)
    settings.pop("dpi", None)
    if picture.colours == 1:
        note(f"{path}: WebP has no grey; it is written as RGB")
        if settings.pop("icc_profile", None) is not None:
            note(f"{path}: the profile for grey is not kept")
    if quality is None:
        return {"lossless": True, "exact": True, **settings}
    return {"quality": quality, "exact": True, **settings}


def _common_settings(metadata: Metadata) -> dict[str, Any]:
    """ICC profile, EXIF and resolution, where there are any, as Pillow takes them."""
    dpi = None if metadata.resolution is None else metadata.resolution.per_inch()
    exif = None if metadata.exif is None else b"Exif\0\0" + metadata.exif
    settings = {"icc_profile": metadata.icc, "exif": exif, "dpi": dpi}
    return {name: value for name, value in settings.items() if value is not None}
