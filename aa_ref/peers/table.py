"""The peers by name: which library, what a user writes, where it is prepared, who asks for it."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Flag, auto
from importlib import import_module
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..plans import plan
from .task import NotOfferedError, Prepared, Task

__all__ = [
    "LIBRARIES",
    "OTHER",
    "PEERS",
    "SAME",
    "Asker",
    "Library",
    "Peer",
    "function_at",
    "named",
    "peers_for",
]

SAME, OTHER = "same result", "other filter"


class Asker(Flag):
    """Who asks for a peer: the scoreboard, which judges it, and the bench, which times it."""

    SCOREBOARD = auto()
    BENCH = auto()


BENCH, BOTH = Asker.BENCH, Asker.SCOREBOARD | Asker.BENCH


class Library(NamedTuple):
    """A package: its name in words, for pip, and for imports.

    Its peers need the modules in ``needs``, too. ``threads`` names the function here that sets its
    threads, where it has any; they may go on spinning for ``settle`` seconds after a call. ``cuda``
    tells whether it computes on a GPU, ``cpu`` whether on the processor.
    """

    name: str
    distribution: str
    module: str
    needs: tuple[str, ...] = ()
    threads: str | None = None
    settle: float = 0.0
    cuda: bool = False
    cpu: bool = True

    def imported(self) -> Any:
        """Import it.

        Raises
        ------
        NotOfferedError
            If it, or what else is needed, is not installed.
        """
        try:
            for other in self.needs:
                import_module(other)
            return import_module(self.module)
        except ImportError as error:
            raise NotOfferedError(str(error), "not installed") from None

    def version(self) -> str | None:
        """Say what is installed, of whichever distribution; None if nothing is."""
        top = self.module.partition(".")[0]
        for distribution in packages_distributions().get(top, ()):
            try:
                return version(distribution)
            except PackageNotFoundError:
                continue
        return None


@dataclass(frozen=True, eq=False)
class Peer:
    """One way to make an array smaller with a library.

    Attributes
    ----------
    name : str
        Unique among those that the scoreboard judges, and among those that the bench times.
    library : str
        A key of `LIBRARIES`.
    call : str
        What is asked, as a user writes it; *s* is the scale, *k* the stride, *R* the radius.
    label : str
        `SAME` if it claims this library's result at the usual scales, else `OTHER`.
    prepare : str
        The function here that prepares it, as ``module:name``: from the library's module and a
        `Task` to what is `Prepared`.
    options : mapping
        What that function is given besides.
    by : Asker
        Who asks for it.
    full : bool
        Whether it works at full resolution, and so is not timed for large arrays.
    adjoint : bool
        Whether it does that direction and no other.
    """

    name: str
    library: str
    call: str
    label: str
    prepare: str
    options: Mapping[str, Any] = field(default_factory=dict)
    by: Asker = Asker.SCOREBOARD
    full: bool = False
    adjoint: bool = False

    def prepared(self, module: Any, task: Task) -> Prepared:
        """Make ready for a task with the library's module.

        Raises
        ------
        NotOfferedError
            If it cannot do that.
        """
        made: Prepared = function_at(self.prepare)(module, task, **self.options)
        return made

    def make(self, scale: Any) -> Callable[[NDArray[Any]], NDArray[Any]]:
        """Make a function of NCHW arrays for a scale.

        Raises
        ------
        NotOfferedError
            If the library is not installed, or has no such scale.
        """
        module = LIBRARIES[self.library].imported()

        def fn(x: NDArray[Any]) -> NDArray[Any]:
            prepared = self.prepared(module, Task(plan(x.shape, scale), x, "NCHW"))
            return prepared.view(prepared.call())

        some = np.zeros((1, 1, 64, 64), np.float32)
        self.prepared(module, Task(plan(some.shape, scale), some, "NCHW"))
        return fn


def function_at(where: str) -> Callable[..., Any]:
    """Return a function of this package that is written ``module:name``."""
    module, _, name = where.partition(":")
    function: Callable[..., Any] = getattr(import_module(f".{module}", __package__), name)
    return function


def peers_for(asker: Asker) -> tuple[Peer, ...]:
    """Return the peers that the scoreboard asks for, or those that the bench does."""
    return tuple(peer for peer in PEERS if asker in peer.by)


def named(peers: Collection[Peer], names: Iterable[str]) -> tuple[tuple[Peer, ...], list[str]]:
    """Return the peers of some names, or whose library has one; and the names of none."""
    wanted = [name.strip().casefold() for name in names]
    known = {k.casefold() for p in peers for k in (p.name, p.library)}
    found = [p for p in peers if {p.name.casefold(), p.library.casefold()} & set(wanted)]
    return tuple(found), [name for name in wanted if name not in known]


LIBRARIES = {
    library.name: library
    for library in (
        Library("aa_ref", "aa-ref", "aa_ref"),
        Library("OpenCV", "opencv-python-headless", "cv2", (), "opencv:set_threads", 2e-3),
        Library("torch", "torch", "torch", (), "torch:set_threads", 2e-2, True),
        Library("JAX", "jax", "jax"),
        Library("onnxruntime", "onnxruntime", "onnxruntime", ("onnx",)),
        Library("SciPy", "scipy", "scipy.ndimage"),
        Library("scikit-image", "scikit-image", "skimage.transform"),
        Library("Pillow", "Pillow", "PIL.Image"),
        Library("kornia", "kornia", "kornia", ("torch",), "kornia:use_threads", 2e-2, True),
        Library("CuPy", "cupy-cuda13x", "cupyx.scipy.ndimage", cuda=True, cpu=False),
    )
}

_LAYER = "AntiAliasInterpolation2d"

PEERS = (
    *(
        Peer(
            f"aa_ref {name}", "aa_ref", f"downsample(x, s, backend='{name}')", SAME,
            "own:backend", {"name": name},
        )
        for name in ("reference", "numpy", "numba", "cuda")
    ),
    Peer(
        "original layer", "torch", f"{_LAYER} as published since December 2020: pad, a grouped "
        "conv2d of K×K weights, [:, :, ::k, ::k]", SAME, "original:forward",
    ),
    Peer(
        "original torch layer", "torch", f"{_LAYER}(x)", SAME, "original:timed",
        full=True, by=BENCH,
    ),
    Peer(
        "original torch layer backward", "torch", f"{_LAYER}(x).backward(g)", SAME,
        "original:backward", full=True, adjoint=True, by=BENCH,
    ),
    Peer(
        "original layer of 2019", "torch", f"{_LAYER} as first published: the same, then "
        "interpolate(scale_factor=s)", OTHER, "original:first_published",
    ),
    Peer(
        "torch strided conv2d", "torch",
        "conv2d(x, weights, stride=k, padding=R, groups=C)", SAME, "torch:strided", by=BOTH,
    ),
    Peer(
        "torch separable conv2d", "torch", "conv2d down columns, then along rows", SAME,
        "torch:separable", by=BENCH,
    ),
    Peer(
        "torch conv_transpose2d", "torch",
        "conv_transpose2d(g, weights, stride=k, padding=R, output_padding=…, groups=C)", SAME,
        "torch:transposed", adjoint=True, by=BENCH,
    ),
    Peer(
        "JAX strided convolution", "JAX",
        "lax.conv_general_dilated(x, weights, (k, k), [(R, R), (R, R)], feature_group_count=C, "
        "precision='highest')", SAME, "jax:strided",
    ),
    Peer(
        "onnxruntime strided Conv", "onnxruntime",
        "a model of one Conv: strides [k, k], pads [R, R, R, R]", SAME, "onnx:strided",
    ),
    Peer(
        "SciPy gaussian_filter with zeros", "SciPy",
        "gaussian_filter(x, sigma, mode='constant', axes=(-2, -1))[..., ::k, ::k]", SAME,
        "scipy:gaussian_filter_as_written", {"mode": "constant"},
    ),
    Peer(
        "SciPy gaussian_filter", "SciPy",
        "gaussian_filter(x, sigma, axes=(-2, -1))[..., ::k, ::k]", OTHER,
        "scipy:gaussian_filter_as_written",
    ),
    Peer(
        "SciPy gaussian_filter + slice", "SciPy",
        "gaussian_filter(x, sigma, mode='constant', axes=(-2, -1), radius=R, output=…)"
        "[..., ::k, ::k]", SAME, "scipy:gaussian_filter", full=True, by=BENCH,
    ),
    Peer(
        "OpenCV GaussianBlur with zeros", "OpenCV",
        "GaussianBlur(plane, (2R+1, 2R+1), sigma, borderType=BORDER_CONSTANT)[::k, ::k]", SAME,
        "opencv:gaussian_blur",
    ),
    Peer(
        "OpenCV GaussianBlur", "OpenCV",
        "GaussianBlur(plane, (0, 0), sigma)[::k, ::k]", OTHER,
        "opencv:gaussian_blur", {"as_it_is": True},
    ),
    Peer(
        "OpenCV GaussianBlur + slice", "OpenCV",
        "GaussianBlur(plane, (2R+1, 2R+1), sigma, dst=…, borderType=BORDER_CONSTANT)[::k, ::k]",
        SAME, "opencv:gaussian_blur", by=BENCH,
    ),
    Peer(
        "OpenCV sepFilter2D + slice", "OpenCV",
        "sepFilter2D(plane, -1, taps, taps, dst=…, borderType=BORDER_CONSTANT)[::k, ::k]", SAME,
        "opencv:sep_filter", by=BENCH,
    ),
    Peer(
        "kornia gaussian_blur2d with zeros", "kornia",
        "gaussian_blur2d(x, (2R+1, 2R+1), (sigma, sigma), border_type='constant')[..., ::k, ::k]",
        SAME, "kornia:gaussian_blur", {"border_type": "constant"},
    ),
    Peer(
        "kornia gaussian_blur2d", "kornia",
        "gaussian_blur2d(x, (2R+1, 2R+1), (sigma, sigma))[..., ::k, ::k]", OTHER,
        "kornia:gaussian_blur",
    ),
    Peer(
        "torch interpolate bilinear", "torch",
        "interpolate(x, scale_factor=s, mode='bilinear', antialias=True)", OTHER,
        "torch:interpolate", {"mode": "bilinear", "antialias": True},
    ),
    Peer(
        "torch interpolate antialias", "torch",
        "interpolate(x, size=…, mode='bilinear', antialias=True)", OTHER,
        "torch:interpolate", {"to_size": True, "mode": "bilinear", "antialias": True}, by=BENCH,
    ),
    Peer(
        "torch interpolate bicubic", "torch",
        "interpolate(x, scale_factor=s, mode='bicubic', antialias=True)", OTHER,
        "torch:interpolate", {"mode": "bicubic", "antialias": True},
    ),
    Peer(
        "torch interpolate nearest", "torch", "interpolate(x, scale_factor=s)", OTHER,
        "torch:interpolate",
    ),
    Peer("torch avg_pool2d", "torch", "avg_pool2d(x, k)", OTHER, "torch:average"),
    Peer(
        "scikit-image rescale", "scikit-image",
        "rescale(x, (1, 1, s, s), anti_aliasing=True)", OTHER, "skimage:rescale",
        full=True, by=BOTH,
    ),
    Peer(
        "scikit-image pyramid_reduce", "scikit-image",
        "pyramid_reduce(plane, downscale=1/s)", OTHER, "skimage:pyramid_reduce",
    ),
    Peer(
        "OpenCV pyrDown", "OpenCV", "pyrDown(plane), once for each halving", OTHER,
        "opencv:pyr_down",
    ),
    Peer(
        "OpenCV pyrDown", "OpenCV", "pyrDown(plane, dst=…)", OTHER,
        "opencv:pyr_down", {"once": True}, by=BENCH,
    ),
    Peer(
        "OpenCV resize INTER_AREA", "OpenCV",
        "resize(plane, (0, 0), fx=s, fy=s, interpolation=INTER_AREA)", OTHER, "opencv:area",
    ),
    Peer(
        "OpenCV INTER_AREA", "OpenCV", "resize(plane, dsize, dst=…, interpolation=INTER_AREA)",
        OTHER, "opencv:area", {"to_size": True}, by=BENCH,
    ),
    Peer("Pillow reduce", "Pillow", "Image.reduce(k)", OTHER, "pillow:reduce", by=BOTH),
    *(
        Peer(
            f"Pillow resize {how}", "Pillow",
            f"Image.resize((round(w·s), round(h·s)), Resampling.{how})", OTHER,
            "pillow:resize", {"how": how},
        )
        for how in ("BOX", "BILINEAR", "BICUBIC", "LANCZOS")
    ),
    Peer(
        "Pillow resize BILINEAR", "Pillow", "Image.resize(size, Resampling.BILINEAR)", OTHER,
        "pillow:resize", {"how": "BILINEAR", "to_size": True}, by=BENCH,
    ),
    Peer(
        "kornia blur_pool2d", "kornia", "blur_pool2d(x, 3, stride=k)", OTHER,
        "kornia:blur_pool", {"size": 3},
    ),
    Peer(
        "kornia blur_pool2d", "kornia", "blur_pool2d(x, 2R+1, stride=k)", OTHER,
        "kornia:blur_pool", by=BENCH,
    ),
    Peer(
        "kornia pyrdown", "kornia", "pyrdown(x)", OTHER, "kornia:pyr_down", full=True, by=BOTH,
    ),
    Peer(
        "kornia rescale", "kornia", "rescale(x, s, antialias=True)", OTHER, "kornia:rescale",
    ),
    Peer(
        "CuPy correlate1d + slice", "CuPy",
        "correlate1d(x, taps, axis=…, mode='constant'), every k-th, along rows and columns", SAME,
        "cupy:correlate", by=BENCH,
    ),
)  # fmt: skip
"""Those that claim the same result stand before others, near what they are like."""
