"""TIFF files, read block by block through tifffile; spacings are those of OME-XML and ImageJ."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tifffile
import zarr

from .calibration import Dimension, dimensions_named, unit_named
from .errors import SourceError

__all__ = ["OpenedTiff", "describe_tiff"]

_NO_DATA = 42113
_SAMPLES = "S"
"""tifffile's name for the axis of colours."""


@dataclass(frozen=True)
class OpenedTiff:
    """A TIFF file, which pickles by its path."""

    path: str

    def __call__(self) -> tuple[Any, Callable[[], None]]:
        """Give the full resolution as an array of Zarr, and what closes the file."""
        store = tifffile.imread(self.path, aszarr=True, series=0, level=0)
        return zarr.open(store, mode="r"), store.close


def describe_tiff(path: Path) -> tuple[Dimension, ...]:
    """Return the axes of the first image in a TIFF file.

    Raises
    ------
    SourceError
        If it cannot be read, if it holds several images and none of them is the image, or if it
        marks samples without data, which would be averaged into their neighbours.
    """
    try:
        with tifffile.TiffFile(path) as file:
            mark = file.pages.first.tags.get(_NO_DATA)
            if mark is not None:
                raise SourceError(
                    f"{path} marks samples without data as {str(mark.value).strip()} "
                    "(GDAL_NODATA), and those would be averaged into their neighbours; make each "
                    "level with aa-ref run --nodata auto, or leave the mark out with aa-ref run "
                    "--scale 1 --nodata ignore and take its result"
                )
            first, *others = file.series
            _see_that_it_is_whole(path, file, first)
            if any(s.size >= first.size for s in others):
                raise SourceError(
                    f"{path} holds {1 + len(others)} images ({first.axes} {first.shape}, ...), and "
                    "which is meant is not said; save the one, or all as one stack"
                )
            _see_that_it_can_be_decoded(path, first)
            names = ["c" if a == _SAMPLES and "C" not in first.axes else a.lower()
                     for a in first.axes]  # fmt: skip
            known = _of_ome(file) if file.is_ome else _of_imagej(file)
            dimensions = dimensions_named(names, len(first.shape))
    except SourceError:
        raise
    except Exception as error:  # damaged files raise whatever comes
        raise SourceError(f"cannot read {path}: {type(error).__name__}: {error}") from None
    return tuple(
        d._replace(spacing=known[d.name][0], unit=known[d.name][1]) if d.name in known else d
        for d in dimensions
    )


def _see_that_it_is_whole(path: Path, file: Any, series: Any) -> None:
    """See that the chain of images has its end: tifffile takes one that breaks off as shorter."""
    found = len(file.pages)
    at, handle = file.pages.next_page_offset, file.filehandle
    handle.seek(at)
    if any(handle.read(file.tiff.offsetsize)):
        raise SourceError(
            f"cannot read {path}: it is cut off or damaged; after image {found:,} there should be "
            "another one, which is not there"
        )
    if any(page is None for page in series.pages):
        raise SourceError(
            f"cannot read {path}: {series.axes} {series.shape} is said to be in it, and images of "
            "these are missing: it is cut off or damaged, or a file beside it is not there"
        )


def _see_that_it_can_be_decoded(path: Path, series: Any) -> None:
    compression = series.keyframe.compression
    try:
        tifffile.TIFF.DECOMPRESSORS[compression]
    except KeyError:
        raise SourceError(
            f"cannot read {path}: it is compressed by {compression.name}, which tifffile reads "
            "with the package imagecodecs; pip install imagecodecs"
        ) from None


def _of_ome(file: Any) -> dict[str, tuple[float, str | None]]:
    """Return spacing and unit of the axes of which OME-XML tells."""
    images = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]
    pixels: Mapping[str, Any] = (images[0] if isinstance(images, list) else images)["Pixels"]
    keys = {axis: f"PhysicalSize{axis.upper()}" for axis in "zyx"} | {"t": "TimeIncrement"}
    return {
        axis: (
            float(pixels[key]),
            unit_named(pixels.get(f"{key}Unit", "s" if axis == "t" else "µm")),
        )
        for axis, key in keys.items()
        if key in pixels
    }


def _of_imagej(file: Any) -> dict[str, tuple[float, str | None]]:
    """Return spacing and unit of the axes of which ImageJ tells. Others mean dots on paper."""
    said = file.imagej_metadata or {}
    unit = unit_named(said.get("unit"))
    if unit is None:
        return {}
    known: dict[str, tuple[float, str | None]] = {}
    for axis, tag in (("y", "YResolution"), ("x", "XResolution")):
        entry = file.pages[0].tags.get(tag)
        if entry is not None and entry.value[0]:
            known[axis] = (entry.value[1] / entry.value[0], unit)
    if said.get("spacing"):
        known["z"] = (float(said["spacing"]), unit)
    if said.get("finterval"):
        known["t"] = (float(said["finterval"]), "second")
    return known
