"""Known ways of downsampling, as data: what a wrong implementation may have followed.

Each row says of one axis how many outputs there are, which filter is applied at full resolution
with which boundary, and which outputs are picked from that; the words are those of
`convention_parts`. From these follows the matrix that the implementation would have, to be compared
with the one that answers to impulses show.
"""

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .convention_parts import FILTERS, ONLY, PICKS, SIZES, blur_matrix

__all__ = ["CONVENTIONS", "Convention", "Extent", "Match"]

_SLICE = "keep every stride-th sample of the filtered array, the first included: ceil(n/stride)"
_FILTER = "filter with the Gaussian of sigma (1/s - 1)/2, cut at round(4 sigma), zeros beyond"
_NEAREST = "or judge it with sampling='nearest', if that layer is the one ported"


class Convention(NamedTuple):
    """One known way of downsampling; what is left out is as the layer has it.

    Attributes
    ----------
    name : str
    where : str
        Projects and functions that do so.
    differs : str
        From the default of `aa_ref.downsample`, as the end of a sentence; empty if it does not.
    advice : str
        What to do about it, as an instruction.
    size, taps, boundary, pick : str
        The parts, by their names in `convention_parts`.
    only : str
        The scales that it is defined for.
    """

    name: str
    where: str
    differs: str
    advice: str = f"{_FILTER}; then {_SLICE}"
    size: str = "ceil(n/stride)"
    taps: str = "Gaussian"
    boundary: str = "zeros"
    pick: str = "every stride-th"
    only: str = "any scale"

    def applies(self, scale: float) -> bool:
        """Whether it is defined for a scale."""
        return ONLY[self.only](scale)

    def outputs(self, n: int, scale: float) -> int:
        """How many outputs n inputs have."""
        return SIZES[self.size](n, scale)

    def matrix(self, n: int, scale: float) -> NDArray[np.float64]:
        """The weights that each output gives each of n inputs: shape (outputs, n)."""
        m = self.outputs(n, scale)
        taps = FILTERS[self.taps](n, max(m, 1), scale)
        pick = PICKS[self.pick](n, m, scale)
        used = np.flatnonzero(pick.any(0))  # few of all inputs, where the stride is large
        return np.asarray(pick[:, used] @ blur_matrix(taps, n, self.boundary, used))


class Extent(IntEnum):
    """How far the weights of an implementation are those of a convention."""

    NONE = 0
    FILTER = 1
    """Of outputs clear of the ends; their number is another."""
    INNER = 2
    """Of outputs clear of the ends, and their number."""
    WHOLE = 3


class Match(NamedTuple):
    """The known way that an implementation follows, how far it does, and what to say of it.

    The words have the convention's name between asterisks, where they name it to the reader.
    """

    convention: Convention
    extent: Extent
    words: str


def _resize(name: str, where: str, differs: str, **parts: str) -> Convention:
    """One without a filter at full resolution: all is in how outputs are picked."""
    return Convention(name, where, differs, **{"taps": "none"} | parts)


