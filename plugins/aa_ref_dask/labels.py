"""Labels of OME-Zarr images: numbers of objects, which are copied and never filtered."""

from collections.abc import Iterator
from typing import Any

import dask.array
import zarr

from .ngff import upgraded

__all__ = ["copy_labels"]


def copy_labels(labels: zarr.Group, image: zarr.Group) -> None:
    """Copy a group of labels into an image, as of OME-Zarr 0.5, with all of its levels.

    Parameters
    ----------
    labels : zarr Group
        Of version 0.4 or 0.5.
    image : zarr Group
        Of Zarr 3, which gets the group ``labels``.
    """
    sources: list[Any] = []
    targets: list[Any] = []
    for path, node in [("labels", labels), *_within(labels, "labels")]:
        if isinstance(node, zarr.Group):
            image.create_group(path, attributes=upgraded(node.attrs.asdict()))
        else:
            sources.append(dask.array.from_array(node, chunks=node.shards or node.chunks))
            targets.append(
                image.create_array(
                    path, shape=node.shape, dtype=node.dtype, chunks=node.chunks,
                    shards=node.shards, fill_value=node.fill_value,
                    attributes=node.attrs.asdict(),
                    dimension_names=getattr(node.metadata, "dimension_names", None),
                )
            )  # fmt: skip
    if sources:
        dask.array.store(sources, targets, lock=False)


def _within(group: zarr.Group, path: str) -> Iterator[tuple[str, zarr.Group | zarr.Array[Any]]]:
    """Yield what is in a group at any depth, groups before what they hold."""
    for name, node in sorted(group.members()):
        yield f"{path}/{name}", node
        if isinstance(node, zarr.Group):
            yield from _within(node, f"{path}/{name}")
