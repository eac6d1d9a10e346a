"""What a picture is: samples and what to know about them."""

from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Alpha", "Metadata", "Picture", "Resolution", "full_scale"]

Alpha = Literal["none", "straight", "associated"]


class Resolution(NamedTuple):
    """Samples a unit of length, across and down. The unit is that of TIFF."""

    across: float
    down: float
    unit: Literal["none", "inch", "centimetre"]

    def spaced(self, down: float, across: float) -> "Resolution":
        """Of samples that lie so many times as far apart, so that lengths stay what they are."""
        return Resolution(self.across / across, self.down / down, self.unit)

    def turned(self, orientation: int) -> "Resolution":
        """Of the upright picture, if this is of the stored one: see `_turned_upright`."""
        return Resolution(self.down, self.across, self.unit) if orientation >= 5 else self

    def per_inch(self) -> tuple[float, float] | None:
        """In dots per inch, or None where the unit is unknown."""
        if self.unit == "none":
            return None
        factor = 1.0 if self.unit == "inch" else 2.54
        return self.across * factor, self.down * factor


@dataclass(frozen=True)
class Metadata:
    """What a file tells beside its samples.

    Attributes
    ----------
    icc, exif : bytes or None
        The colour profile; the EXIF block, from its byte-order mark on.
    resolution : Resolution or None
    chunks : tuple of (bytes, bytes)
        Of PNG: those that name colours in other ways than a profile, and texts.
    texts : dict
        Of TIFF: its text tags, by number.
    compressed : bool
        Of TIFF: whether its samples are.
    """

    icc: bytes | None = None
    exif: bytes | None = None
    resolution: Resolution | None = None
    chunks: tuple[tuple[bytes, bytes], ...] = ()
    texts: dict[int, str] = field(default_factory=dict)
    compressed: bool = True


@dataclass(frozen=True)
class Picture:
    """Samples as one sees them, upright.

    Attributes
    ----------
    pixels : ndarray of shape (H, W) or (H, W, C)
    colours : {1, 3}
        Grey, or red, green and blue. Further channels: the alpha, or samples of unknown meaning.
    alpha : {"none", "straight", "associated"}
        Whether the last channel is an alpha, and whether the colours are multiplied by it.
    format : str
        Of the file it came from: "PNG", "JPEG", "WebP", "TIFF" or "npy".
    metadata : Metadata
    """

    pixels: NDArray[Any]
    colours: int
    alpha: Alpha
    format: str
    metadata: Metadata = field(default_factory=Metadata)

    @property
    def channels(self) -> int:
        """How many samples a pixel has."""
        return 1 if self.pixels.ndim == 2 else self.pixels.shape[2]

    @property
    def unnamed(self) -> int:
        """How many of them mean neither colour nor alpha."""
        return self.channels - self.colours - (self.alpha != "none")

    @property
    def kind(self) -> str:
        """In words, for messages: ``16-bit RGB with alpha``."""
        dtype = self.pixels.dtype
        depth = f"{8 * dtype.itemsize}-bit" + (" float" if dtype.kind == "f" else "")
        words = [depth, "grey" if self.colours == 1 else "RGB"]
        if self.alpha != "none":
            words.append("with alpha")
        if self.unnamed:
            words.append(f"with {self.unnamed} further sample(s)")
        return " ".join(words)

    def turned(self, orientation: int) -> "Picture":
        """The picture upright, if its pixels are stored in that orientation."""
        resolution = self.metadata.resolution
        if resolution is not None:
            resolution = resolution.turned(orientation)
        turned = replace(self, pixels=_turned_upright(self.pixels, orientation))
        return turned.with_metadata(resolution=resolution)

    def with_metadata(self, **changes: Any) -> "Picture":
        """The same picture, with some metadata changed."""
        return replace(self, metadata=replace(self.metadata, **changes))


def full_scale(dtype: np.dtype[Any]) -> float:
    """The sample that means full intensity, or opaque."""
    return float(np.iinfo(dtype).max) if dtype.kind == "u" else 1.0


def _turned_upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Pixels as seen, from pixels as stored and the orientation of EXIF and TIFF.

    The orientation says where the first row and the first column are seen: 1 top left, 2 top
    right, 3 bottom right, 4 bottom left, and 5 to 8 the same with rows and columns swapped.
    """
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)
