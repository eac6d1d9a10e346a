"""Where a GeoTIFF lies on the ground: its tags, and those of the same ground in fewer samples.

Output i lies on input i · stride, so the ground's coordinates of each output are those of that
input. Where a pixel is an area, that moves the corner of the picture by half of what pixels grow.
"""

from typing import Any, NamedTuple

import numpy as np

__all__ = ["GROUND", "Ground", "Tag", "ground_of"]

Tag = tuple[int, int, int, Any, bool]
"""As tifffile writes it: code, type, count, value, and that it is written once."""

_SCALE, _TIEPOINTS, _TRANSFORMATION = 33550, 33922, 34264
GROUND = {_SCALE, _TIEPOINTS, _TRANSFORMATION, 34735, 34736, 34737}
"""The codes of these tags. The last three name the coordinates and are kept to the byte."""

_LENGTHS = {_SCALE: 3, _TIEPOINTS: 6, _TRANSFORMATION: 16}  # or a multiple, for several tiepoints
_DOUBLE, _TEXT, _IS_POINT = 12, 2, 2


class Ground(NamedTuple):
    """A GeoTIFF's place.

    Attributes
    ----------
    tags : dict
        By their codes: type, count and value.
    names : tuple of str
        For messages.
    is_point : bool
        Whether coordinates of pixels are counted from the middle of the first, not its corner.
    """

    tags: dict[int, tuple[int, int, Any]]
    names: tuple[str, ...]
    is_point: bool

    def coarser(self, down: float, across: float) -> list[Tag]:
        """Give the tags of every down-th row and every across-th column.

        With the shift c of the first sample's middle, pixel I of the larger picture is pixel
        (I - c) / stride of the smaller.
        """
        strides = np.array([across, down, 1.0])
        shifts = np.zeros(3) if self.is_point else (1 - strides) / 2
        tags = dict(self.tags)
        if _SCALE in tags:
            tags[_SCALE] = _doubles(np.array(tags[_SCALE][2]) * strides)
        if _TIEPOINTS in tags:
            points = np.array(tags[_TIEPOINTS][2]).reshape(-1, 6)
            points[:, :3] = (points[:, :3] - shifts) / strides
            tags[_TIEPOINTS] = _doubles(points)
        if _TRANSFORMATION in tags:
            matrix = np.array(tags[_TRANSFORMATION][2]).reshape(4, 4)
            coarser = np.diag([*strides, 1.0])
            coarser[:3, 3] = shifts
            tags[_TRANSFORMATION] = _doubles(matrix @ coarser)
        return [(code, *tag, True) for code, tag in tags.items()]


def _doubles(values: Any) -> tuple[int, int, Any]:
    return _DOUBLE, values.size, tuple(values.ravel().tolist())


def ground_of(page: Any) -> Ground | None:
    """Read these tags, or nothing where there are none or one is malformed."""
    found = [tag for tag in page.tags if tag.code in GROUND]
    if not found or any(tag.count % _LENGTHS.get(tag.code, 1) for tag in found):
        return None
    try:
        keys = page.geotiff_tags or {}
        is_point = int(keys.get("GTRasterTypeGeoKey", 1)) == _IS_POINT
    except Exception:  # of many kinds, as tifffile parses keys that are malformed
        return None
    tags = {tag.code: (int(tag.dtype), tag.count, _value(tag)) for tag in found}
    return Ground(tags, tuple(tag.name for tag in found), is_point)


def _value(tag: Any) -> Any:
    return tag.value.encode() if int(tag.dtype) == _TEXT else tag.value
