"""OME-Zarr's metadata: what an image of version 0.4 or 0.5 says, and what a pyramid of 0.5 says.

Models of ``ome-zarr-models`` see both through, so that what is written is what the specification
allows: https://ngff.openmicroscopy.org/0.5/
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ome_zarr_models.v05.image import ImageAttrs
from ome_zarr_models.v05.multiscales import Multiscale
from pydantic import ValidationError

import aa_ref

from .calibration import Dimension
from .errors import SourceError

__all__ = ["Described", "attributes_of_pyramid", "describes_image", "read_image", "upgraded"]

_VERSION = "0.5"


class Described(NamedTuple):
    """What is known of an image beside its samples.

    Attributes
    ----------
    dimensions : tuple of Dimension
    title : str or None
    omero : dict or None
        How viewers show the channels.
    transforms : list or None
        Of the image as a whole, after those of each level.
    """

    dimensions: tuple[Dimension, ...]
    title: str | None = None
    omero: Any = None
    transforms: Any = None


def describes_image(attributes: Mapping[str, Any]) -> bool:
    """Return True if a group's attributes are those of an OME-Zarr image."""
    return "multiscales" in _of_ome(attributes)


def read_image(attributes: Mapping[str, Any], where: str) -> tuple[str, Described]:
    """Return the path of an image's full resolution within its group, and what is said of it.

    Raises
    ------
    SourceError
        If the metadata is not as the specification wants it.
    """
    ome = _of_ome(attributes)
    try:
        multiscale = Multiscale.model_validate(ome["multiscales"][0])
        transforms: Any = multiscale.datasets[0].coordinateTransformations
        spacings = transforms[0].scale
        offsets = transforms[1].translation if transforms[1:] else [0.0] * len(spacings)
    except (ValidationError, AttributeError, IndexError, KeyError, TypeError) as error:
        raise SourceError(
            f"cannot read {where}: its OME-Zarr metadata is not as versions 0.4 and 0.5 want it "
            f"({_reason(error)}); name one of its arrays and say what its axes are with dims"
        ) from None
    dimensions = tuple(
        Dimension(str(axis.name), axis.type, _text(axis.unit), float(spacing), float(offset))
        for axis, spacing, offset in zip(multiscale.axes, spacings, offsets, strict=True)
    )
    whole = ome["multiscales"][0].get("coordinateTransformations")
    said = Described(dimensions, _text(multiscale.name), ome.get("omero"), whole)
    return multiscale.datasets[0].path, said


def attributes_of_pyramid(
    said: Described,
    levels: Sequence[tuple[str, Sequence[Dimension]]],
    details: Mapping[str, Any],
) -> dict[str, Any]:
    """Return a group's attributes: an image of OME-Zarr 0.5.

    Parameters
    ----------
    said : Described
    levels : sequence of (str, sequence of Dimension)
        Each level's path and its dimensions, the largest first.
    details : dict
        How the levels were made, for whoever looks.

    Raises
    ------
    SourceError
        If OME-Zarr has no room for such axes.
    """
    multiscale: dict[str, Any] = {
        "axes": [_axis(d) for d in said.dimensions],
        "datasets": [
            {
                "path": path,
                "coordinateTransformations": [
                    {"type": "scale", "scale": [d.spacing for d in level]},
                    {"type": "translation", "translation": [d.offset for d in level]},
                ],
            }
            for path, level in levels
        ],
        "type": "gaussian",
        "metadata": {
            "description": "Each level is a Gaussian low-pass of the full resolution, subsampled.",
            "method": "aa_ref_dask.write_pyramid",
            "version": aa_ref.__version__,
            "kwargs": dict(details),
        },
    }
    if said.title:
        multiscale["name"] = said.title
    if said.transforms:
        multiscale["coordinateTransformations"] = said.transforms
    ome: dict[str, Any] = {"version": _VERSION, "multiscales": [multiscale]}
    try:
        ImageAttrs.model_validate(ome)
    except ValidationError as error:
        names = ", ".join(f"{d.name} ({d.kind or 'no kind'})" for d in said.dimensions)
        raise SourceError(
            f"OME-Zarr does not take these axes: {names} ({_reason(error)}); say what the axes are "
            "with dims: 2 or 3 of z, y, x, and at most one each of t, c and another name"
        ) from None
    if said.omero is not None:
        ome["omero"] = said.omero
    return {"ome": ome}


def upgraded(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes of version 0.4 or 0.5 as those of version 0.5."""
    rest = {key: value for key, value in attributes.items() if key not in ("ome", *_OMES)}
    ome = attributes.get("ome") or {k: attributes[k] for k in _OMES if k in attributes}
    ome = {key: _without_version(value) for key, value in ome.items()}
    return {**rest, "ome": {**ome, "version": _VERSION}} if ome else rest


def _without_version(value: Any) -> Any:
    """Return an entry of metadata without the version that it has in 0.4."""
    if isinstance(value, list):
        return [_without_version(entry) for entry in value]
    if isinstance(value, Mapping):
        return {key: entry for key, entry in value.items() if key != "version"}
    return value


_OMES = ("multiscales", "image-label", "labels", "omero")
"""What stands at the top in version 0.4, and under ``ome`` in 0.5."""


def _of_ome(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what is under ``ome``, as of version 0.5, or what stands at the top, as of 0.4."""
    ome = attributes.get("ome", attributes)
    return ome if isinstance(ome, Mapping) else {}


def _axis(dimension: Dimension) -> dict[str, str]:
    axis = {"name": dimension.name, "type": dimension.kind, "unit": dimension.unit}
    return {key: value for key, value in axis.items() if value is not None}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _reason(error: Exception) -> str:
    """Return in a few words what is wrong."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return f"{type(error).__name__}: {error}"