CONVENTIONS = (
    # The layer itself, and its variants.
    Convention(
        "slice (2020), without effect",
        "SAFA at 224/256 = 0.875: one tap and stride 1, so that nothing changes, silently",
        "", "", only="a radius of 0",
    ),
    Convention(
        "no guard at scale 1", "a port for mobile devices",
        "sigma is 0 there, and the filter 0/0", "return the input at scale 1",
        size="n", taps="0/0", pick="all", only="scale 1",
    ),
    Convention(
        "slice (2020)",
        "First Order Motion Model since December 2020, motion-cosegmentation, "
        "articulated-animation, One-Shot Free-View, SadTalker, DaGAN, MCNET, LIA, SAFA; PaddleGAN; "
        "in 3-D two projects",
        "", "",
    ),
    Convention(
        "nearest (2019)",
        "the first version of the First Order Motion Model, Thin-Plate-Spline Motion Model, MRFA, "
        "Audio2Head, Face2FaceRHO, the first-order port to Paddle",
        "the size is floor(n*s)", f"for the slice convention {_SLICE}; {_NEAREST}",
        size="floor(n*s)", pick="nearest by the scale",
    ),
    Convention(
        "nearest by the lengths",
        "two ports to TensorFlow, and torch's interpolate with recompute_scale_factor=True",
        "the size is floor(n*s), and centres are floor(i*n/m) for m outputs",
        f"for the slice convention {_SLICE}; for the nearest one use 1/s, not n/m",
        size="floor(n*s)", pick="nearest by the lengths",
    ),
    Convention(
        "index int(i/s)", "ports to MindSpore, nnabla and MLX",
        "the size is int(n*s) and centres are int(i/s), in binary64",
        f"for the slice convention {_SLICE}; for the nearest one take i times 1/s in binary32",
        size="floor(n*s)", pick="int(i/s)",
    ),
    Convention(
        "fixed sigma 1.5",
        "EAMM, and users' own way to load a checkpoint for 256 pixels at 512",
        "sigma is 1.5 and the filter 13 taps at every scale",
        "use sigma (1/s - 1)/2; or judge it with sigma=1.5, if that is meant",
        taps="Gaussian of sigma 1.5",
    ),
    Convention(
        "fixed sigma 1.5, nearest", "a port to TensorFlow",
        "sigma is 1.5 at every scale, and the size floor(n*s)",
        f"use sigma (1/s - 1)/2, and {_SLICE}",
        size="floor(n*s)", taps="Gaussian of sigma 1.5", pick="nearest by the scale",
    ),
    Convention(
        "bilinear",
        "an animation codec: interpolate(mode='bilinear', align_corners=True) after the filter",
        "outputs are interpolated between filtered samples, from the first to the last",
        f"for the slice convention {_SLICE}",
        size="floor(n*s)", pick="linear, corners aligned",
    ),
    Convention(
        "paddle", "PaddleGAN: 1e-9 is added to the exponent's denominator",
        "1e-9 is added to 2 sigma²", "leave it out",
        taps="Gaussian, 1e-9 in the exponent", only="an integer 1/s",
    ),
    Convention(
        "paddle mobile", "PaddleGAN's mobile mode",
        "sigma is 0.25 and the filter 3 taps at every scale", "use sigma (1/s - 1)/2",
        taps="Gaussian of sigma 0.25", only="an integer 1/s",
    ),
    Convention(
        "full resolution", "unsupervised volumetric animation, with its flag for subsampling off",
        "nothing is dropped after the filter", _SLICE[0].upper() + _SLICE[1:],
        size="n", pick="all",
    ),
    Convention(
        "SciPy's radius",
        "scipy.ndimage.gaussian_filter(mode='constant') and every stride-th sample",
        "the radius is int(4 sigma + 0.5), a half rounded up", "pass radius=round(4 * sigma)",
        taps="Gaussian, radius half up",
    ),
    # No low-pass, or another library's.
    _resize(
        "plain slicing", "x[..., ::stride, ::stride]",
        "there is no low-pass, so that fine detail aliases", advice=f"{_FILTER}, then slice",
    ),
    _resize(
        "nearest", "torch's interpolate(mode='nearest'), its default",
        "there is no low-pass, and the size is floor(n*s)",
        size="floor(n*s)", pick="nearest by the scale",
    ),
    _resize(
        "average pooling", "torch's avg_pool2d(x, stride)",
        "a box is the filter, outputs are centred on blocks, and the last part of a block is lost",
        size="floor(n/stride)", pick="means of blocks",
    ),
    _resize(
        "bilinear without a filter", "torch's interpolate(mode='bilinear') without antialias",
        "two samples an axis are mixed, whatever the scale",
        size="floor(n*s)", pick="linear, half-pixel centres by the scale",
    ),
    *(
        _resize(
            f"torch bi{mode}, antialias", f"torch's interpolate(mode='bi{mode}', antialias=True)",
            f"a {kind} is the filter, cut at the ends and renormalised, about half-pixel centres",
            size="floor(n*s)", pick=f"{kind} by the scale",
        )
        for mode, kind in (("linear", "triangle"), ("cubic", "cubic"))
    ),
    _resize(
        "OpenCV pyrDown", "cv2.pyrDown, once for each halving",
        "five binomial taps a halving, edges reflected",
        size="ceil(n*s)", pick="halvings", only="a power of 1/2",
    ),
    _resize(
        "OpenCV INTER_AREA", "cv2.resize(interpolation=cv2.INTER_AREA)",
        "means over areas are taken", size="round(n*s)", pick="area",
    ),
    *(
        _resize(
            f"OpenCV INTER_{name} to a size by {by}",
            f"cv2.resize(dsize=…, interpolation=cv2.INTER_{name}){others}",
            f"{words}, and places follow from the ratio of the lengths, not from the scale",
            size=size, pick=pick,
        )
        for size, by in (
            ("max(floor(n*s), 1)", "int"), ("max(round(n*s), 1)", "round"), ("ceil(n*s)", "ceil"),
        )
        for name, pick, words, others in (
            ("AREA", "area by the lengths", "means over areas are taken", ""),
            (
                "LINEAR", "linear, half-pixel centres", "two samples an axis are mixed",
                ", or torch's interpolate(size=…, mode='bilinear')",
            ),
            ("CUBIC", "cubic of four samples", "four samples an axis are mixed", ""),
            ("NEAREST", "nearest by the lengths", "there is no low-pass", ""),
        )
    ),
    *(
        Convention(
            f"kornia blur_pool2d({k})", f"kornia.filters.blur_pool2d with kernel_size={k}",
            f"{k} binomial taps are the filter", _FILTER, taps=f"binomial {k}",
        )
        for k in range(2, 8)
    ),
    *(
        Convention(
            f"antialiased-cnns BlurPool({k})", f"antialiased_cnns.BlurPool with filt_size={k}",
            f"{k} binomial taps are the filter, and edges are reflected", _FILTER,
            taps=f"binomial {k}", boundary="reflect",
        )
        for k in range(2, 8)
    ),
    Convention(
        "kornia rescale", "kornia.geometry.transform.rescale with antialias=True",
        "the Gaussian is cut at twice sigma, edges are reflected, and outputs are interpolated at "
        "half-pixel centres",
        size="floor(n*s)", taps="Gaussian of (n/m - 1)/2, twice sigma wide", boundary="reflect",
        pick="linear, half-pixel centres",
    ),
    Convention(
        "kornia pyrdown", "kornia.geometry.transform.pyrdown",
        "five binomial taps are the filter, and outputs are interpolated at half-pixel centres",
        size="floor(n*s)", taps="binomial 5", boundary="reflect",
        pick="linear, half-pixel centres", only="scale 1/2",
    ),
    Convention(
        "scikit-image rescale", "skimage.transform.rescale with anti_aliasing=True",
        "edges are reflected, and outputs are interpolated at half-pixel centres",
        size="max(round(n*s), 1)", taps="Gaussian of (n/m - 1)/2", boundary="reflect",
        pick="linear, half-pixel centres",
    ),
    Convention(
        "scikit-image pyramid_reduce", "skimage.transform.pyramid_reduce",
        "sigma is 1/(3 s), edges are reflected and repeated, and outputs are interpolated at "
        "half-pixel centres",
        size="ceil(n*s)", taps="Gaussian of 1/(3 s)", boundary="symmetric",
        pick="linear, half-pixel centres",
    ),
    _resize(
        "Pillow reduce", "Image.reduce",
        "means of blocks are taken, of a part of one at the end", pick="means of blocks",
    ),
    *(
        _resize(
            f"Pillow {name}", f"Image.resize with Resampling.{name}",
            f"the filter is {words}, cut at the ends and renormalised, about half-pixel centres",
            size="round(n*s)", pick=pick,
        )
        for name, pick, words in (
            ("BOX", "box", "a box"),
            ("BILINEAR", "triangle", "a triangle"),
            ("BICUBIC", "cubic", "a cubic"),
            ("LANCZOS", "Lanczos", "Lanczos' of three lobes"),
        )
    ),
)  # fmt: skip
"""The most specific first among those that may agree: the first match is the one that is named."""
