"""The peers by name: which library, what a user writes, where that is written here."""

from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from typing import Any, NamedTuple

from ..errors import OracleError
from .peers import Function, NotOfferedError

__all__ = ["LIBRARIES", "PEERS", "Library", "Peer", "chosen"]


class Library(NamedTuple):
    """A package: what is imported, and what else its peers need, by the names of modules."""

    module: str
    needs: tuple[str, ...] = ()

    def imported(self) -> Any:
        """The module.

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
            raise NotOfferedError("not installed", str(error)) from None

    def version(self) -> str | None:
        """What is installed, as its distribution says; None if nothing is."""
        top = self.module.partition(".")[0]
        for distribution in packages_distributions().get(top, ()):
            try:
                return version(distribution)
            except PackageNotFoundError:
                continue
        return None


class Peer(NamedTuple):
    """One way to make an array smaller.

    Attributes
    ----------
    name : str
    library : str
        A key of `LIBRARIES`.
    call : str
        What is asked, as a user writes it; *s* is the scale, *k* the stride, *R* the radius.
    function : str
        Where it is written in `peers`, as ``module:name``: from the library's module and the scale
        to a function of NCHW arrays.
    """

    name: str
    library: str
    call: str
    function: str

    def make(self, scale: Any) -> Function:
        """The function of arrays, for a scale.

        Raises
        ------
        NotOfferedError
            If the library is not installed, or has no such scale.
        """
        module, _, name = self.function.partition(":")
        library = LIBRARIES[self.library].imported()
        factory = getattr(import_module(f"{__package__}.peers.{module}"), name)
        fn: Function = factory(library, scale)
        return fn


LIBRARIES = {
    "aa_ref": Library("aa_ref"),
    "torch": Library("torch"),
    "JAX": Library("jax"),
    "onnxruntime": Library("onnxruntime", ("onnx",)),
    "SciPy": Library("scipy.ndimage"),
    "OpenCV": Library("cv2"),
    "kornia": Library("kornia", ("torch",)),
    "scikit-image": Library("skimage.transform"),
    "Pillow": Library("PIL.Image"),
}

_LAYER = "AntiAliasInterpolation2d"

PEERS = (
    Peer("aa_ref reference", "aa_ref", "downsample(x, s, backend='reference')", "own:reference"),
    Peer("aa_ref numpy", "aa_ref", "downsample(x, s, backend='numpy')", "own:numpy"),
    Peer("aa_ref numba", "aa_ref", "downsample(x, s, backend='numba')", "own:numba"),
    Peer("aa_ref cuda", "aa_ref", "downsample(x, s, backend='cuda')", "own:cuda"),
    Peer(
        "original layer", "torch", f"{_LAYER} as published since December 2020: pad, a grouped "
        "conv2d of K×K weights, [:, :, ::k, ::k]", "layers:original",
    ),
    Peer(
        "original layer of 2019", "torch", f"{_LAYER} as first published: the same, then "
        "interpolate(scale_factor=s)", "layers:original_of_2019",
    ),
    Peer(
        "torch strided conv2d", "torch",
        "conv2d(x, weights, stride=k, padding=R, groups=C)", "layers:strided",
    ),
    Peer(
        "JAX strided convolution", "JAX",
        "lax.conv_general_dilated(x, weights, (k, k), [(R, R), (R, R)], feature_group_count=C, "
        "precision='highest')", "jax_convolution:strided",
    ),
    Peer(
        "onnxruntime strided Conv", "onnxruntime",
        "a model of one Conv: strides [k, k], pads [R, R, R, R]", "onnx_model:strided",
    ),
    Peer(
        "SciPy gaussian_filter with zeros", "SciPy",
        "gaussian_filter(x, sigma, mode='constant', axes=(-2, -1))[..., ::k, ::k]",
        "scipy_filters:with_zeros",
    ),
    Peer(
        "SciPy gaussian_filter", "SciPy",
        "gaussian_filter(x, sigma, axes=(-2, -1))[..., ::k, ::k]", "scipy_filters:as_it_is",
    ),
    Peer(
        "OpenCV GaussianBlur with zeros", "OpenCV",
        "GaussianBlur(plane, (2R+1, 2R+1), sigma, borderType=BORDER_CONSTANT)[::k, ::k]",
        "opencv:blur_with_zeros",
    ),
    Peer(
        "OpenCV GaussianBlur", "OpenCV",
        "GaussianBlur(plane, (0, 0), sigma)[::k, ::k]", "opencv:blur",
    ),
    Peer(
        "kornia gaussian_blur2d with zeros", "kornia",
        "gaussian_blur2d(x, (2R+1, 2R+1), (sigma, sigma), border_type='constant')[..., ::k, ::k]",
        "kornia_functions:blur_with_zeros",
    ),
    Peer(
        "kornia gaussian_blur2d", "kornia",
        "gaussian_blur2d(x, (2R+1, 2R+1), (sigma, sigma))[..., ::k, ::k]",
        "kornia_functions:blur",
    ),
    Peer(
        "torch interpolate bilinear", "torch",
        "interpolate(x, scale_factor=s, mode='bilinear', antialias=True)", "resizing:bilinear",
    ),
    Peer(
        "torch interpolate bicubic", "torch",
        "interpolate(x, scale_factor=s, mode='bicubic', antialias=True)", "resizing:bicubic",
    ),
    Peer(
        "torch interpolate nearest", "torch", "interpolate(x, scale_factor=s)",
        "resizing:nearest",
    ),
    Peer("torch avg_pool2d", "torch", "avg_pool2d(x, k)", "resizing:average"),
    Peer(
        "scikit-image rescale", "scikit-image",
        "rescale(x, (1, 1, s, s), anti_aliasing=True)", "skimage_transforms:rescale",
    ),
    Peer(
        "scikit-image pyramid_reduce", "scikit-image",
        "pyramid_reduce(plane, downscale=1/s)", "skimage_transforms:pyramid_reduce",
    ),
    Peer("OpenCV pyrDown", "OpenCV", "pyrDown(plane), once for each halving", "opencv:pyr_down"),
    Peer(
        "OpenCV resize INTER_AREA", "OpenCV",
        "resize(plane, (0, 0), fx=s, fy=s, interpolation=INTER_AREA)", "opencv:area",
    ),
    Peer("Pillow reduce", "Pillow", "Image.reduce(k)", "pillow_images:reduce"),
    Peer(
        "Pillow resize BOX", "Pillow",
        "Image.resize((round(w·s), round(h·s)), Resampling.BOX)", "pillow_images:box",
    ),
    Peer(
        "Pillow resize BILINEAR", "Pillow",
        "Image.resize((round(w·s), round(h·s)), Resampling.BILINEAR)", "pillow_images:bilinear",
    ),
    Peer(
        "Pillow resize BICUBIC", "Pillow",
        "Image.resize((round(w·s), round(h·s)), Resampling.BICUBIC)", "pillow_images:bicubic",
    ),
    Peer(
        "Pillow resize LANCZOS", "Pillow",
        "Image.resize((round(w·s), round(h·s)), Resampling.LANCZOS)", "pillow_images:lanczos",
    ),
    Peer("kornia blur_pool2d", "kornia", "blur_pool2d(x, 3, stride=k)", "kornia_functions:pool"),
    Peer("kornia pyrdown", "kornia", "pyrdown(x)", "kornia_functions:pyr_down"),
    Peer(
        "kornia rescale", "kornia", "rescale(x, s, antialias=True)", "kornia_functions:rescale",
    ),
)  # fmt: skip


def chosen(names: Sequence[str] | None) -> tuple[Peer, ...]:
    """The peers of these names, or of these libraries; all for None.

    Raises
    ------
    OracleError
        If there is no such peer.
    """
    if names is None:
        return PEERS
    wanted = [name.strip().casefold() for name in names]
    known = {k.casefold() for p in PEERS for k in (p.name, p.library)}
    for name in wanted:
        if name not in known:
            raise OracleError(
                f"peer is {name!r}, which is none; write a library ({', '.join(LIBRARIES)}) or a "
                f"name such as {PEERS[0].name!r}"
            )
    return tuple(p for p in PEERS if {p.name.casefold(), p.library.casefold()} & set(wanted))
