"""Known ways of downsampling, as data: what a wrong implementation may have followed.

Each row says of one axis how many outputs there are, which filter is applied at full resolution
with which boundary, and which outputs are picked from that; the words are those of `ingredients`.
From these follows the matrix that the implementation would have, to be compared with the one that
answers to impulses show.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .ingredients import FILTERS, ONLY, PICKS, SIZES, blur_matrix

__all__ = ["CONVENTIONS", "Convention"]

_SLICE = "keep every stride-th sample of the filtered array, the first included: ceil(n/stride)"
_FILTER = "filter with the Gaussian of sigma (1/s - 1)/2, cut at round(4 sigma), zeros beyond"
_NEAREST = "or judge it with sampling='nearest', if that layer is the one ported"


class Convention(NamedTuple):
    """One known way of downsampling.

    Attributes
    ----------
    name : str
    where : str
        Projects and functions that do so.
    size, taps, boundary, pick : str
        The parts, by their names in `ingredients` (the boundary's in `edges`).
    differs : str
        From the default of `aa_ref.downsample`, as the end of a sentence; empty if it does not.
    advice : str
        What to do about it, as an instruction.
    only : str
        The scales that it is defined for.
    """

    name: str
    where: str
    size: str
    taps: str
    boundary: str
    pick: str
    differs: str
    advice: str
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


CONVENTIONS = (
    # The layer itself, and its variants.
    Convention(
        "slice (2020), without effect",
        "SAFA at 224/256 = 0.875: one tap and stride 1, so that nothing changes, silently",
        "ceil(n/stride)", "Gaussian", "zeros", "every stride-th",
        "", "", "a radius of 0",
    ),
    Convention(
        "no guard at scale 1",
        "a port for mobile devices",
        "n", "0/0", "zeros", "all",
        "sigma is 0 there, and the filter 0/0", "return the input at scale 1",
        "scale 1",
    ),
    Convention(
        "slice (2020)",
        "First Order Motion Model since December 2020, motion-cosegmentation, "
        "articulated-animation, One-Shot Free-View, SadTalker, DaGAN, MCNET, LIA, SAFA; PaddleGAN; "
        "in 3-D two projects",
        "ceil(n/stride)", "Gaussian", "zeros", "every stride-th",
        "", "",
    ),
    Convention(
        "nearest (2019)",
        "the first version of the First Order Motion Model, Thin-Plate-Spline Motion Model, MRFA, "
        "Audio2Head, Face2FaceRHO, the first-order port to Paddle",
        "floor(n*s)", "Gaussian", "zeros", "nearest by the scale",
        "the size is floor(n*s)", f"for the slice convention {_SLICE}; {_NEAREST}",
    ),
    Convention(
        "nearest by the lengths",
        "two ports to TensorFlow, and torch's interpolate with recompute_scale_factor=True",
        "floor(n*s)", "Gaussian", "zeros", "nearest by the lengths",
        "the size is floor(n*s), and centres are floor(i*n/m) for m outputs",
        f"for the slice convention {_SLICE}; for the nearest one use 1/s, not n/m",
    ),
    Convention(
        "index int(i/s)",
        "ports to MindSpore, nnabla and MLX",
        "floor(n*s)", "Gaussian", "zeros", "int(i/s)",
        "the size is int(n*s) and centres are int(i/s), in binary64",
        f"for the slice convention {_SLICE}; for the nearest one take i times 1/s in binary32",
    ),
    Convention(
        "fixed sigma 1.5",
        "EAMM, and users' own way to load a checkpoint for 256 pixels at 512",
        "ceil(n/stride)", "Gaussian of sigma 1.5", "zeros", "every stride-th",
        "sigma is 1.5 and the filter 13 taps at every scale",
        "use sigma (1/s - 1)/2; or judge it with sigma=1.5, if that is meant",
    ),
    Convention(
        "fixed sigma 1.5, nearest",
        "a port to TensorFlow",
        "floor(n*s)", "Gaussian of sigma 1.5", "zeros", "nearest by the scale",
        "sigma is 1.5 at every scale, and the size floor(n*s)",
        f"use sigma (1/s - 1)/2, and {_SLICE}",
    ),
    Convention(
        "bilinear",
        "an animation codec: interpolate(mode='bilinear', align_corners=True) after the filter",
        "floor(n*s)", "Gaussian", "zeros", "linear, corners aligned",
        "outputs are interpolated between filtered samples, from the first to the last",
        f"for the slice convention {_SLICE}",
    ),
    Convention(
        "paddle",
        "PaddleGAN: 1e-9 is added to the exponent's denominator",
        "ceil(n/stride)", "Gaussian, 1e-9 in the exponent", "zeros", "every stride-th",
        "1e-9 is added to 2 sigma²", "leave it out",
        "an integer 1/s",
    ),
    Convention(
        "paddle mobile",
        "PaddleGAN's mobile mode",
        "ceil(n/stride)", "Gaussian of sigma 0.25", "zeros", "every stride-th",
        "sigma is 0.25 and the filter 3 taps at every scale", "use sigma (1/s - 1)/2",
        "an integer 1/s",
    ),
    Convention(
        "full resolution",
        "unsupervised volumetric animation, with its flag for subsampling off",
        "n", "Gaussian", "zeros", "all",
        "nothing is dropped after the filter", _SLICE[0].upper() + _SLICE[1:],
    ),
    Convention(
        "SciPy's radius",
        "scipy.ndimage.gaussian_filter(mode='constant') and every stride-th sample",
        "ceil(n/stride)", "Gaussian, radius half up", "zeros", "every stride-th",
        "the radius is int(4 sigma + 0.5), a half rounded up", "pass radius=round(4 * sigma)",
    ),
    # No low-pass, or another library's.
    Convention(
        "plain slicing", "x[..., ::stride, ::stride]",
        "ceil(n/stride)", "none", "zeros", "every stride-th",
        "there is no low-pass, so that fine detail aliases", _FILTER + ", then slice",
    ),
    Convention(
        "nearest", "torch's interpolate(mode='nearest'), its default",
        "floor(n*s)", "none", "zeros", "nearest by the scale",
        "there is no low-pass, and the size is floor(n*s)", f"{_FILTER}; then {_SLICE}",
    ),
    Convention(
        "average pooling", "torch's avg_pool2d(x, stride)",
        "floor(n/stride)", "none", "zeros", "means of blocks",
        "a box is the filter, outputs are centred on blocks, and the last part of a block is lost",
        f"{_FILTER}; then {_SLICE}",
    ),
    Convention(
        "bilinear without a filter", "torch's interpolate(mode='bilinear') without antialias",
        "floor(n*s)", "none", "zeros", "linear, half-pixel centres by the scale",
        "two samples an axis are mixed, whatever the scale", f"{_FILTER}; then {_SLICE}",
    ),
    Convention(
        "torch bilinear, antialias", "torch's interpolate(mode='bilinear', antialias=True)",
        "floor(n*s)", "none", "zeros", "triangle by the scale",
        "a triangle is the filter, cut at the ends and renormalised, about half-pixel centres",
        f"{_FILTER}; then {_SLICE}",
    ),
    Convention(
        "torch bicubic, antialias", "torch's interpolate(mode='bicubic', antialias=True)",
        "floor(n*s)", "none", "zeros", "cubic by the scale",
        "a cubic is the filter, cut at the ends and renormalised, about half-pixel centres",
        f"{_FILTER}; then {_SLICE}",
    ),
    Convention(
        "OpenCV pyrDown", "cv2.pyrDown, once for each halving",
        "ceil(n*s)", "none", "zeros", "halvings",
        "five binomial taps a halving, edges reflected", f"{_FILTER}; then {_SLICE}",
        "a power of 1/2",
    ),
    Convention(
        "OpenCV INTER_AREA", "cv2.resize(interpolation=cv2.INTER_AREA)",
        "round(n*s)", "none", "zeros", "area",
        "means over areas are taken", f"{_FILTER}; then {_SLICE}",
    ),
    *(
        Convention(
            f"OpenCV INTER_{name} to a size by {by}",
            f"cv2.resize(dsize=…, interpolation=cv2.INTER_{name}){others}",
            size, "none", "zeros", pick,
            f"{words}, and places follow from the ratio of the lengths, not from the scale",
            f"{_FILTER}; then {_SLICE}",
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
            "ceil(n/stride)", f"binomial {k}", "zeros", "every stride-th",
            f"{k} binomial taps are the filter", _FILTER,
        )
        for k in range(2, 8)
    ),
    *(
        Convention(
            f"antialiased-cnns BlurPool({k})", f"antialiased_cnns.BlurPool with filt_size={k}",
            "ceil(n/stride)", f"binomial {k}", "reflect", "every stride-th",
            f"{k} binomial taps are the filter, and edges are reflected", _FILTER,
        )
        for k in range(2, 8)
    ),
    Convention(
        "kornia rescale", "kornia.geometry.transform.rescale with antialias=True",
        "floor(n*s)", "Gaussian of (n/m - 1)/2, twice sigma wide", "reflect",
        "linear, half-pixel centres",
        "the Gaussian is cut at twice sigma, edges are reflected, and outputs are interpolated at "
        "half-pixel centres", f"{_FILTER}; then {_SLICE}",
    ),
    Convention(
        "kornia pyrdown", "kornia.geometry.transform.pyrdown",
        "floor(n*s)", "binomial 5", "reflect", "linear, half-pixel centres",
        "five binomial taps are the filter, and outputs are interpolated at half-pixel centres",
        f"{_FILTER}; then {_SLICE}", "scale 1/2",
    ),
    Convention(
        "scikit-image rescale", "skimage.transform.rescale with anti_aliasing=True",
        "max(round(n*s), 1)", "Gaussian of (n/m - 1)/2", "reflect", "linear, half-pixel centres",
        "edges are reflected, and outputs are interpolated at half-pixel centres",
        f"{_FILTER}; then {_SLICE}",
    ),
    Convention(
        "scikit-image pyramid_reduce", "skimage.transform.pyramid_reduce",
        "ceil(n*s)", "Gaussian of 1/(3 s)", "symmetric", "linear, half-pixel centres",
        "sigma is 1/(3 s), edges are reflected and repeated, and outputs are interpolated at "
        "half-pixel centres",
        f"{_FILTER}; then {_SLICE}",
    ),
    Convention(
        "Pillow reduce", "Image.reduce",
        "ceil(n/stride)", "none", "zeros", "means of blocks",
        "means of blocks are taken, of a part of one at the end", f"{_FILTER}; then {_SLICE}",
    ),
    *(
        Convention(
            f"Pillow {name}", f"Image.resize with Resampling.{name}",
            "round(n*s)", "none", "zeros", pick,
            f"the filter is {words}, cut at the ends and renormalised, about half-pixel centres",
            f"{_FILTER}; then {_SLICE}",
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
