"""Containers whose numbers are not all that they mean: masked ones, pictures, traced ones.

To read their memory would lose what they say of it. They are known by what they have and by the
packages that their types come from; no package is imported for it.
"""

import sys
from collections.abc import Callable, Hashable
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np

from .errors import AaRefError, ContainerError

__all__ = ["is_masked", "refuse_masked_option", "refuse_special", "refuses_scripting"]

F = TypeVar("F", bound=Callable[..., Any])

_PICTURES = {"PIL": "np.asarray({0})", "wand": "np.asarray({0})", "pyvips": "{0}.numpy()"}
"""Packages of pictures, and what gives the samples of one."""


def is_masked(x: Any) -> bool:
    """Tell whether an object carries a mask beside its data, whatever the mask says.

    As do NumPy's masked arrays, astropy's ``Masked`` and ``NDData``, and torch's ``MaskedTensor``.
    A method called ``mask``, as of pandas, is none.
    """
    masked = sys.modules.get("numpy.ma")  # which np.ma imports: impossible as the interpreter exits
    if masked is not None and isinstance(x, masked.MaskedArray):
        return True
    if hasattr(type(x), "get_mask"):
        return True
    if not (isinstance(x, np.ndarray) or hasattr(x, "mask")):
        interface = getattr(x, "__array_interface__", None)
        return isinstance(interface, dict) and interface.get("mask") is not None
    mask = getattr(x, "mask", None)
    return mask is not None and not callable(mask)


def refuse_special(x: Any, *, is_mask: bool = False) -> None:
    """See that an object's memory says all that it means.

    Parameters
    ----------
    is_mask : bool
        Whether it is passed as a mask, of which there is something else to write.

    Raises
    ------
    ContainerError
        If it is traced, masked, or a picture.
    """
    cls: Any = type(x)
    packages, names = _origin(cls)
    _refuse_traced(x, packages, names)
    for package, samples in _PICTURES.items():
        if package in packages:
            raise _picture(x, samples, is_mask)
    if is_masked(x):
        kind = type(x).__name__
        if is_mask:
            raise ContainerError(
                f"the mask is a {kind}, which carries a mask itself; write a plain array that is "
                "True, or 1, where a sample counts"
            )
        data, mask = _data_and_mask(x)
        raise ContainerError(
            f"masked arrays are not taken, since a filter would read what is masked, and this "
            f"{kind} carries a mask; write aa_ref.downsample_masked({data}, {mask}, scale), or "
            + f"{_filled('x', x)} for the value that should stand there"
        )


def refuse_masked_option(name: str, value: Any, error: type[AaRefError]) -> None:
    """See that an option given as an array, or as a scalar of one, carries no mask.

    Raises
    ------
    AaRefError
        Of the type ``error``, if it does, whatever the mask says.
    """
    if hasattr(value, "dtype") and is_masked(value):
        raise error(
            f"masked arrays are not taken as {name}, since what is masked has no value, and this "
            f"{type(value).__name__} carries a mask; write plain numbers, or "
            f"{_filled(name, value)} for the value that should stand there"
        )


def _filled(name: str, x: Any) -> str:
    """What to write for a masked array with a value in place of what is masked."""
    ways = [f"{name}.{way}(value)" for way in ("filled", "to_tensor") if hasattr(x, way)]
    return ways[0] if ways else "fill the array"


def _data_and_mask(x: Any) -> tuple[str, str]:
    """What to write for the numbers of a masked array, and for which of them count."""
    if isinstance(x, np.ma.MaskedArray):
        return "x.data", "~np.ma.getmaskarray(x)"
    if hasattr(type(x), "get_mask"):  # torch's, where True means that a number counts
        return "x.get_data()", "x.get_mask()"
    return ("x.unmasked" if hasattr(x, "unmasked") else "np.asarray(x)"), "~x.mask"


def _picture(x: Any, samples: str, is_mask: bool) -> ContainerError:
    """The error for a picture, whose last axis is often that of its channels."""
    kind = f"{type(x).__module__.partition('.')[0]} {type(x).__name__}"
    mode = getattr(x, "mode", "")
    if is_mask:
        return ContainerError(
            f"the mask is a picture, a {kind}, whose samples are no weights from 0 to 1; write "
            f"{samples.format('image')} != 0, with axes=(0, 1) and, for several channels, [..., "
            "np.newaxis] behind it"
        )
    if mode in ("P", "PA"):
        why = f"is a picture of mode {mode!r}, whose samples are indices into a palette"
        opaque = mode == "P" and "transparency" not in getattr(x, "info", {})
        image = f"image.convert({'RGB' if opaque else 'RGBA'!r})"
    elif mode == "1":
        why, image = "is a picture of mode '1', whose samples are bits", "image.convert('L')"
    else:
        why, image = "is a picture, whose channels may be its last axis", "image"
    return ContainerError(
        f"{kind} {why}; write {samples.format(image)} in its place, with axes=(0, 1)"
    )


@lru_cache(maxsize=512)
def _origin(cls: Hashable) -> tuple[frozenset[str], frozenset[str]]:
    """Return the packages that a type and its bases come from, and their names."""
    bases = getattr(cls, "__mro__", ())
    return (
        frozenset(base.__module__.partition(".")[0] for base in bases),
        frozenset(base.__name__ for base in bases),
    )


def _refuse_traced(x: Any, packages: frozenset[str], names: frozenset[str]) -> None:
    """See that an object has numbers, rather than standing for some while a program is traced."""
    kind = type(x).__name__
    if "jax" in packages and "Tracer" in names:
        raise ContainerError(
            f"{kind} has no numbers yet: JAX traces this function (jit, grad, vmap), and aa_ref "
            "computes outside of its programs; write jax.pure_callback(lambda x: "
            "aa_ref.downsample(np.asarray(x), scale), jax.ShapeDtypeStruct(plan.out_shape, "
            "x.dtype), x), with vmap_method='sequential' for vmap, and for jax.grad a "
            "jax.custom_vjp whose backward calls aa_ref.downsample_adjoint the same way"
        )
    if "torch" in packages and "Proxy" in names:
        raise ContainerError(
            f"{kind} has no numbers: torch.fx traces this function with it; write "
            "torch.export.export(model, (x,)), which knows aa_ref's operators, or torch.fx.wrap "
            "a function of yours that calls aa_ref"
        )


def refuses_scripting(function: F) -> F:
    """Let ``torch.jit.script`` say what to write when it comes upon a function.

    It would read the source, and fail at the first thing that its language lacks.
    """

    def prepare() -> None:
        raise ContainerError(
            f"aa_ref.{function.__name__} is Python that torch.jit.script cannot compile; write "
            "torch.export.export(model, (x,)), or torch.jit.trace(model, x)"
        )

    function.__prepare_scriptable__ = prepare  # type: ignore[attr-defined]
    return function
