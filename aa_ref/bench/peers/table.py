"""The peers by name: which library, what they claim, where their calls are written."""

from typing import NamedTuple

__all__ = ["LIBRARIES", "MOST_AT_FULL_RESOLUTION", "OTHER", "PEERS", "SAME", "Library", "Peer"]

SAME, OTHER = "same result", "other filter"
MOST_AT_FULL_RESOLUTION = 3 * 2048 * 2048
"""Samples above which peers that filter at full resolution are not waited for."""


class Library(NamedTuple):
    """A package: its name in words, for pip, and for imports.

    ``threads`` names the function here that sets its threads, where it has any. Its threads may
    go on spinning for ``settle`` seconds after a call. ``cuda`` tells whether it computes on a GPU,
    ``cpu`` whether on the processor.
    """

    name: str
    distribution: str
    module: str
    threads: str | None = None
    settle: float = 0.0
    cuda: bool = False
    cpu: bool = True


class Peer(NamedTuple):
    """One way to downsample with a library.

    ``function`` is where it is written, here. ``full`` tells that it works at full resolution,
    and so is left out for large arrays; ``adjoint``, that it does that direction and no other.
    """

    name: str
    library: str
    label: str
    function: str
    full: bool = False
    adjoint: bool = False


LIBRARIES = {
    library.name: library
    for library in (
        Library("OpenCV", "opencv-python-headless", "cv2", "opencv:set_threads", 2e-3),
        Library("torch", "torch", "torch", "torch_tensors:set_threads", 2e-2, True),
        Library("SciPy", "scipy", "scipy.ndimage"),
        Library("scikit-image", "scikit-image", "skimage.transform"),
        Library("Pillow", "Pillow", "PIL.Image"),
        Library("kornia", "kornia", "kornia", "kornia_layers:use_threads", 2e-2, True),
        Library("CuPy", "cupy-cuda13x", "cupyx.scipy.ndimage", cuda=True, cpu=False),
    )
}

PEERS = (
    Peer("original torch layer", "torch", SAME, "original_layer:forward", full=True),
    Peer("original torch layer backward", "torch", SAME, "original_layer:backward", True, True),
    Peer("torch strided conv2d", "torch", SAME, "torch_operations:strided"),
    Peer("torch separable conv2d", "torch", SAME, "torch_operations:separable"),
    Peer("torch conv_transpose2d", "torch", SAME, "torch_operations:transposed", adjoint=True),
    Peer(
        "SciPy gaussian_filter + slice", "SciPy", SAME, "scipy_filters:gaussian_filter", full=True
    ),
    Peer("OpenCV GaussianBlur + slice", "OpenCV", SAME, "opencv:gaussian_blur"),
    Peer("OpenCV sepFilter2D + slice", "OpenCV", SAME, "opencv:sep_filter"),
    Peer("OpenCV pyrDown", "OpenCV", OTHER, "opencv:pyr_down"),
    Peer("OpenCV INTER_AREA", "OpenCV", OTHER, "opencv:area"),
    Peer("torch interpolate antialias", "torch", OTHER, "torch_operations:interpolate"),
    Peer("scikit-image rescale", "scikit-image", OTHER, "skimage_transforms:rescale", full=True),
    Peer("Pillow resize BILINEAR", "Pillow", OTHER, "pillow_images:resize"),
    Peer("Pillow reduce", "Pillow", OTHER, "pillow_images:reduce"),
    Peer("kornia blur_pool2d", "kornia", OTHER, "kornia_layers:blur_pool"),
    Peer("CuPy correlate1d + slice", "CuPy", SAME, "cupy_filters:correlate"),
    Peer("kornia pyrdown", "kornia", OTHER, "kornia_layers:pyr_down", full=True),
)
